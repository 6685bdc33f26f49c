//! Reads reports on mail: delivery status notifications (RFC 3464) and complaints (abuse reporting format, RFC 5965).
//!
//! Only the parts of the report itself are looked at, never those within the mail it returns, so no mail is nested too deep. The
//! report may stand within other parts, where a list or a gateway on its way put something beside it.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Message, MessageParser, MimeHeaders};

use crate::adapters::email::replies::SmtpReply;
use crate::model::{Objection, OutcomeEvidence, ReceiptStatus, Timestamp};

/// A report has three parts (RFC 6522, section 3).
const MAX_PARTS: usize = 8;
/// How many other parts a report may stand within.
const MAX_DEPTH: usize = 3;
/// Recipients that a report speaks of. Ours have one each; an alias may stand for several.
const MAX_RECIPIENTS: usize = 100;
/// Addresses in which the attempt's token is looked for.
const MAX_ADDRESSES: usize = 20;

/// A mail to a bounce address, read.
#[derive(Debug)]
pub(super) struct ReportMail {
    /// Where the token may be: in the recipients, and in the envelope sender of the mail that the report is about.
    pub(super) addresses: Vec<String>,
    /// When it was written, by its own header.
    pub(super) date: Option<Timestamp>,
    /// What it says, if it is a report that says anything new.
    pub(super) report: Option<MailReport>,
}

/// What a report on a mail says of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MailReport {
    pub(super) status: ReceiptStatus,
    pub(super) evidence: OutcomeEvidence,
    pub(super) objection: Option<Objection>,
}

/// Why a mail to a bounce address cannot be read: a part is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReportMailError {
    #[error("it is no mail: it has no header")]
    Header,
    #[error("the report on a delivery has no fields of a recipient (RFC 3464, section 2.3)")]
    Recipient,
    #[error("the feedback report has no fields (RFC 5965, section 3)")]
    Feedback,
}

impl ReportMail {
    /// Reads a mail. What is no report, such as an answer by a machine or a person, says nothing.
    pub(super) fn read(mail: &[u8]) -> Result<Self, ReportMailError> {
        let (head, body) = head_and_body(mail);
        let head = MessageParser::default().parse_headers(head).ok_or(ReportMailError::Header)?;
        let parts: Vec<ReportPart<'_>> =
            report_parts(&head, body, MAX_DEPTH).into_iter().filter_map(ReportPart::read).collect();
        let inside = parts.iter().flat_map(ReportPart::envelope_senders);
        let recipients = ["X-Original-To", "Delivered-To", "To"].iter().flat_map(|name| values(&head, name));
        let addresses = recipients.flat_map(|value| addresses(&value)).chain(inside);
        let date = head.date().and_then(|date| Timestamp::from_second(date.to_timestamp()).ok());
        Ok(Self { addresses: addresses.take(MAX_ADDRESSES).collect(), date, report: mail_report(&parts)? })
    }
}

/// One part of a report.
struct ReportPart<'a> {
    subtype: String,
    body: Cow<'a, [u8]>,
}

impl<'a> ReportPart<'a> {
    fn read(part: &'a [u8]) -> Option<Self> {
        let (head, body) = head_and_body(part);
        let head = MessageParser::default().parse_headers(head)?;
        let root = head.root_part();
        let subtype = root.content_type()?.subtype()?.to_ascii_lowercase();
        Some(Self { subtype, body: decoded(body, root.content_transfer_encoding().unwrap_or_default()) })
    }

    /// The envelope senders that the part names: the mail's own in a complaint, and in the header of the mail returned.
    fn envelope_senders(&self) -> Vec<String> {
        let name = match self.subtype.as_str() {
            "feedback-report" => "Original-Mail-From",
            "rfc822" | "rfc822-headers" | "global" | "global-headers" => "Return-Path",
            _ => return Vec::new(),
        };
        let head = MessageParser::new().parse_headers(head_and_body(&self.body).0);
        let values = head.iter().flat_map(|head| values(head, name)).collect::<Vec<_>>();
        values.iter().flat_map(|value| addresses(value)).collect()
    }
}

fn mail_report(parts: &[ReportPart<'_>]) -> Result<Option<MailReport>, ReportMailError> {
    let part = |subtypes: &[&str]| parts.iter().find(|part| subtypes.contains(&part.subtype.as_str()));
    if let Some(status) = part(&["delivery-status", "global-delivery-status"]) {
        return delivery(&status.body);
    }
    match part(&["feedback-report"]) {
        Some(feedback) => complaint(&feedback.body),
        None => Ok(None),
    }
}

/// What became of the mail. A report on several recipients speaks of those that an alias of ours stands for, and the best
/// news counts: only when all have failed, ours has.
fn delivery(body: &[u8]) -> Result<Option<MailReport>, ReportMailError> {
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n");
    let groups = text.split("\n\n").map(str::trim).filter(|group| !group.is_empty()).take(MAX_RECIPIENTS);
    let groups: Vec<Message<'_>> =
        groups.filter_map(|group| MessageParser::new().parse_headers(group.as_bytes())).collect();
    let best = groups
        .iter()
        .filter_map(|group| Some((DsnAction::read(&value(group, "Action")?), group)))
        .max_by_key(|(action, _)| *action);
    let (action, group) = best.ok_or(ReportMailError::Recipient)?;
    let status = match action {
        DsnAction::Delivered => ReceiptStatus::Delivered,
        DsnAction::Passed => ReceiptStatus::Sent,
        DsnAction::Failed => return Ok(Some(failure(group))),
        DsnAction::Other => return Ok(None),
    };
    Ok(Some(MailReport { status, evidence: OutcomeEvidence::default(), objection: None }))
}

fn failure(group: &Message<'_>) -> MailReport {
    let field = |name| value(group, name).unwrap_or_default();
    let reply = SmtpReply::reported(&field("Status"), &field("Diagnostic-Code"));
    let (evidence, objection) = reply.in_report();
    MailReport { status: ReceiptStatus::Failed, evidence, objection }
}

/// What the reporting server did (RFC 3464, section 2.3.3), the best last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum DsnAction {
    Failed,
    /// It goes on trying, or does what nobody knows yet.
    Other,
    /// It handed the mail to a server that gives no reports, or to several addresses.
    Passed,
    Delivered,
}

impl DsnAction {
    fn read(value: &str) -> Self {
        match first_word(value).as_str() {
            "failed" => Self::Failed,
            "delivered" => Self::Delivered,
            "relayed" | "expanded" => Self::Passed,
            _ => Self::Other,
        }
    }
}

/// Somebody complains of a mail, which they can only have received. Reports of viruses and forgeries are not theirs, and
/// `not-spam` takes back what the address was suppressed for, which only the person can (RFC 6430).
fn complaint(body: &[u8]) -> Result<Option<MailReport>, ReportMailError> {
    let fields = MessageParser::new().parse_headers(body).ok_or(ReportMailError::Feedback)?;
    let kind = value(&fields, "Feedback-Type").ok_or(ReportMailError::Feedback)?;
    let objection = match first_word(&kind).as_str() {
        "abuse" => Objection::Complaint,
        "opt-out" => Objection::OptedOut,
        "opt-out-list" => Objection::CommercialOptedOut,
        _ => return Ok(None),
    };
    let agent = value(&fields, "User-Agent").unwrap_or_default();
    let evidence = OutcomeEvidence::new(first_word(&kind), &format!("in a feedback report by {agent}"));
    Ok(Some(MailReport { status: ReceiptStatus::Delivered, evidence, objection: Some(objection) }))
}

/// The parts of a report (RFC 6522), which may be one of up to `depth` multiparts; nothing of other mail.
fn report_parts<'a>(head: &Message<'_>, body: &'a [u8], depth: usize) -> Vec<&'a [u8]> {
    let kind = head.root_part().content_type().filter(|kind| kind.ctype().eq_ignore_ascii_case("multipart"));
    let Some(boundary) = kind.and_then(|kind| kind.attribute("boundary")) else { return Vec::new() };
    let parts = between(body, boundary);
    if kind.and_then(|kind| kind.subtype()).is_some_and(|subtype| subtype.eq_ignore_ascii_case("report")) {
        return parts;
    }
    let Some(depth) = depth.checked_sub(1) else { return Vec::new() };
    let within = parts.into_iter().filter_map(|part| {
        let (head, body) = head_and_body(part);
        Some(report_parts(&MessageParser::default().parse_headers(head)?, body, depth))
    });
    within.flatten().collect()
}

/// A part's body without its transfer encoding (RFC 2045, section 6). The parts of a report should have none (RFC 6522, section
/// 3), and get one on their way. As it is, where it cannot be read.
fn decoded<'a>(body: &'a [u8], encoding: &str) -> Cow<'a, [u8]> {
    let decoded = match encoding.trim().to_ascii_lowercase().as_str() {
        "base64" => base64_decode(body),
        "quoted-printable" => quoted_printable_decode(body),
        _ => None,
    };
    decoded.map_or(Cow::Borrowed(body), Cow::Owned)
}

/// What stands between the lines of a boundary (RFC 2046, section 5.1.1). The last part of a mail that was cut off counts.
fn between<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let delimiter = format!("--{boundary}");
    let (mut parts, mut begun, mut at) = (Vec::new(), None, 0);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let start = at;
        at += line.len();
        let last = match line.trim_ascii_end().strip_prefix(delimiter.as_bytes()) {
            Some(b"") => false,
            Some(b"--") => true,
            _ => continue,
        };
        parts.extend(begun.map(|begun: usize| &body[begun..start]));
        begun = (!last).then_some(at);
        if last || parts.len() == MAX_PARTS {
            return parts;
        }
    }
    parts.extend(begun.map(|begun| &body[begun..]));
    parts
}

/// What stands before the first empty line, and after it.
fn head_and_body(text: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        if line.trim_ascii_end().is_empty() {
            break;
        }
    }
    text.split_at(at)
}

/// Every value of a field, on one line each.
fn values<'a>(head: &'a Message<'_>, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let fields = head.headers_raw().filter(move |(fields, _)| fields.eq_ignore_ascii_case(name));
    fields.map(|(_, value)| value.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn value(head: &Message<'_>, name: &str) -> Option<String> {
    values(head, name).next().filter(|value| !value.is_empty())
}

/// Without a comment after it.
fn first_word(value: &str) -> String {
    value.split([' ', '(', ';']).next().unwrap_or_default().to_ascii_lowercase()
}

/// What looks like an address in a value.
fn addresses(value: &str) -> Vec<String> {
    let words = value.split(|c: char| c.is_whitespace() || "<>,;\"()".contains(c));
    words.filter(|word| word.contains('@')).map(str::to_owned).collect()
}

#[cfg(test)]
pub(super) mod tests;
