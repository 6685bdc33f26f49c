//! What gungraun runs: every case, each in a process of its own under callgrind.

use std::hint::black_box;

use gungraun::{Callgrind, LibraryBenchmarkConfig, main};

use crate::counts::HARNESS;
use crate::decide::consent_room;
use crate::permit::health_room;
use crate::route::routing_room;

/// How often each case is called. Now and then an allocation takes longer, and with one call it would depend on what was
/// allocated before whether that is counted.
pub const CALLS: u64 = 100;

main!(
    config = LibraryBenchmarkConfig::default()
        .pass_through_env(HARNESS)
        .tool(Callgrind::with_args(["cache-sim=no"])),
    library_benchmark_groups = [consent_room, routing_room, health_room]
);

/// Runs gungraun, or the one case that gungraun asks for.
pub fn run() {
    main();
}

/// Makes the calls of a case, and lets go of what they return.
#[inline(always)]
pub fn repeat<T>(mut call: impl FnMut() -> T) {
    for _ in 0..CALLS {
        black_box(call());
    }
}
