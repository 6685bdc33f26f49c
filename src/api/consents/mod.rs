//! `ConsentService`: what people agreed to, how they want to be reached, and which addresses must not be used.

mod ledger;
mod pages;
mod preferences;
mod suppressions;
mod topic_changes;

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::caller::BrandCaller;
use super::sealer::TokenSealer;
use crate::clock::Clock;
use crate::dispatch::Planner;
use crate::store::ConsentStore;
use crate::wire::v1;
use crate::wire::v1::consent_service_server::ConsentService;

/// Implements `ConsentService`.
#[derive(Clone)]
pub struct ConsentApi {
    store: Arc<dyn ConsentStore>,
    tokens: Arc<TokenSealer>,
    planner: Planner,
    clock: Clock,
}

impl ConsentApi {
    /// The service over this store. `tokens` seals page tokens.
    pub fn new(
        store: Arc<dyn ConsentStore>,
        tokens: Arc<TokenSealer>,
        planner: Planner,
        clock: Clock,
    ) -> Self {
        Self { store, tokens, planner, clock }
    }
}

#[tonic::async_trait]
impl ConsentService for ConsentApi {
    async fn record_consent(
        &self,
        request: Request<v1::RecordConsentRequest>,
    ) -> Result<Response<v1::RecordConsentResponse>, Status> {
        let (caller, request) = BrandCaller::from_request(request)?;
        Ok(Response::new(self.record(&caller, request).await?))
    }

    async fn get_consent(
        &self,
        request: Request<v1::GetConsentRequest>,
    ) -> Result<Response<v1::GetConsentResponse>, Status> {
        let (caller, request) = BrandCaller::from_request(request)?;
        Ok(Response::new(self.consent(&caller, request).await?))
    }

    async fn get_preferences(
        &self,
        request: Request<v1::GetPreferencesRequest>,
    ) -> Result<Response<v1::GetPreferencesResponse>, Status> {
        let (caller, request) = BrandCaller::from_request(request)?;
        Ok(Response::new(self.preferences(&caller, request).await?))
    }

    async fn set_preferences(
        &self,
        request: Request<v1::SetPreferencesRequest>,
    ) -> Result<Response<v1::SetPreferencesResponse>, Status> {
        let (caller, request) = BrandCaller::from_request(request)?;
        Ok(Response::new(self.change_preferences(&caller, request).await?))
    }

    async fn check_consent(
        &self,
        request: Request<v1::CheckConsentRequest>,
    ) -> Result<Response<v1::CheckConsentResponse>, Status> {
        let (caller, request) = BrandCaller::from_request(request)?;
        Ok(Response::new(self.check(&caller, request).await?))
    }

    async fn suppress_address(
        &self,
        request: Request<v1::SuppressAddressRequest>,
    ) -> Result<Response<v1::SuppressAddressResponse>, Status> {
        let (caller, request) = BrandCaller::from_request(request)?;
        Ok(Response::new(self.suppress(&caller, request).await?))
    }

    async fn lift_suppression(
        &self,
        request: Request<v1::LiftSuppressionRequest>,
    ) -> Result<Response<v1::LiftSuppressionResponse>, Status> {
        let (caller, request) = BrandCaller::from_request(request)?;
        Ok(Response::new(self.lift(&caller, request).await?))
    }
}
