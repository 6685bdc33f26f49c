//! `consent::decide`: one address of one contact.

use std::hint::black_box;

use gungraun::{library_benchmark, library_benchmark_group};
use jiff::tz::TimeZone;

use relevo::consent::{self, ConsentQuery};
use relevo::model::{
    Address, Channel, ConsentAction, MessageClass, Reason, Recipient, Timestamp, Topic, Verdict,
};

use crate::harness::repeat;
use crate::recipient::{entry, noon, phone, recipient, topic};

/// The arguments of a decision. They are never freed, so that only the decisions are counted.
pub struct ConsentCase {
    class: MessageClass,
    topic: Topic,
    address: Address,
    recipient: Recipient,
    now: Timestamp,
}

impl ConsentCase {
    fn new(class: MessageClass, recipient: Recipient) -> Self {
        Self { class, topic: topic(), address: phone(), recipient, now: noon() }
    }

    /// Decides once beforehand. The reason must be the expected one, and the time zone is then known, as in a running gateway.
    fn expecting(self, reason: Reason) -> &'static Self {
        assert_eq!(self.verdict().reason, reason);
        Box::leak(Box::new(self))
    }

    fn verdict(&self) -> Verdict {
        let Self { class, topic, address, recipient, now } = self;
        let question = ConsentQuery { class: *class, topic, channel: Channel::Sms, address };
        consent::decide(&question, recipient, &TimeZone::UTC, *now)
    }
}

fn commercial(entries: usize) -> &'static ConsentCase {
    ConsentCase::new(MessageClass::Commercial, recipient(Channel::Sms, entries))
        .expecting(Reason::OptInGranted)
}

fn commercial_at_night() -> &'static ConsentCase {
    let now = "2026-06-01T22:30:00Z".parse().expect("a time");
    let case = ConsentCase::new(MessageClass::Commercial, recipient(Channel::Sms, 10));
    ConsentCase { now, ..case }.expecting(Reason::QuietHours)
}

fn commercial_after_stop() -> &'static ConsentCase {
    let mut recipient = recipient(Channel::Sms, 10);
    recipient.ledger.add(&entry(11, ConsentAction::Revoke, Channel::Sms, "*"));
    ConsentCase::new(MessageClass::Commercial, recipient).expecting(Reason::OptInRevoked)
}

fn transactional(entries: usize) -> &'static ConsentCase {
    ConsentCase::new(MessageClass::Transactional, recipient(Channel::Sms, entries))
        .expecting(Reason::Transactional)
}

#[library_benchmark]
#[bench::commercial_ledger_of_1(args = (1), setup = commercial)]
#[bench::commercial_ledger_of_10(args = (10), setup = commercial)]
#[bench::commercial_ledger_of_100(args = (100), setup = commercial)]
#[bench::commercial_at_night(setup = commercial_at_night)]
#[bench::commercial_after_stop(setup = commercial_after_stop)]
#[bench::transactional_ledger_of_10(args = (10), setup = transactional)]
fn decide(case: &'static ConsentCase) {
    repeat(|| black_box(case).verdict());
}

library_benchmark_group!(name = consent_room, benchmarks = [decide]);
