//! How fast Relevo is, beside the limits of what it is built on and beside its rivals, all on one machine in one run.
//!
//! `make bench` runs everything and writes `target/bench/report.md` and `target/bench/report.json`;
//! `make bench ARGS='accept smtp'` runs those parts alone, and `ARGS=--quick` is a short trial whose figures say little.
//! Every part has a bound on its time, so that all of it ends within 15 minutes:
//!
//! | part | what | at most |
//! |---|---|---|
//! | accept | durable accepts, beside gRPC without anything behind it and beside sled alone | 90 s |
//! | smtp | email from accept to recorded outcome, beside `smtp-source` | 45 s |
//! | http | SMS, Telegram and WhatsApp, beside a bare HTTP client | 130 s |
//! | drain | a backlog through a provider that does nothing | 50 s |
//! | outage | one of two providers refuses, hangs or throttles | 180 s |
//! | memory | idle, and at full rate | 30 s |
//! | backlog | millions of messages that wait, and restarts on them | 95 s |
//! | rolling | messages accepted, finished and forgotten, over and over | 75 s |
//! | growth | 10 thousand and 1 million contacts and messages in the store | 95 s |
//! | rivals | Postfix, Kannel and notifyd | 100 s |
//!
//! `--full` has 10 million contacts and messages in `backlog` and `growth`, and all five million of `rolling`, however long
//! that takes.
//!
//! The gateway is the program that users run, in a process of its own; the load comes from this process, for the gateway
//! and for what it is held against alike. The two share the machine, as the figures of others do.

mod client;
mod delivery;
mod direct_store;
mod figures;
mod gateway;
mod helpers;
mod load;
mod machine;
mod parts;
mod process;
mod providers;
mod report;
mod results;
mod rivals;
mod sample;
mod stopwatch;
mod workload;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use machine::Machine;
use parts::Part;
use report::Report;
use sample::Workspace;
use stopwatch::Stopwatch;

/// Measures how fast Relevo is.
#[derive(Parser)]
struct Arguments {
    /// The parts to run; all of them when none is named
    parts: Vec<Part>,
    /// Run each part briefly, to see that it works
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// Have ten million contacts and messages, however long that takes
    #[arg(long)]
    full: bool,
    /// The gateway's program
    #[arg(long, value_name = "PROGRAM", default_value = env!("CARGO_BIN_EXE_relevo"))]
    gateway: PathBuf,
    /// Where to work, and to leave the report
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench"))]
    folder: PathBuf,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
    /// Given by this program to itself: which helper to be
    #[arg(long, hide = true)]
    helper: Option<Helper>,
    /// How long a helper works, in seconds
    #[arg(long, hide = true, default_value_t = 1.0)]
    seconds: f64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Helper {
    Noop,
    Stub,
    Sled,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    match arguments.helper {
        Some(helper) => run_helper(helper, &arguments).await.map(|()| ExitCode::SUCCESS),
        None => measure(&arguments).await,
    }
}

async fn run_helper(helper: Helper, arguments: &Arguments) -> anyhow::Result<()> {
    match helper {
        Helper::Noop => helpers::noop::serve().await,
        Helper::Stub => helpers::stub::serve().await,
        Helper::Sled => helpers::sled::run(&arguments.folder, Duration::from_secs_f64(arguments.seconds)),
    }
}

async fn measure(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    fs::create_dir_all(&arguments.folder)?;
    let parts = if arguments.parts.is_empty() { Part::value_variants() } else { &arguments.parts };
    let (mut report, mut is_whole) = (Report::default(), true);
    for part in parts {
        let watch = Stopwatch::start();
        eprintln!("==> {}", part.name());
        let workspace = Workspace {
            folder: arguments.folder.join(part.name()),
            gateway: arguments.gateway.clone(),
            quick: arguments.quick,
            full: arguments.full,
        };
        match part.run(&workspace, &report).await {
            Ok(rows) => report.add(part.name(), rows),
            Err(error) => {
                eprintln!("==> {} failed: {error:#}", part.name());
                is_whole = false;
            }
        }
        eprintln!("==> {}: {:.0} s", part.name(), watch.seconds());
    }
    let machine = Machine::look(&arguments.folder, &arguments.gateway);
    report.write(&machine, &arguments.folder)?;
    println!("{}", report.markdown(&machine));
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
