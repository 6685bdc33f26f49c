//! What a message has been through, and the state folded from it.
//!
//! The history is the only record of progress: the state is never set, it follows from the events, so a message's
//! history always explains its state.

use super::{Objection, Outcome, Plan, Reason, Receipt, ReceiptStatus, Timestamp, Way};

/// Where a message stands. States are honest: accepted is not sent, sent is not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageState {
    /// On disk, and not yet looked at, or not yet due.
    Accepted,
    /// Held, or waiting for a way to open.
    Waiting,
    /// A provider is being called.
    Sending,
    /// A provider took it.
    Sent,
    /// The message reached the device or mailbox.
    Delivered,
    /// The message was read.
    Read,
    /// No way led anywhere.
    Failed,
    /// No way was permitted.
    Suppressed,
    /// Its time passed.
    Expired,
    /// The message was cancelled.
    Cancelled,
    /// The message may or may not have been sent, and a second copy is forbidden or no longer wanted.
    InDoubt,
}

impl MessageState {
    /// A stable word for the state.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Waiting => "waiting",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
            Self::Suppressed => "suppressed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::InDoubt => "in doubt",
        }
    }

    /// Whether a provider is known to have the message.
    pub fn is_sent(self) -> bool {
        matches!(self, Self::Sent | Self::Delivered | Self::Read)
    }

    /// Whether dispatch has nothing more to do by itself. A sent message may still be watched by its fallback policy.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Accepted | Self::Waiting | Self::Sending)
    }
}

/// Why a message waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitReason {
    /// Why.
    pub reason: Reason,
    /// The reason in a sentence.
    pub explanation: String,
}

/// What happened to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageEventDetail {
    /// The gateway has it on disk.
    Accepted,
    /// Consent and routing were decided, differently from the last time.
    Planned(Plan),
    /// A provider is about to be called.
    AttemptStarted {
        /// The number of the attempt, from 1.
        attempt: u32,
        /// The way taken.
        way: Way,
    },
    /// The call ended.
    AttemptFinished {
        /// The number of the attempt.
        attempt: u32,
        /// What came of it.
        outcome: Outcome,
    },
    /// A provider reported on an attempt.
    Receipt(Receipt),
    /// Nothing can be done before a later time.
    Waiting {
        /// When it is looked at again.
        until: Timestamp,
        /// Why.
        why: WaitReason,
    },
    /// The fallback policy asked for another way.
    FellBack {
        /// The attempt no longer waited for.
        attempt: u32,
        /// Why.
        explanation: String,
    },
    /// Somebody asked to cancel it.
    CancelRequested {
        /// Who.
        actor: String,
    },
    /// Nothing more will be tried.
    Finished {
        /// The state it ends in.
        state: MessageState,
        /// Why.
        reason: Reason,
        /// The reason in a sentence.
        explanation: String,
    },
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageEvent {
    /// When.
    pub at: Timestamp,
    /// The state after it.
    pub state: MessageState,
    /// What.
    pub detail: MessageEventDetail,
}

/// A call to a provider, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt<'a> {
    /// Its number, from 1.
    pub number: u32,
    /// The way taken.
    pub way: &'a Way,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended, and what came of it; absent while it is in flight or when a crash cut it off.
    pub ended: Option<(Timestamp, &'a Outcome)>,
    /// The strongest receipt.
    pub receipt: Option<ReceiptStatus>,
    /// What receipts said against its address.
    pub objection: Option<Objection>,
    /// Whether the fallback policy gave it up.
    pub given_up: bool,
}

impl Attempt<'_> {
    /// Whether the provider is known to have taken the message, by its answer or by a receipt.
    pub fn is_sent(&self) -> bool {
        matches!(self.ended, Some((_, Outcome::Sent { .. })))
            || self.receipt.is_some_and(|status| status != ReceiptStatus::Failed)
    }

    /// Whether its outcome is unknown.
    pub fn is_unknown(&self) -> bool {
        matches!(self.ended, Some((_, Outcome::Unknown { .. })))
    }

    /// Whether the provider reported that it could not deliver, and nothing better.
    pub fn reported_failed(&self) -> bool {
        self.receipt == Some(ReceiptStatus::Failed)
    }
}

/// Everything that happened to a message, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    events: Vec<MessageEvent>,
}

impl History {
    /// The history of a message that was just accepted.
    pub fn accepted(at: Timestamp) -> Self {
        let mut history = Self::default();
        history.push(at, MessageEventDetail::Accepted);
        history
    }

    /// Reads back what was stored.
    pub fn from_events(events: Vec<MessageEvent>) -> Self {
        Self { events }
    }

    /// The events, oldest first.
    pub fn events(&self) -> &[MessageEvent] {
        &self.events
    }

    /// How many events there are. Also the version of the history: it only ever grows.
    pub fn version(&self) -> usize {
        self.events.len()
    }

    /// The state now.
    pub fn state(&self) -> MessageState {
        self.events.last().map_or(MessageState::Accepted, |event| event.state)
    }

    /// Whether somebody asked to cancel it.
    pub fn cancel_requested(&self) -> bool {
        self.events.iter().any(|event| matches!(event.detail, MessageEventDetail::CancelRequested { .. }))
    }

    /// The plan last recorded.
    pub fn last_plan(&self) -> Option<&Plan> {
        self.events.iter().rev().find_map(|event| match &event.detail {
            MessageEventDetail::Planned(plan) => Some(plan),
            _ => None,
        })
    }

    /// The calls so far, in order.
    pub fn attempts(&self) -> Vec<Attempt<'_>> {
        let mut attempts: Vec<Attempt<'_>> = Vec::new();
        for event in &self.events {
            match &event.detail {
                MessageEventDetail::AttemptStarted { attempt, way } => attempts.push(Attempt {
                    number: *attempt,
                    way,
                    started_at: event.at,
                    ended: None,
                    receipt: None,
                    objection: None,
                    given_up: false,
                }),
                MessageEventDetail::AttemptFinished { attempt, outcome } => {
                    update_attempt(&mut attempts, *attempt, |known| known.ended = Some((event.at, outcome)));
                }
                MessageEventDetail::Receipt(receipt) => {
                    update_attempt(&mut attempts, receipt.attempt, |known| {
                        known.receipt = known.receipt.max(Some(receipt.status));
                        known.objection = known.objection.or(receipt.objection);
                    });
                }
                MessageEventDetail::FellBack { attempt, .. } => {
                    update_attempt(&mut attempts, *attempt, |known| known.given_up = true)
                }
                _ => {}
            }
        }
        attempts
    }

    /// The number of the first attempt by a way whose outcome is unknown, and on which no receipt reported.
    pub fn first_in_doubt(&self, way: &Way) -> Option<u32> {
        let attempts = self.attempts();
        let in_doubt =
            |attempt: &&Attempt<'_>| attempt.way == way && attempt.is_unknown() && attempt.receipt.is_none();
        attempts.iter().find(in_doubt).map(|attempt| attempt.number)
    }

    /// Appends what happened at `at` and folds the state. A receipt that says nothing new is dropped; returns whether
    /// the event was kept.
    pub fn push(&mut self, at: Timestamp, detail: MessageEventDetail) -> bool {
        if let MessageEventDetail::Receipt(receipt) = &detail
            && self.has_receipt(receipt)
        {
            return false;
        }
        let state = match &detail {
            MessageEventDetail::Receipt(receipt) => self.fold_receipt(receipt),
            detail => self.fold_detail(detail),
        };
        self.events.push(MessageEvent { at, state, detail });
        true
    }

    /// Cancels at `at` for `actor`: at once when nothing is in flight, else after the call in flight.
    ///
    /// # Errors
    /// The state, when it is sent or final and there is nothing to cancel.
    pub fn cancel(&mut self, at: Timestamp, actor: &str) -> Result<(), MessageState> {
        let state = self.state();
        if state.is_final() {
            return Err(state);
        }
        if !self.cancel_requested() {
            self.push(at, MessageEventDetail::CancelRequested { actor: actor.to_owned() });
        }
        if state != MessageState::Sending {
            let (state, explanation) = self.cancelled_state();
            let (reason, explanation) = (Reason::Cancelled, explanation.to_owned());
            self.push(at, MessageEventDetail::Finished { state, reason, explanation });
        }
        Ok(())
    }

    /// How a cancelled message ends, and why: one that a provider took stays sent, and one that a provider may have
    /// taken stays in doubt.
    pub fn cancelled_state(&self) -> (MessageState, &'static str) {
        let in_doubt = |attempt: &Attempt<'_>| attempt.is_unknown() && !attempt.reported_failed();
        if let Some(reached) = self.reached_state() {
            (reached, "It was cancelled after it had been sent; no other way is tried.")
        } else if self.attempts().iter().any(in_doubt) {
            (MessageState::InDoubt, "It was cancelled when it was not known whether it had been sent.")
        } else {
            (MessageState::Cancelled, "It was cancelled before it was sent.")
        }
    }

    /// How far it has come, whatever is tried besides: delivered or read, as a receipt has proved, or sent, when a provider
    /// took it in some attempt and did not report later that it could not deliver.
    pub fn reached_state(&self) -> Option<MessageState> {
        let stands = |attempt: &Attempt<'_>| attempt.is_sent() && !attempt.reported_failed();
        match self.state() {
            proved @ (MessageState::Delivered | MessageState::Read) => Some(proved),
            _ => self.attempts().iter().any(stands).then_some(MessageState::Sent),
        }
    }

    /// Whether a provider took it, and no receipt confirmed or denied that it arrived.
    pub fn lacks_receipt(&self) -> bool {
        let attempts = self.attempts();
        let arrived = attempts.iter().any(|attempt| attempt.receipt >= Some(ReceiptStatus::Delivered));
        let untold = |attempt: &Attempt<'_>| !attempt.receipt.is_some_and(ReceiptStatus::is_final);
        !arrived && attempts.iter().any(|attempt| attempt.is_sent() && untold(attempt))
    }

    /// Whether a provider took it in some attempt that still stands: not `besides`, not given up, not reported as failed.
    fn stands_sent(&self, besides: Option<u32>) -> bool {
        let stands =
            |attempt: &Attempt<'_>| attempt.is_sent() && !attempt.given_up && !attempt.reported_failed();
        self.attempts().iter().any(|attempt| Some(attempt.number) != besides && stands(attempt))
    }

    /// What happened moves the state, except that nothing takes back what a receipt has proved.
    fn fold_detail(&self, detail: &MessageEventDetail) -> MessageState {
        let state = self.state();
        if matches!(state, MessageState::Delivered | MessageState::Read) {
            return state;
        }
        match detail {
            MessageEventDetail::Accepted => MessageState::Accepted,
            MessageEventDetail::AttemptStarted { .. } => MessageState::Sending,
            MessageEventDetail::AttemptFinished { outcome: Outcome::Sent { .. }, .. } => MessageState::Sent,
            MessageEventDetail::AttemptFinished { .. } if self.stands_sent(None) => MessageState::Sent,
            MessageEventDetail::FellBack { attempt, .. } if self.stands_sent(Some(*attempt)) => {
                MessageState::Sent
            }
            MessageEventDetail::AttemptFinished { .. } | MessageEventDetail::FellBack { .. } => {
                MessageState::Waiting
            }
            MessageEventDetail::Waiting { .. } if state == MessageState::Sent => MessageState::Sent,
            MessageEventDetail::Waiting { .. } => MessageState::Waiting,
            MessageEventDetail::Finished { state, .. } => *state,
            MessageEventDetail::Planned(_)
            | MessageEventDetail::CancelRequested { .. }
            | MessageEventDetail::Receipt(_) => state,
        }
    }

    /// The state after a receipt. Delivered and read count whichever attempt they speak of. Sent counts for an attempt
    /// that was not given up and of which nothing was heard; failed, when no other attempt stands as sent. A call in
    /// flight goes on: its own end decides. Once the message has ended, nothing makes dispatch take it up again.
    fn fold_receipt(&self, receipt: &Receipt) -> MessageState {
        let attempts = self.attempts();
        let standing =
            attempts.iter().rfind(|attempt| !attempt.given_up && (attempt.is_sent() || attempt.is_unknown()));
        let stands = standing.is_some_and(|attempt| attempt.number == receipt.attempt);
        let reported = attempts.iter().find(|reported| reported.number == receipt.attempt);
        let first_word = reported.is_some_and(|reported| !reported.given_up && reported.receipt.is_none());
        let others = || attempts.iter().filter(|attempt| attempt.number != receipt.attempt);
        let sent_otherwise = others().any(|attempt| attempt.is_sent() && !attempt.reported_failed());
        let stands_otherwise =
            others().any(|attempt| attempt.is_sent() && !attempt.reported_failed() && !attempt.given_up);
        let state = self.state();
        match (receipt.status, state) {
            (ReceiptStatus::Read, _) | (_, MessageState::Read) => MessageState::Read,
            (ReceiptStatus::Delivered, _) | (_, MessageState::Delivered) => MessageState::Delivered,
            (ReceiptStatus::Sent, MessageState::Waiting | MessageState::InDoubt) if first_word => {
                MessageState::Sent
            }
            (ReceiptStatus::Failed, MessageState::Sent) if self.has_ended() && !sent_otherwise => {
                MessageState::Failed
            }
            (ReceiptStatus::Failed, MessageState::Sent) if !self.has_ended() && !stands_otherwise => {
                MessageState::Waiting
            }
            (ReceiptStatus::Failed, MessageState::InDoubt) if stands => MessageState::Failed,
            (ReceiptStatus::Sent | ReceiptStatus::Failed, state) => state,
        }
    }

    /// Whether dispatch has ended it.
    pub fn has_ended(&self) -> bool {
        self.events.iter().any(|event| matches!(event.detail, MessageEventDetail::Finished { .. }))
    }

    fn has_receipt(&self, new: &Receipt) -> bool {
        self.events.iter().any(|event| match &event.detail {
            MessageEventDetail::Receipt(old) => {
                let same = old.attempt == new.attempt && old.status == new.status;
                same && (new.objection.is_none() || new.objection == old.objection)
            }
            _ => false,
        })
    }
}

fn update_attempt<'a>(attempts: &mut [Attempt<'a>], number: u32, change: impl FnOnce(&mut Attempt<'a>)) {
    if let Some(attempt) = attempts.iter_mut().find(|attempt| attempt.number == number) {
        change(attempt);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, Channel, OutcomeEvidence};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn push_started(history: &mut History, attempt: u32) {
        let way = Way {
            channel: Channel::Telegram,
            address: Address::TelegramChat(7),
            provider: "tg".parse().unwrap(),
            failure_domain: "telegram".into(),
        };
        history.push(at(1), MessageEventDetail::AttemptStarted { attempt, way });
    }

    fn push_finished(history: &mut History, attempt: u32, outcome: Outcome) {
        history.push(at(2), MessageEventDetail::AttemptFinished { attempt, outcome });
    }

    fn unknown() -> Outcome {
        Outcome::unknown(OutcomeEvidence::default())
    }

    fn unavailable() -> Outcome {
        Outcome::Unavailable { evidence: OutcomeEvidence::default() }
    }

    fn push_receipt(history: &mut History, attempt: u32, status: ReceiptStatus) {
        let evidence = OutcomeEvidence::default();
        history.push(
            at(3),
            MessageEventDetail::Receipt(Receipt {
                attempt,
                status,
                reported_at: at(3),
                evidence,
                objection: None,
            }),
        );
    }

    #[test]
    fn the_first_call_in_doubt_is_one_by_the_same_way_of_which_nothing_was_heard() {
        let mut history = History::accepted(at(0));
        push_started(&mut history, 1);
        push_finished(&mut history, 1, unavailable());
        let way = history.attempts()[0].way.clone();
        assert_eq!(history.first_in_doubt(&way), None);
        for attempt in [2, 3] {
            push_started(&mut history, attempt);
            push_finished(&mut history, attempt, unknown());
        }
        push_started(&mut history, 4);
        push_finished(&mut history, 4, unavailable());
        assert_eq!(history.first_in_doubt(&way), Some(2));
        assert_eq!(history.first_in_doubt(&Way { provider: "tg-2".parse().unwrap(), ..way.clone() }), None);
        push_receipt(&mut history, 2, ReceiptStatus::Failed);
        assert_eq!(history.first_in_doubt(&way), Some(3));
        push_receipt(&mut history, 3, ReceiptStatus::Failed);
        assert_eq!(history.first_in_doubt(&way), None);
    }

    #[test]
    fn a_receipt_that_comes_before_the_lost_answer_proves_that_it_was_sent() {
        let mut history = History::accepted(at(0));
        push_started(&mut history, 1);
        push_receipt(&mut history, 1, ReceiptStatus::Sent);
        push_finished(&mut history, 1, unknown());
        assert_eq!(history.state(), MessageState::Sent);
    }

    #[test]
    fn a_second_copy_that_fails_leaves_the_first_sent() {
        let mut history = History::accepted(at(0));
        push_started(&mut history, 1);
        push_finished(&mut history, 1, unknown());
        push_started(&mut history, 2);
        push_receipt(&mut history, 1, ReceiptStatus::Sent);
        push_finished(&mut history, 2, unavailable());
        assert_eq!(history.state(), MessageState::Sent);
    }

    #[test]
    fn an_attempt_given_up_does_not_make_the_next_one_sent() {
        let mut history = History::accepted(at(0));
        push_started(&mut history, 1);
        push_finished(&mut history, 1, Outcome::sent("1"));
        history.push(at(4), MessageEventDetail::FellBack { attempt: 1, explanation: "Late.".into() });
        push_started(&mut history, 2);
        push_finished(&mut history, 2, unavailable());
        assert_eq!(history.state(), MessageState::Waiting);
    }

    #[test]
    fn cancelling_what_may_have_been_sent_leaves_it_in_doubt_until_a_receipt_comes() {
        let mut history = History::accepted(at(0));
        push_started(&mut history, 1);
        push_finished(&mut history, 1, unknown());
        history.cancel(at(4), "ana").unwrap();
        assert_eq!(history.state(), MessageState::InDoubt);
        push_receipt(&mut history, 1, ReceiptStatus::Sent);
        assert_eq!(history.state(), MessageState::Sent);
    }
}
