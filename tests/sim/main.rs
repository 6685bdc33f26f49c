//! The simulation: real dispatch, consent, routing, health and store logic over a map in memory and scripted providers,
//! on a paused clock. One seed drives everything that can go wrong; the invariants must hold whatever it brings.
//!
//! `RELEVO_SEEDS=100000` runs that many seeds instead of 1,000, and `RELEVO_SEED=42` replays one and prints its story (with `-- --nocapture`).

mod check;
mod provider;
mod script;
mod shaky;
mod texts;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use world::{Run, World};

const SEEDS: u64 = 1_000;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not {text:?}")))
}

/// Lives through one seed, in virtual time.
fn live(seed: u64) -> Run {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async move { World::new(seed).live().await })
}

fn check(seed: u64) -> Run {
    let run = catch_unwind(AssertUnwindSafe(|| live(seed)));
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
        let run = live(seed);
        println!("{}", run.story.join("\n"));
        assert!(run.problems.is_empty(), "seed {seed}:\n  {}", run.problems.join("\n  "));
        return;
    }
    let seeds = number("RELEVO_SEEDS").unwrap_or(SEEDS);
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let share = |thread| {
        (thread..seeds).step_by(threads as usize).map(check).fold(world::Tally::default(), |mut seen, run| {
            seen += run.tally;
            seen
        })
    };
    let seen = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|thread| scope.spawn(move || share(thread))).collect();
        let mut seen = world::Tally::default();
        for worker in workers {
            // The worker has printed its seed.
            seen += worker.join().expect("a seed failed");
        }
        seen
    });
    println!("{seeds} seeds: {seen}");
    // A simulation in which nothing goes wrong proves nothing.
    if seeds >= SEEDS {
        seen.assert_everything_happened();
    }
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..20 {
        let (first, second) = (live(seed), live(seed));
        for (line, (a, b)) in first.story.iter().zip(&second.story).enumerate() {
            assert_eq!(a, b, "seed {seed}, line {line}");
        }
        assert_eq!(first.story.len(), second.story.len(), "seed {seed}");
    }
}
