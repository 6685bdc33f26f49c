//! Postmark's API.

use relevo::adapters::email::postmark::{PostmarkAdapter, PostmarkSettings};
use relevo::adapters::{Adapter, Envelope, Transport};
use relevo::model::Outcome;
use relevo::secret::Secret;
use serde_json::json;

use super::{Row, body, replay};
use crate::peers::WiremockStubs;
use crate::support::envelopes;

pub(super) fn settings(base_url: String) -> PostmarkSettings {
    PostmarkSettings {
        server_token: Secret::new("the-token-of-postmark"),
        from: "Shop <shop@example.com>".to_owned(),
        reply_to: None,
        message_stream: None,
        webhook_user: None,
        webhook_password: None,
        base_url,
    }
}

fn postmark(settings: &PostmarkSettings) -> PostmarkAdapter {
    PostmarkAdapter::new(settings, &Transport::default()).unwrap()
}

#[tokio::test]
async fn the_request_holds_what_postmark_needs_and_the_attempt_it_belongs_to() {
    let stubs = WiremockStubs::new("postmark-request");
    let accepted = json!({ "To": "ana@example.org", "MessageID": "17", "ErrorCode": 0, "Message": "OK" });
    stubs.answer(json!({}), json!({ "status": 200, "jsonBody": accepted })).await;
    let outcome = postmark(&settings(stubs.url())).deliver(&envelopes::to_email("Hello")).await;
    assert_eq!(outcome, Outcome::sent("17"));

    let own_sender = Envelope {
        from: Some("acme@acme.example".to_owned()),
        ..envelopes::to_email_with_html("Hello", "<p>Hello</p>")
    };
    let more = PostmarkSettings {
        reply_to: Some("Help <h@example.com>".to_owned()),
        message_stream: Some("broadcasts".to_owned()),
        ..settings(stubs.url())
    };
    postmark(&more).deliver(&own_sender).await;

    let requests = stubs.requests().await;
    let [text, html] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(text["url"], "/postmark-request/email");
    assert_eq!(text["headers"]["x-postmark-server-token"], "the-token-of-postmark");
    assert_eq!(text["headers"]["Accept"], "application/json");
    let metadata = json!({
        "relevo-brand": "acme",
        "relevo-message": envelopes::to_email("").message_id.to_string(),
        "relevo-attempt": "2",
    });
    assert_eq!(
        body(text),
        json!({
            "From": "Shop <shop@example.com>",
            "To": "ana@example.org",
            "Subject": "Your order",
            "TextBody": "Hello",
            "Metadata": metadata,
        })
    );
    assert_eq!(
        body(html),
        json!({
            "From": "acme@acme.example",
            "To": "ana@example.org",
            "ReplyTo": "Help <h@example.com>",
            "Subject": "Your order",
            "TextBody": "Hello",
            "HtmlBody": "<p>Hello</p>",
            "MessageStream": "broadcasts",
            "Metadata": metadata,
        })
    );
}

#[tokio::test]
async fn every_documented_error_of_postmark_has_its_outcome() {
    let stubs = WiremockStubs::new("postmark-errors");
    let rows = ROWS.iter().flat_map(|&(outcome, status, codes, message)| {
        let body = move |code: &u32| json!({ "ErrorCode": code, "Message": message });
        codes.iter().map(move |code| Row { status, body: body(code), outcome })
    });
    replay(&stubs, &postmark(&settings(stubs.url())), envelopes::to_email, rows.collect()).await;
}

/// The outcome, the HTTP status, the codes, and the message.
const ROWS: &[(&str, u16, &[u32], &str)] = &[
    ("perhaps opted out", 422, &[406], "Inactive: a hard bounce, a spam complaint, or a manual suppression."),
    ("perhaps opted out", 422, &[406], "The recipient is inactive."),
    ("bad address", 422, &[406], "Inactive: a hard bounce."),
    ("opted out", 422, &[406], "Inactive: a spam complaint."),
    ("opted out", 422, &[406], "Inactive: an unsubscribe."),
    ("doubtful address", 422, &[300], "Invalid 'To' address."),
    ("misconfigured", 422, &[300], "Invalid 'From' address."),
    ("misconfigured", 422, &[300], "Invalid 'ReplyTo' address."),
    ("content", 422, &[300], "Provide either email TextBody or HtmlBody or both."),
    ("content", 422, &[300], "Invalid 'Subject'."),
    ("policy", 422, &[300], "Invalid email request."),
    ("policy", 422, &[402, 403], "refused"),
    ("content", 422, &[411, 1101, 1120, 1121, 1122, 1123], "refused"),
    ("misconfigured", 401, &[10], "No account or server token."),
    ("misconfigured", 422, &[400, 401, 405, 409, 412, 413, 1235, 1236], "refused"),
    ("throttled", 429, &[429], "Rate limit exceeded."),
    ("unavailable", 422, &[100], "Maintenance."),
    ("unavailable", 503, &[100], "Maintenance."),
    // The code counts, whatever the status says.
    ("misconfigured", 200, &[405], "Not allowed to send."),
    ("policy", 200, &[9999], "Something new."),
    // Codes that are not in the table: by the status.
    ("policy", 422, &[9999], "Something new."),
    ("misconfigured", 401, &[9999], "Something new."),
    ("throttled", 429, &[9999], "Something new."),
    ("unknown", 500, &[9999], "Something new."),
    ("unavailable", 503, &[9999], "Something new."),
];
