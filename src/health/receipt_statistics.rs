//! Whether what a provider takes arrives, as far as its receipts tell.
//!
//! # Why
//!
//! A provider can answer every call well and deliver nothing: a carrier behind it drops messages, or its queue stands still. Its calls
//! say nothing of that. Its receipts do, by staying away.
//!
//! # How it works
//!
//! Messages are counted by the second in which the provider took them, and so are the receipts on them. What a provider usually does
//! is learned from its own past: how long its receipts take, and which share of messages gets one. A message is mature when its
//! receipt, had there been one, would have come: after twice the usual delay. The provider is silent as far as its latest mature
//! messages have fewer receipts than usual. How silent the others are is for the live weight to compare.
//!
//! # How it recovers
//!
//! The share that is usual is not learned while the provider is silent. Receipts that come after all count for the messages that they
//! are about. Who gets no messages is silent until those that it had are forgotten.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::MonotonicTime;

/// Messages that were taken within this time of one another are counted together.
const SLOT: Duration = Duration::from_secs(1);

/// Messages that were taken longer ago are forgotten: more than twice the longest delay that is believed.
const REMEMBERED: Duration = Duration::from_secs(30 * 60);

/// Of so many receipts the delays are known.
const MAX_DELAYS: usize = 256;

/// So many of ten receipts come within the usual delay.
const DELAYS_OF_TEN: usize = 9;

/// The bounds of the usual delay.
const MIN_DELAY: Duration = Duration::from_secs(1);
const MAX_DELAY: Duration = Duration::from_secs(10 * 60);

/// After so many usual delays a receipt is missing.
const MATURE_AFTER: u32 = 2;

/// How many of the latest mature messages are looked at, at least, and with how few nothing is said.
const LOOKED_AT: u32 = 20;
const MIN_MATURE: u32 = 10;

/// Before so many receipts were seen, nothing is said of who gives none.
const MIN_RECEIPTS: u64 = 50;

/// The usual share moves by this part of the way with each mature message.
const LEARNING: f64 = 1.0 / 256.0;

/// The usual share is not learned from whoever is as silent as this.
const SILENT: f64 = 0.2;

/// No past is so good that one missing receipt means something.
const MAX_SHARE: f64 = 0.99;

/// How many standard deviations (of a binomial distribution) of the missing receipts are taken for chance.
const CHANCE: f64 = 2.0;

/// A receipt that came before the answer to its call waits so many seconds for it.
const EARLY: u64 = 2;

/// The messages that were taken in one second.
#[derive(Debug)]
struct TakenSlot {
    /// The number of the second.
    second: u64,
    taken: u32,
    received: u32,
}

impl TakenSlot {
    fn has_room(&self) -> bool {
        self.received < self.taken
    }
}

/// The receipts of one provider.
#[derive(Debug, Default)]
pub(super) struct ReceiptStatistics {
    /// Ascending by their seconds, and none without a message.
    slots: VecDeque<TakenSlot>,
    delays: VecDeque<Duration>,
    /// How many receipts were ever seen.
    receipts: u64,
    /// Receipts that came before the answers to their calls, and the second of the last one.
    early: (u32, u64),
    /// The share of mature messages that usually have a receipt, and from how many it was learned.
    usual_share: f64,
    learned: u64,
    /// Slots before this second were learned from, or passed over.
    learned_until: u64,
    /// The second in which that was.
    learned_at: u64,
}

impl ReceiptStatistics {
    /// Nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// The provider took a message at `now`.
    pub fn taken(&mut self, now: MonotonicTime) {
        self.learn(now);
        let second = second_of(now);
        match self.slots.back_mut() {
            // Calls end in order, but for those that end in the same instant.
            Some(slot) if slot.second >= second => slot.taken += 1,
            _ => self.slots.push_back(TakenSlot { second, taken: 1, received: 0 }),
        }
        let (early, since) = &mut self.early;
        if *early > 0 && second.saturating_sub(*since) <= EARLY {
            *early -= 1;
            if let Some(slot) = self.slots.back_mut() {
                slot.received += 1;
            }
        } else {
            *early = 0;
        }
    }

    /// A receipt came at `now` for a message that was taken `age` ago, the first that tells what became of it.
    pub fn received(&mut self, age: Duration, now: MonotonicTime) {
        self.learn(now);
        self.receipts += 1;
        if self.delays.len() >= MAX_DELAYS {
            self.delays.pop_front();
        }
        self.delays.push_back(age);
        let (taken, second) = (second_of(now.before(age)), second_of(now));
        // The end of a call and its record are instants apart, and may lie in two slots.
        let start = self.slots.partition_point(|slot| slot.second + 1 < taken);
        let near = self.slots.range_mut(start..).take_while(|slot| slot.second <= taken + 1);
        match near.filter(|slot| slot.has_room()).min_by_key(|slot| slot.second.abs_diff(taken)) {
            Some(slot) => slot.received += 1,
            None if second.saturating_sub(taken) <= 1 => {
                self.early = (self.early.0.saturating_add(1), second)
            }
            None => {}
        }
    }

    /// How silent the provider is, in `0.0..=1.0`: of the receipts that usually would have come for its latest mature messages, the
    /// share that did not, less what may be chance. 0 while too little is known.
    pub fn silence(&self, now: MonotonicTime) -> f64 {
        if self.receipts < MIN_RECEIPTS {
            return 0.0;
        }
        let until = self.mature_until(now);
        let (mut taken, mut received) = (0, 0);
        let mature = self.slots.iter().rev().skip_while(|slot| slot.second >= until);
        for slot in mature.take_while(|slot| is_remembered(slot, now)) {
            if taken >= LOOKED_AT {
                break;
            }
            taken += slot.taken;
            received += slot.received;
        }
        let share = self.usual_share.min(MAX_SHARE);
        let expected = f64::from(taken) * share;
        if taken < MIN_MATURE || expected <= 0.0 {
            return 0.0;
        }
        let chance = CHANCE * (expected * (1.0 - share)).sqrt();
        ((expected - f64::from(received) - chance) / expected).clamp(0.0, 1.0)
    }

    /// How long nine of ten receipts take.
    fn usual_delay(&self) -> Duration {
        let mut delays: Vec<Duration> = self.delays.iter().copied().collect();
        if delays.is_empty() {
            return MAX_DELAY;
        }
        let place = (delays.len() * DELAYS_OF_TEN / 10).min(delays.len() - 1);
        let (_, delay, _) = delays.select_nth_unstable(place);
        (*delay).clamp(MIN_DELAY, MAX_DELAY)
    }

    /// The second before which all messages are mature.
    fn mature_until(&self, now: MonotonicTime) -> u64 {
        second_of(now.before(self.usual_delay() * MATURE_AFTER))
    }

    /// Learns from what became mature, once a second, and forgets what is old.
    fn learn(&mut self, now: MonotonicTime) {
        if second_of(now) <= self.learned_at {
            return;
        }
        self.learned_at = second_of(now);
        let until = self.mature_until(now);
        let silent = self.silence(now) >= SILENT;
        let mature = self.slots.iter().filter(|slot| (self.learned_until..until).contains(&slot.second));
        for slot in mature.filter(|_| !silent) {
            let step = LEARNING.max(1.0 / (self.learned + 1) as f64);
            // As if each message had been learned from by itself.
            let step = 1.0 - (1.0 - step).powi(slot.taken.cast_signed());
            let share = f64::from(slot.received) / f64::from(slot.taken);
            self.usual_share += step * (share - self.usual_share);
            self.learned += u64::from(slot.taken);
        }
        self.learned_until = self.learned_until.max(until);
        while self.slots.front().is_some_and(|slot| !is_remembered(slot, now)) {
            self.slots.pop_front();
        }
    }
}

fn second_of(at: MonotonicTime) -> u64 {
    at.since(MonotonicTime::default()).as_secs() / SLOT.as_secs()
}

fn is_remembered(slot: &TakenSlot, now: MonotonicTime) -> bool {
    slot.second >= second_of(now.before(REMEMBERED))
}

#[cfg(test)]
mod tests;
