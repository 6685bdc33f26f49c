use super::*;
use crate::adapters::envelopes;
use crate::model;

fn writer() -> MailWriter {
    let settings = toml::from_str("host = 'localhost'\nfrom = 'Shop <shop@example.com>'").unwrap();
    MailWriter::new(&settings).unwrap()
}

fn envelope(subject: &str, text: Option<&str>, html: Option<&str>) -> Envelope {
    let content = RenderedContent::Email {
        subject: subject.into(),
        text: text.map(Into::into),
        html: html.map(Into::into),
    };
    envelopes::to(model::Address::Email("Ana@example.org".parse().unwrap()), content)
}

fn to(address: &str) -> Envelope {
    let address = model::Address::Email(address.parse().unwrap());
    Envelope { address, ..envelope("Hello", Some("Hi"), None) }
}

/// The message as text, after checking that every line is legal (RFC 5322, section 2.1.1).
fn written(envelope: &Envelope) -> String {
    let text = String::from_utf8(writer().write(envelope).unwrap().bytes).unwrap();
    let without_ends = text.replace("\r\n", "");
    assert!(!without_ends.contains(['\r', '\n']), "a line end is not CRLF: {text:?}");
    assert!(text.lines().all(|line| line.len() <= 998), "a line is too long");
    text.replace("\r\n", "\n")
}

#[test]
fn a_text() {
    let mut envelope = envelope("Your order", Some("It is on its way.\nSee you!"), None);
    envelope.from = Some("Acme Billing <billing@acme.example>".into());
    insta::assert_snapshot!(written(&envelope));
}

#[test]
fn text_and_html() {
    insta::assert_snapshot!(written(&envelope("Your order", Some("Shipped."), Some("<p>Shipped.</p>"))));
}

#[test]
fn beyond_ascii() {
    let mut envelope = envelope("Tu pedido ya está aquí 🎉", Some("¡Olé, señora Muñoz!"), None);
    envelope.from = Some("Tienda Ñandú <tienda@ñandú.example>".into());
    insta::assert_snapshot!(written(&envelope));
}

#[test]
fn a_line_break_in_a_subject_begins_no_header() {
    let envelope = envelope("Hello\r\nBcc: eve@example.net\r\n\r\n<b>", Some("Hi"), None);
    insta::assert_snapshot!(written(&envelope));
}

#[test]
fn long_lines_and_long_words_become_legal_and_lone_returns_line_ends() {
    let long = "x".repeat(5_000);
    let text = written(&envelope(&long, Some(&format!("{long}\rafter\n.\nthe dot")), None));
    assert!(text.lines().all(|line| line.len() <= 78), "{text}");
    assert!(text.contains("\nafter\n.\nthe dot"));
}

#[test]
fn all_attempts_at_a_message_have_its_message_id() {
    let first = to("ana@example.org");
    let expected = format!("<{}@example.com>", first.message_id);
    for attempt in [2, 3] {
        let mail = writer().write(&Envelope { attempt, ..first.clone() }).unwrap();
        assert_eq!((&mail.id, mail.envelope_id), (&expected, format!("{}.{attempt}", first.message_id)));
        assert!(String::from_utf8(mail.bytes).unwrap().contains(&format!("Message-ID: {expected}\r\n")));
    }
}

#[test]
fn a_domain_beyond_ascii_is_written_in_ascii_and_a_local_part_stays() {
    let mail = writer().write(&to("ana@bücher.example")).unwrap();
    assert_eq!(mail.to.as_ref() as &str, "ana@xn--bcher-kva.example");
    assert!(mail.bytes.is_ascii());
    let mail = writer().write(&to("añá@bücher.example")).unwrap();
    assert_eq!(mail.to.as_ref() as &str, "añá@xn--bcher-kva.example");
}

#[test]
fn what_cannot_be_written_is_refused() {
    let mut no_address = to("ana@example.org");
    no_address.from = Some("Shop <shop@example.com>\r\nBcc: eve@example.net".into());
    assert_eq!(writer().write(&no_address).unwrap_err().as_str(), "misconfigured");
    no_address.from = Some("the shop".into());
    assert_eq!(writer().write(&no_address).unwrap_err().as_str(), "misconfigured");

    let mut text_message = to("ana@example.org");
    text_message.content = RenderedContent::Text("Hi".into());
    let refusal = writer().write(&text_message).unwrap_err();
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Content, .. }));
}

/// What another MIME parser shows: lettre only writes.
#[test]
fn what_seems_encoded_is_shown_as_it_was_written() {
    let settings = "host = 'localhost'\nfrom = 'shop@example.com'\nreply_to = '\"=?utf-8?q?Answers?=\" <answers@example.com>'";
    let writer = MailWriter::new(&toml::from_str(settings).unwrap()).unwrap();
    let name = "=?utf-8?q?Your_bank?=";
    for subject in [
        "=?utf-8?q?You_won?= a prize",
        "=?utf-8?b?SGVsbG8=?=",
        "a=?utf-8?q?b?=c",
        "Is 1 =? 2",
        "=?utf-8?q?ol=C3=A9?= olé 🎉",
        "=?utf-8?q?x?= ".repeat(20).trim_end(),
    ] {
        let mut envelope = envelope(subject, Some("Hi"), None);
        envelope.from = Some(format!("\"{name}\" <billing@acme.example>"));
        let mail = writer.write(&envelope).unwrap();
        assert_eq!(mail.from.to_string(), "billing@acme.example");
        let shown = mail_parser::MessageParser::default().parse(&mail.bytes).unwrap();
        assert_eq!(shown.subject(), Some(subject));
        let first = |addresses: Option<&mail_parser::Address<'_>>| {
            let first = addresses.unwrap().first().unwrap();
            (first.name().unwrap().to_owned(), first.address().unwrap().to_owned())
        };
        assert_eq!(first(shown.from()), (name.to_owned(), "billing@acme.example".to_owned()));
        let answers = ("=?utf-8?q?Answers?=".to_owned(), "answers@example.com".to_owned());
        assert_eq!(first(shown.reply_to()), answers);
        let lines = String::from_utf8(mail.bytes).unwrap();
        assert!(lines.lines().all(|line| line.len() <= 78), "{lines}");
        // Some readers look for encoded words within quotation marks, too.
        assert!(!lines.contains("=?utf-8?q?"), "{lines}");
    }
}

#[test]
fn a_name_that_seems_encoded_is_encoded_where_a_header_is_asked_for() {
    let mailbox = |name: &str| Mailbox::new(Some(name.to_owned()), "a@example.com".parse().unwrap());
    assert_eq!(in_header(&mailbox("=?utf-8?q?x?=")), "=?utf-8?b?PT91dGYtOD9xP3g/PQ==?= <a@example.com>");
    assert_eq!(in_header(&mailbox("Shop")), "Shop <a@example.com>");
}
