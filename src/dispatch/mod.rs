//! The one asynchronous loop: claim, decide, plan, permit, deliver, record.

mod settings;

pub use settings::Settings;
