//! A trial: a fresh gateway, its providers, a load, and a trouble that comes and goes. What happened is kept in a
//! [`Record`].

use std::collections::HashMap;

use anyhow::{Context as _, ensure};
use relevo::wire::v1::{self, MessageState};
use tokio::task::JoinHandle;

use crate::gateway::{BRANDS, Gateway, GatewayDirectory, until_answered};
use crate::load::{Load, LoadPlan};
use crate::record::{MessageRecord, ProviderRecord, Record, Span};
use crate::servers::trouble::Trouble;
use crate::servers::{ExpiredCertificate, FakeProvider, Kind, ReceiptSender};
use crate::stopwatch::Stopwatch;

/// How long each part of a trial lasts, in seconds, and how much is sent.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Messages a second.
    pub rate: f64,
    /// Before the trouble.
    pub healthy: f64,
    /// With the trouble.
    pub trouble: f64,
    /// After it.
    pub relief: f64,
    /// How long what is left may take to end, once nothing more is sent.
    pub drain: f64,
}

impl Pace {
    /// The whole form, from which the numbers come.
    pub const FULL: Self = Self { rate: 60.0, healthy: 5.0, trouble: 20.0, relief: 12.0, drain: 20.0 };
    /// The short form, which is to show that nothing breaks.
    pub const SHORT: Self = Self { rate: 15.0, healthy: 2.0, trouble: 8.0, relief: 6.0, drain: 10.0 };
}

/// A provider of a trial.
#[derive(Clone, Copy, Debug)]
pub struct ProviderPlan {
    /// Its name in the configuration.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// More settings of it, before the table of its adapter. Those of `[providers.limits]` come last.
    pub settings: &'static str,
    /// Where it is.
    pub place: Place,
}

/// Where a provider is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On loopback.
    Loopback,
    /// At a name that nobody has (RFC 6761, section 6.4).
    UnknownName,
    /// Behind a certificate that has expired.
    ExpiredCertificate,
}

impl ProviderPlan {
    /// One on loopback without further settings.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, settings: "", place: Place::Loopback }
    }

    /// The same with these settings.
    pub const fn with(self, settings: &'static str) -> Self {
        Self { settings, ..self }
    }

    /// The same at another place.
    pub const fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }
}

/// A trial that runs.
pub struct Trial {
    /// How long its parts last.
    pub pace: Pace,
    /// Its time.
    pub watch: Stopwatch,
    /// What is sent.
    pub load: Load,
    providers: Vec<FakeProvider>,
    directory: GatewayDirectory,
    gateway: Gateway,
    sending: Option<JoinHandle<()>>,
    span: Span,
    /// Lives as long as the trial, where a provider has one.
    _certificate: Option<ExpiredCertificate>,
}

impl Trial {
    /// Starts the providers and a gateway with them, and creates the people of the load.
    pub async fn start(pace: Pace, plans: &[ProviderPlan], has_receipts: bool) -> anyhow::Result<Self> {
        let watch = Stopwatch::start();
        let mut directory = GatewayDirectory::new()?;
        let receipts = ReceiptSender::new(has_receipts.then_some(directory.inbound_port))?;
        let mut providers = Vec::new();
        for plan in plans {
            providers.push(FakeProvider::start(plan.name, plan.kind, watch, receipts.clone()).await?);
        }
        let mut certificate = None;
        if plans.iter().any(|plan| plan.place == Place::ExpiredCertificate) {
            let expired = ExpiredCertificate::start().await?;
            directory.write("authority.pem", &expired.pem)?;
            certificate = Some(expired);
        }
        let port = certificate.as_ref().map_or(0, |expired| expired.port);
        let config: String =
            plans.iter().zip(&providers).map(|(plan, provider)| table(plan, provider, port)).collect();
        directory.configure(&config).await?;
        let gateway = directory.start().await?;
        let span = Span::default();
        let load = Load::new(watch)?;
        let (sending, _certificate) = (None, certificate);
        Ok(Self { pace, watch, load, providers, directory, gateway, sending, span, _certificate })
    }

    /// Begins to send, and waits as long as the time before the trouble lasts.
    pub async fn healthy(&mut self, plan: &LoadPlan) -> anyhow::Result<()> {
        self.begin(plan).await?;
        self.pass(self.pace.healthy).await;
        Ok(())
    }

    /// Creates the people and begins to send.
    pub async fn begin(&mut self, plan: &LoadPlan) -> anyhow::Result<()> {
        self.create_people(&plan.channels).await?;
        self.sending = Some(self.load.start(self.gateway.api.clone(), plan.clone()));
        Ok(())
    }

    /// Creates the people.
    pub async fn create_people(&mut self, channels: &[v1::Channel]) -> anyhow::Result<()> {
        Load::create_people(&self.gateway.api, channels).await?;
        self.span.from = self.watch.seconds();
        self.span.began = self.span.from;
        Ok(())
    }

    /// Sends one message of a brand now.
    pub fn send_of(&self, brand: usize, plan: &LoadPlan, number: usize) {
        self.load.send_of(brand, &self.gateway.api, plan, number, self.watch.seconds());
    }

    /// Gives providers a trouble for so many seconds.
    pub async fn trouble(&mut self, names: &[&str], trouble: Trouble, seconds: f64) {
        self.begin_trouble();
        self.set_trouble(names, Some(trouble));
        self.pass(seconds).await;
        self.set_trouble(names, None);
        self.end_trouble();
    }

    /// Marks the beginning of the trouble.
    pub fn begin_trouble(&mut self) {
        self.span.from = self.watch.seconds();
    }

    /// Marks the end of the trouble.
    pub fn end_trouble(&mut self) {
        self.span.until = self.watch.seconds();
    }

    /// Gives providers a trouble, or takes it away.
    pub fn set_trouble(&self, names: &[&str], trouble: Option<Trouble>) {
        for provider in self.providers.iter().filter(|provider| names.contains(&provider.name)) {
            provider.state.set_trouble(trouble);
        }
    }

    /// Lets so many seconds pass.
    pub async fn pass(&self, seconds: f64) {
        self.watch.until(self.watch.seconds() + seconds).await;
    }

    /// Kills the gateway, and starts another on what it left.
    pub async fn kill_and_restart(self) -> anyhow::Result<Self> {
        self.gateway.kill().await?;
        let gateway = self.directory.start().await?;
        Ok(Self { gateway, ..self })
    }

    /// Puts a provider out of service, or back.
    pub async fn control(&self, provider: &str, mode: v1::ControlMode) -> anyhow::Result<()> {
        let request = v1::SetProviderControlRequest {
            provider: provider.into(),
            mode: mode.into(),
            reason: "game day".into(),
            ..v1::SetProviderControlRequest::default()
        };
        self.gateway.api.providers().set_provider_control(request).await?;
        Ok(())
    }

    /// All that the gateway says of its providers, as text.
    pub async fn told_of_providers(&self) -> anyhow::Result<String> {
        let listed = self.gateway.api.providers().list_providers(v1::ListProvidersRequest {}).await?;
        Ok(format!("{:?}", listed.into_inner()))
    }

    /// Lets the time after the trouble pass, ends the load, waits for what is left, and records what happened.
    pub async fn finish(mut self) -> anyhow::Result<Record> {
        self.pass(self.pace.relief).await;
        if let Some(sending) = self.sending.take() {
            sending.abort();
        }
        self.span.ended = self.watch.seconds();
        self.drain().await?;
        let states = self.states().await?;
        let record = self.record(&states);
        self.verify_receipts(&record)?;
        Ok(record)
    }

    /// That the gateway believed what the providers reported: without that, the trial shows nothing.
    fn verify_receipts(&self, record: &Record) -> anyhow::Result<()> {
        for (at, provider) in self.providers.iter().enumerate().filter(|(_, provider)| provider.reports) {
            let by_it = record.messages.iter().filter(|message| {
                message.taken.first().is_some_and(|taken| taken.0 == at) && !message.arrived.is_empty()
            });
            let believed = |message: &MessageRecord| message.state == Some(MessageState::Delivered);
            let (believed, all): (Vec<_>, Vec<_>) = by_it.partition(|message| believed(message));
            ensure!(!believed.is_empty() || all.is_empty(), "no receipt of {} was believed", provider.name);
        }
        Ok(())
    }

    /// Waits until every message has ended, or the time for that is over.
    async fn drain(&self) -> anyhow::Result<()> {
        let until = self.watch.seconds() + self.pace.drain;
        while self.watch.seconds() < until {
            if self.load.is_acknowledged() && self.waiting().await? == 0 {
                // What was taken last has still to be reported.
                self.pass(1.0).await;
                return Ok(());
            }
            self.pass(0.5).await;
        }
        Ok(())
    }

    async fn waiting(&self) -> anyhow::Result<usize> {
        let states = [MessageState::Accepted, MessageState::Waiting, MessageState::Sending];
        let mut waiting = 0;
        for brand in 0..BRANDS.len() {
            let request = v1::ListMessagesRequest {
                states: states.map(Into::into).to_vec(),
                page_size: 1_000,
                ..v1::ListMessagesRequest::default()
            };
            let list = async || self.gateway.api.messages(brand).list_messages(request.clone()).await;
            let page = until_answered(list).await?.into_inner();
            waiting += page.messages.len() + usize::from(!page.next_page_token.is_empty());
        }
        Ok(waiting)
    }

    /// The state of every message that the gateway lists, by id.
    async fn states(&self) -> anyhow::Result<HashMap<String, MessageState>> {
        let mut states = HashMap::new();
        for brand in 0..BRANDS.len() {
            let mut page_token = String::new();
            loop {
                let request = v1::ListMessagesRequest { page_size: 1_000, page_token, ..Default::default() };
                let list = async || self.gateway.api.messages(brand).list_messages(request.clone()).await;
                let page = until_answered(list).await.context("the messages cannot be listed")?.into_inner();
                states.extend(
                    page.messages.into_iter().map(|message| (message.message_id.clone(), message.state())),
                );
                page_token = page.next_page_token;
                if page_token.is_empty() {
                    break;
                }
            }
        }
        Ok(states)
    }

    fn record(&self, states: &HashMap<String, MessageState>) -> Record {
        let mut messages: HashMap<u32, MessageRecord> = HashMap::new();
        for (token, planned) in self.load.planned() {
            let state = planned.id.as_ref().and_then(|id| states.get(id)).copied();
            messages.insert(token, MessageRecord { planned, state, taken: Vec::new(), arrived: Vec::new() });
        }
        let mut providers = Vec::new();
        for (at, provider) in self.providers.iter().enumerate() {
            let calls = provider.state.calls();
            for call in &calls {
                if let Some(message) = messages.get_mut(&call.token) {
                    message.add(at, *call);
                }
            }
            for (token, time) in provider.state.arrivals() {
                messages.entry(token).and_modify(|message| message.arrived.push(time));
            }
            providers.push(ProviderRecord { name: provider.name, calls });
        }
        let mut messages: Vec<MessageRecord> = messages.into_values().collect();
        messages.sort_by(|one, other| one.planned.at.total_cmp(&other.planned.at));
        Record { messages, providers, span: self.span }
    }
}

/// A provider in the configuration.
fn table(plan: &ProviderPlan, provider: &FakeProvider, expired_port: u16) -> String {
    let ProviderPlan { name, kind, settings, place } = plan;
    let (scheme, authority, more) = match place {
        Place::Loopback => ("http", format!("127.0.0.1:{}", provider.port), ""),
        Place::UnknownName => ("http", format!("{name}.invalid:{}", provider.port), ""),
        Place::ExpiredCertificate => {
            ("https", format!("localhost:{expired_port}"), "[providers.http]\nca_file = 'authority.pem'")
        }
    };
    let (channel, adapter) = (kind.channel(), kind.config(scheme, &authority));
    format!(
        "[[providers]]\nname = '{name}'\nchannel = '{channel}'\nfailure_domain = '{name}'\n{settings}\n{adapter}\n{more}\n"
    )
}
