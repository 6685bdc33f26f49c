//! SMPP, at an SMSC.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use relevo::adapters::sms::segments::{Alphabet, SmsSize};
use relevo::adapters::sms::smpp::SmppAdapter;
use relevo::adapters::webhooks::{DeliveryReport, EventSink, ProviderEvent, RecordError};
use relevo::adapters::{Adapter, EventListener, ProviderLimits};
use relevo::clock::Clock;
use relevo::model::{Address, InboundText, Outcome, ReceiptStatus, Timestamp};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::word;
use crate::email::tls::Certificates;
use crate::peers::{Smsc, free_port, segments as count};
use crate::support::envelopes;

/// An adapter that listens, and the events that it reported.
struct Account {
    smpp: Arc<SmppAdapter>,
    listening: JoinHandle<()>,
    events: mpsc::UnboundedReceiver<ProviderEvent>,
}

/// Hands events to the test, and refuses the first few.
struct RecordingSink {
    events: mpsc::UnboundedSender<ProviderEvent>,
    refusals: AtomicUsize,
    clock: Clock,
}

#[async_trait]
impl EventSink for RecordingSink {
    async fn record(&self, events: Vec<ProviderEvent>) -> Result<(), RecordError> {
        let refuses =
            self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if refuses.is_ok() {
            return Err(RecordError);
        }
        events.into_iter().for_each(|event| self.events.send(event).unwrap());
        Ok(())
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// The adapter with these settings and a name, a password, and time-outs that suit a test.
fn build(port: u16, more: &str) -> SmppAdapter {
    let tls = if more.contains("tls =") { "" } else { "tls = 'none'" };
    let timeout = if more.contains("response_timeout_ms") { "" } else { "response_timeout_ms = 5000" };
    let text = format!(
        "host = 'localhost'\nport = {port}\n{tls}\n{timeout}\nsystem_id = 'acme'\nsystem_type = 'VMA'\n\
         password = {{ '$secret' = 'hunter22' }}\nfrom = 'Acme 24'\nreconnect_ms = 20\nmax_reconnect_ms = 100\n{more}"
    );
    SmppAdapter::new(&toml::from_str(&text).unwrap(), &ProviderLimits::default()).unwrap()
}

impl Account {
    fn open(port: u16, more: &str) -> Self {
        Self::refusing(port, more, 0)
    }

    /// The same with a sink that refuses the first `refusals` times.
    fn refusing(port: u16, more: &str, refusals: usize) -> Self {
        let smpp = Arc::new(build(port, more));
        let (sender, events) = mpsc::unbounded_channel();
        let clock = Clock::system().unwrap();
        let sink = RecordingSink { events: sender, refusals: AtomicUsize::new(refusals), clock };
        let adapter = Arc::clone(&smpp);
        let listening = tokio::spawn(async move { adapter.listen(&sink).await });
        Self { smpp, listening, events }
    }

    async fn deliver(&self, text: &str) -> Outcome {
        self.smpp.deliver(&envelopes::to_phone(text)).await
    }

    async fn sent(&self, text: &str) -> String {
        match self.deliver(text).await {
            Outcome::Sent { reference, .. } => reference,
            other => panic!("{other:?}"),
        }
    }

    /// Delivers until the adapter is bound again after its connection ended.
    async fn deliver_until_sent(&self, text: &str) -> String {
        for _ in 0..500 {
            if let Outcome::Sent { reference, .. } = self.deliver(text).await {
                return reference;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{:?}", self.deliver(text).await)
    }

    async fn next_event(&mut self) -> ProviderEvent {
        timeout(Duration::from_secs(10), self.events.recv()).await.expect("an event should come").unwrap()
    }

    async fn next_receipt(&mut self) -> DeliveryReport {
        match self.next_event().await {
            ProviderEvent::UncertainReceipt(uncertain) => uncertain.report,
            other => panic!("{other:?}"),
        }
    }

    async fn next_text(&mut self) -> InboundText {
        match self.next_event().await {
            ProviderEvent::Text(text) => text,
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

#[tokio::test]
async fn a_text_arrives_as_it_was_meant() {
    let smsc = Smsc::start("arrives", &json!({}));
    let account = Account::open(smsc.port(), "validity_minutes = 90");
    let texts = ["1 < 2 & @[€]_ñ", "çã 👋", "plain"];
    for text in texts {
        account.sent(text).await;
    }
    let [bind] = smsc.events("bind").try_into().unwrap();
    assert_eq!(
        (&bind["system_id"], &bind["password"], &bind["system_type"], &bind["interface_version"]),
        (&json!("acme"), &json!("hunter22"), &json!("VMA"), &json!(0x34))
    );
    let submits = smsc.events("submit");
    let text = |submit: &Value| (submit["text"].clone(), submit["data_coding"].clone());
    let expected = texts.iter().zip([0, 8, 0]).map(|(&text, coding)| (json!(text), json!(coding)));
    assert_eq!(submits.iter().map(text).collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    let first = &submits[0];
    assert_eq!((&first["to"], &first["dest"]), (&json!("34600123456"), &json!([1, 1])));
    assert_eq!((&first["from"], &first["source"]), (&json!("Acme 24"), &json!([5, 0])));
    assert_eq!((&first["registered_delivery"], &first["validity_minutes"]), (&json!(1), &json!(90)));
}

#[tokio::test]
async fn long_texts_are_put_together_by_the_smsc() {
    let smsc = Smsc::start("long", &json!({}));
    let long = ["The quick brown fox {jumps} over it. ".repeat(12), "Olá, isto é 👋 longo. ".repeat(12)];
    for (more, by) in [("udh", "udh"), ("sar", "sar"), ("payload", "payload")] {
        let account = Account::open(smsc.port(), &format!("concatenation = '{more}'"));
        let before = (smsc.events("whole").len(), smsc.events("submit").len());
        for (index, text) in long.iter().enumerate() {
            // The parts of two messages have to be told apart.
            let mut envelope = envelopes::to_phone(text);
            let number = u8::try_from(index).unwrap();
            envelope.message_id = relevo::model::MessageId::new(1_795_000_000_000, &[number; 10]);
            let outcome = account.smpp.deliver(&envelope).await;
            assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
        }
        let submits = smsc.events("submit").split_off(before.1);
        assert!(submits.iter().all(|submit| submit["by"] == by), "{submits:?}");
        let wholes = match by {
            "payload" => submits,
            _ => smsc.events("whole").split_off(before.0),
        };
        let texts: Vec<&str> = wholes.iter().map(|whole| whole["text"].as_str().unwrap()).collect();
        assert_eq!(texts, long, "{by}");
    }
}

#[tokio::test]
async fn every_status_has_its_outcome() {
    let smsc = Smsc::start("statuses", &json!({}));
    let account = Account::open(smsc.port(), "");
    for &(status, expected) in STATUSES {
        let outcome = account.deliver(&format!("{{\"status\":{status}}}\n")).await;
        assert_eq!(word(&outcome), expected, "{status:#x} gave {outcome:?}");
        assert_eq!(outcome.evidence().unwrap().code, format!("0x{status:02X}"));
    }
    assert_eq!(smsc.events("submit").len(), STATUSES.len());
    assert_eq!(smsc.events("bind").len(), 1, "none of them ends the session");
}

#[tokio::test]
async fn no_more_messages_are_without_an_answer_than_the_window_holds() {
    let smsc = Smsc::start("window", &json!({ "hold": 3 }));
    let account = Account::open(smsc.port(), "window = 3");
    let texts: Vec<String> = (0..9).map(|number| format!("number {number}")).collect();
    let references = join_all(texts.iter().map(|text| account.sent(text))).await;
    let submits = smsc.events("submit");
    assert_eq!(submits.iter().map(|submit| submit["in_flight"].as_u64()).max(), Some(Some(3)));
    // The SMSC answers the last first, and gives ids in the order in which messages come.
    for (text, reference) in texts.iter().zip(&references) {
        let place = submits.iter().position(|submit| submit["text"] == *text).unwrap() + 1;
        assert_eq!(*reference, format!("id-{place}"));
    }
}

#[tokio::test]
async fn without_an_answer_a_message_is_in_doubt_and_its_place_free_again() {
    let smsc = Smsc::start("silence", &json!({}));
    let account = Account::open(smsc.port(), "window = 1\nresponse_timeout_ms = 300");
    let outcome = account.deliver("{\"silent\":true}\n").await;
    assert_eq!(outcome.as_str(), "unknown", "{outcome:?}");
    account.sent("next").await;
    assert_eq!(smsc.events("bind").len(), 1);
}

#[tokio::test]
async fn a_connection_lost_in_mid_call_leaves_doubt_and_comes_back() {
    let smsc = Smsc::start("lost", &json!({}));
    let account = Account::open(smsc.port(), "");
    for (end, sessions) in [("close", 2), ("unbind", 3)] {
        let outcome = account.deliver(&format!("{{\"{end}\":true}}\n")).await;
        assert_eq!(outcome.as_str(), "unknown", "{end}: {outcome:?}");
        account.deliver_until_sent("again").await;
        assert_eq!(smsc.events("bind").len(), sessions, "{end}");
    }
    assert_eq!(smsc.events("unbind_resp").len(), 1);
}

#[tokio::test]
async fn a_refused_bind_says_who_has_to_act() {
    for (name, status, expected) in [
        ("bind-failed", 0x0d, "misconfigured"),
        ("bind-password", 0x0e, "misconfigured"),
        ("bind-system-id", 0x0f, "misconfigured"),
        ("bind-twice", 0x05, "unavailable"),
        ("bind-error", 0x08, "unavailable"),
    ] {
        let smsc = Smsc::start(name, &json!({ "binds": [status, status, 0] }));
        let account = Account::open(smsc.port(), "");
        let outcome = account.deliver("nothing").await;
        assert_eq!(outcome.as_str(), expected, "{outcome:?}");
        assert_eq!(outcome.evidence().unwrap().code, format!("0x{status:02X}"));
        account.deliver_until_sent("later").await;
        assert_eq!(smsc.events("bind").len(), 3);
        assert_eq!(smsc.events("submit").len(), 1, "nothing goes without a bind");
    }
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let account = Account::open(free_port(), "");
    let outcome = account.deliver("nothing").await;
    assert_eq!(outcome.as_str(), "unavailable", "{outcome:?}");
    assert!(outcome.evidence().unwrap().text.contains("refused"), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn without_listening_nothing_is_sent() {
    let outcome = build(free_port(), "").deliver(&envelopes::to_phone("nothing")).await;
    assert_eq!(outcome.as_str(), "unavailable", "{outcome:?}");
    assert_eq!(outcome.evidence().unwrap().text, "not bound yet");
}

#[tokio::test]
async fn the_line_is_watched_from_both_ends() {
    let smsc = Smsc::start("watched", &json!({}));
    let _account = Account::open(smsc.port(), "enquire_link_ms = 50");
    smsc.wait_for_events("enquire_link", 3).await;
    smsc.wait_for_events("enquire_link_resp", 1).await;
    assert_eq!(smsc.events("bind").len(), 1);

    let deaf = Smsc::start("deaf", &json!({ "deaf": true }));
    let _account = Account::open(deaf.port(), "enquire_link_ms = 50\nresponse_timeout_ms = 200");
    let binds = deaf.wait_for_events("bind", 2).await;
    assert_ne!(binds[0]["session"], binds[1]["session"], "a line that does not answer is given up");
    deaf.wait_for_events("unbind", 1).await;
}

#[tokio::test]
async fn it_takes_leave_when_it_stops_listening() {
    let smsc = Smsc::start("leave", &json!({}));
    let account = Account::open(smsc.port(), "");
    account.sent("hello").await;
    account.listening.abort();
    smsc.wait_for_events("unbind", 1).await;
    let outcome = account.deliver("too late").await;
    assert_eq!(outcome.as_str(), "unavailable", "{outcome:?}");
}

#[tokio::test]
async fn receipts_tell_what_became_of_a_message() {
    let smsc = Smsc::start("receipts", &json!({}));
    let mut account = Account::open(smsc.port(), "");
    for (rule, status, evidence) in [
        ("\"receipt\":\"DELIVRD\"", ReceiptStatus::Delivered, ""),
        ("\"receipt\":\"DELIVRD\",\"before\":true", ReceiptStatus::Delivered, ""),
        ("\"receipt\":\"UNDELIV\"", ReceiptStatus::Failed, "069 UNDELIV"),
        ("\"receipt\":\"EXPIRED\",\"tlv\":true", ReceiptStatus::Failed, ""),
        ("\"receipt\":\"ENROUTE\",\"tlv\":true", ReceiptStatus::Sent, ""),
    ] {
        let reference = account.sent(&format!("{{{rule}}}\n")).await;
        let notice = account.next_receipt().await;
        assert_eq!((notice.reference, notice.status), (reference, status), "{rule}");
        assert_eq!(notice.evidence.to_string(), evidence, "{rule}");
        assert_eq!(notice.address, Some(envelopes::to_phone("").address));
    }
    let answers = smsc.wait_for_events("deliver_sm_resp", 5).await;
    assert!(answers.iter().all(|answer| answer["status"] == 0), "{answers:?}");
}

#[tokio::test]
async fn what_has_the_form_of_a_receipt_is_a_text_unless_its_id_is_known() {
    let smsc = Smsc::start("plain-receipts", &json!({}));
    let mut account = Account::open(smsc.port(), "");
    for (rule, is_answered) in [("", true), (",\"before\":true", false)] {
        let reference = account.sent(&format!("{{\"receipt\":\"DELIVRD\",\"esm_class\":0{rule}}}\n")).await;
        let ProviderEvent::UncertainReceipt(receipt) = account.next_event().await else { panic!("{rule}") };
        let expected = if is_answered { reference.as_str() } else { "" };
        assert_eq!((receipt.report.reference.as_str(), receipt.text.is_none()), (expected, is_answered));
        assert!(is_answered || receipt.forms.readings.contains(&reference), "{receipt:?}");
    }
}

#[tokio::test]
async fn hexadecimal_answers_meet_decimal_receipts() {
    let smsc = Smsc::start("hex", &json!({ "hex": true }));
    let mut account = Account::open(smsc.port(), "message_ids = 'hex_in_response'");
    for rule in ["\"receipt\":\"DELIVRD\"", "\"receipt\":\"DELIVRD\",\"tlv\":true,\"before\":true"] {
        let reference = account.sent(&format!("{{{rule}}}\n")).await;
        assert_eq!(account.next_receipt().await.reference, reference, "{rule}");
    }
}

#[tokio::test]
async fn a_text_of_which_a_part_is_refused_is_in_doubt_unless_it_is_the_first() {
    let smsc = Smsc::start("partly", &json!({}));
    let account = Account::open(smsc.port(), "");
    let long = |rule: &str| format!("{{{rule}}}\n{}", "a".repeat(300));
    let first = account.deliver(&long("\"status\":69")).await;
    assert_eq!(word(&first), "policy", "{first:?}");
    let second = account.deliver(&long("\"part\":2,\"status\":69")).await;
    assert_eq!(second.as_str(), "unknown", "{second:?}");
    let evidence = second.evidence().unwrap().to_string();
    assert_eq!(evidence, "0x45 1 of 3 parts were taken, then: ESME_RSUBMITFAIL");
    // Too fast for a while is no reason to leave it half sent.
    account.sent(&long("\"part\":2,\"status\":88,\"times\":2")).await;
    let numbers = smsc.events("submit").into_iter().map(|submit| submit["number"].clone());
    assert_eq!(numbers.collect::<Vec<_>>(), [1, 1, 2, 1, 2, 2, 2, 3]);
}

#[tokio::test]
async fn a_part_that_fails_fails_the_text() {
    let smsc = Smsc::start("part-fails", &json!({}));
    let mut account = Account::open(smsc.port(), "");
    let long = |rule: &str| format!("{{{rule}}}\n{}", "a".repeat(300));
    for (rule, status) in [
        ("\"part\":1,\"receipt\":\"UNDELIV\",\"late\":true", ReceiptStatus::Failed),
        ("\"part\":3,\"receipt\":\"DELIVRD\"", ReceiptStatus::Delivered),
        ("\"part\":3,\"receipt\":\"UNDELIV\"", ReceiptStatus::Failed),
    ] {
        let reference = account.sent(&long(rule)).await;
        let notice = account.next_receipt().await;
        assert_eq!((notice.reference, notice.status), (reference, status), "{rule}");
    }
    let wanted = smsc.events("submit").into_iter().map(|submit| submit["registered_delivery"].clone());
    assert_eq!(wanted.collect::<Vec<_>>(), [2, 2, 1, 2, 2, 1, 2, 2, 1]);
}

#[tokio::test]
async fn what_people_write_is_told_once_it_can_be_kept() {
    let mo = json!({
        "plain": [{ "message": "STOP €" }, { "message": "START" }],
        "unicode": [{ "message": "não 👋", "data_coding": 8 }],
        "parts": [
            { "udh": "050003070202", "message": "the end" },
            { "udh": "050003070201", "message": "From the beginning to " },
        ],
        "nobody": [{ "source_addr_ton": 5, "source_addr": "ACME", "message": "an advertisement" }],
    });
    let smsc = Smsc::start("people", &json!({ "mo": mo }));
    let mut account = Account::refusing(smsc.port(), "", 2);
    for name in ["nobody", "plain", "unicode", "parts"] {
        account.sent(&format!("{{\"mo\":\"{name}\"}}\n")).await;
        let texts = match name {
            "nobody" => vec![],
            "plain" => vec!["STOP €", "START"],
            "unicode" => vec!["não 👋"],
            _ => vec!["From the beginning to the end"],
        };
        for text in texts {
            let received = account.next_text().await;
            assert_eq!((received.text.as_str(), received.to.as_deref()), (text, Some("12345")));
            let Address::Phone(from) = received.from else { panic!("{received:?}") };
            assert_eq!(from.as_str(), "+34600123456");
        }
    }
    // Nobody's, the first text three times, and the five others.
    let statuses =
        smsc.wait_for_events("deliver_sm_resp", 8).await.into_iter().map(|answer| answer["status"].clone());
    assert_eq!(statuses.collect::<Vec<_>>(), [0, 0x64, 0x64, 0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn tls_keeps_to_the_authority_it_was_told() {
    let certificates = Certificates::new("smpp");
    let (cert, key) = certificates.files();
    let smsc = Smsc::start("tls", &json!({ "cert": cert, "key": key }));
    let account = Account::open(smsc.port(), &certificates.trust("implicit"));
    account.sent("in secret").await;
    assert_eq!(smsc.events("submit")[0]["text"], "in secret");

    let account = Account::open(smsc.port(), &Certificates::new("smpp-other").trust("implicit"));
    let outcome = account.deliver("to somebody else").await;
    assert_eq!(outcome.as_str(), "unavailable");
    assert!(outcome.evidence().unwrap().text.contains("certificate"), "{outcome:?}");
}

#[test]
fn parts_are_counted_as_another_counts_them() {
    let alphabet = ["a", "Z", " ", "\n", "@", "é", "€", "[", "~", "ç", "ł", "„", "日", "👋", "Ω", "ß"];
    let mut texts: Vec<String> = Vec::new();
    for (index, first) in alphabet.iter().enumerate() {
        for length in
            [1, 34, 35, 36, 66, 67, 68, 69, 70, 71, 79, 80, 81, 134, 135, 152, 153, 154, 160, 161, 306, 307]
        {
            let other = alphabet[(index * 7 + length) % alphabet.len()];
            texts.push(first.repeat(length));
            texts.push(format!("{other}{}", first.repeat(length)));
            texts.push(format!("{}{other}{}", first.repeat(length), "a".repeat(length)));
        }
    }
    let ours = texts.iter().map(|text| {
        let size = SmsSize::of(text);
        (size.alphabet == Alphabet::Gsm, size.segments)
    });
    for ((text, ours), theirs) in texts.iter().zip(ours).zip(count(&texts)) {
        assert_eq!(ours, theirs, "{text:?}");
    }
}

/// The status, and what it means.
const STATUSES: &[(u32, &str)] = &[
    (0x01, "content"),
    (0x02, "unavailable"),
    (0x03, "unavailable"),
    (0x04, "misconfigured"),
    (0x05, "misconfigured"),
    (0x06, "misconfigured"),
    (0x07, "misconfigured"),
    (0x08, "unavailable"),
    (0x0a, "misconfigured"),
    (0x0b, "policy"),
    (0x0d, "misconfigured"),
    (0x0e, "misconfigured"),
    (0x0f, "misconfigured"),
    (0x14, "throttled"),
    (0x15, "misconfigured"),
    (0x33, "doubtful address"),
    (0x34, "doubtful address"),
    (0x40, "doubtful address"),
    (0x43, "policy"),
    (0x45, "policy"),
    (0x48, "misconfigured"),
    (0x49, "misconfigured"),
    (0x50, "misconfigured"),
    (0x51, "misconfigured"),
    (0x53, "misconfigured"),
    (0x58, "throttled"),
    (0x61, "misconfigured"),
    (0x62, "misconfigured"),
    (0x64, "unavailable"),
    (0x65, "policy"),
    (0x66, "policy"),
    (0xc0, "policy"),
    (0xc1, "policy"),
    (0xc2, "policy"),
    (0xc3, "policy"),
    (0xc4, "policy"),
    (0xfe, "unavailable"),
    (0xff, "unavailable"),
    // Statuses that are not in the table refuse this message alone.
    (0x0c, "policy"),
    (0x400, "policy"),
    (0x4ff, "policy"),
];
