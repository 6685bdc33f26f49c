//! The gateway of the demonstration, in a directory of its own that goes away with it.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::api::token;
use crate::app::Gateway;
use crate::clock::Clock;
use crate::config::Config;
use crate::model::{BrandId, Scope};
use crate::secret::Secret;

/// The brand that the configuration names.
pub(super) const BRAND: &str = "acme";

/// A gateway that is ready to run.
pub(super) struct Stage {
    /// Its data directory; removed when closed or dropped.
    pub folder: TempDir,
    /// The gateway.
    pub gateway: Gateway,
    /// A key of the brand that may do everything.
    pub key: Secret,
}

/// The configuration, which is part of the program.
pub(super) fn config() -> anyhow::Result<Config> {
    Ok(Config::built_in("config/demo.toml", include_str!("../../config/demo.toml"))?)
}

impl Stage {
    /// Opens the gateway. `once` nobody else is to find it, so any port does; else it takes the one where the command
    /// line looks for it, when that is free.
    pub(super) async fn build(mut config: Config, once: bool, clock: Clock) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("relevo-demo-").tempdir();
        let folder = folder.context("the demonstration needs a temporary directory")?;
        config.store.path = folder.path().join("data");
        let usual = config.server.listen;
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        config.server.listen = if !once && TcpListener::bind(usual).await.is_ok() { usual } else { any };
        let gateway = Gateway::open(config, clock.clone()).await?;
        let key = admin_key(&gateway, &clock).await?;
        Ok(Self { folder, gateway, key })
    }
}

/// Makes the first key the way `relevo keys create --local` does: straight in the store, before anybody may ask.
async fn admin_key(gateway: &Gateway, clock: &Clock) -> anyhow::Result<Secret> {
    let brand: BrandId = BRAND.parse()?;
    let (key, secret) =
        token::create_key(Some(brand), vec![Scope::Admin], "demonstration".to_owned(), clock.now())?;
    gateway.stores().keys.create_key(key).await?;
    Ok(secret)
}
