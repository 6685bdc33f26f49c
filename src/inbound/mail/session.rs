//! One LMTP session: commands in, replies out, with bounds on both.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::time::timeout;

use super::conversation::{LmtpConversation, LmtpStep};
use crate::adapters::webhooks::WebhookError;
use crate::inbound::WebhookRouter;
use crate::inbound::router::WebhookAnswer;
use crate::inbound::settings::MailSettings;
use crate::listener::{Connection, ConnectionActivity, ConnectionIo};

/// A command, with its line end: twice what RFC 5321 (section 4.5.3.1.4) asks for, which leaves room for parameters.
const MAX_COMMAND_BYTES: u64 = 1_024;
/// How much of a mail's line is read at once.
const CHUNK_BYTES: u64 = 8 * 1_024;

struct LmtpSession {
    stream: BufReader<ConnectionIo>,
    activity: ConnectionActivity,
    router: WebhookRouter,
    settings: Arc<MailSettings>,
}

/// Runs a session until the client quits or is silent for too long, or the listener stops.
pub(super) async fn run(
    connection: Connection,
    router: WebhookRouter,
    settings: Arc<MailSettings>,
) -> io::Result<()> {
    let Connection { io, activity, stop, .. } = connection;
    let mut conversation = LmtpConversation::new(settings.max_message_bytes);
    let mut session = LmtpSession { stream: BufReader::new(io), activity, router, settings };
    session.send_reply("220 relevo LMTP").await?;
    let mut stopping = pin!(stop.begun());
    loop {
        let idle_timeout = session.settings.timeout();
        let command = tokio::select! {
            // The server waits for its sessions, so this one ends between two commands.
            () = &mut stopping => None,
            command = timeout(idle_timeout, session.read_command()) => Some(command),
        };
        let command = match command {
            None => {
                session.activity.note_stop();
                return session.send_reply("421 4.3.2 closing down").await;
            }
            Some(Err(_)) => return session.send_reply("421 4.4.2 silent for too long").await,
            Some(Ok(command)) => command?,
        };
        let Some(command) = command else { return session.send_reply("500 5.5.2 that is no line").await };
        match conversation.handle_command(&command, |address| session.is_known(address)) {
            LmtpStep::Reply(reply) => session.send_reply(&reply).await?,
            LmtpStep::Data(recipients) => session.receive_mail(&recipients).await?,
            LmtpStep::Quit => return session.send_reply("221 2.0.0 bye").await,
        }
    }
}

impl LmtpSession {
    /// Whether mail to `address` is for us. Whoever names such an address delivers our mail, as far as can be told before the
    /// mail has come.
    fn is_known(&self, address: &str) -> bool {
        let is_known = self.router.accepts_mail_for(address);
        if is_known {
            self.activity.prove();
        }
        is_known
    }

    async fn send_reply(&mut self, reply: &str) -> io::Result<()> {
        self.stream.write_all(format!("{reply}\r\n").as_bytes()).await
    }

    /// The next command, without its line end; `None` when it is too long, or no text that ends with CRLF.
    async fn read_command(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let read = (&mut self.stream).take(MAX_COMMAND_BYTES).read_until(b'\n', &mut line).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.strip_suffix(b"\r\n").and_then(|line| String::from_utf8(line.to_vec()).ok()))
    }

    /// Receives a mail, and replies for each recipient (RFC 2033, section 4.2).
    async fn receive_mail(&mut self, recipients: &[String]) -> io::Result<()> {
        let _in_work = self.activity.begin_call();
        self.send_reply("354 the mail, and a dot").await?;
        let mail = timeout(self.settings.timeout(), self.read_mail()).await;
        let mail = mail.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        for recipient in recipients {
            let reply = match &mail {
                Some(mail) => reply(self.router.handle_mail(recipient, mail).await),
                None => "552 5.3.4 the mail is too large".to_owned(),
            };
            self.send_reply(&reply).await?;
        }
        Ok(())
    }

    /// The mail up to its dot (RFC 5321, section 4.5.2); `None` when it is too long, and then it was read all the same. Only
    /// CRLF ends a line, or one mail could be made to look like two.
    async fn read_mail(&mut self) -> io::Result<Option<Vec<u8>>> {
        let max = self.settings.max_message_bytes;
        let (mut mail, mut chunk, mut fits) = (Vec::new(), Vec::new(), true);
        let (mut at_line_start, mut last_byte) = (true, b'\n');
        loop {
            chunk.clear();
            if (&mut self.stream).take(CHUNK_BYTES).read_until(b'\n', &mut chunk).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if at_line_start && chunk == b".\r\n" {
                return Ok(fits.then_some(mail));
            }
            let stuffed = at_line_start && chunk.starts_with(b".");
            let line = &chunk[usize::from(stuffed)..];
            fits = fits && mail.len() + line.len() <= max;
            if fits {
                mail.extend_from_slice(line);
            }
            at_line_start = chunk.ends_with(b"\r\n") || (chunk == b"\n" && last_byte == b'\r');
            last_byte = *chunk.last().expect("at least one byte was read");
        }
    }
}

/// The reply for one recipient, with an enhanced status code (RFC 3463).
fn reply(answer: WebhookAnswer) -> String {
    match answer {
        WebhookAnswer::Recorded(_) => "250 2.0.0 kept".to_owned(),
        WebhookAnswer::Unknown => "550 5.1.1 no such address".to_owned(),
        WebhookAnswer::Refused(error) => match error {
            WebhookError::Unauthenticated(_) => format!("550 5.7.1 {error}"),
            WebhookError::Malformed(_) => format!("554 5.6.0 {error}"),
            WebhookError::Unverifiable(_) => format!("451 4.7.1 {error}"),
        },
        WebhookAnswer::NotRecorded => "451 4.3.0 it could not be kept; please try again".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_that_was_not_recorded_is_asked_for_again_and_mail_that_is_not_ours_is_refused_for_good() {
        for (answer, code) in [
            (WebhookAnswer::Recorded(String::new()), "250"),
            (WebhookAnswer::NotRecorded, "451"),
            (WebhookAnswer::Refused(WebhookError::Unverifiable(String::new())), "451"),
            (WebhookAnswer::Refused(WebhookError::Unauthenticated("")), "550"),
            (WebhookAnswer::Refused(WebhookError::Malformed(String::new())), "554"),
            (WebhookAnswer::Unknown, "550"),
        ] {
            assert!(reply(answer).starts_with(code), "{code}");
        }
    }
}
