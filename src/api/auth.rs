//! Who calls, and whether they may. Nothing else of a call happens before this has answered.

use std::sync::Arc;

use subtle::ConstantTimeEq;
use tonic::Code;
use tonic::metadata::MetadataMap;

use super::error::ApiError;
use super::token::KeyToken;
use crate::dispatch::BrandPolicies;
use crate::model::{ApiKey, BrandId, KeyId, Scope};
use crate::routing::BrandPolicy;
use crate::store::KeyStore;

/// Who calls, by the key used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The id of the key.
    pub key: KeyId,
    /// The brand it acts for; `None` for a gateway key.
    pub brand: Option<BrandId>,
}

/// A caller that acts for a brand.
#[derive(Debug, Clone)]
pub struct BrandCaller {
    /// The id of the key.
    pub key: KeyId,
    /// The brand it acts for.
    pub brand: BrandId,
    policies: Arc<BrandPolicies>,
}

impl BrandCaller {
    /// The caller, if it acts for one of these brands.
    ///
    /// # Errors
    /// PERMISSION_DENIED for a gateway key, which touches no brand's data, and for a key of a brand that is gone.
    pub fn new(caller: Caller, policies: &Arc<BrandPolicies>) -> Result<Self, ApiError> {
        caller.check_brand(policies)?;
        let Caller { key, brand } = caller;
        let Some(brand) = brand else { return Err(without_brand(&key)) };
        Ok(Self { key, brand, policies: Arc::clone(policies) })
    }

    /// The policy of the brand.
    pub fn policy(&self) -> &BrandPolicy {
        self.policies.get(&self.brand).expect("a caller of a brand that has no policy is not let in")
    }

    /// The country in which the brand's phone numbers without `+` are dialled.
    pub fn country(&self) -> Option<&str> {
        self.policy().default_country.as_deref()
    }
}

impl Caller {
    /// Tells that the caller's brand, if it has one, is configured.
    ///
    /// # Errors
    /// PERMISSION_DENIED when it is not.
    pub fn check_brand(&self, policies: &BrandPolicies) -> Result<(), ApiError> {
        match &self.brand {
            Some(brand) if !policies.contains_key(brand) => Err(brand_gone(&self.key, brand)),
            _ => Ok(()),
        }
    }
}

impl From<&BrandCaller> for Caller {
    fn from(caller: &BrandCaller) -> Self {
        Self { key: caller.key.clone(), brand: Some(caller.brand.clone()) }
    }
}

/// Looks keys up and judges them.
#[derive(Clone)]
pub struct Authenticator {
    keys: Arc<dyn KeyStore>,
}

impl Authenticator {
    /// Judges by the keys of this store.
    pub fn new(keys: Arc<dyn KeyStore>) -> Self {
        Self { keys }
    }

    /// Tells who calls, and that they may do what needs `scope`.
    ///
    /// # Errors
    /// UNAUTHENTICATED without a key in force, PERMISSION_DENIED when its scopes do not reach.
    pub async fn authenticate(&self, metadata: &MetadataMap, scope: Scope) -> Result<Caller, ApiError> {
        let token = presented(metadata)?;
        let key = self.keys.key(&token.id).await?;
        let key = proven(key, &token).ok_or_else(unknown)?;
        if key.revoked_at.is_some() {
            return Err(revoked(&key.id));
        }
        if !key.permits(scope) {
            return Err(too_narrow(&key, scope));
        }
        Ok(Caller { key: key.id, brand: key.brand })
    }

    /// Tells that a key already accepted has not been revoked since: streams outlive their first look.
    ///
    /// # Errors
    /// UNAUTHENTICATED when it was.
    pub async fn still_valid(&self, id: &KeyId) -> Result<(), ApiError> {
        match self.keys.key(id).await? {
            Some(key) if key.revoked_at.is_none() => Ok(()),
            _ => Err(revoked(id)),
        }
    }
}

fn presented(metadata: &MetadataMap) -> Result<KeyToken, ApiError> {
    let Some(value) = metadata.get("authorization") else {
        return Err(unauthenticated(
            "KEY_MISSING",
            "the call carries no API key: send `authorization: Bearer rlv_...` in its metadata",
        ));
    };
    let text = value.to_str().unwrap_or_default();
    // The scheme is case-insensitive (RFC 9110, section 11.1).
    let token = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    token.and_then(|(_, token)| KeyToken::parse(token.trim())).ok_or_else(|| {
        unauthenticated(
            "KEY_MALFORMED",
            "the `authorization` metadata is not `Bearer rlv_<key id>_<secret>`: copy the key as it was shown when it \
             was created",
        )
    })
}

/// The key, if the token holds its secret. Takes as long for an unknown key, and compares in constant time, so that an
/// answer's timing tells nothing about either part.
fn proven(key: Option<ApiKey>, token: &KeyToken) -> Option<ApiKey> {
    let expected = key.as_ref().map_or([0; 32], |key| key.secret_hash);
    let same = bool::from(expected.ct_eq(&token.hash));
    key.filter(|_| same)
}

fn unauthenticated(reason: &'static str, message: &str) -> ApiError {
    ApiError::new(Code::Unauthenticated, reason, message)
}

/// One answer for an unknown id and a wrong secret, so that ids cannot be guessed.
fn unknown() -> ApiError {
    unauthenticated(
        "KEY_UNKNOWN",
        "this API key is not known here: check that it is whole and of this gateway",
    )
}

fn revoked(id: &KeyId) -> ApiError {
    unauthenticated("KEY_REVOKED", "this API key was revoked: ask an admin of the brand for a new one")
        .with("key_id", id)
}

fn without_brand(id: &KeyId) -> ApiError {
    let message = "a gateway key touches no brand's data: use a key of the brand";
    ApiError::new(Code::PermissionDenied, "KEY_WITHOUT_BRAND", message).with("key_id", id)
}

fn brand_gone(id: &KeyId, brand: &BrandId) -> ApiError {
    let message =
        format!("the brand {brand} of this key is not configured: add it to the gateway's configuration");
    ApiError::new(Code::PermissionDenied, "BRAND_NOT_CONFIGURED", message)
        .with("key_id", id)
        .with("brand", brand)
}

fn too_narrow(key: &ApiKey, scope: Scope) -> ApiError {
    let scope = scope.as_str();
    ApiError::new(
        Code::PermissionDenied,
        "KEY_LACKS_SCOPE",
        format!("this call needs a key with the scope `{scope}`: ask an admin of the brand for one"),
    )
    .with("key_id", &key.id)
    .with("scope", scope)
}
