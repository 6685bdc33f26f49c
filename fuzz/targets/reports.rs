#![no_main]

#[path = "../harness/mod.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(init: harness::start(), |input: &[u8]| harness::reports(input));
