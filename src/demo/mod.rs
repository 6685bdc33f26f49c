//! `relevo demo`: the gateway shown at work to somebody who has never seen it.
//!
//! The gateway is the real one, on the embedded store in a directory of its own, and the show talks to it over gRPC as
//! any client would. What is told and counted is what the gateway answers. Only the providers are sandboxes.

mod cast;
mod client;
mod encore;
mod opening;
mod script;
mod show;
mod stage;
mod telling;
mod watch;

use anyhow::{Context, bail};
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::telemetry;
use client::DemoClient;
use show::Show;
use stage::Stage;

/// Runs the demonstration, and then stays up until `stop` resolves, unless it is to run `once`.
///
/// # Errors
/// When the gateway cannot run, a message is lost or does not come to its end, or `stop` resolves before the show is
/// over.
pub async fn run(once: bool, clock: Clock, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let config = stage::config()?;
    telemetry::start(&config.log)?;
    let Stage { folder, gateway, key } = Stage::build(config, once, clock.clone()).await?;
    let address = gateway.address();
    let (end, ended) = oneshot::channel::<()>();
    let serve = async {
        // It also ends when the sender is dropped.
        let ended = async { drop(ended.await) };
        gateway.run(ended).await.context("the gateway failed")
    };
    let play = async {
        let played = play(DemoClient::connect(address, &key).await?, once, clock, stop).await;
        drop(end);
        Ok(played)
    };
    // A gateway that fails ends the show at once; a show that fails still lets the gateway stop in order.
    let ((), played) = tokio::try_join!(serve, play)?;
    folder.close().context("the demonstration's data cannot be removed")?;
    played
}

async fn play(
    client: DemoClient,
    once: bool,
    clock: Clock,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let mut stop = std::pin::pin!(stop);
    let show = async {
        let mut show = Show::open(client.clone(), clock.now()).await?;
        show.play().await
    };
    let tale = tokio::select! {
        () = &mut stop => bail!("stopped before the demonstration was over"),
        tale = show => tale?,
    };
    if !once {
        say(&encore::commands(&client, tale.worth_a_look.as_deref())?)?;
        stop.await;
    }
    tale.verdict()
}

/// Prints a text and the end of its line.
fn say(text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}
