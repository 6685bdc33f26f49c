//! Messages in lists and streams.

use super::format::{class, labels, or_dash, state, time};
use super::{Table, TextWidth};
use super::{contact, history};
use crate::cli::error::code_name;
use crate::wire::v1::{self, send_stream_response::Result as Answer};

/// A message was accepted.
pub(crate) fn accepted(answer: &v1::SendResponse) -> String {
    let note = match answer.duplicate {
        true => " (the key was known: this is its first message, and nothing new was stored)",
        false => "",
    };
    format!("{}  {}{note}\n", answer.message_id, state(answer.state))
}

/// What became of one line of a file.
pub(crate) fn stream_answer(answer: &v1::SendStreamResponse) -> String {
    let line = format!("line {}", answer.sequence);
    match &answer.result {
        Some(Answer::Accepted(accepted)) => format!("{line}: {}", self::accepted(accepted)),
        Some(Answer::Error(error)) => {
            let name = code_name(error.code.into());
            let fields =
                error.fields.iter().map(|fault| format!("\n  {} {}", fault.field, fault.description));
            format!("{line}: refused ({name}): {}{}\n", error.message, fields.collect::<String>())
        }
        None => format!("{line}: no answer\n"),
    }
}

/// A list of messages.
pub(crate) fn messages(messages: &[v1::Message], within: TextWidth) -> String {
    let mut table =
        Table::new(["message", "accepted", "contact", "class", "topic", "state", "next", "labels"]);
    for message in messages {
        table.row([
            message.message_id.clone(),
            time(message.accept_time.as_ref()),
            message.contact_id.clone(),
            class(message.message_class),
            message.topic.clone(),
            state(message.state),
            time(message.next_time.as_ref()),
            labels(&message.labels),
        ]);
    }
    table.or("No message matches.", within)
}

/// Events were missed.
pub(crate) const WATCH_GAP: &str = "Some events after the cursor are no longer kept, because their retention period is over. \
                                    See what became of messages with relevo message list. The events kept follow.\n";

/// One event of the stream.
pub(crate) fn watched_event(event: &v1::WatchMessagesResponse) -> String {
    let (message_event, contact_event) = (event.event.as_ref(), event.contact_event.as_ref());
    let happened = message_event.and_then(|event| event.detail.as_ref()).map(history::event_text);
    let happened = happened.or_else(|| contact_event.map(contact::contact_event_text));
    let at = message_event.and_then(|event| event.time.as_ref());
    let at = at.or_else(|| contact_event.and_then(|event| event.time.as_ref()));
    format!(
        "{}  {}  {}  {}  {}\n",
        time(at),
        or_dash(&event.message_id),
        or_dash(&event.contact_id),
        happened.unwrap_or_else(|| "something that this version does not know".to_owned()),
        event.cursor
    )
}

/// What became of a request to cancel.
pub(crate) fn cancelled(message: &v1::Message) -> String {
    let id = &message.message_id;
    match message.state() {
        v1::MessageState::Cancelled => format!("Message {id} is cancelled.\n"),
        v1::MessageState::Sending => {
            format!(
                "Message {id} is being sent: the call in flight is let finish, and nothing is tried after it.\n"
            )
        }
        _ => format!("Message {id} is {}.\n", state(message.state)),
    }
}
