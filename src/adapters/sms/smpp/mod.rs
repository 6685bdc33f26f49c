//! SMS by SMPP 3.4 (issue 1.2), as carriers and aggregators speak it: one session as a transceiver, by which messages go
//! out and receipts and messages of people come in.
//!
//! The session is opened and kept by [`EventListener::listen`]; [`Adapter::deliver`] goes by whatever session there is. Each
//! direction is bounded: by the window of messages without an answer, and by the number of events that are being recorded.
//!
//! The PDUs are written and read here. Of the crates for that, rusmpp is the one that is kept; it still changes its
//! interface with each release, brings half a dozen crates, and knows far more than the eight PDUs that a transceiver
//! needs.

pub mod inbound;
pub mod pdu;
pub mod receipts;

mod account;
mod connection;
mod earlier;
mod errors;
mod messages;
mod request_window;
mod session;
mod settings;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

pub use settings::{DefaultAlphabet, SmppConcatenation, SmppSettings, SmppTls};

use crate::adapters::webhooks::EventSink;
use crate::adapters::{
    Adapter, Envelope, EventListener, ProviderBuildError, ProviderContext, ProviderLimits, ProviderParts,
    ProviderSettings,
};
use crate::model::{Outcome, OutcomeEvidence, Timestamp};
use account::SmppAccount;
use errors::unavailable;
use inbound::PartialTexts;
use messages::SubmitWriter;
use pdu::SubmitSm;
use request_window::{RequestFailure, SmppRequestWindow};
use session::SmppSession;

/// How long to wait before a later part that was throttled is sent again: a text of which only some parts arrive is worse than
/// one that arrives late.
const THROTTLE_PAUSE: Duration = Duration::from_millis(250);

/// Delivers SMS through one account at an SMSC, over the session that its listener keeps.
pub struct SmppAdapter {
    account: SmppAccount,
    writer: SubmitWriter,
    /// How long a delivery may take.
    delivery_timeout: Duration,
    state: watch::Sender<BindState>,
}

/// Whether messages can go out.
enum BindState {
    /// The first bind is still under way.
    Connecting,
    /// They cannot, and have this outcome.
    Down(Outcome),
    /// They can, by the request window of the session.
    Up(Arc<SmppRequestWindow>),
}

impl SmppAdapter {
    /// Builds the adapter; it connects once it listens. Reads the file of certificates, if one is set.
    ///
    /// # Errors
    /// When a setting's value is wrong.
    pub fn new(settings: &SmppSettings, limits: &ProviderLimits) -> Result<Self, ProviderBuildError> {
        Ok(Self {
            account: SmppAccount::new(settings, limits)?,
            writer: SubmitWriter::new(settings),
            // A message that was certainly not sent must be told from one in doubt, and so before the caller's own time is over.
            delivery_timeout: limits.timeout() * 9 / 10,
            state: watch::Sender::new(BindState::Connecting),
        })
    }

    /// The window of the session, after the first bind was tried.
    async fn window(&self) -> Result<Arc<SmppRequestWindow>, Outcome> {
        let mut state = self.state.subscribe();
        let tried = state.wait_for(|state| !matches!(state, BindState::Connecting));
        let tried = timeout(self.account.connect_timeout, tried).await;
        let tried = tried.ok().and_then(Result::ok);
        match tried.as_deref() {
            Some(BindState::Up(window)) => Ok(Arc::clone(window)),
            Some(BindState::Down(outcome)) => Err(outcome.clone()),
            Some(BindState::Connecting) | None => Err(unavailable("not bound yet")),
        }
    }

    /// Sends the messages of one text, one after the other: as long as none was taken, a refusal is the refusal of all.
    async fn submit_all(
        &self,
        window: &SmppRequestWindow,
        messages: &[SubmitSm],
        deadline: Instant,
    ) -> Outcome {
        let mut ids = Vec::with_capacity(messages.len());
        for message in messages {
            let mut submitted = self.submit(window, message, deadline).await;
            while let Err(Outcome::Throttled { .. }) = &submitted
                && !ids.is_empty()
                && Instant::now() + THROTTLE_PAUSE < deadline
            {
                sleep(THROTTLE_PAUSE).await;
                submitted = self.submit(window, message, deadline).await;
            }
            match submitted {
                Ok(id) => ids.push(id),
                Err(refusal) if ids.is_empty() => return refusal,
                Err(refusal) => return sent_in_part(ids.len(), messages.len(), &refusal),
            }
        }
        let reference = ids.pop().unwrap_or_default();
        self.account.earlier_parts().remember(ids, &reference);
        Outcome::sent(reference)
    }

    /// Sends one message. Returns the SMSC's id of it.
    async fn submit(
        &self,
        window: &SmppRequestWindow,
        message: &SubmitSm,
        deadline: Instant,
    ) -> Result<String, Outcome> {
        match window.request(|sequence| pdu::submit_sm(sequence, message), deadline).await {
            Ok(response) if response.status == errors::ESME_ROK => {
                Ok(self.account.settings.message_ids.reference_from_response(&response.id))
            }
            Ok(response) => Err(errors::refused(response.status)),
            Err(RequestFailure::Unsent(why)) => Err(unavailable(why)),
            Err(RequestFailure::InDoubt(why)) => Err(Outcome::unknown(OutcomeEvidence::new("", why))),
        }
    }

    /// How long to wait before connecting again after so many failures in a row.
    fn reconnect_wait(&self, failures: u32, now: Timestamp) -> Duration {
        let SmppSettings { reconnect_ms: first, max_reconnect_ms: longest, system_id, .. } =
            &self.account.settings;
        // Chance enough to keep apart the gateways that lost an SMSC together.
        let chance = crc32fast::hash(format!("{system_id} {now}").as_bytes());
        backoff(*first, *longest, failures, f64::from(chance) / f64::from(u32::MAX))
    }
}

impl ProviderSettings for SmppSettings {
    fn build(&self, context: &ProviderContext<'_>) -> Result<ProviderParts, ProviderBuildError> {
        let ca_file = context.resolve(self.ca_file.as_deref());
        let settings = Self { ca_file, ..self.clone() };
        let smpp = Arc::new(SmppAdapter::new(&settings, &context.transport.limits)?);
        let listener: Arc<dyn EventListener> = smpp.clone();
        Ok(ProviderParts { listener: Some(listener), ..ProviderParts::new(smpp) })
    }
}

/// Leaves out the session, which says nothing to a reader.
impl fmt::Debug for SmppAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmppAdapter").field("settings", &self.account.settings).finish_non_exhaustive()
    }
}

#[async_trait]
impl Adapter for SmppAdapter {
    async fn deliver(&self, envelope: &Envelope) -> Outcome {
        let deadline = Instant::now() + self.delivery_timeout;
        let messages = match self.writer.write(envelope) {
            Ok(messages) => messages,
            Err(outcome) => return outcome,
        };
        match self.window().await {
            Ok(window) => self.submit_all(&window, &messages, deadline).await,
            Err(outcome) => outcome,
        }
    }
}

#[async_trait]
impl EventListener for SmppAdapter {
    fn carries_deliveries(&self) -> bool {
        true
    }

    async fn listen(&self, sink: &dyn EventSink) {
        let smsc = self.account.settings.host.as_str();
        let mut parts = PartialTexts::default();
        let mut failures = 0;
        loop {
            let outcome = match SmppSession::bind(&self.account, sink, &mut parts).await {
                Ok(session) => {
                    failures = 0;
                    tracing::info!(smsc, "bound to the SMSC");
                    self.state.send_replace(BindState::Up(session.window()));
                    unavailable(&session.run().await)
                }
                Err(outcome) => outcome,
            };
            let why = outcome.evidence().map(ToString::to_string).unwrap_or_default();
            tracing::warn!(smsc, why, "not bound to the SMSC");
            self.state.send_replace(BindState::Down(outcome));
            failures += 1;
            sleep(self.reconnect_wait(failures, sink.now())).await;
        }
    }
}

/// The outcome of a text of which the SMSC took some parts only. Whoever got a part may get the rest, or all of it again: only
/// the message's class can tell what is better.
fn sent_in_part(taken: usize, total: usize, refusal: &Outcome) -> Outcome {
    let evidence = refusal.evidence().cloned().unwrap_or_default();
    let text = format!("{taken} of {total} parts were taken, then: {}", evidence.text);
    Outcome::unknown(OutcomeEvidence::new(evidence.code, &text))
}

/// Doubled with each failure up to `longest_ms`, less up to a half by chance (in `0.0..=1.0`).
fn backoff(first_ms: u64, longest_ms: u64, failures: u32, chance: f64) -> Duration {
    let doubled = 2u64.saturating_pow(failures.saturating_sub(1)).saturating_mul(first_ms);
    Duration::from_millis(doubled.min(longest_ms)).mul_f64(1.0 - chance / 2.0)
}

#[cfg(test)]
mod tests;
