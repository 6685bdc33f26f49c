//! PURE. What providers report, brought into the form in which it is processed.

use crate::adapters::webhooks::{DeliveryReport, ProviderEvent, UncertainReceipt, WebhookError};
use crate::model::{
    AddressChange, AddressReport, BrandId, InboundText, ProviderName, ReceiptReport, ReferenceForms,
    Timestamp, bounded_provider_id, text,
};

/// The event with ids and senders of bounded length and on one line, and as having happened by `now`. A provider's clock that is ahead must
/// not make an opt-out outlast the opt-ins that come after it.
pub(super) fn bounded(event: ProviderEvent, now: Timestamp) -> ProviderEvent {
    match event {
        ProviderEvent::Receipt(report) => ProviderEvent::Receipt(bounded_report(report, now)),
        ProviderEvent::UncertainReceipt(uncertain) => {
            let UncertainReceipt { report, forms, other_address, text } = *uncertain;
            let bounded_all = |ids: Vec<String>| ids.into_iter().map(bounded_provider_id).collect();
            let ReferenceForms { spellings, readings } = forms;
            ProviderEvent::UncertainReceipt(Box::new(UncertainReceipt {
                report: bounded_report(report, now),
                forms: ReferenceForms { spellings: bounded_all(spellings), readings: bounded_all(readings) },
                other_address,
                text: text.map(|text| bounded_text(text, now)),
            }))
        }
        ProviderEvent::Text(text) => ProviderEvent::Text(bounded_text(text, now)),
        ProviderEvent::Address(report) => {
            let (id, to) = (bounded_provider_id(report.id), report.to.map(bounded_provider_id));
            let at = report.at.min(now);
            ProviderEvent::Address(AddressReport { id, to, at, ..report })
        }
        ProviderEvent::LinkFollowed { .. } | ProviderEvent::Unreadable { .. } => event,
    }
}

fn bounded_report(report: DeliveryReport, now: Timestamp) -> DeliveryReport {
    let (reference, reported_at) = (bounded_provider_id(report.reference), report.reported_at.min(now));
    DeliveryReport { reference, reported_at, ..report }
}

fn bounded_text(text: InboundText, now: Timestamp) -> InboundText {
    let (to, reply_to) = (text.to.map(bounded_provider_id), text.reply_to.map(bounded_provider_id));
    let (id, at) = (bounded_provider_id(text.id), text.at.min(now));
    InboundText { id, to, reply_to, at, ..text }
}

/// The error with what it quotes of the call on one line: it becomes an answer, of which a line may be all that is read.
pub(super) fn one_line(error: WebhookError) -> WebhookError {
    match error {
        WebhookError::Unauthenticated(why) => WebhookError::Unauthenticated(why),
        WebhookError::Malformed(why) => WebhookError::Malformed(text::one_line(&why)),
        WebhookError::Unverifiable(why) => WebhookError::Unverifiable(text::one_line(&why)),
    }
}

/// The receipt of a delivery report, and its objection as a report on the address, for when the message is not known. Only a
/// report that echoes the message says which brand the objection is for.
pub(super) fn split(
    provider: &ProviderName,
    report: DeliveryReport,
) -> (ReceiptReport, Option<(BrandId, AddressReport)>) {
    let DeliveryReport { reference, echo, address, aliases, status, reported_at, evidence, objection } =
        report;
    let addresses: Vec<_> = address.into_iter().chain(aliases).collect();
    let objected = objection.zip(addresses.split_first()).zip(echo.as_ref());
    let objected = objected.map(|((objection, (address, aliases)), echo)| {
        let report = AddressReport {
            id: format!("{echo} {}", objection.as_str()),
            address: address.clone(),
            aliases: aliases.to_vec(),
            to: None,
            change: AddressChange::Objected(objection),
            at: reported_at,
            evidence: evidence.clone(),
        };
        (echo.brand.clone(), report)
    });
    let provider = provider.clone();
    let forms = ReferenceForms::default();
    let receipt = ReceiptReport {
        provider,
        reference,
        forms,
        addresses,
        echo,
        status,
        reported_at,
        evidence,
        objection,
    };
    (receipt, objected)
}
