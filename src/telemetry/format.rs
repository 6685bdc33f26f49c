//! How an event becomes a line. Whatever its texts hold, it is one line: here, and not where something is logged, what could break or
//! steer a line is escaped.

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::model::text;

/// The field that holds the sentence.
const MESSAGE: &str = "message";

/// What carries over the data of a record of the crate `log`; the event has it besides.
const LOG_PREFIX: &str = "log.";

/// Formats fields for people: the sentence, and then `name=value`, each value escaped.
pub(super) struct EscapedFields;

impl<'w> FormatFields<'w> for EscapedFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = FieldVisitor { writer, is_first: true, result: Ok(()) };
        fields.record(&mut visitor);
        visitor.result
    }
}

struct FieldVisitor<'w> {
    writer: Writer<'w>,
    is_first: bool,
    result: fmt::Result,
}

impl FieldVisitor<'_> {
    fn write(&mut self, name: &str, value: fmt::Arguments<'_>) -> fmt::Result {
        if !self.is_first {
            self.writer.write_char(' ')?;
        }
        self.is_first = false;
        if name != MESSAGE {
            // In italics, and dimmed.
            let is_colored = self.writer.has_ansi_escapes();
            let [before, equals] =
                if is_colored { ["\u{1b}[3m", "\u{1b}[0m\u{1b}[2m=\u{1b}[0m"] } else { ["", "="] };
            write!(self.writer, "{before}{name}{equals}")?;
        }
        write!(EscapingWriter(&mut self.writer), "{value}")
    }
}

impl Visit for FieldVisitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        // In quotes, but for the sentence.
        match field.name() {
            MESSAGE => self.record_debug(field, &format_args!("{value}")),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let name = field.name();
        if self.result.is_ok() && !name.starts_with(LOG_PREFIX) {
            self.result = self.write(name.trim_start_matches("r#"), format_args!("{value:?}"));
        }
    }
}

/// Escapes what is written through it.
struct EscapingWriter<'a, W>(&'a mut W);

impl<W: Write> Write for EscapingWriter<'_, W> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.0.write_str(&text::escaped(part))
    }
}

/// Formats an event as JSON, and escapes besides what JSON must the controls that JSON may hold: a line of it is read on
/// terminals too. They stand in strings only, so what is read from it is the same.
pub(super) struct EscapedJson<F>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for EscapedJson<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'w> FormatFields<'w> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut json = String::new();
        self.0.format_event(context, Writer::new(&mut json), event)?;
        let json = json.trim_end_matches('\n');
        if !text::has_controls(json) {
            return writeln!(writer, "{json}");
        }
        for c in json.chars() {
            // All of them are in the Basic Multilingual Plane, so that one escape is enough (RFC 8259, section 7).
            if text::is_control(c) {
                write!(writer, "\\u{:04x}", u32::from(c))?;
            } else {
                writer.write_char(c)?;
            }
        }
        writeln!(writer)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tracing_subscriber::layer::SubscriberExt;

    use super::super::lines_layer;
    use super::super::queue::{LineQueue, QueueLines};
    use crate::config::LogFormat;

    const FORGED: &str = "fax\n2026-01-01T00:00:00Z ERROR \u{1b}[2Jall is lost\r\u{9b}1m\u{7f}\u{85}\u{2028}\u{202e}exe.\u{2066}";

    /// What is logged of an event all of whose texts are forged.
    fn forged(format: LogFormat) -> String {
        let queue = Arc::new(LineQueue::new(1 << 20));
        let layer = lines_layer(format, QueueLines::new(Arc::clone(&queue)));
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(shown = %FORGED, quoted = FORGED, debug = ?FORGED, "{FORGED}");
        });
        let mut lines = Vec::new();
        queue.take(&mut lines, Duration::ZERO);
        String::from_utf8(lines).unwrap()
    }

    fn is_one_plain_line(text: &str) -> bool {
        let line = text.strip_suffix('\n').unwrap();
        !line.chars().any(|c| c.is_control() || "\u{2028}\u{202e}\u{2066}".contains(c))
    }

    #[test]
    fn a_forged_text_stays_on_its_line_for_people() {
        let text = forged(LogFormat::Human);
        assert!(is_one_plain_line(&text), "{text:?}");
        assert!(text.contains(r"fax\n2026-01-01T00:00:00Z ERROR \u{1b}[2Jall is lost\r\u{9b}1m"), "{text}");
        assert_eq!(text.matches("all is lost").count(), 4, "{text}");
        assert!(text.contains(" shown=fax") && text.contains(" quoted=\"fax"), "{text}");
    }

    #[test]
    fn a_forged_text_stays_on_its_line_for_machines_and_is_read_as_it_was() {
        let text = forged(LogFormat::Json);
        assert!(is_one_plain_line(&text), "{text:?}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!([&line["message"], &line["shown"], &line["quoted"]], [FORGED; 3]);
    }
}
