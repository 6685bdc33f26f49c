//! The parameters of Twilio's webhooks, which are the same whether they come in a form or in JSON.
//!
//! In JSON come the events of Event Streams (twilio.com/docs/events/event-types/messaging, "Outbound Message", schema 8, and
//! "Inbound Message", schema 6): an array of CloudEvents whose `data` has the parameters of a form, with a small first letter.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded;

use crate::adapters::webhooks::{WebhookError, parse_phone, parse_user_id};
use crate::model::{Address, BusinessId, Timestamp};

/// The types of events that speak of a message begin with one of these.
const MESSAGE_EVENTS: [&str; 2] = ["com.twilio.messaging.message.", "com.twilio.messaging.inbound-message."];

/// The parameters of a webhook, by the names that they have in a form.
#[derive(Debug, Default)]
pub(super) struct TwilioParameters<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// One event of Event Streams, or the object alone that would be its `data`.
#[derive(Deserialize)]
struct CloudEvent {
    r#type: Option<String>,
    data: Option<JsonObject>,
    #[serde(flatten)]
    others: JsonObject,
}

type JsonObject = BTreeMap<String, Value>;

impl<'a> TwilioParameters<'a> {
    /// Those of a form.
    pub(super) fn from_form(body: &'a [u8]) -> Self {
        Self(form_urlencoded::parse(body).collect())
    }

    /// Those of each event in JSON that speaks of a message.
    ///
    /// # Errors
    /// `Malformed` when it is neither an object nor an array of them.
    pub(super) fn from_json(body: &[u8]) -> Result<Vec<TwilioParameters<'static>>, WebhookError> {
        let is_array = body.trim_ascii_start().starts_with(b"[");
        let events: Result<Vec<CloudEvent>, _> = if is_array {
            serde_json::from_slice(body)
        } else {
            serde_json::from_slice(body).map(|one| vec![one])
        };
        let malformed =
            |_| WebhookError::Malformed("it is no JSON of an event or of an array of them".to_owned());
        Ok(events.map_err(malformed)?.into_iter().filter_map(CloudEvent::into_parameters).collect())
    }

    /// Each name with its value, in the order in which they are signed.
    pub(super) fn sorted(&self) -> Vec<(&str, &str)> {
        let mut sorted: Vec<_> = self.0.iter().map(|(name, value)| (&**name, &**value)).collect();
        sorted.sort_unstable();
        sorted
    }

    /// A parameter's value, unless it is empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref());
        value.filter(|value| !value.is_empty())
    }

    /// The number in a parameter, or on WhatsApp the user id of whoever comes without one.
    pub(super) fn address(&self, name: &str, business: &BusinessId) -> Option<Address> {
        let text = bare(self.get(name)?);
        parse_phone(text).or_else(|| parse_user_id(business, text))
    }

    /// When it happened, which only JSON says.
    pub(super) fn timestamp(&self) -> Option<Timestamp> {
        self.get("Timestamp")?.parse().ok()
    }
}

impl CloudEvent {
    /// `None` for an event that is about other things: an account has one stream of events for all of them.
    fn into_parameters(self) -> Option<TwilioParameters<'static>> {
        let is_of_a_message =
            |kind: &String| MESSAGE_EVENTS.iter().any(|beginning| kind.starts_with(beginning));
        self.r#type.as_ref().is_none_or(is_of_a_message).then(|| {
            let parameters = self.data.unwrap_or(self.others).into_iter();
            TwilioParameters(parameters.map(|(name, value)| (capitalised(&name), text(value))).collect())
        })
    }
}

fn capitalised(name: &str) -> Cow<'static, str> {
    let mut name = name.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    name.into()
}

fn text(value: Value) -> Cow<'static, str> {
    match value {
        Value::Null => "".into(),
        Value::String(text) => text.into(),
        other => other.to_string().into(),
    }
}

/// A number or user id without the prefix that it has on WhatsApp.
pub(super) fn bare(number: &str) -> &str {
    number.strip_prefix("whatsapp:").unwrap_or(number)
}
