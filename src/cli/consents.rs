//! `relevo consent`: what people agreed to, and addresses that must not be used.

use clap::{Args, Subcommand, ValueEnum};

use super::arguments::{Action, AddressArgs, Channel, Class, MAX_PAGE, numbers};
use super::connection::{ConnectionArgs, client};
use super::error::CliError;
use super::progress::ProgressLine;
use super::render;
use super::screen::CommandOutput;
use super::times::TimeArgument;
use crate::clock::Clock;
use crate::model::Timestamp;
use crate::wire::v1::{self, consent_service_client::ConsentServiceClient};

/// What to do with consent.
#[derive(Debug, Subcommand)]
pub enum ConsentCommand {
    /// Append a grant or a revocation to a contact's ledger
    #[command(
        after_help = "Examples:\n  relevo consent record ana grant --channel email --topic newsletter \
        \\\n      --source https://shop.example/newsletter --method double_opt_in \
        \\\n      --wording 'Send me the newsletter' --time 2026-03-01T09:00:00Z \
        \\\n      --origin 203.0.113.7\n  relevo consent record ana revoke --channel sms \
        --topic '*' \\\n      --source support --method telephone --actor eva"
    )]
    Record(RecordArgs),
    /// Show a contact's consent: what is in force, the ledger behind it, and suppressed addresses
    #[command(after_help = "Examples:\n  relevo consent get ana")]
    Get(ContactArgs),
    /// Tell whether a message could go to a contact now, by channel and address; nothing is sent
    #[command(after_help = "Examples:\n  relevo consent check ana --class commercial --topic offers.shoes")]
    Check(CheckConsentArgs),
    /// Suppress an address: no message of any class goes there
    #[command(after_help = "All reasons that stand for the address are shown, this one among them.\n\n\
        Examples:\n  relevo consent suppress --channel sms --phone +34600123456 \\\
        \n      --explanation 'wrong person, said on the telephone'")]
    Suppress(SuppressArgs),
    /// End reasons for which an address is suppressed; the others still stand
    #[command(after_help = "All the reasons that are named end, or none. An opt-out (opted_out) ends only\n\
        by the person's own word: by a text that says START, or at the provider.\n\n\
        Examples:\n  relevo consent lift --channel email --email ana@example.com \\\
        \n      --reason bad_address --source support --method telephone \\\
        \n      --wording 'mailbox repaired, a test mail arrived'\
        \n  relevo consent lift --channel email --email ben@example.com \\\
        \n      --reason complaint --reason manual --source https://shop.example \\\
        \n      --method double_opt_in --wording 'Send me the newsletter again'")]
    Lift(Box<LiftArgs>),
}

/// Names a contact.
#[derive(Debug, Args)]
pub struct ContactArgs {
    /// The brand's id of the contact
    #[arg(value_name = "CONTACT_ID")]
    pub(super) contact: String,
}

/// What was agreed to, and how we know.
#[derive(Debug, Args)]
pub struct RecordArgs {
    #[command(flatten)]
    contact: ContactArgs,
    /// Whether the person agreed or took it back
    #[arg(value_enum, ignore_case = true)]
    action: Action,
    /// The channel
    #[arg(long, value_enum, ignore_case = true)]
    channel: Channel,
    /// The topic, which covers those below it; * for all
    #[arg(long)]
    topic: String,
    #[command(flatten)]
    evidence: EvidenceArgs,
}

/// How we know.
#[derive(Debug, Args)]
pub struct EvidenceArgs {
    /// Where it happened, such as checkout or the address of a page
    #[arg(long)]
    source: String,
    /// By which means, such as web_form, double_opt_in, paper or sms_keyword
    #[arg(long)]
    method: String,
    /// The words the person agreed to, or wrote
    #[arg(long, value_name = "TEXT")]
    wording: Option<String>,
    /// When it happened, or how long ago; now when left out
    #[arg(long)]
    time: Option<TimeArgument>,
    /// The IP address or phone number it came from
    #[arg(long, value_name = "ADDRESS")]
    origin: Option<String>,
    /// Who records it; the id of the key is kept beside it
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
}

/// What to check.
#[derive(Debug, Args)]
pub struct CheckConsentArgs {
    #[command(flatten)]
    contact: ContactArgs,
    /// The message's class
    #[arg(long, value_enum, ignore_case = true)]
    class: Class,
    /// The message's topic
    #[arg(long)]
    topic: String,
    /// Only this channel; may be repeated
    #[arg(long = "channel", value_enum, ignore_case = true, value_name = "CHANNEL")]
    channels: Vec<Channel>,
}

/// Why an address is suppressed by hand.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ManualReason {
    /// The person complained.
    Complaint,
    /// Anything else.
    Manual,
}

/// What to suppress.
#[derive(Debug, Args)]
pub struct SuppressArgs {
    /// The channel
    #[arg(long, value_enum, ignore_case = true)]
    channel: Channel,
    #[command(flatten)]
    address: AddressArgs,
    /// Whether the person complained
    #[arg(long, value_enum, ignore_case = true, default_value = "manual")]
    reason: ManualReason,
    /// Why
    #[arg(long, value_name = "TEXT")]
    explanation: String,
}

/// A reason that others than the person may end.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum LiftableReason {
    /// The address works again.
    BadAddress,
    /// The person complained, and has agreed anew since.
    Complaint,
    /// What was suppressed by hand.
    Manual,
}

/// What to lift, and why.
#[derive(Debug, Args)]
#[command(mut_arg("wording", |wording| {
    wording.required(true).help("Why: what was found, or the words the person agreed to")
}))]
pub struct LiftArgs {
    /// The channel
    #[arg(long, value_enum, ignore_case = true)]
    channel: Channel,
    #[command(flatten)]
    address: AddressArgs,
    /// The reason that ends; may be repeated
    #[arg(long = "reason", value_enum, ignore_case = true, value_name = "REASON", required = true)]
    reasons: Vec<LiftableReason>,
    #[command(flatten)]
    evidence: EvidenceArgs,
}

pub(super) async fn run(
    command: ConsentCommand,
    connection: &ConnectionArgs,
    clock: &Clock,
    screen: CommandOutput,
) -> Result<(), CliError> {
    let failed = |status| CliError::from_status(&connection.server, status);
    let mut client = client!(ConsentServiceClient, connection);
    match command {
        ConsentCommand::Record(args) => {
            let answer = client.record_consent(args.request(clock.now())).await.map_err(failed)?;
            screen.show_fitted(&answer.into_inner().entry.unwrap_or_default(), render::entry)
        }
        ConsentCommand::Get(args) => {
            let mut whole = v1::GetConsentResponse::default();
            let mut page_token = String::new();
            let mut progress = ProgressLine::new();
            loop {
                let contact_id = args.contact.clone();
                let request = v1::GetConsentRequest { contact_id, page_size: MAX_PAGE as i32, page_token };
                let page = client.get_consent(request).await.map_err(failed)?.into_inner();
                whole.states.extend(page.states);
                whole.ledger.extend(page.ledger);
                whole.suppressions.extend(page.suppressions);
                whole.lifted_suppressions.extend(page.lifted_suppressions);
                page_token = page.next_page_token;
                if page_token.is_empty() {
                    break;
                }
                progress.show(|_| format!("{} entries read", whole.ledger.len()));
            }
            drop(progress);
            screen.show_fitted(&whole, render::consent)
        }
        ConsentCommand::Check(args) => {
            let answer = client.check_consent(args.request()).await.map_err(failed)?;
            screen.show_fitted(answer.get_ref(), render::verdicts)
        }
        ConsentCommand::Suppress(args) => {
            let answer = client.suppress_address(args.request()).await.map_err(failed)?;
            screen.show_all(&answer.into_inner().in_force, render::suppressions)
        }
        ConsentCommand::Lift(args) => {
            let answer = client.lift_suppression(args.request(clock.now())).await.map_err(failed)?;
            screen.show_fitted(answer.get_ref(), render::lift)
        }
    }
}

impl RecordArgs {
    fn request(self, now: Timestamp) -> v1::RecordConsentRequest {
        v1::RecordConsentRequest {
            contact_id: self.contact.contact,
            action: self.action.into(),
            channel: self.channel.into(),
            topic: self.topic,
            evidence: Some(self.evidence.evidence(now)),
        }
    }
}

impl EvidenceArgs {
    fn evidence(self, now: Timestamp) -> v1::Evidence {
        v1::Evidence {
            source: self.source,
            method: self.method,
            wording: self.wording.unwrap_or_default(),
            time: self.time.map(|when| when.before(now)),
            origin: self.origin.unwrap_or_default(),
            actor: self.actor.unwrap_or_default(),
        }
    }
}

impl CheckConsentArgs {
    fn request(self) -> v1::CheckConsentRequest {
        v1::CheckConsentRequest {
            contact_id: self.contact.contact,
            message_class: self.class.into(),
            topic: self.topic,
            channels: numbers(&self.channels),
        }
    }
}

impl SuppressArgs {
    fn request(self) -> v1::SuppressAddressRequest {
        let reason = match self.reason {
            ManualReason::Complaint => "complaint",
            ManualReason::Manual => "manual",
        };
        v1::SuppressAddressRequest {
            channel: self.channel.into(),
            address: Some(self.address.address()),
            reason: reason.to_owned(),
            explanation: self.explanation,
        }
    }
}

impl LiftArgs {
    fn request(self, now: Timestamp) -> v1::LiftSuppressionRequest {
        let name = |reason: &LiftableReason| match reason {
            LiftableReason::BadAddress => "bad_address",
            LiftableReason::Complaint => "complaint",
            LiftableReason::Manual => "manual",
        };
        v1::LiftSuppressionRequest {
            channel: self.channel.into(),
            address: Some(self.address.address()),
            reasons: self.reasons.iter().map(|reason| name(reason).to_owned()).collect(),
            evidence: Some(self.evidence.evidence(now)),
        }
    }
}
