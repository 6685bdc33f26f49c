//! The gateway of the demonstration, on a temporary directory.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::api::token;
use crate::app::Gateway;
use crate::clock::Clock;
use crate::config::Config;
use crate::model::{BrandId, KeyScope};
use crate::secret::Secret;

/// The brand that the configuration names.
pub(super) const BRAND: &str = "acme";

/// A gateway that is ready to run.
pub(super) struct DemoGateway {
    /// The directory of its data; removed when closed or dropped.
    pub directory: TempDir,
    /// The gateway.
    pub gateway: Gateway,
    /// A key of the brand with the scope `admin`.
    pub key: Secret,
}

/// The configuration, which is compiled into the program.
pub(super) fn config() -> anyhow::Result<Config> {
    Ok(Config::built_in("config/demo.toml", include_str!("../../config/demo.toml"))?)
}

impl DemoGateway {
    /// Opens the gateway. It listens where the command line looks for a gateway when that port is free, and on any free
    /// port otherwise, or when it runs `once` and nobody else is to find it.
    pub(super) async fn open(mut config: Config, once: bool, clock: Clock) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("relevo-demo-").tempdir();
        let directory = directory.context("the demonstration needs a temporary directory")?;
        config.store.path = directory.path().join("data");
        let usual = config.server.listen;
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        config.server.listen = if !once && TcpListener::bind(usual).await.is_ok() { usual } else { any };
        let gateway = Gateway::open(config, clock.clone()).await?;
        let key = create_admin_key(&gateway, &clock).await?;
        Ok(Self { directory, gateway, key })
    }
}

/// Creates the first key as `relevo keys create --local` does: straight in the store, since without a key nobody may
/// call the API.
async fn create_admin_key(gateway: &Gateway, clock: &Clock) -> anyhow::Result<Secret> {
    let brand: BrandId = BRAND.parse()?;
    let (key, secret) =
        token::create_key(Some(brand), vec![KeyScope::Admin], "demonstration".to_owned(), clock.now())?;
    gateway.stores().keys.create_key(key, u64::MAX).await?;
    Ok(secret)
}
