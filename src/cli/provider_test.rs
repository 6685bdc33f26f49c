//! `relevo provider test`: one real message through one provider, and what its answer means.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use clap::Args;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::error::CliError;
use super::progress::waiting_for;
use super::render::{Table, TextWidth};
use super::screen::CommandOutput;
use crate::adapters::Envelope;
use crate::adapters::webhooks::{EventSink, ProviderEvent, RecordError};
use crate::clock::Clock;
use crate::config::{Config, ProviderConfig};
use crate::model::{
    Address, BrandId, Channel, MessageClass, Outcome, OutcomeEvidence, Phone, Provider, Rejection,
    RenderedContent, Template, Timestamp, text,
};

pub(super) const AFTER_HELP: &str = "\
It calls the provider itself, with the configuration's settings and secrets: no
gateway need run.
Nothing is stored, and no consent is asked for: send to an address of your own.
The exit code is 0 only when the provider took the message.

Examples:
  relevo provider test mail --to me@example.com --config config/relevo.toml
  relevo provider test twilio --to +34600123456 --text 'Does this arrive?' \\
      --config config/relevo.toml
  relevo provider test telegram --to 123456789 --config config/relevo.toml
  relevo provider test whatsapp --to +34600123456 --template hello_world \\
      --language en_US --config config/relevo.toml";

/// What is tried, and to whom.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The provider's name in the configuration
    provider: String,
    /// Where to: an email address, a phone number such as +34600123456, or the id of a Telegram chat, as the channel has it
    #[arg(long, value_name = "ADDRESS", allow_hyphen_values = true)]
    to: String,
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The brand it is sent for, whose own sender is used; the first one that the provider serves when left out
    #[arg(long, value_name = "NAME")]
    brand: Option<String>,
    /// What it says
    #[arg(long, default_value = "This is a test by Relevo, the messaging gateway. It needs no answer.")]
    text: String,
    /// The subject of an email
    #[arg(long, default_value = "A test by Relevo")]
    subject: String,
    /// The approved WhatsApp template to send instead of the text, which WhatsApp takes only within 24 hours of the person's
    /// last message
    #[arg(long, value_name = "NAME", requires = "language")]
    template: Option<String>,
    /// The template's language code, such as es or en_US
    #[arg(long, value_name = "CODE", requires = "template")]
    language: Option<String>,
    /// A value for the template's next placeholder; may be repeated
    #[arg(long = "param", value_name = "TEXT", requires = "template")]
    parameters: Vec<String>,
}

pub(super) async fn run(args: TestArgs, clock: &Clock, screen: CommandOutput) -> Result<(), CliError> {
    let config =
        Config::load(&args.config, clock.now()).map_err(|errors| CliError::Wrong(errors.to_string()))?;
    let provider = named(&config, &args.provider)?;
    let envelope = envelope(&args, &config, provider, clock)?;
    if provider.parts.sandbox.is_some() {
        return Err(CliError::Wrong(format!(
            "{} is a sandbox, which sends nothing: test a real one",
            args.provider
        )));
    }
    let tested = &provider.provider;
    if !screen.is_json() {
        let announced = announcement(tested, &envelope, screen.width());
        screen.print(&announced)?;
    }
    let waited = format!("waiting for {}", tested.name);
    let (outcome, took) = waiting_for(&waited, deliver(&envelope, provider, clock)).await;
    screen.print(&match screen.is_json() {
        true => json(tested, &envelope, &outcome, took).to_string(),
        false => explanation(&outcome, took, &tested.kind, screen.width()),
    })?;
    match outcome {
        Outcome::Sent { .. } => Ok(()),
        other => {
            Err(CliError::Wrong(format!("{} did not take the message: {}", args.provider, other.as_str())))
        }
    }
}

fn named<'a>(config: &'a Config, name: &str) -> Result<&'a ProviderConfig, CliError> {
    let known =
        || config.providers.iter().map(|known| known.provider.name.as_str()).collect::<Vec<_>>().join(", ");
    config.providers.iter().find(|known| known.provider.name.as_str() == name).ok_or_else(|| {
        CliError::Wrong(format!("there is no provider {name} in the configuration: there are {}", known()))
    })
}

fn envelope(
    args: &TestArgs,
    config: &Config,
    ProviderConfig { provider, .. }: &ProviderConfig,
    clock: &Clock,
) -> Result<Envelope, CliError> {
    let channel = provider.channel;
    let brand = brand(args, config, provider)?;
    let policy = config.brands.get(&brand);
    Ok(Envelope {
        message_id: clock.message_id(),
        attempt: 1,
        idempotency_attempt: 1,
        from: policy.and_then(|policy| provider.sender(&brand, &policy.senders)).map(str::to_owned),
        brand,
        class: MessageClass::Transactional,
        topic: "test".parse().expect("it is a topic"),
        channel,
        address: address(channel, &args.to)?,
        content: content(channel, args)?,
        now: clock.now(),
    })
}

fn brand(args: &TestArgs, config: &Config, provider: &Provider) -> Result<BrandId, CliError> {
    let served: Vec<&BrandId> = config.brands.keys().filter(|brand| provider.serves(brand)).collect();
    let wanted = |brand: &&&BrandId| args.brand.as_ref().is_none_or(|name| brand.as_str() == name);
    served.iter().find(wanted).map(|brand| (*brand).clone()).ok_or_else(|| {
        let served: Vec<_> = served.iter().map(|brand| brand.as_str()).collect();
        let name = args.brand.as_deref().unwrap_or_default();
        CliError::Wrong(format!(
            "{} does not serve brand {name}: it serves {}",
            provider.name,
            served.join(", ")
        ))
    })
}

fn address(channel: Channel, text: &str) -> Result<Address, CliError> {
    let read = match channel {
        Channel::Email => {
            text.parse().map(Address::Email).map_err(|_| "an email address such as me@example.com")
        }
        Channel::Sms | Channel::Whatsapp => Phone::from_e164(text)
            .map(Address::Phone)
            .map_err(|_| "a phone number in international form, such as +34600123456"),
        Channel::Telegram => text
            .parse()
            .ok()
            .and_then(|id| Address::telegram(id).ok())
            .ok_or("the id of a Telegram chat, such as 123456789"),
    };
    read.map_err(|must| CliError::usage(format!("--to must be {must}: the provider carries {channel}")))
}

fn content(channel: Channel, args: &TestArgs) -> Result<RenderedContent, CliError> {
    match (channel, args.template.clone().zip(args.language.clone())) {
        (Channel::Whatsapp, Some((name, language))) => {
            let parameters = args.parameters.clone();
            Ok(RenderedContent::Template(Template { name, language, parameters, ..Template::default() }))
        }
        (_, Some(_)) => {
            Err(CliError::usage(format!("--template is for WhatsApp: the provider carries {channel}")))
        }
        (Channel::Email, None) => Ok(RenderedContent::Email {
            subject: args.subject.clone(),
            text: Some(args.text.clone()),
            html: None,
        }),
        (_, None) => Ok(RenderedContent::Text(args.text.clone())),
    }
}

/// Records nothing, so that whatever the provider tells while a message is tried is told again to the gateway.
struct RefusingSink<'a>(&'a Clock);

#[async_trait]
impl EventSink for RefusingSink<'_> {
    async fn record(&self, _: Vec<ProviderEvent>) -> Result<(), RecordError> {
        Err(RecordError)
    }

    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

/// What dispatch would wait, and no longer.
async fn deliver(envelope: &Envelope, config: &ProviderConfig, clock: &Clock) -> (Outcome, Duration) {
    let ProviderConfig { limits, parts, .. } = config;
    let longest = limits.timeout();
    let began = Instant::now();
    let listening = async {
        if let Some(listener) = parts.listener.as_ref().filter(|listener| listener.carries_deliveries()) {
            listener.listen(&RefusingSink(clock)).await;
        }
        std::future::pending::<Infallible>().await
    };
    let delivery = timeout(longest, parts.adapter.deliver(envelope));
    let delivery = tokio::select! {
        delivery = delivery => delivery,
        never = listening => match never {},
    };
    let outcome = delivery.unwrap_or_else(|_| {
        let evidence =
            OutcomeEvidence::new("timeout", &format!("no answer within {} ms", longest.as_millis()));
        Outcome::unknown(evidence)
    });
    (outcome, began.elapsed())
}

/// What goes out and what came back, for scripts.
fn json(provider: &Provider, envelope: &Envelope, outcome: &Outcome, took: Duration) -> Value {
    let reference = match outcome {
        Outcome::Sent { reference, .. } => Some(reference),
        _ => None,
    };
    let evidence = outcome.evidence();
    json!({
        "provider": provider.name.as_str(),
        "kind": provider.kind,
        "failureDomain": provider.failure_domain,
        "channel": provider.channel.as_str(),
        "from": envelope.from,
        "to": envelope.address.masked(),
        "outcome": outcome.as_str(),
        "tookMs": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "reference": reference,
        "code": evidence.map(|evidence| &evidence.code),
        "words": evidence.map(|evidence| &evidence.text),
        "advice": advice(outcome, &provider.kind),
    })
}

/// What goes out.
fn announcement(provider: &Provider, envelope: &Envelope, within: TextWidth) -> String {
    let says = match &envelope.content {
        RenderedContent::Email { subject, text, .. } => {
            format!("{subject}: {}", text.as_deref().unwrap_or_default())
        }
        RenderedContent::Text(text) => text.clone(),
        RenderedContent::Telegram(content) => content.text.clone().unwrap_or_default(),
        RenderedContent::Template(template) => format!("template {} ({})", template.name, template.language),
    };
    let mut table = Table::bare();
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row(
        "provider",
        format!("{} ({}, failure domain {})", provider.name, provider.kind, provider.failure_domain),
    );
    row("channel", provider.channel.to_string());
    row("from", envelope.from.clone().unwrap_or_else(|| "the provider's own sender".to_owned()));
    row("to", envelope.address.masked());
    row("says", text::escaped(&says).into_owned());
    table.indented("", within)
}

/// What came back, and what to do about it.
fn explanation(outcome: &Outcome, took: Duration, kind: &str, within: TextWidth) -> String {
    let mut table = Table::bare();
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("outcome", format!("{}, after {} ms", outcome.as_str(), took.as_millis()));
    if let Outcome::Sent { reference, .. } = outcome {
        row("reference", text::escaped(reference).into_owned());
    }
    if let Some(evidence) = outcome.evidence() {
        row("code", evidence.code.clone());
        row("words", evidence.text.clone());
    }
    let mut advised = Table::bare();
    advised.row([advice(outcome, kind)]);
    format!("{}\n{}", table.indented("", within), advised.indented("", within))
}

/// What to do next, by the kind of outcome.
fn advice(outcome: &Outcome, kind: &str) -> String {
    match outcome {
        Outcome::Sent { .. } => {
            "The provider took the message, which is not yet delivered. If it does not arrive, look for the reference in the \
             provider's own log."
                .to_owned()
        }
        Outcome::Rejected { cause, .. } => format!("The provider refused this message. {}", of_rejection(*cause)),
        Outcome::Throttled { retry_after, .. } => {
            let wait = retry_after.map_or("a while".to_owned(), |wait| format!("{} s", wait.as_secs()));
            format!(
                "The provider finds the account, or this recipient, too fast. Wait {wait} and try again; the gateway does so by \
                 itself, and rate_per_second in [providers.limits] keeps it below the account's rate."
            )
        }
        Outcome::Unavailable { evidence } if speaks_of_certificate(&evidence.text) => format!(
            "The provider's server was reached, and its certificate is not to be trusted as it stands, so nothing was sent. \
             The words say why: an authority that is not known here goes into ca_file (in [providers.http], or in \
             [providers.{kind}] where that is not reached over HTTP); another name or an expired certificate is for who runs \
             the server, unless the address in [providers.{kind}] is wrong."
        ),
        Outcome::Unavailable { .. } => format!(
            "The provider cannot be reached or is down, and nothing was sent. Check the address of its server in \
             [providers.{kind}] and the way to it (firewall, DNS, [providers.http]), or try again later."
        ),
        Outcome::Misconfigured { .. } => format!(
            "The provider refuses the account, whoever the message is for. Correct [providers.{kind}]: credentials, sender, \
             server; or put the account right on the provider's side."
        ),
        Outcome::LocalFailure { .. } => {
            "This machine could not make the call, and nothing was sent. Raise its limit on open files (ulimit -n), or free memory \
             and ports, and try again."
                .to_owned()
        }
        Outcome::Unknown { .. } => {
            "Nobody knows whether it was sent: the call went out, and no answer that can be understood came back. See whether it \
             arrived before you try again."
                .to_owned()
        }
    }
}

/// Whether TLS failed by the other side's certificate, in the words of rustls.
fn speaks_of_certificate(text: &str) -> bool {
    text.contains("invalid peer certificate")
}

fn of_rejection(cause: Rejection) -> &'static str {
    match cause {
        Rejection::Address { certain: true } => {
            "It says that nothing can be delivered to this address, which the gateway would suppress. Try another one."
        }
        Rejection::Address { certain: false } => {
            "It doubts the address. See whether it is right, and whether the account may send there: many trial accounts send only to \
             numbers or addresses that were confirmed."
        }
        Rejection::OptedOut { .. } | Rejection::CommercialOptedOut => {
            "It says that the person opted out or blocked the sender. Opt in again from that address, or try another one."
        }
        Rejection::Content => {
            "It does not take what the message says. Try another --text, or on WhatsApp a --template that was approved."
        }
        Rejection::Policy => {
            "Another provider might take it: this one may not send to the country or network, its sender is not registered there, or \
             it does not say why. Look up the code with the provider."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ThrottleScope;

    #[test]
    fn an_address_must_fit_the_channel() {
        for (channel, text, fits) in [
            (Channel::Email, "me@example.com", true),
            (Channel::Email, "+34600123456", false),
            (Channel::Sms, "+34600123456", true),
            (Channel::Sms, "600123456", false),
            (Channel::Whatsapp, "me@example.com", false),
            (Channel::Telegram, "123456789", true),
            (Channel::Telegram, "@me", false),
        ] {
            assert_eq!(address(channel, text).is_ok(), fits, "{channel} {text}");
        }
        let error = address(Channel::Telegram, "@me").unwrap_err();
        assert_eq!(
            (error.exit_code(), error.to_string().as_str()),
            (2, "--to must be the id of a Telegram chat, such as 123456789: the provider carries telegram")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_adapter_gets_the_time_of_its_provider_and_no_more() {
        let text = "[brands.acme]\n[[providers]]\nname = 'x'\nchannel = 'sms'\nfailure_domain = 'x'\n\
                    [providers.limits]\ntimeout_ms = 4_321\n[providers.sandbox]\nlatency_ms = 4_322";
        let config = Config::built_in("x.toml", text).unwrap();
        let args = TestArgs {
            provider: "x".to_owned(),
            to: "+34600123456".to_owned(),
            config: PathBuf::new(),
            brand: None,
            text: "hello".to_owned(),
            subject: String::new(),
            template: None,
            language: None,
            parameters: Vec::new(),
        };
        let (provider, clock) = (&config.providers[0], Clock::simulated(Timestamp::UNIX_EPOCH, 1));
        let envelope = envelope(&args, &config, provider, &clock).unwrap();
        let (outcome, took) = deliver(&envelope, provider, &clock).await;
        assert_eq!((outcome.as_str(), took.as_millis()), ("unknown", 4_321));
        assert_eq!(outcome.evidence().unwrap().to_string(), "timeout no answer within 4321 ms");
    }

    #[test]
    fn every_outcome_says_what_to_do() {
        let evidence = OutcomeEvidence::new("7", "no");
        let rejected = |cause| Outcome::Rejected { cause, evidence: evidence.clone() };
        let retry_after = Some(Duration::from_secs(90));
        let outcomes = [
            Outcome::sent("17"),
            rejected(Rejection::Address { certain: true }),
            rejected(Rejection::Address { certain: false }),
            rejected(Rejection::OptedOut { certain: true }),
            rejected(Rejection::Content),
            rejected(Rejection::Policy),
            Outcome::Throttled { retry_after, scope: ThrottleScope::Provider, evidence: evidence.clone() },
            Outcome::Unavailable { evidence: evidence.clone() },
            Outcome::Misconfigured { evidence: evidence.clone() },
            Outcome::unknown(evidence),
        ];
        let told: Vec<_> = outcomes.iter().map(|outcome| advice(outcome, "resend")).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        The provider took the message, which is not yet delivered. If it does not arrive, look for the reference in the provider's own log.
        The provider refused this message. It says that nothing can be delivered to this address, which the gateway would suppress. Try another one.
        The provider refused this message. It doubts the address. See whether it is right, and whether the account may send there: many trial accounts send only to numbers or addresses that were confirmed.
        The provider refused this message. It says that the person opted out or blocked the sender. Opt in again from that address, or try another one.
        The provider refused this message. It does not take what the message says. Try another --text, or on WhatsApp a --template that was approved.
        The provider refused this message. Another provider might take it: this one may not send to the country or network, its sender is not registered there, or it does not say why. Look up the code with the provider.
        The provider finds the account, or this recipient, too fast. Wait 90 s and try again; the gateway does so by itself, and rate_per_second in [providers.limits] keeps it below the account's rate.
        The provider cannot be reached or is down, and nothing was sent. Check the address of its server in [providers.resend] and the way to it (firewall, DNS, [providers.http]), or try again later.
        The provider refuses the account, whoever the message is for. Correct [providers.resend]: credentials, sender, server; or put the account right on the provider's side.
        Nobody knows whether it was sent: the call went out, and no answer that can be understood came back. See whether it arrived before you try again.
        ");
    }
}
