//! Words that are an enum on both sides, and words that are a text in protobuf.

use super::{FieldPath, Violations, v1};
use crate::model;

/// Pairs the values of an enum of the model with those of a protobuf enum, and makes both directions.
macro_rules! pairs {
    ($(#[$doc:meta])* $read:ident, $model:ty = $proto:ty: $($own:ident = $theirs:ident),+) => {
        impl From<$model> for $proto {
            fn from(own: $model) -> Self {
                match own {
                    $(<$model>::$own => Self::$theirs,)+
                }
            }
        }

        $(#[$doc])*
        pub fn $read(value: i32, path: &FieldPath<'_>, violations: &mut Violations) -> Option<$model> {
            match <$proto>::try_from(value) {
                $(Ok(<$proto>::$theirs) => Some(<$model>::$own),)+
                _ => {
                    let names = [$(<$proto>::$theirs.as_str_name()),+];
                    violations.add(path, format_args!("must be one of {}", names.join(", ")));
                    None
                }
            }
        }
    };
}

pairs!(
    /// Reads a channel.
    read_channel, model::Channel = v1::Channel:
    Email = Email, Sms = Sms, Telegram = Telegram, Whatsapp = Whatsapp
);
pairs!(
    /// Reads a message's class.
    read_class, model::Class = v1::MessageClass:
    Transactional = Transactional, Commercial = Commercial
);
pairs!(
    /// Reads a message's state.
    read_state, model::MessageState = v1::MessageState:
    Accepted = Accepted, Waiting = Waiting, Sending = Sending, Sent = Sent, Delivered = Delivered, Read = Read,
    Failed = Failed, Suppressed = Suppressed, Expired = Expired, Cancelled = Cancelled, InDoubt = InDoubt
);
pairs!(
    /// Reads what a ledger entry does.
    read_action, model::ConsentAction = v1::ConsentAction:
    Grant = Grant, Revoke = Revoke
);
pairs!(
    /// Reads what an operator wants of a provider.
    read_control_mode, model::ControlMode = v1::ControlMode:
    InService = InService, Draining = Draining, OutOfService = OutOfService
);
pairs!(
    /// Reads what a key may do.
    read_scope, model::Scope = v1::Scope:
    Send = Send, Contacts = Contacts, Operate = Operate, Admin = Admin
);
pairs!(
    /// Reads what a receipt says.
    read_receipt_status, model::ReceiptStatus = v1::ReceiptStatus:
    Sent = Sent, Delivered = Delivered, Read = Read, Failed = Failed
);
pairs!(
    /// Reads how a text for Telegram is written.
    read_text_format, model::TextFormat = v1::TelegramFormat:
    Plain = Unspecified, MarkdownV2 = MarkdownV2, Html = Html
);

/// Finds the value whose word `text` is.
fn read_word<T: Copy>(
    text: &str,
    all: &[T],
    word: fn(T) -> &'static str,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<T> {
    let found = all.iter().copied().find(|own| word(*own) == text);
    if found.is_none() {
        let words: Vec<String> = all.iter().map(|own| format!("`{}`", word(*own))).collect();
        violations.add(path, format_args!("must be one of {}", words.join(", ")));
    }
    found
}

/// Reads why an address is suppressed.
pub fn read_suppression_reason(
    text: &str,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<model::SuppressionReason> {
    use model::SuppressionReason::{BadAddress, Complaint, Manual, OptedOut};
    let all = [BadAddress, OptedOut, Complaint, Manual];
    read_word(text, &all, model::SuppressionReason::as_str, path, violations)
}

/// Reads what a provider says against an address.
pub fn read_objection(
    text: &str,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<model::Objection> {
    read_word(text, &model::Objection::ALL, model::Objection::as_str, path, violations)
}

/// Reads how a person's words were understood.
pub fn read_keyword(text: &str, path: &FieldPath<'_>, violations: &mut Violations) -> Option<model::Keyword> {
    read_word(text, &model::Keyword::ALL, model::Keyword::as_str, path, violations)
}

/// Reads who chose the order of the channels.
pub fn read_order_source(
    text: &str,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<model::OrderSource> {
    use model::OrderSource::{Brand, Contact, Message, Topic};
    read_word(text, &[Message, Contact, Topic, Brand], model::OrderSource::as_str, path, violations)
}
