//! How people want to be reached.

use futures_util::future::join_all;
use relevo::model::{Channel, Preferences, PreferencesVersion, QuietHours, TopicPreference};
use relevo::store::{PreferencesChange, SetPreferencesResult, Stores, TopicPreferenceChange};

use super::sample::*;

/// Changes the preferences of `ana`.
async fn set(stores: &Stores, change: PreferencesChange) -> SetPreferencesResult {
    stores.consents.set_preferences(&acme(), &contact_id("ana"), change).await.unwrap()
}

/// The same, which succeeds.
async fn changed(stores: &Stores, change: PreferencesChange) -> (Preferences, PreferencesVersion) {
    match set(stores, change).await {
        SetPreferencesResult::Set { preferences, version } => (preferences, version),
        refused => panic!("{refused:?}"),
    }
}

/// What is stored of `ana`.
async fn stored(stores: &Stores) -> (Preferences, PreferencesVersion) {
    let recipient = stores.consents.recipient(&acme(), &contact_id("ana")).await.unwrap().unwrap();
    let version = recipient.preferences_version();
    (recipient.preferences, version)
}

fn language(tag: &str, expected_version: Option<PreferencesVersion>) -> PreferencesChange {
    let language = Some(Some(tag.to_owned()));
    PreferencesChange { language, expected_version, ..PreferencesChange::default() }
}

fn mute(topic: &str, muted: bool) -> TopicPreferenceChange {
    TopicPreferenceChange { topic: topic.parse().unwrap(), muted: Some(muted), channel_order: None }
}

fn topics(topic_changes: Vec<TopicPreferenceChange>) -> PreferencesChange {
    PreferencesChange { topic_changes, ..PreferencesChange::default() }
}

fn names(preferences: &Preferences) -> Vec<&str> {
    let mut names: Vec<_> = preferences.topics.iter().map(|topic| topic.topic.as_str()).collect();
    names.sort_unstable();
    names
}

pub async fn preferences_change_field_by_field(stores: &Stores) {
    create(stores, &acme(), "ana", &[]).await;
    let quiet = QuietHours {
        start: "22:00".parse().unwrap(),
        end: "07:30".parse().unwrap(),
        include_transactional: true,
    };
    let shoes = TopicPreference {
        topic: "offers.shoes".parse().unwrap(),
        muted: true,
        channel_order: vec![Channel::Sms],
    };
    let change = PreferencesChange {
        channel_order: Some(vec![Channel::Telegram, Channel::Email]),
        excluded_channels: Some(vec![Channel::Whatsapp]),
        topics: Some(vec![shoes.clone()]),
        quiet_hours: Some(Some(quiet)),
        time_zone: Some(Some("Europe/Madrid".to_owned())),
        ..PreferencesChange::default()
    };
    let (first, _) = changed(stores, change).await;
    assert_eq!((first.language.as_deref(), first.quiet_hours), (None, Some(quiet)));
    let change = PreferencesChange { quiet_hours: Some(None), ..language("es", None) };
    let (second, version) = changed(stores, change).await;
    assert_eq!((second.language.as_deref(), second.quiet_hours), (Some("es"), None));
    assert_eq!((&second.topics, &second.time_zone), (&vec![shoes], &first.time_zone));
    assert_eq!(second.channel_order, first.channel_order);
    assert_eq!(second.excluded_channels, [Channel::Whatsapp]);
    assert_eq!(stored(stores).await, (second, version));
}

pub async fn an_expected_version_refuses_a_lost_update_of_preferences(stores: &Stores) {
    let ana = create(stores, &acme(), "ana", &[]).await;
    let (_, never_set) = stored(stores).await;
    assert_eq!(never_set, PreferencesVersion { incarnation: ana.incarnation, changes: 0 });
    let tags = ["ca", "de", "en", "es", "eu", "fr", "gl", "pt"];
    let first = join_all(tags.map(|tag| set(stores, language(tag, Some(never_set))))).await;
    let refused = first.iter().filter(|result| **result == SetPreferencesResult::Stale).count();
    assert_eq!(refused, tags.len() - 1, "of those who saw no preferences one is the first: {first:?}");

    let (before, version) = stored(stores).await;
    assert_eq!(set(stores, language("it", Some(never_set))).await, SetPreferencesResult::Stale);
    let topics = PreferencesChange { expected_version: Some(never_set), ..topics(vec![mute("news", true)]) };
    assert_eq!(set(stores, topics).await, SetPreferencesResult::Stale);
    assert_eq!(stored(stores).await, (before, version), "nothing of what is refused is done");
    let (_, next) = changed(stores, language("it", Some(version))).await;
    assert_ne!(next, version);
    let (_, same) = changed(stores, language("it", Some(next))).await;
    assert_eq!(same, next, "nothing changed");
    let (_, unasked) = changed(stores, language("nl", None)).await;
    assert_eq!(set(stores, language("sv", Some(next))).await, SetPreferencesResult::Stale);
    // A change to the contact is none to its preferences.
    stores.contacts.upsert_contact(&acme(), change("ana", &[]), at(1)).await.unwrap();
    changed(stores, language("sv", Some(unasked))).await;
}

pub async fn a_version_of_preferences_is_of_one_person(stores: &Stores) {
    create(stores, &acme(), "ana", &[]).await;
    let (_, never_set) = stored(stores).await;
    let (_, first) = changed(stores, language("es", None)).await;
    stores.contacts.delete_contact(&acme(), &contact_id("ana")).await.unwrap();
    assert_eq!(set(stores, language("ca", Some(first))).await, SetPreferencesResult::NoContact);
    create(stores, &acme(), "ana", &[]).await;
    assert_eq!(set(stores, language("ca", Some(never_set))).await, SetPreferencesResult::Stale);
    let (_, next) = changed(stores, language("es", None)).await;
    assert_eq!(next.changes, first.changes);
    assert_eq!(set(stores, language("ca", Some(first))).await, SetPreferencesResult::Stale);
}

pub async fn topics_changed_at_once_are_all_kept(stores: &Stores) {
    create(stores, &acme(), "ana", &[]).await;
    let order = |topic: &str| TopicPreferenceChange {
        topic: topic.parse().unwrap(),
        muted: None,
        channel_order: Some(vec![Channel::Sms]),
    };
    let change = topics(vec![mute("old", true), order("old"), mute("gone", true)]);
    changed(stores, PreferencesChange { language: Some(Some("es".to_owned())), ..change }).await;
    let mut at_once: Vec<_> = (1..=6).map(|number| mute(&format!("topic-{number}"), true)).collect();
    at_once.extend([mute("old", false), mute("gone", false)]);
    let results = join_all(at_once.into_iter().map(|change| set(stores, topics(vec![change])))).await;
    assert!(results.iter().all(|result| matches!(result, SetPreferencesResult::Set { .. })), "{results:?}");
    let (preferences, _) = stored(stores).await;
    assert_eq!(
        names(&preferences),
        ["old", "topic-1", "topic-2", "topic-3", "topic-4", "topic-5", "topic-6"],
        "one of which nothing is wanted is gone"
    );
    let old = preferences.topics.iter().find(|topic| topic.topic.as_str() == "old").unwrap();
    assert_eq!((old.muted, &old.channel_order[..]), (false, &[Channel::Sms][..]));
    assert_eq!(preferences.language.as_deref(), Some("es"));
}

pub async fn so_many_topics_have_a_preference(stores: &Stores) {
    create(stores, &acme(), "ana", &[]).await;
    let max = Preferences::MAX_TOPICS;
    changed(stores, topics((1..max).map(|number| mute(&format!("topic-{number}"), true)).collect())).await;
    let more = ["a", "b", "c"].map(|topic| set(stores, topics(vec![mute(topic, true)])));
    let refused = SetPreferencesResult::TooManyTopics(max + 1);
    assert_eq!(join_all(more).await.iter().filter(|result| **result == refused).count(), 2, "one has room");
    let full = stored(stores).await;
    let one_more = PreferencesChange { topic_changes: vec![mute("d", true)], ..language("es", None) };
    assert_eq!(set(stores, one_more).await, refused);
    assert_eq!(stored(stores).await, full, "nothing of what is refused is done");
    changed(stores, topics(vec![mute("topic-1", true), mute("topic-2", true)])).await;
    changed(stores, topics(vec![mute("d", true), mute("topic-1", false)])).await;
}
