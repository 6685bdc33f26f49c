//! `KeyService`: API keys. A brand's admin manages that brand's keys, a gateway's admin all of them.

use std::sync::Arc;

use tonic::{Code, Request, Response, Status};

use super::caller::Caller;
use super::error::ApiError;
use super::limits::{self, KEY_LABEL};
use super::page::{PageTokenScope, collect};
use super::sealer::TokenSealer;
use super::token;
use crate::clock::Clock;
use crate::dispatch::BrandPolicies;
use crate::model::{ApiKey, BrandId, KeyId, KeyScope};
use crate::store::KeyStore;
use crate::wire::v1::key_service_server::KeyService;
use crate::wire::{FieldPath, Violations, read_scopes, v1};

/// Implements `KeyService`.
#[derive(Clone)]
pub struct KeyApi {
    brands: Arc<BrandPolicies>,
    store: Arc<dyn KeyStore>,
    tokens: Arc<TokenSealer>,
    max_of_brand: u64,
    clock: Clock,
}

#[tonic::async_trait]
impl KeyService for KeyApi {
    async fn create_key(
        &self,
        request: Request<v1::CreateKeyRequest>,
    ) -> Result<Response<v1::CreateKeyResponse>, Status> {
        let (caller, request) = Caller::from_request(request)?;
        Ok(Response::new(self.create(&caller, request).await?))
    }

    async fn list_keys(
        &self,
        request: Request<v1::ListKeysRequest>,
    ) -> Result<Response<v1::ListKeysResponse>, Status> {
        let (caller, request) = Caller::from_request(request)?;
        Ok(Response::new(self.list(&caller, request).await?))
    }

    async fn revoke_key(
        &self,
        request: Request<v1::RevokeKeyRequest>,
    ) -> Result<Response<v1::RevokeKeyResponse>, Status> {
        let (caller, request) = Caller::from_request(request)?;
        Ok(Response::new(self.revoke(&caller, request).await?))
    }
}

impl KeyApi {
    /// The service over this store, for keys of these brands, of which each may have `max_of_brand`. `tokens` seals page tokens.
    pub fn new(
        brands: Arc<BrandPolicies>,
        store: Arc<dyn KeyStore>,
        tokens: Arc<TokenSealer>,
        max_of_brand: u64,
        clock: Clock,
    ) -> Self {
        Self { brands, store, tokens, max_of_brand, clock }
    }

    async fn create(
        &self,
        caller: &Caller,
        request: v1::CreateKeyRequest,
    ) -> Result<v1::CreateKeyResponse, ApiError> {
        // Whether there is another brand is nothing that a brand's admin learns.
        let may_be_brand = |brand: &BrandId| caller.brand.is_some() || self.brands.contains_key(brand);
        let (brand, scopes) = read_create(&request, may_be_brand)?;
        if caller.brand.is_some() && caller.brand != brand {
            return Err(other_brand(caller));
        }
        let created = token::create_key(brand, scopes, request.label, self.clock.now());
        let (key, secret) = created.map_err(ApiError::no_randomness)?;
        let answer = v1::CreateKeyResponse { key: Some((&key).into()), secret: secret.expose().to_owned() };
        let (id, of) = (key.id.clone(), shown_brand(&key));
        if !self.store.create_key(key, self.max_of_brand).await? {
            return Err(too_many_keys(self.max_of_brand));
        }
        tracing::info!(key.id = %id, brand.id = of, actor.key.id = %caller.key, "a key was created");
        Ok(answer)
    }

    async fn list(
        &self,
        caller: &Caller,
        request: v1::ListKeysRequest,
    ) -> Result<v1::ListKeysResponse, ApiError> {
        let mut violations = Violations::default();
        let brand = caller.brand.as_ref();
        let listing = PageTokenScope::new(&self.tokens, "keys", brand, &[]);
        let wanted = listing.request(request.page_size, &request.page_token, &mut violations);
        let wanted = violations.finish(Some(wanted))?;
        let page = collect(wanted, |page| self.store.keys(brand, page), |key| v1::Key::from(key)).await?;
        Ok(v1::ListKeysResponse { keys: page.items, next_page_token: listing.token(page.next) })
    }

    async fn revoke(
        &self,
        caller: &Caller,
        request: v1::RevokeKeyRequest,
    ) -> Result<v1::RevokeKeyResponse, ApiError> {
        let mut violations = Violations::default();
        let id: Option<KeyId> = violations.parsed(&request.key_id, &FieldPath::new("key_id"));
        let id = violations.finish(id)?;
        let manages = |key: &ApiKey| caller.brand.is_none() || caller.brand == key.brand;
        // A key never changes its brand, so looking before revoking leaves no gap.
        self.store.key(&id).await?.filter(manages).ok_or_else(|| no_key(&id))?;
        let key = self.store.revoke_key(&id, self.clock.now()).await?.ok_or_else(|| no_key(&id))?;
        let of = shown_brand(&key);
        tracing::info!(key.id = %id, brand.id = of, actor.key.id = %caller.key, "a key was revoked");
        Ok(v1::RevokeKeyResponse { key: Some((&key).into()) })
    }
}

/// The brand of a key for the log; empty for a key of the gateway.
fn shown_brand(key: &ApiKey) -> String {
    key.brand.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// The brand and the scopes that a new key is to have. `is_brand` says whether a brand is configured.
///
/// # Errors
/// Every field at fault.
pub fn read_create(
    request: &v1::CreateKeyRequest,
    is_brand: impl Fn(&BrandId) -> bool,
) -> Result<(Option<BrandId>, Vec<KeyScope>), Violations> {
    let mut violations = Violations::default();
    let brand = read_brand(&request.brand, is_brand, &mut violations);
    let path = FieldPath::new("scopes");
    limits::distinct(&request.scopes, &path, &mut violations);
    let scopes = read_scopes(&request.scopes, &path, &mut violations);
    if request.scopes.is_empty() {
        violations.add(&path, "must name at least one");
    }
    let for_gateway = |scope: &KeyScope| matches!(scope, KeyScope::Operate | KeyScope::Admin);
    if request.brand.is_empty() && !scopes.iter().all(for_gateway) {
        violations.add(&path, "must be SCOPE_OPERATE and SCOPE_ADMIN only, for a key without a brand");
    }
    limits::required_line(&request.label, KEY_LABEL, &FieldPath::new("label"), &mut violations);
    violations.finish(Some((brand, scopes)))
}

fn read_brand(
    name: &str,
    is_brand: impl Fn(&BrandId) -> bool,
    violations: &mut Violations,
) -> Option<BrandId> {
    if name.is_empty() {
        return None;
    }
    let path = FieldPath::new("brand");
    let brand = violations.parsed(name, &path)?;
    if !is_brand(&brand) {
        violations.add(&path, "must be a brand of the gateway's configuration");
    }
    Some(brand)
}

fn other_brand(caller: &Caller) -> ApiError {
    let message =
        "a brand's admin creates keys of that brand only: name your own brand, or use a gateway key";
    ApiError::new(Code::PermissionDenied, "KEY_OF_OTHER_BRAND", message).with_metadata("key_id", &caller.key)
}

fn too_many_keys(max: u64) -> ApiError {
    let setting = "server.max_keys_per_brand";
    let message = format!(
        "the brand has the {max} keys that {setting} of the gateway allows: revoke one that is not used any more"
    );
    ApiError::new(Code::ResourceExhausted, "TOO_MANY_KEYS", message)
        .with_metadata("setting", setting)
        .with_metadata("max", max)
        .with_retry_after(None)
}

fn no_key(id: &KeyId) -> ApiError {
    let message = format!("there is no key {id}: check the id, or list the keys with ListKeys");
    ApiError::new(Code::NotFound, "KEY_NOT_FOUND", message).with_metadata("key_id", id)
}
