//! How contacts want to be reached.

use futures_util::future::join_all;
use serde_json::Value;

use super::Gateway;

/// A gateway that knows ana.
async fn started() -> Gateway {
    let gateway = Gateway::start().await;
    gateway.ok(&["contact", "upsert", "ana", "--email", "ana@example.com"]).await;
    gateway
}

/// Runs `preferences set ana` with these options, and returns the preferences that it shows.
async fn set(gateway: &Gateway, options: &[&str]) -> Value {
    gateway.json(&[&["preferences", "set", "ana"], options].concat()).await.remove(0)
}

/// The values of a list, or one field of each, in their order.
fn listed(list: &Value, field: &str) -> String {
    let values = list.as_array().into_iter().flatten();
    let text = |value: &Value| value.get(field).unwrap_or(value).as_str().unwrap().to_owned();
    values.map(text).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn eight_commands_at_once_keep_all_eight_topics() {
    let gateway = started().await;
    let topics: Vec<_> = (1..=8).map(|number| format!("topic-{number}")).collect();
    join_all(topics.iter().map(async |topic| set(&gateway, &["--mute", topic]).await)).await;
    let preferences = gateway.json(&["preferences", "get", "ana"]).await.remove(0);
    assert_eq!(preferences["topics"].as_array().unwrap().len(), 8, "{preferences}");
}

#[tokio::test]
async fn channels_excluded_at_once_are_all_excluded() {
    let gateway = started().await;
    join_all(
        ["sms", "telegram", "whatsapp"].map(async |channel| set(&gateway, &["--exclude", channel]).await),
    )
    .await;
    let preferences = gateway.json(&["preferences", "get", "ana"]).await.remove(0);
    assert_eq!(preferences["excludedChannels"].as_array().unwrap().len(), 3, "{preferences}");
    let again = set(&gateway, &["--exclude", "sms", "--language", "es"]).await;
    assert_eq!(again["excludedChannels"], preferences["excludedChannels"]);
    let only = set(&gateway, &["--clear", "excluded-channels", "--exclude", "sms"]).await;
    assert_eq!(listed(&only["excludedChannels"], ""), "CHANNEL_SMS");
}

#[tokio::test]
async fn a_topic_takes_what_is_said_of_it_and_the_rest_stays() {
    let gateway = started().await;
    let first =
        set(&gateway, &["--mute", "offers", "--topic-channels", "offers=sms,email", "--language", "es"]);
    assert_eq!(first.await["topics"][0]["muted"], true);
    let unmuted = set(&gateway, &["--unmute", "offers", "--mute", "news"]).await;
    assert_eq!(unmuted["topics"][0].get("muted"), None, "{unmuted}");
    assert_eq!(listed(&unmuted["topics"][0]["channelOrder"], ""), "CHANNEL_SMS CHANNEL_EMAIL");
    assert_eq!(
        (listed(&unmuted["topics"], "topic").as_str(), &unmuted["language"]),
        ("offers news", &"es".into())
    );
    let replaced = set(&gateway, &["--clear", "topics", "--mute", "orders", "--unmute", "news"]).await;
    assert_eq!(listed(&replaced["topics"], "topic"), "orders");
    assert_eq!(set(&gateway, &["--clear", "topics"]).await.get("topics"), None);
    let both = gateway.run(&["preferences", "set", "ana", "--mute", "news", "--unmute", "news"]).await;
    assert_eq!(both.code, 2, "{}", both.err);
    assert!(both.err.contains("--mute and --unmute must not name the same topic: news"), "{}", both.err);
}

#[tokio::test]
async fn an_etag_refuses_what_was_decided_on_older_preferences() {
    let gateway = started().await;
    let shown = gateway.ok(&["preferences", "get", "ana"]).await;
    let etag = shown.lines().find_map(|line| line.strip_prefix("etag")).unwrap().trim();
    set(&gateway, &["--mute", "news", "--etag", etag]).await;
    for options in [["--mute", "offers"], ["--exclude", "sms"], ["--language", "es"]] {
        let line = [&["preferences", "set", "ana"], &options[..], &["--etag", etag]].concat();
        let stale = gateway.run(&line).await;
        assert!(stale.code == 1 && stale.err.contains("ABORTED"), "{}", stale.err);
        assert!(stale.err.contains("read them with GetPreferences"), "{}", stale.err);
    }
    let preferences = gateway.json(&["preferences", "get", "ana"]).await.remove(0);
    assert_eq!(listed(&preferences["topics"], "topic"), "news");
    assert_eq!((preferences.get("excludedChannels"), preferences.get("language")), (None, None));
}
