//! The `relevo` program: arguments, settings, signals, exit code.

fn main() {}
