//! Links that tie the Telegram chat of whoever follows them to a contact.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tonic::Code;

use crate::adapters::telegram::bot::TelegramLinkSigner;
use crate::api::access::ProviderAccess;
use crate::api::caller::BrandCaller;
use crate::api::error::ApiError;
use crate::clock::Clock;
use crate::model::{ContactId, ContactLink, LinkId, ProviderName, later};
use crate::store::LinkStore;
use crate::wire::{FieldPath, Violations, timestamp, v1};

/// How long a link is valid. Whoever follows it is taken for the contact, so a link that leaks must expire.
const LIFETIME: Duration = Duration::from_secs(24 * 3_600);

/// Makes links to the bots whose names are known.
#[derive(Clone)]
pub struct TelegramLinkIssuer {
    access: ProviderAccess,
    bots: Arc<BTreeMap<ProviderName, TelegramLinkSigner>>,
    store: Arc<dyn LinkStore>,
    clock: Clock,
}

impl TelegramLinkIssuer {
    /// Links to these bots, kept in this store.
    pub fn new(
        access: ProviderAccess,
        bots: BTreeMap<ProviderName, TelegramLinkSigner>,
        store: Arc<dyn LinkStore>,
        clock: Clock,
    ) -> Self {
        Self { access, bots: Arc::new(bots), store, clock }
    }

    pub(super) async fn create(
        &self,
        caller: &BrandCaller,
        request: v1::CreateTelegramLinkRequest,
    ) -> Result<v1::CreateTelegramLinkResponse, ApiError> {
        let (contact, provider) = read(&request)?;
        let bot = self.bot(caller, provider.as_ref())?;
        let mut random = [0; 10];
        getrandom::fill(&mut random).map_err(ApiError::no_randomness)?;
        let expires_at = later(self.clock.now(), LIFETIME);
        let id = LinkId::new(expires_at, &random);
        let link = ContactLink { brand: caller.brand.clone(), contact };
        if !self.store.create_link(id, link.clone()).await? {
            return Err(ApiError::no_contact(&link.contact));
        }
        Ok(v1::CreateTelegramLinkResponse { url: bot.url(id), expire_time: Some(timestamp(expires_at)) })
    }

    /// The bot that is named, or else the only one that the brand has.
    fn bot(
        &self,
        caller: &BrandCaller,
        name: Option<&ProviderName>,
    ) -> Result<&TelegramLinkSigner, ApiError> {
        let providers = self.access.serving(&caller.brand);
        let named = providers.filter(|provider| name.is_none_or(|name| provider.name == *name));
        let bots: Vec<_> = named.filter_map(|provider| self.bots.get(&provider.name)).collect();
        match (bots.as_slice(), name) {
            ([bot], _) => Ok(bot),
            ([], Some(name)) => Err(no_bot().with_metadata("provider", name)),
            ([], None) => Err(no_bot()),
            _ => Err(ApiError::invalid_field("provider", "is required: the brand has several Telegram bots")),
        }
    }
}

fn read(request: &v1::CreateTelegramLinkRequest) -> Result<(ContactId, Option<ProviderName>), ApiError> {
    let mut violations = Violations::default();
    let contact = violations.parsed(&request.contact_id, &FieldPath::new("contact_id"));
    let provider = if request.provider.is_empty() {
        Some(None)
    } else {
        violations.parsed(&request.provider, &FieldPath::new("provider")).map(Some)
    };
    Ok(violations.finish(contact.zip(provider))?)
}

fn no_bot() -> ApiError {
    let message = "there is no such Telegram bot for this brand: name a provider of the kind telegram whose settings have \
                   a bot_username";
    ApiError::new(Code::NotFound, "BOT_NOT_FOUND", message)
}
