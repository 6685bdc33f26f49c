//! `relevo preferences`: how people want to be reached.

use std::collections::BTreeMap;

use clap::{Args, Subcommand, ValueEnum};
use tonic::{Code, Status};

use super::arguments::{Channel, numbers};
use super::connection::{ConnectionArgs, GatewayChannel, client};
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
        after_help = "What is not named stays: a topic of which nothing is said, a channel that was\nexcluded before. With --clear a \
        part is what is given here, or empty.\n\nExamples:\n  \
        relevo preferences set ana --channel telegram --channel email --exclude sms\n  \
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
    /// A channel never to use, besides those excluded before; may be repeated
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
    /// Forget a part as it was; may be repeated
    #[arg(long, value_enum, ignore_case = true, value_name = "PART")]
    clear: Vec<PreferencesPart>,
    /// Refuse when the preferences were changed since they had this etag
    #[arg(long)]
    etag: Option<String>,
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
            args.check()?;
            args.set(&mut client).await.map_err(failed)?
        }
    };
    screen.show_fitted(&preferences.unwrap_or_default(), render::preferences)
}

/// How often a change is made anew that somebody else came before.
const ATTEMPTS: usize = 5;

impl SetPreferencesArgs {
    fn check(&self) -> Result<(), CliError> {
        let both = self.muted.iter().find(|topic| self.unmuted.contains(topic));
        both.map_or(Ok(()), |topic| {
            Err(CliError::usage(format!("--mute and --unmute must not name the same topic: {topic}")))
        })
    }

    /// Changes what was named and nothing else, whatever others change at the same time.
    async fn set(
        &self,
        client: &mut ConsentServiceClient<GatewayChannel>,
    ) -> Result<Option<v1::Preferences>, Status> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let request = self.request(self.to_be_kept(client).await?);
            match client.set_preferences(request).await {
                // Somebody changed them in between; whoever gives an etag wants to know.
                Err(status)
                    if status.code() == Code::Aborted && self.etag.is_none() && attempt < ATTEMPTS => {}
                answer => return Ok(answer?.into_inner().preferences),
            }
        }
    }

    /// What there is, where a list of it is to be kept and added to. All else is changed without knowing it.
    async fn to_be_kept(
        &self,
        client: &mut ConsentServiceClient<GatewayChannel>,
    ) -> Result<v1::Preferences, Status> {
        if self.excluded.is_empty() || self.clear.contains(&PreferencesPart::ExcludedChannels) {
            return Ok(v1::Preferences::default());
        }
        let request = v1::GetPreferencesRequest { contact_id: self.contact.contact.clone() };
        Ok(client.get_preferences(request).await?.into_inner().preferences.unwrap_or_default())
    }

    /// The change, to preferences of which this is to be kept. Its etag makes sure that they have no more by then.
    fn request(&self, kept: v1::Preferences) -> v1::SetPreferencesRequest {
        let (topics, topic_changes) = match self.clear.contains(&PreferencesPart::Topics) {
            true => (self.topic_changes().into_iter().filter_map(wanted).collect(), Vec::new()),
            false => (Vec::new(), self.topic_changes()),
        };
        let paths = self.paths();
        let preferences = v1::Preferences {
            channel_order: numbers(&self.channels),
            excluded_channels: together(kept.excluded_channels, numbers(&self.excluded)),
            topics,
            quiet_hours: self.quiet.clone().map(|(start, end)| v1::QuietHours {
                start,
                end,
                include_transactional: self.quiet_transactional,
            }),
            time_zone: self.time_zone.clone().unwrap_or_default(),
            language: self.language.clone().unwrap_or_default(),
            etag: self.etag.clone().unwrap_or(kept.etag),
        };
        // Nothing of them is given where only topics change, and then no mask either.
        let is_given = preferences != v1::Preferences::default() || !paths.is_empty();
        v1::SetPreferencesRequest {
            contact_id: self.contact.contact.clone(),
            preferences: is_given.then_some(preferences),
            update_mask: (!paths.is_empty()).then_some(prost_types::FieldMask { paths }),
            topic_changes,
        }
    }

    /// What is to change by topic.
    fn topic_changes(&self) -> Vec<v1::TopicPreferenceChange> {
        let mut changes = BTreeMap::new();
        for topic in &self.muted {
            change_of(&mut changes, topic).muted = Some(true);
        }
        for topic in &self.unmuted {
            change_of(&mut changes, topic).muted = Some(false);
        }
        for (topic, channels) in &self.topic_channels {
            change_of(&mut changes, topic).channel_order = numbers(channels);
        }
        changes.into_values().collect()
    }

    /// The paths of the fields to replace: those that were given, and those to clear.
    fn paths(&self) -> Vec<String> {
        let parts = [
            ("channel_order", !self.channels.is_empty(), PreferencesPart::ChannelOrder),
            ("excluded_channels", !self.excluded.is_empty(), PreferencesPart::ExcludedChannels),
            // Single topics are changed by themselves.
            ("topics", false, PreferencesPart::Topics),
            ("quiet_hours", self.quiet.is_some(), PreferencesPart::QuietHours),
            ("time_zone", self.time_zone.is_some(), PreferencesPart::TimeZone),
            ("language", self.language.is_some(), PreferencesPart::Language),
        ];
        let changed = parts.into_iter().filter(|(_, given, part)| *given || self.clear.contains(part));
        changed.map(|(path, ..)| path.to_owned()).collect()
    }
}

/// The change of a topic, among those of several.
fn change_of<'a>(
    changes: &'a mut BTreeMap<String, v1::TopicPreferenceChange>,
    topic: &str,
) -> &'a mut v1::TopicPreferenceChange {
    let change = v1::TopicPreferenceChange { topic: topic.to_owned(), ..Default::default() };
    changes.entry(topic.to_owned()).or_insert(change)
}

/// What is wanted of a topic of which nothing was wanted before, if anything is.
fn wanted(change: v1::TopicPreferenceChange) -> Option<v1::TopicPreference> {
    let v1::TopicPreferenceChange { topic, muted, channel_order, .. } = change;
    let muted = muted.unwrap_or_default();
    (muted || !channel_order.is_empty()).then_some(v1::TopicPreference { topic, muted, channel_order })
}

/// What was there, and what comes to it.
fn together(mut known: Vec<i32>, added: Vec<i32>) -> Vec<i32> {
    for channel in added {
        if !known.contains(&channel) {
            known.push(channel);
        }
    }
    known
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
