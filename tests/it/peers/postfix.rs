//! Postfix, which relays to one server, and hands mail for one domain over by LMTP.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::{Peer, installed, scratch};

#[path = "../../peers/postfix.rs"]
mod unpacked;

/// Starts one for the test `name` that relays to the loopback port `to`, and hands mail for `domain` over to the loopback
/// port `lmtp`. `None` without the rights of root, as which alone it starts, and it must be the root of the machine: the users
/// that own its queue are others, which a user namespace made by anybody else does not have.
pub fn postfix(name: &str, to: u16, domain: &str, lmtp: u16) -> Option<Peer> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let folder = scratch(&format!("postfix-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    let transport = format!("transport_maps = inline:{{ {{{domain} = lmtp:inet:[127.0.0.1]:{lmtp}}} }}\n");
    Some(Peer::start(&format!("postfix-{name}"), |port| {
        unpacked::command(&installed("postfix"), &folder, port, to, &transport).unwrap()
    }))
}
