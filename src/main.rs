//! The `relevo` program: arguments, settings, signals, exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use relevo::app::Gateway;
use relevo::cli::{self, Cli, CliError, ClientCommand, Command, ConnectionArgs, GatewayCommand, ServeArgs};
use relevo::clock::Clock;
use relevo::config::{Config, ConfigErrors, LogSettings};
use relevo::{demo, telemetry};
use tokio::signal::unix::{Signal, SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        Command::Gateway(GatewayCommand::Serve(args)) => serve(&args),
        Command::Gateway(GatewayCommand::Demo(args)) => exit_code(run_demo(args.once).map_err(wrong), tell),
        Command::Client(command) => exit_code(run_client(command, &cli.connection), tell),
    }
}

/// The exit code of a command, and why it failed, said with `tell`.
fn exit_code(result: Result<(), CliError>, tell: impl FnOnce(&str)) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    if error.exit_code() != 0 {
        tell(&format!("relevo: {error}"));
    }
    ExitCode::from(error.exit_code())
}

/// Writes to standard error. Where nobody reads it, the exit code still tells the rest.
fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn wrong(error: anyhow::Error) -> CliError {
    CliError::Wrong(format!("{error:#}"))
}

fn serve(args: &ServeArgs) -> ExitCode {
    let config = Config::load(&args.config);
    let settings = config.as_ref().map_or_else(|_| LogSettings::default(), |config| config.log.clone());
    match telemetry::start(&settings) {
        // The log has the last word, even on a configuration that is wrong, since it never waits long for a reader.
        Ok(log) => exit_code(run_gateway(config).map_err(wrong), |text| log.print(text)),
        Err(error) => exit_code(Err(wrong(error.into())), tell),
    }
}

fn run_gateway(config: Result<Config, ConfigErrors>) -> anyhow::Result<()> {
    let config = config?;
    let clock = Clock::system()?;
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
