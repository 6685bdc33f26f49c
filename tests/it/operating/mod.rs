//! What an operator does to a gateway: take a provider out of service, stop it, let it stand still, and start it a second time by mistake.

mod control;
mod data_directory;
mod pause;
mod stop;
