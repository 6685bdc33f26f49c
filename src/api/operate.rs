//! Which providers a key sees and controls.

use std::sync::Arc;

use tonic::Code;

use super::Brands;
use super::auth::Caller;
use super::status::Failure;
use crate::model::{Provider, ProviderName};

/// The configured providers, as far as keys may reach them.
#[derive(Clone)]
pub struct Providers {
    all: Arc<[Provider]>,
    only_one_brand: bool,
}

impl Providers {
    /// These providers, in the order of the configuration.
    pub fn new(all: Arc<[Provider]>, brands: &Brands) -> Self {
        Self { all, only_one_brand: brands.len() == 1 }
    }

    /// Those that `caller` sees: all for a gateway key, else those that serve its brand.
    pub fn seen_by<'a, 'c>(&'a self, caller: &'c Caller) -> impl Iterator<Item = &'a Provider> + use<'a, 'c> {
        self.all.iter().filter(|own| caller.brand.as_ref().is_none_or(|brand| own.serves(brand)))
    }

    /// The provider of this name, if `caller` sees it.
    ///
    /// # Errors
    /// NOT_FOUND, whether it does not exist or serves other brands.
    pub fn seen(&self, caller: &Caller, name: &ProviderName) -> Result<&Provider, Failure> {
        let found = self.all.iter().find(|own| own.name == *name);
        let seen = found.filter(|own| caller.brand.as_ref().is_none_or(|brand| own.serves(brand)));
        seen.ok_or_else(|| no_provider(name))
    }

    /// Tells that `caller` may control a provider it sees: what other brands rely on is not one brand's to switch off.
    ///
    /// # Errors
    /// PERMISSION_DENIED when the provider may serve other brands too.
    pub fn controlled(&self, caller: &Caller, provider: &Provider) -> Result<(), Failure> {
        let own = |brand| self.only_one_brand || provider.is_exclusive_to(brand);
        if caller.brand.as_ref().is_none_or(own) { Ok(()) } else { Err(shared(caller, &provider.name)) }
    }
}

fn no_provider(name: &ProviderName) -> Failure {
    let message =
        format!("there is no provider {name}: check the name, or list the providers with ListProviders");
    Failure::new(Code::NotFound, "PROVIDER_NOT_FOUND", message).with("provider", name)
}

fn shared(caller: &Caller, name: &ProviderName) -> Failure {
    let message =
        format!("the provider {name} serves other brands too: a gateway key is needed to control it");
    Failure::new(Code::PermissionDenied, "PROVIDER_SHARED", message)
        .with("key_id", &caller.key)
        .with("provider", name)
}
