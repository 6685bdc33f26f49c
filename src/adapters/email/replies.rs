//! The meaning of a server's replies: the enhanced status code first (RFC 3463, RFC 5248 and the registry it began), then
//! the basic code (RFC 5321, section 4.2), both in the light of the command they answer.

mod words;

use std::fmt;

use crate::adapters::error_meaning::{
    BAD_ADDRESS, CONTENT_REJECTED, ErrorMeaning, POLICY_REJECTED, QUOTA_SPENT, QUOTA_SPENT_RECIPIENT,
    THROTTLED, THROTTLED_RECIPIENT, UNCERTAIN_ADDRESS,
};
use crate::model::{Objection, Outcome, OutcomeEvidence};

use ErrorMeaning::{Misconfigured, Unavailable};
use words::{of_account, speaks_of_content, speaks_of_quota, speaks_of_rate, speaks_of_relaying};

/// How far the conversation had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SmtpStage {
    /// The connection, the greeting, `EHLO`, `STARTTLS`.
    Connect,
    /// `AUTH`.
    Auth,
    /// `MAIL FROM`, which names us.
    Mail,
    /// `RCPT TO`, which names the recipient.
    Recipient,
    /// `DATA`, before the message.
    Data,
    /// The message and its final dot.
    Message,
}

impl fmt::Display for SmtpStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "while connecting",
            Self::Auth => "at AUTH",
            Self::Mail => "at MAIL FROM",
            Self::Recipient => "at RCPT TO",
            Self::Data => "at DATA",
            Self::Message => "after the message",
        })
    }
}

/// A negative reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SmtpReply {
    code: u16,
    enhanced: Option<EnhancedStatus>,
    text: String,
}

/// An enhanced status code: subject and detail. Its class is the reply's first digit (RFC 2034, section 4).
type EnhancedStatus = (u16, u16);

impl SmtpReply {
    /// Reads the text of a reply with this code.
    pub(super) fn new(code: u16, text: &str) -> Self {
        let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
        match enhanced(code, first) {
            Some(enhanced) => Self { code, enhanced: Some(enhanced), text: rest.to_owned() },
            None => Self { code, enhanced: None, text: text.to_owned() },
        }
    }

    /// Reads a failure as a report tells it (RFC 3464, sections 2.3.4 and 2.3.6): a status such as `5.1.1`, and after `smtp;`
    /// the reply of the server that refused, if one did. The status is what the reporting server made of that reply, and some
    /// make `5.1.1` of every 550: where one of the two says nothing against the address, that one counts.
    pub(super) fn reported(status: &str, diagnostic: &str) -> Self {
        let (kind, said) = diagnostic.split_once(';').unwrap_or(("", diagnostic));
        let said = said.trim_start();
        let reply = said.split_at_checked(3).filter(|_| kind.trim().eq_ignore_ascii_case("smtp"));
        let reply =
            reply.and_then(|(code, text)| Some((code.parse().ok()?, text.get(1..).unwrap_or_default())));
        let status = status.split([' ', '(']).next().unwrap_or_default();
        let class = if status.starts_with('4') { 4 } else { 5 };
        let (code, text) = match reply {
            Some((code @ 400..=599, text)) if code / 100 == class => (code, text),
            _ => (class * 100 + 50, said),
        };
        let read = Self::new(code, text);
        // x.0.0 says no more than its class.
        let stated = enhanced(code, status).filter(|code| *code != (0, 0));
        let all = stated.map(|enhanced| (class, enhanced)).into_iter().chain(quoted(said));
        let replies = all.map(|(class, enhanced)| {
            let code = if class == read.code / 100 { read.code } else { class * 100 + 50 };
            Self { code, enhanced: Some(enhanced), text: read.text.clone() }
        });
        let harmless = replies.into_iter().find(|reply| reply.in_report().1.is_none());
        harmless.unwrap_or_else(|| Self { enhanced: stated.or(read.enhanced), ..read.clone() })
    }

    /// What a report with this failure says: its words, and what they mean for the address.
    pub(super) fn in_report(&self) -> (OutcomeEvidence, Option<Objection>) {
        let evidence = self.evidence("in a report");
        let outcome = self.meaning(SmtpStage::Recipient).outcome(evidence.clone(), None);
        (evidence, outcome.objection())
    }

    /// Whether the server closes the connection with it (RFC 5321, section 3.8).
    pub(super) fn closes(&self) -> bool {
        self.code == 421
    }

    /// The outcome of a message so refused at this stage.
    pub(super) fn outcome(&self, stage: SmtpStage) -> Outcome {
        self.meaning(stage).outcome(self.evidence(stage), None)
    }

    fn evidence(&self, place: impl fmt::Display) -> OutcomeEvidence {
        let code = match self.enhanced {
            Some((subject, detail)) => format!("{} {}.{subject}.{detail}", self.code, self.code / 100),
            None => self.code.to_string(),
        };
        OutcomeEvidence::new(code, &format!("{} ({place})", self.text))
    }

    fn meaning(&self, stage: SmtpStage) -> ErrorMeaning {
        let of_class = || if self.code < 500 { self.transient(stage) } else { self.permanent(stage) };
        match self.spent_quota().unwrap_or_else(of_class) {
            // Whoever has not seen the content does not speak of it, but of what this server takes.
            CONTENT_REJECTED if stage < SmtpStage::Message => POLICY_REJECTED,
            meaning => meaning,
        }
    }

    /// The meaning of a reply, temporary or not, which says that all is sent that may be in an hour or a day.
    fn spent_quota(&self) -> Option<ErrorMeaning> {
        match self.enhanced {
            // Gmail: "daily user sending limit exceeded"; Exchange Online: "daily limit for message recipients".
            Some((4, 5) | (1, 90)) if self.code >= 500 => Some(QUOTA_SPENT),
            _ if !speaks_of_quota(&self.text) => None,
            // Of the mailbox, such as Exchange Online's 5.2.122: what it may receive in an hour.
            Some((2, _)) => Some(QUOTA_SPENT_RECIPIENT),
            _ => Some(QUOTA_SPENT),
        }
    }

    fn transient(&self, stage: SmtpStage) -> ErrorMeaning {
        let about_mailbox = matches!(self.enhanced, Some((2, _)));
        match self.enhanced {
            // Mail flood detected; Microsoft's "unusual rate"; too many recipients, of whom we give one at a time.
            Some((7, 28 | 650) | (5, 3)) => THROTTLED,
            Some((2, 3)) => CONTENT_REJECTED,
            _ if !about_mailbox && speaks_of_rate(&self.text) => THROTTLED,
            _ if self.closes() => Unavailable,
            // Mailbox full or busy.
            Some((2, _)) => THROTTLED_RECIPIENT,
            // Greylisting, which some do after the message.
            Some((7, 1)) if stage >= SmtpStage::Recipient => THROTTLED_RECIPIENT,
            // The server's own trouble.
            Some((3, _)) => Unavailable,
            // What else is temporary at RCPT TO, such as a DNS failure for its domain, is temporary for this recipient.
            _ if stage == SmtpStage::Recipient => THROTTLED_RECIPIENT,
            _ => Unavailable,
        }
    }

    fn permanent(&self, stage: SmtpStage) -> ErrorMeaning {
        if let Some(meaning) = of_account(&self.text) {
            return meaning;
        }
        match (self.enhanced, self.code) {
            _ if stage == SmtpStage::Auth => Misconfigured,
            // Authentication or TLS is required first (RFC 4954, section 6; RFC 3207, section 4).
            (_, 530 | 534 | 535 | 538) => Misconfigured,
            // A policy at RCPT TO may concern this recipient alone, and then must not stop the provider for the others.
            (Some((7, detail)), _) if stage == SmtpStage::Recipient => by_security(detail)
                .unwrap_or(if speaks_of_relaying(&self.text) { Misconfigured } else { POLICY_REJECTED }),
            (Some((subject, detail)), _) => {
                by_enhanced(stage, subject, detail).unwrap_or_else(|| self.by_code(stage))
            }
            (None, _) => self.by_code(stage),
        }
    }

    /// What a permanent refusal means by its basic code.
    fn by_code(&self, stage: SmtpStage) -> ErrorMeaning {
        match (stage, self.code) {
            // Syntax and sequence: the fault is ours.
            (_, 500..=504 | 555) => Misconfigured,
            (SmtpStage::Recipient, _) if speaks_of_relaying(&self.text) => Misconfigured,
            // "No mail service here" (RFC 7504): the server's state, which may pass.
            (SmtpStage::Connect, 521 | 554) => Unavailable,
            // The domain takes no mail (RFC 7504).
            (SmtpStage::Recipient, 556) => BAD_ADDRESS,
            // No such mailbox, or a policy that says no more: too little to suppress the address.
            (SmtpStage::Recipient, 550 | 551 | 553) => UNCERTAIN_ADDRESS,
            // Over the recipient's storage; at any other stage over the server's limit for a message.
            (SmtpStage::Recipient, 552) => THROTTLED_RECIPIENT,
            (SmtpStage::Recipient, _) => POLICY_REJECTED,
            (_, 552) => CONTENT_REJECTED,
            (SmtpStage::Message, _) if speaks_of_content(&self.text) => CONTENT_REJECTED,
            // Servers say it of senders and accounts as well as of messages.
            (SmtpStage::Data | SmtpStage::Message, _) => POLICY_REJECTED,
            (SmtpStage::Connect | SmtpStage::Auth | SmtpStage::Mail, _) => Misconfigured,
        }
    }
}

/// What a permanent refusal means by its enhanced code, if that says more than the basic one.
fn by_enhanced(stage: SmtpStage, subject: u16, detail: u16) -> Option<ErrorMeaning> {
    Some(match (subject, detail) {
        // 5.1.x: addresses.
        (1, 7 | 8) => Misconfigured,
        (1, _) if stage == SmtpStage::Mail => Misconfigured,
        // No such mailbox; no such domain; bad syntax; moved; the domain takes no mail (RFC 7505).
        (1, 1 | 2 | 3 | 6 | 10) => BAD_ADDRESS,
        (1, 0 | 4) => UNCERTAIN_ADDRESS,
        // 5.2.x: the mailbox. Full is not gone, whatever the first digit; disabled may be enabled again.
        (2, 2) => THROTTLED_RECIPIENT,
        (2, 3) => CONTENT_REJECTED,
        // Exchange Online (SendAsDenied): the account may not send as this sender.
        (2, 252) => Misconfigured,
        (2, _) => UNCERTAIN_ADDRESS,
        // 5.3.x: the mail system.
        (3, 4) => CONTENT_REJECTED,
        (3, 2 | 5) => Unavailable,
        // 5.4.x: the way to the domain. A loop is in how servers are set up.
        (4, 6) => Misconfigured,
        (4, _) if stage == SmtpStage::Recipient => UNCERTAIN_ADDRESS,
        // 5.5.x: the protocol. 5.5.0 says nothing, and some say it of mailboxes.
        (5, 1..) => Misconfigured,
        // 5.6.x: the message. 5.6.7: an address beyond ASCII, which another server may take (RFC 6531).
        (6, 7) => POLICY_REJECTED,
        (6, _) => CONTENT_REJECTED,
        // 5.7.x: security and policy. What is left is about the message once it was sent, and about us before. What a server
        // made up itself is about whatever it likes.
        (7, detail) => by_security(detail).unwrap_or(match stage {
            SmtpStage::Data | SmtpStage::Message if detail > MAX_SECURITY_DETAIL => POLICY_REJECTED,
            SmtpStage::Data | SmtpStage::Message => CONTENT_REJECTED,
            _ => Misconfigured,
        }),
        _ => return None,
    })
}

/// The last detail of 5.7.x in the registry of enhanced status codes (RFC 8689).
const MAX_SECURITY_DETAIL: u16 = 30;

/// The details of 5.7.x that mean the same at every stage.
fn by_security(detail: u16) -> Option<ErrorMeaning> {
    match detail {
        // The mailbox or domain has another owner than it had (RFC 7293).
        17 | 18 => Some(BAD_ADDRESS),
        // Credentials and encryption (RFC 4954, RFC 5248); what SPF, DKIM and reverse DNS say of us (RFC 7372).
        8..=14 | 20..=27 | 29 => Some(Misconfigured),
        // Exchange Online: no permission to send as this sender; the sender's domain does not pass DMARC and asks to be refused.
        60 | 509 => Some(Misconfigured),
        28 => Some(THROTTLED),
        _ => None,
    }
}

/// Reads `5.1.1` in a reply whose code begins with the same class.
fn enhanced(code: u16, word: &str) -> Option<EnhancedStatus> {
    let mut parts = word.split('.').map(|part| part.parse::<u16>().ok());
    match (parts.next()??, parts.next()??, parts.next()??, parts.next()) {
        (class, subject @ 0..=999, detail @ 0..=999, None) if class == code / 100 => Some((subject, detail)),
        _ => None,
    }
}

/// The enhanced codes that a server's words name wherever, each after its class. The subject of a code is at most 7 (RFC 3463,
/// section 3), by which it is told from a version of a server's.
fn quoted(text: &str) -> impl Iterator<Item = (u16, EnhancedStatus)> {
    let words =
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').map(|word| word.trim_matches('.'));
    words
        .filter_map(|word| [4, 5].into_iter().find_map(|class| Some((class, enhanced(class * 100, word)?))))
        .filter(|(_, (subject, _))| *subject <= 7)
}

/// Nothing was handed over, and this is what was seen.
pub(super) fn unavailable(stage: SmtpStage, seen: &str) -> Outcome {
    Outcome::Unavailable { evidence: OutcomeEvidence::new("", &format!("{seen} ({stage})")) }
}

/// The message went out whole and its reply never came: it may have been taken (RFC 5321, section 6.1).
pub(super) fn unknown(seen: &str) -> Outcome {
    Outcome::unknown(OutcomeEvidence::new("", &format!("{seen} ({})", SmtpStage::Message)))
}

/// An operator has to change something.
pub(super) fn misconfigured(seen: &str) -> Outcome {
    Outcome::Misconfigured { evidence: OutcomeEvidence::new("", seen) }
}

#[cfg(test)]
mod tests;
