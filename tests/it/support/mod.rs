//! What tests of several folders share: envelopes, collected log lines, a terminal, and a disk that can be filled.

pub mod envelopes;
pub mod log_lines;
pub mod small_disk;
pub mod strace;
pub mod terminal;
