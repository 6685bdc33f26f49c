use super::*;
use crate::model::Rejection;
use reqwest::header::{DATE, HeaderMap};

fn judge(status: u16, body: &str) -> Outcome {
    judge_at("2026-11-22T10:00:00Z", HttpResponse { status, body: body.into(), ..HttpResponse::default() })
}

fn judge_at(now: &str, answer: HttpResponse) -> Outcome {
    outcome(&answer, now.parse().unwrap())
}

#[test]
fn an_answer_is_judged_by_its_status_and_message() {
    let sent = judge(200, r#"{"id":"<17.a@mg.example.com>","message":"Queued. Thank you."}"#);
    assert_eq!(sent, Outcome::sent("17.a@mg.example.com"));
    for (status, body, word) in [
        // Nonsense in a success: it may have been taken.
        (200, r#"{"id":"","message":"Queued. Thank you."}"#, "unknown"),
        (200, r#"{"id":"<>"}"#, "unknown"),
        (200, r#"{"message":"Queued. Thank you."}"#, "unknown"),
        (200, "Mailgun Magnificent API", "unknown"),
        (204, "", "unknown"),
        // What is not JSON, or not in the table: by the status.
        (401, "Forbidden", "misconfigured"),
        (404, "no such page", "misconfigured"),
        (422, r#"{"message":"something new"}"#, "rejected"),
        (302, "", "misconfigured"),
        (429, "slow down", "throttled"),
        (503, r#"{"message":"overloaded"}"#, "unavailable"),
        (504, "", "unknown"),
    ] {
        assert_eq!(judge(status, body).as_str(), word, "{status} {body}");
    }
}

#[test]
fn the_evidence_holds_the_status_and_no_address() {
    let body = r#"{"message":"to parameter is not a valid address: ana@example.org"}"#;
    let evidence = OutcomeEvidence {
        code: "400".to_owned(),
        text: "to parameter is not a valid address: ***".to_owned(),
    };
    assert_eq!(
        judge(400, body),
        Outcome::Rejected { cause: Rejection::Address { certain: false }, evidence }
    );
}

#[test]
fn a_throttle_lasts_until_the_date_in_its_message() {
    let wait = |date: &str| {
        let message = format!("Domain example.com is not allowed to send: request limit exceeded, {date}");
        match judge(429, &serde_json::json!({ "message": message }).to_string()) {
            Outcome::Throttled { retry_after, .. } => retry_after.map(|wait| wait.as_secs()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(wait("try again after Sun, 22 Nov 2026 10:01:30 UTC"), Some(90));
    assert_eq!(wait("try again after Sun, 22 Nov 2026 10:01:30 GMT."), Some(90));
    assert_eq!(wait("try again after Mon, 23 Nov 2026 10:00:00 UTC"), Some(3_600));
    assert_eq!(wait("try again after a while"), None);
    assert_eq!(wait("try again"), None);

    // It is a time of the provider's clock: ours is an hour behind.
    let body =
        br#"{"message":"request limit exceeded, try again after Sun, 22 Nov 2026 11:00:09 UTC"}"#.to_vec();
    let headers = HeaderMap::from_iter([(DATE, "Sun, 22 Nov 2026 11:00:00 GMT".parse().unwrap())]);
    let answer = HttpResponse { status: 429, headers, body, ..HttpResponse::default() };
    let throttled = judge_at("2026-11-22T10:00:00Z", answer);
    assert!(
        matches!(throttled, Outcome::Throttled { retry_after: Some(wait), .. } if wait == Duration::from_secs(9)),
        "{throttled:?}"
    );
}
