//! The incidents of all providers, shared by those who call, watch and record.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::incident::{IncidentBook, ObservedHealth};
use crate::model::{
    Incident, IncidentId, IncidentImpact, MessageId, Moment, ProviderControlChange, ProviderName, Timestamp,
};

/// The incidents that go on, and those that are not yet recorded. Cheap to clone; clones share them.
#[derive(Clone)]
pub struct IncidentTracker {
    inner: Arc<TrackerInner>,
}

struct TrackerInner {
    book: Mutex<IncidentBook>,
    /// Whether an incident goes on: as a rule none does, and then a message costs one look at this.
    is_any_open: AtomicBool,
}

impl IncidentTracker {
    /// No incidents yet; they end after all was well for `quiet`.
    pub(super) fn new(quiet: Duration) -> Self {
        let book = Mutex::new(IncidentBook::new(quiet));
        Self { inner: Arc::new(TrackerInner { book, is_any_open: AtomicBool::new(false) }) }
    }

    /// The incidents that go on, and those that ended and are not yet recorded: what is recorded of them is older.
    pub fn current(&self) -> Vec<Incident> {
        self.book().current().cloned().collect()
    }

    /// One of these.
    pub fn find(&self, id: IncidentId) -> Option<Incident> {
        self.book().current().find(|incident| incident.id == id).cloned()
    }

    /// A message was cancelled: it waits no longer.
    pub fn note_cancelled(&self, id: MessageId, now: Timestamp) {
        self.note(|book| book.note_resumed(id, now));
    }

    /// A provider is like this. Returns the incidents that began or ended with it.
    pub(super) fn observe(
        &self,
        provider: &ProviderName,
        health: &ObservedHealth,
        now: Moment,
    ) -> Vec<Incident> {
        let mut book = self.book();
        let changed = book.observe(provider, health, now);
        self.inner.is_any_open.store(!book.is_quiet(), Ordering::Relaxed);
        changed
    }

    /// An operator changed a control.
    pub(super) fn note_control(&self, change: &ProviderControlChange) {
        self.book().note_control(change);
    }

    /// Lets `note` put down what happened to a message, while an incident goes on.
    pub(super) fn note(&self, note: impl FnOnce(&mut IncidentBook)) {
        if self.inner.is_any_open.load(Ordering::Relaxed) {
            note(&mut self.book());
        }
    }

    /// What is to be recorded at `now`.
    pub(super) fn due_records(&self, now: Moment) -> Vec<Incident> {
        self.book().due_records(now)
    }

    /// An incident was recorded like this at `now`.
    pub(super) fn note_recorded(&self, incident: Incident, now: Moment) {
        self.book().note_recorded(incident, now);
    }

    fn book(&self) -> MutexGuard<'_, IncidentBook> {
        self.inner.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Logs that incidents began or ended.
pub(super) fn log_incidents(changed: &[Incident]) {
    for incident in changed {
        let cell = incident.cell.as_ref().map(tracing::field::display);
        let (id, provider, cause) = (incident.id, &incident.provider, incident.cause.as_str());
        let Some((ended_at, _)) = incident.ended else {
            tracing::warn!(incident.id = %id, provider.name = %provider, cell, cause, "an incident began");
            continue;
        };
        let impact = incident.whole_impact();
        let IncidentImpact { doubled, expired, .. } = impact;
        tracing::info!(
            incident.id = %id, provider.name = %provider, cell, cause,
            lasted_ms = ended_at.duration_since(incident.began_at).as_millis(),
            rescued = impact.total_rescued(), doubled, expired,
            "an incident ended"
        );
    }
}
