//! Postfix: a queue on disk with a file per message, flushed before the sender has its answer. Set up for throughput as
//! its TUNING_README and SMTP connection cache guide recommend.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::installed;
use super::process::{Process, free_port, is_root, run, server};
use super::smtp::{self, Sink};
use crate::sample::{Place, Sample, Skipped};
use crate::stopwatch::Stopwatch;

/// Sessions kept open by smtp-source, and by Postfix to the sink.
const SESSIONS: usize = 20;

/// The queue's folders that Postfix keeps to itself.
const QUEUES: [&str; 11] = [
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved",
    "trace",
];

const NOTE: &str = "flushes each message to a queue file of its own, like Relevo durable before it answers; no consent \
    check, no choice of provider, no record kept after delivery";

/// Measures smtp-source to Postfix to smtp-sink: the messages a second from the first one sent until the sink has all.
pub async fn measure(place: &Place) -> Result<Vec<Sample>, Skipped> {
    let folder = place.fresh("postfix")?;
    let mut sink = Sink::start(&folder).await?;
    let (_postfix, port) = start(&folder, sink.port).await?;
    // Starts the processes that Postfix starts on demand.
    relay(port, &mut sink, 200).await?;
    let mut runs = Vec::new();
    for messages in place.runs(6_000) {
        runs.push(relay(port, &mut sink, messages).await?);
    }
    let name = format!("Postfix, smtp-source to smtp-sink through its queue, {SESSIONS} sessions");
    Ok(vec![Sample { name, unit: "messages/s", runs, note: NOTE.to_owned() }])
}

/// Sends messages through Postfix and gives how many a second arrived.
async fn relay(port: u16, sink: &mut Sink, messages: usize) -> anyhow::Result<f64> {
    let before = sink.taken.count();
    let begin = Stopwatch::start();
    smtp::send(port, SESSIONS, messages).await?;
    sink.taken.reach(before + messages as u64).await?;
    Ok(messages as f64 / begin.elapsed().as_secs_f64())
}

/// Starts a Postfix of its own below `folder` that relays all to the loopback port `sink`; gives its own port too.
async fn start(folder: &Path, sink: u16) -> anyhow::Result<(Process, u16)> {
    ensure!(is_root(), "Postfix starts as root only: run the benchmarks as root to have it in");
    let port = free_port()?;
    let settings = folder.join("etc");
    fs::create_dir(&settings)?;
    fs::write(settings.join("main.cf"), main_settings(folder, sink)?)?;
    fs::write(settings.join("master.cf"), services(port))?;
    create_queue(folder).context("cannot create the queue of Postfix")?;
    let mut command = server(installed("postfix", "usr/lib/postfix/sbin/master")?);
    command.env("LD_LIBRARY_PATH", smtp::libraries()?).arg("-s").arg("-c").arg(&settings);
    let mut process = Process::start("postfix", folder, &mut command)?;
    process.listens(port).await?;
    Ok((process, port))
}

/// `main.cf`. The users are ones that every Debian has; Postfix wants a user and a group that share nothing with others.
fn main_settings(folder: &Path, sink: u16) -> anyhow::Result<String> {
    let folder = folder.display();
    let root = installed("postfix", "usr")?;
    let (root, libraries) = (root.display(), smtp::libraries()?);
    let libraries = libraries.display();
    Ok(format!(
        "compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = {root}/sbin
daemon_directory = {root}/lib/postfix/sbin
shlib_directory = {libraries}
meta_directory = {folder}/etc
import_environment = LD_LIBRARY_PATH={libraries}, MAIL_CONFIG={folder}/etc, MAIL_LOGTAG, POSTLOG_SERVICE
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
relayhost = [127.0.0.1]:{sink}
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_recipient_restrictions = permit_mynetworks, reject
in_flow_delay = 0
default_process_limit = 200
initial_destination_concurrency = {SESSIONS}
smtp_destination_concurrency_limit = {SESSIONS}
smtp_connection_cache_on_demand = yes
smtp_connection_cache_destinations = 127.0.0.1
smtp_connection_reuse_count_limit = 0
"
    ))
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
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"
    )
}

/// The folders that installing the package would have created, with the owners and modes of Postfix's own list.
fn create_queue(folder: &Path) -> anyhow::Result<()> {
    let queue = folder.join("queue");
    let own = QUEUES.map(|name| queue.join(name));
    run(Command::new("install").args(["-d", "-o", "root", "-m", "755"]).args([&queue, &queue.join("pid")]))?;
    run(Command::new("install")
        .args(["-d", "-o", "daemon", "-m", "700"])
        .arg(folder.join("data"))
        .args(own))?;
    let shared = ["-d", "-o", "daemon", "-g", "mail", "-m"];
    run(Command::new("install").args(shared).arg("710").arg(queue.join("public")))?;
    run(Command::new("install").args(shared).arg("730").arg(queue.join("maildrop")))?;
    Ok(())
}
