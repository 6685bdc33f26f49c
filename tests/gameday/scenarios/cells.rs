//! What is wrong for some alone: one brand's sender, one country.

use relevo::wire::v1::Channel;

use super::{Played, Scenario, alone};
use crate::load::LoadPlan;
use crate::record::MessageRecord;
use crate::servers::Kind;
use crate::servers::trouble::{Effect, Refusal, Scope, Trouble};
use crate::trial::{Pace, ProviderPlan, Trial};

pub const ROWS: &[Scenario] = &[
    Scenario {
        name: "sender",
        trouble: "one brand's sender refused at the only WhatsApp provider",
        before: "other brand: 0.3 % within 1 s",
        wanted: "other brand: >= 99 % within 1 s",
        is_short: false,
        play: |pace| Box::pin(sender(pace)),
    },
    Scenario {
        name: "country",
        trouble: "errors for +34 numbers only",
        before: "other countries: 3 % within 1 s",
        wanted: "other countries: >= 99 % within 1 s; the cell is named",
        is_short: false,
        play: |pace| Box::pin(country(pace)),
    },
];

/// The sender of `acme` at the WhatsApp provider.
const SENDER: &str = "100000000000001";

async fn sender(pace: Pace) -> anyhow::Result<Played> {
    let settings = "senders = { acme = '100000000000001', globex = '100000000000002' }";
    let providers = [ProviderPlan::new("whatsapp", Kind::Meta).with(settings)];
    let mut trial = Trial::start(pace, &providers, true).await?;
    trial.healthy(&LoadPlan::new(pace.rate, &[Channel::Whatsapp])).await?;
    let trouble = Trouble { effect: Effect::Refuses(Refusal::Sender), scope: Scope::Sender(SENDER) };
    trial.trouble(&["whatsapp"], trouble, pace.trouble).await;
    let record = trial.finish().await?;
    let others = record.in_time(record.troubled(), |message| message.planned.brand == 1);
    Ok(alone(record, format!("other brand: {others:.1} % within 1 s"), others >= 99.0))
}

async fn country(pace: Pace) -> anyhow::Result<Played> {
    let mut trial = Trial::start(pace, &[ProviderPlan::new("sms", Kind::Twilio)], true).await?;
    trial.healthy(&LoadPlan::new(pace.rate, &[Channel::Sms])).await?;
    let trouble = Trouble { effect: Effect::Refuses(Refusal::Unavailable), scope: Scope::Prefix("34") };
    trial.begin_trouble();
    trial.set_trouble(&["sms"], Some(trouble));
    trial.pass(pace.trouble).await;
    let told = trial.told_of_providers().await?;
    trial.set_trouble(&["sms"], None);
    trial.end_trouble();
    let record = trial.finish().await?;
    let others = record.in_time(record.troubled(), |message: &MessageRecord| message.planned.country != "34");
    // By its calling code or its name in ISO 3166-1.
    let is_named = ["+34", "\"34\"", "\"ES\""].iter().any(|name| told.contains(name));
    let named = if is_named { "the cell is named" } else { "no cell is named" };
    let now = format!("other countries: {others:.1} % within 1 s; {named}");
    Ok(alone(record, now, others >= 99.0 && is_named))
}
