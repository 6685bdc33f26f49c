//! Which providers a key sees and controls.

use tonic::Code;

use super::auth::Caller;
use super::error::ApiError;
use crate::dispatch::{BrandPolicies, ProviderRegistry};
use crate::model::{BrandId, Provider, ProviderName};

/// The providers on the board, as far as keys may reach them.
#[derive(Clone)]
pub struct ProviderAccess {
    board: ProviderRegistry,
    only_one_brand: bool,
}

impl ProviderAccess {
    /// The providers of `board`, for keys of these brands.
    pub fn new(board: ProviderRegistry, policies: &BrandPolicies) -> Self {
        Self { board, only_one_brand: policies.len() == 1 }
    }

    /// Whether `caller` sees a provider: a gateway key sees all, a brand's key those that serve the brand.
    pub fn is_visible(caller: &Caller, provider: &Provider) -> bool {
        caller.brand.as_ref().is_none_or(|brand| provider.serves(brand))
    }

    /// Those that `caller` sees, in the order of the configuration.
    pub fn visible_to<'a, 'c>(
        &'a self,
        caller: &'c Caller,
    ) -> impl Iterator<Item = &'a Provider> + use<'a, 'c> {
        self.board.providers().iter().filter(|own| Self::is_visible(caller, own))
    }

    /// Those that serve `brand`, in the order of the configuration.
    pub fn serving<'a>(&'a self, brand: &BrandId) -> impl Iterator<Item = &'a Provider> {
        self.board.providers().iter().filter(move |own| own.serves(brand))
    }

    /// The provider of this name, if `caller` sees it.
    ///
    /// # Errors
    /// NOT_FOUND, whether it does not exist or serves other brands.
    pub fn find_visible(&self, caller: &Caller, name: &ProviderName) -> Result<&Provider, ApiError> {
        let seen = self.visible_to(caller).find(|own| own.name == *name);
        seen.ok_or_else(|| no_provider(name))
    }

    /// Tells that `caller` may control a provider it sees: what other brands rely on is not one brand's to switch off.
    ///
    /// # Errors
    /// PERMISSION_DENIED when the provider may serve other brands too.
    pub fn check_control(&self, caller: &Caller, provider: &Provider) -> Result<(), ApiError> {
        let own = |brand| self.only_one_brand || provider.is_exclusive_to(brand);
        if caller.brand.as_ref().is_none_or(own) { Ok(()) } else { Err(shared(caller, &provider.name)) }
    }
}

fn no_provider(name: &ProviderName) -> ApiError {
    let message =
        format!("there is no provider {name}: check the name, or list the providers with ListProviders");
    ApiError::new(Code::NotFound, "PROVIDER_NOT_FOUND", message).with("provider", name)
}

fn shared(caller: &Caller, name: &ProviderName) -> ApiError {
    let message =
        format!("the provider {name} serves other brands too: a gateway key is needed to control it");
    ApiError::new(Code::PermissionDenied, "PROVIDER_SHARED", message)
        .with("key_id", &caller.key)
        .with("provider", name)
}
