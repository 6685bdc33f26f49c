use super::*;

/// A provider whose receipts take a while, and its statistics.
struct ReceiptCase {
    statistics: ReceiptStatistics,
    now: u64,
    /// Receipts on their way: when each comes, and when its message was taken.
    on_their_way: VecDeque<(u64, u64)>,
    sent: u64,
}

/// 30 messages a second.
const EVERY_MS: u64 = 33;

fn at(ms: u64) -> MonotonicTime {
    MonotonicTime::from_origin(Duration::from_millis(ms))
}

impl ReceiptCase {
    fn new() -> Self {
        Self { statistics: ReceiptStatistics::new(), now: 60_400, on_their_way: VecDeque::new(), sent: 0 }
    }

    /// Sends for a while; `of_ten` messages of ten get a receipt after `delay_ms`. None comes while `held`.
    fn run(&mut self, seconds: u64, of_ten: u64, delay_ms: u64, held: bool) {
        let end = self.now + seconds * 1_000;
        while self.now < end {
            self.statistics.taken(at(self.now));
            if self.sent * 7 % 10 < of_ten {
                self.on_their_way.push_back((self.now + delay_ms, self.now));
            }
            self.sent += 1;
            self.now += EVERY_MS;
            while !held && self.on_their_way.front().is_some_and(|(due, _)| *due <= self.now) {
                let (_, taken) = self.on_their_way.pop_front().unwrap();
                self.statistics.received(Duration::from_millis(self.now - taken), at(self.now));
            }
        }
    }

    fn silence(&self) -> f64 {
        self.statistics.silence(at(self.now))
    }
}

#[test]
fn who_gives_receipts_as_always_is_not_silent() {
    for (of_ten, delay_ms) in [(10, 40), (10, 800), (10, 9_000), (8, 3_000), (3, 500)] {
        let mut case = ReceiptCase::new();
        for second in 0..120 {
            case.run(1, of_ten, delay_ms, false);
            assert_eq!(case.silence(), 0.0, "{of_ten} of ten after {delay_ms} ms, second {second}");
        }
        let share = case.statistics.usual_share;
        assert!((share * 10.0 - of_ten as f64).abs() < 0.5, "{of_ten} of ten: {share}");
    }
}

#[test]
fn who_stops_giving_receipts_is_silent_after_twice_the_usual_delay_and_a_second_until_they_come_again() {
    for (of_ten, delay_ms) in [(10, 40), (10, 800), (10, 5_000), (8, 2_000)] {
        let mut case = ReceiptCase::new();
        case.run(120, of_ten, delay_ms, false);
        case.run(2 * delay_ms.max(1_000) / 1_000 + 1, of_ten, delay_ms, true);
        let silence = case.silence();
        assert!(silence > 0.5, "{of_ten} of ten after {delay_ms} ms: {silence}");
        // However long it lasts, that is not taken for usual.
        case.run(300, of_ten, delay_ms, true);
        assert!(case.silence() > 0.7, "{}", case.silence());
        case.run(60, of_ten, delay_ms, false);
        assert_eq!(case.silence(), 0.0, "{of_ten} of ten after {delay_ms} ms, when they come again");
    }
}

#[test]
fn who_gives_half_of_its_receipts_is_half_silent() {
    let mut case = ReceiptCase::new();
    case.run(120, 10, 500, false);
    case.run(20, 5, 500, false);
    let silence = case.silence();
    assert!((0.35..0.6).contains(&silence), "{silence}");
}

#[test]
fn of_who_never_gave_receipts_or_few_nothing_is_said() {
    let mut case = ReceiptCase::new();
    case.run(300, 0, 500, false);
    assert_eq!(case.silence(), 0.0, "never any");
    let mut case = ReceiptCase::new();
    case.run(1, 10, 500, false);
    case.run(60, 10, 500, true);
    assert_eq!((case.silence(), case.statistics.receipts < MIN_RECEIPTS), (0.0, true), "few");
    let mut case = ReceiptCase::new();
    case.run(120, 10, 500, false);
    case.now += 10_000;
    for _ in 0..MIN_MATURE - 1 {
        case.statistics.taken(at(case.now));
    }
    case.now += REMEMBERED.as_millis() as u64;
    assert_eq!(case.silence(), 0.0, "few of late");
}

#[test]
fn one_missing_receipt_of_twenty_is_chance() {
    let mut case = ReceiptCase::new();
    case.run(120, 10, 500, false);
    case.on_their_way.pop_back();
    for _ in 0..10 {
        case.run(1, 10, 500, false);
        assert_eq!(case.silence(), 0.0);
    }
}

#[test]
fn a_receipt_before_the_answer_counts_for_the_message_that_is_answered_next() {
    let mut statistics = ReceiptStatistics::new();
    for ms in (60_000..120_000).step_by(100) {
        statistics.received(Duration::ZERO, at(ms));
        statistics.taken(at(ms + 50));
    }
    assert!(statistics.usual_share > 0.99, "{}", statistics.usual_share);
    assert_eq!(statistics.silence(at(120_000)), 0.0);
    // One that belongs to nobody waits for no message of later.
    statistics.received(Duration::ZERO, at(200_000));
    statistics.taken(at(260_000));
    assert_eq!(statistics.slots.back().map(|slot| slot.received), Some(0));
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut case = ReceiptCase::new();
    case.run(2 * REMEMBERED.as_secs(), 10, 500, false);
    assert!(case.statistics.slots.len() <= REMEMBERED.as_secs() as usize + 2);
    assert_eq!(case.statistics.delays.len(), MAX_DELAYS);
}
