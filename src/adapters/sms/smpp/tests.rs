use super::pdu::{ConcatenatedPart, ShortMessage, SmppAddress};
use super::*;
use crate::adapters::envelopes;
use crate::model::{Address, Rejection, RenderedContent};

const PASSWORD: &str = "the-password-of-the-account";

fn settings(more: &str) -> SmppSettings {
    let text = format!(
        "host = 'smsc.example.com'\nsystem_id = 'acme'\npassword = {{ '$secret' = '{PASSWORD}' }}\n{more}"
    );
    toml::from_str(&text).unwrap()
}

fn write(more: &str, from: Option<&str>, text: &str) -> Result<Vec<SubmitSm>, Outcome> {
    let mut envelope = envelopes::to_phone(RenderedContent::Text(text.to_owned()));
    envelope.from = from.map(str::to_owned);
    SubmitWriter::new(&settings(more)).write(&envelope)
}

fn one(more: &str, from: Option<&str>, text: &str) -> SubmitSm {
    let [one] = <[SubmitSm; 1]>::try_from(write(more, from, text).unwrap()).unwrap();
    one
}

fn number(ton: u8, npi: u8, address: &str) -> SmppAddress {
    SmppAddress { ton, npi, address: address.to_owned() }
}

#[test]
fn a_text_goes_in_the_shortest_alphabet() {
    for (more, text, data_coding, octets) in [
        ("", "@ 5 €", 0, b"\x00 5 \x1b\x65".as_slice()),
        ("", "ça", 8, b"\x00\xe7\x00a"),
        ("", "👋", 8, b"\xd8\x3d\xdc\x4b"),
        ("alphabet = 'latin1'", "@ ñ", 3, b"@ \xf1"),
        ("alphabet = 'latin1'", "5 €", 8, b"\x005\x00 \x20\xac"),
        ("alphabet = 'latin1'", "ça", 8, b"\x00\xe7\x00a"),
        ("", "", 0, b""),
    ] {
        let submit = one(more, None, text);
        assert_eq!(
            (submit.data_coding, submit.message),
            (data_coding, ShortMessage::Short(octets.to_vec())),
            "{text}"
        );
    }
}

#[test]
fn a_sender_says_its_type_of_number_unless_the_settings_do() {
    for (more, from, expected) in [
        ("", None, SmppAddress::default()),
        ("from = '+34910000000'", None, number(1, 1, "34910000000")),
        ("from = '+34910000000'", Some("ACME"), number(5, 0, "ACME")),
        ("", Some("12345"), number(3, 0, "12345")),
        ("source_ton = 0\nsource_npi = 9", Some("12345"), number(0, 9, "12345")),
    ] {
        assert_eq!(one(more, from, "Hi").source, expected, "{more} {from:?}");
    }
    assert_eq!(one("", None, "Hi").destination, number(1, 1, "34600123456"));
    assert_eq!(one("dest_ton = 0\ndest_npi = 0", None, "Hi").destination, number(0, 0, "34600123456"));
    let refusal = write("", Some("Acme Anonymous"), "Hi").unwrap_err();
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Policy, .. }), "{refusal:?}");
}

#[test]
fn a_long_text_goes_in_parts_or_whole() {
    let text = "a".repeat(154) + "€" + &"b".repeat(200);
    let parts = write("", None, &text).unwrap();
    let headers: Vec<_> = parts.iter().map(|part| (part.esm_class, part.registered_delivery)).collect();
    assert_eq!(headers, [(0x40, 2), (0x40, 2), (0x40, 1)]);
    let message_id = envelopes::to_phone(RenderedContent::Text(String::new())).message_id;
    let [.., high, low] = *message_id.as_bytes();
    for (index, part) in (1..).zip(&parts) {
        let ShortMessage::Short(octets) = &part.message else { panic!("{part:?}") };
        assert_eq!(octets[..6], [5, 0, 3, low, 3, index]);
        assert!(octets.len() <= 159);
    }

    let parts = write("concatenation = 'sar'\nregistered_delivery = false", None, &"ç".repeat(71)).unwrap();
    let expected = |number, octets: usize| {
        let part = ConcatenatedPart { reference: u16::from_be_bytes([high, low]), total: 2, number };
        (0, 0, ShortMessage::Part([0, 0xe7].repeat(octets), part))
    };
    let written = parts.into_iter().map(|part| (part.esm_class, part.registered_delivery, part.message));
    assert_eq!(written.collect::<Vec<_>>(), [expected(1, 67), expected(2, 4)]);

    let whole = one("concatenation = 'payload'", None, &text);
    let ShortMessage::Payload(octets) = whole.message else { panic!("{whole:?}") };
    assert_eq!((whole.esm_class, whole.registered_delivery, octets.len()), (0, 1, 356));
    assert_eq!(one("concatenation = 'payload'", None, "Hi").message, ShortMessage::Short(b"Hi".to_vec()));
}

#[test]
fn what_an_sms_does_not_carry_is_refused_before_anything_is_sent() {
    let write = |envelope: &Envelope| SubmitWriter::new(&settings("")).write(envelope).unwrap_err();
    let email = RenderedContent::Email { subject: String::new(), text: None, html: None };
    let content = Rejection::Content;
    assert!(
        matches!(write(&envelopes::to_phone(email)), Outcome::Rejected { cause, .. } if cause == content)
    );
    let long = RenderedContent::Text("a".repeat(1_601));
    assert!(matches!(write(&envelopes::to_phone(long)), Outcome::Rejected { cause, .. } if cause == content));
    let text = RenderedContent::Text("hello".to_owned());
    let refusal = write(&envelopes::to(Address::TelegramChat(7), text));
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Address { certain: false }, .. }));
}

#[test]
fn validity_is_written_as_a_time_from_now() {
    for (minutes, expected) in
        [(1, "000000000100000R"), (90, "000000013000000R"), (43_200, "000030000000000R")]
    {
        let more = format!("validity_minutes = {minutes}");
        assert_eq!(one(&more, None, "Hi").validity_period, expected);
    }
    assert_eq!(one("", None, "Hi").validity_period, "");
}

#[test]
fn waits_grow_and_keep_within_their_bounds() {
    let wait = |failures, chance| backoff(1_000, 60_000, failures, chance).as_millis();
    assert_eq!([wait(1, 0.0), wait(2, 0.0), wait(3, 0.0), wait(7, 0.0)], [1_000, 2_000, 4_000, 60_000]);
    assert_eq!([wait(1, 1.0), wait(7, 1.0), wait(u32::MAX, 1.0)], [500, 30_000, 30_000]);
    let smpp = SmppAdapter::new(&settings(""), &ProviderLimits::default()).unwrap();
    let at = |second| smpp.reconnect_wait(1, Timestamp::from_second(second).unwrap());
    assert_ne!(at(1_795_000_000), at(1_795_000_001));
}

#[test]
fn encryption_is_the_default_and_chooses_the_port() {
    let port = |more: &str| settings(more).port();
    assert_eq!([port(""), port("tls = 'none'"), port("port = 5016")], [3550, 2775, 5016]);
}
