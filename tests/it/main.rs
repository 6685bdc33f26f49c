//! Whole flows over real sockets, against servers that this project did not write; and the store on a real disk.

mod api;
mod cli;
mod crash;
mod demo;
mod email;
mod fuzz;
mod gateway;
mod inbound;
mod layers;
mod operating;
mod outage;
mod peers;
mod providers;
mod rooms;
mod sending;
mod store;
mod support;
