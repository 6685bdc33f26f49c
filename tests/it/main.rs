//! Whole flows over real sockets, against servers that this project did not write; and the store on a real disk.

mod api;
mod claims;
mod cli;
mod demo;
mod disk;
mod email;
mod envelopes;
mod fuzz;
mod gateway;
mod inbound;
mod layers;
mod logged;
mod peers;
mod providers;
mod rooms;
mod store;
