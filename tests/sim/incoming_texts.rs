//! Texts that contacts write. A provider delivers each until the gateway has recorded it, and from then on no message may go
//! out against it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use relevo::adapters::webhooks::{EventSink as _, ProviderEvent};
use relevo::inbound::InboundProcessor;
use relevo::model::{Address, BrandId, Channel, InboundText, Phone, Provider, Timestamp};

use crate::script;
use crate::state::SimulationState;

/// A text that a contact writes, as its provider delivers it.
#[derive(Debug, Clone)]
pub struct ScriptedText {
    pub provider: Provider,
    pub id: String,
    /// The address of whoever writes, as the contact has it.
    pub from: Address,
    pub spelling: TextSpelling,
    /// The brand whose sender it was written to; `None` when the provider does not say.
    pub to: Option<BrandId>,
    pub text: String,
}

/// How a provider writes the address that a text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextSpelling {
    /// As the contact has it.
    Same,
    /// In another spelling.
    Other,
    /// On WhatsApp as a user id, with the address beside it.
    UserId,
}

impl TextSpelling {
    pub fn random(rng: &mut Rng) -> Self {
        script::choose(rng, &[Self::Same, Self::Other, Self::UserId])
    }

    /// The address as the provider names it, and what it names beside it.
    pub fn written(self, from: &Address, channel: Channel) -> (Address, Vec<Address>) {
        match (self, from) {
            (Self::UserId, Address::Phone(phone)) if channel == Channel::Whatsapp => {
                let user =
                    Address::whatsapp_user(&"shop".parse().unwrap(), &format!("MX.{}", phone.digits()));
                (user.unwrap(), vec![from.clone()])
            }
            (Self::Other, Address::Phone(phone)) if phone.digits().starts_with("52") => {
                let digits = &phone.digits()[2..];
                (Address::Phone(Phone::from_e164(&format!("+521{digits}")).unwrap()), Vec::new())
            }
            (Self::Other, Address::Email(email)) => {
                (Address::Email(email.as_str().to_lowercase().parse().unwrap()), Vec::new())
            }
            _ => (from.clone(), Vec::new()),
        }
    }
}

/// The texts so far, and the opt-outs that they mean.
#[derive(Default)]
pub struct IncomingTexts {
    /// What records texts; absent while the gateway is down.
    processor: Mutex<Option<InboundProcessor>>,
    /// The ids of the texts that were recorded.
    recorded: Mutex<BTreeSet<String>>,
    /// The addresses from which a brand was sent a stop, by channel, and when they wrote it last.
    opted_out: Mutex<BTreeMap<(BrandId, Channel, Address), Timestamp>>,
}

impl IncomingTexts {
    /// Sends texts to this processor: the gateway has started.
    pub fn start_recording(&self, processor: InboundProcessor) {
        *self.processor.lock().unwrap() = Some(processor);
    }

    /// Keeps texts back: the gateway has crashed.
    pub fn stop_recording(&self) {
        *self.processor.lock().unwrap() = None;
    }

    /// Whether a stop came from this address, and no start that was written since.
    pub fn has_opted_out(&self, brand: &BrandId, channel: Channel, address: &Address) -> bool {
        self.opted_out.lock().unwrap().contains_key(&(brand.clone(), channel, address.clone()))
    }
}

/// Delivers a text every 30 seconds until it is recorded, as its provider would.
pub fn send(shared: &Arc<SimulationState>, scripted: ScriptedText) {
    let (shared, at) = (Arc::clone(shared), shared.now());
    tokio::spawn(async move {
        let (from, aliases) = scripted.spelling.written(&scripted.from, scripted.provider.channel);
        let text = InboundText {
            id: scripted.id.clone(),
            from,
            aliases,
            to: scripted.to.as_ref().map(script::sender),
            text: scripted.text.clone(),
            reply_to: None,
            at,
        };
        loop {
            let processor = shared.texts.processor.lock().unwrap().clone();
            if let Some(processor) = processor
                && try_record(&shared, &processor, &scripted, text.clone()).await
            {
                return;
            }
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
    });
}

/// Delivers a text once, and returns whether it was recorded.
async fn try_record(
    shared: &SimulationState,
    processor: &InboundProcessor,
    scripted: &ScriptedText,
    text: InboundText,
) -> bool {
    let ScriptedText { provider, id, from, to, text: words, .. } = scripted;
    let is_spelt_otherwise = text.from != *from;
    let (texts, at) = (&shared.texts, text.at);
    let is_repeated = texts.recorded.lock().unwrap().contains(id);
    let brands = to.iter().cloned().chain(script::brands().into_iter().filter(|_| to.is_none()));
    let brands: Vec<BrandId> = brands.filter(|brand| provider.serves(brand)).collect();
    // A start that could be meant for several brands readmits to none.
    let is_start = words == "start" && !is_repeated && brands.len() == 1;
    let mut entries = Vec::new();
    for brand in brands {
        // A brand sends nothing to an address that none of its contacts has.
        if shared.stores().contacts.find_by_address(&brand, from).await.unwrap().is_some() {
            entries.push((brand, provider.channel, from.clone()));
        }
    }
    // A stop holds from the moment when it is certainly recorded, and a start from when it may have been.
    if is_start {
        texts
            .opted_out
            .lock()
            .unwrap()
            .retain(|entry, stopped_at| !entries.contains(entry) || *stopped_at > at);
    }
    if processor.event_sink(provider.name.clone()).record(vec![ProviderEvent::Text(text)]).await.is_err() {
        return false;
    }
    shared.log(format!("{words:?} ({id}) from {from} by {}", provider.name));
    texts.recorded.lock().unwrap().insert(id.clone());
    if is_repeated {
        shared.count("a text told again");
    } else if is_start {
        shared.count("started by a text");
    } else if words.to_lowercase().starts_with("stop") {
        shared.count("stopped by a text");
        if is_spelt_otherwise {
            shared.count("stopped in another spelling");
        }
        let mut opted_out = texts.opted_out.lock().unwrap();
        for entry in entries {
            let stopped_at = opted_out.entry(entry).or_insert(at);
            *stopped_at = at.max(*stopped_at);
        }
    }
    true
}
