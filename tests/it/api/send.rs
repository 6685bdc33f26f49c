//! Sending one message, reading it back, cancelling it, and asking what would happen.

use relevo::model::{MessageEventDetail, MessageState, Reason, later};
use relevo::store::{StoreError, StoredMessage};
use relevo::wire::timestamp;

use super::held::Held;
use relevo::wire::v1::telegram_content::File;
use relevo::wire::v1::whatsapp_template_button::Action;
use relevo::wire::v1::whatsapp_template_header::Value as Header;

use super::*;

async fn get(gateway: &Gateway, key: &str, id: &str) -> Result<v1::Message, Status> {
    let request = v1::GetMessageRequest { message_id: id.into(), ..Default::default() };
    gateway.messages(key).get_message(request).await.map(|answer| answer.into_inner().message.unwrap())
}

#[tokio::test]
async fn an_accepted_message_can_be_read_back_with_its_defaults() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let answer = gateway.messages(&key).send(send(spec("hello"))).await.unwrap().into_inner();
    assert_eq!((answer.state(), answer.duplicate), (v1::MessageState::Accepted, false));
    let message = get(&gateway, &key, &answer.message_id).await.unwrap();
    assert_eq!((message.contact_id.as_str(), message.topic.as_str()), ("ana", "orders"));
    assert_eq!(message.content.unwrap().text, "hello");
    assert_eq!(message.send_time, message.accept_time);
    let lifetime = message.expire_time.unwrap().seconds - message.accept_time.unwrap().seconds;
    assert_eq!(lifetime, 3 * 24 * 3_600, "the brand's time to live");
    assert!(message.fallback.unwrap().on_failed, "the brand's fallback policy");
    assert_eq!(message.history.len(), 1);
}

#[tokio::test]
async fn a_contact_is_found_by_any_of_its_addresses() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    for address in [email("ana@EXAMPLE.com"), phone("+34600123456"), phone("600123456")] {
        let recipient = Some(v1::message_spec::Recipient::Address(address));
        let answer = gateway.messages(&key).send(send(v1::MessageSpec { recipient, ..spec("hello") })).await;
        let id = answer.unwrap().into_inner().message_id;
        assert_eq!(get(&gateway, &key, &id).await.unwrap().contact_id, "ana");
    }
    let recipient = Some(v1::message_spec::Recipient::Address(email("nobody@example.com")));
    let answer = gateway.messages(&key).send(send(v1::MessageSpec { recipient, ..spec("hello") })).await;
    assert_eq!(code_and_reason(answer), expected(Code::NotFound, "ADDRESS_NOT_FOUND"));
    let recipient = Some(v1::message_spec::Recipient::ContactId("nobody".into()));
    let answer = gateway.messages(&key).send(send(v1::MessageSpec { recipient, ..spec("hello") })).await;
    insta::assert_snapshot!("unknown_contact", error_text(answer, &[]));
}

#[tokio::test]
async fn everything_wrong_with_a_message_is_told_at_once() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    let now = gateway.clock.now();
    let wrong = v1::MessageSpec {
        recipient: None,
        message_class: 9,
        topic: "Not A Topic".into(),
        content: Some(v1::Content {
            text: "x".repeat(65_537),
            subject: "two\r\nlines".into(),
            html: "x".repeat(524_289),
            sms: Some(v1::TextContent { text: "x".repeat(1_601) }),
            telegram: Some(telegram(&"x".repeat(4_097), None)),
            whatsapp: Some(v1::WhatsappContent {
                text: "x".repeat(4_097),
                template: Some(v1::WhatsappTemplate {
                    name: String::new(),
                    language: "x".repeat(16),
                    parameters: vec!["x".into(); 65],
                    ..v1::WhatsappTemplate::default()
                }),
            }),
            email: Some(v1::EmailContent { subject: "x".repeat(999), ..v1::EmailContent::default() }),
        }),
        idempotency_key: "new\nline".into(),
        send_time: Some(timestamp(later(now, Duration::from_secs(400 * 86_400)))),
        expire_time: Some(timestamp(later(now, Duration::from_secs(399 * 86_400)))),
        channels: vec![1, 1, 7],
        fallback: Some(v1::FallbackPolicy {
            on_failed: true,
            undelivered_after: Some(prost_types::Duration { seconds: 0, nanos: 0 }),
            unread_after: Some(prost_types::Duration { seconds: 31 * 86_400, nanos: 0 }),
        }),
        labels: (0..17).map(|index| (index.to_string(), "x".repeat(256))).collect(),
    };
    let answer = gateway.messages(&key).send(send(wrong)).await;
    insta::assert_snapshot!("invalid_message", error_text(answer, &[]));
    let answer = gateway.messages(&key).send(v1::SendRequest::default()).await;
    insta::assert_snapshot!("no_message", error_text(answer, &[]));
}

fn telegram(text: &str, file: Option<File>) -> v1::TelegramContent {
    v1::TelegramContent { text: text.into(), file, ..v1::TelegramContent::default() }
}

fn template(header: Option<Header>, buttons: &[(i32, Option<Action>)]) -> v1::WhatsappTemplate {
    let buttons = buttons.iter().cloned();
    v1::WhatsappTemplate {
        name: "order_update".into(),
        language: "es".into(),
        header: header.map(|value| v1::WhatsappTemplateHeader { value: Some(value) }),
        buttons: buttons.map(|(index, action)| v1::WhatsappTemplateButton { index, action }).collect(),
        ..v1::WhatsappTemplate::default()
    }
}

/// The content with a text of its own for Telegram, and a template.
fn chat(text: &str, telegram: v1::TelegramContent, template: v1::WhatsappTemplate) -> v1::SendRequest {
    let whatsapp = Some(v1::WhatsappContent { template: Some(template), ..v1::WhatsappContent::default() });
    let content =
        v1::Content { text: text.into(), telegram: Some(telegram), whatsapp, ..v1::Content::default() };
    send(v1::MessageSpec { content: Some(content), ..spec("") })
}

#[tokio::test]
async fn what_is_wrong_with_files_headers_and_buttons_is_told_by_field() {
    let gateway = Gateway::start().await;
    let mut messages = gateway.messages(&gateway.acme().await);
    let photo = |url: &str| Some(File::PhotoUrl(url.into()));
    let markdown = v1::TelegramFormat::MarkdownV2.into();
    let document = v1::WhatsappDocument { url: "http://example.com".into(), filename: String::new() };
    let buttons = [
        (0, Some(Action::QuickReply("x".repeat(129)))),
        (0, Some(Action::CopyCode("x".repeat(16)))),
        (10, Some(Action::UrlSuffix("x".repeat(2_001)))),
        (-1, None),
    ];
    let all_wrong = chat(
        "hello",
        v1::TelegramContent { format: markdown, ..telegram("", photo("example.com/a.png")) },
        template(Some(Header::Document(document)), &buttons),
    );
    insta::assert_snapshot!("invalid_chat", error_text(messages.send(all_wrong).await, &[]));
    for (telegram, template, field) in [
        (telegram(&"x".repeat(1_025), photo("https://example.com")), template(None, &[]), "telegram.text"),
        (telegram("x", photo("")), template(None, &[]), "telegram.photo_url"),
        (v1::TelegramContent { format: 9, ..telegram("x", None) }, template(None, &[]), "telegram.format"),
        (
            telegram("x", Some(File::DocumentUrl("ftp://a".into()))),
            template(None, &[]),
            "telegram.document_url",
        ),
        (telegram("x", None), template(Some(Header::Text("x".repeat(61))), &[]), "template.header.text"),
        (telegram("x", None), template(Some(Header::VideoUrl("x".into())), &[]), "template.header.video_url"),
    ] {
        let status = messages.send(chat("x", telegram, template)).await.unwrap_err();
        let details = status.get_error_details();
        let fields: Vec<_> = details
            .bad_request()
            .unwrap()
            .field_violations
            .iter()
            .map(|violation| &violation.field)
            .collect();
        assert!(matches!(fields.as_slice(), [name] if name.ends_with(field)), "{field}: {fields:?}");
    }
}

#[tokio::test]
async fn what_whatsapp_refuses_in_any_placeholder_is_refused_at_once() {
    let gateway = Gateway::start().await;
    let mut messages = gateway.messages(&gateway.acme().await);
    for value in ["", "two\nlines", "two\r\nlines", "a\ttab", "five     spaces"] {
        let filled = v1::WhatsappTemplate {
            parameters: vec!["fine".into(), value.into()],
            ..template(Some(Header::Text(value.into())), &[(0, Some(Action::UrlSuffix(value.into())))])
        };
        let status = messages.send(chat("x", telegram("x", None), filled)).await.unwrap_err();
        let details = status.get_error_details();
        let violations = &details.bad_request().unwrap().field_violations;
        let mut fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        fields.sort_unstable();
        let expected = ["buttons[0].url_suffix", "header.text", "parameters[1]"]
            .map(|field| format!("message.content.whatsapp.template.{field}"));
        assert_eq!(fields, expected, "{value:?}: {violations:?}");
    }
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let filled = v1::WhatsappTemplate {
        parameters: vec!["four    spaces".into(), "ñ 😀".into()],
        ..template(Some(Header::Text("a    b".into())), &[])
    };
    gateway.messages(&key).send(chat("x", telegram("x", None), filled)).await.unwrap();
}

#[tokio::test]
async fn a_text_for_telegram_is_counted_as_telegram_counts_it() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let mut messages = gateway.messages(&key);
    let html = |text: String| v1::TelegramContent {
        format: v1::TelegramFormat::Html.into(),
        ..telegram(&text, None)
    };
    let link = r#"<a href="https://example.com">x</a>"#;
    let (fits, too_long) = (4_096 - 400, 4_097 - 400);
    for (content, wrong) in [
        (telegram(&"😀".repeat(4_096), None), None),
        (telegram(&"😀".repeat(4_097), None), Some("must be at most 4096 characters")),
        (html(link.repeat(400) + &"&amp;".repeat(fits)), None),
        (
            html(link.repeat(400) + &"&amp;".repeat(too_long)),
            Some("must be at most 4096 characters without its formatting"),
        ),
        (html(link.repeat(1_000)), Some("must be at most 32768 bytes")),
    ] {
        let answer = messages.send(chat("x", content, template(None, &[]))).await;
        let details = answer.as_ref().err().map(StatusExt::get_error_details);
        let violations = details.as_ref().map(|details| &details.bad_request().unwrap().field_violations);
        let told = violations.map(|violations| violations[0].description.as_str());
        assert_eq!(told, wrong);
    }
}

#[tokio::test]
async fn files_headers_and_buttons_come_back_as_they_were_given() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let document = v1::WhatsappDocument { url: "https://example.com/a.pdf".into(), filename: "a.pdf".into() };
    let buttons = [(9, Some(Action::UrlSuffix("A-17".into()))), (0, Some(Action::QuickReply("yes".into())))];
    let request = chat(
        "plain",
        v1::TelegramContent {
            format: v1::TelegramFormat::Html.into(),
            ..telegram(&"x".repeat(1_024), Some(File::DocumentUrl("https://example.com/a.pdf".into())))
        },
        template(Some(Header::Document(document)), &buttons),
    );
    let content = request.message.clone().unwrap().content;
    let id = gateway.messages(&key).send(request).await.unwrap().into_inner().message_id;
    assert_eq!(get(&gateway, &key, &id).await.unwrap().content, content);
}

#[tokio::test]
async fn the_largest_message_is_accepted() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let (text, html) = ("ñ".repeat(32_768), "x".repeat(524_288));
    let content = v1::Content {
        text: text.clone(),
        subject: "x".repeat(998),
        html: html.clone(),
        email: Some(v1::EmailContent { subject: "x".repeat(998), text, html }),
        sms: Some(v1::TextContent { text: "ñ".repeat(1_600) }),
        telegram: Some(telegram(&"ñ".repeat(4_096), None)),
        whatsapp: None,
    };
    let labels = (0..16).map(|index| (format!("{index:063}"), "ñ".repeat(255))).collect();
    let largest = v1::MessageSpec { content: Some(content.clone()), labels, ..spec("") };
    let answer = gateway.messages(&key).send(send(largest)).await.unwrap().into_inner();
    assert_eq!(get(&gateway, &key, &answer.message_id).await.unwrap().content, Some(content));
}

#[tokio::test]
async fn a_message_must_say_something_on_a_channel_asked_for() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let mut messages = gateway.messages(&key);
    let on = |channels: &[i32]| send(v1::MessageSpec { channels: channels.to_vec(), ..spec("no subject") });
    assert_eq!(
        code_and_reason(messages.send(on(&[1])).await),
        expected(Code::InvalidArgument, "INVALID_FIELDS")
    );
    messages.send(on(&[1, 2])).await.unwrap();
    messages.send(on(&[])).await.unwrap();
}

/// Texts that steer a terminal, end a string in C, or say nothing at all, wherever a message has a text.
#[tokio::test]
async fn a_text_of_control_characters_or_spaces_is_no_content() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let mut messages = gateway.messages(&key);
    type SetText = fn(&mut v1::Content, String);
    let parts: [(&str, SetText); 9] = [
        ("subject", |content, text| content.subject = text),
        ("text", |content, text| content.text = text),
        ("html", |content, text| content.html = text),
        ("email.subject", |content, text| content.email.get_or_insert_default().subject = text),
        ("email.text", |content, text| content.email.get_or_insert_default().text = text),
        ("email.html", |content, text| content.email.get_or_insert_default().html = text),
        ("sms.text", |content, text| content.sms.get_or_insert_default().text = text),
        ("telegram.text", |content, text| content.telegram.get_or_insert_default().text = text),
        ("whatsapp.text", |content, text| content.whatsapp.get_or_insert_default().text = text),
    ];
    for (name, set) in parts {
        for text in ["a\0b", "\u{1b}[2Ja", "a\u{7}", "   ", "\t\n"] {
            let mut content = v1::Content { text: "x".into(), subject: "x".into(), ..Default::default() };
            set(&mut content, text.into());
            let status = messages.send(send(v1::MessageSpec { content: Some(content), ..spec("") })).await;
            let details = status.expect_err(name).get_error_details();
            let violations = &details.bad_request().unwrap().field_violations;
            let at = format!("message.content.{name}");
            let told = violations.iter().find(|violation| violation.field == at);
            let told = told.unwrap_or_else(|| panic!("{at} {text:?}: {violations:?}"));
            let what = if text.trim().is_empty() { "is required" } else { "control characters" };
            assert!(told.description.contains(what), "{at} {text:?}: {}", told.description);
        }
    }
    let lines = v1::Content { text: "Two\r\nlines,\tand a tab".into(), ..Default::default() };
    messages.send(send(v1::MessageSpec { content: Some(lines), ..spec("") })).await.unwrap();
}

#[tokio::test]
async fn times_must_lie_ahead_in_order() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let now = gateway.clock.now();
    let at = |hours: i64| Some(timestamp(now.checked_add(jiff::SignedDuration::from_hours(hours)).unwrap()));
    for (send_hours, expire_hours, valid) in [
        (1, 2, true),
        (-1, 1, true),
        (2, 1, false),
        (1, 1, false),
        (-2, -1, false),
        (366 * 24 + 1, 367 * 24, false),
    ] {
        let times =
            v1::MessageSpec { send_time: at(send_hours), expire_time: at(expire_hours), ..spec("hello") };
        let answer = gateway.messages(&key).send(send(times)).await;
        assert_eq!(answer.is_ok(), valid, "{send_hours} {expire_hours} {answer:?}");
    }
}

#[tokio::test]
async fn an_idempotency_key_answers_with_the_first_message() {
    let gateway = Gateway::start().await;
    let (acme, globex) = (gateway.acme().await, gateway.globex().await);
    gateway.ana(&acme).await;
    gateway.ana(&globex).await;
    let keyed = |text: &str| send(v1::MessageSpec { idempotency_key: "order 17".into(), ..spec(text) });
    let first = gateway.messages(&acme).send(keyed("hello")).await.unwrap().into_inner();
    let again = gateway.messages(&acme).send(keyed("hello")).await.unwrap().into_inner();
    assert_eq!((again.duplicate, &again.message_id), (true, &first.message_id));
    let other = gateway.messages(&acme).send(keyed("goodbye")).await;
    insta::assert_snapshot!("key_reused", error_text(other, &[(first.message_id.as_str(), "<message>")]));
    let elsewhere = gateway.messages(&globex).send(keyed("goodbye")).await.unwrap().into_inner();
    assert!(!elsewhere.duplicate, "a key belongs to its brand");
}

/// A caller that got no answer asks again, and by then the world may have moved on.
#[tokio::test]
async fn a_repeat_gets_the_first_answer_whatever_has_changed_since() {
    let gateway = Gateway::start().await;
    let (acme, globex) = (gateway.acme().await, gateway.globex().await);
    gateway.ana(&acme).await;
    let expire_time = Some(timestamp(later(gateway.clock.now(), Duration::from_secs(3_600))));
    let recipient = Some(v1::message_spec::Recipient::Address(email("ana@example.com")));
    let keyed = |text: &str| v1::MessageSpec {
        idempotency_key: "order 17".into(),
        expire_time,
        recipient: recipient.clone(),
        ..spec(text)
    };
    let first = gateway.messages(&acme).send(send(keyed("hello"))).await.unwrap().into_inner();
    let repeated = async || {
        let again = gateway.messages(&acme).send(send(keyed("hello"))).await.unwrap().into_inner();
        assert_eq!((again.duplicate, &again.message_id), (true, &first.message_id));
        let other = gateway.messages(&acme).send(send(keyed("goodbye"))).await;
        assert_eq!(code_and_reason(other), expected(Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED"));
        let item = v1::SendStreamRequest { message: Some(keyed("hello")), sequence: 1 };
        let items = futures_util::stream::iter([item]);
        let mut answers = gateway.messages(&acme).send_stream(items).await.unwrap().into_inner();
        match answers.message().await.unwrap().unwrap().result.unwrap() {
            v1::send_stream_response::Result::Accepted(again) => assert!(again.duplicate),
            other => panic!("{other:?}"),
        }
        let elsewhere = gateway.messages(&globex).send(send(keyed("hello"))).await;
        assert!(elsewhere.is_err(), "a key belongs to its brand");
    };

    let delete = v1::DeleteContactRequest { contact_id: "ana".into() };
    gateway.contacts(&acme).delete_contact(delete).await.unwrap();
    repeated().await;
    let fresh = v1::MessageSpec { idempotency_key: "order 18".into(), ..keyed("hello") };
    let answer = gateway.messages(&acme).send(send(fresh.clone())).await;
    assert_eq!(code_and_reason(answer), expected(Code::NotFound, "ADDRESS_NOT_FOUND"));

    gateway.ana(&acme).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(3_601)).await;
    tokio::time::resume();
    repeated().await;
    let answer = gateway.messages(&acme).send(send(fresh)).await;
    assert_eq!(code_and_reason(answer), expected(Code::InvalidArgument, "INVALID_FIELDS"));
}

#[tokio::test]
async fn one_brand_never_sees_anothers_message() {
    let gateway = Gateway::start().await;
    let (acme, globex) = (gateway.acme().await, gateway.globex().await);
    gateway.ana(&acme).await;
    let message_id = gateway.messages(&acme).send(send(spec("hello"))).await.unwrap().into_inner().message_id;
    let missing = expected(Code::NotFound, "MESSAGE_NOT_FOUND");
    assert_eq!(code_and_reason(get(&gateway, &globex, &message_id).await), missing);
    let cancel = v1::CancelMessageRequest { message_id: message_id.clone() };
    assert_eq!(code_and_reason(gateway.messages(&globex).cancel_message(cancel).await), missing);
    assert_eq!(
        code_and_reason(gateway.messages(&globex).send(send(spec("hello"))).await),
        expected(Code::NotFound, "CONTACT_NOT_FOUND")
    );
    assert!(get(&gateway, &acme, &message_id).await.is_ok());
    let answer = get(&gateway, &acme, "17").await;
    assert_eq!(code_and_reason(answer), expected(Code::InvalidArgument, "INVALID_FIELDS"));
}

#[tokio::test]
async fn a_message_is_cancelled_until_it_was_sent() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let mut messages = gateway.messages(&key);
    let message_id = messages.send(send(spec("hello"))).await.unwrap().into_inner().message_id;
    let cancel = || v1::CancelMessageRequest { message_id: message_id.clone() };
    let cancelled = messages.cancel_message(cancel()).await.unwrap().into_inner().message.unwrap();
    assert_eq!(cancelled.state(), v1::MessageState::Cancelled);
    assert!(format!("{:?}", cancelled.history).contains(key_id(&key).as_str()), "the history says who");

    let message_id = messages.send(send(spec("hello"))).await.unwrap().into_inner().message_id;
    let (brand, id) = ("acme", message_id.parse().unwrap());
    let StoredMessage { message, mut history, .. } =
        gateway.stores.messages.message(&brand.parse().unwrap(), id).await.unwrap().unwrap();
    let detail = MessageEventDetail::Finished {
        state: MessageState::Sent,
        reason: Reason::from("sent".to_owned()),
        explanation: "It was sent.".into(),
    };
    history.push(gateway.clock.now(), detail);
    gateway.stores.work.append(&message, &history, 1, None).await.unwrap();
    let answer = messages.cancel_message(v1::CancelMessageRequest { message_id: message_id.clone() }).await;
    insta::assert_snapshot!("not_cancellable", error_text(answer, &[(message_id.as_str(), "<message>")]));
}

#[tokio::test]
async fn a_store_that_fails_is_told_in_the_canonical_code_without_its_path() {
    let path = || "/secret/place".to_owned();
    let detail = || "bad luck".to_owned();
    let mut text = String::new();
    for error in [
        StoreError::Full { path: path(), free_bytes: 1, needed_bytes: 2 },
        StoreError::Io { detail: path() },
        StoreError::Corrupt { path: path(), detail: detail() },
        StoreError::Locked { path: path() },
    ] {
        let gateway = Gateway::with(Held::failing(error), ApiSettings::default()).await;
        let key = gateway.acme().await;
        gateway.ana(&key).await;
        text += &error_text(gateway.messages(&key).send(send(spec("hello"))).await, &[]);
    }
    assert!(!text.contains("/secret"), "{text}");
    insta::assert_snapshot!("store_failures", text);
}

#[tokio::test]
async fn explaining_a_route_stores_nothing() {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let mut messages = gateway.messages(&key);
    let mut explain = async |message| {
        messages.explain_route(v1::ExplainRouteRequest { message: Some(message) }).await.unwrap().into_inner()
    };
    let by_sms = explain(spec("hello")).await;
    assert_eq!(by_sms.next, "try");
    let plan = by_sms.plan.unwrap();
    assert_eq!(plan.ways.iter().map(|way| way.provider.as_str()).collect::<Vec<_>>(), ["sms-shared"]);
    assert!(!plan.left_out.is_empty() && !plan.verdicts.is_empty());
    let size = |encoding: v1::SmsEncoding, units, segments| {
        Some(v1::SmsSize { encoding: encoding.into(), units, segments })
    };
    assert_eq!(by_sms.sms, size(v1::SmsEncoding::Gsm7, 5, 1));
    let text = |text: &str| Some(v1::Content { text: text.to_owned(), ..v1::Content::default() });
    let long = explain(v1::MessageSpec { content: text(&"ł€".repeat(40)), ..spec("long") }).await;
    assert_eq!(long.sms, size(v1::SmsEncoding::Ucs2, 80, 2));
    let telegram = [v1::Channel::Telegram.into()].to_vec();
    assert_eq!(explain(v1::MessageSpec { channels: telegram, ..spec("chat") }).await.sms, None);

    let commercial = v1::MessageSpec {
        message_class: v1::MessageClass::Commercial.into(),
        channels: vec![2],
        ..spec("offer")
    };
    let denied = explain(commercial).await;
    assert_eq!((denied.next.as_str(), denied.final_state()), ("finish", v1::MessageState::Suppressed));

    let send_time = Some(timestamp(later(gateway.clock.now(), Duration::from_secs(3_600))));
    let delayed = explain(v1::MessageSpec { send_time, ..spec("later") }).await;
    assert_eq!((delayed.next.as_str(), delayed.wait_until), ("wait", send_time));

    let listed = gateway.messages(&key).list_messages(v1::ListMessagesRequest::default()).await.unwrap();
    assert!(listed.into_inner().messages.is_empty());
}
