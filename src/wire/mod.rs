//! The generated protobuf types, and the one translation between them and the model.
//!
//! The API, the store and the command line all use it. Turning the model into protobuf cannot fail (`From`); reading
//! protobuf back (`read_*`) checks everything, because a stored record can be damaged and a request can hold anything.
//! Whatever is wrong is gathered as [`Violations`], so that a caller learns of every field at once. The limits on texts and
//! lists belong to the API; an absent text is an empty one in protobuf and `None` in the model.

/// `relevo.v1`, the API.
#[allow(missing_docs, reason = "generated from documented protos")]
pub mod v1 {
    tonic::include_proto!("relevo.v1");
}

/// The records of the embedded store.
pub mod store {
    /// `relevo.store.v1`.
    #[allow(missing_docs, reason = "generated from documented protos")]
    pub mod v1 {
        tonic::include_proto!("relevo.store.v1");
    }
}

mod enums;
mod violations;

mod address;
mod consent;
mod contact;
mod content;
mod control;
mod history;
mod inbound;
mod incident;
mod key;
mod message;
mod outcome;
mod plan;
mod preferences;
mod reason;
mod receipt;
mod suppression;
mod time;

pub use address::{AddressFormat, channels, read_address, read_channels};
pub use consent::{read_deciding_entry, read_entry, read_evidence};
pub use contact::{
    clear_what_the_gateway_sets, contact_view, read_contact, read_contact_address, read_contact_addresses,
};
pub use content::read_content;
pub use control::{read_control, read_control_change};
pub use enums::{
    read_action, read_breaker_state, read_cell_dimension, read_channel, read_class, read_control_mode,
    read_incident_cause, read_incident_end, read_keyword, read_objection, read_order_source,
    read_receipt_status, read_scope, read_state, read_suppression_reason,
};
pub use history::{read_event, read_history};
pub use inbound::read_contact_event;
pub use incident::read_incident;
pub use key::{read_key, read_scopes};
pub use message::{message_view, read_fallback, read_message};
pub use outcome::read_outcome;
pub use plan::{read_plan, read_verdict, read_way};
pub use preferences::{preferences_view, read_preferences, read_quiet_hours, read_topic_preferences};
pub use receipt::read_receipt;
pub use suppression::read_suppression;
pub use time::{duration, read_duration, read_optional_duration, read_optional_time, read_time, timestamp};
pub use violations::{FieldPath, Violation, Violations, optional_text};

/// The encoded `FileDescriptorSet` of everything in `proto/`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

#[cfg(test)]
mod tests;
