//! How the gateway is reached: server, key and certificates.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

use super::error::CliError;
use super::progress::waiting_for;
use super::times;
use crate::config;

/// The environment variable that holds the API key.
const KEY_VARIABLE: &str = "RELEVO_API_KEY";

/// An answer that lists 1,000 messages of the largest size must fit.
pub(super) const MAX_ANSWER_BYTES: usize = 1 << 30;

/// How to reach the gateway, and how to print what it answers.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection and output")]
pub struct ConnectionArgs {
    /// The gateway
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "RELEVO_SERVER",
        default_value = "http://127.0.0.1:50051"
    )]
    pub server: String,
    /// A file with the API key; else it is taken from RELEVO_API_KEY
    #[arg(long, global = true, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Certificates in PEM to trust besides the system's, for an https server
    #[arg(long, global = true, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// The client's certificate in PEM, for mutual TLS
    #[arg(long, global = true, value_name = "FILE", requires = "client_key")]
    pub client_cert: Option<PathBuf>,
    /// The client certificate's private key in PEM
    #[arg(long, global = true, value_name = "FILE", requires = "client_cert")]
    pub client_key: Option<PathBuf>,
    /// How long to wait for an answer
    #[arg(long, global = true, value_name = "DURATION", default_value = "10s", value_parser = times::duration)]
    pub timeout: Duration,
    /// Print JSON, one object a line
    #[arg(long, global = true)]
    pub json: bool,
}

/// A channel to the gateway that presents the API key with every call.
pub(super) type GatewayChannel = InterceptedService<Channel, BearerInterceptor>;

/// Puts the API key into the metadata.
#[derive(Clone)]
pub(super) struct BearerInterceptor(MetadataValue<Ascii>);

impl Interceptor for BearerInterceptor {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

impl ConnectionArgs {
    /// Connects. Call as `client!(service_client::ServiceClient, connection)`, which also lifts the size of answers.
    pub(super) async fn connect(&self) -> Result<GatewayChannel, CliError> {
        let bearer = self.bearer()?;
        Ok(InterceptedService::new(self.channel().await?, bearer))
    }

    /// Connects without a key, for the health service, which needs none.
    pub(super) async fn channel(&self) -> Result<Channel, CliError> {
        let endpoint = self.endpoint()?;
        let connected = waiting_for(&format!("connecting to {}", self.server), endpoint.connect()).await;
        connected.map_err(|error| CliError::unreachable(&self.server, &error))
    }

    fn endpoint(&self) -> Result<Endpoint, CliError> {
        let usage = |detail: &dyn std::fmt::Display| {
            CliError::usage(format!("--server must be a URL such as http://127.0.0.1:50051 ({detail})"))
        };
        let endpoint = Endpoint::from_shared(self.server.clone()).map_err(|error| usage(&error))?;
        let endpoint = endpoint.connect_timeout(self.timeout).timeout(self.timeout).tcp_nodelay(true);
        match endpoint.uri().scheme_str() {
            Some("http") if self.ca_file.is_none() && self.client_cert.is_none() => Ok(endpoint),
            Some("http") => Err(CliError::usage("--ca-file and --client-cert need a --server with https://")),
            Some("https") => endpoint.tls_config(self.tls()?).map_err(|error| {
                CliError::usage(format!(
                    "the TLS settings cannot be used: {}",
                    super::unreachable::chain(&error)
                ))
            }),
            _ => Err(usage(&"it must begin with http:// or https://")),
        }
    }

    fn tls(&self) -> Result<ClientTlsConfig, CliError> {
        let mut tls = ClientTlsConfig::new().with_native_roots();
        if let Some(file) = &self.ca_file {
            tls = tls.ca_certificate(Certificate::from_pem(read(file)?));
        }
        if let (Some(cert), Some(key)) = (&self.client_cert, &self.client_key) {
            tls = tls.identity(Identity::from_pem(read(cert)?, read(key)?));
        }
        Ok(tls)
    }

    fn bearer(&self) -> Result<BearerInterceptor, CliError> {
        let key = match (&self.key_file, std::env::var_os(KEY_VARIABLE).filter(|key| !key.is_empty())) {
            (Some(file), _) => config::secret_of_file(file),
            (None, Some(key)) => config::secret_of_variable(KEY_VARIABLE, Some(key)),
            (None, None) => Err(format!(
                "an API key is needed: put it into {KEY_VARIABLE} or into a file named by --key-file; \
                 `relevo keys create --local` makes the first one"
            )),
        };
        let key = key.map_err(CliError::Usage)?;
        // The error would quote of the key, so it is left out.
        let value = format!("Bearer {}", key.expose()).parse::<MetadataValue<Ascii>>();
        let mut value = value.map_err(|_| {
            CliError::usage(format!("{KEY_VARIABLE} or the file of --key-file must hold an API key"))
        })?;
        value.set_sensitive(true);
        Ok(BearerInterceptor(value))
    }
}

/// Reads a file that was named on the command line.
pub(super) fn read(file: &Path) -> Result<String, CliError> {
    fs::read_to_string(file)
        .map_err(|error| CliError::usage(format!("{} cannot be read: {error}", file.display())))
}

/// Connects with a client of this type.
macro_rules! client {
    ($client:path, $connection:expr) => {{
        use $client as Client;
        Client::new($connection.connect().await?)
            .max_decoding_message_size(super::connection::MAX_ANSWER_BYTES)
    }};
}
pub(super) use client;
