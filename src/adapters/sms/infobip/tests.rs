use std::time::Duration;

use super::*;
use crate::adapters::envelopes;
use crate::adapters::http::HttpResponse;
use crate::model::{Address, Rejection, RenderedContent, ThrottleScope};
use crate::secret::Secret;

const KEY: &str = "the-api-key";
const OWN_ID: &str = "acme/1/2";

fn settings() -> InfobipSmsSettings {
    InfobipSmsSettings(InfobipSettings {
        api_key: Secret::new(KEY),
        from: "ACME".to_owned(),
        base_url: "https://abc12.api.example.com".to_owned(),
        webhook_user: None,
        webhook_password: None,
        repeat_window_minutes: None,
    })
}

fn judge(status: u16, body: &str) -> Outcome {
    answer::outcome(&HttpResponse { status, body: body.into(), ..HttpResponse::default() }, OWN_ID)
}

fn entry(group: u32, id: u32) -> String {
    format!(
        r#"{{"messageId":"m1","status":{{"groupId":{group},"id":{id},"name":"NAME"}},"to":"34600123456"}}"#
    )
}

fn list(group: u32, id: u32) -> String {
    format!(r#"{{"bulkId":"b1","messages":[{}]}}"#, entry(group, id))
}

#[test]
fn an_answer_is_judged_by_its_message_then_by_its_status() {
    for (status, body, word) in [
        (200, list(1, 26), "sent"),
        (200, list(3, 2), "sent"),
        (200, list(0, 0), "sent"),
        (200, entry(1, 7), "sent"),
        // HTTP says success, the message was refused.
        (200, list(5, 12), "misconfigured"),
        (200, entry(5, 12), "misconfigured"),
        (200, list(5, 999), "rejected"),
        (200, list(2, 999), "rejected"),
        (200, list(2, 31), "unavailable"),
        // Expired without the platform knowing what became of it.
        (200, list(4, 29), "unknown"),
        // Nonsense in a success: it may have been taken.
        (200, list(9, 1), "unknown"),
        (200, entry(1, 26).replace("m1", ""), "unknown"),
        (200, r#"{"messages":[]}"#.to_owned(), "unknown"),
        (200, r#"{"messages":[{"messageId":"m1"}]}"#.to_owned(), "unknown"),
        (200, "{}".to_owned(), "unknown"),
        (200, "<html>ok</html>".to_owned(), "unknown"),
        (204, String::new(), "unknown"),
        // What is no success is none, whatever its messages say, and a server that failed may have taken it.
        (500, list(1, 26), "unknown"),
        (502, "bad gateway".to_owned(), "unknown"),
        (503, list(1, 26), "unavailable"),
        (404, "no such page".to_owned(), "misconfigured"),
        (504, "upstream timed out".to_owned(), "unknown"),
    ] {
        assert_eq!(judge(status, &body).as_str(), word, "{status} {body}");
    }
}

#[test]
fn an_id_that_was_taken_before_is_sent_under_that_id() {
    assert_eq!(judge(200, &list(5, 23)), Outcome::sent(OWN_ID.to_owned()));
    assert_eq!(judge(200, &list(1, 26)), Outcome::sent("m1"));
}

#[test]
fn a_number_that_got_all_of_an_hour_is_left_alone_for_one() {
    let Outcome::Throttled { retry_after, scope, .. } = judge(200, &list(5, 20)) else { panic!() };
    assert_eq!((retry_after, scope), (Some(Duration::from_secs(3_600)), ThrottleScope::Recipient));
}

#[test]
fn the_evidence_holds_the_code_and_no_number() {
    let refused = r#"{"messages":[{"status":{"groupId":5,"id":52,"name":"REJECTED_DESTINATION","description":"34600123456 is wrong"}}]}"#;
    let newer = r#"{"errorCode":"E401","description":"Invalid key for +34600123456","action":"Check it."}"#;
    let older = r#"{"requestError":{"serviceException":{"messageId":"UNAUTHORIZED","text":"Invalid login details"}}}"#;
    for (status, body, shown) in [
        (200, refused, "52 REJECTED_DESTINATION *** is wrong"),
        (401, newer, "E401 Invalid key for ***"),
        (401, older, "UNAUTHORIZED Invalid login details"),
    ] {
        assert_eq!(judge(status, body).evidence().unwrap().to_string(), shown);
    }
}

#[test]
fn what_an_sms_does_not_carry_is_refused_before_any_call() {
    let infobip = InfobipSmsAdapter::new(&settings(), &Transport::default()).unwrap();
    let email = RenderedContent::Email { subject: String::new(), text: None, html: None };
    let refusal = infobip.request(&envelopes::to_phone(email), OWN_ID).unwrap_err();
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Content, .. }));
    let text = RenderedContent::Text("hello".to_owned());
    let refusal = infobip.request(&envelopes::to(Address::TelegramChat(7), text), OWN_ID).unwrap_err();
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Address { certain: false }, .. }));
}
