use super::*;

/// A report on a delivery as Postfix writes it.
pub(in crate::adapters::email::bounces) fn delivery_report(to: &str, fields: &str) -> String {
    format!(
        "Return-Path: <>\r\nDate: Sun, 22 Nov 2026 11:00:00 +0100 (CET)\r\n\
         From: MAILER-DAEMON@mx.example.com (Mail Delivery System)\r\nSubject: Undelivered Mail Returned to Sender\r\n\
         To: {to}\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"A1/mx.example.com\"\r\n\r\n\
         This is a MIME-encapsulated message.\r\n\r\n--A1/mx.example.com\r\n\
         Content-Description: Notification\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nI'm sorry.\r\n\r\n\
         --A1/mx.example.com\r\nContent-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; mx.example.com\r\nX-Postfix-Queue-ID: A1\r\n\
         Arrival-Date: Sun, 22 Nov 2026 10:59:00 +0100 (CET)\r\n\r\n{fields}\r\n\
         --A1/mx.example.com\r\nContent-Type: text/rfc822-headers\r\n\r\n\
         Return-Path: <inner@bounces.example.com>\r\nFrom: shop@example.com\r\nTo: ana@example.org\r\n\r\n\
         --A1/mx.example.com--\r\n"
    )
}

/// A complaint as in RFC 5965, appendix B.
pub(in crate::adapters::email::bounces) fn complaint(fields: &str, returned: &str) -> String {
    format!(
        "From: <abusedesk@example.org>\nDate: Sun, 22 Nov 2026 10:00:00 GMT\nSubject: FW: Your order\n\
         To: <bounce@bounces.example.com>\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=feedback-report;\n    boundary=\"part1_13d.2e68ed54_boundary\"\n\n\
         --part1_13d.2e68ed54_boundary\nContent-Type: text/plain; charset=\"US-ASCII\"\n\nThis is an abuse report.\n\n\
         --part1_13d.2e68ed54_boundary\nContent-Type: message/feedback-report\n\n{fields}\n\n\
         --part1_13d.2e68ed54_boundary\nContent-Type: message/rfc822\n\n{returned}\nSubject: Your order\n\nHi\n\
         --part1_13d.2e68ed54_boundary--\n"
    )
}

fn failed(more: &str) -> String {
    format!("Final-Recipient: rfc822; ana@example.org\r\nAction: failed\r\n{more}\r\n")
}

fn read(mail: &str) -> ReportMail {
    ReportMail::read(mail.as_bytes()).unwrap()
}

fn status(mail: &str) -> Option<ReceiptStatus> {
    read(mail).report.map(|report| report.status)
}

#[test]
fn a_report_of_a_failure_says_why() {
    let fields = failed(
        "Status: 5.1.1\r\nRemote-MTA: dns; mx.example.org\r\n\
         Diagnostic-Code: smtp; 550 5.1.1 <ana@example.org>: Recipient address\r\n    rejected: User unknown",
    );
    let mail = read(&delivery_report("<bounce+x@bounces.example.com>", &fields));
    assert_eq!(mail.addresses, ["bounce+x@bounces.example.com", "inner@bounces.example.com"]);
    assert_eq!(mail.date, Some("2026-11-22T10:00:00Z".parse().unwrap()));
    let report = mail.report.unwrap();
    assert_eq!(report.status, ReceiptStatus::Failed);
    assert_eq!(report.objection, Some(Objection::BadAddress));
    let expected = "550 5.1.1 *** Recipient address rejected: User unknown (in a report)";
    assert_eq!(report.evidence.to_string(), expected);
}

#[test]
fn every_action_has_its_meaning() {
    for (action, expected) in [
        ("failed", Some(ReceiptStatus::Failed)),
        ("FAILED (for good)", Some(ReceiptStatus::Failed)),
        ("delivered", Some(ReceiptStatus::Delivered)),
        ("relayed", Some(ReceiptStatus::Sent)),
        ("expanded", Some(ReceiptStatus::Sent)),
        ("delayed", None),
        ("a-word-of-tomorrow", None),
    ] {
        let fields =
            format!("Final-Recipient: rfc822; ana@example.org\r\nAction: {action}\r\nStatus: 2.0.0\r\n");
        assert_eq!(status(&delivery_report("x@y.example", &fields)), expected, "{action}");
    }
}

#[test]
fn an_alias_has_failed_only_when_all_that_it_stands_for_have() {
    let bad = failed("Status: 5.1.1");
    let good = bad.replace("failed", "delivered");
    let report = |fields: &[&str]| status(&delivery_report("x@y.example", &fields.join("\r\n")));
    assert_eq!(report(&[&bad, &good]), Some(ReceiptStatus::Delivered));
    assert_eq!(report(&[&good, &bad]), Some(ReceiptStatus::Delivered));
    assert_eq!(report(&[&bad, &bad]), Some(ReceiptStatus::Failed));
}

#[test]
fn a_complaint_is_the_persons_will() {
    let fields = "Feedback-Type: abuse\nUser-Agent: SomeGenerator/1.0\nVersion: 1\n\
                  Original-Mail-From: <bounce+y@bounces.example.com>\nOriginal-Rcpt-To: <ana@example.org>";
    let mail = read(&complaint(fields, "Return-Path: <bounce+z@bounces.example.com>"));
    let expected =
        ["bounce@bounces.example.com", "bounce+y@bounces.example.com", "bounce+z@bounces.example.com"];
    assert_eq!(mail.addresses, expected);
    let report = mail.report.unwrap();
    assert_eq!((report.status, report.objection), (ReceiptStatus::Delivered, Some(Objection::Complaint)));
    assert_eq!(report.evidence.to_string(), "abuse in a feedback report by SomeGenerator/1.0");
    for (kind, objection) in [
        ("opt-out", Some(Objection::OptedOut)),
        ("opt-out-list", Some(Objection::CommercialOptedOut)),
        ("Abuse", Some(Objection::Complaint)),
        ("fraud", None),
        ("virus", None),
        ("not-spam", None),
        ("auth-failure", None),
    ] {
        let report = read(&complaint(&format!("Version: 1\nFeedback-Type: {kind}"), "X: y")).report;
        assert_eq!(report.and_then(|report| report.objection), objection, "{kind}");
    }
}

/// A report whose parts beyond the words have this transfer encoding.
fn encoded(report: &str, encoding: &str, encode: impl Fn(&str) -> String) -> String {
    let mut parts = report.split("--A1/mx.example.com");
    let (preamble, words) = (parts.next().unwrap(), parts.next().unwrap());
    let mut written = format!("{preamble}--A1/mx.example.com{words}");
    for part in parts {
        written += "--A1/mx.example.com";
        written += &match part.split_once("\r\n\r\n") {
            Some((head, body)) => {
                format!("{head}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{}\r\n", encode(body))
            }
            None => part.to_owned(),
        };
    }
    written
}

#[test]
fn the_parts_of_a_report_may_be_encoded() {
    let report = delivery_report("x@y.example", &failed("Status: 5.1.1"));
    let base64 = |text: &str| {
        let text = data_encoding::BASE64.encode(text.as_bytes());
        text.as_bytes().chunks(76).map(|line| format!("{}\r\n", str::from_utf8(line).unwrap())).collect()
    };
    let quoted = |text: &str| {
        text.replace('=', "=3D").replace("rfc822;", "rfc822=3B=\r\n").replace("5.1.1", "=35.1.1")
    };
    let plain = read(&report);
    for mail in [encoded(&report, "base64", base64), encoded(&report, "Quoted-Printable", quoted)] {
        let mail = read(&mail);
        assert_eq!(mail.report, plain.report);
        assert_eq!(mail.addresses, ["x@y.example", "inner@bounces.example.com"]);
    }
    let garbled = encoded(&report, "base64", |_| "?".repeat(99));
    assert_eq!(ReportMail::read(garbled.as_bytes()).unwrap_err(), ReportMailError::Recipient);
}

#[test]
fn a_report_may_stand_beside_what_a_list_added() {
    let report = delivery_report("x@y.example", &failed("Status: 5.1.1"));
    let (head, body) = report.split_once("\r\n\r\n").unwrap();
    let (_, kind) = head.split_once("Content-Type: ").unwrap();
    let mut part = format!("Content-Type: {kind}\r\n\r\n{body}");
    for depth in 1..=4 {
        part = format!(
            "Content-Type: multipart/mixed; boundary=list{depth}\r\n\r\n--list{depth}\r\n{part}\r\n--list{depth}\r\n\
             Content-Type: text/plain\r\n\r\nTo leave the list, write to it.\r\n--list{depth}--\r\n"
        );
        let said = status(&format!("To: bounce+x@bounces.example.com\r\n{part}"));
        assert_eq!(said, (depth <= 3).then_some(ReceiptStatus::Failed), "{depth}");
    }
    let returned = format!("--b\r\nContent-Type: message/rfc822\r\n\r\n{report}\r\n--b--\r\n");
    let forwarded = format!("To: x@y.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{returned}");
    assert_eq!(status(&forwarded), None, "a report within a mail is another's");
}

#[test]
fn other_mail_says_nothing() {
    for mail in [
        "To: bounce+x@bounces.example.com\r\nAuto-Submitted: auto-replied\r\n\r\nAction: failed\r\n",
        "To: bounce+x@bounces.example.com\r\nContent-Type: multipart/report\r\n\r\nNo boundary.\r\n",
        "To: x@y.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\nAction: failed\r\n--b--\r\n",
        "To: x@y.example\r\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n\
         --b\r\nContent-Type: message/disposition-notification\r\n\r\nDisposition: automatic-action\r\n--b--\r\n",
    ] {
        assert_eq!(read(mail).report, None, "{mail}");
    }
}

#[test]
fn a_report_without_its_fields_cannot_be_read() {
    let report = delivery_report("x@y.example", "Final-Recipient: rfc822; ana@example.org\r\n");
    assert_eq!(ReportMail::read(report.as_bytes()).unwrap_err(), ReportMailError::Recipient);
    let feedback = complaint("Version: 1", "X: y");
    assert_eq!(ReportMail::read(feedback.as_bytes()).unwrap_err(), ReportMailError::Feedback);
    assert_eq!(ReportMail::read(b"").unwrap_err(), ReportMailError::Header);
}

#[test]
fn a_report_that_was_cut_off_says_what_is_left_of_it() {
    let report = delivery_report("x@y.example", &failed("Status: 5.1.1"));
    let cut = report.find("text/rfc822-headers").unwrap();
    assert_eq!(status(&report[..cut]), Some(ReceiptStatus::Failed));
    // And nothing of it is more than can be read.
    for end in 0..report.len() {
        let _ = ReportMail::read(&report.as_bytes()[..end]);
    }
}

#[test]
fn mail_within_mail_is_not_too_deep() {
    let report = delivery_report("x@y.example", &failed("Status: 5.1.1"));
    let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(30_000);
    let deep = report.replace("Content-Type: text/rfc822-headers\r\n\r\n", &nested);
    assert_eq!(status(&deep), Some(ReceiptStatus::Failed));
}
