//! The simulation: the real dispatch, consent, routing, health and store logic over a map in memory and scripted providers,
//! on a paused clock.
//!
//! # Why
//!
//! What the gateway promises must hold for every order in which things can happen: an answer that is lost while the process
//! crashes, a receipt that comes before the outcome it belongs to, a STOP between two attempts. Tests of single cases do not
//! reach these orders. Here one seed decides everything that can go wrong, four hundred seeds run in every test run, and a seed
//! that fails runs again exactly as it did.
//!
//! # How it works
//!
//! [`script::Script`] draws from the seed's random numbers: contacts with addresses, preferences and consents; messages and
//! repetitions of them; faults of whole failure domains, or of what one sender sends or one country gets there ([`faults`]: refusals,
//! calls that hang, lost answers, throttling, wrong credentials; slow, silent and half-broken providers, and those that refuse for no
//! reason, deny what they took, or take one call for two); a calendar that is set forward and back; grants that claim a time to come; texts that stop and start, from
//! addresses in the spelling of the provider; reasons to
//! suppress an address, told and lifted; deletions, cancellations, operators' controls, and crashes.
//!
//! [`simulation::Simulation`] builds the gateway on [`Memory`](relevo::store::embedded::memory::Memory) as `app` does, performs
//! the actions at their times, and waits until every message must have ended. Tokio's clock is paused, so the hours of a seed
//! take less than a second, and the runtime has one thread, so the order of tasks is the same each time. A crash cuts off every
//! task where it is and starts a new gateway on the same map. [`failing_store::FailingStore`] stands before the store and fails
//! now and then, before a write or after it. [`provider::ScriptedProvider`] is the adapter of every provider; [`incoming_texts`]
//! delivers what contacts write, and [`suppressions`] tells reasons against addresses and lifts them.
//!
//! # What it checks
//!
//! The numbers are those of the table "What must always hold" in ARCHITECTURE.md.
//!
//! - At the moment of each call, from outside of the rooms that decide ([`provider`]): the attempt is on record, the message
//!   has not expired, consent allows it and no reason against the address stands (2), also by the order in which it was recorded alone ([`recorded_consents`]), and the breaker, the slots and the operator's control admit it (5).
//! - Whenever a breaker opens ([`blame`]): what one sender or country alone met opens none of the whole provider, while others are
//!   well there (12).
//! - Every few seconds, in one seed of four in which nobody sets the calendar ([`idle_ways`]): no message waits that could go at once
//!   by a provider that has nothing to do (13).
//! - When a message is accepted ([`simulation`]): one idempotency key has one message.
//! - When all is over ([`check`]): no acknowledged message is lost (1), nothing follows `sent` but what the fallback policy
//!   asks for (3), no message has more copies in doubt than its class may (4), no commercial message was taken twice, unless a
//!   provider said otherwise of what it took, every message has ended and its history explains
//!   its state (7), the states are honest about what providers accepted (8), and every receipt that comes again, in another
//!   order, changes nothing (6).
//! - Over all seeds ([`tally`]): every final state, every outcome and every kind of trouble occurred, since a simulation in which
//!   nothing goes wrong proves nothing. This needs at least 1,000 seeds.
//!
//! # How a failing seed is replayed
//!
//! A failure prints its seed and the history of the message concerned. `RELEVO_SEED=42 cargo test --test sim -- --nocapture`
//! runs that seed alone and prints its log, line by line with the virtual time. `RELEVO_SEEDS=100000` runs that many seeds
//! instead of 400. A change to what the script draws changes what every seed means.
//!
//! # What it cannot find
//!
//! - What sled and the disk do: damage, half-written files, a full disk, writes that were never flushed. Those are found by
//!   `tests/it/store` and `tests/it/crash`.
//! - Races between threads, since there is one; and anything that takes real time.
//! - Mistakes in the adapters, the API, the webhooks and the configuration, which are not part of it.
//! - What no script draws. Bounces, moved addresses and links, for example, are left to `tests/it`.

mod blame;
mod check;
mod failing_store;
mod faults;
mod idle_ways;
mod incoming_texts;
mod provider;
mod recorded_consents;
mod script;
mod simulation;
mod state;
mod suppressions;
mod tally;

use std::panic::{AssertUnwindSafe, catch_unwind};

use simulation::{SeedResult, Simulation};
use tally::Tally;

/// How many seeds run when `RELEVO_SEEDS` does not say.
const SEEDS: u64 = 400;

/// In so many seeds every kind of event must occur.
const SEEDS_OF_EVERY_EVENT: u64 = 1_000;

/// The number in an environment variable; `None` when it is not set.
fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not {text:?}")))
}

/// Runs one seed, in virtual time.
fn run_seed(seed: u64) -> SeedResult {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async move { Simulation::new(seed).run().await })
}

/// Runs one seed and fails with its number when an invariant was violated.
fn check(seed: u64) -> SeedResult {
    let run = catch_unwind(AssertUnwindSafe(|| run_seed(seed)));
    let problems = match &run {
        Ok(run) => run.problems.clone(),
        Err(_) => vec!["it panicked".to_owned()],
    };
    assert!(
        problems.is_empty(),
        "seed {seed} broke what must always hold:\n  {}\nreplay it with RELEVO_SEED={seed} cargo test --test sim -- --nocapture",
        problems.join("\n  ")
    );
    run.unwrap()
}

#[test]
fn what_must_always_hold_holds_whatever_happens() {
    if let Some(seed) = number("RELEVO_SEED") {
        let run = run_seed(seed);
        println!("{}", run.log.join("\n"));
        assert!(run.problems.is_empty(), "seed {seed}:\n  {}", run.problems.join("\n  "));
        return;
    }
    let seeds = number("RELEVO_SEEDS").unwrap_or(SEEDS);
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let share = |thread| {
        (thread..seeds).step_by(threads as usize).map(check).fold(Tally::default(), |mut seen, run| {
            seen += run.tally;
            seen
        })
    };
    let seen = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|thread| scope.spawn(move || share(thread))).collect();
        let mut seen = Tally::default();
        for worker in workers {
            // The worker has printed its seed.
            seen += worker.join().expect("a seed failed");
        }
        seen
    });
    println!("{seeds} seeds: {seen}");
    // A simulation in which nothing goes wrong proves nothing.
    if seeds >= SEEDS_OF_EVERY_EVENT {
        seen.assert_every_event_occurred();
    }
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..20 {
        let (first, second) = (run_seed(seed), run_seed(seed));
        for (line, (a, b)) in first.log.iter().zip(&second.log).enumerate() {
            assert_eq!(a, b, "seed {seed}, line {line}");
        }
        assert_eq!(first.log.len(), second.log.len(), "seed {seed}");
    }
}
