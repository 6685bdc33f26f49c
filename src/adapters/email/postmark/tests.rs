use super::*;
use crate::model::Rejection;

fn judge(status: u16, body: &str) -> Outcome {
    outcome(&HttpResponse { status, body: body.into(), ..HttpResponse::default() })
}

#[test]
fn an_answer_is_judged_by_its_code_then_by_its_status() {
    for (status, body, word) in [
        (200, r#"{"MessageID":"17","ErrorCode":0,"Message":"OK"}"#, "sent"),
        // A success that hides a refusal.
        (200, r#"{"ErrorCode":406,"Message":"inactive"}"#, "rejected"),
        (200, r#"{"MessageID":"17","ErrorCode":405,"Message":"no credits"}"#, "misconfigured"),
        (200, r#"{"ErrorCode":9999,"Message":"something new"}"#, "rejected"),
        // Nonsense in a success: it may have been taken.
        (200, r#"{"MessageID":"","ErrorCode":0}"#, "unknown"),
        (200, r#"{"ErrorCode":0,"Message":"OK"}"#, "unknown"),
        (200, r#"{"MessageID":"17"}"#, "unknown"),
        (200, "<html>ok</html>", "unknown"),
        (204, "", "unknown"),
        // A known code beats the status, an unknown one does not.
        (422, r#"{"ErrorCode":429,"Message":"slow down"}"#, "throttled"),
        (422, r#"{"ErrorCode":9999,"Message":"something new"}"#, "rejected"),
        (401, r#"{"ErrorCode":9999}"#, "misconfigured"),
        (500, r#"{"ErrorCode":0,"Message":"broken"}"#, "unknown"),
        (500, r#"{"ErrorCode":100,"Message":"Maintenance"}"#, "unavailable"),
        (502, "", "unknown"),
        (504, r#"{"ErrorCode":0}"#, "unknown"),
        // A network filter on the way answers with a page.
        (403, "<html>Forbidden</html>", "misconfigured"),
        (302, "", "misconfigured"),
        (503, "", "unavailable"),
    ] {
        assert_eq!(judge(status, body).as_str(), word, "{status} {body}");
    }
}

#[test]
fn the_evidence_holds_the_code_and_no_address() {
    let body = r#"{"ErrorCode":300,"Message":"Invalid 'To' address: 'ana@example.org'."}"#;
    let Outcome::Rejected { cause, evidence } = judge(422, body) else { panic!() };
    assert_eq!((cause, evidence.code.as_str()), (Rejection::Address { certain: false }, "300"));
    assert!(!evidence.text.contains("ana"), "{evidence}");
}
