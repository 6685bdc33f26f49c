//! A provider: its server, the trouble that it has, and what it took.

use std::collections::HashMap;
use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::protocol::Submission;
use super::receipts::{Receipt, ReceiptSender};
use super::trouble::{Effect, Refusal, Trouble};
use super::{Kind, http, smtp};
use crate::ports::free_port;
use crate::stopwatch::Stopwatch;

/// How long taking a message lasts at a provider that is well, in seconds.
const USUAL_LATENCY: f64 = 0.08;

/// How long a provider that cannot listen waits before it tries again.
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// A call, as the provider saw it.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// The token of the message.
    pub token: u32,
    /// When it came, in seconds since the trial began.
    pub came: f64,
    /// When it was decided; when it came, for one that hangs.
    pub decided: f64,
    /// What became of it.
    pub result: CallResult,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// The message was taken.
    Taken,
    /// It was known for a repetition, and no second message was made.
    KnownBefore,
    /// It was refused.
    Refused,
    /// It was refused as too much.
    TooFast,
    /// It was never answered.
    Hung,
}

/// How a call ends.
pub enum Decision {
    /// It was taken under this id.
    Taken(String),
    /// It had been taken under this id before.
    TakenBefore(String),
    /// It is refused.
    Refused(Refusal),
    /// It was taken, and the answer is an error of this status.
    Failed(u16),
    /// The connection ends without an answer.
    Closed,
}

/// A provider that runs.
pub struct FakeProvider {
    /// Its name in the configuration.
    pub name: &'static str,
    /// The port on which it listens.
    pub port: u16,
    /// Whether it reports what it delivered.
    pub reports: bool,
    /// What it knows and has.
    pub state: Arc<ProviderState>,
    server: JoinHandle<()>,
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl FakeProvider {
    /// Starts one on a free port.
    pub async fn start(
        name: &'static str,
        kind: Kind,
        watch: Stopwatch,
        receipts: ReceiptSender,
    ) -> anyhow::Result<Self> {
        let reports = kind.reports() && receipts.is_reporting();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, free_port()?)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(ProviderState::new(name, kind, watch, receipts));
        let server = tokio::spawn(serve(listener, address, Arc::clone(&state)));
        Ok(Self { name, port: address.port(), reports, state, server })
    }
}

/// Serves while the provider is up, and listens nowhere while it is down.
async fn serve(listener: TcpListener, address: SocketAddr, state: Arc<ProviderState>) {
    let mut is_down = state.is_down.subscribe();
    let mut listener = Some(listener);
    loop {
        if *is_down.borrow_and_update() {
            listener = None;
            if is_down.changed().await.is_err() {
                return;
            }
            continue;
        }
        let Some(open) = &listener else {
            listener = TcpListener::bind(address).await.ok();
            if listener.is_none() {
                // Another test may look whether it is free.
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
            continue;
        };
        tokio::select! {
            accepted = open.accept() => if let Ok((stream, _)) = accepted {
                let (state, mut is_down) = (Arc::clone(&state), is_down.clone());
                tokio::spawn(async move {
                    let serving = async {
                        match state.kind.protocol() {
                            Some(protocol) => http::serve(stream, protocol, &state).await,
                            None => smtp::serve(stream, &state).await,
                        }
                    };
                    tokio::select! {
                        () = serving => {}
                        _ = is_down.wait_for(|is_down| *is_down) => {}
                    }
                });
            },
            changed = is_down.changed() => if changed.is_err() { return },
        }
    }
}

/// What a provider knows and has.
pub struct ProviderState {
    name: &'static str,
    kind: Kind,
    watch: Stopwatch,
    receipts: ReceiptSender,
    is_down: watch::Sender<bool>,
    inner: Mutex<Inner>,
}

struct Inner {
    trouble: Option<Trouble>,
    calls: Vec<Call>,
    /// When each message reached its person, by token, in seconds.
    arrivals: Vec<(u32, f64)>,
    /// The ids under which messages were taken, by what a repetition is known by.
    known: HashMap<String, String>,
    random: fastrand::Rng,
    /// What may still be taken in this second.
    room: f64,
    room_at: f64,
    next_id: u64,
}

impl ProviderState {
    fn new(name: &'static str, kind: Kind, watch: Stopwatch, receipts: ReceiptSender) -> Self {
        let seed = name.bytes().fold(7_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let inner = Inner {
            trouble: None,
            calls: Vec::new(),
            arrivals: Vec::new(),
            known: HashMap::new(),
            random: fastrand::Rng::with_seed(seed),
            room: 1.0,
            room_at: 0.0,
            next_id: 0,
        };
        Self { name, kind, watch, receipts, is_down: watch::Sender::new(false), inner: Mutex::new(inner) }
    }

    /// Gives it a trouble, or takes it away.
    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        self.inner().trouble = trouble;
        let is_down = trouble.is_some_and(|trouble| matches!(trouble.effect, Effect::Down));
        self.is_down.send_replace(is_down);
    }

    /// Every call so far.
    pub fn calls(&self) -> Vec<Call> {
        self.inner().calls.clone()
    }

    /// When each message reached its person, by token, in seconds.
    pub fn arrivals(&self) -> Vec<(u32, f64)> {
        self.inner().arrivals.clone()
    }

    /// Decides a call, after as long as that takes; never for one that hangs.
    pub async fn decide(&self, submission: &Submission) -> Decision {
        let came = self.watch.seconds();
        let (effect, latency) = self.inner().effect(submission);
        let call = |decided: f64, result| Call { token: submission.token, came, decided, result };
        if let Some(Effect::Hangs) = effect {
            self.inner().calls.push(call(came, CallResult::Hung));
            return pending().await;
        }
        tokio::time::sleep(latency).await;
        let now = self.watch.seconds();
        let refusal = self.inner().refusal(effect, now);
        if let Some(refusal) = refusal {
            let result = if refusal == Refusal::TooFast { CallResult::TooFast } else { CallResult::Refused };
            self.inner().calls.push(call(now, result));
            return Decision::Refused(refusal);
        }
        if let Some(id) = self.known_id(submission) {
            self.inner().calls.push(call(now, CallResult::KnownBefore));
            return Decision::TakenBefore(id);
        }
        self.inner().calls.push(call(now, CallResult::Taken));
        self.take(submission, effect)
    }

    fn known_id(&self, submission: &Submission) -> Option<String> {
        self.inner().known.get(submission.repeat_key.as_ref()?).cloned()
    }

    /// Takes a message: it is on its way, and so is the report on it.
    fn take(&self, submission: &Submission, effect: Option<Effect>) -> Decision {
        let id = self.inner().new_id(self.name, self.kind, submission);
        if !matches!(effect, Some(Effect::DeliversNothing)) {
            let is_delivered = !matches!(effect, Some(Effect::Filters));
            let delay = self.inner().receipt_delay();
            if is_delivered {
                let at = self.watch.seconds() + delay.as_secs_f64();
                self.inner().arrivals.push((submission.token, at));
            }
            let (provider, recipient) = (self.name, submission.recipient.clone());
            self.receipts
                .send(Receipt { provider, id: id.clone(), recipient, is_delivered, delay }, self.kind);
        }
        match effect {
            Some(Effect::TakesThenFails(status)) => Decision::Failed(status),
            Some(Effect::TakesThenCloses) => Decision::Closed,
            _ => Decision::Taken(id),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// What happens to this message, and how long it takes.
    fn effect(&mut self, submission: &Submission) -> (Option<Effect>, Duration) {
        let chance = self.random.f64();
        let covers =
            |trouble: &Trouble| trouble.scope.covers(&submission.recipient, &submission.sender, chance);
        let effect = self.trouble.filter(covers).map(|trouble| trouble.effect);
        let usual = Duration::from_secs_f64(self.around(USUAL_LATENCY, 0.2));
        let latency = if let Some(Effect::Slow(latency)) = effect { latency } else { usual };
        (effect, latency)
    }

    /// Why it is refused, if it is. What is refused as too much takes no room.
    fn refusal(&mut self, effect: Option<Effect>, now: f64) -> Option<Refusal> {
        match effect? {
            Effect::Refuses(refusal) => Some(refusal),
            Effect::Limits(rate) => {
                // A second's worth may come at once.
                self.room = (self.room + (now - self.room_at) * rate).min(rate);
                self.room_at = now;
                let has_room = self.room >= 1.0;
                self.room -= if has_room { 1.0 } else { 0.0 };
                (!has_room).then_some(Refusal::TooFast)
            }
            _ => None,
        }
    }

    fn new_id(&mut self, name: &str, kind: Kind, submission: &Submission) -> String {
        self.next_id += 1;
        let number = self.next_id;
        let made = if kind == Kind::Telegram { number.to_string() } else { format!("{name}-{number:032}") };
        let id = submission.own_id.clone().unwrap_or(made);
        if let Some(key) = &submission.repeat_key {
            self.known.insert(key.clone(), id.clone());
        }
        id
    }

    /// Around 300 ms, some much later: networks are so.
    fn receipt_delay(&mut self) -> Duration {
        Duration::from_secs_f64(self.around(0.3, 0.4))
    }

    /// A log-normal time around the median, in seconds.
    fn around(&mut self, median: f64, sigma: f64) -> f64 {
        // Of twelve uniform numbers the sum is as good as normal.
        let normal: f64 = (0..12).map(|_| self.random.f64()).sum::<f64>() - 6.0;
        median * (sigma * normal).exp()
    }
}
