//! A mail server: as much of SMTP as it takes to hand over mail (RFC 5321).

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::protocol::{Submission, token_in};
use super::provider::{Decision, ProviderState};
use super::trouble::Refusal;

/// The table of its adapter in the configuration.
pub fn config(authority: &str) -> String {
    let (host, port) = authority.split_once(':').unwrap_or((authority, "25"));
    format!(
        "[providers.smtp]\nhost = '{host}'\nport = {port}\ntls = 'none'\nfrom = 'Shop <shop@example.com>'"
    )
}

/// Serves a connection to its end.
pub async fn serve(stream: TcpStream, state: &Arc<ProviderState>) {
    // Whoever breaks a connection off sees it for themselves.
    let _ = converse(stream, state).await;
}

/// The mail that is being handed over.
#[derive(Default)]
struct Mail {
    sender: String,
    recipient: String,
}

async fn converse(mut stream: TcpStream, state: &ProviderState) -> std::io::Result<()> {
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read).lines();
    let mut mail = Mail::default();
    write.write_all(b"220 mail.example.com\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let command = line.to_ascii_uppercase();
        let reply = if command.starts_with("DATA") {
            write.write_all(b"354 go on\r\n").await?;
            let mut text = Vec::new();
            while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                text.extend_from_slice(line.as_bytes());
                text.push(b'\n');
            }
            match reply(std::mem::take(&mut mail), &text, state).await {
                Some(reply) => reply,
                None => return Ok(()),
            }
        } else if command.starts_with("QUIT") {
            write.write_all(b"221 bye\r\n").await?;
            return Ok(());
        } else {
            if let Some(path) = line.get(10..).filter(|_| command.starts_with("MAIL FROM:")) {
                path.clone_into(&mut mail.sender);
            } else if let Some(path) = line.get(8..).filter(|_| command.starts_with("RCPT TO:")) {
                path.clone_into(&mut mail.recipient);
            }
            "250 mail.example.com\r\n"
        };
        write.write_all(reply.as_bytes()).await?;
    }
    Ok(())
}

/// The reply to a mail; `None` closes the connection.
async fn reply(mail: Mail, text: &[u8], state: &ProviderState) -> Option<&'static str> {
    let Mail { sender, recipient } = mail;
    let Some(token) = token_in(text) else { return Some("554 no token in it\r\n") };
    let submission = Submission { token, recipient, sender, repeat_key: None, own_id: None };
    Some(match state.decide(&submission).await {
        Decision::Taken(_) | Decision::TakenBefore(_) => "250 2.0.0 queued\r\n",
        Decision::Refused(Refusal::Unavailable) => "451 4.3.0 not now\r\n",
        Decision::Refused(Refusal::TooFast) => "450 4.7.1 too many messages\r\n",
        Decision::Refused(Refusal::Sender) => "550 5.7.1 sender rejected\r\n",
        Decision::Refused(Refusal::Undocumented) => "554 refused\r\n",
        Decision::Failed(_) => "451 4.3.0 failed inside\r\n",
        Decision::Closed => return None,
    })
}
