//! How the API listens, and its bounds.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde::Deserialize;

use super::stream_session::StreamLimits;
use crate::model::{DAY_MS, MAX_COUNT, SettingError, SettingErrors};

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
    /// How long a call may take that is no stream, and how long a message of a stream may take to come in, in milliseconds.
    pub request_timeout_ms: u64,
    /// Connections open at once; more wait.
    pub max_connections: usize,
    /// How many of those may have made no call with a key yet. One more ends the oldest of them.
    pub max_unauthenticated_connections: usize,
    /// How long a connection may take until its TLS and HTTP/2 are agreed on, in milliseconds.
    pub handshake_timeout_ms: u64,
    /// How long a connection may take nothing of what it is sent, and an answer may wait to be read, in milliseconds; then the
    /// connection ends.
    pub write_timeout_ms: u64,
    /// Calls in work at once on one connection, open streams not counted; more wait.
    pub max_calls_per_connection: usize,
    /// HTTP/2 streams open at once on one connection.
    pub max_streams_per_connection: u32,
    /// Bytes that a client may send on one stream before they are read (the initial window of HTTP/2).
    pub http2_stream_window_bytes: u32,
    /// The same for all streams of one connection together.
    pub http2_connection_window_bytes: u32,
    /// Bytes that unfinished requests may hold in all. A call beyond is refused, and a stream is not read on.
    pub max_request_bytes: usize,
    /// The same for one key.
    pub max_request_bytes_per_key: usize,
    /// The same for one connection; at least `max_message_bytes`.
    pub max_request_bytes_per_connection: usize,
    /// Bytes that answers which were not read yet may hold in all. A call beyond is refused.
    pub max_answer_bytes: usize,
    /// The same for one key.
    pub max_answer_bytes_per_key: usize,
    /// The same for one connection.
    pub max_answer_bytes_per_connection: usize,
    /// Watches of the health that may be open in all: they need no key.
    pub max_health_watches: usize,
    /// Streams of the reflection service that may be open in all: they need no key either, and each may hold what a client
    /// sends and does not read.
    pub max_reflection_streams: usize,
    /// Calls without a key that one connection may have open at once.
    pub max_public_calls_per_connection: usize,
    /// Whether the API describes itself to whoever asks (gRPC reflection).
    pub reflection: bool,
    /// How many messages of one SendStream may be on their way to the disk at once.
    pub stream_window: usize,
    /// How many bytes those may have together; at least `max_message_bytes`.
    pub stream_window_bytes: usize,
    /// SendStream calls that one key may have open at once.
    pub max_send_streams_per_key: usize,
    /// SendStream calls that all keys of one brand may have open at once.
    pub max_send_streams_per_brand: usize,
    /// WatchMessages and WatchProviders calls that one key may have open at once.
    pub max_watches_per_key: usize,
    /// The same for all keys of one brand.
    pub max_watches_per_brand: usize,
    /// API keys that one brand may have which are not revoked.
    pub max_keys_per_brand: u64,
    /// How often a silent connection is pinged, in milliseconds.
    pub keepalive_interval_ms: u64,
    /// How long the answer to a ping may take before the connection is closed, in milliseconds.
    pub keepalive_timeout_ms: u64,
    /// How long the gateway serves on after it was asked to stop, and says already that it does not, in milliseconds: until
    /// balancers have noticed.
    pub stop_delay_ms: u64,
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
            max_unauthenticated_connections: 1_000,
            handshake_timeout_ms: 10_000,
            write_timeout_ms: 10_000,
            max_calls_per_connection: 256,
            max_streams_per_connection: 1_024,
            http2_stream_window_bytes: 1 << 20,
            http2_connection_window_bytes: 1 << 20,
            max_request_bytes: 256 << 20,
            max_request_bytes_per_key: 64 << 20,
            max_request_bytes_per_connection: 32 << 20,
            max_answer_bytes: 256 << 20,
            max_answer_bytes_per_key: 64 << 20,
            max_answer_bytes_per_connection: 32 << 20,
            max_health_watches: 1_000,
            max_reflection_streams: 64,
            max_public_calls_per_connection: 16,
            reflection: true,
            stream_window: 1_024,
            stream_window_bytes: 16 << 20,
            max_send_streams_per_key: 32,
            max_send_streams_per_brand: 256,
            max_watches_per_key: 32,
            max_watches_per_brand: 256,
            max_keys_per_brand: 1_000,
            keepalive_interval_ms: 30_000,
            keepalive_timeout_ms: 10_000,
            stop_delay_ms: 0,
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
    /// How many SendStream calls may be open.
    pub(super) fn send_stream_limits(&self) -> StreamLimits {
        StreamLimits { per_key: self.max_send_streams_per_key, per_brand: self.max_send_streams_per_brand }
    }

    /// How many watches may be open.
    pub(super) fn watch_limits(&self) -> StreamLimits {
        StreamLimits { per_key: self.max_watches_per_key, per_brand: self.max_watches_per_brand }
    }

    /// Every setting that is not valid, by its key.
    pub fn errors(&self) -> Vec<SettingError> {
        let mut errors = SettingErrors::default();
        let counts = 1..=MAX_COUNT as usize;
        errors.within("max_message_bytes", self.max_message_bytes, MIN_MESSAGE_BYTES..=MAX_MESSAGE_BYTES);
        errors.within("request_timeout_ms", self.request_timeout_ms, 1..=DAY_MS);
        errors.within("max_connections", self.max_connections, counts.clone());
        let unauthenticated = self.max_unauthenticated_connections;
        errors.within("max_unauthenticated_connections", unauthenticated, counts.clone());
        errors.within("handshake_timeout_ms", self.handshake_timeout_ms, 1..=DAY_MS);
        errors.within("write_timeout_ms", self.write_timeout_ms, 1..=DAY_MS);
        errors.within("max_calls_per_connection", self.max_calls_per_connection, counts.clone());
        errors.within("max_streams_per_connection", self.max_streams_per_connection, 1..=MAX_COUNT);
        errors.within("max_health_watches", self.max_health_watches, counts.clone());
        errors.within("max_reflection_streams", self.max_reflection_streams, counts.clone());
        errors.within(
            "max_public_calls_per_connection",
            self.max_public_calls_per_connection,
            counts.clone(),
        );
        for (key, bytes) in [
            ("max_request_bytes", self.max_request_bytes),
            ("max_request_bytes_per_key", self.max_request_bytes_per_key),
            ("max_request_bytes_per_connection", self.max_request_bytes_per_connection),
            ("max_answer_bytes", self.max_answer_bytes),
            ("max_answer_bytes_per_key", self.max_answer_bytes_per_key),
            ("max_answer_bytes_per_connection", self.max_answer_bytes_per_connection),
        ] {
            errors.within(key, bytes, MIN_MESSAGE_BYTES..=MAX_BUDGET_BYTES);
            errors.require(bytes >= self.max_message_bytes, key, "must be at least max_message_bytes");
        }
        errors.within("http2_stream_window_bytes", self.http2_stream_window_bytes, HTTP2_WINDOWS);
        errors.within("http2_connection_window_bytes", self.http2_connection_window_bytes, HTTP2_WINDOWS);
        errors.within("stream_window", self.stream_window, counts.clone());
        // Semaphores count in u32 at most.
        errors.within("stream_window_bytes", self.stream_window_bytes, MIN_MESSAGE_BYTES..=u32::MAX as usize);
        let fits = self.stream_window_bytes >= self.max_message_bytes;
        errors.require(fits, "stream_window_bytes", "must be at least max_message_bytes");
        errors.within("max_send_streams_per_key", self.max_send_streams_per_key, counts.clone());
        errors.within("max_send_streams_per_brand", self.max_send_streams_per_brand, counts.clone());
        errors.within("max_watches_per_key", self.max_watches_per_key, counts.clone());
        errors.within("max_watches_per_brand", self.max_watches_per_brand, counts);
        errors.within("max_keys_per_brand", self.max_keys_per_brand, 1..=u64::from(MAX_COUNT));
        errors.within("keepalive_interval_ms", self.keepalive_interval_ms, 1..=DAY_MS);
        errors.within("keepalive_timeout_ms", self.keepalive_timeout_ms, 1..=DAY_MS);
        errors.within("stop_delay_ms", self.stop_delay_ms, 0..=DAY_MS);
        errors.within("drain_timeout_ms", self.drain_timeout_ms, 0..=DAY_MS);
        errors.into_vec()
    }
}

/// What a window is to begin with, and the largest there is (RFC 9113, sections 6.9.2 and 6.9.1).
const HTTP2_WINDOWS: RangeInclusive<u32> = 65_535..=(1 << 31) - 1;

/// Two texts of 64 KiB, two HTML parts of 512 KiB and everything else.
const MIN_MESSAGE_BYTES: usize = 1_500_000;

/// A tebibyte: more than one machine has.
const MAX_BUDGET_BYTES: usize = 1 << 40;

/// Far more than any message has: what a caller may make the gateway hold in memory.
const MAX_MESSAGE_BYTES: usize = 256 << 20;

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
            max_answer_bytes_per_key: 999,
            http2_stream_window_bytes: 1,
            ..ApiSettings::default()
        };
        let keys: Vec<_> = wrong.errors().into_iter().map(|error| error.key).collect();
        let budget = "max_answer_bytes_per_key";
        let window = "stream_window_bytes";
        let expected = [
            "max_message_bytes",
            "max_connections",
            budget,
            budget,
            "http2_stream_window_bytes",
            "stream_window",
            window,
            window,
        ];
        assert_eq!(keys, expected);
    }
}
