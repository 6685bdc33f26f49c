//! Whole flows over real sockets, against servers that this project did not write.

mod cli;
mod api;
mod email;
mod envelopes;
mod peers;
mod providers;
mod store;
