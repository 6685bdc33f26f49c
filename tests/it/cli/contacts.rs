//! Contacts, their preferences and their consents.

use serde_json::{Value, json};

use super::Gateway;

#[tokio::test]
async fn lists_go_on_over_pages_up_to_their_limit() {
    let gateway = Gateway::start().await;
    for index in 0..5 {
        let name = format!("c{index}");
        gateway.ok(&["contact", "upsert", &name, "--label", "a=b"]).await;
    }
    assert_eq!(gateway.json(&["contact", "list"]).await.len(), 5);
    assert_eq!(gateway.json(&["contact", "list", "--limit", "3"]).await.len(), 3);
}

#[tokio::test]
async fn only_what_is_given_of_a_contact_changes() {
    let gateway = Gateway::start().await;
    gateway.ok(&["contact", "upsert", "ana", "--email", "ana@example.com", "--label", "tier=gold"]).await;
    gateway.ok(&["contact", "upsert", "ana", "--clear", "labels"]).await;
    let contact = gateway.json(&["contact", "get", "ana"]).await.remove(0);
    assert_eq!(contact["addresses"][0]["address"]["email"], "ana@example.com");
    assert_eq!(contact.get("labels"), None);
    let set = ["preferences", "set", "ana", "--quiet", "22:00-08:00", "--language", "es", "--mute", "offers"];
    gateway.ok(&set).await;
    gateway.ok(&["preferences", "set", "ana", "--clear", "language", "--channel", "email"]).await;
    let preferences = gateway.json(&["preferences", "get", "ana"]).await.remove(0);
    assert_eq!(preferences["quietHours"]["start"], "22:00");
    assert_eq!(preferences["topics"][0]["muted"], true);
    assert_eq!(preferences["channelOrder"][0], "CHANNEL_EMAIL");
    assert_eq!(preferences.get("language"), None);
    // A topic that is not named stays as it is.
    let more = ["preferences", "set", "ana", "--topic-channels", "orders=sms,email", "--mute", "news"];
    let topics = gateway.json(&more).await.remove(0)["topics"].clone();
    let names: Vec<_> =
        topics.as_array().unwrap().iter().map(|topic| topic["topic"].as_str().unwrap()).collect();
    assert_eq!(names, ["offers", "news", "orders"]);
    let unmuted = gateway.json(&["preferences", "set", "ana", "--unmute", "offers"]).await.remove(0);
    assert_eq!(unmuted["topics"].as_array().unwrap().len(), 2, "{unmuted}");
    gateway.ok(&["contact", "delete", "ana"]).await;
    assert_eq!(gateway.run(&["contact", "get", "ana"]).await.code, 1);
}

#[tokio::test]
async fn a_user_id_of_whatsapp_is_an_address() {
    let gateway = Gateway::start().await;
    let id = "shop/ES.13491208655302741918";
    gateway.ok(&["contact", "upsert", "ana", "--whatsapp-user", id]).await;
    let found = gateway.json(&["contact", "find", "--whatsapp-user", id]).await.remove(0);
    assert_eq!(found["contactId"], "ana");
    assert!(gateway.ok(&["contact", "get", "ana"]).await.contains(id));
    for (wrong, must) in
        [("ES.1", "must be a business and a user id"), ("shop/1", "a user id of WhatsApp's such as")]
    {
        let done = gateway.run(&["contact", "upsert", "ana", "--whatsapp-user", wrong]).await;
        assert!(done.code != 0 && done.err.contains(must), "{}", done.err);
    }
    gateway.ok(&["contact", "remove-address", "ana", "--whatsapp-user", id]).await;
    assert_eq!(gateway.run(&["contact", "find", "--whatsapp-user", id]).await.code, 1);
}

#[tokio::test]
async fn consent_decides_and_explains() {
    let gateway = Gateway::start().await;
    gateway.ok(&["contact", "upsert", "ana", "--email", "ana@example.com"]).await;
    let check =
        ["consent", "check", "ana", "--class", "commercial", "--topic", "newsletter", "--channel", "email"];
    assert!(gateway.ok(&check).await.contains("deny"));
    let record = ["consent", "record", "ana", "grant", "--channel", "email", "--topic", "newsletter"];
    let evidence = ["--source", "checkout", "--method", "web_form", "--time", "1m"];
    gateway.ok(&[&record[..], &evidence[..]].concat()).await;
    assert!(gateway.ok(&check).await.contains("allow"));
    let explain =
        ["message", "explain", "--contact", "ana", "--class", "commercial", "--topic", "newsletter"];
    let explained = gateway.ok(&[&explain[..], &["--text", "Hello", "--subject", "News"]].concat()).await;
    assert!(explained.contains("1. email  ana@example.com"), "{explained}");
    assert!(explained.ends_with("Nothing was sent or stored.\n"), "{explained}");
    let address = ["--channel", "email", "--email", "ana@example.com"];
    let suppress = [&["consent", "suppress"], &address[..], &["--explanation", "asked for it"]].concat();
    gateway.ok(&suppress).await;
    let complaint = [&suppress[..6], &["--reason", "complaint", "--explanation", "said so"]].concat();
    let both = gateway.json(&complaint).await;
    assert_eq!(both.iter().map(|one| &one["reason"]).collect::<Vec<_>>(), ["complaint", "manual"]);
    let shown = gateway.ok(&["consent", "get", "ana"]).await;
    assert!(shown.contains("asked for it") && shown.contains("said so"), "{shown}");
    assert!(!shown.contains("Lifted suppressions"), "{shown}");
    let denied = gateway.ok(&check).await;
    assert!(denied.contains("asked for it") && denied.contains("said so"), "{denied}");

    let evidence = ["--source", "support", "--method", "telephone", "--wording", "write to me again"];
    let lift = |more: &[&'static str]| [&["consent", "lift"], &address[..], more, &evidence].concat();
    let lifted = gateway.ok(&lift(&["--reason", "manual", "--actor", "eva"])).await;
    assert!(
        lifted.contains("write to me again") && lifted.contains("The address is still suppressed\n"),
        "{lifted}"
    );
    assert!(gateway.ok(&check).await.contains("deny"));
    let refused = gateway.run(&lift(&["--reason", "manual"])).await;
    assert!(
        refused.code == 1 && refused.err.contains("is not suppressed on email for manual"),
        "{}",
        refused.err
    );
    let refused = gateway.run(&lift(&["--reason", "complaint", "--time", "1h"])).await;
    assert!(refused.code == 1 && refused.err.contains("only a new consent ends that"), "{}", refused.err);
    let refused = gateway.run(&lift(&["--reason", "opted_out"])).await;
    assert!(refused.code == 2 && refused.err.contains("bad_address, complaint, manual"), "{}", refused.err);
    let lifted = gateway.json(&lift(&["--reason", "complaint"])).await.remove(0);
    assert_eq!(lifted["lifted"][0]["lift"]["evidence"]["wording"], "write to me again");
    assert_eq!(lifted.get("remaining"), None);
    assert!(gateway.ok(&check).await.contains("allow"));
    assert!(gateway.ok(&["consent", "get", "ana"]).await.contains("Lifted suppressions\n"));
}

/// 60 entries of 40 kB are more than a page.
#[tokio::test]
async fn a_ledger_is_shown_whole_over_its_pages() {
    let gateway = Gateway::start().await;
    gateway.ok(&["contact", "upsert", "ana", "--email", "ana@example.com"]).await;
    let wording = "\u{1f600}".repeat(10_000);
    let record = ["consent", "record", "ana", "grant", "--channel", "email", "--topic", "offers"];
    let evidence = ["--source", "checkout", "--method", "web_form", "--wording", &wording];
    for _ in 0..60 {
        gateway.ok(&[&record[..], &evidence[..]].concat()).await;
    }
    let consent = gateway.json(&["consent", "get", "ana"]).await.remove(0);
    assert_eq!(consent["ledger"].as_array().unwrap().len(), 60);
    assert_eq!(consent["states"].as_array().unwrap().len(), 1);
    assert_eq!(consent.get("nextPageToken"), None);
}

/// What was not named is not lost: the phone stays when an email comes.
#[tokio::test]
async fn addresses_and_labels_are_added_and_removed_one_by_one() {
    let gateway = Gateway::start().await;
    let shown = async |line: &[&str]| {
        let contact = gateway.json(line).await.remove(0);
        let address = |entry: &Value| {
            let address = &entry["address"];
            address["email"].as_str().or(address["phone"].as_str()).unwrap().to_owned()
        };
        let addresses =
            contact["addresses"].as_array().into_iter().flatten().map(address).collect::<Vec<_>>();
        (addresses.join(" "), contact.get("labels").cloned().unwrap_or_default())
    };
    let upsert = ["contact", "upsert", "ana"];
    let line = |more: &[&'static str]| [&upsert[..], more].concat();
    shown(&line(&["--phone", "600 123 456", "--label", "tier=gold", "--label", "shop=north"])).await;
    let (addresses, labels) = shown(&line(&["--email", "new@example.com", "--label", "tier=silver"])).await;
    assert_eq!(addresses, "+34600123456 new@example.com");
    assert_eq!(labels, json!({ "tier": "silver", "shop": "north" }));
    let (addresses, _) = shown(&["contact", "add-address", "ana", "--email", "second@example.com"]).await;
    assert_eq!(addresses, "+34600123456 new@example.com second@example.com");
    let (addresses, labels) =
        shown(&["contact", "remove-address", "ana", "--email", "new@example.com"]).await;
    assert_eq!(addresses, "+34600123456 second@example.com");
    assert_eq!(labels, json!({ "tier": "silver", "shop": "north" }));
    let (addresses, _) = shown(&line(&["--clear", "addresses", "--email", "only@example.com"])).await;
    assert_eq!(addresses, "only@example.com");
    let absent = gateway.run(&["contact", "remove-address", "ana", "--phone", "600123456"]).await;
    assert!(absent.code == 1 && absent.err.contains("does not have this address"), "{}", absent.err);
    let stale = gateway.run(&line(&["--email", "late@example.com", "--etag", "1"])).await;
    assert!(stale.code == 1 && stale.err.contains("ABORTED"), "{}", stale.err);
}
