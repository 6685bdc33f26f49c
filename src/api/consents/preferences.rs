//! How a contact wants to be reached.

use tonic::Code;

use super::ConsentApi;
use super::topic_changes::read_topic_changes;
use crate::api::caller::BrandCaller;
use crate::api::error::ApiError;
use crate::api::etag::{self, read_etag};
use crate::api::limits::{self, TOPICS};
use crate::api::update_mask::{MaskField, UpdateMask};
use crate::model::{ContactId, ContactIncarnation, PreferencesVersion, QuietHours};
use crate::store::{PreferencesChange, SetPreferencesResult};
use crate::wire::{FieldPath, Violations, preferences_view, read_preferences, v1};

const FIELDS: [&str; 6] =
    ["channel_order", "excluded_channels", "topics", "quiet_hours", "time_zone", "language"];

/// The version of nobody's preferences.
const OF_NOBODY: PreferencesVersion =
    PreferencesVersion { incarnation: ContactIncarnation(u64::MAX), changes: u64::MAX };

impl ConsentApi {
    pub(super) async fn preferences(
        &self,
        caller: &BrandCaller,
        request: v1::GetPreferencesRequest,
    ) -> Result<v1::GetPreferencesResponse, ApiError> {
        let recipient = self.recipient(caller, &request.contact_id).await?;
        let preferences = preferences_view(&recipient.preferences, recipient.preferences_version());
        Ok(v1::GetPreferencesResponse { preferences: Some(preferences) })
    }

    pub(super) async fn change_preferences(
        &self,
        caller: &BrandCaller,
        request: v1::SetPreferencesRequest,
    ) -> Result<v1::SetPreferencesResponse, ApiError> {
        let (id, change) = read_change(request)?;
        match self.store.set_preferences(&caller.brand, &id, change).await? {
            SetPreferencesResult::Set { preferences, version } => {
                Ok(v1::SetPreferencesResponse { preferences: Some(preferences_view(&preferences, version)) })
            }
            SetPreferencesResult::NoContact => Err(ApiError::no_contact(&id)),
            SetPreferencesResult::Stale => {
                let next = "read them with GetPreferences and change them again";
                Err(etag::stale(format_args!("the preferences of the contact {id} were"), next))
            }
            SetPreferencesResult::TooManyTopics(count) => Err(too_many_topics(&id, count)),
        }
    }
}

fn too_many_topics(id: &ContactId, count: usize) -> ApiError {
    let message = format!(
        "the contact {id} would have preferences for {count} topics, and may have {TOPICS}: remove some first, by \
         topic_changes that leave nothing wanted of them"
    );
    ApiError::new(Code::FailedPrecondition, "TOO_MANY_TOPIC_PREFERENCES", message)
        .with_metadata("contact_id", id)
        .with_metadata("max", TOPICS)
}

fn read_change(request: v1::SetPreferencesRequest) -> Result<(ContactId, PreferencesChange), ApiError> {
    let mut violations = Violations::default();
    let id = violations.parsed(&request.contact_id, &FieldPath::new("contact_id"));
    let path = FieldPath::new("update_mask");
    let names_none = request.update_mask.as_ref().is_none_or(|mask| mask.paths.is_empty());
    let fields = fields(request.preferences.as_ref());
    let mask = UpdateMask::read(request.update_mask, &fields, &path, &mut violations);
    let path = FieldPath::new("topic_changes");
    let topics_alone = names_none && !request.topic_changes.is_empty();
    if mask.names("topics") && !request.topic_changes.is_empty() {
        violations.add(&path, "must be empty when preferences.topics replaces all: give one or the other");
    }
    let topic_changes = read_topic_changes(request.topic_changes, &path, &mut violations);
    let path = FieldPath::new("preferences");
    let preferences = match topics_alone {
        true => Some(request.preferences.unwrap_or_default()),
        false => violations.required(request.preferences, &path),
    };
    let change = preferences.map(|preferences| {
        let expected_version = read_etag(&preferences.etag, OF_NOBODY);
        let named = read_named(preferences, &mask, &path, &mut violations);
        PreferencesChange { topic_changes, expected_version, ..named }
    });
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
        etag: String::new(),
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
        ..PreferencesChange::default()
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
