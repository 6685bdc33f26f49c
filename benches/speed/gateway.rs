//! The gateway as its users run it: the program, with a configuration and a data directory of its own.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, bail, ensure};
use relevo::wire::v1;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use v1::contact_service_client::ContactServiceClient;
use v1::message_service_client::MessageServiceClient;
use v1::provider_service_client::ProviderServiceClient;

use crate::client::{Client, connect};
use crate::process::{Memory, Process, killed_with_parent};
use crate::sample::Workspace;

/// What a gateway has on disk: it stays when the gateway goes.
pub struct GatewayDirectory {
    program: PathBuf,
    folder: PathBuf,
    brand_key: String,
    gateway_key: String,
}

impl GatewayDirectory {
    /// A new one of this name, with these providers and whatever else follows the settings that every gateway here has.
    /// Everything that is not given is as the gateway has it by default.
    pub async fn new(workspace: &Workspace, name: &str, config: &str) -> anyhow::Result<Self> {
        let folder = workspace.folder.join(name);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("secret"), "the-secret-of-this-benchmark")?;
        fs::write(folder.join("token"), "1234567890:the-secret-of-this-benchmark")?;
        let fixed = "[server]\nlisten = '127.0.0.1:0'\n[log]\nformat = 'json'\n[store]\npath = 'data'\n\
                     [brands.acme]\n";
        fs::write(folder.join("relevo.toml"), format!("{fixed}{config}"))?;
        let program = workspace.gateway.clone();
        let mut directory = Self { program, folder, brand_key: String::new(), gateway_key: String::new() };
        directory.brand_key = directory.create_key(&["--brand", "acme"]).await?;
        directory.gateway_key = directory.create_key(&[]).await?;
        Ok(directory)
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Starts the gateway and waits until it is ready.
    pub async fn start(&self) -> anyhow::Result<Gateway> {
        let mut process = Process::start(self.command(&["serve"]).stderr(Stdio::piped()))?;
        let mut lines = process.errors()?;
        let log_path = self.folder.join("log");
        let mut log = tokio::fs::File::create(&log_path).await?;
        let address = loop {
            let Some(line) = lines.next_line().await? else {
                bail!("the gateway did not start: see {}", log_path.display());
            };
            log.write_all(format!("{line}\n").as_bytes()).await?;
            let record: Value = serde_json::from_str(&line).unwrap_or_default();
            if record["message"] == "relevo is ready" {
                break record["address"].as_str().context("a ready gateway tells its address")?.to_owned();
            }
        };
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let _ = log.write_all(format!("{line}\n").as_bytes()).await;
            }
        });
        let (brand_key, gateway_key) = (self.brand_key.clone(), self.gateway_key.clone());
        Ok(Gateway { process, address, brand_key, gateway_key })
    }

    async fn create_key(&self, more: &[&str]) -> anyhow::Result<String> {
        const KEY: &[&str] =
            &["keys", "create", "--local", "--json", "--scope", "admin", "--label", "benchmark"];
        let output = self.command(&[KEY, more].concat()).output().await?;
        ensure!(output.status.success(), "no key: {}", String::from_utf8_lossy(&output.stderr));
        let answer: Value = serde_json::from_slice(&output.stdout)?;
        Ok(answer["secret"].as_str().context("a new key has a secret")?.to_owned())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = killed_with_parent(&self.program);
        command.args(arguments).arg("--config").arg(self.folder.join("relevo.toml"));
        command
    }
}

/// A running gateway. It is killed when dropped.
pub struct Gateway {
    process: Process,
    address: String,
    brand_key: String,
    gateway_key: String,
}

impl Gateway {
    /// Clients of the message service, each on a connection of its own.
    pub async fn messages(&self, connections: usize) -> anyhow::Result<Vec<MessageServiceClient<Client>>> {
        let connected = connect(&self.address, &self.brand_key, connections).await?;
        Ok(connected.into_iter().map(MessageServiceClient::new).collect())
    }

    /// Clients of the contact service, each on a connection of its own.
    pub async fn contacts(&self, connections: usize) -> anyhow::Result<Vec<ContactServiceClient<Client>>> {
        let connected = connect(&self.address, &self.brand_key, connections).await?;
        Ok(connected.into_iter().map(ContactServiceClient::new).collect())
    }

    /// A client of the provider service.
    pub async fn providers(&self) -> anyhow::Result<ProviderServiceClient<Client>> {
        let connected = connect(&self.address, &self.gateway_key, 1).await?.pop();
        Ok(ProviderServiceClient::new(connected.context("one connection")?))
    }

    /// What it holds of the memory.
    pub fn memory(&self) -> anyhow::Result<Memory> {
        self.process.memory()
    }

    /// The processor time it has used, in seconds.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        Ok(self.process.cpu()?.as_secs_f64())
    }

    /// Stops it in order.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.process.stop().await
    }

    /// Ends it in an instant.
    pub async fn kill(self) -> anyhow::Result<()> {
        self.process.kill().await
    }
}
