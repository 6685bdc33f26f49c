//! The words of Relevo as plain types: no I/O, no clock, no protocol.
//!
//! Every other room speaks in these. What a message has been through is its [`History`]; its state is folded from it.

mod address;
mod address_folding;
mod address_match;
mod backlog;
mod breaker_state;
mod cell;
mod consent;
mod contact;
mod content;
mod control;
mod folded_ledger;
mod history;
mod ids;
mod inbound;
mod incident;
mod key;
mod link;
mod message;
mod monotonic;
mod numbering_plan;
mod objection;
mod outcome;
mod plan;
mod provider;
mod reason;
mod receipt;
mod setting;
mod suppression;
pub mod text;
mod topic;
mod version;

pub use jiff::Timestamp;

pub use address::{Address, AddressError, Channel, Email, Phone, WhatsappUser};
pub use address_match::AddressMatch;
pub use backlog::{Backlog, BacklogGroup};
pub use breaker_state::BreakerState;
pub use cell::{CallScope, CallingCode, CellDimension, CellRefusal, HealthCell};
pub use consent::{ConsentAction, ConsentEntry, ConsentEvidence, Preferences, QuietHours, TopicPreference};
pub use contact::{Contact, ContactAddress, Recipient, ServiceWindow};
pub use content::{
    ButtonAction, Content, EmailContent, RenderError, RenderedContent, TelegramContent, TelegramFile,
    Template, TemplateButton, TemplateHeader, TextFormat,
};
pub use control::{ControlMode, ProviderControl, ProviderControlChange};
pub use folded_ledger::{DecidingEntry, FoldedLedger};
pub use history::{Attempt, History, MessageEvent, MessageEventDetail, MessageState, WaitReason};
pub use ids::{BrandId, BusinessId, ContactId, ContactIncarnation, IdError, KeyId, MessageId, ProviderName};
pub use inbound::{
    AddressChange, AddressReport, ContactEvent, ContactEventDetail, InboundText, Keyword, Keywords,
};
pub use incident::{
    Incident, IncidentCause, IncidentEnd, IncidentId, IncidentImpact, IncidentUpdate, IncidentUpdateDetail,
    RecordedFailure,
};
pub use key::{ApiKey, KeyScope};
pub use link::{ContactLink, LinkId};
pub use message::{FallbackPolicy, Labels, Message, MessageClass};
pub use monotonic::{Moment, MonotonicTime};
pub use objection::Objection;
pub use outcome::{Outcome, OutcomeEvidence, Rejection, ThrottleScope};
pub use plan::{ConsentDecision, LeftOut, OrderSource, Plan, Verdict, Way};
pub use provider::{Admission, AdmissionRefusal, Provider};
pub use reason::Reason;
pub use receipt::{AttemptRef, Receipt, ReceiptReport, ReceiptStatus, ReferenceForms, bounded_provider_id};
pub use setting::{DAY_MS, MAX_COUNT, SettingError, SettingErrors};
pub use suppression::{
    AddressSuppressions, LiftRefusal, LiftedSuppression, Suppression, SuppressionLift, SuppressionReason,
};
pub use topic::{Topic, TopicError, TopicScope};
pub use version::{ContactVersion, EtagError, PreferencesVersion};

/// `start` and `wait` later, or the end of time. Rounded up to the millisecond, the precision of every record: a time
/// that were rounded down when stored would come before what is waited for.
pub fn later(start: Timestamp, wait: std::time::Duration) -> Timestamp {
    let ms = wait.as_nanos().div_ceil(1_000_000);
    let wait = std::time::Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX));
    start.saturating_add(wait).unwrap_or(Timestamp::MAX)
}
