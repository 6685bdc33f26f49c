//! The `relevo` program: arguments, settings, signals, exit code.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use relevo::app::Gateway;
use relevo::cli::{self, Cli, CliError, ClientCommand, Command, ConnectionArgs, GatewayCommand, ServeArgs};
use relevo::clock::Clock;
use relevo::config::Config;
use relevo::{demo, telemetry};
use tokio::signal::unix::{Signal, SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
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
                eprintln!("relevo: {error}");
            }
            ExitCode::from(error.exit_code())
        }
    }
}

fn wrong(error: anyhow::Error) -> CliError {
    CliError::Wrong(format!("{error:#}"))
}

fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    let config = Config::load(&args.config)?;
    telemetry::start(&config.log)?;
    let clock = Clock::system()?;
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
