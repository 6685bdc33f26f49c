//! The command line: the real program against the real API, on the configuration of the demo and a store in memory.
//! Nothing is dispatched here.

mod check;
mod contacts;
mod exits;
mod keys;
mod messages;
mod operators;
mod preferences;
mod provider_test;
mod stream;
mod terminal;
mod tls;
mod trust;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;

use relevo::adapters::sandbox::Sandboxes;
use relevo::api::server::serve;
use relevo::api::services::{ApiServices, ServiceDependencies};
use relevo::api::{self, ServerTls, token};
use relevo::clock::Clock;
use relevo::config::{Config, ProviderConfig};
use relevo::dispatch::{Planner, ProviderQueues, ProviderRegistry};
use relevo::model::KeyScope;
use relevo::store::Stores;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinHandle;

use crate::api::bots;

/// A gateway, and a key of the brand `acme` that may do everything.
struct Gateway {
    url: String,
    key: String,
    stores: Stores,
    server: JoinHandle<()>,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Gateway {
    async fn start() -> Self {
        Self::with(api::ApiSettings::default(), "http").await
    }

    async fn with(settings: api::ApiSettings, scheme: &str) -> Self {
        let clock = Clock::system().unwrap();
        let config = Config::load(&shipped("demo.toml"), clock.now()).unwrap();
        let tls = settings.tls.as_ref().map(|tls| ServerTls::read(tls, clock.now()).unwrap());
        let stores = Stores::memory();
        let key = key(&stores, &clock).await;
        let services = ApiServices::new(rooms(config, stores.clone(), clock).await, &settings);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            serve(listener, services, &settings, tls.as_ref(), std::future::pending()).await;
        });
        Self { url: format!("{scheme}://localhost:{}", address.port()), key, stores, server }
    }

    fn command(&self, line: &[&str]) -> Command {
        let mut command = relevo(line);
        command.env("RELEVO_SERVER", &self.url).env("RELEVO_API_KEY", &self.key);
        command
    }

    async fn run(&self, line: &[&str]) -> Done {
        done(self.command(line).output().await.unwrap())
    }

    /// Runs what must succeed, and returns what it printed.
    async fn ok(&self, line: &[&str]) -> String {
        let done = self.run(line).await;
        assert_eq!((done.code, done.err.as_str()), (0, ""), "{line:?}");
        done.out
    }

    /// Runs what must succeed with `--json`, and returns the objects it printed.
    async fn json(&self, line: &[&str]) -> Vec<Value> {
        let out = self.ok(&[line, &["--json"]].concat()).await;
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

async fn key(stores: &Stores, clock: &Clock) -> String {
    let brand = Some("acme".parse().unwrap());
    let (key, secret) = token::create_key(brand, vec![KeyScope::Admin], "test".into(), clock.now()).unwrap();
    assert!(stores.keys.create_key(key, u64::MAX).await.unwrap());
    secret.expose().to_owned()
}

async fn rooms(config: Config, stores: Stores, clock: Clock) -> ServiceDependencies {
    let providers = config.providers.iter().map(|config| config.provider.clone()).collect();
    let board = ProviderRegistry::new(providers, &config.health, Vec::new());
    let policies = Arc::new(config.brands);
    let planner = Planner::new(
        stores.consents.clone(),
        policies.clone(),
        board.clone(),
        config.retry,
        ProviderQueues::default(),
    );
    let sandboxes: Sandboxes = config
        .providers
        .iter()
        .filter_map(|ProviderConfig { provider, parts, .. }| Some((provider, parts.sandbox.clone()?)))
        .collect();
    let telegram = bots(&["telegram-bot"]);
    let cursor_key = stores.messages.cursor_key([7; 32]).await.unwrap();
    ServiceDependencies { stores, cursor_key, clock, policies, registry: board, planner, sandboxes, telegram }
}

/// How a program ended.
pub struct Done {
    code: i32,
    pub out: String,
    err: String,
}

fn done(output: Output) -> Done {
    Done {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The program, without what the environment of the test says.
fn relevo(line: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_relevo"));
    command.args(line).env_remove("RELEVO_SERVER").env_remove("RELEVO_API_KEY");
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

pub async fn run(line: &[&str]) -> Done {
    done(relevo(line).output().await.unwrap())
}

async fn done_of(command: &mut Command) -> Done {
    done(command.output().await.unwrap())
}

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name)
}

/// An address at which nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn seconds(time: &Value) -> i64 {
    time.as_str().unwrap().parse::<relevo::model::Timestamp>().unwrap().as_second()
}
