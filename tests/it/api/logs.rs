//! What the log says of calls that fail: one line each, without a secret, an address or a body.

use std::sync::{Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

use super::*;

/// Collects what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_failed_call_is_logged_once_without_what_it_carried() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().json().with_writer(lines.clone()).finish();
    // The server runs on this very thread.
    let _logging = tracing::subscriber::set_default(subscriber);
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    let recipient = Some(v1::message_spec::Recipient::Address(phone("+34600123456")));
    let answer = gateway.messages(&key).send(send(v1::MessageSpec { recipient, ..spec("the body") })).await;
    assert_eq!(told(answer), is(Code::NotFound, "ADDRESS_NOT_FOUND"));
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let logged: Vec<_> = text.lines().filter(|line| line.contains("a call failed")).collect();
    assert_eq!(logged.len(), 1, "{text}");
    let line: serde_json::Value = serde_json::from_str(logged[0]).unwrap();
    let id = key_id(&key);
    let expected = serde_json::json!({
        "message": "a call failed", "method": "relevo.v1.MessageService/Send", "code": "NotFound",
        "reason": "ADDRESS_NOT_FOUND", "key.id": id.as_str(), "brand": "acme", "detail": "",
    });
    assert_eq!((&line["level"], &line["fields"]), (&"INFO".into(), &expected));
    let secret = key.rsplit('_').next().unwrap();
    for hidden in ["600123456", "the body", secret] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
}
