//! The load: messages of two brands to people in four countries, each at a time that was planned before and does not wait
//! for the ones before it, however late those are (an open loop).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use relevo::clock::Clock;
use relevo::wire::{timestamp, v1};
use tokio::task::JoinHandle;

use crate::gateway::{BRANDS, GatewayApi, until_answered};
use crate::servers::protocol::token_text;
use crate::stopwatch::Stopwatch;

/// The calling codes of the countries, and the numbers in them that follow.
const COUNTRIES: [(&str, &str); 4] =
    [("34", "6001000"), ("44", "74001234"), ("49", "151234567"), ("33", "6123456")];

/// How many people each brand has in each country.
const PEOPLE: usize = 15;

/// How many people are created at once.
const AT_ONCE: usize = 16;

/// How long a caller waits before it asks again what was not answered.
const BETWEEN_TRIES: Duration = Duration::from_millis(250);

/// What to send.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    /// Messages a second.
    pub rate: f64,
    /// By which channels.
    pub channels: Vec<v1::Channel>,
    /// Whether each message begins with another of them.
    pub is_rotating: bool,
    /// The share of commercial messages, of 10.
    pub commercial_tenths: usize,
    /// After how many seconds without a receipt a message is to be tried the next way; never when `None`.
    pub undelivered_after: Option<i64>,
    /// After how many seconds a transactional message is of no use any more; three days when `None`.
    pub transactional_ttl: Option<f64>,
}

impl LoadPlan {
    /// The usual mix, by these channels.
    pub fn new(rate: f64, channels: &[v1::Channel]) -> Self {
        Self {
            rate,
            channels: channels.to_vec(),
            is_rotating: false,
            commercial_tenths: 3,
            undelivered_after: None,
            transactional_ttl: None,
        }
    }
}

/// A message of the load.
#[derive(Clone, Debug)]
pub struct Planned {
    /// When it was to be sent, in seconds since the trial began.
    pub at: f64,
    /// Its brand's place in [`BRANDS`].
    pub brand: usize,
    /// The calling code of the person's country.
    pub country: &'static str,
    /// Whether it is commercial.
    pub is_commercial: bool,
    /// When it is of no use any more, in the same time; without end for one that is of use for days.
    pub expires: f64,
    /// How much later than planned it was really sent, in seconds, because the machine had no time.
    pub late: f64,
    /// Its id, once it was acknowledged.
    pub id: Option<String>,
}

/// The messages so far, by token. Clones share them.
#[derive(Clone)]
pub struct Load {
    watch: Stopwatch,
    clock: Clock,
    messages: Arc<Mutex<HashMap<u32, Planned>>>,
}

impl Load {
    /// One without messages.
    pub fn new(watch: Stopwatch) -> anyhow::Result<Self> {
        Ok(Self { watch, clock: Clock::system()?, messages: Arc::default() })
    }

    /// Creates the people, with an opt-in to commercial messages on each of the channels.
    pub async fn create_people(api: &GatewayApi, channels: &[v1::Channel]) -> anyhow::Result<()> {
        let people = (0..BRANDS.len()).flat_map(|brand| {
            (0..COUNTRIES.len())
                .flat_map(move |country| (0..PEOPLE).map(move |person| (brand, country, person)))
        });
        let created = people
            .map(|(brand, country, person)| create(api, channels, brand, contact(brand, country, person)));
        stream::iter(created).buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Sends by a plan from now on, until the task is aborted.
    pub fn start(&self, api: GatewayApi, plan: LoadPlan) -> JoinHandle<()> {
        let load = self.clone();
        tokio::spawn(async move {
            let from = load.watch.seconds();
            for number in 0_u32.. {
                let at = from + f64::from(number) / plan.rate;
                load.watch.until(at).await;
                load.send(&api, &plan, number as usize, at);
            }
        })
    }

    /// Sends one message that was planned for this time: of this number, from which all that it is follows.
    pub fn send(&self, api: &GatewayApi, plan: &LoadPlan, number: usize, at: f64) {
        let brand = number % BRANDS.len();
        self.send_of(brand, api, plan, number, at);
    }

    /// The same of this brand.
    pub fn send_of(&self, brand: usize, api: &GatewayApi, plan: &LoadPlan, number: usize, at: f64) {
        let country = number / 2 % COUNTRIES.len();
        let person = number / 8 % PEOPLE;
        let is_commercial = number * 7 % 10 < plan.commercial_tenths;
        let ttl = plan.transactional_ttl.filter(|_| !is_commercial);
        let expires = at + ttl.unwrap_or(f64::INFINITY);
        let (country_code, late) = (COUNTRIES[country].0, self.watch.seconds() - at);
        let planned = Planned { at, brand, country: country_code, is_commercial, expires, late, id: None };
        let token = {
            let mut messages = self.messages();
            let token = u32::try_from(messages.len()).unwrap_or(u32::MAX);
            messages.insert(token, planned);
            token
        };
        let recipient = contact(brand, country, person).contact_id;
        let mut channels = plan.channels.clone();
        if plan.is_rotating {
            channels.rotate_left(number % plan.channels.len());
        }
        let channels = channels.into_iter().map(Into::into).collect();
        let spec = v1::MessageSpec { channels, ..self.spec(token, recipient, is_commercial, plan) };
        let (load, api) = (self.clone(), api.clone());
        tokio::spawn(async move { load.send_until_acknowledged(&api, brand, token, spec).await });
    }

    /// Asks again while there is no answer, as callers with an idempotency key do.
    async fn send_until_acknowledged(
        &self,
        api: &GatewayApi,
        brand: usize,
        token: u32,
        spec: v1::MessageSpec,
    ) {
        loop {
            let request = v1::SendRequest { message: Some(spec.clone()) };
            if let Ok(answer) = api.messages(brand).send(request).await {
                let id = answer.into_inner().message_id;
                self.messages().entry(token).and_modify(|planned| planned.id = Some(id));
                return;
            }
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
    }

    fn spec(&self, token: u32, contact: String, is_commercial: bool, plan: &LoadPlan) -> v1::MessageSpec {
        let (class, topic) = match is_commercial {
            true => (v1::MessageClass::Commercial, "offers"),
            false => (v1::MessageClass::Transactional, "orders"),
        };
        let ttl = plan.transactional_ttl.filter(|_| !is_commercial).map(Duration::from_secs_f64);
        let undelivered_after =
            plan.undelivered_after.map(|seconds| prost_types::Duration { seconds, nanos: 0 });
        let fallback = v1::FallbackPolicy { on_failed: true, undelivered_after, unread_after: None };
        v1::MessageSpec {
            recipient: Some(v1::message_spec::Recipient::ContactId(contact)),
            message_class: class.into(),
            topic: topic.into(),
            content: Some(content(&token_text(token))),
            idempotency_key: token_text(token),
            expire_time: ttl.and_then(|ttl| self.clock.now().saturating_add(ttl).ok()).map(timestamp),
            fallback: Some(fallback),
            ..v1::MessageSpec::default()
        }
    }

    /// Every message so far, by token.
    pub fn planned(&self) -> HashMap<u32, Planned> {
        self.messages().clone()
    }

    /// Whether every message was acknowledged.
    pub fn is_acknowledged(&self) -> bool {
        self.messages().values().all(|planned| planned.id.is_some())
    }

    fn messages(&self) -> MutexGuard<'_, HashMap<u32, Planned>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn create(
    api: &GatewayApi,
    channels: &[v1::Channel],
    brand: usize,
    contact: v1::Contact,
) -> anyhow::Result<()> {
    let contact_id = contact.contact_id.clone();
    let request = v1::UpsertContactRequest { contact: Some(contact), update_mask: None };
    until_answered(async || api.contacts(brand).upsert_contact(request.clone()).await).await?;
    for &channel in channels {
        let grant = opt_in(&contact_id, channel);
        until_answered(async || api.consents(brand).record_consent(grant.clone()).await).await?;
    }
    Ok(())
}

fn content(token: &str) -> v1::Content {
    let template = v1::WhatsappTemplate {
        name: "order_update".into(),
        language: "en_US".into(),
        parameters: vec![token.into()],
        ..v1::WhatsappTemplate::default()
    };
    v1::Content {
        text: format!("Your order {token} is on its way."),
        subject: "Your order".into(),
        whatsapp: Some(v1::WhatsappContent { template: Some(template), ..Default::default() }),
        ..v1::Content::default()
    }
}

fn contact(brand: usize, country: usize, person: usize) -> v1::Contact {
    use v1::address::Value::{Email, Phone, TelegramChatId};
    let (code, number) = COUNTRIES[country];
    let contact_id = format!("person-{code}-{person}");
    let chat = i64::try_from(1 + (brand * COUNTRIES.len() + country) * PEOPLE + person).unwrap_or(1);
    // Each brand has people of its own.
    let phone = format!("+{code}{number}{:02}", brand * PEOPLE + person);
    let values = [Email(format!("{contact_id}@example.com")), Phone(phone), TelegramChatId(chat)];
    let address = |value| v1::ContactAddress {
        address: Some(v1::Address { value: Some(value) }),
        ..v1::ContactAddress::default()
    };
    v1::Contact { contact_id, addresses: values.map(address).to_vec(), ..v1::Contact::default() }
}

fn opt_in(contact_id: &str, channel: v1::Channel) -> v1::RecordConsentRequest {
    let (source, method) = ("checkout".into(), "web_form".into());
    v1::RecordConsentRequest {
        contact_id: contact_id.to_owned(),
        action: v1::ConsentAction::Grant.into(),
        channel: channel.into(),
        topic: "offers".into(),
        evidence: Some(v1::Evidence { source, method, ..v1::Evidence::default() }),
    }
}
