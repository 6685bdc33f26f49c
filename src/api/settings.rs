//! How the API listens, and its bounds.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

use crate::model::SettingError;

/// The settings of the API.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiSettings {
    /// Where to listen for gRPC.
    pub listen: SocketAddr,
    /// TLS; plain text when absent, which is for loopback and for proxies that end TLS.
    pub tls: Option<TlsSettings>,
    /// The largest request, in bytes. A message with all of its overrides has at most about 1.3 MB.
    pub max_message_bytes: usize,
    /// How long a call may take that is no stream, in milliseconds.
    pub request_timeout_ms: u64,
    /// Connections open at once; more wait.
    pub max_connections: usize,
    /// Calls in work at once on one connection, open streams not counted; more wait.
    pub max_calls_per_connection: usize,
    /// HTTP/2 streams open at once on one connection.
    pub max_streams_per_connection: u32,
    /// How many messages of one SendStream may be on their way to the disk at once.
    pub stream_window: usize,
    /// How many bytes those may have together; at least `max_message_bytes`.
    pub stream_window_bytes: usize,
    /// SendStream calls that one key may have open at once.
    pub max_send_streams_per_key: usize,
    /// WatchMessages and WatchProviders calls that one key may have open at once.
    pub max_watches_per_key: usize,
    /// How often a silent connection is pinged, in milliseconds.
    pub keepalive_interval_ms: u64,
    /// How long the answer to a ping may take before the connection is closed, in milliseconds.
    pub keepalive_timeout_ms: u64,
    /// How long calls in flight may take to finish when the gateway stops, in milliseconds.
    pub drain_timeout_ms: u64,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 50_051).into(),
            tls: None,
            max_message_bytes: 4 << 20,
            request_timeout_ms: 10_000,
            max_connections: 10_000,
            max_calls_per_connection: 256,
            max_streams_per_connection: 1_024,
            stream_window: 1_024,
            stream_window_bytes: 16 << 20,
            max_send_streams_per_key: 32,
            max_watches_per_key: 32,
            keepalive_interval_ms: 30_000,
            keepalive_timeout_ms: 10_000,
            drain_timeout_ms: 30_000,
        }
    }
}

/// The certificate of the server, and the authority of its clients.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// The certificate and those between it and its CA, in PEM.
    pub cert_file: PathBuf,
    /// The certificate's private key, in PEM.
    pub key_file: PathBuf,
    /// Only clients with a certificate of this CA are let in (mutual TLS), in PEM. API keys are needed all the same.
    pub client_ca_file: Option<PathBuf>,
}

impl ApiSettings {
    /// Every setting that is not valid, by its key.
    pub fn errors(&self) -> Vec<SettingError> {
        let positive = [
            ("request_timeout_ms", self.request_timeout_ms > 0),
            ("max_connections", self.max_connections > 0),
            ("max_calls_per_connection", self.max_calls_per_connection > 0),
            ("max_streams_per_connection", self.max_streams_per_connection > 0),
            ("stream_window", self.stream_window > 0),
            ("max_send_streams_per_key", self.max_send_streams_per_key > 0),
            ("max_watches_per_key", self.max_watches_per_key > 0),
            ("keepalive_interval_ms", self.keepalive_interval_ms > 0),
            ("keepalive_timeout_ms", self.keepalive_timeout_ms > 0),
        ];
        let zero = positive.into_iter().filter(|(_, valid)| !valid);
        let mut errors: Vec<_> = zero.map(|(key, _)| SettingError::new(key, "must be at least 1")).collect();
        if self.max_message_bytes < MIN_MESSAGE_BYTES {
            errors.push(SettingError::new(
                "max_message_bytes",
                "must be at least 1500000, so that every message within its own limits fits",
            ));
        }
        // Semaphores count in u32 at most.
        if self.stream_window_bytes < self.max_message_bytes || self.stream_window_bytes > u32::MAX as usize {
            errors.push(SettingError::new(
                "stream_window_bytes",
                "must be at least max_message_bytes and below 4294967296",
            ));
        }
        errors
    }
}

/// Two texts of 64 KiB, two HTML parts of 512 KiB and everything else.
const MIN_MESSAGE_BYTES: usize = 1_500_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_settings_that_are_not_are_named() {
        assert_eq!(ApiSettings::default().errors(), []);
        let wrong = ApiSettings {
            max_connections: 0,
            stream_window: 0,
            max_message_bytes: 1_000,
            stream_window_bytes: 999,
            ..ApiSettings::default()
        };
        let keys: Vec<_> = wrong.errors().into_iter().map(|error| error.key).collect();
        assert_eq!(keys, ["max_connections", "stream_window", "max_message_bytes", "stream_window_bytes"]);
    }
}
