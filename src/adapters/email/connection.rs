//! One connection to a server, and the commands on it: one at a time, or together where the server takes them so.

use std::fmt::Display;
use std::io;
use std::pin::pin;
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Ehlo, Mail as MailFrom, Rcpt, Rset};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use super::auth::SmtpLogin;
use super::extensions::SmtpExtensions;
use super::failures::{failure, reply_in};
use super::mail::PreparedMail;
use super::replies::{self, SmtpReply, SmtpStage};
use super::reply_limit::ReplyLimit;
use super::settings::{DsnRequest, ServerAddress, SmtpSettings};
use super::tls::{TlsConnection, TlsMode};
use crate::adapters::local_failure::local_failure;
use crate::adapters::name_lookup;
use crate::adapters::{ProviderBuildError, answer_within};
use crate::model::Outcome;

/// How long `QUIT` may take.
const QUIT_TIMEOUT: Duration = Duration::from_secs(1);

/// How to reach a server.
pub(super) struct SmtpServer {
    host: String,
    port: u16,
    encryption: TlsMode,
    login: Option<SmtpLogin>,
    hello: ClientId,
    notices: DsnRequest,
    connect_timeout: Duration,
}

impl SmtpServer {
    /// The server at this place, with what the settings say of all.
    ///
    /// # Errors
    /// When the file of certificates cannot be used.
    pub(super) fn new(
        settings: &SmtpSettings,
        at: ServerAddress<'_>,
        connect_timeout: Duration,
    ) -> Result<Self, ProviderBuildError> {
        Ok(Self {
            host: at.host.to_owned(),
            port: at.port,
            encryption: TlsMode::new(settings, at.host)?,
            login: SmtpLogin::new(settings),
            hello: settings.hello_name.clone().map_or_else(ClientId::default, ClientId::Domain),
            notices: settings.notices,
            connect_timeout,
        })
    }

    /// Connects, encrypts and authenticates.
    pub(super) async fn connect(&self) -> Result<SmtpConnection, Outcome> {
        let connecting = timeout(self.connect_timeout, self.open());
        connecting
            .await
            .unwrap_or_else(|_| Err(replies::unavailable(SmtpStage::Connect, "no answer in time")))
    }

    async fn open(&self) -> Result<SmtpConnection, Outcome> {
        let mut smtp = self.greet(self.dial().await?).await?;
        let offers = self.offers(&mut smtp).await?;
        if let Some(login) = &self.login {
            login.authenticate(&mut smtp).await?;
        }
        Ok(SmtpConnection { smtp, offers, notices: self.notices, state: SmtpConnectionState::Ready })
    }

    async fn greet(&self, stream: TcpStream) -> Result<AsyncSmtpConnection, Outcome> {
        let failed = |error| failure(SmtpStage::Connect, &error);
        let greeted = match &self.encryption {
            TlsMode::Implicit(connector, name) => {
                let encrypted = connector.connect(name.clone(), stream).await.map_err(unreachable_server)?;
                let io = ReplyLimit::new(TlsConnection(encrypted));
                AsyncSmtpConnection::connect_with_transport(Box::new(io), &self.hello).await
            }
            TlsMode::None | TlsMode::Starttls(_) => {
                let io = ReplyLimit::new(stream);
                AsyncSmtpConnection::connect_with_transport(Box::new(io), &self.hello).await
            }
        };
        let mut smtp = greeted.map_err(failed)?;
        if let TlsMode::Starttls(parameters) = &self.encryption {
            // Going on in clear would let anybody on the way take the offer out.
            if !smtp.can_starttls() {
                return Err(replies::misconfigured("the server does not offer STARTTLS"));
            }
            smtp.starttls(parameters.clone(), &self.hello).await.map_err(failed)?;
        }
        Ok(smtp)
    }

    /// What the server offers. lettre has asked, but reads not all of it, so the server is greeted once more, which a client may
    /// do at any time (RFC 5321, section 4.1.4).
    async fn offers(&self, smtp: &mut AsyncSmtpConnection) -> Result<SmtpExtensions, Outcome> {
        let answer = smtp.command(Ehlo::new(self.hello.clone())).await;
        let offers = answer.map_err(|error| failure(SmtpStage::Connect, &error))?;
        Ok(SmtpExtensions::read(offers.message()))
    }

    /// Opens the socket. lettre writes the text and its final dot one after the other, so with Nagle's algorithm the dot
    /// would wait for the server's delayed acknowledgement of the text: 40 ms for each message.
    async fn dial(&self) -> Result<TcpStream, Outcome> {
        let stream = name_lookup::connect(&self.host, self.port, self.connect_timeout).await;
        let stream = stream.map_err(unreachable_server)?;
        stream.set_nodelay(true).map_err(unreachable_server)?;
        Ok(stream)
    }
}

fn unreachable_server(error: io::Error) -> Outcome {
    local_failure(&error).unwrap_or_else(|| replies::unavailable(SmtpStage::Connect, &error.to_string()))
}

/// Where a connection stands between two commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SmtpConnectionState {
    /// The next message may begin.
    Ready,
    /// A message was begun and refused: the server has to be told to forget it.
    Begun,
    /// The server waits for the text of a message.
    Text,
    /// A reply is missing or unreadable, or was the last one: whatever is read next may answer another command.
    Lost,
}

/// One connection. Dropped in mid-command it just closes.
pub(super) struct SmtpConnection {
    smtp: AsyncSmtpConnection,
    offers: SmtpExtensions,
    notices: DsnRequest,
    state: SmtpConnectionState,
}

impl SmtpConnection {
    /// Whether it can carry another message.
    pub(super) fn is_usable(&self) -> bool {
        self.state != SmtpConnectionState::Lost
    }

    /// Begins a message: up to the server's permission to send its text, where the server takes commands together.
    pub(super) async fn start_transaction(&mut self, mail: &PreparedMail) -> Result<(), Outcome> {
        let parameters = self.offers.mail_parameters(mail, self.notices)?;
        if self.state == SmtpConnectionState::Begun {
            self.command(SmtpStage::Mail, Rset).await?;
        }
        let from = MailFrom::new(Some(mail.from.clone()), parameters);
        if self.offers.pipelining {
            self.pipeline(from, self.recipient(mail)).await
        } else {
            self.command(SmtpStage::Mail, from).await
        }
    }

    /// Names the recipient, if that is still to be done, and hands the message over. `Unknown` is possible only once the
    /// final dot may be on its way.
    pub(super) async fn hand_over(
        &mut self,
        mail: &PreparedMail,
        commands_until: Instant,
        final_reply_timeout: Duration,
    ) -> Result<(), Outcome> {
        if self.state != SmtpConnectionState::Text {
            let late = |_| Err(replies::unavailable(SmtpStage::Recipient, "no answer in time"));
            timeout_at(commands_until, self.name_recipient(mail)).await.unwrap_or_else(late)?;
        }
        self.send_text(&mail.bytes, commands_until, final_reply_timeout).await
    }

    async fn name_recipient(&mut self, mail: &PreparedMail) -> Result<(), Outcome> {
        self.command(SmtpStage::Recipient, self.recipient(mail)).await?;
        self.command(SmtpStage::Data, Data).await
    }

    fn recipient(&self, mail: &PreparedMail) -> Rcpt {
        Rcpt::new(mail.to.clone(), self.offers.rcpt_parameters(mail, self.notices))
    }

    /// Sends MAIL, RCPT and DATA in one go, and reads the three replies. The first refusal counts.
    async fn pipeline(&mut self, from: MailFrom, to: Rcpt) -> Result<(), Outcome> {
        self.state = SmtpConnectionState::Lost;
        let mut answer = self.smtp.command(format!("{from}{to}{Data}")).await;
        let mut refused: Option<(SmtpStage, SmtpReply)> = None;
        for stage in [SmtpStage::Mail, SmtpStage::Recipient, SmtpStage::Data] {
            if stage != SmtpStage::Mail {
                answer = self.smtp.read_response().await;
            }
            match &answer {
                Ok(response) if is_completion(response) != (stage == SmtpStage::Data) => {}
                Ok(response) => {
                    let evidence = format!("unexpected reply {}", response.code());
                    return Err(replies::unavailable(stage, &evidence));
                }
                Err(error) => match reply_in(error) {
                    Some(reply) if reply.closes() => return Err(reply.outcome(stage)),
                    Some(reply) => refused = refused.or(Some((stage, reply))),
                    None => return Err(replies::unavailable(stage, &error.to_string())),
                },
            }
        }
        match refused {
            None => self.state = SmtpConnectionState::Text,
            // The server waits for the text of a message to nobody: the connection is given up.
            Some((stage, reply)) if answer.is_ok() => return Err(reply.outcome(stage)),
            Some((stage, reply)) => return Err(self.refusal(stage, &reply, SmtpConnectionState::Begun)),
        }
        Ok(())
    }

    async fn send_text(
        &mut self,
        text: &[u8],
        dot_until: Instant,
        final_reply_timeout: Duration,
    ) -> Result<(), Outcome> {
        self.state = SmtpConnectionState::Lost;
        let sent = transmit(&mut self.smtp, text, dot_until, final_reply_timeout).await;
        let seen = match sent.answer {
            Some(Ok(response)) if is_completion(&response) => {
                self.state = SmtpConnectionState::Ready;
                return Ok(());
            }
            Some(Ok(response)) => format!("unexpected reply {}", response.code()),
            Some(Err(error)) => match reply_in(&error) {
                Some(reply) => {
                    return Err(self.refusal(SmtpStage::Message, &reply, SmtpConnectionState::Ready));
                }
                None => error.to_string(),
            },
            None => "no answer in time".to_owned(),
        };
        Err(if sent.with_dot {
            replies::unknown(&seen)
        } else {
            replies::unavailable(SmtpStage::Data, &seen)
        })
    }

    async fn command(&mut self, stage: SmtpStage, command: impl Display) -> Result<(), Outcome> {
        self.state = SmtpConnectionState::Lost;
        let expects_text = stage == SmtpStage::Data;
        match self.smtp.command(command).await {
            Ok(response) if is_completion(&response) != expects_text => {
                self.state = SmtpConnectionState::Begun;
                Ok(())
            }
            Ok(response) => {
                Err(replies::unavailable(stage, &format!("unexpected reply {}", response.code())))
            }
            Err(error) => match reply_in(&error) {
                Some(reply) => Err(self.refusal(stage, &reply, SmtpConnectionState::Begun)),
                None => Err(replies::unavailable(stage, &error.to_string())),
            },
        }
    }

    fn refusal(&mut self, stage: SmtpStage, reply: &SmtpReply, state: SmtpConnectionState) -> Outcome {
        self.state = if reply.closes() { SmtpConnectionState::Lost } else { state };
        reply.outcome(stage)
    }

    /// Sends `QUIT` in the background (RFC 5321, section 4.1.1.10).
    pub(super) fn close(mut self) {
        tokio::spawn(async move { timeout(QUIT_TIMEOUT, self.smtp.abort()).await });
    }
}

/// What came of sending a text.
struct SentText {
    /// The reply; `None` when there was none in time.
    answer: Option<Result<Response, Error>>,
    /// Whether the final dot may be on its way.
    with_dot: bool,
}

/// Sends the text, whose final dot must be on its way by `dot_until`, and then waits for the reply.
async fn transmit(
    smtp: &mut AsyncSmtpConnection,
    text: &[u8],
    dot_until: Instant,
    reply_timeout: Duration,
) -> SentText {
    let (dot, mut dot_sent) = oneshot::channel();
    let mut dot = Some(dot);
    // lettre asks for the next part, gets none, and only then writes the dot.
    let end = std::iter::from_fn(|| {
        // Whoever waits for it is there as long as the text is being sent.
        let _ = dot.take()?.send(());
        None
    });
    let mut sending = pin!(smtp.message_iter(std::iter::once(text).chain(end)));
    tokio::select! {
        biased;
        answer = &mut sending => {
            return SentText { answer: Some(answer), with_dot: dot_sent.try_recv().is_ok() };
        }
        sent = timeout_at(dot_until, &mut dot_sent) => if sent.is_err() {
            return SentText { answer: None, with_dot: false };
        }
    }
    SentText { answer: answer_within(reply_timeout, sending).await, with_dot: true }
}

/// `2yz`, as opposed to `354`, which asks for the message.
fn is_completion(response: &Response) -> bool {
    u16::from(response.code()) / 100 == 2
}
