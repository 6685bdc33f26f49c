//! Postfix, unpacked and not installed: it relays to one server, and hands mail for one domain over by LMTP.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use super::{Peer, installed, scratch};

/// The queue's folders that Postfix keeps to itself.
const QUEUES: [&str; 11] = [
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved",
    "trace",
];

/// Starts one for the test `name` that relays to the loopback port `to`, and hands mail for `domain` over to the loopback
/// port `lmtp`. `None` without the rights of root, as which alone it starts.
pub fn postfix(name: &str, to: u16, domain: &str, lmtp: u16) -> Option<Peer> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let folder = scratch(&format!("postfix-{name}"));
    let _ = fs::remove_dir_all(&folder);
    create_queue(&folder);
    let settings = folder.join("etc");
    fs::create_dir(&settings).unwrap();
    fs::write(settings.join("main.cf"), main_settings(&folder, to, domain, lmtp)).unwrap();
    Some(Peer::start(&format!("postfix-{name}"), |port| {
        fs::write(settings.join("master.cf"), services(port)).unwrap();
        let mut command = Command::new(installed("postfix/usr/lib/postfix/sbin/master"));
        command
            .env("LD_LIBRARY_PATH", installed("postfix/usr/lib/postfix"))
            .arg("-s")
            .arg("-c")
            .arg(&settings);
        command
    }))
}

/// `main.cf`. The users are ones that every Debian has; Postfix wants a user and a group that share nothing with others.
fn main_settings(folder: &Path, to: u16, domain: &str, lmtp: u16) -> String {
    let (folder, root) = (folder.display(), installed("postfix/usr"));
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
transport_maps = inline:{{ {{{domain} = lmtp:inet:[127.0.0.1]:{lmtp}}} }}
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
fn create_queue(folder: &Path) {
    let queue = folder.join("queue");
    let install = |owner: &[&str], mode: &str, folders: &[&Path]| {
        let mut command = Command::new("install");
        command.arg("-d").args(owner).args(["-m", mode]).args(folders);
        assert!(command.status().unwrap().success());
    };
    install(&["-o", "root"], "755", &[&queue, &queue.join("pid")]);
    let own = QUEUES.map(|name| queue.join(name));
    let own: Vec<&Path> = own.iter().map(AsRef::as_ref).collect();
    install(&["-o", "daemon"], "700", &[&[folder.join("data").as_path()], &own[..]].concat());
    install(&["-o", "daemon", "-g", "mail"], "710", &[&queue.join("public")]);
    install(&["-o", "daemon", "-g", "mail"], "730", &[&queue.join("maildrop")]);
}
