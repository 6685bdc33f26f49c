//! Which messages are claimed, and until when.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::{MessageId, Timestamp};

/// The claims in force. A claim ends when it is released, or at its time.
#[derive(Debug, Default)]
pub struct Leases(Mutex<HashMap<MessageId, Timestamp>>);

/// The claims while one call looks at them and adds to them: no two calls claim the same message.
pub struct Held<'a> {
    leases: MutexGuard<'a, HashMap<MessageId, Timestamp>>,
}

impl Leases {
    /// The claims in force at `now`; those that ended are forgotten.
    pub fn hold(&self, now: Timestamp) -> Held<'_> {
        let mut leases = self.lock();
        leases.retain(|_, until| *until > now);
        Held { leases }
    }

    /// Ends a claim.
    pub fn release(&self, id: MessageId) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MessageId, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held<'_> {
    /// Until when the message is claimed, if it is.
    pub fn until(&self, id: MessageId) -> Option<Timestamp> {
        self.leases.get(&id).copied()
    }

    /// Claims a message.
    pub fn claim(&mut self, id: MessageId, until: Timestamp) {
        self.leases.insert(id, until);
    }
}
