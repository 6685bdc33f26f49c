//! Puts what providers tell where it belongs, durably.

use std::sync::Arc;

use async_trait::async_trait;

use super::directory::{InboundDirectory, InboundSource};
use super::{events, links, receipts};
use crate::adapters::webhooks::{DeliveryReport, EventSink, NotRecorded, ProviderEvent};
use crate::clock::Clock;
use crate::consent;
use crate::model::{
    Address, AddressChange, AddressReport, BrandId, ConsentEntry, InboundText, Keyword, ProviderName,
    ReceiptReport, Timestamp, bounded_provider_id,
};
use crate::store::{
    self, ConsentStore, ContactStore, InboundEvent, InboundStore, LinkStore, ReceiptMatch, StoreError, Stores,
};

/// Keeps what providers tell. Cheap to clone.
#[derive(Clone)]
pub struct InboundProcessor {
    inbox: Arc<dyn InboundStore>,
    contacts: Arc<dyn ContactStore>,
    consents: Arc<dyn ConsentStore>,
    directory: Arc<InboundDirectory>,
    links: Arc<dyn LinkStore>,
    pub(super) clock: Clock,
}

impl InboundProcessor {
    /// Keeps it in these stores.
    pub fn new(stores: &Stores, reach: InboundDirectory, clock: Clock) -> Self {
        let Stores { inbound: inbox, contacts, consents, links, .. } = stores.clone();
        Self { inbox, contacts, consents, links, directory: Arc::new(reach), clock }
    }

    /// Where the adapter of `provider` puts what it hears.
    pub fn event_sink(&self, provider: ProviderName) -> impl EventSink + use<> {
        ProviderEventSink { keeper: self.clone(), provider }
    }

    /// Keeps what `provider` told: durable when this returns. What was kept before an error is known when it is told again.
    pub(super) async fn process(
        &self,
        provider: &ProviderName,
        told: Vec<ProviderEvent>,
    ) -> Result<(), StoreError> {
        for told in told {
            match bounded(told, self.clock.now()) {
                ProviderEvent::Receipt(notice) => self.receipt(provider, notice).await?,
                ProviderEvent::Text(text) => self.text(provider, text).await?,
                ProviderEvent::Address(news) => self.address(provider, news, None).await?,
                ProviderEvent::Link { id, address, at } => {
                    let now = self.clock.now();
                    links::follow(self.links.as_ref(), provider, id, address, at, now).await?;
                }
            }
        }
        Ok(())
    }

    async fn receipt(&self, provider: &ProviderName, notice: DeliveryReport) -> Result<(), StoreError> {
        let (apart, report) = report(provider, notice);
        let matched = self.inbox.record_receipt(report.clone(), self.clock.now()).await?;
        receipts::log_receipt(&report, matched);
        match apart.filter(|_| matched == ReceiptMatch::Parked) {
            Some((brand, news)) => self.address(provider, news, Some(brand)).await,
            None => Ok(()),
        }
    }

    /// A text is for one brand; where more could be meant, none of them may see it, but a word that stops counts for all.
    async fn text(&self, provider: &ProviderName, text: InboundText) -> Result<(), StoreError> {
        let Some(source) = self.source(provider) else { return Ok(()) };
        let answered = match &text.reply_to {
            Some(reference) => self.inbox.find_by_reference(provider, reference).await?,
            None => None,
        };
        let concerned = match &answered {
            Some(answered) => vec![&answered.brand],
            None => source.brands_for(text.to.as_deref()),
        };
        for brand in &concerned {
            let Some(keywords) = self.directory.keywords.get(*brand) else {
                tracing::warn!(
                    provider.name = %provider, %brand,
                    "a text was not kept: it answers a message of a brand that is not in the configuration"
                );
                continue;
            };
            if concerned.len() > 1 && consent::keyword(&text.text, keywords) != Some(Keyword::Stop) {
                tracing::warn!(
                    provider.name = %provider, %brand, candidates = concerned.len(),
                    "a text could be for more than one brand, and was kept for none: give each a sender of its own"
                );
                continue;
            }
            let ledger = self.ledger(brand, &text.from).await?;
            let heard = events::text_event(provider, source.channel, text.clone(), &ledger, keywords);
            self.record_event(brand, heard).await?;
        }
        Ok(())
    }

    /// News of an address concern the brand named, or all that they may.
    async fn address(
        &self,
        provider: &ProviderName,
        news: AddressReport,
        brand: Option<BrandId>,
    ) -> Result<(), StoreError> {
        let Some(source) = self.source(provider) else { return Ok(()) };
        let concerned = match &brand {
            Some(named) if source.brands.iter().any(|(brand, _)| brand == named) => vec![named],
            Some(named) => {
                tracing::warn!(
                    provider.name = %provider, brand = %named,
                    "news of an address were not kept: they are for a brand that the provider does not serve"
                );
                Vec::new()
            }
            None => source.brands_for(news.to.as_deref()),
        };
        for brand in concerned {
            self.record_event(brand, events::address_event(provider, source.channel, news.clone())).await?;
        }
        Ok(())
    }

    fn source(&self, provider: &ProviderName) -> Option<&InboundSource> {
        let source = self.directory.sources.get(provider);
        if source.is_none() {
            tracing::warn!(provider.name = %provider, "what a provider told was not kept: it is not in the configuration");
        }
        source
    }

    async fn ledger(&self, brand: &BrandId, address: &Address) -> Result<Vec<ConsentEntry>, StoreError> {
        let Some(contact) = self.contacts.find_by_address(brand, address).await? else {
            return Ok(Vec::new());
        };
        let recipient = self.consents.recipient(brand, &contact).await?;
        Ok(recipient.map(|own| own.ledger).unwrap_or_default())
    }

    async fn record_event(&self, brand: &BrandId, heard: InboundEvent) -> Result<(), StoreError> {
        let (provider, address) = (heard.event.provider.clone(), heard.event.address.masked());
        let told = self.inbox.record_event(brand, heard, self.clock.now()).await?;
        let told = match told {
            store::RecordResult::Kept(_) => "kept",
            store::RecordResult::Known => "known",
            store::RecordResult::UnknownContact => "from nobody whom the brand knows",
        };
        tracing::debug!(provider.name = %provider, %brand, address, told, "a contact was heard of");
        Ok(())
    }
}

struct ProviderEventSink {
    keeper: InboundProcessor,
    provider: ProviderName,
}

#[async_trait]
impl EventSink for ProviderEventSink {
    async fn record(&self, told: Vec<ProviderEvent>) -> Result<(), NotRecorded> {
        self.keeper.process(&self.provider, told).await.map_err(|error| {
            tracing::error!(provider.name = %self.provider, %error, "what a provider told could not be kept");
            NotRecorded
        })
    }

    fn now(&self) -> Timestamp {
        self.keeper.clock.now()
    }
}

/// What was told, as it is kept: under ids and senders of bounded length, and as having happened by `now`. A provider's clock
/// that is ahead must not make an opt-out outlast the opt-ins that come after it.
fn bounded(told: ProviderEvent, now: Timestamp) -> ProviderEvent {
    match told {
        ProviderEvent::Receipt(notice) => {
            let (reference, reported_at) =
                (bounded_provider_id(notice.reference), notice.reported_at.min(now));
            ProviderEvent::Receipt(DeliveryReport { reference, reported_at, ..notice })
        }
        ProviderEvent::Text(text) => {
            let (to, reply_to) = (text.to.map(bounded_provider_id), text.reply_to.map(bounded_provider_id));
            let (id, at) = (bounded_provider_id(text.id), text.at.min(now));
            ProviderEvent::Text(InboundText { id, to, reply_to, at, ..text })
        }
        ProviderEvent::Address(news) => {
            let (id, to, at) =
                (bounded_provider_id(news.id), news.to.map(bounded_provider_id), news.at.min(now));
            ProviderEvent::Address(AddressReport { id, to, at, ..news })
        }
        ProviderEvent::Link { .. } => told,
    }
}

/// A notice as a receipt; and what it says against an address as news of that, for when the message is not known.
fn report(
    provider: &ProviderName,
    notice: DeliveryReport,
) -> (Option<(BrandId, AddressReport)>, ReceiptReport) {
    let DeliveryReport { reference, echo, address, status, reported_at, evidence, objection } = notice;
    let apart = objection.zip(address).zip(echo.as_ref()).map(|((objection, address), echo)| {
        let news = AddressReport {
            id: format!("{echo} {}", objection.as_str()),
            address,
            to: None,
            change: AddressChange::Objected(objection),
            at: reported_at,
            evidence: evidence.clone(),
        };
        (echo.brand.clone(), news)
    });
    let provider = provider.clone();
    (apart, ReceiptReport { provider, reference, echo, status, reported_at, evidence, objection })
}
