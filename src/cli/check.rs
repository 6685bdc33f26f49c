//! `relevo check`: whether a configuration is right, and which ways messages would take.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::error::CliError;
use super::render::Table;
use super::screen::CommandOutput;
use crate::config::Config;
use crate::model::{BrandId, Channel, Provider};
use crate::routing::BrandPolicy;

pub(super) const AFTER_HELP: &str = "\
Prints, for each brand, the order of channels by topic and the providers of each channel by tier, and warns of what is
allowed and probably not meant. Exits with 1 when the configuration is wrong; every error names file, line and key.
Secrets must be where the file says, so run it where the gateway runs.

Examples:
  relevo check --config config/relevo.toml";

/// The arguments of `relevo check`.
#[derive(Debug, Args)]
pub struct CheckConfigArgs {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn run(args: &CheckConfigArgs, screen: CommandOutput) -> Result<(), CliError> {
    let config = Config::load(&args.config).map_err(|errors| CliError::Wrong(errors.to_string()))?;
    if screen.is_json() {
        return Err(CliError::usage("check has no --json: its exit code tells scripts what they need"));
    }
    screen.print(&table(&config))
}

/// The effective routing table, and the warnings.
fn table(config: &Config) -> String {
    let mut text = String::new();
    for (brand, policy) in &config.brands {
        text += &format!("brand {brand}\n\n{}\n{}\n", orders(policy), carriers(config, brand));
    }
    for warning in config.warnings() {
        text += &format!("warning: {warning}\n");
    }
    text + "The configuration is right.\n"
}

fn orders(policy: &BrandPolicy) -> String {
    let mut table = Table::new(["topic", "channels, in this order", "time to live"]);
    for topic in policy.topics() {
        let channels = policy.channels_for(topic).unwrap_or(&policy.channels);
        table.row([topic.to_string(), names(channels), ttl(policy.ttl_for(topic))]);
    }
    table.row(["(any other)".to_owned(), names(&policy.channels), ttl(policy.ttl)]);
    table.indented("  ")
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

fn carriers(config: &Config, brand: &BrandId) -> String {
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
    table.indented("  ")
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

    #[test]
    fn the_routing_table_shows_orders_providers_and_warnings() {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo.toml");
        insta::assert_snapshot!(table(&Config::load(&demo).unwrap()), @r"
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
