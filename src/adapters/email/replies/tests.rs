//! Replies as servers give them, and what each must come to.

use super::*;
use crate::adapters::error_meaning::MAX_RETRY_AFTER;
use crate::model::{Objection, Rejection, ThrottleScope};

use SmtpStage::{Auth, Connect, Data, Mail, Message, Recipient};

/// The outcome's kind, in a word that tells certain from doubtful and one recipient from all.
fn word(stage: SmtpStage, code: u16, text: &str) -> &'static str {
    match SmtpReply::new(code, text).outcome(stage) {
        Outcome::Rejected { cause: Rejection::Address { certain: true }, .. } => "bad address",
        Outcome::Rejected { cause: Rejection::Address { certain: false }, .. } => "perhaps bad address",
        Outcome::Rejected { cause: Rejection::Content, .. } => "content",
        Outcome::Rejected { cause: Rejection::Policy, .. } => "policy",
        Outcome::Throttled { retry_after: Some(wait), scope, .. } => {
            assert_eq!(wait, MAX_RETRY_AFTER, "{code} {text}");
            if scope == ThrottleScope::Provider { "quota" } else { "recipient's quota" }
        }
        Outcome::Throttled { scope: ThrottleScope::Provider, .. } => "throttled",
        Outcome::Throttled { scope: ThrottleScope::Recipient, .. } => "recipient busy",
        other => other.as_str(),
    }
}

#[test]
fn every_reply_of_the_table_has_its_meaning() {
    for (stage, code, text, expected) in [
        // Addresses.
        (Recipient, 550, "5.1.1 User unknown", "bad address"),
        (Recipient, 550, "5.1.2 Bad destination system", "bad address"),
        (Recipient, 501, "5.1.3 Bad destination syntax", "bad address"),
        (Recipient, 551, "5.1.6 Mailbox has moved", "bad address"),
        (Recipient, 556, "5.1.10 Recipient address has null MX", "bad address"),
        (Recipient, 556, "Domain takes no mail", "bad address"),
        (Recipient, 550, "5.7.17 Mailbox owner has changed", "bad address"),
        (Message, 550, "5.1.1 User unknown", "bad address"),
        (Recipient, 550, "No such user here", "perhaps bad address"),
        (Recipient, 551, "User not local", "perhaps bad address"),
        (Recipient, 553, "Mailbox name not allowed", "perhaps bad address"),
        (Recipient, 550, "5.1.0 Address rejected", "perhaps bad address"),
        (Recipient, 550, "5.2.1 Mailbox disabled", "perhaps bad address"),
        (Recipient, 550, "5.4.1 Recipient address rejected: Access denied", "perhaps bad address"),
        (Recipient, 550, "5.4.4 Unable to route", "perhaps bad address"),
        (Recipient, 550, "5.5.0 Mailbox unavailable", "perhaps bad address"),
        (Recipient, 553, "5.6.7 SMTPUTF8 required", "policy"),
        // Mailboxes that may have room later, and greylisting.
        (Recipient, 452, "4.2.2 Mailbox full", "recipient busy"),
        (Recipient, 552, "5.2.2 Mailbox quota exceeded, too many messages", "recipient busy"),
        (Recipient, 552, "Exceeded storage allocation", "recipient busy"),
        (Recipient, 450, "4.2.1 Mailbox busy", "recipient busy"),
        (Recipient, 451, "4.7.1 Greylisted, please try again", "recipient busy"),
        (Message, 451, "4.7.1 Greylisted, please try again", "recipient busy"),
        (Recipient, 450, "4.1.2 Domain not found", "recipient busy"),
        (Recipient, 450, "4.4.3 Name server failure", "recipient busy"),
        (Recipient, 450, "Mailbox unavailable", "recipient busy"),
        (Recipient, 451, "Local error", "recipient busy"),
        // The message.
        (Message, 552, "5.3.4 Message too big", "content"),
        (Message, 552, "Message exceeds maximum size", "content"),
        (Message, 452, "4.2.3 Message too long", "content"),
        (Message, 554, "5.7.1 Message looks like spam", "content"),
        (Message, 550, "This message was classified as SPAM", "content"),
        (Message, 550, "5.7.0 Rejected by policy", "content"),
        (Message, 554, "5.6.0 Bad MIME", "content"),
        (Message, 554, "5.6.3 Conversion required", "content"),
        // Who has not seen the message does not speak of what it says, but of what this server takes.
        (Mail, 552, "5.3.4 Message size exceeds fixed limit", "policy"),
        (Mail, 552, "Message exceeds maximum size", "policy"),
        (Mail, 554, "5.6.0 Bad content", "policy"),
        (Recipient, 452, "4.2.3 Message too long", "policy"),
        (Recipient, 552, "5.3.4 Message too big", "policy"),
        (Recipient, 554, "5.6.3 Conversion required", "policy"),
        (Data, 554, "No valid recipients", "policy"),
        (Data, 552, "5.3.4 Message too big", "policy"),
        (Data, 554, "5.7.1 Looks like spam", "policy"),
        // What a server says of messages, senders and accounts alike, or in a code of its own.
        (Message, 554, "Transaction failed", "policy"),
        (Message, 550, "5.7.511 Access denied, banned sender", "policy"),
        (Message, 550, "5.4.7 Expired", "policy"),
        (
            Message,
            554,
            "Message rejected: Email address is not verified. The following identities failed the check: ana@example.com",
            "policy",
        ),
        // Policies that may concern one recipient only.
        (Recipient, 550, "5.7.1 Recipient does not accept mail from you", "policy"),
        (Recipient, 554, "Transaction failed", "policy"),
        // Us: credentials, sender, domain, address, protocol.
        (Auth, 535, "5.7.8 Authentication failed", "misconfigured"),
        (Auth, 534, "5.7.9 Mechanism too weak", "misconfigured"),
        (Auth, 504, "Unrecognized mechanism", "misconfigured"),
        (Auth, 550, "Account locked", "misconfigured"),
        (Mail, 530, "5.7.0 Must issue a STARTTLS command first", "misconfigured"),
        (Recipient, 530, "5.7.0 Authentication required", "misconfigured"),
        (Mail, 538, "5.7.11 Encryption required", "misconfigured"),
        (Mail, 553, "5.1.7 Bad sender address", "misconfigured"),
        (Mail, 550, "5.1.8 Sender's domain does not exist", "misconfigured"),
        (Message, 550, "5.1.8 Sender's domain does not exist", "misconfigured"),
        (Mail, 550, "5.7.1 Sender not allowed", "misconfigured"),
        (Mail, 550, "Sender rejected", "misconfigured"),
        (Message, 550, "5.7.23 SPF validation failed", "misconfigured"),
        (Message, 550, "5.7.26 Multiple authentication checks failed", "misconfigured"),
        (Recipient, 550, "5.7.25 Reverse DNS validation failed", "misconfigured"),
        (Recipient, 554, "5.7.1 Relay access denied", "misconfigured"),
        (Recipient, 550, "Relaying denied", "misconfigured"),
        (Recipient, 550, "5.4.6 Mail loop", "misconfigured"),
        (Mail, 501, "5.5.4 Syntax error", "misconfigured"),
        (Data, 503, "5.5.1 Bad sequence", "misconfigured"),
        (Mail, 500, "Command not recognized", "misconfigured"),
        (Mail, 555, "Parameters not recognized", "misconfigured"),
        // The account, and whom it may send as.
        (Message, 554, "5.2.252 SendAsDenied; shop@example.com not allowed to send as", "misconfigured"),
        (Message, 554, "5.2.252 Cannot submit message", "misconfigured"),
        (
            Message,
            554,
            "5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied",
            "misconfigured",
        ),
        (
            Message,
            550,
            "5.7.60 SMTP; Client does not have permissions to send as this sender",
            "misconfigured",
        ),
        (Recipient, 550, "5.7.60 Denied", "misconfigured"),
        (
            Message,
            550,
            "5.7.509 Access denied, sending domain does not pass DMARC verification",
            "misconfigured",
        ),
        (Message, 554, "Message rejected: Sending suspended for this account.", "misconfigured"),
        (Message, 554, "Message rejected: Sending paused for this account.", "misconfigured"),
        (Connect, 550, "5.7.1 Client host blocked", "misconfigured"),
        (Connect, 504, "5.5.2 Need a fully-qualified hostname", "misconfigured"),
        // Too fast.
        (Message, 421, "4.7.28 Unusual rate of mail", "throttled"),
        (Message, 451, "4.7.650 The mail server was temporarily rate limited", "throttled"),
        (Mail, 454, "Throttling failure: Maximum sending rate exceeded.", "throttled"),
        // All that may be sent in an hour or a day.
        (Message, 454, "Throttling failure: Daily message quota exceeded.", "quota"),
        (Mail, 550, "5.4.5 Daily user sending limit exceeded.", "quota"),
        (Message, 550, "5.4.5 Daily SMTP relay sending limit exceeded for customer.", "quota"),
        (Recipient, 550, "5.4.5 Too much", "quota"),
        (Connect, 421, "4.4.5 Server busy, try again later.", "unavailable"),
        (Message, 550, "5.1.90 Your message can't be sent because you've reached your daily limit", "quota"),
        (Recipient, 550, "5.1.90 Too many", "quota"),
        (Message, 550, "5.7.233 Your tenant exceeded its daily limit for external recipients", "quota"),
        (
            Recipient,
            550,
            "Domain example.com has exceeded the max emails per hour (500/500 (100%)) allowed",
            "quota",
        ),
        (
            Message,
            550,
            "Domain example.com has exceeded the max emails per hour (3/2 (150%)) allowed",
            "quota",
        ),
        (Recipient, 554, "5.2.122 The recipient has exceeded their limit per hour", "recipient's quota"),
        (Recipient, 452, "4.5.3 Too many recipients", "throttled"),
        (Connect, 421, "4.7.0 Too many connections", "throttled"),
        (Mail, 550, "5.7.28 Mail flood detected", "throttled"),
        // The server.
        (Connect, 421, "4.3.2 Service not available", "unavailable"),
        (Connect, 554, "No SMTP service here", "unavailable"),
        (Connect, 454, "4.7.0 TLS not available", "unavailable"),
        (Auth, 454, "4.7.0 Temporary authentication failure", "unavailable"),
        (Mail, 421, "Closing transmission channel", "unavailable"),
        (Recipient, 421, "4.2.1 Closing transmission channel", "unavailable"),
        (Recipient, 451, "4.3.0 Queue file write error", "unavailable"),
        (Mail, 452, "4.3.1 Insufficient system storage", "unavailable"),
        (Message, 451, "Local error in processing", "unavailable"),
        (Message, 450, "4.4.2 Bad connection", "unavailable"),
        (Message, 554, "5.3.2 System not accepting messages", "unavailable"),
    ] {
        assert_eq!(word(stage, code, text), expected, "{code} {text} {stage}");
    }
}

#[test]
fn corporate_operators_are_not_too_fast() {
    assert_eq!(word(Mail, 451, "The corporate operator is temporarily away"), "unavailable");
}

#[test]
fn an_enhanced_code_of_another_class_is_text() {
    assert_eq!(SmtpReply::new(550, "5.1.1 Unknown").enhanced, Some((1, 1)));
    for text in ["4.1.1 Unknown", "5.1 Unknown", "5.1.1.1 Unknown", "5.1.x Unknown", "5.1.1000 Unknown", ""] {
        assert_eq!(SmtpReply::new(550, text), SmtpReply { code: 550, enhanced: None, text: text.into() });
    }
}

#[test]
fn evidence_names_the_codes_and_the_command_and_no_person() {
    let outcome = SmtpReply::new(550, "5.1.1 <ana@example.com>: User unknown").outcome(Recipient);
    assert_eq!(outcome.evidence().unwrap().to_string(), "550 5.1.1 *** User unknown (at RCPT TO)");
}

#[test]
fn a_report_says_as_much_as_the_reply_it_quotes() {
    let bad = Some(Objection::BadAddress);
    for (status, diagnostic, code, objection) in [
        ("5.1.1", "smtp; 550 5.1.1 <ana@example.com>: unknown", "550 5.1.1", bad),
        // A line of several (RFC 5321, section 4.2.1).
        ("5.1.1", "smtp; 550-5.1.1 The email account does not exist", "550 5.1.1", bad),
        ("5.0.0", "smtp;550 5.1.1 unknown", "550 5.1.1", bad),
        ("5.1.10 (null MX)", "smtp; 556 takes no mail", "556 5.1.10", bad),
        ("5.0.0", "smtp; 556 takes no mail", "556", bad),
        ("5.1.1", "x-unix; no such user", "550 5.1.1", bad),
        ("5.1.1", "", "550 5.1.1", bad),
        ("5.4.4", "X-Postfix; Host not found", "550 5.4.4", None),
        ("5.2.2", "smtp; 552 5.2.2 mailbox full", "552 5.2.2", None),
        ("5.7.1", "smtp; 550 5.7.1 spam", "550 5.7.1", None),
        // It gave up on what may pass.
        ("4.4.1", "X-Postfix; connect timed out", "450 4.4.1", None),
        ("4.2.2", "smtp; 550 5.1.1 unknown", "450 4.2.2", None),
        ("", "", "550", None),
        ("5.1.1", "smtp; ñandú", "550 5.1.1", bad),
        ("nonsense", "smtp; 99", "550", None),
        // The reporting server and the one that refused do not say the same.
        ("5.1.1", "smtp; 550 5.7.1 spam", "550 5.7.1", None),
        ("5.1.1", "smtp; 550-5.7.26 unauthenticated", "550 5.7.26", None),
        ("5.1.1", "smtp; 554 rejected by policy (#5.7.1)", "554 5.7.1", None),
        ("5.1.1", "smtp; 550 5.0.0 no", "550 5.0.0", None),
        ("5.1.1", "smtp; 450 4.2.2 full", "450 4.2.2", None),
        ("5.1.1", "x-unix; 5.7.1 blocked", "550 5.7.1", None),
        ("5.7.1", "smtp; 550 5.1.1 unknown", "550 5.7.1", None),
        ("5.1.1", "smtp; 550 5.1.10 takes no mail", "550 5.1.1", bad),
        ("5.1.1", "smtp; 550 unknown at 192.0.2.7, says Exim 4.96.2", "550 5.1.1", bad),
    ] {
        let (evidence, seen) = SmtpReply::reported(status, diagnostic).in_report();
        assert_eq!((evidence.code.as_str(), seen), (code, objection), "{status} {diagnostic}");
        assert!(!evidence.text.contains("ana@"), "{evidence}");
    }
}
