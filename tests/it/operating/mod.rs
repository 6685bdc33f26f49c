//! What an operator does to a gateway: take a provider out of service, stop it, and start it a second time by mistake.

mod control;
mod data_directory;
mod open_files;
mod stop;
