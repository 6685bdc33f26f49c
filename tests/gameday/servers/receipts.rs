//! What providers report later: signed calls back to the gateway, after a usual time.

use std::time::Duration;

use relevo::clock::Clock;

use super::Kind;
use super::protocol::{Callback, PUBLIC_URL, Protocol, Report};

/// How often a report is tried; providers try for hours, and a trial lasts for minutes.
const TRIES: u32 = 60;

/// How long a provider waits before it tries again.
const BETWEEN_TRIES: Duration = Duration::from_millis(500);

/// Sends receipts to one gateway. Clones send to the same.
#[derive(Clone)]
pub struct ReceiptSender {
    client: reqwest::Client,
    clock: Clock,
    /// The port on which the gateway takes them; `None` where nothing is to be reported.
    port: Option<u16>,
}

/// A receipt.
pub struct Receipt {
    /// The provider that reports.
    pub provider: &'static str,
    /// The id that it gave the message.
    pub id: String,
    /// The address.
    pub recipient: String,
    /// Whether it was delivered; else a carrier filtered it.
    pub is_delivered: bool,
    /// How long after the message was taken.
    pub delay: Duration,
}

impl ReceiptSender {
    /// One for the gateway that takes calls of providers on this port.
    pub fn new(port: Option<u16>) -> anyhow::Result<Self> {
        Ok(Self { client: reqwest::Client::builder().no_proxy().build()?, clock: Clock::system()?, port })
    }

    /// Whether anything is to be reported.
    pub fn is_reporting(&self) -> bool {
        self.port.is_some()
    }

    /// Sends a receipt when it is due, and again while the gateway does not take it.
    pub fn send(&self, receipt: Receipt, kind: Kind) {
        let (Some(port), Some(protocol)) = (self.port, kind.protocol()) else { return };
        let sender = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(receipt.delay).await;
            let Some(callback) = sender.callback(&receipt, protocol) else { return };
            let url = format!("http://127.0.0.1:{port}/providers/{}", receipt.provider);
            for _ in 0..TRIES {
                let mut call = sender.client.post(&url).body(callback.body.clone());
                for (name, value) in &callback.headers {
                    call = call.header(*name, value);
                }
                if call.send().await.is_ok_and(|answer| answer.status().is_success()) {
                    return;
                }
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
        });
    }

    fn callback(&self, receipt: &Receipt, protocol: &dyn Protocol) -> Option<Callback> {
        let now = self.clock.now();
        protocol.report(&Report {
            url: format!("{PUBLIC_URL}/providers/{}", receipt.provider),
            id: &receipt.id,
            recipient: &receipt.recipient,
            is_delivered: receipt.is_delivered,
            at: now.as_second(),
            time: now.to_string(),
        })
    }
}
