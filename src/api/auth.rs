//! Authentication by API key. Nothing else of a call happens before it.

use std::sync::Arc;

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use subtle::ConstantTimeEq;
use tonic::Code;

use super::caller::Caller;
use super::error::ApiError;
use super::token::KeyToken;
use crate::model::{ApiKey, KeyId, KeyScope};
use crate::store::KeyStore;

/// Finds the key of a call and checks it. Cheap to clone.
#[derive(Clone)]
pub struct Authenticator {
    keys: Arc<dyn KeyStore>,
}

impl Authenticator {
    /// Authenticates by the keys of this store.
    pub fn new(keys: Arc<dyn KeyStore>) -> Self {
        Self { keys }
    }

    /// The caller, by the key in the headers of a call that needs `scope`.
    ///
    /// # Errors
    /// UNAUTHENTICATED without a key in force, PERMISSION_DENIED when the key lacks the scope.
    pub async fn authenticate(&self, headers: &HeaderMap, scope: KeyScope) -> Result<Caller, ApiError> {
        let token = read_token(headers)?;
        let key = self.keys.key(&token.id).await?;
        let key = verified(key, &token).ok_or_else(unknown)?;
        if key.revoked_at.is_some() {
            return Err(revoked(&key.id));
        }
        if !key.permits(scope) {
            return Err(lacks_scope(&key, scope));
        }
        Ok(Caller { key: key.id, brand: key.brand })
    }

    /// Checks that a key which authenticated a call has not been revoked since.
    ///
    /// # Errors
    /// UNAUTHENTICATED when it was revoked.
    pub async fn check_in_force(&self, id: &KeyId) -> Result<(), ApiError> {
        match self.keys.key(id).await? {
            Some(key) if key.revoked_at.is_none() => Ok(()),
            _ => Err(revoked(id)),
        }
    }
}

fn read_token(headers: &HeaderMap) -> Result<KeyToken, ApiError> {
    let Some(value) = headers.get(AUTHORIZATION) else {
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

/// The key, if the token holds its secret. An unknown key takes as long, and the comparison takes constant time, so the
/// time until the answer reveals neither ids nor secrets.
fn verified(key: Option<ApiKey>, token: &KeyToken) -> Option<ApiKey> {
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
        .with_metadata("key_id", id)
}

fn lacks_scope(key: &ApiKey, scope: KeyScope) -> ApiError {
    let scope = scope.as_str();
    ApiError::new(
        Code::PermissionDenied,
        "KEY_LACKS_SCOPE",
        format!("this call needs a key with the scope `{scope}`: ask an admin of the brand for one"),
    )
    .with_metadata("key_id", &key.id)
    .with_metadata("scope", scope)
}
