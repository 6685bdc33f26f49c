//! Changes to what a contact wants of single topics.

use crate::api::limits::{self, TOPICS};
use crate::api::update_mask::{MaskField, UpdateMask};
use crate::store::TopicPreferenceChange;
use crate::wire::{FieldPath, Violations, read_channels, v1};

const MUTED: &str = "muted";
const CHANNEL_ORDER: &str = "channel_order";

/// Reads the changes, each of another topic.
pub(super) fn read_topic_changes(
    changes: Vec<v1::TopicPreferenceChange>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Vec<TopicPreferenceChange> {
    limits::count(changes.len(), TOPICS, path, violations);
    limits::distinct(changes.iter().map(|change| &change.topic), path, violations);
    let read = |(index, change)| read_topic_change(change, &path.index(index), violations);
    changes.into_iter().enumerate().filter_map(read).collect()
}

/// Reads the fields that the mask of the change names; the other is not even checked.
fn read_topic_change(
    change: v1::TopicPreferenceChange,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<TopicPreferenceChange> {
    let topic = violations.parsed(&change.topic, &path.field("topic"));
    let fields = [
        MaskField::new(MUTED, change.muted.is_some()),
        MaskField::new(CHANNEL_ORDER, !change.channel_order.is_empty()),
    ];
    let names_none = change.update_mask.as_ref().is_none_or(|mask| mask.paths.is_empty());
    // Somebody who leaves all out may have meant to empty it, so this is not taken for nothing.
    if names_none && fields.iter().all(|field| !field.is_present) {
        violations.add(path, "must have muted or channel_order, or name in update_mask what to empty");
    }
    let mask = UpdateMask::read(change.update_mask, &fields, &path.field("update_mask"), violations);
    let muted = mask.pick(MUTED, change.muted.unwrap_or_default());
    let order = path.field(CHANNEL_ORDER);
    let channel_order = mask.pick(CHANNEL_ORDER, change.channel_order).map(|channels| {
        limits::distinct_channels(&channels, &order, violations);
        read_channels(&channels, &order, violations)
    });
    Some(TopicPreferenceChange { topic: topic?, muted, channel_order })
}
