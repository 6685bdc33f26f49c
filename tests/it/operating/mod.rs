//! What an operator does to a gateway: take a provider out of service, stop it, let it stand still, let its clock go wrong,
//! start it a second time by mistake, read its log or not, bring the data of an older build; what a watch sees of a restart; and
//! what becomes of a gateway of which a part dies.

mod clock;
mod control;
mod data_directory;
mod left_out;
mod log;
mod loops;
mod name_servers;
mod old_store;
mod open_files;
mod pause;
mod resume;
mod stop;
