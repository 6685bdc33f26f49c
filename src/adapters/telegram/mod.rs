//! Telegram, by a bot.

pub mod bot;
