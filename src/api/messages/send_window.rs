//! The limit on what one SendStream call holds in memory.

use crate::api::settings::ApiSettings;

/// How much of one stream may be on its way to the disk at once.
#[derive(Debug, Clone, Copy)]
pub struct SendWindow {
    /// Messages.
    pub messages: usize,
    /// Bytes of their requests together; never less than the largest request, and within `u32`.
    pub bytes: usize,
    /// Bytes of one.
    pub message_bytes: usize,
}

impl SendWindow {
    /// The window that the settings ask for.
    pub fn new(settings: &ApiSettings) -> Self {
        Self {
            messages: settings.stream_window,
            bytes: settings.stream_window_bytes,
            message_bytes: settings.max_message_bytes,
        }
    }
}
