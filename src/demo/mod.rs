//! `relevo demo`: the gateway at work, for somebody who has never seen it.
//!
//! The gateway is the real one, on the embedded store in a temporary directory, and the demonstration talks to it over
//! gRPC as any client would. The report prints and counts what the gateway answers. Only the providers are sandboxes.

mod client;
mod commands;
mod composer;
mod contacts;
mod gateway;
mod monitor;
mod opening_load;
mod outage;
mod output;
mod recovery;
mod report;
mod scenario;
mod setup;
mod shop;

use anyhow::{Context, bail};
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::telemetry;
use client::DemoClient;
use gateway::DemoGateway;

/// Runs the demonstration, and then stays up until `stop` resolves, unless it is to run `once`.
///
/// # Errors
/// When the gateway cannot run, a message is lost or does not come to its end, or `stop` resolves before the scenario
/// is over.
pub async fn run(once: bool, clock: Clock, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let config = gateway::config()?;
    let _log = telemetry::start(&config.log)?;
    let DemoGateway { directory, gateway, key } = DemoGateway::open(config, once, clock.clone()).await?;
    let address = gateway.address();
    let (stop_gateway, gateway_stopped) = oneshot::channel::<()>();
    let serve = async {
        // Dropping the sender resolves the receiver too, so the gateway stops whichever way the scenario ends.
        let stopped = async { drop(gateway_stopped.await) };
        gateway.run(stopped, std::future::pending()).await.context("the gateway failed")
    };
    let demonstrate = async {
        let result = demonstrate(DemoClient::connect(address, &key).await?, once, clock, stop).await;
        drop(stop_gateway);
        Ok(result)
    };
    // A gateway that fails ends the scenario at once; a scenario that fails still lets the gateway stop in order.
    let ((), result) = tokio::try_join!(serve, demonstrate)?;
    directory.close().context("the demonstration's data cannot be removed")?;
    result
}

async fn demonstrate(
    client: DemoClient,
    once: bool,
    clock: Clock,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let mut stop = std::pin::pin!(stop);
    let result = tokio::select! {
        () = &mut stop => bail!("stopped before the demonstration was over"),
        result = scenario::run(client.clone(), clock.now()) => result?,
    };
    if !once {
        output::print_line(&commands::commands(&client, result.fallback_message_id.as_deref())?)?;
        stop.await;
    }
    result.check()
}
