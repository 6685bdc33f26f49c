use futures_util::future::join_all;
use futures_util::poll;

use super::*;

fn limiter(max_concurrency: u32, rate_per_second: Option<f64>) -> ProviderLimiter {
    ProviderLimiter::new(&ProviderLimits { max_concurrency, rate_per_second, ..ProviderLimits::default() })
}

#[tokio::test(start_paused = true)]
async fn calls_are_spaced_by_the_rate() {
    let limiter = limiter(100, Some(10.0));
    let start = Instant::now();
    for turn in 0..5 {
        drop(limiter.turn(MessageClass::Commercial, || None).await.unwrap());
        assert_eq!(start.elapsed().as_millis().div_ceil(100), turn);
    }
}

#[tokio::test(start_paused = true)]
async fn calls_are_spaced_by_the_slower_of_the_rates_that_is_set_and_that_is_learned() {
    for (set, learned, millis) in [
        (None, Some(10.0), 100),
        (Some(10.0), Some(5.0), 200),
        (Some(5.0), Some(10.0), 200),
        (None, Some(0.5), 2_000),
    ] {
        let limiter = limiter(100, set);
        let start = Instant::now();
        for turn in 0..5 {
            assert!(limiter.try_turn(learned).is_none());
            drop(limiter.turn(MessageClass::Commercial, || learned).await.unwrap());
            assert_eq!(start.elapsed().as_millis() / millis, turn, "{set:?} {learned:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_stops_waiting_takes_nobodys_place() {
    let limiter = limiter(100, Some(10.0));
    let start = Instant::now();
    drop(limiter.turn(MessageClass::Commercial, || None).await.unwrap());
    for _ in 0..50 {
        assert!(poll!(std::pin::pin!(limiter.turn(MessageClass::Commercial, || None))).is_pending());
    }
    drop(limiter.turn(MessageClass::Commercial, || None).await.unwrap());
    assert_eq!(start.elapsed().as_millis() / 10, 10);
}

/// Attempts begin evenly, but the first takes long to record.
#[tokio::test(start_paused = true)]
async fn calls_are_spaced_however_long_their_attempts_take_to_record() {
    let limiter = limiter(100, Some(10.0));
    let start = Instant::now();
    let call = async |record: Duration| {
        let turn = limiter.turn(MessageClass::Commercial, || None).await.unwrap();
        tokio::time::sleep(record).await;
        assert!(limiter.recorded(&turn, None).is_none());
        let _slot = limiter.slot(|| None).await;
        start.elapsed().as_millis()
    };
    let millis = Duration::from_millis;
    let mut called = join_all([150, 5, 5, 5, 5].map(|record| call(millis(record)))).await;
    called.sort_unstable();
    let gaps: Vec<u128> = called.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap >= 95), "{called:?}");
    assert!(called[4] <= 505, "nothing is lost: {called:?}");
}

#[tokio::test(start_paused = true)]
async fn a_long_queue_is_told_to_come_back_one_by_one_at_the_rate() {
    let limiter = limiter(100, Some(10.0));
    let turns = join_all((0..1_000).map(|_| limiter.turn(MessageClass::Commercial, || None))).await;
    let mut returns: Vec<Duration> =
        turns.into_iter().filter_map(|turn| Some(turn.err()?.retry_after)).collect();
    returns.sort();
    assert!((980..=990).contains(&returns.len()), "a second's worth waits here: {}", returns.len());
    assert_eq!(returns[1] - returns[0], Duration::from_millis(100));
    assert!(returns[900] >= Duration::from_secs(90), "{:?}", returns[900]);
    assert!(
        limiter.turn(MessageClass::Transactional, || None).await.is_ok(),
        "a campaign's queue is not in its way"
    );
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_than_slots_and_as_many_waiting_of_each_class() {
    let limiter = limiter(1, None);
    let turn = limiter.try_turn(None).unwrap();
    assert!(limiter.try_turn(None).is_none());
    let waiting = limiter.turn(MessageClass::Commercial, || None);
    tokio::pin!(waiting);
    assert!(poll!(waiting.as_mut()).is_pending());
    assert!(limiter.turn(MessageClass::Commercial, || None).await.is_err(), "one may wait, a second may not");
    assert!(poll!(std::pin::pin!(limiter.turn(MessageClass::Transactional, || None))).is_pending());
    drop(turn);
    assert!(waiting.await.is_ok());
}

/// Delivers `messages` messages, each of which takes `recording` to record and `call` to call. Returns how long that took.
async fn deliver_all(
    limiter: &ProviderLimiter,
    messages: usize,
    recording: Duration,
    call: Duration,
) -> Duration {
    let start = Instant::now();
    let send_one = async || {
        let turn = limiter.turn(MessageClass::Commercial, || None).await.unwrap();
        tokio::time::sleep(recording).await;
        let slot = match limiter.recorded(&turn, None) {
            Some(slot) => slot,
            None => limiter.slot(|| None).await,
        };
        tokio::time::sleep(call).await;
        limiter.called(call);
        drop((slot, turn));
    };
    join_all((0..messages).map(|_| send_one())).await;
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn attempts_are_recorded_ahead_as_long_as_recording_is_what_takes_time() {
    let millis = Duration::from_millis;
    let fast = limiter(10, None);
    deliver_all(&fast, 10, millis(9), millis(3)).await;
    // Half a second of calls on ten slots.
    let elapsed = deliver_all(&fast, 10 * 160, millis(9), millis(3)).await;
    assert!(elapsed < millis(520), "the slots were idle for {:?}", elapsed - millis(480));
    let slow = limiter(10, None);
    for messages in [10, 30] {
        deliver_all(&slow, messages, millis(9), millis(300)).await;
    }
    assert_eq!(slow.concurrency.free_turns(), 10, "nothing is gained by recording ahead");
}
