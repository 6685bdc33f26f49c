//! Messages accepted, sent and forgotten, over and over: what stays on disk must not grow.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use futures_util::future::try_join_all;
use relevo::model::{
    Channel, ConsentDecision, MessageEventDetail, Moment, MonotonicTime, OrderSource, Outcome, Plan, Reason,
    Timestamp, Verdict, Way,
};
use relevo::store::{ClaimRequest, StoredMessage, Stores, WorkQueue};

use super::{message, open, phone, size_bytes};
use crate::stopwatch::Stopwatch;
use crate::workload;

/// Messages of one step, which takes a second of the clock that is held here.
pub const STEP: u64 = 1_000;

/// How often the directory is looked at, at most.
const LOOKS: u32 = 20;

/// What a rolling load gave.
pub struct Rolling {
    /// Messages that went all the way.
    pub messages: u64,
    /// Those a second.
    pub rate: f64,
    /// The bytes on disk from when the window was full, looked at over and over.
    pub sizes: Vec<u64>,
}

/// Sends `wanted` messages through a store in `data`, or as many as the time allows, while it keeps those of the last
/// `window` seconds.
pub async fn roll(data: &Path, wanted: u64, window: u64, budget: Duration) -> anyhow::Result<Rolling> {
    let (watch, start) = (Stopwatch::start(), workload::now()?);
    let handle = open(data)?;
    let (mut messages, mut sizes) = (0, Vec::new());
    let mut looked = Stopwatch::start();
    while messages < wanted && watch.elapsed() < budget {
        let second = messages / STEP;
        let now = start.saturating_add(Duration::from_secs(second))?;
        step(&handle.stores, messages, now).await?;
        messages += STEP;
        if second < window {
            continue;
        }
        let before = now.saturating_sub(Duration::from_secs(window))?;
        while handle.stores.work.purge(before, STEP as usize).await? as u64 >= STEP {}
        if sizes.is_empty() || looked.elapsed() > budget / LOOKS {
            looked = Stopwatch::start();
            sizes.push(size_bytes(data)?);
        }
    }
    let rate = messages as f64 / watch.seconds();
    handle.close().await?;
    Ok(Rolling { messages, rate, sizes })
}

/// Accepts and finishes the messages of one second, as the gateway does.
async fn step(stores: &Stores, first: u64, now: Timestamp) -> anyhow::Result<()> {
    try_join_all((first..first + STEP).map(async |number| {
        let message = message(number, now, now)?;
        anyhow::Ok(stores.messages.accept(message, [0; 32]).await?)
    }))
    .await?;
    // An eighth of what is claimed at once is left to commercial messages, of which there are none here.
    let limit = 2 * STEP as usize;
    let lease = Duration::from_secs(60);
    let elapsed = Duration::try_from(now.duration_since(Timestamp::UNIX_EPOCH))?;
    let moment = Moment { calendar: now, monotonic: MonotonicTime::from_origin(elapsed) };
    let claims = stores.work.claim(ClaimRequest { now: moment, limit, lease, hold: None }).await?;
    ensure!(
        claims.messages.len() as u64 == STEP,
        "{} of {STEP} messages were claimed",
        claims.messages.len()
    );
    try_join_all(claims.messages.iter().map(|claim| send(stores.work.as_ref(), claim, now))).await?;
    Ok(())
}

/// Records what dispatch records of a message that the first provider takes.
async fn send(work: &dyn WorkQueue, stored: &StoredMessage, now: Timestamp) -> anyhow::Result<()> {
    let (message, mut history, known) = (&stored.message, stored.history.clone(), stored.history.version());
    let way = Way {
        channel: Channel::Sms,
        address: phone(0)?,
        provider: "sandbox".parse()?,
        failure_domain: "sandbox".to_owned(),
    };
    history.push(now, MessageEventDetail::Planned(plan(way.clone())));
    history.push(now, MessageEventDetail::AttemptStarted { attempt: 1, way });
    work.append(message, &history, known, Some(now)).await?;
    let known = history.version();
    let outcome = Outcome::sent(format!("{}-1", message.id));
    history.push(now, MessageEventDetail::AttemptFinished { attempt: 1, outcome });
    work.append(message, &history, known, None).await?;
    work.release(message.id).await;
    Ok(())
}

fn plan(way: Way) -> Plan {
    let verdict = Verdict {
        channel: way.channel,
        address: way.address.clone(),
        decision: ConsentDecision::Allow,
        reason: Reason::Transactional,
        explanation: "A transactional message needs no opt-in.".to_owned(),
    };
    Plan {
        verdicts: vec![verdict],
        ways: vec![way],
        left_out: Vec::new(),
        order_source: OrderSource::Message,
    }
}
