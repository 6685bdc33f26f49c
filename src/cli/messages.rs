//! `relevo message`: what became of messages.

use clap::{Args, Subcommand};

use super::arguments::{self, LimitArgs, State, numbers};
use super::connection::{ConnectionArgs, GatewayChannel, client};
use super::error::CliError;
use super::render;
use super::screen::CommandOutput;
use super::spec::SpecArgs;
use super::times::TimeArgument;
use crate::clock::Clock;
use crate::model::Timestamp;
use crate::wire::v1::{self, message_service_client::MessageServiceClient};

/// What to do with messages.
#[derive(Debug, Subcommand)]
pub enum MessageCommand {
    /// Tell the story of one message: verdicts, plan, attempts, outcomes, receipts
    #[command(after_help = "Examples:\n  relevo message get 01936b2e-6c1f-7cc0-8f5a-1d2e3f405162\n  \
        relevo message get 01936b2e-6c1f-7cc0-8f5a-1d2e3f405162 --json | jq .history")]
    Get(MessageIdArgs),
    /// List messages, newest first
    #[command(after_help = "Examples:\n  relevo message list --state failed --state in-doubt --from 24h\n  \
        relevo message list --contact ana --limit 10\n  relevo message list --label campaign=spring --json\n  \
        relevo message list --without-receipt --until 10m")]
    List(ListArgs),
    /// Follow what happens to messages, until interrupted
    #[command(after_help = "Examples:\n  relevo message watch\n  relevo message watch --cursor 0        \
        from the oldest event kept\n  relevo message watch --cursor CURSOR   resume after the event shown with it")]
    Watch(WatchArgs),
    /// Tell what would happen to a message now; nothing is sent or stored
    #[command(
        after_help = "Takes the same flags as send.\n\nExamples:\n  relevo message explain --contact ana \
        --class commercial --topic offers \\\n      --text 'Hello'"
    )]
    Explain(Box<SpecArgs>),
    /// Cancel a message that is not yet sent
    #[command(after_help = "A call in flight is let finish, and nothing is tried after it.\n\nExamples:\n  \
        relevo message cancel 01936b2e-6c1f-7cc0-8f5a-1d2e3f405162")]
    Cancel(MessageIdArgs),
}

/// Names a message.
#[derive(Debug, Args)]
pub struct MessageIdArgs {
    /// The message's id
    #[arg(value_name = "MESSAGE_ID")]
    id: String,
}

/// Which messages to list.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those of this contact
    #[arg(long, value_name = "ID")]
    contact: Option<String>,
    /// Only those in this state; repeated, in any of them
    #[arg(long = "state", value_enum, ignore_case = true, value_name = "STATE")]
    states: Vec<State>,
    /// Only those accepted at or after this time, or at most this long ago
    #[arg(long, value_name = "TIME")]
    from: Option<TimeArgument>,
    /// Only those accepted before this time, or longer ago than this
    #[arg(long, value_name = "TIME")]
    until: Option<TimeArgument>,
    /// Only those with this label; repeated, with all of them
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = arguments::label)]
    labels: Vec<(String, String)>,
    /// Only those that a provider took and that no receipt confirmed or denied
    #[arg(long)]
    without_receipt: bool,
    #[command(flatten)]
    limit: LimitArgs,
}

/// What to follow.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Resume after this cursor, as an event was shown with it; 0 starts with the oldest event kept
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// Only events of this message; may be repeated
    #[arg(long = "message", value_name = "MESSAGE_ID")]
    messages: Vec<String>,
}

pub(super) async fn run(
    command: MessageCommand,
    connection: &ConnectionArgs,
    clock: &Clock,
    screen: CommandOutput,
) -> Result<(), CliError> {
    let failed = |status| CliError::from_status(&connection.server, status);
    // Before the connection: a message that its flags do not describe needs none.
    let now = clock.now();
    let spec = match &command {
        MessageCommand::Explain(args) => Some(args.spec(now)?),
        _ => None,
    };
    let mut client = client!(MessageServiceClient, connection);
    match command {
        MessageCommand::Get(MessageIdArgs { id }) => {
            let mut message: Option<v1::Message> = None;
            let mut page_token = String::new();
            loop {
                let request = v1::GetMessageRequest { message_id: id.clone(), page_token };
                let answer = client.get_message(request).await.map_err(failed)?.into_inner();
                let page = answer.message.unwrap_or_default();
                match &mut message {
                    Some(first) => first.history.extend(page.history),
                    None => message = Some(page),
                }
                page_token = answer.next_page_token;
                if page_token.is_empty() {
                    break;
                }
            }
            screen.show_fitted(&message.unwrap_or_default(), render::history)
        }
        MessageCommand::List(args) => {
            let messages = args.list(client, connection, now).await?;
            screen.show_all(&messages, render::messages)
        }
        MessageCommand::Watch(args) => watch(args, client, connection, screen).await,
        MessageCommand::Explain(_) => {
            let request = v1::ExplainRouteRequest { message: spec };
            let answer = client.explain_route(request).await.map_err(failed)?;
            screen.show_fitted(answer.get_ref(), render::explanation)
        }
        MessageCommand::Cancel(MessageIdArgs { id }) => {
            let answer =
                client.cancel_message(v1::CancelMessageRequest { message_id: id }).await.map_err(failed)?;
            screen.show(&answer.into_inner().message.unwrap_or_default(), render::cancelled)
        }
    }
}

impl ListArgs {
    async fn list(
        &self,
        mut client: MessageServiceClient<GatewayChannel>,
        connection: &ConnectionArgs,
        now: Timestamp,
    ) -> Result<Vec<v1::Message>, CliError> {
        let filter = v1::ListMessagesRequest {
            contact_id: self.contact.clone().unwrap_or_default(),
            states: numbers(&self.states),
            accepted_from: self.from.map(|when| when.before(now)),
            accepted_until: self.until.map(|when| when.before(now)),
            labels: arguments::labels(&self.labels),
            page_size: 0,
            page_token: String::new(),
            without_receipt: self.without_receipt,
        };
        let page = async |page_size, page_token| {
            let request = v1::ListMessagesRequest { page_size, page_token, ..filter.clone() };
            let answer = client.list_messages(request).await;
            let answer =
                answer.map_err(|status| CliError::from_status(&connection.server, status))?.into_inner();
            Ok((answer.messages, answer.next_page_token))
        };
        self.limit.collect(page).await
    }
}

async fn watch(
    args: WatchArgs,
    mut client: MessageServiceClient<GatewayChannel>,
    connection: &ConnectionArgs,
    screen: CommandOutput,
) -> Result<(), CliError> {
    let failed = |status| CliError::from_status(&connection.server, status);
    let cursor = args.cursor.unwrap_or_default();
    let request = v1::WatchMessagesRequest { cursor, message_ids: args.messages };
    let mut events = client.watch_messages(request).await.map_err(failed)?.into_inner();
    while let Some(event) = events.message().await.map_err(failed)? {
        match &event.gap {
            Some(_) if !screen.is_json() => screen.note(render::WATCH_GAP)?,
            _ => screen.show(&event, render::watched_event)?,
        }
    }
    Err(CliError::Unreachable(format!("{} ended the stream: it may be stopping", connection.server)))
}
