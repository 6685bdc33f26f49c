use tracing::Level;

use super::*;

const INTERVAL: Duration = Duration::from_secs(10);

/// An instant to count from. No test waits.
fn start() -> Instant {
    Instant::now()
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn counter() -> RepeatCounter {
    RepeatCounter { max_repeats: 2, interval: INTERVAL, windows: HashMap::new() }
}

fn line(callsite: &'static str, provider: &str, error: &str) -> RepeatableLine {
    let mut line = RepeatableLine {
        kind: LineKind { callsite, fields: Default::default() },
        level: Level::WARN,
        message: "it failed".to_owned(),
        examples: Default::default(),
    };
    line.kind.fields[0] = Some(provider.to_owned());
    line.examples[3] = Some(error.to_owned());
    line
}

/// The counts that are told at `now`.
fn told(counter: &mut RepeatCounter, now: Instant) -> Vec<u64> {
    counter.take(now, INTERVAL).iter().map(|summary| summary.lines).collect()
}

#[test]
fn a_storm_is_told_when_it_begins_and_then_once_an_interval_until_it_has_ended() {
    let (mut counter, start) = (counter(), start());
    let mut written = 0;
    for _ in 0..1_700 {
        written += u32::from(counter.admit(line("here", "sms", "no room"), start));
    }
    assert_eq!(written, 2);
    assert!(told(&mut counter, start + seconds(9)).is_empty(), "the interval is not over");
    let summaries = counter.take(start + seconds(10), INTERVAL);
    let [summary] = &summaries[..] else { panic!("{summaries:?}") };
    assert_eq!((summary.lines, summary.interval, summary.level), (1_698, INTERVAL, Level::WARN));
    assert_eq!((summary.message.as_str(), summary.field("provider.name")), ("it failed", Some("sms")));
    assert_eq!(summary.examples("error").as_deref(), Some("no room"));
    // It goes on, and then ends: its last lines are told without another.
    assert!(!counter.admit(line("here", "sms", "no room"), start + seconds(11)));
    assert_eq!(told(&mut counter, start + seconds(20)), [1]);
    assert!(told(&mut counter, start + seconds(30)).is_empty(), "an interval passed without a line");
    assert!(counter.windows.is_empty(), "nothing is kept of what has ended");
    assert!(counter.admit(line("here", "sms", "no room"), start + seconds(31)));
}

#[test]
fn a_line_of_another_kind_is_written_in_the_middle_of_a_storm() {
    let (mut counter, now) = (counter(), start());
    for _ in 0..100 {
        counter.admit(line("here", "sms", "no room"), now);
    }
    assert!(counter.admit(line("there", "sms", "no room"), now));
    assert!(counter.admit(line("here", "email", "no room"), now));
}

#[test]
fn lines_that_seldom_come_are_all_written() {
    let (mut counter, start) = (counter(), start());
    for minute in 0..10 {
        let now = start + seconds(60 * minute);
        assert!(
            counter.admit(line("here", "sms", "no room"), now),
            "even when nobody looked since: {minute}"
        );
    }
    assert!(told(&mut counter, start + seconds(700)).is_empty());
}

#[test]
fn a_summary_shows_some_of_what_differed() {
    let (mut counter, now) = (counter(), start());
    for number in 0..9 {
        counter.admit(line("here", "sms", &format!("error {}", number / 2)), now);
    }
    let examples = |counter: &mut RepeatCounter| {
        let all = counter.take(now, Duration::ZERO);
        (all[0].lines, all[0].examples("error").unwrap_or_default(), all[0].examples("method"))
    };
    assert_eq!(examples(&mut counter), (7, "error 1, error 2, error 3, error 4".to_owned(), None));
    for number in 0..9 {
        counter.admit(line("here", "sms", &format!("error {number}")), now);
    }
    assert_eq!(examples(&mut counter).1, "error 0, error 1, error 2, error 3, ...");
}

#[test]
fn the_kinds_are_bounded_and_beyond_them_the_place_in_the_code_counts() {
    let (mut counter, now) = (counter(), start());
    for number in 0..3 * MAX_KINDS {
        counter.admit(line("here", &number.to_string(), "no room"), now);
    }
    assert_eq!(counter.windows.len(), MAX_KINDS + 1);
    let all = counter.take(now, Duration::ZERO);
    assert_eq!(all.iter().map(|summary| summary.lines).collect::<Vec<_>>(), [2 * MAX_KINDS as u64 - 2]);
    assert_eq!(all[0].field("provider.name"), None);
    assert!(counter.admit(line("there", "sms", "no room"), now), "another place has its own");
}

#[test]
fn lines_of_single_messages_and_people_are_no_repeats() {
    use tracing_subscriber::layer::SubscriberExt;

    let filter = RepeatFilter::new(1, INTERVAL);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(filter.clone()), || {
        for number in 0..5 {
            tracing::info!(message.id = number, "a message ended");
            tracing::info!(contact.id = number, "a contact link was followed");
            tracing::debug!("a step was taken");
            tracing::warn!(message.id = number, "it failed");
            tracing::info!(reason = "KEY_MISSING", peer.network = "203.0.113.0/24", "a call failed");
        }
    });
    let mut all: Vec<_> =
        filter.take_all(start()).into_iter().map(|summary| (summary.message, summary.lines)).collect();
    all.sort();
    assert_eq!(all, [("a call failed".to_owned(), 4), ("it failed".to_owned(), 4)]);
}
