//! Processes what providers report: each event is durable, with all that it changes, before it is acknowledged.

use std::sync::Arc;

use async_trait::async_trait;

use super::directory::{InboundDirectory, InboundSource};
use super::observer::ReceiptObserver;
use super::{events, links, normalize, receipts};
use crate::adapters::webhooks::{DeliveryReport, EventSink, ProviderEvent, RecordError, UncertainReceipt};
use crate::clock::Clock;
use crate::consent;
use crate::model::{
    AddressReport, BrandId, ConsentEntry, InboundText, Keyword, Keywords, OutcomeEvidence, ProviderName,
    ReceiptReport, Timestamp,
};
use crate::store::{
    ConsentStore, EventResult, InboundEvent, InboundStore, LinkStore, PageRequest, ReceiptResult, StoreError,
    Stores,
};

/// Entries of a ledger that are read at once.
const LEDGER_PAGE: usize = 64;

/// Records what providers report. Cheap to clone.
#[derive(Clone)]
pub struct InboundProcessor {
    inbound: Arc<dyn InboundStore>,
    consents: Arc<dyn ConsentStore>,
    links: Arc<dyn LinkStore>,
    directory: Arc<InboundDirectory>,
    observer: Option<Arc<dyn ReceiptObserver>>,
    pub(super) clock: Clock,
}

impl InboundProcessor {
    /// A processor that finds brands in this directory and records in these stores.
    pub fn new(stores: &Stores, directory: InboundDirectory, clock: Clock) -> Self {
        let Stores { inbound, consents, links, .. } = stores.clone();
        Self { inbound, consents, links, directory: Arc::new(directory), observer: None, clock }
    }

    /// Tells `observer` of the receipts of messages.
    pub fn observed_by(self, observer: Arc<dyn ReceiptObserver>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// The sink for the events that the adapter of `provider` receives over a connection of its own.
    pub fn event_sink(&self, provider: ProviderName) -> impl EventSink + use<> {
        ProviderEventSink { processor: self.clone(), provider }
    }

    /// Records events of `provider`: they are durable when this returns.
    ///
    /// # Errors
    /// When the store failed. The events recorded before that are known when the provider sends all of them again.
    pub(super) async fn process(
        &self,
        provider: &ProviderName,
        events: Vec<ProviderEvent>,
    ) -> Result<(), StoreError> {
        for event in events {
            let now = self.clock.now();
            match normalize::bounded(event, now) {
                ProviderEvent::Receipt(report) => self.process_receipt(provider, report).await?,
                ProviderEvent::UncertainReceipt(uncertain) => {
                    self.process_uncertain_receipt(provider, *uncertain).await?;
                }
                ProviderEvent::Text(text) => self.process_text(provider, text).await?,
                ProviderEvent::Address(report) => self.process_address(provider, report, None).await?,
                ProviderEvent::LinkFollowed { id, address, at } => {
                    links::follow(self.links.as_ref(), provider, id, address, at, now).await?;
                }
                ProviderEvent::Unreadable { count, why } => {
                    let OutcomeEvidence { text: detail, .. } = OutcomeEvidence::new("", &why);
                    tracing::warn!(
                        provider.name = %provider, count, detail,
                        "inbound events were dropped: they came with others, and could not be read"
                    );
                }
            }
        }
        Ok(())
    }

    async fn process_receipt(
        &self,
        provider: &ProviderName,
        report: DeliveryReport,
    ) -> Result<(), StoreError> {
        let (receipt, objected) = normalize::split(provider, report);
        let matched = self.record_receipt(receipt.clone()).await?;
        receipts::log_receipt(&receipt, matched);
        match objected {
            // The store acts on the objection in a receipt only when it knows the message.
            Some((brand, report)) if !matched.is_known() => {
                self.process_address(provider, report, Some(brand)).await
            }
            _ => Ok(()),
        }
    }

    async fn process_uncertain_receipt(
        &self,
        provider: &ProviderName,
        uncertain: UncertainReceipt,
    ) -> Result<(), StoreError> {
        let UncertainReceipt { report, forms, other_address, text } = uncertain;
        let (mut receipt, _) = normalize::split(provider, report);
        receipt.forms = forms;
        receipt.addresses.extend(other_address);
        let matched = self.record_receipt(receipt.clone()).await?;
        match text {
            Some(text) if !matched.is_known() => self.process_text(provider, text).await,
            _ => {
                receipts::log_receipt(&receipt, matched);
                Ok(())
            }
        }
    }

    /// Records a receipt, and tells of it.
    async fn record_receipt(&self, receipt: ReceiptReport) -> Result<ReceiptResult, StoreError> {
        let (provider, now) = (receipt.provider.clone(), self.clock.moment());
        let recorded = self.inbound.record_receipt(receipt, now.calendar).await?;
        if let Some((observer, taken_at)) = self.observer.as_ref().zip(recorded.first_word_on) {
            observer.receipt(&provider, taken_at, now);
        }
        Ok(recorded.result)
    }

    /// A text is for one brand. Where more could be meant, none of them may read it, but a stop keyword counts for all.
    async fn process_text(&self, provider: &ProviderName, text: InboundText) -> Result<(), StoreError> {
        let Some(source) = self.source(provider) else { return Ok(()) };
        let answered = match &text.reply_to {
            Some(reference) => self.inbound.find_by_reference(provider, reference).await?,
            None => None,
        };
        let candidates = match &answered {
            Some(answered) => vec![&answered.brand],
            None => source.brands_for(text.to.as_deref()),
        };
        for brand in &candidates {
            let Some(keywords) = self.keywords(provider, brand, &text, candidates.len()) else { continue };
            let mut event = events::text_event(provider, source.channel, text.clone(), keywords);
            if consent::keyword(&text.text, keywords) == Some(Keyword::Start) {
                let ledger = self.ledger(brand, &event).await?;
                event.effects.extend(events::restored_opt_ins(&event.event, &ledger));
            }
            self.record_event(brand, event).await?;
        }
        Ok(())
    }

    /// The keywords by which `brand` reads a text that is for one of `candidates` brands; `None`, and a warning, when the text
    /// is not for it.
    fn keywords(
        &self,
        provider: &ProviderName,
        brand: &BrandId,
        text: &InboundText,
        candidates: usize,
    ) -> Option<&Keywords> {
        let Some(keywords) = self.directory.keywords.get(brand) else {
            tracing::warn!(
                provider.name = %provider, brand.id = %brand,
                "an inbound text was dropped: it answers a message of a brand that is not in the configuration"
            );
            return None;
        };
        if candidates > 1 && consent::keyword(&text.text, keywords) != Some(Keyword::Stop) {
            tracing::warn!(
                provider.name = %provider, brand.id = %brand, candidates,
                "an inbound text was dropped: it could be for more than one brand; give each a sender of its own"
            );
            return None;
        }
        Some(keywords)
    }

    /// A report on an address concerns the brand named, or all that it could be for.
    async fn process_address(
        &self,
        provider: &ProviderName,
        report: AddressReport,
        brand: Option<BrandId>,
    ) -> Result<(), StoreError> {
        let Some(source) = self.source(provider) else { return Ok(()) };
        let brands = match &brand {
            Some(named) if source.brands.iter().any(|(brand, _)| brand == named) => vec![named],
            Some(named) => {
                tracing::warn!(
                    provider.name = %provider, brand.id = %named,
                    "a report on an address was dropped: it is for a brand that the provider does not serve"
                );
                Vec::new()
            }
            None => source.brands_for(report.to.as_deref()),
        };
        for brand in brands {
            self.record_event(brand, events::address_event(provider, source.channel, report.clone())).await?;
        }
        Ok(())
    }

    fn source(&self, provider: &ProviderName) -> Option<&InboundSource> {
        let source = self.directory.sources.get(provider);
        if source.is_none() {
            tracing::warn!(
                provider.name = %provider,
                "an inbound event was dropped: its provider is not in the configuration"
            );
        }
        source
    }

    /// The whole consent ledger of the contact that an event is one of.
    async fn ledger(&self, brand: &BrandId, event: &InboundEvent) -> Result<Vec<ConsentEntry>, StoreError> {
        let Some(contact) = self.inbound.contact_of_event(brand, event).await? else {
            return Ok(Vec::new());
        };
        let mut ledger = Vec::new();
        let mut after = None;
        loop {
            let page = PageRequest { size: LEDGER_PAGE, after };
            let page = self.consents.ledger(brand, &contact, page).await?;
            ledger.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(ledger);
            }
        }
    }

    async fn record_event(&self, brand: &BrandId, event: InboundEvent) -> Result<(), StoreError> {
        let (provider, address) = (event.event.provider.clone(), event.event.address.masked());
        let result = self.inbound.record_event(brand, event, self.clock.now()).await?;
        let (contact, result) = match &result {
            EventResult::Kept(contact) => (contact.as_str(), "recorded"),
            EventResult::Duplicate => ("", "known"),
            EventResult::UnknownContact => ("", "unknown_contact"),
        };
        tracing::debug!(
            provider.name = %provider, brand.id = %brand, contact.id = contact, address, result,
            "an inbound event was processed"
        );
        Ok(())
    }
}

/// Records what one adapter receives.
struct ProviderEventSink {
    processor: InboundProcessor,
    provider: ProviderName,
}

#[async_trait]
impl EventSink for ProviderEventSink {
    async fn record(&self, events: Vec<ProviderEvent>) -> Result<(), RecordError> {
        self.processor.process(&self.provider, events).await.map_err(|error| {
            tracing::error!(
                provider.name = %self.provider, %error,
                "inbound events were not recorded because the store failed; the provider has to send them again"
            );
            RecordError
        })
    }

    fn now(&self) -> Timestamp {
        self.processor.clock.now()
    }
}
