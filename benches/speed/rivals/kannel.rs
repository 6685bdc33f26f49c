//! Kannel: an SMS gateway of two processes, smsbox that takes messages over HTTP and bearerbox that stores and delivers
//! them. Here it delivers over HTTP to a provider that answers at once.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::http::{self, Stub};
use super::installed;
use super::process::{Process, free_port};
use crate::sample::{Sample, Skipped, Workspace};
use crate::stopwatch::Stopwatch;

/// The connections that messages are handed in on, each waiting for its answer before the next.
const CONNECTIONS: usize = 50;

/// Its two stores on disk: the name that its configuration knows, where below the folder it lies, and what it does.
const STORES: [(&str, &str, &str); 2] = [
    ("file", "store/messages", "appends each message, and that it was delivered, to one file"),
    ("spool", "store", "writes each message to a file of its own and removes it after delivery"),
];

/// Measures sendsms requests to smsbox, through bearerbox to an HTTP stub: the messages a second from the first request
/// until the stub has all.
pub async fn measure(workspace: &Workspace) -> Result<Vec<Sample>, Skipped> {
    let mut samples = Vec::new();
    for (store, location, what) in STORES {
        let folder = workspace.fresh(&format!("kannel-{store}"))?;
        let mut stub = Stub::start("sent").await?;
        let kannel = Kannel::start(&folder, store, location, stub.port).await?;
        relay(kannel.port, &mut stub, 500).await?;
        let mut runs = Vec::new();
        for messages in workspace.runs(20_000) {
            runs.push(relay(kannel.port, &mut stub, messages).await?);
        }
        samples.push(Sample {
            name: format!("Kannel, sendsms to an HTTP provider through its {store} store, {CONNECTIONS} connections"),
            unit: "messages/s",
            runs,
            note: format!(
                "{what}, without flushing, so a power cut can lose what was accepted; no consent check, no other channel \
                 when a message is refused"
            ),
        });
    }
    Ok(samples)
}

/// Sends messages through Kannel and gives how many a second arrived.
async fn relay(port: u16, stub: &mut Stub, messages: usize) -> anyhow::Result<f64> {
    let before = stub.taken.count();
    let begin = Stopwatch::start();
    http::load(port, CONNECTIONS, messages, sendsms).await?;
    stub.taken.reach(before + messages as u64).await?;
    Ok(messages as f64 / begin.seconds())
}

/// A request for one text message.
fn sendsms(number: usize) -> Vec<u8> {
    let query = format!("username=bench&password=bench&from=500&to=49{number:09}&text=Your+table+is+booked");
    format!("GET /cgi-bin/sendsms?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").into_bytes()
}

struct Kannel {
    /// Where smsbox takes messages.
    port: u16,
    // In this order: smsbox ends before bearerbox, which it talks to.
    _smsbox: Process,
    _bearerbox: Process,
}

impl Kannel {
    async fn start(folder: &Path, store: &str, location: &str, stub: u16) -> anyhow::Result<Self> {
        fs::create_dir(folder.join("store"))?;
        let settings = folder.join("kannel.conf");
        let (boxes, port) = (free_port()?, free_port()?);
        let storage = format!("store-type = {store}\nstore-location = {}", folder.join(location).display());
        fs::write(&settings, configuration(&storage, stub, boxes, port)?)?;
        let mut bearerbox = Process::start("bearerbox", folder, &program("bearerbox", &settings)?)?;
        bearerbox.listens(boxes).await?;
        let mut smsbox = Process::start("smsbox", folder, &program("smsbox", &settings)?)?;
        smsbox.listens(port).await?;
        Ok(Self { port, _smsbox: smsbox, _bearerbox: bearerbox })
    }
}

fn program(name: &str, settings: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(installed("kannel", &format!("usr/sbin/{name}"))?);
    let machine = format!("{}-linux-gnu", std::env::consts::ARCH);
    let libraries = installed("kannel", "")?;
    let libraries = libraries.display();
    command.env("LD_LIBRARY_PATH", format!("{libraries}usr/lib/{machine}:{libraries}lib/{machine}"));
    // Warnings only: the log is no part of the work.
    command.args(["-v", "2"]).arg(settings);
    Ok(command)
}

/// `kannel.conf`, as the chapters on the store and on HTTP centers of the user's guide have it, without limits.
fn configuration(store: &str, stub: u16, boxes: u16, port: u16) -> anyhow::Result<String> {
    let (admin, receipts) = (free_port()?, free_port()?);
    Ok(format!(
        "group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = bench
smsbox-port = {boxes}
smsbox-interface = 127.0.0.1
{store}
sms-incoming-queue-limit = -1
sms-outgoing-queue-limit = -1

group = smsc
smsc = http
system-type = generic
port = {receipts}
connect-allow-ip = 127.0.0.1
send-url = \"http://127.0.0.1:{stub}/send?to=%p&text=%b\"
status-success-regex = sent
max-pending-submits = {CONNECTIONS}

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {boxes}
sendsms-port = {port}
sendsms-interface = 127.0.0.1

group = sendsms-user
username = bench
password = bench
"
    ))
}
