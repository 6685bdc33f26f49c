//! Failures that are plain to see, which must go well whatever else does.

use relevo::wire::v1::{Channel, ControlMode};

use super::{
    Played, Scenario, TWO_FOR_SMS, after, alone, anybody, beside_a_healthy_one, by_sms, is_commercial,
    is_transactional, one_of_two, within,
};
use crate::load::LoadPlan;
use crate::record::MessageRecord;
use crate::servers::Kind;
use crate::servers::trouble::{Effect, Trouble};
use crate::trial::{Pace, Place, ProviderPlan, Trial};

const GOES_WELL: &str = "goes well";

pub const ROWS: &[Scenario] = &[
    Scenario {
        name: "refused",
        trouble: "one of two refuses connections",
        before: GOES_WELL,
        wanted: ">= 97 % within 1 s, left within 2 s",
        is_short: true,
        play: |pace| Box::pin(refused(pace)),
    },
    Scenario {
        name: "no-such-name",
        trouble: "the name of one of two does not resolve",
        before: GOES_WELL,
        wanted: ">= 97 % within 1 s after 5 s",
        is_short: false,
        play: |pace| Box::pin(out_of_reach(pace, Place::UnknownName)),
    },
    Scenario {
        name: "certificate",
        trouble: "the certificate of one of two has expired",
        before: GOES_WELL,
        wanted: ">= 97 % within 1 s after 5 s",
        is_short: false,
        play: |pace| Box::pin(out_of_reach(pace, Place::ExpiredCertificate)),
    },
    Scenario {
        name: "flapping",
        trouble: "one of two is down for two seconds of every four",
        before: GOES_WELL,
        wanted: ">= 97 % within 1 s",
        is_short: false,
        play: |pace| Box::pin(flapping(pace)),
    },
    Scenario {
        name: "all-down",
        trouble: "all providers of four channels are down, and come back",
        before: GOES_WELL,
        wanted: "all that waited is taken within 20 s",
        is_short: true,
        play: |pace| Box::pin(all_down(pace)),
    },
    Scenario {
        name: "killed",
        trouble: "the gateway is killed in mid-load, and started again",
        before: GOES_WELL,
        wanted: "nothing lost, no commercial doubled, all taken within 10 s of the kill",
        is_short: true,
        play: |pace| Box::pin(killed(pace)),
    },
    Scenario {
        name: "operator",
        trouble: "an operator takes one of two out of service, and puts it back",
        before: GOES_WELL,
        wanted: ">= 99 % within 1 s; left and back within 1 s",
        is_short: true,
        play: |pace| Box::pin(operator(pace)),
    },
];

async fn refused(pace: Pace) -> anyhow::Result<Played> {
    let record = one_of_two(pace, Trouble::of_all(Effect::Down)).await?;
    let in_time = record.in_time(record.troubled(), anybody);
    let back = record.back_after(0);
    let now = format!("{in_time:.1} % within 1 s; back {}", after(back));
    Ok(beside_a_healthy_one(record, now, in_time >= 97.0))
}

/// A provider that cannot be reached from the beginning on.
async fn out_of_reach(pace: Pace, place: Place) -> anyhow::Result<Played> {
    let providers = [TWO_FOR_SMS[0].at(place), TWO_FOR_SMS[1]];
    let mut trial = Trial::start(pace, &providers, true).await?;
    trial.begin(&by_sms(pace)).await?;
    trial.begin_trouble();
    trial.pass(pace.trouble).await;
    trial.end_trouble();
    let record = trial.finish().await?;
    let in_time = record.in_time(record.troubled_after(5.0), anybody);
    let longest = record.longest(record.troubled());
    let now = format!("{in_time:.1} % within 1 s after 5 s, at most {longest:.1} s");
    Ok(beside_a_healthy_one(record, now, in_time >= 97.0))
}

async fn flapping(pace: Pace) -> anyhow::Result<Played> {
    let mut trial = Trial::start(pace, &TWO_FOR_SMS, true).await?;
    trial.healthy(&by_sms(pace)).await?;
    trial.begin_trouble();
    let ends = trial.watch.seconds() + pace.trouble;
    while trial.watch.seconds() < ends {
        for trouble in [Some(Trouble::of_all(Effect::Down)), None] {
            trial.set_trouble(&["one"], trouble);
            trial.pass(2.0).await;
        }
    }
    trial.end_trouble();
    let record = trial.finish().await?;
    let in_time = record.in_time(record.troubled(), anybody);
    let (longest, back) = (record.longest(record.troubled()), record.back_after(0));
    let now = format!("{in_time:.1} % within 1 s, at most {longest:.1} s; back {}", after(back));
    Ok(beside_a_healthy_one(record, now, in_time >= 97.0))
}

async fn all_down(pace: Pace) -> anyhow::Result<Played> {
    let providers = [
        ProviderPlan::new("whatsapp", Kind::Meta),
        ProviderPlan::new("sms", Kind::Twilio),
        ProviderPlan::new("telegram", Kind::Telegram),
        ProviderPlan::new("mail", Kind::Resend),
    ];
    let channels = [Channel::Whatsapp, Channel::Sms, Channel::Telegram, Channel::Email];
    let mut trial = Trial::start(pace, &providers, true).await?;
    trial.healthy(&LoadPlan { is_rotating: true, ..LoadPlan::new(pace.rate, &channels) }).await?;
    let names = ["whatsapp", "sms", "telegram", "mail"];
    trial.trouble(&names, Trouble::of_all(Effect::Down), pace.trouble / 2.0).await;
    let record = trial.finish().await?;
    let until = record.span.until;
    let waited = record.messages.iter().filter(|message| message.waits_at(until));
    let last = waited.filter_map(MessageRecord::first_taken).fold(until, f64::max) - until;
    // Of a call that was cut off nobody knows whether it was made: commercial messages then wait.
    let never = record
        .messages
        .iter()
        .filter(|message| message.taken.is_empty() && is_transactional(message))
        .count();
    let now = format!(
        "{} waited, the last until {last:.1} s after; {never} transactional never taken",
        record.waiting_at(until)
    );
    Ok(alone(record, now, last <= 20.0 && never == 0))
}

async fn killed(pace: Pace) -> anyhow::Result<Played> {
    let mut trial = Trial::start(pace, &TWO_FOR_SMS, true).await?;
    trial.healthy(&by_sms(pace)).await?;
    trial.begin_trouble();
    let mut trial = trial.kill_and_restart().await?;
    trial.end_trouble();
    trial.pass(pace.trouble / 2.0).await;
    let record = trial.finish().await?;
    let (from, until) = record.troubled();
    let meanwhile = (from - 1.0, until);
    let longest = record.longest(meanwhile);
    let never = |is_meant: fn(&MessageRecord) -> bool| {
        record.messages.iter().filter(|message| message.taken.is_empty() && is_meant(message)).count()
    };
    // Of a call that the kill broke off nobody knows whether it was made: commercial messages then wait.
    let (lost, parked) = (never(is_transactional), never(is_commercial));
    let doubled = record.doubled(anybody);
    let now = format!(
        "back after {:.1} s, at most {longest:.1} s late; {doubled} transactional doubled, {lost} never taken, {parked} \
         commercial parked in doubt",
        until - from
    );
    Ok(beside_a_healthy_one(record, now, longest <= 10.0 && lost == 0))
}

async fn operator(pace: Pace) -> anyhow::Result<Played> {
    let mut trial = Trial::start(pace, &TWO_FOR_SMS, true).await?;
    trial.healthy(&by_sms(pace)).await?;
    trial.begin_trouble();
    trial.control("one", ControlMode::OutOfService).await?;
    trial.pass(pace.trouble / 2.0).await;
    trial.end_trouble();
    trial.control("one", ControlMode::InService).await?;
    let record = trial.finish().await?;
    let in_time = record.in_time(record.troubled(), anybody);
    let (left, back) = (record.left_after(0), record.back_after(0));
    let now = format!("{in_time:.1} % within 1 s; left {}, back {}", after(left), after(back));
    Ok(beside_a_healthy_one(record, now, in_time >= 99.0 && within(left, 1.0) && within(back, 1.0)))
}
