//! `relevo preferences`: how people want to be reached.

use std::collections::BTreeMap;

use clap::{Args, Subcommand, ValueEnum};

use super::arguments::{Channel, numbers};
use super::connection::{ConnectionArgs, client};
use super::consents::ContactArgs;
use super::error::CliError;
use super::render;
use super::screen::CommandOutput;
use crate::wire::v1::{self, consent_service_client::ConsentServiceClient};

/// What to do with preferences.
#[derive(Debug, Subcommand)]
pub enum PreferencesCommand {
    /// Show how a contact wants to be reached
    #[command(after_help = "Examples:\n  relevo preferences get ana")]
    Get(ContactArgs),
    /// Change how a contact wants to be reached: the parts that are given
    #[command(
        after_help = "Examples:\n  relevo preferences set ana --channel telegram --channel email --exclude sms\n  \
        relevo preferences set ana --quiet 22:00-08:00 --time-zone Europe/Madrid \\\n      --language es\n  \
        relevo preferences set ana --mute offers --topic-channels orders=sms,email\n  \
        relevo preferences set ana --unmute offers\n  \
        relevo preferences set ana --clear quiet-hours"
    )]
    Set(Box<SetPreferencesArgs>),
}

/// What a contact wants.
#[derive(Debug, Args)]
#[group(id = "change", required = true, multiple = true, args = [
    "channels", "excluded", "muted", "unmuted", "topic_channels", "quiet", "time_zone", "language", "clear",
])]
pub struct SetPreferencesArgs {
    #[command(flatten)]
    contact: ContactArgs,
    /// A channel to try first; repeated, in this order
    #[arg(long = "channel", value_enum, ignore_case = true, value_name = "CHANNEL")]
    channels: Vec<Channel>,
    /// A channel never to use; may be repeated
    #[arg(long = "exclude", value_enum, ignore_case = true, value_name = "CHANNEL")]
    excluded: Vec<Channel>,
    /// A topic about which no commercial message is wanted; may be repeated
    #[arg(long = "mute", value_name = "TOPIC")]
    muted: Vec<String>,
    /// A topic that is to be muted no more; may be repeated
    #[arg(long = "unmute", value_name = "TOPIC")]
    unmuted: Vec<String>,
    /// The channels to try first for a topic; may be repeated
    #[arg(long, value_name = "TOPIC=CHANNEL,...", value_parser = topic_channels)]
    topic_channels: Vec<(String, Vec<Channel>)>,
    /// When to be quiet, in the contact's time zone
    #[arg(long, value_name = "HH:MM-HH:MM", value_parser = quiet)]
    quiet: Option<(String, String)>,
    /// Hold transactional messages during quiet hours too
    #[arg(long, requires = "quiet")]
    quiet_transactional: bool,
    /// The IANA name of the time zone, such as Europe/Madrid
    #[arg(long, value_name = "NAME")]
    time_zone: Option<String>,
    /// The language as a BCP 47 tag, such as es
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
    /// What is wanted by topic so far: topics that are not named stay as they are.
    #[arg(skip)]
    known_topics: Vec<v1::TopicPreference>,
    /// Forget a part; may be repeated
    #[arg(long, value_enum, ignore_case = true, value_name = "PART")]
    clear: Vec<PreferencesPart>,
}

/// A part of the preferences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum PreferencesPart {
    ChannelOrder,
    ExcludedChannels,
    Topics,
    QuietHours,
    TimeZone,
    Language,
}

pub(super) async fn run(
    command: PreferencesCommand,
    connection: &ConnectionArgs,
    screen: CommandOutput,
) -> Result<(), CliError> {
    let failed = |status| CliError::from_status(&connection.server, status);
    let mut client = client!(ConsentServiceClient, connection);
    let preferences = match command {
        PreferencesCommand::Get(args) => {
            let request = v1::GetPreferencesRequest { contact_id: args.contact };
            client.get_preferences(request).await.map_err(failed)?.into_inner().preferences
        }
        PreferencesCommand::Set(args) => {
            let mut args = *args;
            if args.changes_topics() && !args.clear.contains(&PreferencesPart::Topics) {
                let request = v1::GetPreferencesRequest { contact_id: args.contact.contact.clone() };
                let known = client.get_preferences(request).await.map_err(failed)?.into_inner().preferences;
                args.known_topics = known.unwrap_or_default().topics;
            }
            client.set_preferences(args.request()).await.map_err(failed)?.into_inner().preferences
        }
    };
    screen.show_fitted(&preferences.unwrap_or_default(), render::preferences)
}

impl SetPreferencesArgs {
    fn request(self) -> v1::SetPreferencesRequest {
        let paths = self.paths();
        let quiet_transactional = self.quiet_transactional;
        let preferences = v1::Preferences {
            channel_order: numbers(&self.channels),
            excluded_channels: numbers(&self.excluded),
            topics: topics(self.known_topics, self.muted, self.unmuted, self.topic_channels),
            quiet_hours: self.quiet.map(|(start, end)| v1::QuietHours {
                start,
                end,
                include_transactional: quiet_transactional,
            }),
            time_zone: self.time_zone.unwrap_or_default(),
            language: self.language.unwrap_or_default(),
        };
        v1::SetPreferencesRequest {
            contact_id: self.contact.contact,
            preferences: Some(preferences),
            update_mask: Some(prost_types::FieldMask { paths }),
        }
    }

    fn changes_topics(&self) -> bool {
        !(self.muted.is_empty() && self.unmuted.is_empty() && self.topic_channels.is_empty())
    }

    /// The paths of the fields to change: those that were given, and those to clear.
    fn paths(&self) -> Vec<String> {
        let parts = [
            ("channel_order", !self.channels.is_empty(), PreferencesPart::ChannelOrder),
            ("excluded_channels", !self.excluded.is_empty(), PreferencesPart::ExcludedChannels),
            ("topics", self.changes_topics(), PreferencesPart::Topics),
            ("quiet_hours", self.quiet.is_some(), PreferencesPart::QuietHours),
            ("time_zone", self.time_zone.is_some(), PreferencesPart::TimeZone),
            ("language", self.language.is_some(), PreferencesPart::Language),
        ];
        let changed = parts.into_iter().filter(|(_, given, part)| *given || self.clear.contains(part));
        changed.map(|(path, ..)| path.to_owned()).collect()
    }
}

/// What is wanted by topic: what is known, changed where a topic is named.
fn topics(
    known: Vec<v1::TopicPreference>,
    muted: Vec<String>,
    unmuted: Vec<String>,
    ordered: Vec<(String, Vec<Channel>)>,
) -> Vec<v1::TopicPreference> {
    let mut topics: BTreeMap<String, v1::TopicPreference> =
        known.into_iter().map(|preference| (preference.topic.clone(), preference)).collect();
    let mut change = |topic: String, change: &dyn Fn(&mut v1::TopicPreference)| {
        let entry = topics.entry(topic.clone());
        change(entry.or_insert_with(|| v1::TopicPreference { topic, ..Default::default() }));
    };
    for topic in muted {
        change(topic, &|preference| preference.muted = true);
    }
    for topic in unmuted {
        change(topic, &|preference| preference.muted = false);
    }
    for (topic, channels) in ordered {
        change(topic, &|preference| preference.channel_order = numbers(&channels));
    }
    // One that wants nothing any more is none.
    topics.retain(|_, preference| preference.muted || !preference.channel_order.is_empty());
    topics.into_values().collect()
}

fn topic_channels(text: &str) -> Result<(String, Vec<Channel>), String> {
    let must = || {
        "must be TOPIC=CHANNEL,... such as orders=sms,email; channels are email, sms, telegram, whatsapp"
            .to_owned()
    };
    let (topic, channels) = text.split_once('=').ok_or_else(must)?;
    let channels = channels.split(',').map(|channel| Channel::from_str(channel, true));
    let channels: Vec<_> = channels.collect::<Result<_, _>>().map_err(|_| must())?;
    if topic.is_empty() { Err(must()) } else { Ok((topic.to_owned(), channels)) }
}

fn quiet(text: &str) -> Result<(String, String), String> {
    let (start, end) = text.split_once('-').ok_or("must be HH:MM-HH:MM, such as 22:00-08:00")?;
    Ok((start.to_owned(), end.to_owned()))
}
