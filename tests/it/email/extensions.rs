//! What is said only to servers that offer it.

use relevo::adapters::Adapter;
use relevo::model::{Outcome, Rejection};

use super::{assert_sent, build, content, email, evidence};
use crate::peers::Smtp;

const BOUNCES: &str =
    "bounce_address = 'bounce@bounces.example.com'\nbounce_secret = { '$secret' = 'the secret' }\n";

#[tokio::test]
async fn a_message_larger_than_the_server_takes_is_not_sent() {
    for more in [&[][..], &["--pipelining"]] {
        let peer = Smtp::start(&format!("size{}", more.len()), &[&["--size", "2000"], more].concat());
        let adapter = build(peer.port(), "tls = 'none'").unwrap();
        let large = content("ana@example.org", "Long", Some(&"a line of a long message\n".repeat(100)), None);
        let outcome = adapter.deliver(&large).await;
        assert!(matches!(outcome, Outcome::Rejected { cause: Rejection::Content, .. }), "{outcome:?}");
        assert!(evidence(&outcome).contains("at most 2000"), "{}", evidence(&outcome));
        // Nothing of it was said: the same connection is as new.
        assert_sent(&adapter, &email("ana@example.org")).await;
        assert_eq!((&peer.taken()[0]["session"], peer.taken().len()), (&1.into(), 1));
    }
}

#[tokio::test]
async fn reports_are_asked_for_and_go_to_an_address_of_the_attempts_own() {
    let peer = Smtp::start("notices", &["--dsn", "--pipelining"]);
    let envelope = email("ana+shop@example.org");
    assert_sent(
        &build(peer.port(), &format!("tls = 'none'\nnotices = 'failure'\n{BOUNCES}")).unwrap(),
        &envelope,
    )
    .await;
    assert_sent(&build(peer.port(), "tls = 'none'\nnotices = 'all'").unwrap(), &envelope).await;
    assert_sent(&build(peer.port(), "tls = 'none'").unwrap(), &envelope).await;

    let taken = peer.taken();
    let id = format!("ENVID={}.2", envelope.message_id);
    let notices =
        |notify: &str| serde_json::json!(["RET=HDRS", id, notify, "ORCPT=rfc822;ana+2Bshop@example.org"]);
    assert_eq!(taken[0]["notices"], notices("NOTIFY=FAILURE,DELAY"));
    assert_eq!(taken[1]["notices"], notices("NOTIFY=SUCCESS,FAILURE,DELAY"));
    assert_eq!(taken[2]["notices"], serde_json::json!([]));
    let sender = taken[0]["from"].as_str().unwrap();
    let (local, domain) = sender.split_once('@').unwrap();
    assert!(local.starts_with("bounce+") && local.len() == 55 && domain == "bounces.example.com", "{sender}");
    // What the reader sees is the shop's own.
    assert_eq!(taken[0]["parsed"]["headers"]["from"], "Shop <shop@example.com>");
    assert_eq!(taken[1]["from"], "shop@example.com");
}

#[tokio::test]
async fn a_server_that_offers_no_reports_is_not_asked() {
    // It would refuse the parameters.
    let peer = Smtp::start("no-notices", &[]);
    assert_sent(&build(peer.port(), "tls = 'none'\nnotices = 'all'").unwrap(), &email("ana@example.org"))
        .await;
}
