//! The events of the providers of email over HTTP, as far as they are alike: each says something of one email, and perhaps
//! something against its address.

use serde::de::DeserializeOwned;

use crate::adapters::webhooks::{DeliveryReport, ProviderEvent, WebhookError};
use crate::model::{
    Address, AddressChange, AddressReport, AttemptRef, Email, Objection, OutcomeEvidence, ReceiptStatus,
    Timestamp,
};

/// The meaning of a provider's word for an event: in a provider's table, `DELIVERED.with_objection(Complaint)` is an email
/// that arrived and was complained about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EmailEventMeaning {
    status: ReceiptStatus,
    objection: Option<Objection>,
}

/// The provider handed the email on.
pub(super) const SENT: EmailEventMeaning = EmailEventMeaning::only(ReceiptStatus::Sent);
/// The recipient's server took the email.
pub(super) const DELIVERED: EmailEventMeaning = EmailEventMeaning::only(ReceiptStatus::Delivered);
/// Somebody opened the email.
pub(super) const READ: EmailEventMeaning = EmailEventMeaning::only(ReceiptStatus::Read);
/// The email will not arrive.
pub(super) const FAILED: EmailEventMeaning = EmailEventMeaning::only(ReceiptStatus::Failed);

impl EmailEventMeaning {
    const fn only(status: ReceiptStatus) -> Self {
        Self { status, objection: None }
    }

    /// The same event with an objection to the address.
    pub(super) const fn with_objection(self, objection: Objection) -> Self {
        Self { objection: Some(objection), ..self }
    }
}

/// An event, but for its meaning.
#[derive(Debug, Default)]
pub(super) struct EmailEvent {
    /// The provider's id of the event, where it has one.
    pub(super) id: Option<String>,
    /// The provider's id of the email; empty when the event names none.
    pub(super) reference: String,
    /// The echo that went out with the email, if it came back.
    pub(super) echo: Option<AttemptRef>,
    /// The recipient.
    pub(super) address: Option<Address>,
    /// When it happened.
    pub(super) at: Timestamp,
    /// The provider's words.
    pub(super) evidence: OutcomeEvidence,
}

impl EmailEvent {
    /// The event as the gateway records it; `None` when it leads to no email and says nothing against an address.
    pub(super) fn provider_event(self, meaning: EmailEventMeaning) -> Option<ProviderEvent> {
        let EmailEventMeaning { status, objection } = meaning;
        if self.reference.is_empty() && self.echo.is_none() {
            return self.address_report(objection?);
        }
        let Self { reference, echo, address, at: reported_at, .. } = self;
        let matters = status == ReceiptStatus::Failed || objection.is_some();
        let evidence = if matters { self.evidence } else { OutcomeEvidence::default() };
        Some(ProviderEvent::Receipt(DeliveryReport {
            reference,
            echo,
            address,
            aliases: Vec::new(),
            status,
            reported_at,
            evidence,
            objection,
        }))
    }

    fn address_report(self, objection: Objection) -> Option<ProviderEvent> {
        Some(ProviderEvent::Address(AddressReport {
            id: self.id?,
            address: self.address?,
            aliases: Vec::new(),
            to: None,
            change: AddressChange::Objected(objection),
            at: self.at,
            evidence: self.evidence,
        }))
    }
}

/// Reads the JSON of a request that is known to come from the provider.
///
/// # Errors
/// `Malformed` when it is not what `what` names.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, WebhookError> {
    serde_json::from_slice(body).map_err(|error| WebhookError::Malformed(format!("not {what}: {error}")))
}

/// Reads a field that every event of its kind has.
///
/// # Errors
/// `Malformed` when it is absent.
pub(super) fn required<T>(field: &str, value: Option<T>) -> Result<T, WebhookError> {
    value.ok_or_else(|| WebhookError::Malformed(format!("{field} is missing or not what it should be")))
}

/// Reads an address: alone, or as `Name <address>`.
pub(super) fn address(text: &str) -> Option<Address> {
    let inner = text.rsplit_once('<').and_then(|(_, rest)| rest.trim_end().strip_suffix('>'));
    inner.unwrap_or(text).parse::<Email>().ok().map(Address::Email)
}

/// The echo from the three fields in which `api::echo_to_fields` sends it.
pub(super) fn echo_from_fields<'a>(field: impl Fn(&str) -> Option<&'a str>) -> Option<AttemptRef> {
    let (brand, message, attempt) =
        (field("relevo-brand")?, field("relevo-message")?, field("relevo-attempt")?);
    Some(AttemptRef {
        brand: brand.parse().ok()?,
        message: message.parse().ok()?,
        attempt: attempt.parse().ok()?,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use reqwest::header::{HeaderMap, HeaderName};

    use super::*;
    use crate::adapters::webhooks::{WebhookHandler, WebhookPayload, WebhookRequest};
    use crate::model::MessageId;

    /// The time of every request: 2026-11-22T10:00:00Z.
    pub(in crate::adapters::email) const NOW: i64 = 1_795_341_600;
    /// The echo that the requests bring back.
    pub(in crate::adapters::email) fn echo() -> AttemptRef {
        AttemptRef {
            brand: "acme".parse().unwrap(),
            message: MessageId::new(1_795_000_000_000, &[7; 10]),
            attempt: 2,
        }
    }

    /// Lets a handler handle a POST.
    pub(in crate::adapters::email) async fn handle(
        handler: &dyn WebhookHandler,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<WebhookPayload, WebhookError> {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let now = Timestamp::from_second(NOW).unwrap();
        handler
            .handle(&WebhookRequest { url: "", query: "", headers: &all, body: Some(body.as_bytes()), now })
            .await
    }

    /// What the first notice says, in words such as `failed bad_address`; `-` when nothing is told.
    pub(in crate::adapters::email) fn summary(handled: &Result<WebhookPayload, WebhookError>) -> String {
        let Ok(WebhookPayload::Events(events)) = handled else { panic!("{handled:?}") };
        match events.first() {
            None => "-".to_owned(),
            Some(ProviderEvent::Receipt(report)) => match report.objection {
                Some(objection) => format!("{} {}", report.status.as_str(), objection.as_str()),
                None => report.status.as_str().to_owned(),
            },
            Some(ProviderEvent::Address(report)) => format!("{:?}", report.change),
            Some(other) => panic!("{other:?}"),
        }
    }

    /// The first notice.
    pub(in crate::adapters::email) fn delivery_report(
        handled: Result<WebhookPayload, WebhookError>,
    ) -> DeliveryReport {
        match handled {
            Ok(WebhookPayload::Events(events)) => match events.into_iter().next() {
                Some(ProviderEvent::Receipt(delivery_report)) => delivery_report,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_address_is_read_with_its_name_or_without() {
        let ana = Some(Address::Email("ana@example.org".parse().unwrap()));
        for text in ["ana@example.org", "Ana <ana@example.org>", "\"<A\" <ana@EXAMPLE.org> "] {
            assert_eq!(address(text), ana, "{text}");
        }
        assert_eq!(address("Ana"), None);
    }

    #[test]
    fn the_three_fields_that_are_sent_make_the_echo_again() {
        let parts = super::super::api::echo_to_fields(&echo());
        let field =
            |name: &str| parts.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
        assert_eq!(echo_from_fields(field), Some(echo()));
        assert_eq!(echo_from_fields(|name| field(name).filter(|_| name != "relevo-brand")), None);
    }

    #[test]
    fn an_event_without_an_email_counts_only_against_its_address() {
        let event = || EmailEvent {
            id: Some("1".into()),
            address: address("a@example.org"),
            ..EmailEvent::default()
        };
        assert_eq!(event().provider_event(DELIVERED), None);
        assert!(matches!(
            event().provider_event(DELIVERED.with_objection(Objection::Complaint)),
            Some(ProviderEvent::Address(_))
        ));
        let nobody = EmailEvent { address: None, ..event() };
        assert_eq!(nobody.provider_event(DELIVERED.with_objection(Objection::Complaint)), None);
    }
}
