use reqwest::header::HeaderMap;

use super::*;
use crate::model::Rejection;

fn headers(headers: &[(&'static str, &'static str)]) -> HeaderMap {
    headers.iter().map(|&(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
}

/// 10:00:00, or 1795341600 seconds after the Unix epoch.
fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn judge(status: u16, id: &'static str, body: &str) -> Outcome {
    let headers = headers(&[("x-message-id", id)]);
    outcome(&HttpResponse { status, headers, body: body.into(), ..HttpResponse::default() }, now())
}

#[test]
fn an_answer_is_judged_by_its_status_and_its_id() {
    assert_eq!(judge(202, "17", ""), Outcome::sent("17"));
    for (status, id, body, word) in [
        // Without an id it may be anybody's answer; 200 is for messages that were only checked.
        (202, "", "", "unknown"),
        (200, "17", "", "unknown"),
        (200, "", "<html>ok</html>", "unknown"),
        (204, "", "", "unknown"),
        // Refusals that are not SendGrid's.
        (400, "", r#"{"errors":[]}"#, "rejected"),
        (403, "", "<html>blocked</html>", "misconfigured"),
        (404, "", "no such page", "misconfigured"),
        (302, "", "", "misconfigured"),
        (429, "", "slow down", "throttled"),
        (502, "", "", "unknown"),
        (504, "", "", "unknown"),
    ] {
        assert_eq!(judge(status, id, body).as_str(), word, "{status} {id} {body}");
    }
}

#[test]
fn the_evidence_holds_the_field_and_no_address() {
    let body = r#"{"errors":[{"message":"ana@example.org is no address.","field":"personalizations.0.to.0.email"}]}"#;
    let evidence = OutcomeEvidence {
        code: "400 personalizations.0.to.0.email".to_owned(),
        text: "*** is no address.".to_owned(),
    };
    assert_eq!(
        judge(400, "", body),
        Outcome::Rejected { cause: Rejection::Address { certain: false }, evidence }
    );
    let evidence = OutcomeEvidence { code: "401".to_owned(), text: "no".to_owned() };
    let body = r#"{"errors":[{"message":"no","field":null}]}"#;
    assert_eq!(judge(401, "", body), Outcome::Misconfigured { evidence });
}

#[test]
fn a_throttle_lasts_until_the_limit_begins_anew() {
    let body = br#"{"errors":[{"message":"too many requests","field":null}]}"#;
    let wait_at = |date: &'static str, retry_after: Option<u64>, reset: &'static str| {
        let retry_after = retry_after.map(Duration::from_secs);
        let headers = headers(&[("x-ratelimit-reset", reset), ("date", date)]);
        match outcome(&HttpResponse { status: 429, headers, retry_after, body: body.to_vec() }, now()) {
            Outcome::Throttled { retry_after, .. } => retry_after.map(|wait| wait.as_secs()),
            other => panic!("{other:?}"),
        }
    };
    let wait = |retry_after, reset| wait_at("", retry_after, reset);
    assert_eq!(now().as_second(), 1_795_341_600);
    assert_eq!(wait(None, "1795341607"), Some(7));
    assert_eq!(wait(None, "1795341500"), Some(0));
    assert_eq!(wait(None, "9999999999"), Some(3_600));
    assert_eq!(wait(None, "soon"), None);
    assert_eq!(wait(Some(3), "1795341607"), Some(3));
    // It is a time of the provider's clock, which an hour ago showed what ours does now.
    assert_eq!(wait_at("Sun, 22 Nov 2026 11:00:00 GMT", None, "1795345207"), Some(7));
}
