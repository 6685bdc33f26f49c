//! `relevo keys`: API keys, through the gateway or, for the first one, straight into its store.

use std::panic;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::arguments::{LimitArgs, Scope, numbers};
use super::connection::{ConnectionArgs, client};
use super::error::CliError;
use super::render;
use super::screen::CommandOutput;
use crate::api::{keys, token};
use crate::clock::Clock;
use crate::config::Config;
use crate::store::StoreError;
use crate::store::embedded::sled;
use crate::wire::v1::{self, key_service_client::KeyServiceClient};

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Create a key and print it, once
    #[command(
        after_help = "Scopes:\n  send      send, read and cancel messages\n  contacts  read and write contacts, \
        consents and preferences\n  operate   see and control providers\n  admin     all of it, and manage keys\n\n\
        Without --brand it is a gateway key: it stands above the brands, touches no\nbrand's data, and takes the scopes \
        operate and admin only.\n\nExamples:\n  relevo keys create --brand example --scope send --scope contacts \
        \\\n      --label 'web shop'\n  relevo keys create --local --config config/relevo.toml --brand example \
        \\\n      --scope admin --label 'first key'"
    )]
    Create(CreateArgs),
    /// List keys, without their secrets
    #[command(after_help = "Examples:\n  relevo keys list")]
    List(LimitArgs),
    /// Revoke a key, at once and for good
    #[command(after_help = "Examples:\n  relevo keys revoke abcdefghijklmnop")]
    Revoke(RevokeArgs),
}

/// What the key is to be.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The brand it acts for; a gateway key when left out
    #[arg(long, value_name = "NAME")]
    brand: Option<String>,
    /// What it may do; may be repeated
    #[arg(long = "scope", value_enum, ignore_case = true, value_name = "SCOPE", required = true)]
    scopes: Vec<Scope>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    label: String,
    /// Write it straight into the store, while the gateway is stopped: how the first key is made
    #[arg(long, requires = "config")]
    local: bool,
    /// The gateway's configuration, with --local
    #[arg(long, value_name = "FILE", requires = "local")]
    config: Option<PathBuf>,
}

/// Names a key.
#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// The key's id: the part of the key between its first and second underscore
    #[arg(value_name = "KEY_ID")]
    id: String,
}

pub(super) async fn run(
    command: KeysCommand,
    connection: &ConnectionArgs,
    clock: &Clock,
    screen: CommandOutput,
) -> Result<(), CliError> {
    let failed = |status| CliError::from_status(&connection.server, status);
    match command {
        KeysCommand::Create(args) => {
            let request = args.request();
            let answer = match &args.config {
                Some(config) => create_locally(request, config, clock).await?,
                None => {
                    let mut client = client!(KeyServiceClient, connection);
                    client.create_key(request).await.map_err(failed)?.into_inner()
                }
            };
            screen.show_fitted(&answer, render::created_key)
        }
        KeysCommand::List(limit) => {
            let mut client = client!(KeyServiceClient, connection);
            let page = async |page_size, page_token| {
                let request = v1::ListKeysRequest { page_size, page_token };
                let answer = client.list_keys(request).await.map_err(failed)?.into_inner();
                Ok((answer.keys, answer.next_page_token))
            };
            screen.show_all(&limit.collect(page).await?, render::keys)
        }
        KeysCommand::Revoke(RevokeArgs { id }) => {
            let mut client = client!(KeyServiceClient, connection);
            let answer = client.revoke_key(v1::RevokeKeyRequest { key_id: id }).await.map_err(failed)?;
            let key = answer.into_inner().key.unwrap_or_default();
            screen.show_fitted(&key, |key, within| render::keys(std::slice::from_ref(key), within))
        }
    }
}

impl CreateArgs {
    fn request(&self) -> v1::CreateKeyRequest {
        v1::CreateKeyRequest {
            brand: self.brand.clone().unwrap_or_default(),
            scopes: numbers(&self.scopes),
            label: self.label.clone(),
        }
    }
}

/// Opens the store without a word: sled panics over damage, which the store catches and tells as an error. The hook of panics
/// is out of force meanwhile, because it would print a trace before that.
fn opened(config: &Config) -> Result<sled::SledHandle, StoreError> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let store = sled::open(&config.store.path, config.store.options());
    panic::set_hook(hook);
    store
}

/// Creates a key under the rules of the API, in the store of a gateway that is not running.
async fn create_locally(
    request: v1::CreateKeyRequest,
    config: &Path,
    clock: &Clock,
) -> Result<v1::CreateKeyResponse, CliError> {
    let wrong = |error: &dyn std::fmt::Display| CliError::Wrong(error.to_string());
    let config = Config::load(config, clock.now()).map_err(|errors| wrong(&errors))?;
    let rules = keys::read_create(&request, |brand| config.brands.contains_key(brand));
    let (brand, scopes) = rules.map_err(|violations| wrong(&violations))?;
    let created = token::create_key(brand, scopes, request.label, clock.now());
    let (key, secret) = created.map_err(|error| wrong(&error))?;
    let answer = v1::CreateKeyResponse { key: Some((&key).into()), secret: secret.expose().to_owned() };
    let store = opened(&config).map_err(|error| wrong(&error))?;
    let stored = store.stores.keys.create_key(key, u64::MAX).await;
    // The store is closed in order even when it refused the key.
    store.close().await.and(stored).map_err(|error| wrong(&error))?;
    Ok(answer)
}
