//! Reads the history of a message into forms that tests can compare.

use relevo::wire::v1::{self, event::Detail};

/// One call to a provider, by the history.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub number: i32,
    pub way: v1::Way,
    pub started: prost_types::Timestamp,
    pub ended: Option<(prost_types::Timestamp, v1::Outcome)>,
}

impl Attempt {
    /// The outcome's kind.
    pub fn outcome(&self) -> v1::OutcomeKind {
        self.ended.as_ref().map_or(v1::OutcomeKind::Unspecified, |(_, outcome)| outcome.kind())
    }

    /// The provider's code.
    pub fn code(&self) -> &str {
        self.ended.as_ref().map_or("", |(_, outcome)| outcome.code.as_str())
    }
}

fn details(message: &v1::Message) -> impl Iterator<Item = (prost_types::Timestamp, &Detail)> {
    message.history.iter().filter_map(|event| Some((event.time?, event.detail.as_ref()?)))
}

/// The attempts in order.
pub fn attempts(message: &v1::Message) -> Vec<Attempt> {
    let mut attempts: Vec<Attempt> = Vec::new();
    for (time, detail) in details(message) {
        match detail {
            Detail::AttemptStarted(started) => attempts.push(Attempt {
                number: started.attempt,
                way: started.way.clone().unwrap(),
                started: time,
                ended: None,
            }),
            Detail::AttemptFinished(finished) => {
                let attempt = attempts.iter_mut().find(|attempt| attempt.number == finished.attempt).unwrap();
                assert!(attempt.ended.is_none(), "an attempt ends once: {message:#?}");
                attempt.ended = Some((time, finished.outcome.clone().unwrap()));
            }
            _ => {}
        }
    }
    attempts
}

/// The attempts in order, each with its provider, outcome and code, such as `whatsapp UNAVAILABLE 131000, sms SENT`.
pub fn route_taken(message: &v1::Message) -> String {
    let step = |attempt: &Attempt| {
        let outcome = attempt.outcome().as_str_name().trim_start_matches("OUTCOME_KIND_");
        format!("{} {outcome} {}", attempt.way.provider, attempt.code()).trim_end().to_owned()
    };
    attempts(message).iter().map(step).collect::<Vec<_>>().join(", ")
}

/// The plans in order.
pub fn plans<'a>(message: &'a v1::Message) -> Vec<&'a v1::Plan> {
    let plan = |detail: &'a Detail| if let Detail::Planned(plan) = detail { Some(plan) } else { None };
    details(message).filter_map(|(_, detail)| plan(detail)).collect()
}

/// Why the channel was left out of the plan.
pub fn left_out_reason(plan: &v1::Plan, channel: v1::Channel) -> Option<&str> {
    plan.left_out.iter().find(|entry| entry.channel() == channel).map(|entry| entry.reason.as_str())
}

/// The reasons of the waits in order.
pub fn wait_reasons<'a>(message: &'a v1::Message) -> Vec<&'a str> {
    let reason = |detail: &'a Detail| {
        if let Detail::Waiting(waiting) = detail { Some(waiting.reason.as_str()) } else { None }
    };
    details(message).filter_map(|(_, detail)| reason(detail)).collect()
}

/// The reason with which the message ended; empty when it has not.
pub fn end_reason<'a>(message: &'a v1::Message) -> &'a str {
    let reason = |detail: &'a Detail| {
        if let Detail::Finished(finished) = detail { Some(finished.reason.as_str()) } else { None }
    };
    details(message).filter_map(|(_, detail)| reason(detail)).last().unwrap_or_default()
}

/// Milliseconds since 1970.
pub fn ms(time: &prost_types::Timestamp) -> i64 {
    time.seconds * 1_000 + i64::from(time.nanos) / 1_000_000
}
