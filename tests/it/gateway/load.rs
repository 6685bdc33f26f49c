//! A load of messages whose sends are observed outside of the gateway: by an SMTP server, and by a WireMock in place of Twilio
//! and WhatsApp. It keeps what was asked and what was acknowledged.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use relevo::model::AttemptRef;
use relevo::wire::v1;
use relevo::wire::v1::send_stream_response::Result as Answer;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_stream::StreamExt;
use tonic::Code;

use super::process::Gateway;
use super::providers::{smtp, twilio, twilio_accepts, whatsapp, whatsapp_accepts};
use super::{ana, by, offer, order};
use crate::api::send;
use crate::peers::{Smtp, WiremockStubs};

/// How many callers send one message after the other.
const CALLERS: usize = 6;

/// The servers at the other end.
pub struct ReceivingServers {
    mail: Smtp,
    sms: WiremockStubs,
    whatsapp: WiremockStubs,
}

/// The sends of one message that the servers observed.
#[derive(Debug, Default)]
pub struct ObservedSends {
    /// How often each attempt was observed, where the request names the attempt.
    pub attempts: BTreeMap<i32, usize>,
    /// How many SMS were observed: a request to Twilio does not name the attempt.
    pub sms: usize,
}

impl ReceivingServers {
    /// Starts the servers. Twilio and WhatsApp take `delay_ms` to answer, so that calls are in flight at any time.
    pub async fn start(mail: &str, sms: &'static str, whatsapp: &'static str, delay_ms: u64) -> Self {
        let servers = Self {
            mail: Smtp::start(mail, &["--dsn"]),
            sms: WiremockStubs::new(sms),
            whatsapp: WiremockStubs::new(whatsapp),
        };
        let late = |mut answer: Value| {
            answer["fixedDelayMilliseconds"] = delay_ms.into();
            answer
        };
        servers.sms.answer(json!({}), late(twilio_accepts())).await;
        servers.whatsapp.answer(json!({}), late(whatsapp_accepts())).await;
        servers
    }

    /// The configuration of the providers that call them.
    pub fn providers(&self) -> String {
        smtp("mail", self.mail.port(), "tls = 'none'\nnotices = 'failure'", "")
            + &twilio("sms", self.sms.url(), "")
            + &whatsapp("whatsapp", self.whatsapp.url(), "")
    }

    /// Lets the servers forget what they took.
    pub async fn forget(&self) {
        self.sms.forget().await;
        self.whatsapp.forget().await;
    }

    /// The observed sends of each message, by its id. `id_of` returns the id of the message with this text.
    pub async fn effects(&self, id_of: impl Fn(&str) -> String) -> BTreeMap<String, ObservedSends> {
        let mut effects: BTreeMap<String, ObservedSends> = BTreeMap::new();
        let mut seen = |id: &str, attempt: &str| {
            let effect = effects.entry(id.to_owned()).or_default();
            *effect.attempts.entry(attempt.parse().unwrap()).or_default() += 1;
        };
        for mail in self.mail.taken() {
            // All attempts at a mail have one Message-ID. What the server may name in its reports is the attempt's own.
            let mut notices =
                mail["notices"].as_array().unwrap().iter().map(|notice| notice.as_str().unwrap());
            let envelope_id = notices.find_map(|notice| notice.strip_prefix("ENVID=")).unwrap();
            let (id, attempt) = envelope_id.rsplit_once('.').unwrap();
            seen(id, attempt);
        }
        for request in self.whatsapp.requests().await {
            let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
            let echo: AttemptRef = body["biz_opaque_callback_data"].as_str().unwrap().parse().unwrap();
            seen(&echo.message.to_string(), &echo.attempt.to_string());
        }
        for request in self.sms.requests().await {
            let body = request["body"].as_str().unwrap();
            let (_, text) =
                url::form_urlencoded::parse(body.as_bytes()).find(|(name, _)| name == "Body").unwrap();
            effects.entry(id_of(&text)).or_default().sms += 1;
        }
        effects
    }
}

/// What was asked of the gateway, and what it acknowledged. Clones share it.
#[derive(Clone, Default)]
pub struct Load(Arc<Mutex<Ledger>>);

#[derive(Default)]
struct Ledger {
    /// The acknowledged ids by idempotency key; `None` where no answer came.
    asked: BTreeMap<String, Option<String>>,
    /// The keys that callers repeat before they use new ones.
    again: Vec<String>,
}

impl Load {
    /// The message with this idempotency key: always the same one for the same key. Every third is commercial.
    pub fn spec(key: &str) -> v1::MessageSpec {
        use v1::Channel::{Email, Sms, Whatsapp};
        let number: usize = key.rsplit('-').next().unwrap().parse().unwrap();
        let spec = if number.is_multiple_of(3) { offer() } else { order() };
        let channels: [&[v1::Channel]; 5] =
            [&[Email], &[Sms], &[Whatsapp, Sms], &[Whatsapp], &[Sms, Email, Whatsapp]];
        let mut spec = by(channels[number % 5], spec);
        spec.content.as_mut().unwrap().text = key.to_owned();
        v1::MessageSpec { idempotency_key: key.to_owned(), ..spec }
    }

    /// Creates the contact of all messages, with every opt-in.
    pub async fn prepare(gateway: &Gateway) {
        gateway.upsert_contact(ana()).await;
        for channel in [v1::Channel::Email, v1::Channel::Sms, v1::Channel::Whatsapp] {
            gateway.record_consent(v1::ConsentAction::Grant, channel, "offers").await;
        }
    }

    /// Sends until the gateway no longer answers: by single calls without end, and by one stream of `streamed` messages.
    /// Returns the callers, and the count of acknowledged messages.
    pub fn start(&self, gateway: &Gateway, streamed: usize) -> (JoinSet<()>, watch::Receiver<usize>) {
        let acknowledged = watch::Sender::new(0);
        let receiver = acknowledged.subscribe();
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let (load, mut messages, acknowledged) = (self.clone(), gateway.messages(), acknowledged.clone());
            callers.spawn(async move {
                loop {
                    let key = load.next();
                    match messages.send(send(Self::spec(&key))).await {
                        Ok(answer) => {
                            load.acknowledge(&key, answer.into_inner());
                            acknowledged.send_modify(|count| *count += 1);
                        }
                        // The machine was too busy, and the gateway is there.
                        Err(status) if status.code() == Code::DeadlineExceeded => {}
                        Err(_) => return,
                    }
                }
            });
        }
        let (load, mut messages) = (self.clone(), gateway.messages());
        callers.spawn(async move {
            let keys: Vec<String> = (0..streamed).map(|_| load.next()).collect();
            let requests = tokio_stream::iter(requests(keys.clone()));
            let Ok(answers) = messages.send_stream(requests).await else { return };
            let mut answers = answers.into_inner();
            while let Some(Ok(answer)) = answers.next().await {
                let Some(Answer::Accepted(accepted)) = answer.result else { panic!("{answer:?}") };
                load.acknowledge(&keys[answer.sequence as usize], accepted);
                acknowledged.send_modify(|count| *count += 1);
            }
        });
        (callers, receiver)
    }

    /// Makes callers repeat half of the messages that were not acknowledged so far.
    pub fn ask_again(&self) {
        let mut ledger = self.ledger();
        let vain = ledger.asked.iter().filter(|(_, id)| id.is_none()).map(|(key, _)| key.clone());
        ledger.again = vain.step_by(2).collect();
    }

    /// Every message that was asked for by its key, and its id where it was acknowledged.
    pub fn asked(&self) -> BTreeMap<String, Option<String>> {
        self.ledger().asked.clone()
    }

    /// Repeats every message that was ever asked for, and returns each answer with its key.
    pub async fn repeat(&self, gateway: &Gateway) -> Vec<(String, v1::SendResponse)> {
        let keys: Vec<String> = self.asked().into_keys().collect();
        let requests = tokio_stream::iter(requests(keys.clone()));
        let mut answers = gateway.messages().send_stream(requests).await.unwrap().into_inner();
        let mut repeated = Vec::new();
        for key in keys {
            let answer = answers.next().await.expect("an answer to each").unwrap();
            let Some(Answer::Accepted(accepted)) = answer.result else { panic!("{key}: {answer:?}") };
            repeated.push((key, accepted));
        }
        repeated
    }

    fn next(&self) -> String {
        let mut ledger = self.ledger();
        if let Some(key) = ledger.again.pop() {
            return key;
        }
        let key = format!("load-{}", ledger.asked.len());
        ledger.asked.insert(key.clone(), None);
        key
    }

    fn acknowledge(&self, key: &str, answer: v1::SendResponse) {
        self.ledger().asked.insert(key.to_owned(), Some(answer.message_id));
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap()
    }
}

fn requests(keys: Vec<String>) -> impl Iterator<Item = v1::SendStreamRequest> {
    (0..).zip(keys).map(|(sequence, key)| v1::SendStreamRequest { message: Some(Load::spec(&key)), sequence })
}
