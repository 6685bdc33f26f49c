//! PURE. What providers report, brought into the form in which it is processed.

use crate::adapters::webhooks::{DeliveryReport, ProviderEvent};
use crate::model::{
    AddressChange, AddressReport, BrandId, InboundText, ProviderName, ReceiptReport, Timestamp,
    bounded_provider_id,
};

/// The event with ids and senders of bounded length, and as having happened by `now`. A provider's clock that is ahead must
/// not make an opt-out outlast the opt-ins that come after it.
pub(super) fn bounded(event: ProviderEvent, now: Timestamp) -> ProviderEvent {
    match event {
        ProviderEvent::Receipt(report) => {
            let reference = bounded_provider_id(report.reference);
            let reported_at = report.reported_at.min(now);
            ProviderEvent::Receipt(DeliveryReport { reference, reported_at, ..report })
        }
        ProviderEvent::Text(text) => {
            let (to, reply_to) = (text.to.map(bounded_provider_id), text.reply_to.map(bounded_provider_id));
            let (id, at) = (bounded_provider_id(text.id), text.at.min(now));
            ProviderEvent::Text(InboundText { id, to, reply_to, at, ..text })
        }
        ProviderEvent::Address(report) => {
            let (id, to) = (bounded_provider_id(report.id), report.to.map(bounded_provider_id));
            let at = report.at.min(now);
            ProviderEvent::Address(AddressReport { id, to, at, ..report })
        }
        ProviderEvent::LinkFollowed { .. } => event,
    }
}

/// The receipt of a delivery report, and its objection as a report on the address, for when the message is not known. Only a
/// report that echoes the message says which brand the objection is for.
pub(super) fn split(
    provider: &ProviderName,
    report: DeliveryReport,
) -> (ReceiptReport, Option<(BrandId, AddressReport)>) {
    let DeliveryReport { reference, echo, address, status, reported_at, evidence, objection } = report;
    let objected = objection.zip(address).zip(echo.as_ref());
    let objected = objected.map(|((objection, address), echo)| {
        let report = AddressReport {
            id: format!("{echo} {}", objection.as_str()),
            address,
            to: None,
            change: AddressChange::Objected(objection),
            at: reported_at,
            evidence: evidence.clone(),
        };
        (echo.brand.clone(), report)
    });
    let provider = provider.clone();
    (ReceiptReport { provider, reference, echo, status, reported_at, evidence, objection }, objected)
}
