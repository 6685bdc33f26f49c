//! Enums of the model: those that are an enum in protobuf too, and those that are a text there.

use super::{FieldPath, Violations, v1};
use crate::model;

/// Pairs the values of an enum of the model with those of a protobuf enum, and defines both directions.
macro_rules! enum_pairs {
    ($(#[$doc:meta])* $read:ident, $model:ty = $proto:ty: $($variant:ident = $proto_variant:ident),+) => {
        impl From<$model> for $proto {
            fn from(value: $model) -> Self {
                match value {
                    $(<$model>::$variant => Self::$proto_variant,)+
                }
            }
        }

        $(#[$doc])*
        pub fn $read(value: i32, path: &FieldPath<'_>, violations: &mut Violations) -> Option<$model> {
            match <$proto>::try_from(value) {
                $(Ok(<$proto>::$proto_variant) => Some(<$model>::$variant),)+
                _ => {
                    let names = [$(<$proto>::$proto_variant.as_str_name()),+];
                    violations.add(path, format_args!("must be one of {}", names.join(", ")));
                    None
                }
            }
        }
    };
}

enum_pairs!(
    /// Reads a channel.
    read_channel, model::Channel = v1::Channel:
    Email = Email, Sms = Sms, Telegram = Telegram, Whatsapp = Whatsapp
);
enum_pairs!(
    /// Reads a message's class.
    read_class, model::MessageClass = v1::MessageClass:
    Transactional = Transactional, Commercial = Commercial
);
enum_pairs!(
    /// Reads a message's state.
    read_state, model::MessageState = v1::MessageState:
    Accepted = Accepted, Waiting = Waiting, Sending = Sending, Sent = Sent, Delivered = Delivered, Read = Read,
    Failed = Failed, Suppressed = Suppressed, Expired = Expired, Cancelled = Cancelled, InDoubt = InDoubt
);
enum_pairs!(
    /// Reads the action of a ledger entry.
    read_action, model::ConsentAction = v1::ConsentAction:
    Grant = Grant, Revoke = Revoke
);
enum_pairs!(
    /// Reads the mode of an operator's control.
    read_control_mode, model::ControlMode = v1::ControlMode:
    InService = InService, Draining = Draining, OutOfService = OutOfService
);
enum_pairs!(
    /// Reads the state of a breaker.
    read_breaker_state, model::BreakerState = v1::BreakerState:
    Closed = Closed, Open = Open, HalfOpen = HalfOpen
);
enum_pairs!(
    /// Reads the dimension of a cell.
    read_cell_dimension, model::CellDimension = v1::CellDimension:
    Sender = Sender, Template = Template, Country = Country
);
enum_pairs!(
    /// Reads what began an incident.
    read_incident_cause, model::IncidentCause = v1::IncidentCause:
    BreakerOpened = BreakerOpened, Failures = Failures, Late = Late, Slow = Slow, Silent = Silent, Throttled = Throttled,
    Refusals = Refusals
);
enum_pairs!(
    /// Reads how an incident ended.
    read_incident_end, model::IncidentEnd = v1::IncidentEnd:
    Recovered = Recovered, GatewayStopped = GatewayStopped
);
enum_pairs!(
    /// Reads a scope of a key.
    read_scope, model::KeyScope = v1::Scope:
    Send = Send, Contacts = Contacts, Operate = Operate, Admin = Admin
);
enum_pairs!(
    /// Reads the status of a receipt.
    read_receipt_status, model::ReceiptStatus = v1::ReceiptStatus:
    Sent = Sent, Delivered = Delivered, Read = Read, Failed = Failed
);
enum_pairs!(
    /// Reads the format of a text for Telegram.
    read_text_format, model::TextFormat = v1::TelegramFormat:
    Plain = Unspecified, MarkdownV2 = MarkdownV2, Html = Html
);

/// Reads the value, one of `all`, whose name is `text`.
fn read_name<T: Copy>(
    text: &str,
    all: &[T],
    name: fn(T) -> &'static str,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<T> {
    let found = all.iter().find(|value| name(**value) == text);
    if found.is_none() {
        let names: Vec<String> = all.iter().map(|value| format!("`{}`", name(*value))).collect();
        violations.add(path, format_args!("must be one of {}", names.join(", ")));
    }
    found.copied()
}

/// Reads the reason of a suppression.
pub fn read_suppression_reason(
    text: &str,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<model::SuppressionReason> {
    read_name(text, &model::SuppressionReason::ALL, model::SuppressionReason::as_str, path, violations)
}

/// Reads the objection that a provider reports.
pub fn read_objection(
    text: &str,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<model::Objection> {
    read_name(text, &model::Objection::ALL, model::Objection::as_str, path, violations)
}

/// Reads the keyword of an inbound text.
pub fn read_keyword(text: &str, path: &FieldPath<'_>, violations: &mut Violations) -> Option<model::Keyword> {
    read_name(text, &model::Keyword::ALL, model::Keyword::as_str, path, violations)
}

/// Reads the source of the order of channels.
pub fn read_order_source(
    text: &str,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<model::OrderSource> {
    use model::OrderSource::{Brand, Contact, Message, Topic};
    read_name(text, &[Message, Contact, Topic, Brand], model::OrderSource::as_str, path, violations)
}
