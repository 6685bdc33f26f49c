//! The `relevo` program: arguments, settings, signals, exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use relevo::app::Gateway;
use relevo::cli::{self, Cli, CliError, ClientCommand, Command, ConnectionArgs, GatewayCommand, ServeArgs};
use relevo::clock::Clock;
use relevo::config::{self, Config};
use relevo::{demo, telemetry};
use rustix::fs::Mode;
use rustix::process::umask;
use tokio::signal::unix::{Signal, SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Whatever this program makes is for its user alone: data, copies of it, keys.
    umask(Mode::RWXG | Mode::RWXO);
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Gateway(GatewayCommand::Serve(args)) => serve(&args).map_err(wrong),
        Command::Gateway(GatewayCommand::Demo(args)) => run_demo(args.once).map_err(wrong),
        Command::Client(command) => run_client(command, &cli.connection),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if error.exit_code() != 0 {
                // Where nobody reads it, the exit code still tells.
                let _ = writeln!(io::stderr(), "relevo: {error}");
            }
            ExitCode::from(error.exit_code())
        }
    }
}

fn wrong(error: anyhow::Error) -> CliError {
    CliError::Wrong(format!("{error:#}"))
}

fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    let clock = Clock::system()?;
    let config = Config::load_to_serve(&args.config, clock.now())?;
    telemetry::start(&config.log)?;
    if let Err(error) = config::raise_limit() {
        tracing::warn!(%error, "the limit on open files was not raised to the most that the system allows");
    }
    for warning in config.warnings_of_the_start(clock.now()) {
        tracing::warn!(
            subject = warning.subject,
            detail = warning.message,
            "the gateway starts, and probably not as meant"
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before the gateway opens, so that a signal during that is not missed.
        let stop = stop_signal()?;
        let gateway = Gateway::open(config, clock).await?;
        tracing::info!(address = %gateway.address(), "relevo is ready");
        gateway.run(stop).await?;
        tracing::info!("relevo has stopped");
        Ok(())
    })
}

fn run_demo(once: bool) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async { demo::run(once, Clock::system()?, stop_signal()?).await })
}

/// Resolves when the process is asked to stop: SIGTERM, or Ctrl-C.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let listen = |kind| signal(kind).context("cannot listen for signals");
    let (mut terminate, mut interrupt): (Signal, Signal) =
        (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn run_client(command: ClientCommand, connection: &ConnectionArgs) -> Result<(), CliError> {
    let clock = Clock::system().map_err(|error| CliError::Wrong(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CliError::Wrong(error.to_string()))?;
    let result = runtime.block_on(cli::run(command, connection, &clock));
    // A thread that still reads standard input must not keep the process up.
    runtime.shutdown_background();
    result
}
