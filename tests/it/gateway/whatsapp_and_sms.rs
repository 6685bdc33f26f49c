//! A gateway with two channels, for tests of which one a message goes by.

use relevo::clock::Clock;
use relevo::model::Timestamp;
use relevo::wire::v1::{self, Channel};
use serde_json::json;

use super::ana;
use super::process::{Gateway, GatewayDirectory};
use super::providers::{twilio, twilio_accepts, whatsapp, whatsapp_accepts};
use crate::peers::WiremockStubs;

/// A gateway with the contact `ana`, and with WhatsApp and SMS at WireMock. SMS is the first channel of offers.
pub struct WhatsappAndSms {
    pub whatsapp: WiremockStubs,
    pub sms: WiremockStubs,
    _directory: GatewayDirectory,
    pub gateway: Gateway,
}

impl WhatsappAndSms {
    /// Starts it. The stubs have these names; `limits` is more of the settings of WhatsApp.
    pub async fn start(whatsapp_name: &'static str, sms_name: &'static str, limits: &str) -> Self {
        let (meta, sms) = (WiremockStubs::new(whatsapp_name), WiremockStubs::new(sms_name));
        meta.answer(json!({}), whatsapp_accepts()).await;
        sms.answer(json!({}), twilio_accepts()).await;
        let topic = "\n[brands.acme.topics.offers]\nchannels = ['sms', 'whatsapp']\n";
        let providers =
            [topic, &whatsapp("whatsapp", meta.url(), limits), &twilio("sms", sms.url(), "")].concat();
        let directory = GatewayDirectory::new(&providers).await;
        let gateway = directory.start().await;
        gateway.upsert_contact(ana()).await;
        Self { whatsapp: meta, sms, _directory: directory, gateway }
    }

    /// How many requests WhatsApp and SMS got.
    pub async fn counts(&self) -> (usize, usize) {
        (self.whatsapp.requests().await.len(), self.sms.requests().await.len())
    }
}

/// The time of day of this machine, in seconds.
pub fn now() -> prost_types::Timestamp {
    let now: Timestamp = Clock::system().unwrap().now();
    prost_types::Timestamp { seconds: now.as_second(), nanos: 0 }
}

/// `ana`, who wrote to us on WhatsApp a moment ago.
pub fn ana_who_wrote() -> v1::Contact {
    let mut ana = ana();
    ana.addresses[1].whatsapp_inbound_time = Some(now());
    ana
}

/// The order of channels of most messages here.
pub const WHATSAPP_THEN_SMS: &[Channel] = &[Channel::Whatsapp, Channel::Sms];
