//! Which providers a caller sees and controls.

use std::sync::Arc;

use tonic::Code;

use super::caller::Caller;
use super::error::ApiError;
use crate::dispatch::{BrandPolicies, ProviderRegistry};
use crate::model::{BrandId, Provider, ProviderName};

/// The providers of the registry, as far as callers may see and control them.
#[derive(Clone)]
pub struct ProviderAccess {
    registry: ProviderRegistry,
    policies: Arc<BrandPolicies>,
}

impl ProviderAccess {
    /// The providers of `registry`, for keys of these brands.
    pub fn new(registry: ProviderRegistry, policies: Arc<BrandPolicies>) -> Self {
        Self { registry, policies }
    }

    /// Who the messages of the caller's brand come from through a provider; `None` for the provider's own, or a gateway key.
    pub fn own_sender<'a>(&'a self, caller: &Caller, provider: &'a Provider) -> Option<&'a str> {
        let brand = caller.brand.as_ref()?;
        provider.sender(brand, &self.policies.get(brand)?.senders)
    }

    /// Whether `caller` sees a provider: a gateway key sees all, a brand's key those that serve the brand.
    pub fn is_visible(caller: &Caller, provider: &Provider) -> bool {
        caller.brand.as_ref().is_none_or(|brand| provider.serves(brand))
    }

    /// The providers that `caller` sees, in the order of the configuration.
    pub fn visible_to<'a, 'c>(
        &'a self,
        caller: &'c Caller,
    ) -> impl Iterator<Item = &'a Provider> + use<'a, 'c> {
        self.registry.providers().iter().filter(|provider| Self::is_visible(caller, provider))
    }

    /// The providers that serve `brand`, in the order of the configuration.
    pub fn serving<'a>(&'a self, brand: &BrandId) -> impl Iterator<Item = &'a Provider> {
        self.registry.providers().iter().filter(move |provider| provider.serves(brand))
    }

    /// The provider of this name, if `caller` sees it.
    ///
    /// # Errors
    /// NOT_FOUND, whether it does not exist or serves other brands.
    pub fn find_visible(&self, caller: &Caller, name: &ProviderName) -> Result<&Provider, ApiError> {
        let visible = self.visible_to(caller).find(|provider| provider.name == *name);
        visible.ok_or_else(|| no_provider(name))
    }

    /// Checks that `caller` may control a provider it sees. No brand may switch off what other brands rely on.
    ///
    /// # Errors
    /// PERMISSION_DENIED when the provider may serve other brands too.
    pub fn check_control(&self, caller: &Caller, provider: &Provider) -> Result<(), ApiError> {
        let controls = |brand| self.policies.len() == 1 || provider.is_exclusive_to(brand);
        if caller.brand.as_ref().is_none_or(controls) { Ok(()) } else { Err(shared(caller, &provider.name)) }
    }
}

fn no_provider(name: &ProviderName) -> ApiError {
    let message =
        format!("there is no provider {name}: check the name, or list the providers with ListProviders");
    ApiError::new(Code::NotFound, "PROVIDER_NOT_FOUND", message).with_metadata("provider", name)
}

fn shared(caller: &Caller, name: &ProviderName) -> ApiError {
    let message =
        format!("the provider {name} serves other brands too: a gateway key is needed to control it");
    ApiError::new(Code::PermissionDenied, "PROVIDER_SHARED", message)
        .with_metadata("key_id", &caller.key)
        .with_metadata("provider", name)
}
