use serde_json::json;

use super::*;

const NUMBER: &str = "106540352242922";

fn body(field: &str, mut value: Value) -> Vec<u8> {
    value["metadata"] = json!({ "display_phone_number": "15550783881", "phone_number_id": NUMBER });
    let change = json!({ "field": field, "value": value });
    json!({ "object": "whatsapp_business_account", "entry": [{ "id": "1", "changes": [change] }] })
        .to_string()
        .into_bytes()
}

fn events_in(field: &str, value: Value) -> Vec<ProviderEvent> {
    read(&body(field, value), &business()).unwrap()
}

fn business() -> BusinessId {
    "shop".parse().unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

#[test]
fn statuses_say_what_became_of_messages() {
    let statuses = json!([
        { "id": "wamid.1", "status": "sent", "timestamp": "1795000000", "recipient_id": "34600123456" },
        { "id": "wamid.2", "status": "read", "timestamp": "1795000001", "conversation": {} },
        { "id": "wamid.3", "status": "a-word-of-tomorrow", "timestamp": "1795000001" },
        {
            "id": "wamid.4", "status": "failed", "timestamp": "1795000002",
            "biz_opaque_callback_data": "acme/01900000-0000-7000-8000-000000000000/2",
            "errors": [{ "code": 131_021, "title": "Recipient cannot be sender" }],
        },
    ]);
    let receipt = |event| match event {
        ProviderEvent::Receipt(delivery_report) => delivery_report,
        other => panic!("{other:?}"),
    };
    let events = events_in("messages", json!({ "statuses": statuses }));
    let reports: Vec<DeliveryReport> = events.into_iter().map(receipt).collect();
    let events: Vec<_> = reports.iter().map(|report| (report.reference.as_str(), report.status)).collect();
    assert_eq!(
        events,
        [
            ("wamid.1", ReceiptStatus::Sent),
            ("wamid.2", ReceiptStatus::Read),
            ("wamid.4", ReceiptStatus::Failed)
        ]
    );
    assert_eq!(
        (&reports[0].address, reports[0].reported_at),
        (&parse_phone("34600123456"), at(1_795_000_000))
    );
    assert_eq!(reports[2].echo.as_ref().unwrap().attempt, 2);
    assert_eq!(reports[2].objection, Some(Objection::BadAddress));
    assert_eq!(reports[2].evidence.code, "131021");
}

#[test]
fn only_what_is_certain_suppresses_the_address() {
    for (code, expected) in [
        (131_021, Some(Objection::BadAddress)),
        (131_050, Some(Objection::CommercialOptedOut)),
        (131_026, None),
        (131_047, None),
        (999_999, None),
    ] {
        let errors = json!([{ "code": code, "title": "no" }]);
        let status = json!({ "id": "w", "status": "failed", "timestamp": "1795000000", "errors": errors });
        let events = events_in("messages", json!({ "statuses": [status] }));
        assert!(
            matches!(&events[..], [ProviderEvent::Receipt(report)] if report.objection == expected),
            "{code}: {events:?}"
        );
    }
}

#[test]
fn what_people_write_or_choose_is_a_text_and_what_they_show_an_empty_one() {
    let chosen = json!({ "id": "yes", "title": "Yes" });
    for (kind, content, text) in [
        ("text", json!({ "body": "STOP" }), "STOP"),
        ("button", json!({ "payload": "no", "text": "No more" }), "No more"),
        ("interactive", json!({ "type": "button_reply", "button_reply": chosen }), "Yes"),
        ("interactive", json!({ "type": "list_reply", "list_reply": chosen }), "Yes"),
        ("interactive", json!({ "type": "nfm_reply", "nfm_reply": {} }), ""),
        ("image", json!({ "id": "1", "caption": "look" }), ""),
        ("reaction", json!({ "message_id": "wamid.1", "emoji": "👍" }), ""),
        ("a-word-of-tomorrow", json!({ "body": "?" }), ""),
    ] {
        let mut message = json!({
            "id": "wamid.9", "from": "34600123456", "timestamp": "1795000000", "type": kind,
            "context": { "from": "15550783881", "id": "wamid.1" },
        });
        message[kind] = content;
        let inbound = InboundText {
            id: "wamid.9".to_owned(),
            from: parse_phone("34600123456").unwrap(),
            aliases: Vec::new(),
            to: Some(NUMBER.to_owned()),
            text: text.to_owned(),
            reply_to: Some("wamid.1".to_owned()),
            at: at(1_795_000_000),
        };
        assert_eq!(
            events_in("messages", json!({ "messages": [message] })),
            [ProviderEvent::Text(inbound)],
            "{kind}"
        );
    }
    let plain = json!({ "id": "wamid.9", "from": "34600123456", "timestamp": "1795000000", "text": { "body": "hi" } });
    let events = events_in("messages", json!({ "messages": [plain] }));
    assert!(matches!(&events[..], [ProviderEvent::Text(text)] if text.reply_to.is_none()), "{events:?}");
    let nameless = json!({ "id": "wamid.9", "timestamp": "1795000000" });
    assert_eq!(events_in("messages", json!({ "messages": [nameless] })), []);
}

#[test]
fn people_are_known_by_their_number_their_user_id_or_both() {
    let (number, user) = (parse_phone("34600123456").unwrap(), parse_user_id(&business(), "ES.1").unwrap());
    for (from, user_id, address, aliases) in [
        (Some("34600123456"), Some("ES.1"), Some(&number), vec![user.clone()]),
        (None, Some("ES.1"), Some(&user), vec![]),
        (Some("34600123456"), None, Some(&number), vec![]),
        (Some("34600123456"), Some("of tomorrow"), Some(&number), vec![]),
        (None, None, None, vec![]),
    ] {
        let message = json!({ "id": "w", "from": from, "from_user_id": user_id, "timestamp": "1795000000" });
        let status = json!({
            "id": "w", "status": "sent", "timestamp": "1795000000", "recipient_id": from,
            "recipient_user_id": user_id,
        });
        let preference = json!({
            "wa_id": from, "user_id": user_id, "category": "marketing_messages", "value": "stop", "timestamp": 1,
        });
        let mut named: Vec<_> = events_in("messages", json!({ "messages": [message], "statuses": [status] }));
        named.extend(events_in("user_preferences", json!({ "user_preferences": [preference] })));
        let named = named.into_iter().filter_map(|event| match event {
            ProviderEvent::Text(text) => Some((text.from, text.aliases)),
            ProviderEvent::Address(report) => Some((report.address, report.aliases)),
            ProviderEvent::Receipt(report) => Some((report.address?, report.aliases)),
            other => panic!("{other:?}"),
        });
        let named: Vec<_> = named.collect();
        let expected = address.map(|address| (address.clone(), aliases));
        assert_eq!(named.len(), if expected.is_some() { 3 } else { 0 });
        assert!(named.iter().all(|named| Some(named) == expected.as_ref()), "{named:?}");
    }
}

#[test]
fn who_has_another_user_id_has_moved_there() {
    let moved = |system: Value, from: Option<&str>| {
        let message = json!({
            "from": from, "from_user_id": "ES.1", "id": "w", "timestamp": "1795000000", "system": system,
        });
        match events_in("messages", json!({ "messages": [message] })).remove(0) {
            ProviderEvent::Address(report) => (report.address, report.aliases, report.change),
            other => panic!("{other:?}"),
        }
    };
    let user = |id| parse_user_id(&business(), id).unwrap();
    let to = |id| AddressChange::MovedTo(user(id));
    let system = json!({ "type": "user_changed_user_id", "user_id": "ES.2" });
    assert_eq!(moved(system, None), (user("ES.1"), vec![], to("ES.2")));
    let system = json!({ "type": "user_changed_user_id", "user_id": "ES.2", "previous_user_id": "ES.0" });
    assert_eq!(moved(system, None), (user("ES.0"), vec![], to("ES.2")));
    let number = |digits| parse_phone(digits).unwrap();
    let system = json!({ "type": "user_changed_number", "wa_id": "34600654321", "user_id": "ES.2" });
    let changed = AddressChange::MovedTo(number("34600654321"));
    assert_eq!(moved(system, Some("34600123456")), (number("34600123456"), vec![user("ES.1")], changed));
}

#[test]
fn who_has_another_number_has_moved_there() {
    let message = |kind: &str, new: &str| {
        let system = json!({ "body": "changed", "wa_id": new, "type": kind });
        let from = "34600123456";
        let message =
            json!({ "from": from, "id": "w", "timestamp": "1795000000", "type": "system", "system": system });
        events_in("messages", json!({ "messages": [message] }))
    };
    let moved = AddressReport {
        id: "w".to_owned(),
        address: parse_phone("34600123456").unwrap(),
        aliases: Vec::new(),
        to: Some(NUMBER.to_owned()),
        change: AddressChange::MovedTo(parse_phone("34600654321").unwrap()),
        at: at(1_795_000_000),
        evidence: OutcomeEvidence::new("user_changed_number", ""),
    };
    assert_eq!(message("user_changed_number", "34600654321"), [ProviderEvent::Address(moved)]);
    assert_eq!(message("user_changed_number", "?"), []);
    assert_eq!(message("a-word-of-tomorrow", "34600654321"), []);
}

#[test]
fn who_stops_marketing_is_sent_none() {
    let preference = |category: &str, value: &str, timestamp: Value| {
        let preference = json!({
            "wa_id": "34600123456", "category": category, "value": value, "timestamp": timestamp,
            "detail": "User requested to stop marketing messages",
        });
        events_in("user_preferences", json!({ "user_preferences": [preference] }))
    };
    let stopped = preference("marketing_messages", "stop", json!(1_795_000_000));
    let [ProviderEvent::Address(report)] = &stopped[..] else { panic!("{stopped:?}") };
    assert_eq!(report.address, parse_phone("34600123456").unwrap());
    assert_eq!(report.change, AddressChange::Objected(Objection::CommercialOptedOut));
    assert_eq!((report.at, report.to.as_deref()), (at(1_795_000_000), Some(NUMBER)));
    assert_eq!(preference("marketing_messages", "stop", json!("1795000000")), stopped, "it is the same");
    assert_ne!(preference("marketing_messages", "stop", json!(1_795_000_001)), stopped, "it is another");
    assert_eq!(preference("marketing_messages", "resume", json!(1_795_000_000)), []);
    assert_eq!(preference("a-word-of-tomorrow", "stop", json!(1_795_000_000)), []);
}

#[test]
fn what_cannot_be_read_keeps_nothing_else_back() {
    let good =
        json!({ "id": "w", "from": "34600123456", "timestamp": "1795000000", "text": { "body": "STOP" } });
    let odd = json!({ "id": "w", "status": "sent", "timestamp": "soon" });
    let events = events_in("messages", json!({ "messages": [good], "statuses": [odd] }));
    assert!(
        matches!(&events[..], [ProviderEvent::Text(_), ProviderEvent::Unreadable { count: 1, .. }]),
        "{events:?}"
    );
    let odd = read(&body("messages", json!({ "statuses": [odd] })), &business());
    assert!(matches!(odd, Err(WebhookError::Malformed(_))), "{odd:?}");
}

#[test]
fn other_fields_are_passed_over() {
    assert_eq!(events_in("message_template_status_update", json!({ "messages": 1, "statuses": [1] })), []);
    assert_eq!(events_in("messages", json!({ "contacts": [], "errors": [{}] })), []);
    assert_eq!(read(br#"{"object":"x","entry":[{"changes":[{}]},{}],"more":1}"#, &business()), Ok(vec![]));
}

#[test]
fn what_is_no_webhook_is_malformed() {
    let status = |timestamp| json!({ "statuses": [{ "id": "w", "status": "sent", "timestamp": timestamp }] });
    for body in [
        b"".to_vec(),
        b"[]".to_vec(),
        b"{}".to_vec(),
        b"nonsense".to_vec(),
        body("messages", json!({ "statuses": [1] })),
        body("messages", status("yesterday")),
        body("user_preferences", json!({})),
    ] {
        assert!(
            matches!(read(&body, &business()), Err(WebhookError::Malformed(_))),
            "{}",
            String::from_utf8_lossy(&body)
        );
    }
}
