//! Game day: failures of providers, played against a running gateway, and what people would notice of them.
//!
//! `make gameday` plays every scenario and prints a table; `cargo test --test gameday -- hangs slow` plays those. `--full`
//! lasts longer and sends more, which is where numbers come from; `--svg DIRECTORY` draws a timeline of each, `--jobs N` plays
//! so many at once, and `--list` lists them. What `cargo test` plays of itself is the short form: a few scenarios at a low
//! load, which fails on nothing but what no noise of the machine can bring about.
//!
//! | file | what |
//! |---|---|
//! | [`gateway`] | the program `relevo`, in a process of its own |
//! | [`servers`] | the providers: the protocols of the real ones, and their troubles |
//! | [`load`] | what is sent, each message at a time that was planned before |
//! | [`trial`] | one run: a gateway, providers, a load and a trouble |
//! | [`record`] | what happened in it |
//! | [`measure`] | what that comes to |
//! | [`scenarios`] | the rows of the table |
//! | [`report`], [`timeline`] | the table and the drawings |

mod arguments;
mod gateway;
mod load;
mod measure;
mod ports;
mod record;
mod report;
mod scenarios;
mod servers;
mod stopwatch;
mod svg;
mod timeline;
mod trial;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use futures_util::{StreamExt as _, stream};

use arguments::Arguments;
use report::Row;
use scenarios::Scenario;
use trial::Pace;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::read(std::env::args().skip(1))?;
    let chosen = arguments.chosen();
    if arguments.is_list {
        chosen.iter().for_each(|scenario| println!("{}: {}", scenario.name, scenario.trouble));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(folder) = &arguments.svg {
        fs::create_dir_all(folder)?;
    }
    let pace = if arguments.is_full { Pace::FULL } else { Pace::SHORT };
    let played = chosen.into_iter().map(|scenario| play(scenario, pace, arguments.svg.as_deref()));
    // In the order of the table, whichever ends first.
    let rows: Vec<Row> = stream::iter(played).buffered(arguments.jobs()).collect().await;
    println!("{}", report::table(&rows));
    Ok(if rows.iter().any(|row| row.is_fault(arguments.is_full)) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

async fn play(scenario: &'static Scenario, pace: Pace, svg: Option<&Path>) -> Row {
    let findings = async {
        let played = (scenario.play)(pace).await?;
        if let Some(folder) = svg {
            let drawing = timeline::draw(scenario.trouble, &played.record);
            fs::write(folder.join(format!("{}.svg", scenario.name)), drawing)?;
        }
        Ok(played.findings)
    };
    let row = Row { scenario, findings: findings.await };
    eprintln!("{}", row.line());
    row
}
