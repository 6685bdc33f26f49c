//! Whole flows over real sockets, against servers that this project did not write.

mod envelopes;
mod peers;
mod providers;
