//! The machine fails: a process that is killed, and a disk that is full.

mod full_disk;
mod kills;
