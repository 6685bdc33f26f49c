//! `relevo check`: whether a configuration is right, and which ways messages would take.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::error::CliError;
use super::render::{Table, TextWidth};
use super::screen::CommandOutput;
use crate::clock::Clock;
use crate::config::{Config, ConfigErrors, ConfigWarning};
use crate::model::{BrandId, Channel, Provider};
use crate::routing::BrandPolicy;

pub(super) const AFTER_HELP: &str = "\
Prints, for each brand, the order of channels by topic and the providers of each
channel by tier, and warns of what is allowed and probably not meant, and of
messages that wait for a brand or provider that is not there. Exits with 1 when
the configuration is wrong; every error names file, line and key.
It does what the start of the gateway does, up to listening: secrets and
certificates must be where the file says, the data directory usable, and the
addresses this machine's. So run it where the gateway runs, as its user.

Examples:
  relevo check --config config/relevo.toml
  relevo check --config config/relevo.toml --json | jq '.warnings[]'";

/// The arguments of `relevo check`.
#[derive(Debug, Args)]
pub struct CheckConfigArgs {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn run(args: &CheckConfigArgs, clock: &Clock, screen: CommandOutput) -> Result<(), CliError> {
    let now = clock.now();
    match Config::load_to_serve(&args.config, now) {
        Ok(config) => {
            let warnings = config.warnings(now);
            screen.print(&match screen.is_json() {
                true => json(&config, &warnings).to_string(),
                false => table(&config, &warnings, screen.width()),
            })
        }
        Err(errors) => {
            if screen.is_json() {
                screen.print(&json_of_errors(&errors).to_string())?;
            }
            Err(CliError::Wrong(errors.to_string()))
        }
    }
}

/// The effective routing table, and the warnings.
fn table(config: &Config, warnings: &[ConfigWarning], within: TextWidth) -> String {
    let mut text = String::new();
    for (brand, policy) in &config.brands {
        text +=
            &format!("brand {brand}\n\n{}\n{}\n", orders(policy, within), carriers(config, brand, within));
    }
    for warning in warnings {
        text += &format!("warning: {warning}\n");
    }
    text + "The configuration is right.\n"
}

/// The same for scripts.
fn json(config: &Config, warnings: &[ConfigWarning]) -> Value {
    let brands = config.brands.iter().map(|(brand, policy)| {
        let order = |topic: Value, channels: &[Channel], ttl: Duration| {
            let channels: Vec<_> = channels.iter().map(|channel| channel.as_str()).collect();
            json!({ "topic": topic, "channels": channels, "ttlSeconds": ttl.as_secs() })
        };
        let topics = policy.topics().map(|topic| {
            let channels = policy.channels_for(topic).unwrap_or(&policy.channels);
            order(topic.to_string().into(), channels, policy.ttl_for(topic))
        });
        let any_other = order(Value::Null, &policy.channels, policy.ttl);
        let carriers = Channel::ALL.into_iter().flat_map(|channel| config.providers_for(brand, channel));
        let carriers = carriers.map(|carrier| {
            json!({
                "channel": carrier.channel.as_str(),
                "tier": carrier.tier,
                "provider": carrier.name.as_str(),
                "kind": carrier.kind,
                "weight": carrier.weight,
                "failureDomain": carrier.failure_domain,
            })
        });
        json!({
            "brand": brand.as_str(),
            "orders": topics.chain([any_other]).collect::<Vec<_>>(),
            "providers": carriers.collect::<Vec<_>>(),
        })
    });
    let warnings =
        warnings.iter().map(|warning| json!({ "subject": warning.subject, "message": warning.message }));
    json!({
        "right": true,
        "brands": brands.collect::<Vec<_>>(),
        "warnings": warnings.collect::<Vec<_>>(),
    })
}

fn json_of_errors(errors: &ConfigErrors) -> Value {
    let errors = errors.errors().iter().map(|error| {
        let file = error.file.display().to_string();
        json!({ "file": file, "line": error.line, "key": error.key, "message": error.message })
    });
    json!({ "right": false, "errors": errors.collect::<Vec<_>>() })
}

fn orders(policy: &BrandPolicy, within: TextWidth) -> String {
    let mut table = Table::new(["topic", "channels, in this order", "time to live"]);
    for topic in policy.topics() {
        let channels = policy.channels_for(topic).unwrap_or(&policy.channels);
        table.row([topic.to_string(), names(channels), ttl(policy.ttl_for(topic))]);
    }
    table.row(["(any other)".to_owned(), names(&policy.channels), ttl(policy.ttl)]);
    table.indented("  ", within)
}

/// A time to live in the largest unit that divides it.
fn ttl(ttl: Duration) -> String {
    match ttl.as_secs() / 60 {
        minutes if minutes % 1_440 == 0 => format!("{} d", minutes / 1_440),
        minutes if minutes % 60 == 0 => format!("{} h", minutes / 60),
        minutes => format!("{minutes} min"),
    }
}

fn names(channels: &[Channel]) -> String {
    channels.iter().map(|channel| channel.as_str()).collect::<Vec<_>>().join(", ")
}

fn carriers(config: &Config, brand: &BrandId, within: TextWidth) -> String {
    let mut table = Table::new(["channel", "tier", "provider", "kind", "share", "failure domain"]);
    for channel in Channel::ALL {
        let carriers = config.providers_for(brand, channel);
        for carrier in &carriers {
            let tier_weight: u64 = carriers
                .iter()
                .filter(|other| other.tier == carrier.tier)
                .map(|other| u64::from(other.weight))
                .sum();
            table.row(row(carrier, tier_weight));
        }
    }
    table.indented("  ", within)
}

fn row(provider: &Provider, tier_weight: u64) -> [String; 6] {
    let share = format!("{} ({} %)", provider.weight, u64::from(provider.weight) * 100 / tier_weight);
    [
        provider.channel.to_string(),
        provider.tier.to_string(),
        provider.name.to_string(),
        provider.kind.clone(),
        share,
        provider.failure_domain.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn the_routing_table_shows_orders_providers_and_warnings() {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo.toml");
        let now = Timestamp::UNIX_EPOCH;
        let config = Config::load(&demo, now).unwrap();
        insta::assert_snapshot!(table(&config, &config.warnings(now), TextWidth::UNLIMITED), @r"
        brand acme

          TOPIC        CHANNELS, IN THIS ORDER         TIME TO LIVE
          newsletter   email, telegram                 3 d
          offers       whatsapp, email, telegram       4 h
          orders       whatsapp, telegram, sms, email  1 d
          (any other)  whatsapp, telegram, sms, email  3 d

          CHANNEL   TIER  PROVIDER            KIND     SHARE        FAILURE DOMAIN
          email     1     email-south         sandbox  100 (100 %)  south
          email     2     email-north         sandbox  100 (100 %)  north
          sms       1     sms-north           sandbox  75 (75 %)    north
          sms       1     sms-south           sandbox  25 (25 %)    south
          telegram  1     telegram-bot        sandbox  100 (100 %)  north
          telegram  2     telegram-bot-spare  sandbox  100 (100 %)  south
          whatsapp  1     whatsapp-main       sandbox  100 (100 %)  meta
          whatsapp  2     whatsapp-spare      sandbox  100 (100 %)  meta

        warning: brand acme: whatsapp: both providers share failure domain meta, so they fail together
        The configuration is right.
        ");
    }
}
