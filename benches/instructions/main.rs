//! How many instructions the pure rooms take for a decision, which no other work on the machine can disturb.
//!
//! `make bench-instructions` runs each case a hundred times under valgrind's callgrind, by way of gungraun, holds the mean
//! against `baseline.toml`, prints a table, and fails when a case takes over 5 % more than there.
//! `make bench-instructions ARGS=--write-baseline` writes the counts there instead. They are of the `bench` profile, which
//! is the one that users run, and of one compiler: where the compiler is another, nothing fails.
//!
//! | function | what |
//! |---|---|
//! | decide | `consent::decide` of one address |
//! | plan | `routing::next` of a new message, which makes the plan of it |
//! | next | `routing::next` after something happened to the message, with two channels of two providers each |
//! | permit | `health::Health::permit` of one provider |

mod baseline;
mod counts;
mod decide;
mod harness;
mod permit;
mod recipient;
mod report;
mod route;
mod tools;

use std::env;
use std::process::ExitCode;

use clap::Parser;

use baseline::{Baseline, compiler};
use report::Report;
use tools::Tools;

/// The gateway's own: the rooms allocate, and what an allocation takes is counted.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Counts the instructions of the pure rooms.
#[derive(Parser)]
struct Arguments {
    /// Write the counts as the baseline instead of holding them against it
    #[arg(long)]
    write_baseline: bool,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    if env::var_os(counts::HARNESS).is_some() {
        harness::run();
        return Ok(ExitCode::SUCCESS);
    }
    let arguments = Arguments::parse();
    let tools = match Tools::find() {
        Ok(tools) => tools,
        Err(reason) => {
            eprintln!("==> skipped, nothing was counted: {reason}");
            return Ok(ExitCode::SUCCESS);
        }
    };
    let compiler = compiler()?;
    let counts = counts::count(&tools)?;
    if arguments.write_baseline {
        let baseline = Baseline::new(&compiler, &counts);
        baseline.write()?;
        print!("{}", Report::new(&counts, &baseline).table());
        return Ok(ExitCode::SUCCESS);
    }
    Ok(compare(&counts, &compiler, &Baseline::read()?))
}

fn compare(counts: &[counts::Count], compiler: &str, baseline: &Baseline) -> ExitCode {
    let report = Report::new(counts, baseline);
    print!("{}", report.table());
    if compiler != baseline.compiler {
        eprintln!("==> nothing fails: the baseline is of {}, this is {compiler}", baseline.compiler);
        return ExitCode::SUCCESS;
    }
    match report.complaint() {
        Some(complaint) => {
            eprintln!("==> {complaint}");
            eprintln!("==> where that is meant: make bench-instructions ARGS=--write-baseline");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}
