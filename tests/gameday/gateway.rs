//! The gateway as its users run it: the program `relevo`, with a configuration and a data directory of its own.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use relevo::wire::v1;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use v1::consent_service_client::ConsentServiceClient;
use v1::contact_service_client::ContactServiceClient;
use v1::message_service_client::MessageServiceClient;
use v1::provider_service_client::ProviderServiceClient;

use crate::ports::free_port;
use crate::servers::protocol::{PUBLIC_URL, SECRET};

/// The brands, each with its senders at the WhatsApp provider of [`crate::servers`].
pub const BRANDS: [&str; 2] = ["acme", "globex"];

/// How often a call is made again that the gateway had no time for.
const MAX_TRIES: u32 = 10;

/// How long the program may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a gateway has on disk and the ports it listens on: they stay when the process goes.
pub struct GatewayDirectory {
    folder: tempfile::TempDir,
    port: u16,
    /// Where it takes the calls of providers.
    pub inbound_port: u16,
    brand_keys: [String; 2],
    gateway_key: String,
}

impl GatewayDirectory {
    /// A new directory without a configuration.
    pub fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("secret"), SECRET)?;
        fs::write(folder.path().join("token"), format!("1234567890:{SECRET}"))?;
        let webhook = BASE64_STANDARD.encode(format!("{SECRET}, signing"));
        fs::write(folder.path().join("webhook"), format!("whsec_{webhook}"))?;
        let (port, inbound_port) = (free_port()?, free_port()?);
        let (brand_keys, gateway_key) = Default::default();
        Ok(Self { folder, port, inbound_port, brand_keys, gateway_key })
    }

    /// Writes a file into it.
    pub fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        Ok(fs::write(self.folder.path().join(name), text)?)
    }

    /// Writes the configuration with these providers, and creates the keys.
    pub async fn configure(&mut self, providers: &str) -> anyhow::Result<()> {
        let brands: String = BRANDS.iter().map(|brand| format!("[brands.{brand}]\n")).collect();
        let config = format!(
            "[server]\nlisten = '127.0.0.1:{}'\n[inbound]\nlisten = '127.0.0.1:{}'\npublic_url = '{PUBLIC_URL}'\n\
             [log]\nformat = 'json'\n{brands}[store]\npath = 'data'\n{providers}",
            self.port, self.inbound_port
        );
        self.write("relevo.toml", &config)?;
        for (at, brand) in BRANDS.iter().enumerate() {
            self.brand_keys[at] = self.create_key(&["--brand", brand]).await?;
        }
        self.gateway_key = self.create_key(&[]).await?;
        Ok(())
    }

    /// Starts the gateway and waits until it is ready.
    pub async fn start(&self) -> anyhow::Result<Gateway> {
        let mut child = self.command(&["serve"]).stderr(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stderr.take().context("its standard error is piped")?).lines();
        timeout(PATIENCE, read_until_ready(&mut lines)).await.context("the gateway was never ready")??;
        // A pipe that nobody reads would fill up.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Gateway { child, api: self.api()? })
    }

    fn api(&self) -> anyhow::Result<GatewayApi> {
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{}", self.port))?.tcp_nodelay(true);
        let connection = endpoint.connect_lazy();
        let client = |key: &str| {
            let bearer = Bearer(format!("Bearer {key}").parse()?);
            anyhow::Ok(InterceptedService::new(connection.clone(), bearer))
        };
        let brands = [client(&self.brand_keys[0])?, client(&self.brand_keys[1])?];
        Ok(GatewayApi { brands, gateway: client(&self.gateway_key)? })
    }

    async fn create_key(&self, more: &[&str]) -> anyhow::Result<String> {
        const KEY: &[&str] =
            &["keys", "create", "--local", "--json", "--scope", "admin", "--label", "gameday"];
        let output = self.command(&[KEY, more].concat()).output().await?;
        ensure!(output.status.success(), "no key: {}", String::from_utf8_lossy(&output.stderr));
        let answer: Value = serde_json::from_slice(&output.stdout)?;
        Ok(answer["secret"].as_str().context("a new key has a secret")?.to_owned())
    }

    /// `setpriv` becomes the program that it starts, which ends with this process however that ends.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", env!("CARGO_BIN_EXE_relevo")]).args(arguments);
        command.arg("--config").arg(self.folder.path().join("relevo.toml"));
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

async fn read_until_ready(lines: &mut Lines<BufReader<ChildStderr>>) -> anyhow::Result<()> {
    let mut log = Vec::new();
    while let Some(line) = lines.next_line().await? {
        let record: Value = serde_json::from_str(&line).unwrap_or_default();
        if record["message"] == "relevo is ready" {
            return Ok(());
        }
        log.push(line);
    }
    bail!("the gateway did not start: {log:#?}")
}

/// A running gateway. It is killed when dropped.
pub struct Gateway {
    child: Child,
    /// Its API.
    pub api: GatewayApi,
}

impl Gateway {
    /// Kills the process (SIGKILL), which has no time to write anything.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// The API of a gateway. It leads to whichever process listens there.
#[derive(Clone)]
pub struct GatewayApi {
    brands: [Client; 2],
    gateway: Client,
}

/// A connection that presents a key with every call.
pub type Client = InterceptedService<Channel, Bearer>;

impl GatewayApi {
    /// The messages of a brand, by its place in [`BRANDS`].
    pub fn messages(&self, brand: usize) -> MessageServiceClient<Client> {
        // A page of a thousand messages with their content.
        MessageServiceClient::new(self.brands[brand].clone()).max_decoding_message_size(64 * 1024 * 1024)
    }

    /// The contacts of a brand.
    pub fn contacts(&self, brand: usize) -> ContactServiceClient<Client> {
        ContactServiceClient::new(self.brands[brand].clone())
    }

    /// The consents of a brand's contacts.
    pub fn consents(&self, brand: usize) -> ConsentServiceClient<Client> {
        ConsentServiceClient::new(self.brands[brand].clone())
    }

    /// The providers.
    pub fn providers(&self) -> ProviderServiceClient<Client> {
        ProviderServiceClient::new(self.gateway.clone())
    }
}

/// Calls again while the gateway says that it has no time: the machine may have much else to do.
pub async fn until_answered<T>(call: impl AsyncFn() -> Result<T, Status>) -> Result<T, Status> {
    let mut tries = 0;
    loop {
        match call().await {
            Err(status) if status.code() == Code::DeadlineExceeded && tries < MAX_TRIES => tries += 1,
            answered => return answered,
        }
    }
}

/// Puts the key into the metadata of every call.
#[derive(Clone)]
pub struct Bearer(AsciiMetadataValue);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}
