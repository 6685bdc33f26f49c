//! Answers as they are shown on a terminal: providers, people and other brands' programs wrote parts of them, which must neither
//! steer the terminal nor make a line of their own. Every text of an answer is escaped here, before it is laid out, so that nothing
//! that lays out has to think of it. JSON escapes by its own rules.

use prost_reflect::{DynamicMessage, MapKey, Value};

use super::json::{self, NamedMessage};
use crate::model::text;

/// The answer with every text in it escaped.
pub(super) fn escaped<M: NamedMessage>(answer: &M) -> M {
    let mut dynamic = json::dynamic(answer);
    escape_message(&mut dynamic);
    dynamic.transcode_to().expect("both sides have the same fields")
}

fn escape_message(message: &mut DynamicMessage) {
    for (_, value) in message.fields_mut() {
        escape_value(value);
    }
}

fn escape_value(value: &mut Value) {
    match value {
        Value::String(text) => escape_text(text),
        Value::Message(message) => escape_message(message),
        Value::List(values) => values.iter_mut().for_each(escape_value),
        Value::Map(entries) => {
            let escape_entry = |(mut key, mut value): (MapKey, Value)| {
                if let MapKey::String(text) = &mut key {
                    escape_text(text);
                }
                escape_value(&mut value);
                (key, value)
            };
            *entries = std::mem::take(entries).into_iter().map(escape_entry).collect();
        }
        _ => {}
    }
}

fn escape_text(text: &mut String) {
    if text::has_controls(text) {
        *text = text::escaped(text).into_owned();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::cli::render::{self, TextWidth};
    use crate::wire::v1::{self, event::Detail};

    const FORGED: &str =
        "gone\n2026-01-01 09:00:00.000Z  delivered\u{1b}[2J\u{9b}1m\r\u{2028}\u{202e}exe.\u{2066}";

    fn assert_is_escaped(shown: &str) {
        let steers = |c: char| c != '\n' && text::is_control(c);
        assert!(!shown.contains(steers), "{shown:?}");
        assert!(
            shown.contains(r"gone\n2026-01-01 09:00:00.000Z  delivered\u{1b}[2J\u{9b}1m\r\u{2028}\u{202e}"),
            "{shown}"
        );
        assert!(!shown.lines().any(|line| line.starts_with("2026-01-01 09:00:00")), "{shown}");
    }

    #[test]
    fn what_came_from_outside_makes_no_line_of_its_own_and_steers_no_terminal() {
        let receipt = v1::Receipt { code: FORGED.into(), text: FORGED.into(), ..Default::default() };
        let event = v1::Event { detail: Some(Detail::Receipt(receipt)), ..Default::default() };
        let labels = BTreeMap::from([(FORGED.to_owned(), FORGED.to_owned())]);
        let message =
            v1::Message { history: vec![event.clone()], labels: labels.clone(), ..Default::default() };
        assert_is_escaped(&render::history(&escaped(&message), TextWidth::UNLIMITED));
        assert_is_escaped(&render::messages(&[escaped(&message)], TextWidth::UNLIMITED));
        let watched = v1::WatchMessagesResponse { event: Some(event), ..Default::default() };
        assert_is_escaped(&render::watched_event(&escaped(&watched)));
        let contact = v1::Contact { labels, ..Default::default() };
        assert_is_escaped(&render::contact(&escaped(&contact), TextWidth::UNLIMITED));
        let provider =
            v1::Provider { provider: FORGED.into(), last_failure: FORGED.into(), ..Default::default() };
        assert_is_escaped(&render::providers(&[escaped(&provider)], TextWidth::UNLIMITED));
        let suppression = v1::Suppression { explanation: FORGED.into(), ..Default::default() };
        assert_is_escaped(&render::suppressions(&[escaped(&suppression)], TextWidth::UNLIMITED));
        let key = v1::Key { label: FORGED.into(), ..Default::default() };
        assert_is_escaped(&render::keys(&[escaped(&key)], TextWidth::UNLIMITED));
    }

    #[test]
    fn what_is_plain_stays_as_it_is() {
        let plain = v1::Contact {
            contact_id: "ñandú".into(),
            labels: [("a".into(), "b".into())].into(),
            ..Default::default()
        };
        assert_eq!(escaped(&plain), plain);
    }
}
