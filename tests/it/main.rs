//! Whole flows over real sockets, against servers that this project did not write.

mod api;
mod cli;
mod email;
mod envelopes;
mod peers;
mod providers;
mod store;
