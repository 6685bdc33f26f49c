//! Where a call comes from, as far as the log tells it: the network, not the machine.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hyper::http::Extensions;

/// The network of a peer: the first 24 bits of an IPv4 address, the first 48 of an IPv6 address, which is what a site is given
/// (RFC 6177).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerNetwork(IpAddr);

impl PeerNetwork {
    /// The network that a call came from, by the extensions that the server gives each request.
    pub fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get().copied()
    }

    /// The network of an address.
    pub fn of_address(address: SocketAddr) -> Self {
        Self(match address.ip().to_canonical() {
            IpAddr::V4(ip) => (Ipv4Addr::from_bits(ip.to_bits() & (u32::MAX << 8))).into(),
            IpAddr::V6(ip) => (Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 80))).into(),
        })
    }
}

impl fmt::Display for PeerNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0, if self.0.is_ipv4() { 24 } else { 48 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_known_by_its_network() {
        for (address, network) in [
            ("203.0.113.77:5000", "203.0.113.0/24"),
            ("[2001:db8:1234:5678::9]:1", "2001:db8:1234::/48"),
            ("[::ffff:203.0.113.77]:5000", "203.0.113.0/24"),
            ("[::1]:5000", "::/48"),
        ] {
            assert_eq!(PeerNetwork::of_address(address.parse().unwrap()).to_string(), network);
        }
    }
}
