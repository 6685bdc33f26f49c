//! How contacts want to be reached.

use futures_util::future::join_all;

use super::consents::{EMAIL, SMS, started};
use super::*;

type Consents = ConsentServiceClient<Client>;
type Change = v1::TopicPreferenceChange;

fn preferences() -> v1::Preferences {
    let (start, end) = ("22:00".into(), "07:30".into());
    v1::Preferences {
        channel_order: vec![SMS, EMAIL],
        topics: vec![v1::TopicPreference { topic: "offers".into(), muted: true, channel_order: vec![] }],
        quiet_hours: Some(v1::QuietHours { start, end, include_transactional: false }),
        time_zone: "Europe/Madrid".into(),
        language: "es".into(),
        ..v1::Preferences::default()
    }
}

fn set(preferences: v1::Preferences, paths: &[&str]) -> v1::SetPreferencesRequest {
    let update_mask = prost_types::FieldMask { paths: paths.iter().map(ToString::to_string).collect() };
    let (contact_id, preferences) = ("ana".into(), Some(preferences));
    v1::SetPreferencesRequest {
        contact_id,
        preferences,
        update_mask: Some(update_mask),
        ..Default::default()
    }
}

async fn get(consents: &mut Consents) -> v1::Preferences {
    let request = v1::GetPreferencesRequest { contact_id: "ana".into() };
    consents.get_preferences(request).await.unwrap().into_inner().preferences.unwrap()
}

fn mute(topic: &str, muted: bool) -> Change {
    Change { topic: topic.into(), muted: Some(muted), ..Change::default() }
}

/// A request that changes single topics and nothing else.
fn topics(topic_changes: Vec<Change>) -> v1::SetPreferencesRequest {
    v1::SetPreferencesRequest { contact_id: "ana".into(), topic_changes, ..Default::default() }
}

async fn change_topics(consents: &mut Consents, changes: Vec<Change>) -> v1::Preferences {
    consents.set_preferences(topics(changes)).await.unwrap().into_inner().preferences.unwrap()
}

/// Each topic with its channels first, and a mark when it is muted.
fn by_topic(preferences: &v1::Preferences) -> String {
    let shown = |topic: &v1::TopicPreference| {
        let mark = if topic.muted { "!" } else { "" };
        let order: Vec<_> = topic.channel_order().map(|channel| format!("{channel:?}")).collect();
        format!("{}{mark}{}", topic.topic, order.concat())
    };
    preferences.topics.iter().map(shown).collect::<Vec<_>>().join(" ")
}

fn mask(paths: &[&str]) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: paths.iter().map(ToString::to_string).collect() })
}

#[tokio::test]
async fn preferences_change_by_the_fields_named() {
    let (_gateway, _, mut consents) = started().await;
    let empty = get(&mut consents).await;
    let etag = empty.etag.clone();
    assert_ne!(etag, "", "preferences that were never set have one too");
    assert_eq!(empty, v1::Preferences { etag, ..v1::Preferences::default() });
    consents.set_preferences(set(preferences(), &[])).await.unwrap();
    let change =
        v1::Preferences { language: "ca".into(), time_zone: "Mars/Base".into(), ..Default::default() };
    consents.set_preferences(set(change, &["language", "quiet_hours"])).await.unwrap();
    let stored = get(&mut consents).await;
    let etag = stored.etag.clone();
    let expected = v1::Preferences { language: "ca".into(), quiet_hours: None, etag, ..preferences() };
    assert_eq!(stored, expected);
}

#[tokio::test]
async fn everything_wrong_with_preferences_is_told_at_once() {
    let (_gateway, _, mut consents) = started().await;
    let same = v1::QuietHours { start: "08:00".into(), end: "08:00".into(), include_transactional: true };
    let topic = |topic: &str| v1::TopicPreference { topic: topic.into(), ..Default::default() };
    let wrong = v1::Preferences {
        channel_order: vec![SMS, SMS],
        excluded_channels: vec![9],
        topics: vec![topic("offers"), topic("offers"), topic("No")],
        quiet_hours: Some(same),
        time_zone: "Mars/Base".into(),
        language: "not a language".into(),
        etag: String::new(),
    };
    let answer = consents.set_preferences(set(wrong, &[])).await;
    let many = v1::Preferences {
        topics: (0..65).map(|index| topic(&format!("t{index}"))).collect(),
        quiet_hours: Some(v1::QuietHours { start: "24:00".into(), end: "7:00".into(), ..Default::default() }),
        ..Default::default()
    };
    let text = error_text(answer, &[]) + &error_text(consents.set_preferences(set(many, &[])).await, &[]);
    insta::assert_snapshot!("invalid_preferences", text);
}

/// Whoever reads, changes and writes what was read, and does it anew when somebody else came before, loses nothing.
#[tokio::test]
async fn eight_who_read_change_and_write_at_once_keep_all_eight_changes() {
    let (_gateway, _, consents) = started().await;
    let add = async |mut consents: Consents, topic: String| {
        loop {
            let mut read = get(&mut consents).await;
            read.topics.push(v1::TopicPreference {
                topic: topic.clone(),
                muted: true,
                channel_order: vec![],
            });
            match consents.set_preferences(set(read, &["topics"])).await {
                Ok(_) => return,
                Err(status) => assert_eq!(status.code(), Code::Aborted, "{status}"),
            }
        }
    };
    join_all((1..=8).map(|number| add(consents.clone(), format!("topic-{number}")))).await;
    assert_eq!(get(&mut consents.clone()).await.topics.len(), 8);
}

#[tokio::test]
async fn eight_who_change_one_topic_each_at_once_keep_all_eight_changes() {
    let (_gateway, _, consents) = started().await;
    let add = async |mut consents: Consents, topic: String| {
        change_topics(&mut consents, vec![mute(&topic, true)]).await;
    };
    join_all((1..=8).map(|number| add(consents.clone(), format!("topic-{number}")))).await;
    assert_eq!(get(&mut consents.clone()).await.topics.len(), 8);
}

#[tokio::test]
async fn a_stale_etag_of_preferences_changes_nothing() {
    let (gateway, key, mut consents) = started().await;
    let never_set = get(&mut consents).await.etag;
    let set_by = |etag: &str| set(v1::Preferences { etag: etag.into(), ..preferences() }, &[]);
    let first = consents.set_preferences(set_by(&never_set)).await.unwrap().into_inner().preferences.unwrap();
    assert_eq!(first, get(&mut consents).await);
    let request = v1::GetContactRequest { contact_id: "ana".into() };
    let of_contact = gateway.contacts(&key).get_contact(request).await.unwrap().into_inner().contact.unwrap();
    let stale = expected(Code::Aborted, "ETAG_STALE");
    for etag in [never_set.as_str(), &of_contact.etag, "never handed out"] {
        assert_eq!(code_and_reason(consents.set_preferences(set_by(etag)).await), stale, "{etag}");
        let preferences = Some(v1::Preferences { etag: etag.into(), ..v1::Preferences::default() });
        let one = v1::SetPreferencesRequest { preferences, ..topics(vec![mute("news", true)]) };
        assert_eq!(code_and_reason(consents.set_preferences(one).await), stale, "{etag}");
    }
    assert_eq!(get(&mut consents).await, first);
    let text = error_text(consents.set_preferences(set_by(&never_set)).await, &[]);
    insta::assert_snapshot!("stale_preferences", text);

    // Somebody else has the id now.
    let delete = v1::DeleteContactRequest { contact_id: "ana".into() };
    gateway.contacts(&key).delete_contact(delete).await.unwrap();
    gateway.ana(&key).await;
    assert_eq!(code_and_reason(consents.set_preferences(set_by(&never_set)).await), stale);
    assert_eq!(code_and_reason(consents.set_preferences(set_by(&first.etag)).await), stale);
    let next = get(&mut consents).await.etag;
    consents.set_preferences(set_by(&next)).await.unwrap();
}

#[tokio::test]
async fn single_topics_change_by_the_fields_named() {
    let (_gateway, _, mut consents) = started().await;
    let order = |topic: &str, channels: &[i32]| Change {
        topic: topic.into(),
        channel_order: channels.to_vec(),
        ..Change::default()
    };
    let masked = |change: Change, paths: &[&str]| Change { update_mask: mask(paths), ..change };
    consents.set_preferences(set(preferences(), &[])).await.unwrap();
    for (change, expected) in [
        (order("offers", &[SMS, EMAIL]), "offers!SmsEmail"),
        (mute("offers.shoes", true), "offers!SmsEmail offers.shoes!"),
        (mute("offers", false), "offersSmsEmail offers.shoes!"),
        (masked(order("offers", &[SMS]), &["muted"]), "offersSmsEmail offers.shoes!"),
        (masked(mute("offers", true), &["*"]), "offers! offers.shoes!"),
        (masked(order("offers", &[EMAIL]), &["channel_order"]), "offers!Email offers.shoes!"),
        (masked(order("offers", &[EMAIL]), &["*"]), "offersEmail offers.shoes!"),
        (masked(order("offers", &[]), &["channel_order"]), "offers.shoes!"),
        (mute("news", false), "offers.shoes!"),
        (mute("offers.shoes", false), ""),
    ] {
        let topic_changes = vec![change.clone()];
        let changed = change_topics(&mut consents, topic_changes).await;
        assert_eq!(by_topic(&changed), expected, "{change:?}");
    }
    // Together with other fields, and by the etag.
    let read = get(&mut consents).await;
    let change = v1::Preferences { language: "ca".into(), etag: read.etag, ..v1::Preferences::default() };
    let together =
        v1::SetPreferencesRequest { topic_changes: vec![mute("news", true)], ..set(change, &["language"]) };
    let changed = consents.set_preferences(together).await.unwrap().into_inner().preferences.unwrap();
    assert_eq!((changed.language.as_str(), by_topic(&changed).as_str()), ("ca", "news!"));
    assert_eq!(changed.quiet_hours, preferences().quiet_hours, "what was not named stays");
}

#[tokio::test]
async fn everything_wrong_with_changes_to_topics_is_told_at_once() {
    let (_gateway, _, mut consents) = started().await;
    let wrong = v1::SetPreferencesRequest {
        topic_changes: vec![
            mute("offers", true),
            mute("offers", false),
            mute("No", true),
            Change { topic: "news".into(), ..Change::default() },
            Change { channel_order: vec![SMS, SMS, 9], ..mute("orders", true) },
            Change { update_mask: mask(&["muted", "topic"]), ..mute("shoes", true) },
        ],
        ..set(preferences(), &["topics"])
    };
    let many = topics((0..65).map(|index| mute(&format!("t{index}"), true)).collect());
    let without =
        v1::SetPreferencesRequest { update_mask: mask(&["language"]), ..topics(vec![mute("offers", true)]) };
    let by_presence =
        v1::SetPreferencesRequest { topic_changes: vec![mute("news", true)], ..set(preferences(), &[]) };
    let mut text = String::new();
    for request in [wrong, many, without, by_presence, topics(vec![])] {
        text += &error_text(consents.set_preferences(request).await, &[]);
    }
    insta::assert_snapshot!("invalid_topic_changes", text);
    assert_eq!(by_topic(&get(&mut consents).await), "");
}

#[tokio::test]
async fn one_topic_more_than_there_may_be_is_refused() {
    let (_gateway, _, mut consents) = started().await;
    let all = (0..64).map(|index| mute(&format!("t{index}"), true)).collect();
    let full = change_topics(&mut consents, all).await;
    let refused = consents.set_preferences(topics(vec![mute("news", true)])).await;
    insta::assert_snapshot!("too_many_topic_preferences", error_text(refused, &[]));
    assert_eq!(get(&mut consents).await, full);
    change_topics(&mut consents, vec![mute("news", true), mute("t0", false)]).await;
}
