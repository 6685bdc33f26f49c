//! What people write: a provider tells of it until it is kept, and then what it asks for must hold.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use relevo::adapters::webhooks::{EventSink as _, ProviderEvent};
use relevo::inbound::InboundProcessor;
use relevo::model::{Address, BrandId, Channel, InboundText};

use crate::script::{self, Writing};
use crate::world::Shared;

/// What came of the texts.
#[derive(Default)]
pub struct Texts {
    /// What keeps them, while the gateway is up.
    keeper: Mutex<Option<InboundProcessor>>,
    /// Those that were kept.
    kept: Mutex<BTreeSet<String>>,
    /// Who wrote to which brand that they want no more.
    stopped: Mutex<BTreeSet<(BrandId, Channel, Address)>>,
}

impl Texts {
    /// The gateway is up.
    pub fn come_to(&self, keeper: InboundProcessor) {
        *self.keeper.lock().unwrap() = Some(keeper);
    }

    /// The gateway is down.
    pub fn come_to_nobody(&self) {
        *self.keeper.lock().unwrap() = None;
    }

    /// Whether somebody wrote to a brand that they want no more, and nothing else since.
    pub fn have_stopped(&self, brand: &BrandId, channel: Channel, address: &Address) -> bool {
        self.stopped.lock().unwrap().contains(&(brand.clone(), channel, address.clone()))
    }
}

/// Tells of a text until it is kept, as its provider would.
pub fn write(shared: &Arc<Shared>, writing: Writing) {
    let (shared, at) = (Arc::clone(shared), shared.now());
    tokio::spawn(async move {
        let text = InboundText {
            id: writing.id.clone(),
            from: writing.from.clone(),
            to: writing.to.as_ref().map(script::sender),
            text: writing.text.clone(),
            reply_to: None,
            at,
        };
        loop {
            let keeper = shared.texts.keeper.lock().unwrap().clone();
            if let Some(keeper) = keeper
                && is_kept(&shared, &keeper, &writing, text.clone()).await
            {
                return;
            }
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
    });
}

async fn is_kept(shared: &Shared, keeper: &InboundProcessor, writing: &Writing, text: InboundText) -> bool {
    let Writing { provider, id, from, to, text: words } = writing;
    let texts = &shared.texts;
    let is_known = texts.kept.lock().unwrap().contains(id);
    let brands = to.iter().cloned().chain(script::brands().into_iter().filter(|_| to.is_none()));
    let brands: Vec<BrandId> = brands.filter(|brand| provider.serves(brand)).collect();
    // A start that could be for more than one brand is for none.
    let is_start = words == "start" && !is_known && brands.len() == 1;
    let mut theirs = Vec::new();
    for brand in brands {
        // To somebody whom the brand does not know it sends nothing.
        if shared.stores().contacts.find_by_address(&brand, from).await.unwrap().is_some() {
            theirs.push((brand, provider.channel, from.clone()));
        }
    }
    // A stop counts from when it is kept, and a start from when it may have been.
    if is_start {
        texts.stopped.lock().unwrap().retain(|own| !theirs.contains(own));
    }
    if keeper.event_sink(provider.name.clone()).record(vec![ProviderEvent::Text(text)]).await.is_err() {
        return false;
    }
    shared.tell(format!("{words:?} ({id}) from {from} by {}", provider.name));
    texts.kept.lock().unwrap().insert(id.clone());
    if is_known {
        shared.count("a text told again");
    } else if is_start {
        shared.count("started by a text");
    } else if words.to_lowercase().starts_with("stop") {
        shared.count("stopped by a text");
        texts.stopped.lock().unwrap().extend(theirs);
    }
    true
}
