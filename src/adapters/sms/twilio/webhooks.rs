//! Twilio's webhooks: what became of a message (twilio.com/docs/messaging, "Track the message status"), what people write
//! ("Twilio's request to your webhook URL"; "Advanced Opt-Out" for `OptOutType`), and how they are signed
//! (twilio.com/docs/usage/security, "Validating requests").

use std::borrow::Cow;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use super::account::TwilioAccountSettings;
use super::errors;
use crate::adapters::webhooks::{
    DeliveryReport, ProviderEvent, SignatureAlgorithm, WebhookError, WebhookHandler, WebhookPayload,
    WebhookRequest, is_valid_signature, parse_phone,
};
use crate::model::{
    Address, AddressChange, AddressReport, InboundText, Objection, OutcomeEvidence, ReceiptStatus, Timestamp,
};
use crate::secret::Secret;

/// Takes the webhooks of an account, whichever channel they speak of.
#[derive(Debug)]
pub(in crate::adapters) struct TwilioWebhooks {
    /// The account's auth token, by which it signs unless a webhook says otherwise.
    auth_token: Option<Secret>,
    /// The secret of the shared key, by which it signs a webhook that says so.
    shared_key: Option<Secret>,
}

#[async_trait]
impl WebhookHandler for TwilioWebhooks {
    async fn handle(&self, request: &WebhookRequest<'_>) -> Result<WebhookPayload, WebhookError> {
        let body = request.body.ok_or(WebhookError::Unauthenticated("Twilio calls with POST"))?;
        let parameters = TwilioParameters(form_urlencoded::parse(body).collect());
        if !self.is_signed(request, &parameters) {
            return Err(WebhookError::Unauthenticated("X-Twilio-Signature is not that of this account"));
        }
        read(&parameters, request.now).map(WebhookPayload::Events)
    }
}

impl TwilioWebhooks {
    /// What takes the webhooks, if a secret is known by which the account signs: `auth_token` is one unless an API key is
    /// used, and then `account_auth_token` is; or `shared_key`.
    pub(in crate::adapters) fn new(account: &TwilioAccountSettings) -> Option<Self> {
        let auth_token = account.api_key_sid.is_none().then_some(&account.auth_token);
        let auth_token = account.account_auth_token.as_ref().or(auth_token).cloned();
        let shared_key = account.shared_key.clone();
        let is_known = auth_token.is_some() || shared_key.is_some();
        is_known.then_some(Self { auth_token, shared_key })
    }

    /// The signature is over the URL and the parameters in the order of their names. Twilio writes the URL with the
    /// scheme's own port or without it.
    fn is_signed(&self, request: &WebhookRequest<'_>, parameters: &TwilioParameters<'_>) -> bool {
        let signature = request.header("X-Twilio-Signature").and_then(|text| STANDARD.decode(text).ok());
        let (Some(signature), Some((algorithm, key))) = (signature, self.key(request)) else { return false };
        let mut sorted: Vec<_> = parameters.0.iter().collect();
        sorted.sort();
        [Cow::Borrowed(request.url), with_port(request.url)].iter().any(|url| {
            let rest = sorted.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
            let parts: Vec<&[u8]> = std::iter::once(url.as_bytes()).chain(rest).collect();
            is_valid_signature(algorithm, key.expose().as_bytes(), &parts, &signature)
        })
    }

    /// What a webhook is signed with: `key=ID,algorithm=HMAC_SHA256` names a shared key, and without this header it is the
    /// auth token with SHA-1 (Twilio's SDK for Python 9.13, `request_validator`).
    fn key(&self, request: &WebhookRequest<'_>) -> Option<(SignatureAlgorithm, &Secret)> {
        const SETTINGS: &str = "X-Twilio-Webhooks-Signature-Settings";
        if !request.headers.contains_key(SETTINGS) {
            return Some((SignatureAlgorithm::HmacSha1, self.auth_token.as_ref()?));
        }
        let mut settings = request.header(SETTINGS)?.split(',').map(str::trim);
        let is_sha256 = settings.any(|setting| setting.eq_ignore_ascii_case("algorithm=HMAC_SHA256"));
        is_sha256.then_some((SignatureAlgorithm::HmacSha256, self.shared_key.as_ref()?))
    }
}

/// The URL with its port, when it has none.
fn with_port(url: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = url.split_once("://") else { return url.into() };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())) {
        return url.into();
    }
    let port = if scheme == "http" { 80 } else { 443 };
    format!("{scheme}://{host}:{port}{path}").into()
}

/// The parameters of a webhook.
struct TwilioParameters<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl TwilioParameters<'_> {
    /// A parameter's value, unless it is empty.
    fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref());
        value.filter(|value| !value.is_empty())
    }

    /// The number in a parameter.
    fn number(&self, name: &str) -> Option<Address> {
        parse_phone(bare(self.get(name)?))
    }
}

/// A number without the prefix that it has on WhatsApp.
fn bare(number: &str) -> &str {
    number.strip_prefix("whatsapp:").unwrap_or(number)
}

/// What a webhook says: of a message that went out when it has a status, of one that came in otherwise. A webhook does not
/// say when it happened.
fn read(parameters: &TwilioParameters<'_>, now: Timestamp) -> Result<Vec<ProviderEvent>, WebhookError> {
    let malformed =
        || WebhookError::Malformed("it has neither a MessageSid and a MessageStatus nor a From".to_owned());
    let sid = parameters.get("MessageSid").ok_or_else(malformed)?;
    match (parameters.get("MessageStatus"), parameters.get("From")) {
        (Some(word), _) => {
            Ok(delivery_report(parameters, sid, word, now).map(ProviderEvent::Receipt).into_iter().collect())
        }
        (None, Some(_)) => Ok(inbound(parameters, sid, now)),
        (None, None) => Err(malformed()),
    }
}

/// What became of a message; `None` when that is nothing new.
fn delivery_report(
    parameters: &TwilioParameters<'_>,
    sid: &str,
    word: &str,
    now: Timestamp,
) -> Option<DeliveryReport> {
    let status = match word {
        "sent" => ReceiptStatus::Sent,
        "delivered" => ReceiptStatus::Delivered,
        "read" => ReceiptStatus::Read,
        "undelivered" | "failed" | "canceled" => ReceiptStatus::Failed,
        // On its way, or a word that is not documented yet.
        _ => return None,
    };
    let (mut evidence, mut objection) = Default::default();
    if status == ReceiptStatus::Failed {
        let code = parameters.get("ErrorCode").unwrap_or_default();
        evidence = OutcomeEvidence::new(code, parameters.get("ErrorMessage").unwrap_or_default());
        objection = code.parse().ok().and_then(errors::meaning).and_then(|meaning| meaning.objection());
    }
    let (reference, address) = (sid.to_owned(), parameters.number("To"));
    Some(DeliveryReport { reference, echo: None, address, status, reported_at: now, evidence, objection })
}

/// What somebody wrote, and what Twilio made of it, if it took it for an opt-out or for the end of one; nothing when it
/// comes from no number.
fn inbound(parameters: &TwilioParameters<'_>, sid: &str, now: Timestamp) -> Vec<ProviderEvent> {
    let Some(from) = parameters.number("From") else { return Vec::new() };
    let to = parameters.get("To").map(|to| bare(to).to_owned());
    let text = InboundText {
        id: sid.to_owned(),
        from: from.clone(),
        to: to.clone(),
        text: parameters.get("Body").unwrap_or_default().to_owned(),
        reply_to: parameters.get("OriginalRepliedMessageSid").map(str::to_owned),
        at: now,
    };
    let kind = parameters.get("OptOutType").unwrap_or_default();
    let change = match kind {
        "STOP" => Some(AddressChange::Objected(Objection::OptedOut)),
        "START" => Some(AddressChange::Returned),
        // HELP, or a word that is not documented yet.
        _ => None,
    };
    let evidence = OutcomeEvidence::new(kind, "");
    // Another id than that of the text: they are two things.
    let id = format!("{sid} {kind}");
    let report = change.map(|change| AddressReport { id, address: from, to, change, at: now, evidence });
    std::iter::once(ProviderEvent::Text(text)).chain(report.map(ProviderEvent::Address)).collect()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    const URL: &str = "https://hooks.example.com/providers/twilio";

    const NOW: &str = "2026-11-22T10:00:00Z";

    fn handler() -> TwilioWebhooks {
        TwilioWebhooks { auth_token: Some(Secret::new("12345")), shared_key: Some(Secret::new("shared")) }
    }

    async fn handle(url: &str, signed: &str, body: &str) -> Result<WebhookPayload, WebhookError> {
        hear_with(&handler(), &[("X-Twilio-Signature", signed)], url, body).await
    }

    async fn hear_with(
        handler: &TwilioWebhooks,
        headers: &[(&'static str, &str)],
        url: &str,
        body: &str,
    ) -> Result<WebhookPayload, WebhookError> {
        let parsed = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let headers: HeaderMap = parsed.collect();
        let now = NOW.parse().unwrap();
        handler
            .handle(&WebhookRequest { url, query: "", headers: &headers, body: Some(body.as_bytes()), now })
            .await
    }

    fn sign(url: &str, body: &str) -> String {
        sign_with(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, "12345", url, body)
    }

    fn sign_with(algorithm: ring::hmac::Algorithm, key: &str, url: &str, body: &str) -> String {
        let mut parameters: Vec<_> = form_urlencoded::parse(body.as_bytes()).collect();
        parameters.sort();
        let joined: String = parameters.iter().map(|(name, value)| format!("{name}{value}")).collect();
        let key = ring::hmac::Key::new(algorithm, key.as_bytes());
        STANDARD.encode(ring::hmac::sign(&key, format!("{url}{joined}").as_bytes()))
    }

    async fn events_in(body: &str) -> Vec<ProviderEvent> {
        match handle(URL, &sign(URL, body), body).await {
            Ok(WebhookPayload::Events(events)) => events,
            other => panic!("{other:?}"),
        }
    }

    async fn delivery_report(body: &str) -> DeliveryReport {
        match events_in(body).await.as_slice() {
            [ProviderEvent::Receipt(delivery_report)] => delivery_report.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_callback_says_what_became_of_the_message() {
        for (status, expected) in [
            ("sent", ReceiptStatus::Sent),
            ("delivered", ReceiptStatus::Delivered),
            ("read", ReceiptStatus::Read),
            ("undelivered", ReceiptStatus::Failed),
            ("failed", ReceiptStatus::Failed),
            ("canceled", ReceiptStatus::Failed),
        ] {
            let delivery_report =
                delivery_report(&format!("MessageSid=SM1&MessageStatus={status}&To=%2B34600123456")).await;
            assert_eq!((delivery_report.reference.as_str(), delivery_report.status), ("SM1", expected));
            assert_eq!(delivery_report.address, parse_phone("34600123456"));
        }
        for status in ["queued", "sending", "accepted", "a-word-of-tomorrow"] {
            assert_eq!(events_in(&format!("MessageSid=SM1&MessageStatus={status}")).await, [], "{status}");
        }
    }

    #[tokio::test]
    async fn only_what_is_certain_suppresses_the_address() {
        for (code, expected) in [
            ("30005", Some(Objection::BadAddress)),
            ("21610", Some(Objection::OptedOut)),
            ("30004", None),
            ("30003", None),
            ("30007", None),
            ("99999", None),
            ("", None),
        ] {
            let body = format!("MessageSid=SM1&MessageStatus=undelivered&ErrorCode={code}");
            assert_eq!(delivery_report(&body).await.objection, expected, "{code}");
        }
    }

    #[tokio::test]
    async fn whatever_is_changed_breaks_the_signature() {
        let body = "MessageSid=SM1&MessageStatus=delivered";
        let right = sign(URL, body);
        assert!(handle(URL, &right, body).await.is_ok());
        assert!(
            handle(URL, &right, "MessageStatus=delivered&MessageSid=SM1").await.is_ok(),
            "the order is no matter"
        );
        assert!(
            handle(URL, &sign(&with_port(URL), body), body).await.is_ok(),
            "nor is the scheme's own port"
        );
        let other = format!("{URL}?a=b");
        for (url, signed, body) in [
            (URL, right.as_str(), "MessageSid=SM1&MessageStatus=read"),
            (URL, right.as_str(), "MessageSid=SM1&MessageStatus=delivered&To=1"),
            (other.as_str(), right.as_str(), body),
            (URL, "", body),
            (URL, "not base64", body),
            (URL, &right[..20], body),
        ] {
            assert!(
                matches!(handle(url, signed, body).await, Err(WebhookError::Unauthenticated(_))),
                "{url} {signed} {body}"
            );
        }
    }

    #[tokio::test]
    async fn a_webhook_that_names_the_shared_key_is_signed_by_it_with_sha_256() {
        const SETTINGS: &str = "X-Twilio-Webhooks-Signature-Settings";
        let sha256 = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256";
        let body = "MessageSid=SM1&MessageStatus=delivered";
        let signed = sign_with(ring::hmac::HMAC_SHA256, "shared", URL, body);
        let is_believed = async |handler: &TwilioWebhooks, signature: &str, settings: &str| {
            let headers = [("X-Twilio-Signature", signature), (SETTINGS, settings)];
            hear_with(handler, &headers, URL, body).await.is_ok()
        };
        assert!(is_believed(&handler(), &signed, sha256).await);
        assert!(!is_believed(&handler(), &sign(URL, body), sha256).await, "the auth token does not do then");
        assert!(!is_believed(&handler(), &signed, "key=webhooks_sharedkey_1,algorithm=HMAC_SHA1").await);
        assert!(!is_believed(&handler(), &signed, "").await);
        assert!(!is_believed(&TwilioWebhooks { shared_key: None, ..handler() }, &signed, sha256).await);
        assert!(handle(URL, &signed, body).await.is_err(), "nor is the shared key used without being named");
    }

    #[tokio::test]
    async fn what_people_write_comes_with_the_message_that_it_answers() {
        let body = "MessageSid=SM2&SmsStatus=received&From=whatsapp%3A%2B34600123456&To=whatsapp%3A%2B34910000000\
                    &Body=Yes%2C+please%21&OriginalRepliedMessageSid=SM1&NumMedia=0&ProfileName=Ana";
        let text = InboundText {
            id: "SM2".to_owned(),
            from: parse_phone("34600123456").unwrap(),
            to: Some("+34910000000".to_owned()),
            text: "Yes, please!".to_owned(),
            reply_to: Some("SM1".to_owned()),
            at: NOW.parse().unwrap(),
        };
        assert_eq!(events_in(body).await, [ProviderEvent::Text(text.clone())]);
        let picture = "MessageSid=MM2&From=%2B34600123456&Body=&NumMedia=1";
        let empty =
            InboundText { id: "MM2".to_owned(), to: None, text: String::new(), reply_to: None, ..text };
        assert_eq!(events_in(picture).await, [ProviderEvent::Text(empty)]);
        assert_eq!(events_in("MessageSid=SM2&From=messenger%3A1&Body=hello").await, [], "not a number");
    }

    #[tokio::test]
    async fn what_twilio_takes_for_an_opt_out_is_one() {
        let changes = async |kind: &str| {
            let body =
                format!("MessageSid=SM2&From=%2B34600123456&To=%2B34910000000&Body=x&OptOutType={kind}");
            let events = events_in(&body).await;
            assert!(matches!(&events[0], ProviderEvent::Text(text) if text.text == "x"), "{events:?}");
            let report = events.into_iter().skip(1).map(|event| match event {
                ProviderEvent::Address(report) if report.id != "SM2" => (report.address, report.change),
                other => panic!("{other:?}"),
            });
            report.collect::<Vec<_>>()
        };
        let address = parse_phone("34600123456").unwrap();
        let objected = AddressChange::Objected(Objection::OptedOut);
        assert_eq!(changes("STOP").await, [(address.clone(), objected)]);
        assert_eq!(changes("START").await, [(address, AddressChange::Returned)]);
        for kind in ["HELP", "A-WORD-OF-TOMORROW", ""] {
            assert_eq!(changes(kind).await, [], "{kind}");
        }
    }

    #[tokio::test]
    async fn what_is_signed_and_says_nothing_is_told_apart() {
        for body in [
            "From=%2B34600123456&Body=STOP",
            "MessageSid=SM2&Body=STOP",
            "MessageSid=&MessageStatus=sent",
            "",
        ] {
            let answer = handle(URL, &sign(URL, body), body).await;
            assert!(matches!(answer, Err(WebhookError::Malformed(_))), "{body}");
        }
    }
}
