//! Every value of the model is read back from protobuf as it was.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use prost::Message as _;

use super::{FieldPath, Violations, v1};
use crate::model::*;

fn timestamps() -> impl Strategy<Value = Timestamp> {
    let (first, last) = (-62_135_596_800_000_i64, 253_402_207_200_999);
    (first..last).prop_map(|ms| Timestamp::from_millisecond(ms).unwrap())
}

fn durations() -> impl Strategy<Value = Duration> {
    (0..=315_575_999_999_u64, 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos))
}

fn texts() -> impl Strategy<Value = String> {
    "\\PC{0,20}"
}

fn optional_texts() -> impl Strategy<Value = Option<String>> {
    option::of("\\PC{1,20}")
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Debug> + std::fmt::Debug>(
    pattern: &'static str,
) -> impl Strategy<Value = T> {
    pattern.prop_map(|text| text.parse().unwrap())
}

fn brands() -> impl Strategy<Value = BrandId> {
    parsed("[a-z0-9-]{1,63}")
}

fn providers() -> impl Strategy<Value = ProviderName> {
    parsed("[a-z0-9-]{1,63}")
}

fn contact_ids() -> impl Strategy<Value = ContactId> {
    parsed("[A-Za-z0-9._:@-]{1,128}")
}

fn topics() -> impl Strategy<Value = Topic> {
    parsed("[a-z0-9_-]{1,9}(\\.[a-z0-9_-]{1,9}){0,7}")
}

fn scopes() -> impl Strategy<Value = TopicScope> {
    prop_oneof![Just(TopicScope::All), topics().prop_map(TopicScope::Topic)]
}

fn channels() -> impl Strategy<Value = Channel> {
    select(&Channel::ALL)
}

fn channel_lists() -> impl Strategy<Value = Vec<Channel>> {
    vec(channels(), 0..4)
}

fn addresses() -> impl Strategy<Value = Address> {
    prop_oneof![
        parsed("[A-Za-z0-9]{1,10}@[a-z]{1,10}\\.example").prop_map(Address::Email),
        "\\+[0-9]{7,15}".prop_map(|text| Address::Phone(Phone::from_e164(&text).unwrap())),
        (1..=i64::MAX).prop_map(Address::TelegramChat),
        ("[a-z0-9-]{1,8}", "[A-Z]{2}\\.(ENT\\.)?[A-Za-z0-9]{1,20}")
            .prop_map(|(business, id)| Address::whatsapp_user(&business.parse().unwrap(), &id).unwrap()),
    ]
}

fn labels() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map(texts(), texts(), 0..3)
}

fn telegrams() -> impl Strategy<Value = TelegramContent> {
    let format = select(&[TextFormat::Plain, TextFormat::MarkdownV2, TextFormat::Html]);
    let file =
        prop_oneof!["\\PC{1,9}".prop_map(TelegramFile::Photo), "\\PC{1,9}".prop_map(TelegramFile::Document)];
    ("\\PC{1,9}", format, option::of(file)).prop_map(|(text, format, file)| TelegramContent {
        text: Some(text),
        format,
        file,
    })
}

fn templates() -> impl Strategy<Value = Template> {
    let header = prop_oneof![
        "\\PC{1,9}".prop_map(TemplateHeader::Text),
        "\\PC{1,9}".prop_map(TemplateHeader::Image),
        ("\\PC{1,9}", "\\PC{1,9}").prop_map(|(url, filename)| TemplateHeader::Document { url, filename }),
        "\\PC{1,9}".prop_map(TemplateHeader::Video),
    ];
    let action = prop_oneof![
        "\\PC{1,9}".prop_map(ButtonAction::Url),
        "\\PC{1,9}".prop_map(ButtonAction::QuickReply),
        "\\PC{1,9}".prop_map(ButtonAction::CopyCode),
    ];
    let button =
        (0..=TemplateButton::LAST, action).prop_map(|(index, action)| TemplateButton { index, action });
    ("\\PC{1,9}", "[a-z]{2}", vec(texts(), 0..3), option::of(header), vec(button, 0..3), any::<bool>())
        .prop_map(|(name, language, parameters, header, buttons, authentication)| Template {
            name,
            language,
            parameters,
            header,
            buttons,
            authentication,
        })
}

fn contents() -> impl Strategy<Value = Content> {
    let email = (optional_texts(), optional_texts(), optional_texts())
        .prop_map(|(subject, text, html)| EmailContent { subject, text, html });
    let telegram = option::of(telegrams());
    let common = (optional_texts(), optional_texts(), optional_texts(), option::of(email));
    let by_channel = (optional_texts(), telegram, optional_texts(), option::of(templates()));
    (common, by_channel).prop_map(|((text, subject, html, email), (sms, telegram, whatsapp, template))| {
        Content { text, subject, html, email, sms, telegram, whatsapp, template }
    })
}

fn fallbacks() -> impl Strategy<Value = FallbackPolicy> {
    (any::<bool>(), option::of(durations()), option::of(durations())).prop_map(
        |(on_failed, undelivered_after, unread_after)| FallbackPolicy {
            on_failed,
            undelivered_after,
            unread_after,
        },
    )
}

fn messages() -> impl Strategy<Value = Message> {
    let who = (any::<[u8; 16]>(), brands(), contact_ids(), option::of("\\PC{1,20}"));
    let class = select(&[MessageClass::Transactional, MessageClass::Commercial]);
    let what = (class, topics(), contents(), channel_lists(), fallbacks(), labels());
    (who, what, timestamps(), timestamps(), timestamps()).prop_map(
        |((id, brand, contact, idempotency_key), what, accepted_at, send_at, expire_at)| {
            let (class, topic, content, channels, fallback, labels) = what;
            Message {
                id: MessageId::from_bytes(id),
                brand,
                contact,
                class,
                topic,
                content,
                idempotency_key,
                accepted_at,
                send_at,
                expire_at,
                channels,
                fallback,
                labels,
                unserved: Vec::new(),
                incarnation: ContactIncarnation::default(),
            }
        },
    )
}

fn ways() -> impl Strategy<Value = Way> {
    (channels(), addresses(), providers(), texts()).prop_map(
        |(channel, address, provider, failure_domain)| Way { channel, address, provider, failure_domain },
    )
}

/// Words that reasons have, and others.
fn reasons() -> impl Strategy<Value = Reason> {
    let known = ["quiet_hours", "no_way_left", "breaker_open", "tried"];
    prop_oneof![select(known.to_vec()).prop_map(str::to_owned), texts()].prop_map(Reason::from)
}

fn plans() -> impl Strategy<Value = Plan> {
    let decision = prop_oneof![
        Just(ConsentDecision::Allow),
        timestamps().prop_map(|until| ConsentDecision::Hold { until }),
        Just(ConsentDecision::Deny),
    ];
    let verdict = (channels(), addresses(), decision, reasons(), texts()).prop_map(
        |(channel, address, decision, reason, explanation)| Verdict {
            channel,
            address,
            decision,
            reason,
            explanation,
        },
    );
    let left_out = (channels(), option::of(addresses()), option::of(providers()), reasons(), texts())
        .prop_map(|(channel, address, provider, reason, explanation)| LeftOut {
            channel,
            address,
            provider,
            reason,
            explanation,
        });
    let source =
        select(&[OrderSource::Message, OrderSource::Contact, OrderSource::Topic, OrderSource::Brand]);
    (vec(verdict, 0..3), vec(ways(), 0..3), vec(left_out, 0..3), source)
        .prop_map(|(verdicts, ways, left_out, order_source)| Plan { verdicts, ways, left_out, order_source })
}

fn evidence() -> impl Strategy<Value = OutcomeEvidence> {
    (texts(), texts()).prop_map(|(code, text)| OutcomeEvidence { code, text })
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    let cause = prop_oneof![
        any::<bool>().prop_map(|certain| Rejection::Address { certain }),
        any::<bool>().prop_map(|certain| Rejection::OptedOut { certain }),
        Just(Rejection::CommercialOptedOut),
        Just(Rejection::Content),
        Just(Rejection::Policy),
    ];
    let scope = select(&[ThrottleScope::Provider, ThrottleScope::Recipient]);
    prop_oneof![
        (texts(), option::of(addresses()))
            .prop_map(|(reference, recipient)| Outcome::Sent { reference, recipient }),
        (cause, evidence()).prop_map(|(cause, evidence)| Outcome::Rejected { cause, evidence }),
        (option::of(durations()), scope, evidence())
            .prop_map(|(retry_after, scope, evidence)| Outcome::Throttled { retry_after, scope, evidence }),
        evidence().prop_map(|evidence| Outcome::Unavailable { evidence }),
        evidence().prop_map(|evidence| Outcome::Misconfigured { evidence }),
        (option::of(durations()), evidence())
            .prop_map(|(retry_after, evidence)| Outcome::Unknown { retry_after, evidence }),
    ]
}

fn attempts() -> impl Strategy<Value = u32> {
    0..=i32::MAX as u32
}

fn receipts() -> impl Strategy<Value = Receipt> {
    use ReceiptStatus::{Delivered, Failed, Read, Sent};
    let objection = proptest::option::of(select(&Objection::ALL));
    (attempts(), select(&[Sent, Failed, Delivered, Read]), timestamps(), evidence(), objection).prop_map(
        |(attempt, status, reported_at, evidence, objection)| Receipt {
            attempt,
            status,
            reported_at,
            evidence,
            objection,
        },
    )
}

fn states() -> impl Strategy<Value = MessageState> {
    use MessageState::{
        Accepted, Cancelled, Delivered, Expired, Failed, InDoubt, Read, Sending, Sent, Suppressed, Waiting,
    };
    select(&[
        Accepted, Waiting, Sending, Sent, Delivered, Read, Failed, Suppressed, Expired, Cancelled, InDoubt,
    ])
}

fn events() -> impl Strategy<Value = MessageEvent> {
    let waiting = (timestamps(), reasons(), texts()).prop_map(|(until, reason, explanation)| {
        MessageEventDetail::Waiting { until, why: WaitReason { reason, explanation } }
    });
    let detail = prop_oneof![
        Just(MessageEventDetail::Accepted),
        plans().prop_map(MessageEventDetail::Planned),
        (attempts(), ways()).prop_map(|(attempt, way)| MessageEventDetail::AttemptStarted { attempt, way }),
        (attempts(), outcomes())
            .prop_map(|(attempt, outcome)| MessageEventDetail::AttemptFinished { attempt, outcome }),
        receipts().prop_map(MessageEventDetail::Receipt),
        waiting,
        (attempts(), texts())
            .prop_map(|(attempt, explanation)| MessageEventDetail::FellBack { attempt, explanation }),
        texts().prop_map(|actor| MessageEventDetail::CancelRequested { actor }),
    ];
    let ended = (timestamps(), states(), reasons(), texts()).prop_map(|(at, state, reason, explanation)| {
        MessageEvent { at, state, detail: MessageEventDetail::Finished { state, reason, explanation } }
    });
    let others =
        (timestamps(), states(), detail).prop_map(|(at, state, detail)| MessageEvent { at, state, detail });
    prop_oneof![8 => others, 1 => ended]
}

fn contacts() -> impl Strategy<Value = Contact> {
    let windows = btree_map(providers(), timestamps(), 0..3);
    let address = (addresses(), option::of(timestamps()), windows, vec(addresses(), 0..3)).prop_map(
        |(address, whatsapp_inbound_at, whatsapp_windows, aliases)| ContactAddress {
            address,
            whatsapp_inbound_at,
            whatsapp_windows,
            aliases,
        },
    );
    (contact_ids(), vec(address, 0..4), labels(), timestamps(), timestamps(), any::<(u64, u64)>()).prop_map(
        |(id, addresses, labels, created_at, updated_at, (incarnation, changes))| Contact {
            id,
            addresses,
            labels,
            created_at,
            updated_at,
            incarnation: ContactIncarnation(incarnation),
            changes,
        },
    )
}

fn contact_events() -> impl Strategy<Value = ContactEvent> {
    let wrote = (
        texts(),
        option::of("[!-~]{1,20}"),
        option::of(any::<[u8; 16]>().prop_map(MessageId::from_bytes)),
        option::of(select(&Keyword::ALL)),
    );
    let detail = prop_oneof![
        wrote.prop_map(|(text, to, answers, keyword)| ContactEventDetail::Wrote {
            text,
            to,
            answers,
            keyword
        }),
        (select(&Objection::ALL), evidence())
            .prop_map(|(objection, evidence)| ContactEventDetail::Objected { objection, evidence }),
        Just(ContactEventDetail::Returned),
        addresses().prop_map(|to| ContactEventDetail::Moved { to }),
    ];
    (timestamps(), channels(), providers(), addresses(), detail).prop_map(
        |(at, channel, provider, address, detail)| ContactEvent { at, channel, provider, address, detail },
    )
}

fn consent_evidence() -> impl Strategy<Value = ConsentEvidence> {
    (texts(), texts(), texts(), timestamps(), texts(), texts()).prop_map(
        |(source, method, wording, time, origin, actor)| ConsentEvidence {
            source,
            method,
            wording,
            time,
            origin,
            actor,
        },
    )
}

fn entries() -> impl Strategy<Value = ConsentEntry> {
    let action = select(&[ConsentAction::Grant, ConsentAction::Revoke]);
    (1..=i64::MAX as u64, action, channels(), scopes(), consent_evidence(), timestamps(), texts()).prop_map(
        |(sequence, action, channel, scope, evidence, recorded_at, recorded_by)| ConsentEntry {
            sequence,
            action,
            channel,
            scope,
            evidence,
            recorded_at,
            recorded_by,
        },
    )
}

fn preferences() -> impl Strategy<Value = Preferences> {
    let topic = (topics(), any::<bool>(), channel_lists())
        .prop_map(|(topic, muted, channel_order)| TopicPreference { topic, muted, channel_order });
    let time = || (0..24_i8, 0..60_i8).prop_map(|(hour, minute)| jiff::civil::time(hour, minute, 0, 0));
    let quiet = (time(), time(), any::<bool>()).prop_map(|(start, end, include_transactional)| QuietHours {
        start,
        end,
        include_transactional,
    });
    let zone = option::of(select(&["Europe/Madrid", "America/New_York", "UTC"]).prop_map(str::to_owned));
    let language = option::of("[a-z]{2,3}(-[A-Z]{2})?");
    (channel_lists(), channel_lists(), vec(topic, 0..3), option::of(quiet), zone, language).prop_map(
        |(channel_order, excluded_channels, topics, quiet_hours, time_zone, language)| Preferences {
            channel_order,
            excluded_channels,
            topics,
            quiet_hours,
            time_zone,
            language,
            changes: 0,
        },
    )
}

fn suppression_reasons() -> impl Strategy<Value = SuppressionReason> {
    select(&SuppressionReason::ALL)
}

fn suppressions() -> impl Strategy<Value = Suppression> {
    let times = (timestamps(), timestamps());
    (channels(), addresses(), suppression_reasons(), texts(), times, texts()).prop_map(
        |(channel, address, reason, explanation, (created_at, last_reported_at), recorded_by)| Suppression {
            channel,
            address,
            reason,
            explanation,
            created_at,
            last_reported_at,
            recorded_by,
        },
    )
}

fn lifted_suppressions() -> impl Strategy<Value = LiftedSuppression> {
    (suppressions(), timestamps(), texts(), consent_evidence()).prop_map(
        |(suppression, at, recorded_by, evidence)| LiftedSuppression {
            suppression,
            lift: SuppressionLift { at, recorded_by, evidence },
        },
    )
}

fn control_changes() -> impl Strategy<Value = ProviderControlChange> {
    let mode = select(&[ControlMode::InService, ControlMode::Draining, ControlMode::OutOfService]);
    (providers(), mode, texts(), texts(), timestamps(), option::of(timestamps())).prop_map(
        |(provider, mode, reason, actor, updated_at, expire_at)| ProviderControlChange {
            provider,
            control: ProviderControl { mode, reason, actor, updated_at, expire_at },
        },
    )
}

fn keys() -> impl Strategy<Value = ApiKey> {
    let scopes = vec(select(&[KeyScope::Send, KeyScope::Contacts, KeyScope::Operate, KeyScope::Admin]), 0..4);
    let id = parsed("[a-z0-9]{1,32}");
    (id, option::of(brands()), scopes, texts(), any::<[u8; 32]>(), timestamps(), option::of(timestamps()))
        .prop_map(|(id, brand, scopes, label, secret_hash, created_at, revoked_at)| ApiKey {
            id,
            brand,
            scopes,
            label,
            secret_hash,
            created_at,
            revoked_at,
        })
}

/// As bytes and back, and then read without a violation.
fn read_back<P: prost::Message + Default, T>(
    proto: P,
    read: impl FnOnce(P, &FieldPath<'_>, &mut Violations) -> Option<T>,
) -> T {
    let proto = P::decode(proto.encode_to_vec().as_slice()).unwrap();
    let mut violations = Violations::default();
    let value = read(proto, &FieldPath::new("record"), &mut violations);
    violations.finish(value).unwrap()
}

proptest! {
    #[test]
    fn messages_with_their_history_come_back(
        message in messages(),
        events in vec(events(), 1..5),
        next_at in option::of(timestamps()),
    ) {
        let history = History::from_events(events);
        let view = super::message_view(&message, &history, next_at);
        let brand = message.brand.clone();
        let read = read_back(view.clone(), |proto, path, violations| {
            super::read_message(brand, proto, path, violations)
        });
        prop_assert_eq!(read, message);
        let read = read_back(view, |proto, path, violations| {
            let next = super::read_optional_time(proto.next_time, path, violations);
            super::read_history(proto.history, path, violations).map(|history| (history, next))
        });
        prop_assert_eq!(read, (history, next_at));
    }

    #[test]
    fn contacts_come_back(contact in contacts()) {
        let version = contact.version();
        let read = read_back(v1::Contact::from(&contact), |proto, path, violations| {
            super::read_contact(proto, version, path, violations)
        });
        prop_assert_eq!(read, contact);
    }

    #[test]
    fn ledger_entries_come_back(entry in entries()) {
        prop_assert_eq!(read_back(v1::ConsentEntry::from(&entry), super::read_entry), entry);
    }

    #[test]
    fn preferences_come_back(preferences in preferences(), incarnation in any::<u64>(), changes in any::<u64>()) {
        let read = read_back(v1::Preferences::from(&preferences), |proto, path, violations| {
            Some(super::read_preferences(proto, path, violations))
        });
        prop_assert_eq!(&read, &preferences);
        let version = Preferences { changes, ..preferences.clone() }.version(ContactIncarnation(incarnation));
        let read = read_back(super::preferences_view(&preferences, version), |proto, path, violations| {
            let etag = proto.etag.parse().ok();
            Some((super::read_preferences(proto, path, violations), etag))
        });
        prop_assert_eq!(read, (preferences, Some(version)));
    }

    #[test]
    fn suppressions_come_back(suppression in suppressions()) {
        let read = read_back(v1::Suppression::from(&suppression), super::read_suppression);
        prop_assert_eq!(read, (suppression, None));
    }

    #[test]
    fn lifted_suppressions_come_back(lifted in lifted_suppressions()) {
        let read = read_back(v1::Suppression::from(&lifted), super::read_suppression);
        prop_assert_eq!(read, (lifted.suppression, Some(lifted.lift)));
    }

    #[test]
    fn contact_events_come_back(event in contact_events()) {
        prop_assert_eq!(read_back(v1::ContactEvent::from(&event), super::read_contact_event), event);
    }

    #[test]
    fn control_changes_come_back(change in control_changes()) {
        prop_assert_eq!(read_back(v1::ProviderControlChange::from(&change), super::read_control_change), change);
    }

    #[test]
    fn keys_come_back_with_the_hash_kept_apart(key in keys()) {
        let hash = key.secret_hash;
        let read = read_back(v1::Key::from(&key), |proto, path, violations| {
            super::read_key(proto, hash, path, violations)
        });
        prop_assert_eq!(read, key);
    }

    /// Whatever bytes come in, reading them ends in a value or in violations.
    #[test]
    fn no_bytes_make_reading_panic(bytes in vec(any::<u8>(), 0..200), brand in brands()) {
        let path = FieldPath::new("message");
        if let Ok(proto) = v1::Message::decode(bytes.as_slice()) {
            let mut violations = Violations::default();
            super::read_history(proto.history.clone(), &path, &mut violations);
            let read = super::read_message(brand, proto, &path, &mut violations);
            prop_assert!(read.is_some() || !violations.is_empty());
        }
    }
}

#[test]
fn all_violations_of_a_request_are_found_at_once() {
    let address = |value| v1::ContactAddress { address: Some(v1::Address { value }), ..Default::default() };
    let addresses = vec![
        address(Some(v1::address::Value::Email("ana@example.com".into()))),
        address(Some(v1::address::Value::Phone("123".into()))),
        address(None),
        address(Some(v1::address::Value::TelegramChatId(-5))),
    ];
    let mut violations = Violations::default();
    let contact = FieldPath::new("contact");
    let path = contact.field("addresses");
    super::read_contact_addresses(
        addresses,
        super::AddressFormat::Dialled(Some("ES")),
        &path,
        &mut violations,
    );
    let fields: Vec<String> = violations.into_vec().into_iter().map(|violation| violation.field).collect();
    assert_eq!(
        fields,
        [
            "contact.addresses[1].address.phone",
            "contact.addresses[2].address",
            "contact.addresses[3].address.telegram_chat_id",
        ]
    );
}

#[test]
fn evidence_of_a_request_is_from_the_past() {
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let later: Timestamp = "2026-01-01T00:00:01Z".parse().unwrap();
    let given = |time| v1::Evidence { source: "checkout".into(), time, ..Default::default() };
    let mut violations = Violations::default();
    let path = FieldPath::new("evidence");
    let read = super::read_evidence(Some(given(None)), Some(now), &path, &mut violations);
    assert_eq!(read.unwrap().time, now);
    super::read_evidence(Some(given(Some(super::timestamp(later)))), Some(now), &path, &mut violations);
    let told: Vec<String> = violations.into_vec().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "evidence.method is required",
            "evidence.method is required",
            "evidence.time must not be in the future",
        ]
    );
}
