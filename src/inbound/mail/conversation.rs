//! PURE. The commands of LMTP and their order (RFC 2033, section 4; RFC 5321, section 4.1), apart from the connection.

/// Recipients of one mail. A report has one.
const MAX_RECIPIENTS: usize = 20;

/// The state of a session between two commands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LmtpConversation {
    max_message_bytes: usize,
    state: LmtpState,
}

#[derive(Debug, PartialEq, Eq)]
enum LmtpState {
    /// The client has not sent LHLO.
    New,
    /// No mail transaction is open.
    Ready,
    /// A mail transaction is open (RFC 5321, section 3.3), with these recipients so far.
    Transaction(Vec<String>),
}

/// What the session does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LmtpStep {
    /// It sends this reply.
    Reply(String),
    /// It receives the mail, and sends a reply for each of these recipients.
    Data(Vec<String>),
    /// It ends, as the client asked.
    Quit,
}

impl LmtpConversation {
    /// The state of a new session, which accepts mail of at most `max_message_bytes`.
    pub(super) fn new(max_message_bytes: usize) -> Self {
        Self { max_message_bytes, state: LmtpState::New }
    }

    /// What the session does on a command. `is_known` says whether a recipient is one of ours.
    pub(super) fn handle_command(&mut self, command: &str, is_known: impl Fn(&str) -> bool) -> LmtpStep {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        let reply = match verb.to_ascii_uppercase().as_str() {
            "LHLO" => self.hello(rest),
            "HELO" | "EHLO" => "500 5.5.1 this is LMTP: say LHLO".to_owned(),
            "MAIL" => self.begin(rest).to_owned(),
            "RCPT" => self.recipient(rest, is_known).to_owned(),
            "DATA" => match &mut self.state {
                LmtpState::Transaction(recipients) if !recipients.is_empty() => {
                    let recipients = std::mem::take(recipients);
                    self.state = LmtpState::Ready;
                    return LmtpStep::Data(recipients);
                }
                _ => "503 5.5.1 no recipient was accepted".to_owned(),
            },
            "RSET" => {
                if self.state != LmtpState::New {
                    self.state = LmtpState::Ready;
                }
                "250 2.0.0 reset".to_owned()
            }
            "NOOP" => "250 2.0.0 still here".to_owned(),
            "VRFY" => "252 2.5.0 send a mail and see".to_owned(),
            "QUIT" => return LmtpStep::Quit,
            _ => "500 5.5.2 no such command".to_owned(),
        };
        LmtpStep::Reply(reply)
    }

    fn hello(&mut self, name: &str) -> String {
        if name.trim().is_empty() {
            return "501 5.5.4 LHLO wants a name".to_owned();
        }
        self.state = LmtpState::Ready;
        let size = self.max_message_bytes;
        format!("250-relevo\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250 SIZE {size}")
    }

    /// Any sender is accepted: the recipient alone says whether a mail is authentic.
    fn begin(&mut self, rest: &str) -> &'static str {
        match self.state {
            LmtpState::New => return "503 5.5.1 say LHLO first",
            LmtpState::Transaction(_) => return "503 5.5.1 one mail at a time",
            LmtpState::Ready => {}
        }
        let Some((_, parameters)) = parse_path(rest, "FROM:") else {
            return "501 5.5.4 MAIL FROM:<address> is expected";
        };
        for parameter in parameters.split_ascii_whitespace() {
            let (keyword, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match keyword.to_ascii_uppercase().as_str() {
                "BODY" => {}
                "SIZE" => match value.parse::<usize>() {
                    Ok(size) if size <= self.max_message_bytes => {}
                    Ok(_) => return "552 5.3.4 the mail is too large",
                    Err(_) => return "501 5.5.4 SIZE wants a number",
                },
                _ => return "555 5.5.4 no such parameter",
            }
        }
        self.state = LmtpState::Transaction(Vec::new());
        "250 2.1.0 go on"
    }

    fn recipient(&mut self, rest: &str, is_known: impl Fn(&str) -> bool) -> &'static str {
        let LmtpState::Transaction(recipients) = &mut self.state else { return "503 5.5.1 say MAIL first" };
        let Some((address, parameters)) = parse_path(rest, "TO:") else {
            return "501 5.5.4 RCPT TO:<address> is expected";
        };
        if !parameters.trim().is_empty() {
            return "555 5.5.4 no such parameter";
        }
        if recipients.len() >= MAX_RECIPIENTS {
            return "452 4.5.3 too many recipients";
        }
        if !is_known(address) {
            return "550 5.1.1 no such address";
        }
        recipients.push(address.to_owned());
        "250 2.1.5 go on"
    }
}

/// The address in `FROM:<ana@example.com> SIZE=1`, and what comes after it.
fn parse_path<'a>(rest: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (prefix, rest) = rest.trim_start().split_at_checked(keyword.len())?;
    if !prefix.eq_ignore_ascii_case(keyword) {
        return None;
    }
    rest.trim_start().strip_prefix('<')?.split_once('>')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last line of the reply to each command, or what else the session does.
    fn replies_to(commands: &[&str]) -> Vec<String> {
        let mut conversation = LmtpConversation::new(1_000);
        let reply = |command: &&str| match conversation
            .handle_command(command, |address| address.starts_with("bounce+"))
        {
            LmtpStep::Reply(reply) => reply.lines().last().unwrap().to_owned(),
            LmtpStep::Data(recipients) => format!("data for {recipients:?}"),
            LmtpStep::Quit => "quit".to_owned(),
        };
        commands.iter().map(reply).collect()
    }

    #[test]
    fn a_mail_has_a_sender_a_recipient_of_ours_and_a_text() {
        let replies = replies_to(&[
            "lhlo mx.example.com",
            "MAIL FROM:<> SIZE=1000 BODY=8BITMIME",
            "rcpt to: <bounce+1@x.example>",
            "RCPT TO:<ana@example.com>",
            "DATA",
            "MAIL FROM:<ana@example.com>",
            "QUIT",
        ]);
        let expected = [
            "250 SIZE 1000",
            "250 2.1.0 go on",
            "250 2.1.5 go on",
            "550 5.1.1 no such address",
            "data for [\"bounce+1@x.example\"]",
            "250 2.1.0 go on",
            "quit",
        ];
        assert_eq!(replies, expected);
    }

    #[test]
    fn commands_out_of_order_or_beyond_a_limit_are_refused() {
        for (commands, code) in [
            (&["MAIL FROM:<>"][..], "503"),
            (&["RCPT TO:<bounce+1@x.example>"], "503"),
            (&["DATA"], "503"),
            (&["RSET", "MAIL FROM:<>"], "503"),
            (&["EHLO x"], "500"),
            (&["LHLO"], "501"),
            (&["STARTTLS"], "500"),
            (&[""], "500"),
            (&["LHLO x", "MAIL FROM:<>", "MAIL FROM:<>"], "503"),
            (&["LHLO x", "MAIL FROM:<>", "DATA"], "503"),
            (&["LHLO x", "MAIL FROM:<>", "RCPT TO:<bounce+1@x>", "RSET", "DATA"], "503"),
            (&["LHLO x", "MAIL FROM:<> SIZE=1001"], "552"),
            (&["LHLO x", "MAIL FROM:<> SIZE=x"], "501"),
            (&["LHLO x", "MAIL FROM:<> RET=HDRS"], "555"),
            (&["LHLO x", "MAIL ana@example.com"], "501"),
            (&["LHLO x", "MAIL ñ"], "501"),
            (&["LHLO x", "MAIL FROM:<>", "RCPT TO:bounce+1@x"], "501"),
            (&["LHLO x", "MAIL FROM:<>", "RCPT TO:<bounce+1@x> NOTIFY=NEVER"], "555"),
        ] {
            let replies = replies_to(commands);
            assert!(replies.last().unwrap().starts_with(code), "{commands:?} {replies:?}");
        }
        let many = [&["LHLO x", "MAIL FROM:<>"][..], &["RCPT TO:<bounce+1@x>"; MAX_RECIPIENTS + 1]].concat();
        assert!(replies_to(&many).last().unwrap().starts_with("452"));
    }
}
