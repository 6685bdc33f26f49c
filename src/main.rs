//! The `relevo` program: arguments, settings, signals, exit code.

use std::process::ExitCode;

use clap::Parser;
use relevo::cli::{self, Cli, ClientCommand, Command, ConnectionArgs, Failure};
use relevo::clock::Clock;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Gateway(_) => {
            Err(Failure::Wrong("the gateway is not joined to this program yet".to_owned()))
        }
        Command::Client(command) => run_client(command, &cli.connection),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if failure.exit_code() != 0 {
                eprintln!("relevo: {failure}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run_client(command: ClientCommand, connection: &ConnectionArgs) -> Result<(), Failure> {
    let clock = Clock::system().map_err(|error| Failure::Wrong(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Wrong(error.to_string()))?;
    let done = runtime.block_on(cli::run(command, connection, &clock));
    // A thread that still reads standard input must not keep the process up.
    runtime.shutdown_background();
    done
}
