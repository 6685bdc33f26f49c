//! `IncidentService`: times in which providers were not well.

mod list;
mod view;

use std::sync::Arc;

use tonic::{Code, Request, Response, Status};

use super::access::ProviderAccess;
use super::caller::Caller;
use super::error::ApiError;
use super::sealer::TokenSealer;
use crate::dispatch::IncidentTracker;
use crate::model::{Incident, IncidentId};
use crate::store::IncidentStore;
use crate::wire::v1::incident_service_server::IncidentService;
use crate::wire::{FieldPath, Violations, v1};

/// Implements `IncidentService`.
#[derive(Clone)]
pub struct IncidentApi {
    access: ProviderAccess,
    tracker: IncidentTracker,
    store: Arc<dyn IncidentStore>,
    tokens: Arc<TokenSealer>,
}

impl IncidentApi {
    /// The service over what is recorded, and over what goes on, of which the record may be some seconds old. `tokens` seals
    /// page tokens.
    pub fn new(
        access: ProviderAccess,
        tracker: IncidentTracker,
        store: Arc<dyn IncidentStore>,
        tokens: Arc<TokenSealer>,
    ) -> Self {
        Self { access, tracker, store, tokens }
    }

    async fn get(
        &self,
        caller: &Caller,
        request: v1::GetIncidentRequest,
    ) -> Result<v1::GetIncidentResponse, ApiError> {
        let mut violations = Violations::default();
        let id = violations.parsed(&request.incident_id, &FieldPath::new("incident_id"));
        let id: IncidentId = violations.finish(id)?;
        let found = match self.tracker.find(id) {
            Some(current) => Some(current),
            None => self.store.incident(id).await?,
        };
        let visible = found.filter(|incident| self.is_visible(caller, incident));
        let incident = visible.ok_or_else(|| no_incident(id))?;
        Ok(v1::GetIncidentResponse { incident: Some(self.view(caller, &incident)) })
    }

    /// Whether `caller` sees an incident. A gateway key also sees those of providers that are no longer configured.
    fn is_visible(&self, caller: &Caller, incident: &Incident) -> bool {
        caller.brand.is_none() || self.access.find_visible(caller, &incident.provider).is_ok()
    }

    /// An incident as `caller` may see it.
    fn view(&self, caller: &Caller, incident: &Incident) -> v1::Incident {
        let brand = caller.brand.as_ref();
        match brand.zip(self.access.find_visible(caller, &incident.provider).ok()) {
            None => incident.into(),
            Some((brand, provider)) => {
                let own_sender = self.access.own_sender(caller, provider).unwrap_or_default();
                view::of_brand(incident, brand, provider, own_sender)
            }
        }
    }
}

#[tonic::async_trait]
impl IncidentService for IncidentApi {
    async fn list_incidents(
        &self,
        request: Request<v1::ListIncidentsRequest>,
    ) -> Result<Response<v1::ListIncidentsResponse>, Status> {
        let (caller, request) = Caller::from_request(request)?;
        Ok(Response::new(self.list(&caller, request).await?))
    }

    async fn get_incident(
        &self,
        request: Request<v1::GetIncidentRequest>,
    ) -> Result<Response<v1::GetIncidentResponse>, Status> {
        let (caller, request) = Caller::from_request(request)?;
        Ok(Response::new(self.get(&caller, request).await?))
    }
}

fn no_incident(id: IncidentId) -> ApiError {
    let message =
        format!("there is no incident {id}: check the id, or list the incidents with ListIncidents");
    ApiError::new(Code::NotFound, "INCIDENT_NOT_FOUND", message).with_metadata("incident_id", id)
}
