//! One connection to a server, and the commands on it: one at a time, or together where the server takes them so.

use std::fmt::Display;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Ehlo, Mail as MailFrom, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use tokio::net::TcpStream;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout, timeout_at};

use super::mail::Mail;
use super::replies::{self, Reply, Stage};
use super::settings::{Settings, Tls};
use crate::adapters::{BuildError, refused};
use crate::model::{Outcome, Rejection};

/// How long to be polite for when leaving.
const QUIT_TIMEOUT: Duration = Duration::from_secs(1);

/// How to reach a server.
pub(super) struct Server {
    host: String,
    port: u16,
    tls: Tls,
    tls_parameters: TlsParameters,
    credentials: Option<Credentials>,
    hello: ClientId,
    connect_timeout: Duration,
}

impl Server {
    pub(super) fn new(settings: &Settings, connect_timeout: Duration) -> Result<Self, BuildError> {
        let credentials = settings.username.clone().zip(settings.password.as_ref());
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port(),
            tls: settings.tls,
            tls_parameters: tls_parameters(settings)?,
            credentials: credentials.map(|(user, password)| Credentials::new(user, password.expose().into())),
            hello: settings.hello_name.clone().map_or_else(ClientId::default, ClientId::Domain),
            connect_timeout,
        })
    }

    /// Connects, encrypts and authenticates.
    pub(super) async fn connect(&self) -> Result<Connection, Outcome> {
        let connecting = timeout(self.connect_timeout, self.open());
        connecting.await.unwrap_or_else(|_| Err(replies::unavailable(Stage::Connect, "no answer in time")))
    }

    async fn open(&self) -> Result<Connection, Outcome> {
        let smtp = match self.tls {
            Tls::Implicit => {
                let (address, tls) = ((self.host.as_str(), self.port), Some(self.tls_parameters.clone()));
                AsyncSmtpConnection::connect_tokio1(address, None, &self.hello, tls, None).await
            }
            Tls::None | Tls::Starttls => {
                AsyncSmtpConnection::connect_with_transport(Box::new(self.dial().await?), &self.hello).await
            }
        };
        let mut smtp = smtp.map_err(|error| failure(Stage::Connect, &error))?;
        if self.tls == Tls::Starttls {
            self.encrypt(&mut smtp).await?;
        }
        let pipelining = self.offers_pipelining(&mut smtp).await?;
        if let Some(credentials) = &self.credentials {
            authenticate(&mut smtp, credentials).await?;
        }
        Ok(Connection { smtp, pipelining, state: State::Ready })
    }

    /// Whether the server takes commands together (RFC 2920). lettre reads what a server offers, but not this, so the server
    /// is greeted once more, which a client may do at any time (RFC 5321, section 4.1.4).
    async fn offers_pipelining(&self, smtp: &mut AsyncSmtpConnection) -> Result<bool, Outcome> {
        let answer = smtp.command(Ehlo::new(self.hello.clone())).await;
        let offers = answer.map_err(|error| failure(Stage::Connect, &error))?;
        Ok(offers.message().any(|line| line.trim().eq_ignore_ascii_case("PIPELINING")))
    }

    /// Opens the socket. lettre writes the text and its final dot one after the other, so with Nagle's algorithm the dot
    /// would wait for the server's delayed acknowledgement of the text: 40 ms for each message.
    async fn dial(&self) -> Result<TcpStream, Outcome> {
        let failed = |error: io::Error| replies::unavailable(Stage::Connect, &error.to_string());
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok(stream)
    }

    async fn encrypt(&self, smtp: &mut AsyncSmtpConnection) -> Result<(), Outcome> {
        // Going on in clear would let anybody on the way take the offer out.
        if !smtp.can_starttls() {
            return Err(replies::misconfigured("the server does not offer STARTTLS"));
        }
        let encrypted = smtp.starttls(self.tls_parameters.clone(), &self.hello).await;
        encrypted.map_err(|error| failure(Stage::Connect, &error))
    }
}

async fn authenticate(smtp: &mut AsyncSmtpConnection, credentials: &Credentials) -> Result<(), Outcome> {
    if smtp.server_info().get_auth_mechanism(DEFAULT_MECHANISMS).is_none() {
        return Err(replies::misconfigured("the server offers neither AUTH PLAIN nor AUTH LOGIN"));
    }
    let accepted = smtp.auth(DEFAULT_MECHANISMS, credentials).await;
    accepted.map(drop).map_err(|error| match error.status() {
        // Without its text, because some servers repeat the command, and so the password.
        Some(code) => Reply::new(code.into(), "the server refuses the credentials").outcome(Stage::Auth),
        None => failure(Stage::Auth, &error),
    })
}

fn tls_parameters(settings: &Settings) -> Result<TlsParameters, BuildError> {
    let mut builder = TlsParameters::builder(settings.host.clone());
    let path = settings.ca_file.clone().unwrap_or_default();
    let wrong =
        |detail: String| BuildError::File { setting: "ca_file", path: path.display().to_string(), detail };
    if settings.ca_file.is_some() {
        let pem = std::fs::read(&path).map_err(|error| wrong(error.to_string()))?;
        let certificate = Certificate::from_pem(&pem).map_err(|error| wrong(error.to_string()))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|error| wrong(error.to_string()))
}

/// Where a connection stands between two commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
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
pub(super) struct Connection {
    smtp: AsyncSmtpConnection,
    pipelining: bool,
    state: State,
}

impl Connection {
    /// Whether it can carry another message.
    pub(super) fn is_usable(&self) -> bool {
        self.state != State::Lost
    }

    /// Begins a message: as far as the server's leave to send its text, where it takes commands together.
    pub(super) async fn begin(&mut self, mail: &Mail) -> Result<(), Outcome> {
        let parameters = self.parameters(mail)?;
        if self.state == State::Begun {
            self.command(Stage::Mail, Rset).await?;
        }
        let from = MailFrom::new(Some(mail.from.clone()), parameters);
        if self.pipelining {
            self.pipeline(from, Rcpt::new(mail.to.clone(), vec![])).await
        } else {
            self.command(Stage::Mail, from).await
        }
    }

    /// Names the recipient, if that is still to be done, and hands the message over. `Unknown` is possible only once the
    /// final dot may be on its way.
    pub(super) async fn hand_over(
        &mut self,
        mail: &Mail,
        commands_until: Instant,
        reply_until: Instant,
    ) -> Result<(), Outcome> {
        if self.state != State::Text {
            let late = |_| Err(replies::unavailable(Stage::Recipient, "no answer in time"));
            timeout_at(commands_until, self.name_recipient(&mail.to)).await.unwrap_or_else(late)?;
        }
        self.send_text(&mail.bytes, commands_until, reply_until).await
    }

    async fn name_recipient(&mut self, to: &Address) -> Result<(), Outcome> {
        self.command(Stage::Recipient, Rcpt::new(to.clone(), vec![])).await?;
        self.command(Stage::Data, Data).await
    }

    /// Sends MAIL, RCPT and DATA in one go, and reads the three replies. The first refusal counts.
    async fn pipeline(&mut self, from: MailFrom, to: Rcpt) -> Result<(), Outcome> {
        self.state = State::Lost;
        let mut answer = self.smtp.command(format!("{from}{to}{Data}")).await;
        let mut refused: Option<(Stage, Reply)> = None;
        for stage in [Stage::Mail, Stage::Recipient, Stage::Data] {
            if stage != Stage::Mail {
                answer = self.smtp.read_response().await;
            }
            match &answer {
                Ok(response) if is_completion(response) != (stage == Stage::Data) => {}
                Ok(response) => {
                    let evidence = format!("unexpected reply {}", response.code());
                    return Err(replies::unavailable(stage, &evidence));
                }
                Err(error) => match reply(error) {
                    Some(reply) if reply.closes() => return Err(reply.outcome(stage)),
                    Some(reply) => refused = refused.or(Some((stage, reply))),
                    None => return Err(replies::unavailable(stage, &error.to_string())),
                },
            }
        }
        match refused {
            None => self.state = State::Text,
            // The server waits for the text of a message to nobody: the connection is given up.
            Some((stage, reply)) if answer.is_ok() => return Err(reply.outcome(stage)),
            Some((stage, reply)) => return Err(self.refusal(stage, &reply, State::Begun)),
        }
        Ok(())
    }

    async fn send_text(
        &mut self,
        text: &[u8],
        dot_until: Instant,
        reply_until: Instant,
    ) -> Result<(), Outcome> {
        self.state = State::Lost;
        let dot_sent = AtomicBool::new(false);
        let answer = transmit(&mut self.smtp, text, &dot_sent, dot_until, reply_until).await;
        let seen = match answer {
            Ok(Ok(response)) if is_completion(&response) => {
                self.state = State::Ready;
                return Ok(());
            }
            Ok(Ok(response)) => format!("unexpected reply {}", response.code()),
            Ok(Err(error)) => match reply(&error) {
                Some(reply) => return Err(self.refusal(Stage::Message, &reply, State::Ready)),
                None => error.to_string(),
            },
            Err(_) => "no answer in time".to_owned(),
        };
        let in_doubt = dot_sent.into_inner();
        Err(if in_doubt { replies::unknown(&seen) } else { replies::unavailable(Stage::Data, &seen) })
    }

    /// What MAIL FROM has to announce (RFC 6531, section 3.4; RFC 6152).
    fn parameters(&self, mail: &Mail) -> Result<Vec<MailParameter>, Outcome> {
        if mail.bytes.is_ascii() && mail.to.user().is_ascii() {
            return Ok(vec![]);
        }
        if !self.smtp.server_info().supports_feature(Extension::SmtpUtfEight) {
            let evidence = "the address has characters beyond ASCII, and the server does not offer SMTPUTF8";
            return Err(refused(Rejection::Address { certain: false }, evidence));
        }
        Ok(vec![MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)])
    }

    async fn command(&mut self, stage: Stage, command: impl Display) -> Result<(), Outcome> {
        self.state = State::Lost;
        let expects_text = stage == Stage::Data;
        match self.smtp.command(command).await {
            Ok(response) if is_completion(&response) != expects_text => {
                self.state = State::Begun;
                Ok(())
            }
            Ok(response) => {
                Err(replies::unavailable(stage, &format!("unexpected reply {}", response.code())))
            }
            Err(error) => match reply(&error) {
                Some(reply) => Err(self.refusal(stage, &reply, State::Begun)),
                None => Err(replies::unavailable(stage, &error.to_string())),
            },
        }
    }

    fn refusal(&mut self, stage: Stage, reply: &Reply, state: State) -> Outcome {
        self.state = if reply.closes() { State::Lost } else { state };
        reply.outcome(stage)
    }

    /// Takes leave in the background (RFC 5321, section 4.1.1.10).
    pub(super) fn close(mut self) {
        tokio::spawn(async move { timeout(QUIT_TIMEOUT, self.smtp.abort()).await });
    }
}

/// Sends the text and waits for the reply. `dot_sent` tells afterwards whether the final dot may be on its way.
async fn transmit(
    smtp: &mut AsyncSmtpConnection,
    text: &[u8],
    dot_sent: &AtomicBool,
    dot_until: Instant,
    reply_until: Instant,
) -> Result<Result<Response, Error>, Elapsed> {
    // lettre asks for the next part, gets none, and only then writes the dot.
    let end = std::iter::from_fn(|| {
        dot_sent.store(true, Ordering::Relaxed);
        None
    });
    let mut sending = pin!(smtp.message_iter(std::iter::once(text).chain(end)));
    match timeout_at(dot_until, &mut sending).await {
        Err(_) if dot_sent.load(Ordering::Relaxed) => timeout_at(reply_until, sending).await,
        answer => answer,
    }
}

/// `2yz`, as opposed to `354`, which asks for the message.
fn is_completion(response: &Response) -> bool {
    u16::from(response.code()) / 100 == 2
}

fn reply(error: &Error) -> Option<Reply> {
    let text = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    error.status().map(|code| Reply::new(code.into(), &text))
}

fn failure(stage: Stage, error: &Error) -> Outcome {
    match reply(error) {
        Some(reply) => reply.outcome(stage),
        None => replies::unavailable(stage, &error.to_string()),
    }
}
