//! The extensions of SMTP that a server offers, and the parameters of MAIL and RCPT by which they are used.

use lettre::transport::smtp::extension::{MailBodyParameter, MailParameter, RcptParameter};

use super::mail::PreparedMail;
use super::settings::DsnRequest;
use crate::adapters::rejected_outcome;
use crate::model::{Outcome, Rejection};

/// The extensions in a server's reply to EHLO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct SmtpExtensions {
    /// Commands may go together (RFC 2920).
    pub(super) pipelining: bool,
    /// It reports on a delivery as it is asked to (RFC 3461).
    notices: bool,
    /// Addresses may have local parts beyond ASCII (RFC 6531).
    utf8: bool,
    size: Option<SizeExtension>,
}

/// It is told a message's size (RFC 1870).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SizeExtension {
    /// The largest it takes, in bytes, if it says so.
    max: Option<usize>,
}

impl SmtpExtensions {
    /// Reads the lines of the reply. lettre reads them too, but not these.
    pub(super) fn read<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let mut offers = Self::default();
        // The first line is the greeting.
        for line in lines.skip(1) {
            let mut words = line.split_ascii_whitespace();
            match words.next().unwrap_or_default().to_ascii_uppercase().as_str() {
                "PIPELINING" => offers.pipelining = true,
                "DSN" => offers.notices = true,
                "SMTPUTF8" => offers.utf8 = true,
                "SIZE" => {
                    let max = words.next().and_then(|max| max.parse().ok()).filter(|max| *max > 0);
                    offers.size = Some(SizeExtension { max });
                }
                _ => {}
            }
        }
        offers
    }

    /// The parameters of the `MAIL` command for this message.
    ///
    /// # Errors
    /// A rejection when the server says that it does not take such a message: it is too large, or needs SMTPUTF8.
    pub(super) fn mail_parameters(
        &self,
        mail: &PreparedMail,
        notices: DsnRequest,
    ) -> Result<Vec<MailParameter>, Outcome> {
        let mut parameters = Vec::new();
        if !mail.bytes.is_ascii() || !mail.to.user().is_ascii() {
            if !self.utf8 {
                let evidence =
                    "the address has characters beyond ASCII, and the server does not offer SMTPUTF8";
                return Err(rejected_outcome(Rejection::Policy, evidence));
            }
            parameters
                .extend([MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)]);
        }
        if let Some(SizeExtension { max }) = self.size {
            // lettre ends the text with a line end of its own before the dot.
            let size = mail.bytes.len() + 2;
            if let Some(max) = max.filter(|max| size > *max) {
                let evidence = format!("the message has {size} bytes, and the server takes at most {max}");
                return Err(rejected_outcome(Rejection::Content, &evidence));
            }
            parameters.push(MailParameter::Size(size));
        }
        if self.notices && notices != DsnRequest::Default {
            parameters.extend([("RET", "HDRS".to_owned()), ("ENVID", mail.envelope_id.clone())].map(
                |(keyword, value)| MailParameter::Other { keyword: keyword.into(), value: Some(value) },
            ));
        }
        Ok(parameters)
    }

    /// The parameters of the `RCPT` command for this message.
    pub(super) fn rcpt_parameters(&self, mail: &PreparedMail, notices: DsnRequest) -> Vec<RcptParameter> {
        let notify = match notices {
            DsnRequest::Failure => "FAILURE,DELAY",
            DsnRequest::All => "SUCCESS,FAILURE,DELAY",
            DsnRequest::Default => return Vec::new(),
        };
        if !self.notices {
            return Vec::new();
        }
        let mut parameters = vec![("NOTIFY", notify.to_owned())];
        // Beyond ASCII it would need the address type of RFC 6533.
        if mail.to.user().is_ascii() {
            parameters.push(("ORCPT", format!("rfc822;{}", mail.to)));
        }
        let parameter = |(keyword, value): (&str, String)| RcptParameter::Other {
            keyword: keyword.to_owned(),
            value: Some(value),
        };
        parameters.into_iter().map(parameter).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(reply: &str) -> SmtpExtensions {
        SmtpExtensions::read(reply.lines())
    }

    fn mail(to: &str) -> PreparedMail {
        PreparedMail {
            id: "<1.2@example.com>".to_owned(),
            envelope_id: "1.2".to_owned(),
            from: "bounce@example.com".parse().unwrap(),
            to: to.parse().unwrap(),
            bytes: b"To: ana@example.org\r\n\r\nHi\r\n".to_vec(),
        }
    }

    fn shown<P: ToString>(parameters: &[P]) -> Vec<String> {
        parameters.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_size_is_told_and_too_much_is_not_sent() {
        let mail = mail("ana@example.org");
        for (reply, expected) in [
            ("peer\nSIZE 29", Ok(vec!["SIZE=29".to_owned()])),
            ("peer\nsize 0", Ok(vec!["SIZE=29".to_owned()])),
            ("peer\nSIZE", Ok(vec!["SIZE=29".to_owned()])),
            ("peer", Ok(vec![])),
            ("SIZE 1", Ok(vec![])),
            ("peer\nSIZE 28", Err("the message has 29 bytes, and the server takes at most 28".to_owned())),
        ] {
            let parameters = offers(reply).mail_parameters(&mail, DsnRequest::Default);
            let parameters = parameters.map(|parameters| shown(&parameters));
            assert_eq!(
                parameters.map_err(|outcome| outcome.evidence().unwrap().to_string()),
                expected,
                "{reply}"
            );
        }
    }

    #[test]
    fn reports_are_asked_for_where_they_are_offered() {
        let mail = mail("ana+shop=1@example.org");
        let offers = offers("peer\nDSN\nPIPELINING");
        assert!(offers.pipelining);
        let parameters = offers.mail_parameters(&mail, DsnRequest::Failure).unwrap();
        assert_eq!(shown(&parameters), ["RET=HDRS", "ENVID=1.2"]);
        let parameters = offers.rcpt_parameters(&mail, DsnRequest::All);
        // RFC 3461, section 4: what is no plain character is written in hexadecimal after a plus.
        assert_eq!(
            shown(&parameters),
            ["NOTIFY=SUCCESS,FAILURE,DELAY", "ORCPT=rfc822;ana+2Bshop+3D1@example.org"]
        );
        assert!(offers.rcpt_parameters(&mail, DsnRequest::Default).is_empty());
        assert!(SmtpExtensions::default().rcpt_parameters(&mail, DsnRequest::All).is_empty());
    }

    #[test]
    fn a_local_part_beyond_ascii_goes_where_it_is_taken_and_elsewhere_it_may() {
        let mail = mail("añá@example.org");
        let parameters = offers("peer\nSMTPUTF8").mail_parameters(&mail, DsnRequest::Default).unwrap();
        assert_eq!(shown(&parameters), ["SMTPUTF8", "BODY=8BITMIME"]);
        let refusal = SmtpExtensions::default().mail_parameters(&mail, DsnRequest::Default).unwrap_err();
        assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Policy, .. }));
        let parameters = offers("peer\nDSN").rcpt_parameters(&mail, DsnRequest::Failure);
        assert_eq!(shown(&parameters), ["NOTIFY=FAILURE,DELAY"]);
    }
}
