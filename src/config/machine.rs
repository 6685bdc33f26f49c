//! Whether this machine can run what is configured: its data directory and the addresses to listen on. Nothing is changed; an
//! address is bound for a moment.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};

use super::errors::ErrorCollector;
use super::file::ConfigFile;
use super::{Config, ConfigWarning, directory};
use crate::api::ApiSettings;
use crate::inbound::InboundSettings;
use crate::store::embedded::sled;

/// Adds an error for what the start of the gateway would fail by. That an address is in use is none here: a gateway may run.
pub(super) fn check(file: &ConfigFile, errors: &mut ErrorCollector<'_>) {
    if let Err(must) = directory::check(&file.store.path) {
        errors.add("store.path", must);
    } else if let Err(error) = sled::check_format(&file.store.path) {
        errors.add("store.path", format_args!("must be a store that this relevo reads: {error}"));
    }
    for (key, address) in listeners(&file.server, file.inbound.as_ref()) {
        if let Err(error) = bind(address)
            && error.kind() != ErrorKind::AddrInUse
        {
            let must = format_args!("must be an address to listen on here: {address} is none ({error})");
            errors.add(key, must);
        }
    }
}

impl Config {
    /// A warning for each address that somebody listens on already.
    pub(super) fn busy_addresses(&self) -> impl Iterator<Item = ConfigWarning> {
        let busy = listeners(&self.server, self.inbound.as_ref())
            .filter(|(_, address)| bind(*address).is_err_and(|error| error.kind() == ErrorKind::AddrInUse));
        busy.map(|(key, address)| {
            let message =
                format!("{address} is in use: by a gateway that runs, or by what must make way for one");
            ConfigWarning::new(key, message)
        })
    }
}

/// The addresses to listen on, each with its setting.
pub(super) fn listeners(
    server: &ApiSettings,
    inbound: Option<&InboundSettings>,
) -> impl Iterator<Item = (&'static str, SocketAddr)> + use<> {
    let mail = inbound.and_then(|inbound| inbound.mail.as_ref());
    let inbound = inbound.map(|inbound| ("inbound.listen", inbound.listen));
    let mail = mail.map(|mail| ("inbound.mail.listen", mail.listen));
    [("server.listen", server.listen)].into_iter().chain(inbound).chain(mail)
}

fn bind(address: SocketAddr) -> io::Result<()> {
    TcpListener::bind(address).map(drop)
}
