//! An incident as a brand sees it.

use crate::model::{BrandId, HealthCell, Incident, Provider};
use crate::wire::v1;
use v1::incident_update::Detail;

/// An incident of a provider that serves `brand`, as a key of the brand is shown it: what it meant for others is left out, and
/// so are the words of the provider, which may quote what another brand sent. Of a sender or a template of others nothing is
/// told but that there is trouble. `own_sender` is the sender of the brand.
pub fn of_brand(incident: &Incident, brand: &BrandId, provider: &Provider, own_sender: &str) -> v1::Incident {
    let is_own = match &incident.cell {
        None | Some(HealthCell::Country(_)) => true,
        Some(HealthCell::Sender(sender)) => sender == own_sender,
        // Who has messages that it concerns knows the template.
        Some(HealthCell::Template(_)) => {
            let concerns = incident.impacts.get(brand).is_some_and(|impact| !impact.is_empty());
            provider.is_exclusive_to(brand) || concerns
        }
    };
    let mut view = v1::Incident::from(incident);
    view.impacts.retain(|impact| impact.brand == brand.as_str());
    if let Some(cell) = view.cell.as_mut().filter(|_| !is_own) {
        cell.name.clear();
        cell.of_other_brand = true;
    }
    for update in &mut view.updates {
        if let Some(Detail::Breaker(change)) = &mut update.detail {
            change.failure_text.clear();
            if !is_own {
                change.failure.clear();
            }
        }
    }
    view
}
