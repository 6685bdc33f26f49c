//! Puts load on a server: a number of connections with a number of calls in flight on each, for a time or a number of calls.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::{Stream, stream};
use relevo::wire::v1;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use v1::message_service_client::MessageServiceClient;
use v1::send_stream_response::Result as Answer;

use crate::client::Client;
use crate::stopwatch::Stopwatch;
use crate::workload::MessageGenerator;

/// How many messages of a stream are unanswered at most: the gateway's own window.
pub const WINDOW: usize = 1_024;

/// When a run ends.
#[derive(Clone, Copy)]
pub enum Until {
    /// After this many calls.
    Count(u64),
    /// After this time.
    Elapsed(Duration),
}

/// The latencies of a run.
pub struct Run {
    seconds: f64,
    /// The latency of every call, in microseconds, the shortest first.
    latencies: Vec<u32>,
}

impl Run {
    /// Calls answered a second.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }

    /// The latency that this share of the calls did not go beyond, in milliseconds.
    pub fn percentile_ms(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let index = (last as f64 * share).round() as usize;
        self.latencies.get(index).map_or(0.0, |micros| f64::from(*micros) / 1_000.0)
    }

    fn of(watch: Stopwatch, parts: Vec<Vec<u32>>) -> Self {
        let seconds = watch.seconds();
        let mut latencies = parts.concat();
        latencies.sort_unstable();
        Self { seconds, latencies }
    }
}

/// Counts the calls of a run and knows when it ends.
#[derive(Clone)]
struct Budget {
    until: Until,
    watch: Stopwatch,
    begun: Arc<AtomicU64>,
}

impl Budget {
    fn new(until: Until) -> Self {
        Self { until, watch: Stopwatch::start(), begun: Arc::default() }
    }

    /// The number of the next call, while there is to be one.
    fn take(&self) -> Option<u64> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let goes_on = match self.until {
            Until::Count(count) => number < count,
            Until::Elapsed(duration) => self.watch.elapsed() < duration,
        };
        goes_on.then_some(number)
    }
}

/// Has every worker call one time after the other. A call is given its number in the run.
pub async fn calls<W, F>(
    workers: Vec<W>,
    until: Until,
    call: impl Fn(W, u64) -> F + Clone + Send + 'static,
) -> anyhow::Result<Run>
where
    W: Clone + Send + 'static,
    F: Future<Output = anyhow::Result<()>> + Send,
{
    let budget = Budget::new(until);
    let mut running = JoinSet::new();
    for worker in workers {
        let (budget, call) = (budget.clone(), call.clone());
        running.spawn(async move {
            let mut latencies = Vec::new();
            while let Some(number) = budget.take() {
                let watch = Stopwatch::start();
                call(worker.clone(), number).await?;
                latencies.push(watch.micros());
            }
            anyhow::Ok(latencies)
        });
    }
    finished(budget.watch, running).await
}

/// Every client `in_flight` times, for [`calls`].
pub fn workers<T: Clone>(clients: &[T], in_flight: usize) -> Vec<T> {
    clients.iter().flat_map(|client| std::iter::repeat_n(client.clone(), in_flight)).collect()
}

/// Sends messages one a call, `in_flight` at once on every connection.
pub async fn send(
    clients: &[MessageServiceClient<Client>],
    in_flight: usize,
    generator: &MessageGenerator,
    until: Until,
) -> anyhow::Result<Run> {
    let generator = generator.clone();
    calls(workers(clients, in_flight), until, move |mut client, _| {
        let request = v1::SendRequest { message: Some(generator.spec()) };
        async move {
            client.send(request).await?;
            Ok(())
        }
    })
    .await
}

/// Sends messages over one stream on every connection, `window` of them unanswered at most.
pub async fn send_stream(
    clients: &[MessageServiceClient<Client>],
    window: usize,
    generator: &MessageGenerator,
    until: Until,
) -> anyhow::Result<Run> {
    let budget = Budget::new(until);
    let mut running = JoinSet::new();
    for client in clients {
        running.spawn(one_stream(client.clone(), window, generator.clone(), budget.clone()));
    }
    finished(budget.watch, running).await
}

async fn one_stream(
    mut client: MessageServiceClient<Client>,
    window: usize,
    generator: MessageGenerator,
    budget: Budget,
) -> anyhow::Result<Vec<u32>> {
    let unanswered = Unanswered { room: Arc::new(Semaphore::new(window)), sent: Arc::default() };
    let requests = requests(generator, budget, unanswered.clone());
    let mut answers = client.send_stream(requests).await?.into_inner();
    let mut latencies = Vec::new();
    while let Some(answer) = answers.message().await? {
        match answer.result {
            Some(Answer::Accepted(_)) => latencies.push(unanswered.answered()?),
            other => bail!("message {} of the stream was not accepted: {other:?}", answer.sequence),
        }
    }
    Ok(latencies)
}

/// The messages of a stream that have no answer yet. Answers come in the order of the requests.
#[derive(Clone)]
struct Unanswered {
    room: Arc<Semaphore>,
    sent: Arc<Mutex<VecDeque<Stopwatch>>>,
}

impl Unanswered {
    async fn sends(&self) {
        if let Ok(permit) = self.room.acquire().await {
            permit.forget();
        }
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push_back(Stopwatch::start());
    }

    fn answered(&self) -> anyhow::Result<u32> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        self.room.add_permits(1);
        Ok(sent.context("more answers than messages")?.micros())
    }
}

fn requests(
    generator: MessageGenerator,
    budget: Budget,
    unanswered: Unanswered,
) -> impl Stream<Item = v1::SendStreamRequest> + Send {
    stream::unfold((generator, budget, unanswered), |(generator, budget, unanswered)| async move {
        let sequence = budget.take()?;
        unanswered.sends().await;
        let request = v1::SendStreamRequest { message: Some(generator.spec()), sequence };
        Some((request, (generator, budget, unanswered)))
    })
}

async fn finished(watch: Stopwatch, mut running: JoinSet<anyhow::Result<Vec<u32>>>) -> anyhow::Result<Run> {
    let mut parts = Vec::new();
    while let Some(ended) = running.join_next().await {
        parts.push(ended??);
    }
    Ok(Run::of(watch, parts))
}
