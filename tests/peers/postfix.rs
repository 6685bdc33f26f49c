//! Postfix, unpacked and not installed, in a folder of its own: for the tests, and for the benchmarks.

use std::path::Path;
use std::process::Command;
use std::{fs, io};

/// The queue's folders that Postfix keeps to itself.
const QUEUES: [&str; 11] = [
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved",
    "trace",
];

/// Prepares one in the empty folder `folder` and gives the command that starts it: from the package unpacked in `package`,
/// listening on the loopback port `port` and relaying to the loopback port `to`, with `more` in its `main.cf`. It starts as root
/// alone.
///
/// # Errors
/// When its files cannot be written, or its folders cannot be given to their owners.
pub fn command(package: &Path, folder: &Path, port: u16, to: u16, more: &str) -> io::Result<Command> {
    let settings = folder.join("etc");
    fs::create_dir(&settings)?;
    fs::write(settings.join("main.cf"), main_settings(package, folder, to) + more)?;
    fs::write(settings.join("master.cf"), services(port))?;
    create_queue(folder)?;
    let libraries = package.join("usr/lib/postfix");
    let mut command = Command::new(libraries.join("sbin/master"));
    command.env("LD_LIBRARY_PATH", libraries).arg("-s").arg("-c").arg(settings);
    Ok(command)
}

/// `main.cf`. The users are ones that every Debian has; Postfix wants a user and a group that share nothing with others.
fn main_settings(package: &Path, folder: &Path, to: u16) -> String {
    let (folder, root) = (folder.display(), package.join("usr"));
    let root = root.display();
    format!(
        "compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = {root}/sbin
daemon_directory = {root}/lib/postfix/sbin
shlib_directory = {root}/lib/postfix
meta_directory = {folder}/etc
import_environment = LD_LIBRARY_PATH={root}/lib/postfix, MAIL_CONFIG={folder}/etc, MAIL_LOGTAG, POSTLOG_SERVICE
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
mail_owner = daemon
setgid_group = mail
myhostname = relay.example.org
mydestination =
local_recipient_maps =
alias_maps =
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{to}
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_recipient_restrictions = permit_mynetworks, reject
"
    )
}

/// `master.cf`: Debian's own but for the port, and nothing runs in a chroot.
fn services(port: u16) -> String {
    format!(
        "127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"
    )
}

/// The folders that installing the package would have created, with the owners and modes of Postfix's own list.
fn create_queue(folder: &Path) -> io::Result<()> {
    let queue = folder.join("queue");
    let queues = QUEUES.map(|name| queue.join(name));
    let queues: Vec<&Path> = queues.iter().map(AsRef::as_ref).collect();
    install(&["-o", "root"], "755", &[&queue, &queue.join("pid")])?;
    install(&["-o", "daemon"], "700", &[&[folder.join("data").as_path()], &queues[..]].concat())?;
    install(&["-o", "daemon", "-g", "mail"], "710", &[&queue.join("public")])?;
    install(&["-o", "daemon", "-g", "mail"], "730", &[&queue.join("maildrop")])
}

fn install(owner: &[&str], mode: &str, folders: &[&Path]) -> io::Result<()> {
    let mut command = Command::new("install");
    let status = command.arg("-d").args(owner).args(["-m", mode]).args(folders).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("install failed: {status}"))) }
}
