//! How a contact wants to be reached.

use super::ConsentApi;
use crate::api::caller::BrandCaller;
use crate::api::error::ApiError;
use crate::api::limits::{self, TOPICS};
use crate::api::update_mask::{MaskField, UpdateMask};
use crate::model::{ContactId, QuietHours};
use crate::store::PreferencesChange;
use crate::wire::{FieldPath, Violations, read_preferences, v1};

const FIELDS: [&str; 6] =
    ["channel_order", "excluded_channels", "topics", "quiet_hours", "time_zone", "language"];

impl ConsentApi {
    pub(super) async fn preferences(
        &self,
        caller: &BrandCaller,
        request: v1::GetPreferencesRequest,
    ) -> Result<v1::GetPreferencesResponse, ApiError> {
        let recipient = self.recipient(caller, &request.contact_id).await?;
        Ok(v1::GetPreferencesResponse { preferences: Some((&recipient.preferences).into()) })
    }

    pub(super) async fn change_preferences(
        &self,
        caller: &BrandCaller,
        request: v1::SetPreferencesRequest,
    ) -> Result<v1::SetPreferencesResponse, ApiError> {
        let (id, change) = read_change(request)?;
        let preferences = self.store.set_preferences(&caller.brand, &id, change).await?;
        let preferences = preferences.ok_or_else(|| ApiError::no_contact(&id))?;
        Ok(v1::SetPreferencesResponse { preferences: Some((&preferences).into()) })
    }
}

fn read_change(request: v1::SetPreferencesRequest) -> Result<(ContactId, PreferencesChange), ApiError> {
    let mut violations = Violations::default();
    let id = violations.parsed(&request.contact_id, &FieldPath::new("contact_id"));
    let mask = UpdateMask::read(request.update_mask, &fields(request.preferences.as_ref()), &mut violations);
    let path = FieldPath::new("preferences");
    let preferences = violations.required(request.preferences, &path);
    let change = preferences.map(|preferences| read_named(preferences, &mask, &path, &mut violations));
    Ok(violations.finish(id.zip(change))?)
}

/// The fields, each present where the request says anything of it.
fn fields(given: Option<&v1::Preferences>) -> [MaskField; 6] {
    let present = given.map_or([false; 6], |given| {
        [
            !given.channel_order.is_empty(),
            !given.excluded_channels.is_empty(),
            !given.topics.is_empty(),
            given.quiet_hours.is_some(),
            !given.time_zone.is_empty(),
            !given.language.is_empty(),
        ]
    });
    std::array::from_fn(|index| MaskField::new(FIELDS[index], present[index]))
}

/// Reads the fields that the mask names; the others are not even checked.
fn read_named(
    preferences: v1::Preferences,
    mask: &UpdateMask,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> PreferencesChange {
    let preferences = v1::Preferences {
        channel_order: mask.pick(FIELDS[0], preferences.channel_order).unwrap_or_default(),
        excluded_channels: mask.pick(FIELDS[1], preferences.excluded_channels).unwrap_or_default(),
        topics: mask.pick(FIELDS[2], preferences.topics).unwrap_or_default(),
        quiet_hours: mask.pick(FIELDS[3], preferences.quiet_hours).flatten(),
        time_zone: mask.pick(FIELDS[4], preferences.time_zone).unwrap_or_default(),
        language: mask.pick(FIELDS[5], preferences.language).unwrap_or_default(),
    };
    check_lists(&preferences, path, violations);
    let read = read_preferences(preferences, path, violations);
    check_quiet_hours(read.quiet_hours.as_ref(), path, violations);
    PreferencesChange {
        channel_order: mask.pick(FIELDS[0], read.channel_order),
        excluded_channels: mask.pick(FIELDS[1], read.excluded_channels),
        topics: mask.pick(FIELDS[2], read.topics),
        quiet_hours: mask.pick(FIELDS[3], read.quiet_hours),
        time_zone: mask.pick(FIELDS[4], read.time_zone),
        language: mask.pick(FIELDS[5], read.language),
    }
}

fn check_lists(preferences: &v1::Preferences, path: &FieldPath<'_>, violations: &mut Violations) {
    limits::distinct_channels(&preferences.channel_order, &path.field("channel_order"), violations);
    limits::distinct_channels(&preferences.excluded_channels, &path.field("excluded_channels"), violations);
    let path = path.field("topics");
    limits::count(preferences.topics.len(), TOPICS, &path, violations);
    limits::distinct(preferences.topics.iter().map(|entry| &entry.topic), &path, violations);
    for (index, entry) in preferences.topics.iter().enumerate() {
        let path = path.index(index);
        limits::distinct_channels(&entry.channel_order, &path.field("channel_order"), violations);
    }
}

fn check_quiet_hours(quiet_hours: Option<&QuietHours>, path: &FieldPath<'_>, violations: &mut Violations) {
    if quiet_hours.is_some_and(|quiet_hours| quiet_hours.start == quiet_hours.end) {
        let path = path.field("quiet_hours");
        violations
            .add(&path.field("end"), "must differ from start: to be quiet always, exclude the channels");
    }
}
