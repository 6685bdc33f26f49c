use super::*;
use crate::model::Rejection;

fn judge(status: u16, body: &str) -> Outcome {
    outcome(&HttpResponse { status, body: body.into(), ..HttpResponse::default() })
}

#[test]
fn an_answer_is_judged_by_its_name_then_by_its_status() {
    for (status, body, word) in [
        (200, r#"{"id":"17"}"#, "sent"),
        // Nonsense in a success: it may have been taken.
        (200, r#"{"id":""}"#, "unknown"),
        (200, r#"{"object":"email"}"#, "unknown"),
        (200, r#"{"name":"validation_error","message":"no"}"#, "unknown"),
        (200, "<html>ok</html>", "unknown"),
        (204, "", "unknown"),
        // A known name beats the status, an unknown one does not.
        (400, r#"{"name":"rate_limit_exceeded"}"#, "throttled"),
        (403, r#"{"name":"invalid_api_Key","message":"API key is invalid"}"#, "misconfigured"),
        (422, r#"{"name":"something_new","message":"no"}"#, "rejected"),
        (401, r#"{"name":"something_new"}"#, "misconfigured"),
        (429, r#"{"name":"something_new"}"#, "throttled"),
        (503, r#"{"name":"something_new"}"#, "unavailable"),
        (504, r#"{"name":"something_new"}"#, "unknown"),
        (404, "no such page", "misconfigured"),
        (302, "", "misconfigured"),
        (503, "", "unavailable"),
    ] {
        assert_eq!(judge(status, body).as_str(), word, "{status} {body}");
    }
}

#[test]
fn the_daily_quota_is_tried_again_after_an_hour_unless_resend_says_when() {
    let body = r#"{"name":"daily_quota_exceeded","message":"You have reached your daily quota."}"#;
    let wait = |retry_after| {
        let answer = HttpResponse { status: 429, retry_after, body: body.into(), ..HttpResponse::default() };
        match outcome(&answer) {
            Outcome::Throttled { retry_after, .. } => retry_after.map(|wait| wait.as_secs()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(wait(None), Some(3_600));
    assert_eq!(wait(Some(std::time::Duration::from_secs(90))), Some(90));
}

#[test]
fn the_evidence_holds_the_name_and_no_address() {
    let body =
        r#"{"statusCode":422,"name":"validation_error","message":"Invalid `to` field: ana@example.org"}"#;
    let evidence =
        OutcomeEvidence { code: "validation_error".to_owned(), text: "Invalid `to` field: ***".to_owned() };
    assert_eq!(
        judge(422, body),
        Outcome::Rejected { cause: Rejection::Address { certain: false }, evidence }
    );
}
