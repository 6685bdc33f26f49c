//! Arguments that several commands share.

use std::collections::BTreeMap;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use super::error::CliError;
use super::progress::ProgressLine;
use crate::wire::v1;
use v1::address::Value;

/// Defines an argument whose values are those of a protobuf enum: `in-doubt`, or as protobuf has it, `MESSAGE_STATE_IN_DOUBT`.
macro_rules! enum_argument {
    ($(#[$doc:meta])* $name:ident = $proto:ty: $($value:ident = $text:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum $name { $(#[allow(missing_docs)] $value),+ }

        impl ValueEnum for $name {
            fn value_variants<'a>() -> &'a [Self] {
                &[$(Self::$value),+]
            }

            fn to_possible_value(&self) -> Option<PossibleValue> {
                Some(match self {
                    $(Self::$value => PossibleValue::new($text).alias(<$proto>::$value.as_str_name())),+
                })
            }
        }

        impl From<$name> for i32 {
            fn from(value: $name) -> i32 {
                match value { $($name::$value => <$proto>::$value.into()),+ }
            }
        }
    };
}

enum_argument!(
    /// A channel.
    Channel = v1::Channel: Email = "email", Sms = "sms", Telegram = "telegram", Whatsapp = "whatsapp"
);
enum_argument!(
    /// A message's class.
    Class = v1::MessageClass: Transactional = "transactional", Commercial = "commercial"
);
enum_argument!(
    /// A message's state.
    State = v1::MessageState:
    Accepted = "accepted", Waiting = "waiting", Sending = "sending", Sent = "sent",
    Delivered = "delivered", Read = "read", Failed = "failed", Suppressed = "suppressed",
    Expired = "expired", Cancelled = "cancelled", InDoubt = "in-doubt"
);
enum_argument!(
    /// What a key may do.
    Scope = v1::Scope: Send = "send", Contacts = "contacts", Operate = "operate", Admin = "admin"
);
enum_argument!(
    /// What is recorded of consent.
    Action = v1::ConsentAction: Grant = "grant", Revoke = "revoke"
);
enum_argument!(
    /// What an operator wants of a provider.
    Mode = v1::ControlMode: InService = "in-service", Draining = "draining", OutOfService = "out-of-service"
);
enum_argument!(
    /// How a sandbox provider behaves.
    Behavior = v1::Behavior:
    Accept = "accept", Fail = "fail", Hang = "hang", Throttle = "throttle",
    LoseReply = "lose-reply", RejectAddress = "reject-address", Silent = "silent"
);

/// Values of an enum as protobuf encodes them.
pub(super) fn numbers<T: Copy + Into<i32>>(values: &[T]) -> Vec<i32> {
    values.iter().map(|value| (*value).into()).collect()
}

/// One address of a person.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct AddressArgs {
    /// An email address
    #[arg(long)]
    email: Option<String>,
    /// A phone number, such as +34600123456; it serves SMS and WhatsApp
    #[arg(long)]
    phone: Option<String>,
    /// The id of a private Telegram chat
    #[arg(long, value_name = "CHAT_ID")]
    telegram: Option<i64>,
    /// A user id of WhatsApp, such as shop/ES.13491208655302741918
    #[arg(long, value_name = "BUSINESS/ID", value_parser = whatsapp_user)]
    whatsapp_user: Option<v1::WhatsappUser>,
}

impl AddressArgs {
    pub(super) fn address(&self) -> v1::Address {
        let email = self.email.clone().map(Value::Email);
        let phone = || self.phone.clone().map(Value::Phone);
        let telegram = || self.telegram.map(Value::TelegramChatId);
        let whatsapp = || self.whatsapp_user.clone().map(Value::WhatsappUser);
        v1::Address { value: email.or_else(phone).or_else(telegram).or_else(whatsapp) }
    }
}

/// Reads a user id of WhatsApp, which the gateway checks.
pub(super) fn whatsapp_user(text: &str) -> Result<v1::WhatsappUser, String> {
    let (business, user_id) = text
        .split_once('/')
        .ok_or("must be a business and a user id, such as shop/ES.13491208655302741918")?;
    Ok(v1::WhatsappUser { business: business.to_owned(), user_id: user_id.to_owned() })
}

/// How many items to list.
#[derive(Debug, Args)]
pub struct LimitArgs {
    /// At most this many
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) limit: u32,
}

/// The largest page that the API gives.
pub(super) const MAX_PAGE: u32 = 1_000;

impl LimitArgs {
    /// Gathers pages until there are enough items or no more pages. `page` takes a size and a token, and answers with
    /// items and the next token.
    pub(super) async fn collect<T>(
        &self,
        mut page: impl AsyncFnMut(i32, String) -> Result<(Vec<T>, String), CliError>,
    ) -> Result<Vec<T>, CliError> {
        let mut all = Vec::new();
        let mut token = String::new();
        let mut progress = ProgressLine::new();
        loop {
            let left = self.limit - u32::try_from(all.len()).unwrap_or(u32::MAX).min(self.limit);
            // At most MAX_PAGE, so it fits.
            let (items, next) = page(left.min(MAX_PAGE) as i32, token).await?;
            all.extend(items);
            all.truncate(self.limit as usize);
            progress.show(|_| format!("{} listed", all.len()));
            if next.is_empty() || all.len() >= self.limit as usize {
                return Ok(all);
            }
            token = next;
        }
    }
}

/// Reads `KEY=VALUE`.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("must be KEY=VALUE, such as campaign=spring".to_owned()),
    }
}

/// Labels by key; the last of each key counts.
pub(super) fn labels(pairs: &[(String, String)]) -> BTreeMap<String, String> {
    pairs.iter().cloned().collect()
}
