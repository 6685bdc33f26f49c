//! The parts that the adapters of email over HTTP share: an email in the pieces that the APIs ask for, and the key that lets
//! the gateway in.

use lettre::Address;
use lettre::message::Mailbox;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use super::addresses::{SenderMailbox, recipient_address};
use super::mail::one_line;
use crate::adapters::settings::require;
use crate::adapters::{Envelope, ProviderBuildError, rejected_outcome};
use crate::model::{AttemptRef, Outcome, Rejection, RenderedContent};
use crate::secret::Secret;

/// An email in pieces.
#[derive(Debug)]
pub(super) struct ApiEmail<'a> {
    /// Who it is from.
    pub(super) from: Mailbox,
    /// Where answers go, when not to the sender.
    pub(super) reply_to: Option<&'a Mailbox>,
    /// Who it is to.
    pub(super) to: Address,
    /// The subject, in one line.
    pub(super) subject: String,
    /// The plain text, when there is any. There is always one of the two.
    pub(super) text: Option<&'a str>,
    /// The HTML, when there is any.
    pub(super) html: Option<&'a str>,
}

impl<'a> ApiEmail<'a> {
    /// Takes the envelope apart.
    ///
    /// # Errors
    /// The outcome, when the envelope holds what an email does not carry.
    pub(super) fn from_envelope(envelope: &'a Envelope, sender: &'a SenderMailbox) -> Result<Self, Outcome> {
        let RenderedContent::Email { subject, text, html } = &envelope.content else {
            return Err(rejected_outcome(Rejection::Content, "the content is not an email"));
        };
        let (text, html) = (filled(text.as_ref()), filled(html.as_ref()));
        if text.or(html).is_none() {
            return Err(rejected_outcome(Rejection::Content, "the email has neither text nor HTML"));
        }
        Ok(Self {
            from: sender.mailbox_for(envelope)?,
            reply_to: sender.reply_to(),
            to: recipient_address(&envelope.address)?,
            subject: one_line(subject),
            text,
            html,
        })
    }
}

/// An empty part says nothing, and several APIs refuse it.
fn filled(part: Option<&String>) -> Option<&str> {
    part.map(String::as_str).filter(|text| !text.is_empty())
}

/// A mailbox as an object of its `email` and, if it has one, its `name`.
pub(super) fn mailbox_object(mailbox: &Mailbox) -> Value {
    without_nulls(json!({ "email": mailbox.email.to_string(), "name": mailbox.name }))
}

/// The object without its fields that are null, which not every API takes for absent.
pub(super) fn without_nulls(mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.retain(|_, value| !value.is_null());
    }
    object
}

/// The echo in three fields, for a provider whose own fields do not hold it in one.
pub(super) fn echo_to_fields(echo: &AttemptRef) -> [(&'static str, String); 3] {
    [
        ("relevo-brand", echo.brand.to_string()),
        ("relevo-message", echo.message.to_string()),
        ("relevo-attempt", echo.attempt.to_string()),
    ]
}

/// Checks the setting that holds a provider's key.
///
/// # Errors
/// When the key cannot be one.
pub(super) fn check_key(setting: &'static str, key: &Secret) -> Result<(), ProviderBuildError> {
    let key = key.expose();
    require(
        !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic()),
        setting,
        "must be the key as the provider shows it, without spaces or line breaks",
    )
}

/// The value of the header that carries a provider's key, after `scheme`. It is marked, so that nothing prints it.
///
/// # Errors
/// When the key cannot be one.
pub(super) fn key_header(
    setting: &'static str,
    scheme: &str,
    key: &Secret,
) -> Result<HeaderValue, ProviderBuildError> {
    check_key(setting, key)?;
    let mut value = HeaderValue::from_str(&format!("{scheme}{}", key.expose()))
        .map_err(|_| ProviderBuildError::Setting { setting, must: "must fit into an HTTP header" })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::adapters::envelopes;
    use crate::model::Address;

    fn sender() -> SenderMailbox {
        SenderMailbox::new("Shop <shop@example.com>", Some("help@example.com")).unwrap()
    }

    /// An email to an address beyond ASCII.
    pub(in crate::adapters::email) fn envelope(text: Option<&str>, html: Option<&str>) -> Envelope {
        let content = RenderedContent::Email {
            subject: "Your\r\nBcc: eve@example.net".to_owned(),
            text: text.map(str::to_owned),
            html: html.map(str::to_owned),
        };
        envelopes::to(Address::Email("ana@bücher.example".parse().unwrap()), content)
    }

    #[test]
    fn an_email_is_taken_apart() {
        let (envelope, sender) = (envelope(Some("Hi"), Some("")), sender());
        let email = ApiEmail::from_envelope(&envelope, &sender).unwrap();
        assert_eq!(mailbox_object(&email.from), json!({ "email": "shop@example.com", "name": "Shop" }));
        assert_eq!(email.reply_to.map(mailbox_object), Some(json!({ "email": "help@example.com" })));
        assert_eq!(email.to.as_ref() as &str, "ana@xn--bcher-kva.example");
        assert_eq!(email.subject, "Your Bcc: eve@example.net");
        assert_eq!((email.text, email.html), (Some("Hi"), None));
    }

    #[test]
    fn the_brands_own_sender_comes_first_and_must_be_one() {
        let branded =
            Envelope { from: Some("Acme <hi@acme.example>".to_owned()), ..envelope(Some("Hi"), None) };
        let sender = sender();
        assert_eq!(
            ApiEmail::from_envelope(&branded, &sender).unwrap().from.to_string(),
            "Acme <hi@acme.example>"
        );
        let wrong = Envelope { from: Some("Acme".to_owned()), ..branded };
        assert_eq!(ApiEmail::from_envelope(&wrong, &sender).unwrap_err().as_str(), "misconfigured");
    }

    #[test]
    fn what_is_no_email_is_refused_before_any_call() {
        let sender = sender();
        let refusal = |envelope: &Envelope| match ApiEmail::from_envelope(envelope, &sender).unwrap_err() {
            Outcome::Rejected { cause, .. } => cause,
            other => panic!("{other:?}"),
        };
        assert_eq!(refusal(&envelope(None, None)), Rejection::Content);
        assert_eq!(refusal(&envelope(Some(""), Some(""))), Rejection::Content);
        let text = Envelope { content: RenderedContent::Text("Hi".to_owned()), ..envelope(None, None) };
        assert_eq!(refusal(&text), Rejection::Content);
        let chat = Envelope { address: Address::TelegramChat(7), ..envelope(Some("Hi"), None) };
        assert_eq!(refusal(&chat), Rejection::Address { certain: false });
    }

    #[test]
    fn a_key_is_one_word_and_is_never_shown() {
        let header = |key: &str| key_header("api_key", "Bearer ", &Secret::new(key));
        let value = header("SG.the-key").unwrap();
        assert_eq!(value, "Bearer SG.the-key");
        assert!(!format!("{value:?}").contains("the-key"));
        for wrong in ["", " ", "two words", "line\n", "clé"] {
            let error = header(wrong).unwrap_err().to_string();
            assert_eq!(
                error,
                "api_key must be the key as the provider shows it, without spaces or line breaks"
            );
        }
    }
}
