//! Ports that stay free while nobody listens on them for a moment: a gateway that was killed and a provider that was down come back
//! on theirs.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;

/// Below what systems give to outgoing connections (32768 on Linux, 49152 by RFC 6335), any of which could take it meanwhile.
const FROM: u32 = 12_000;
const COUNT: u32 = 20_000;

/// A loopback port that nothing listens on, and that this process has not given out before.
pub fn free_port() -> anyhow::Result<u16> {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let ports = std::iter::repeat_with(|| {
        let given = GIVEN.fetch_add(1, Ordering::Relaxed);
        // Other processes begin elsewhere.
        u16::try_from(FROM + (std::process::id().wrapping_mul(97) % COUNT + given) % COUNT)
            .unwrap_or_default()
    });
    let mut free =
        ports.take(COUNT as usize).filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    free.next().context("no port is free")
}
