//! What the log says of calls that fail: one line each, without a secret, an address or a body.

use super::*;
use crate::support::log_lines::LogLines;

#[tokio::test]
async fn a_failed_call_is_logged_once_without_what_it_carried() {
    // The server runs on this very thread.
    let (lines, _logging) = LogLines::collect();
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    let recipient = Some(v1::message_spec::Recipient::Address(phone("+34600123456")));
    let answer = gateway.messages(&key).send(send(v1::MessageSpec { recipient, ..spec("the body") })).await;
    assert_eq!(code_and_reason(answer), expected(Code::NotFound, "ADDRESS_NOT_FOUND"));
    let text = lines.text();
    let logged: Vec<_> = text.lines().filter(|line| line.contains("a call failed")).collect();
    assert_eq!(logged.len(), 1, "{text}");
    let line: serde_json::Value = serde_json::from_str(logged[0]).unwrap();
    let id = key_id(&key);
    let expected = serde_json::json!({
        "message": "a call failed", "method": "relevo.v1.MessageService/Send", "code": "NotFound",
        "reason": "ADDRESS_NOT_FOUND", "key.id": id.as_str(), "brand.id": "acme", "detail": "",
    });
    assert_eq!((&line["level"], &line["fields"]), (&"INFO".into(), &expected));
    let secret = key.rsplit('_').next().unwrap();
    for hidden in ["600123456", "the body", secret] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
}
