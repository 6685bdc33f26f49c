use std::collections::BTreeSet;

use reqwest::header::HeaderMap;

use super::*;
use crate::model::Rejection;

fn judge(status: u16, body: &str) -> Outcome {
    outcome(&HttpResponse { status, body: body.into(), ..HttpResponse::default() })
}

#[test]
fn an_answer_is_judged_by_its_code_then_by_its_status() {
    for (status, body, word) in [
        (201, r#"{"messageId":"<17@smtp-relay.example.com>"}"#, "sent"),
        (202, r#"{"messageId":"<17@smtp-relay.example.com>","batchId":"1"}"#, "sent"),
        // Nonsense in a success: it may have been taken.
        (201, r#"{"messageId":""}"#, "unknown"),
        (201, r#"{"batchId":"1"}"#, "unknown"),
        (201, r#"{"code":"invalid_parameter","message":"no"}"#, "unknown"),
        (200, "<html>ok</html>", "unknown"),
        (204, "", "unknown"),
        // A known code beats the status, an unknown one does not.
        (400, r#"{"code":"unauthorized","message":"no"}"#, "misconfigured"),
        (400, r#"{"code":"something_new","message":"no"}"#, "rejected"),
        (401, r#"{"code":"something_new"}"#, "misconfigured"),
        (429, r#"{"code":"something_new"}"#, "throttled"),
        (503, r#"{"code":"something_new"}"#, "unavailable"),
        (504, r#"{"code":"something_new"}"#, "unknown"),
        (404, "no such page", "misconfigured"),
        (302, "", "misconfigured"),
        (503, "", "unavailable"),
    ] {
        assert_eq!(judge(status, body).as_str(), word, "{status} {body}");
    }
}

#[test]
fn the_evidence_holds_the_code_and_no_address() {
    let body = r#"{"code":"invalid_parameter","message":"email is not valid in to: ana@example.org"}"#;
    let evidence = OutcomeEvidence {
        code: "invalid_parameter".to_owned(),
        text: "email is not valid in to: ***".to_owned(),
    };
    assert_eq!(
        judge(400, body),
        Outcome::Rejected { cause: Rejection::Address { certain: false }, evidence }
    );
}

#[test]
fn a_throttle_lasts_until_the_limit_begins_anew() {
    let wait = |retry_after: Option<u64>, reset: &'static str| {
        let retry_after = retry_after.map(Duration::from_secs);
        let body = br#"{"code":"too_many_requests","message":"slow down"}"#.to_vec();
        let headers = HeaderMap::from_iter([(
            "x-sib-ratelimit-reset".parse().unwrap(),
            HeaderValue::from_static(reset),
        )]);
        match outcome(&HttpResponse { status: 429, headers, retry_after, body }) {
            Outcome::Throttled { retry_after, .. } => retry_after.map(|wait| wait.as_secs()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(wait(None, "7"), Some(7));
    assert_eq!(wait(None, "1795341607"), Some(3_600));
    assert_eq!(wait(None, "soon"), None);
    assert_eq!(wait(Some(3), "7"), Some(3));
}

#[test]
fn every_attempt_of_every_message_has_a_key_of_its_own() {
    let first = api::tests::envelope(Some("Hi"), None);
    let second = Envelope { message_id: first.message_id.next(), ..first.clone() };
    let of = |envelope: &Envelope, attempt| {
        idempotency_key(&Envelope { idempotency_attempt: attempt, ..envelope.clone() })
    };
    let keys: BTreeSet<Uuid> =
        (1..=300).flat_map(|attempt| [of(&first, attempt), of(&second, attempt)]).collect();
    assert_eq!(keys.len(), 600);
    assert!(keys.iter().all(|key| key.get_version_num() == 7));
    assert_eq!(of(&first, 1), of(&first, 1));
}
