//! Who makes a call. The guard puts it into the extensions of a request, and methods take it from there.

use std::sync::Arc;

use tonic::{Code, Request};

use super::error::ApiError;
use super::request_body::RequestMeter;
use crate::dispatch::BrandPolicies;
use crate::model::{BrandId, KeyId};
use crate::routing::BrandPolicy;

/// Who calls, by the key used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The id of the key.
    pub key: KeyId,
    /// The brand it acts for; `None` for a gateway key.
    pub brand: Option<BrandId>,
}

/// A call that the guard has let in.
#[derive(Debug, Clone)]
pub struct Call {
    /// The full name of the method: `relevo.v1.MessageService/Send`.
    pub method: &'static str,
    /// Who calls.
    pub caller: Caller,
}

/// A caller that acts for a configured brand.
#[derive(Debug, Clone)]
pub struct BrandCaller {
    /// The id of the key.
    pub key: KeyId,
    /// The brand it acts for.
    pub brand: BrandId,
    policies: Arc<BrandPolicies>,
}

impl Call {
    /// The call that a request belongs to.
    ///
    /// # Errors
    /// INTERNAL when the request did not pass the guard.
    pub fn of<T>(request: &Request<T>) -> Result<Self, ApiError> {
        request.extensions().get().cloned().ok_or_else(not_authenticated)
    }
}

impl Caller {
    /// The caller of a request, whichever kind of key it has, and the message of the request.
    ///
    /// # Errors
    /// INTERNAL when the request did not pass the guard.
    pub fn from_request<T: prost::Message>(request: Request<T>) -> Result<(Self, T), ApiError> {
        settle(&request);
        Ok((Call::of(&request)?.caller, request.into_inner()))
    }
}

impl BrandCaller {
    /// The caller as one that acts for one of these brands; `None` for a gateway key.
    ///
    /// # Errors
    /// PERMISSION_DENIED for a key of a brand that is not configured.
    pub fn new(caller: &Caller, policies: &Arc<BrandPolicies>) -> Result<Option<Self>, ApiError> {
        match &caller.brand {
            None => Ok(None),
            Some(brand) if !policies.contains_key(brand) => Err(brand_not_configured(&caller.key, brand)),
            Some(brand) => {
                let (key, brand, policies) = (caller.key.clone(), brand.clone(), Arc::clone(policies));
                Ok(Some(Self { key, brand, policies }))
            }
        }
    }

    /// The caller of a request that needs a brand's key, and the message of the request.
    ///
    /// # Errors
    /// PERMISSION_DENIED for a gateway key, which touches no brand's data; INTERNAL when the request did not pass the guard.
    pub fn from_request<T: prost::Message>(request: Request<T>) -> Result<(Self, T), ApiError> {
        settle(&request);
        Self::from_stream(request)
    }

    /// The caller of a stream that needs a brand's key, and the stream of the requests.
    ///
    /// # Errors
    /// As for a request.
    pub fn from_stream<T>(mut request: Request<T>) -> Result<(Self, T), ApiError> {
        match request.extensions_mut().remove::<Self>() {
            Some(caller) => Ok((caller, request.into_inner())),
            None => Err(without_brand(&Call::of(&request)?.caller.key)),
        }
    }

    /// The policy of the brand.
    pub fn policy(&self) -> &BrandPolicy {
        self.policies.get(&self.brand).expect("a caller is only made for a brand that has a policy")
    }

    /// The country in which the brand's phone numbers without `+` are dialled.
    pub fn country(&self) -> Option<&str> {
        self.policy().default_country.as_deref()
    }
}

/// The message is there, so no more is held for it than it takes.
fn settle<T: prost::Message>(request: &Request<T>) {
    if let Some(meter) = request.extensions().get::<RequestMeter>() {
        meter.settle(request.get_ref());
    }
}

fn not_authenticated() -> ApiError {
    let message =
        "the gateway did not authenticate this call, and so did not carry it out: tell its operator";
    ApiError::new(Code::Internal, "NOT_AUTHENTICATED", message)
}

fn without_brand(id: &KeyId) -> ApiError {
    let message = "a gateway key touches no brand's data: use a key of the brand";
    ApiError::new(Code::PermissionDenied, "KEY_WITHOUT_BRAND", message).with_metadata("key_id", id)
}

fn brand_not_configured(id: &KeyId, brand: &BrandId) -> ApiError {
    let message =
        format!("the brand {brand} of this key is not configured: add it to the gateway's configuration");
    ApiError::new(Code::PermissionDenied, "BRAND_NOT_CONFIGURED", message)
        .with_metadata("key_id", id)
        .with_metadata("brand", brand)
}
