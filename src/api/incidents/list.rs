//! Lists incidents.

use std::collections::BTreeMap;

use prost::Message as _;

use super::IncidentApi;
use crate::api::caller::Caller;
use crate::api::error::ApiError;
use crate::api::page::{PageTokenScope, collect};
use crate::model::{Incident, IncidentId, ProviderName, Timestamp};
use crate::store::{PageRequest, StoreError};
use crate::wire::{FieldPath, Violations, read_optional_time, v1};

/// Which incidents are wanted.
struct IncidentFilter {
    open_only: bool,
    provider: Option<ProviderName>,
    since: Option<Timestamp>,
}

impl IncidentFilter {
    fn matches(&self, incident: &Incident) -> bool {
        let is_recent = |since: Timestamp| incident.ended.is_none_or(|(ended_at, _)| since <= ended_at);
        (!self.open_only || incident.is_open())
            && self.provider.as_ref().is_none_or(|provider| incident.provider == *provider)
            && self.since.is_none_or(is_recent)
    }
}

impl IncidentApi {
    pub(super) async fn list(
        &self,
        caller: &Caller,
        request: v1::ListIncidentsRequest,
    ) -> Result<v1::ListIncidentsResponse, ApiError> {
        let mut violations = Violations::default();
        let bare = v1::ListIncidentsRequest { page_size: 0, page_token: String::new(), ..request.clone() };
        let listing =
            PageTokenScope::new(&self.tokens, "incidents", caller.brand.as_ref(), &bare.encode_to_vec());
        let wanted = listing.request(request.page_size, &request.page_token, &mut violations);
        let filter = read_filter(&request, &mut violations);
        let (wanted, filter) = violations.finish(Some((wanted, filter)))?;
        if let Some(name) = &filter.provider {
            self.access.find_visible(caller, name)?;
        }
        let current: BTreeMap<IncidentId, Incident> =
            self.tracker.current().into_iter().map(|incident| (incident.id, incident)).collect();
        let read = |page: PageRequest| async {
            let mut page = self.store.incidents(page).await?;
            for recorded in &mut page.items {
                if let Some(newer) = current.get(&recorded.id) {
                    *recorded = newer.clone();
                }
            }
            page.items.retain(|incident| filter.matches(incident) && self.is_visible(caller, incident));
            Ok::<_, StoreError>(page)
        };
        let page = collect(wanted, read, |incident| self.view(caller, incident)).await?;
        let next_page_token = listing.token(page.next);
        Ok(v1::ListIncidentsResponse { incidents: page.items, next_page_token })
    }
}

fn read_filter(request: &v1::ListIncidentsRequest, violations: &mut Violations) -> IncidentFilter {
    let provider = match request.provider.as_str() {
        "" => None,
        name => violations.parsed(name, &FieldPath::new("provider")),
    };
    let since = read_optional_time(request.since, &FieldPath::new("since"), violations);
    IncidentFilter { open_only: request.open_only, provider, since }
}
