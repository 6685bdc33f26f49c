//! Brands: each name and policy checked.

use std::collections::BTreeMap;

use super::errors::ErrorCollector;
use super::locations::join_path;
use crate::model::BrandId;
use crate::routing::{BrandPolicy, BrandSettings};

/// Builds the policy of every brand whose name and settings are valid. Each invalid one is left out, with its errors in
/// `errors`.
pub(super) fn build_all(
    settings: &BTreeMap<String, BrandSettings>,
    errors: &mut ErrorCollector<'_>,
) -> BTreeMap<BrandId, BrandPolicy> {
    let mut brands = BTreeMap::new();
    for (name, settings) in settings {
        let path = join_path("brands", name);
        let id = name.parse().map_err(|error| errors.add(&path, error)).ok();
        match (id, BrandPolicy::try_new(settings)) {
            (Some(id), Ok(policy)) => {
                brands.insert(id, policy);
            }
            (None, Ok(_)) => {}
            (_, Err(wrong)) => errors.add_all(&path, wrong),
        }
    }
    brands
}
