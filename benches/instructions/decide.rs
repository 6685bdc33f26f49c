//! `consent::decide`: one address of one person.

use std::hint::black_box;

use gungraun::{library_benchmark, library_benchmark_group};
use jiff::tz::TimeZone;

use relevo::consent::{self, ConsentQuery};
use relevo::model::{Address, Channel, Class, ConsentAction, Reason, Recipient, Timestamp, Topic, Verdict};

use crate::harness::repeat;
use crate::person::{entry, noon, person, phone, topic};

/// What is asked, of whom and when. It is never freed, so that nothing but the decisions is counted.
pub struct Asked {
    class: Class,
    topic: Topic,
    address: Address,
    recipient: Recipient,
    now: Timestamp,
}

impl Asked {
    fn new(class: Class, recipient: Recipient) -> Self {
        Self { class, topic: topic(), address: phone(), recipient, now: noon() }
    }

    /// Asked once beforehand: the case must be the one it says, and the time zone known as it is in a running gateway.
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

fn commercial(entries: usize) -> &'static Asked {
    Asked::new(Class::Commercial, person(Channel::Sms, entries)).expecting(Reason::OptInGranted)
}

fn commercial_at_night() -> &'static Asked {
    let now = "2026-06-01T22:30:00Z".parse().expect("a time");
    let asked = Asked::new(Class::Commercial, person(Channel::Sms, 10));
    Asked { now, ..asked }.expecting(Reason::QuietHours)
}

fn commercial_after_stop() -> &'static Asked {
    let mut recipient = person(Channel::Sms, 10);
    recipient.ledger.push(entry(11, ConsentAction::Revoke, Channel::Sms, "*"));
    Asked::new(Class::Commercial, recipient).expecting(Reason::OptInRevoked)
}

fn transactional(entries: usize) -> &'static Asked {
    Asked::new(Class::Transactional, person(Channel::Sms, entries)).expecting(Reason::Transactional)
}

#[library_benchmark]
#[bench::commercial_ledger_of_1(args = (1), setup = commercial)]
#[bench::commercial_ledger_of_10(args = (10), setup = commercial)]
#[bench::commercial_ledger_of_100(args = (100), setup = commercial)]
#[bench::commercial_at_night(setup = commercial_at_night)]
#[bench::commercial_after_stop(setup = commercial_after_stop)]
#[bench::transactional_ledger_of_10(args = (10), setup = transactional)]
fn decide(asked: &'static Asked) {
    repeat(|| black_box(asked).verdict());
}

library_benchmark_group!(name = consent_room, benchmarks = [decide]);
