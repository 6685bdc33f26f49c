//! Every fuzz target over its corpus in `fuzz/corpus`, and over mutations of it. `make fuzz` goes on where this ends.

#[path = "../../fuzz/harness/mod.rs"]
mod harness;

use std::fs;

use crate::peers::root;

/// How many mutations a target is given.
const MUTATIONS: u64 = 4_000;
/// The largest input.
const MAX_BYTES: usize = 64 * 1024;

/// An input under way, which is printed if the target panics.
struct Given<'a> {
    target: &'a str,
    input: &'a [u8],
}

impl Drop for Given<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} was given {:?}", self.target, self.input.escape_ascii().to_string());
        }
    }
}

fn run(target: &str, harness: fn(&[u8])) {
    let folder = root().join("fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let corpus: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(!corpus.is_empty(), "{} is empty", folder.display());
    let give = |input: &[u8]| {
        let given = Given { target, input };
        harness(given.input);
    };
    corpus.iter().for_each(|input| give(input));
    let mut random = fastrand::Rng::with_seed(17);
    for _ in 0..MUTATIONS {
        give(&mutation(&corpus, &mut random));
    }
}

/// One of the inputs with a few changes: bytes replaced, cut out, repeated, or taken from another one.
fn mutation(corpus: &[Vec<u8>], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut input = corpus[random.usize(..corpus.len())].clone();
    for _ in 0..random.usize(1..6) {
        let at = random.usize(..=input.len());
        let end = (at + random.usize(..32)).min(input.len());
        match random.u8(..5) {
            0 if at < input.len() => input[at] = random.u8(..),
            1 => drop(input.drain(at..end)),
            2 => input.extend_from_within(at..end),
            3 => input.splice(at..at, b"\0\"\\{}[],:%&=\n-1e999".iter().copied()).for_each(drop),
            _ => {
                let other = &corpus[random.usize(..corpus.len())];
                let from = random.usize(..=other.len());
                input.truncate(at);
                input.extend(&other[from..]);
            }
        }
    }
    input.truncate(MAX_BYTES);
    input
}

#[test]
fn an_echo_is_read_or_refused() {
    run("echo", harness::echo);
}

#[test]
fn a_providers_answer_is_judged_whatever_it_is() {
    run("answers", harness::answers);
}

#[test]
fn a_providers_call_is_read_or_refused() {
    run("webhooks", harness::webhooks);
}

#[test]
fn a_report_by_mail_is_read_or_refused() {
    run("reports", harness::reports);
}

#[test]
fn what_comes_from_an_smsc_is_read_or_refused() {
    run("smpp", harness::smpp);
}
