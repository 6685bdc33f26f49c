//! The `relevo` program: arguments, settings, signals, exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use relevo::app::Gateway;
use relevo::cli::{self, Cli, CliError, ClientCommand, Command, ConnectionArgs, GatewayCommand, ServeArgs};
use relevo::clock::Clock;
use relevo::config::{self, Config, ConfigErrors, LogSettings};
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
    let clock = match Clock::system() {
        Ok(clock) => clock,
        Err(error) => return exit_code(Err(wrong(error.into())), tell),
    };
    let config = Config::load_to_serve(&args.config, clock.now());
    let settings = config.as_ref().map_or_else(|_| LogSettings::default(), |config| config.log.clone());
    match telemetry::start(&settings) {
        // The log has the last word, even on a configuration that is wrong, since it never waits long for a reader.
        Ok(log) => {
            exit_code(run_gateway(config, clock, args.trust_clock).map_err(wrong), |text| log.print(text))
        }
        Err(error) => exit_code(Err(wrong(error.into())), tell),
    }
}

fn run_gateway(config: Result<Config, ConfigErrors>, clock: Clock, trust_clock: bool) -> anyhow::Result<()> {
    let mut config = config?;
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
    config.keep_reserve_of_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before the gateway opens, so that a signal during that is not missed.
        let (stop, force, abandon) = (stop_signal(1)?, stop_signal(2)?, stop_signal(3)?);
        tokio::spawn(ignore_hangups()?);
        tokio::spawn(async {
            abandon.await;
            tracing::warn!("relevo ends at once, because it was asked to stop a third time");
            std::process::exit(1);
        });
        let gateway = Gateway::open(config, clock).await?;
        let gateway = if trust_clock { gateway.trust_clock() } else { gateway };
        tracing::info!(address = %gateway.address(), "relevo is ready");
        gateway.run(stop, force).await?;
        tracing::info!("relevo has stopped");
        Ok(())
    })
}

fn run_demo(once: bool) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async { demo::run(once, Clock::system()?, stop_signal(1)?).await })
}

/// Resolves when the process has been asked so many times to stop: SIGTERM, or Ctrl-C.
fn stop_signal(times: usize) -> anyhow::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        for _ in 0..times {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
    })
}

/// Keeps SIGHUP, which a closed terminal sends, from killing the process in the midst of its work.
fn ignore_hangups() -> anyhow::Result<impl Future<Output = ()>> {
    let mut hangup = listen(SignalKind::hangup())?;
    Ok(async move {
        while hangup.recv().await.is_some() {
            tracing::info!("SIGHUP is ignored: SIGTERM stops the gateway");
        }
    })
}

fn listen(kind: SignalKind) -> anyhow::Result<Signal> {
    signal(kind).context("cannot listen for signals")
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
