//! `ConsentService`: what people agreed to, how they want to be reached, and which addresses must not be used.

mod ledger;
mod preferences;
mod suppressions;

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::Gate;
use super::gate::MethodDescriptor;
use crate::clock::Clock;
use crate::dispatch::Planner;
use crate::model::Scope;
use crate::store::ConsentStore;
use crate::wire::v1;
use crate::wire::v1::consent_service_server::ConsentService;

/// What people agreed to.
#[derive(Clone)]
pub struct ConsentApi {
    gate: Gate,
    store: Arc<dyn ConsentStore>,
    planner: Planner,
    clock: Clock,
}

const fn method(name: &'static str) -> MethodDescriptor {
    MethodDescriptor { name, scope: Scope::Contacts }
}

const RECORD: MethodDescriptor = method("relevo.v1.ConsentService/RecordConsent");
const GET: MethodDescriptor = method("relevo.v1.ConsentService/GetConsent");
const GET_PREFERENCES: MethodDescriptor = method("relevo.v1.ConsentService/GetPreferences");
const SET_PREFERENCES: MethodDescriptor = method("relevo.v1.ConsentService/SetPreferences");
const CHECK: MethodDescriptor = method("relevo.v1.ConsentService/CheckConsent");
const SUPPRESS: MethodDescriptor = method("relevo.v1.ConsentService/SuppressAddress");
const LIFT: MethodDescriptor = method("relevo.v1.ConsentService/LiftSuppression");

impl ConsentApi {
    /// The service over this store.
    pub fn new(gate: Gate, store: Arc<dyn ConsentStore>, planner: Planner, clock: Clock) -> Self {
        Self { gate, store, planner, clock }
    }
}

#[tonic::async_trait]
impl ConsentService for ConsentApi {
    async fn record_consent(
        &self,
        request: Request<v1::RecordConsentRequest>,
    ) -> Result<Response<v1::RecordConsentResponse>, Status> {
        let body = |caller, request| async move { self.record(&caller, request).await };
        self.gate.brand(RECORD, request, body).await
    }

    async fn get_consent(
        &self,
        request: Request<v1::GetConsentRequest>,
    ) -> Result<Response<v1::GetConsentResponse>, Status> {
        let body = |caller, request| async move { self.consent(&caller, request).await };
        self.gate.brand(GET, request, body).await
    }

    async fn get_preferences(
        &self,
        request: Request<v1::GetPreferencesRequest>,
    ) -> Result<Response<v1::GetPreferencesResponse>, Status> {
        let body = |caller, request| async move { self.preferences(&caller, request).await };
        self.gate.brand(GET_PREFERENCES, request, body).await
    }

    async fn set_preferences(
        &self,
        request: Request<v1::SetPreferencesRequest>,
    ) -> Result<Response<v1::SetPreferencesResponse>, Status> {
        let body = |caller, request| async move { self.change_preferences(&caller, request).await };
        self.gate.brand(SET_PREFERENCES, request, body).await
    }

    async fn check_consent(
        &self,
        request: Request<v1::CheckConsentRequest>,
    ) -> Result<Response<v1::CheckConsentResponse>, Status> {
        let body = |caller, request| async move { self.check(&caller, request).await };
        self.gate.brand(CHECK, request, body).await
    }

    async fn suppress_address(
        &self,
        request: Request<v1::SuppressAddressRequest>,
    ) -> Result<Response<v1::SuppressAddressResponse>, Status> {
        let body = |caller, request| async move { self.suppress(&caller, request).await };
        self.gate.brand(SUPPRESS, request, body).await
    }

    async fn lift_suppression(
        &self,
        request: Request<v1::LiftSuppressionRequest>,
    ) -> Result<Response<v1::LiftSuppressionResponse>, Status> {
        let body = |caller, request| async move { self.lift(&caller, request).await };
        self.gate.brand(LIFT, request, body).await
    }
}
