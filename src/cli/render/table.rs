//! Columns of text, each as wide as its widest cell as long as there is room for them all.

use super::fold::{fold, longest_word, width};

/// How wide a text may be: a terminal breaks longer lines wherever they end, and a pipe takes any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TextWidth(Option<usize>);

impl TextWidth {
    /// As wide as it comes out.
    pub(crate) const UNLIMITED: Self = Self(None);

    /// At most this many characters.
    pub(crate) fn of(columns: usize) -> Self {
        Self(Some(columns))
    }
}

/// Between two columns.
const GAP: &str = "  ";

/// A table with `N` columns.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    headings: Option<[String; N]>,
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// A table with these headings.
    pub(crate) fn new(headings: [&str; N]) -> Self {
        Self { headings: Some(headings.map(str::to_uppercase)), rows: Vec::new() }
    }

    /// A table without headings.
    pub(crate) fn bare() -> Self {
        Self { headings: None, rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    /// The table, or `nothing` when it has no rows.
    pub(crate) fn or(&self, nothing: &str, within: TextWidth) -> String {
        if self.rows.is_empty() { format!("{nothing}\n") } else { self.indented("", within) }
    }

    /// The table, each line behind `indent` and ended. Where it is too wide, cells are folded between words; where that is not
    /// enough and there are headings, each row is shown as a list of its own.
    pub(crate) fn indented(&self, indent: &str, within: TextWidth) -> String {
        let lines = || self.headings.iter().chain(&self.rows);
        let widest = |of: fn(&str) -> usize| -> [usize; N] {
            std::array::from_fn(|column| lines().map(|row| of(&row[column])).max().unwrap_or_default())
        };
        let natural = widest(width);
        let room = within.0.map_or(usize::MAX, |columns| columns.saturating_sub(width(indent)));
        let widths = fitted(natural, widest(longest_word), room);
        match (&self.headings, within.0) {
            (Some(headings), Some(_)) if total(&widths) > room => self.as_lists(headings, indent, room),
            _ => lines().map(|row| folded_row(row, &widths, indent)).collect(),
        }
    }

    /// Every row as lines of heading and value.
    fn as_lists(&self, headings: &[String; N], indent: &str, room: usize) -> String {
        let label = headings.iter().map(|heading| width(heading)).max().unwrap_or_default();
        let value = room.saturating_sub(label + GAP.len()).max(1);
        let list = |row: &[String; N]| -> String {
            let pairs = headings.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
            pairs
                .map(|(heading, cell)| folded_row(&[heading.clone(), cell.clone()], &[label, value], indent))
                .collect()
        };
        self.rows.iter().map(list).collect::<Vec<_>>().join("\n")
    }
}

/// The widths of columns that fit into `room`: the widest gives way first, and none below its `least`.
fn fitted<const N: usize>(mut widths: [usize; N], least: [usize; N], room: usize) -> [usize; N] {
    while total(&widths) > room {
        let shrinkable = (0..N).filter(|column| widths[*column] > least[*column]);
        let Some(widest) = shrinkable.max_by_key(|column| widths[*column]) else { break };
        widths[widest] -= 1;
    }
    widths
}

fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1)
}

/// A row as the lines that its longest cell takes.
fn folded_row<const N: usize>(row: &[String; N], widths: &[usize; N], indent: &str) -> String {
    let cells: [Vec<String>; N] = std::array::from_fn(|column| fold(&row[column], widths[column]));
    let height = cells.iter().map(Vec::len).max().unwrap_or_default();
    let line = |line: usize| {
        let parts = cells.iter().zip(widths).map(|(cell, width)| {
            let text = cell.get(line).map_or("", String::as_str);
            format!("{text:<width$}")
        });
        format!("{indent}{}", parts.collect::<Vec<_>>().join(GAP)).trim_end().to_owned() + "\n"
    };
    (0..height).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table<3> {
        let mut table = Table::new(["provider", "in flight", "note"]);
        let note = "billing dispute by eva until tomorrow";
        table.row(["sms-north", "0", note].map(str::to_owned));
        table.row(["sms-south", "12", ""].map(str::to_owned));
        table
    }

    #[test]
    fn a_table_is_as_wide_as_it_comes_out_where_nobody_breaks_its_lines() {
        insta::assert_snapshot!(table().indented("", TextWidth::UNLIMITED), @r"
        PROVIDER   IN FLIGHT  NOTE
        sms-north  0          billing dispute by eva until tomorrow
        sms-south  12
        ");
        assert_eq!(table().indented("", TextWidth::of(59)), table().indented("", TextWidth::UNLIMITED));
    }

    #[test]
    fn cells_are_folded_between_words_where_a_terminal_is_narrow() {
        insta::assert_snapshot!(table().indented("  ", TextWidth::of(42)), @r"
          PROVIDER   IN FLIGHT  NOTE
          sms-north  0          billing dispute by
                                eva until tomorrow
          sms-south  12
        ");
    }

    #[test]
    fn rows_become_lists_where_words_would_be_broken() {
        insta::assert_snapshot!(table().indented("", TextWidth::of(24)), @r"
        PROVIDER   sms-north
        IN FLIGHT  0
        NOTE       billing
                   dispute by
                   eva until
                   tomorrow

        PROVIDER   sms-south
        IN FLIGHT  12
        ");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_unless_a_word_is() {
        for columns in 12..80 {
            let text = table().indented("", TextWidth::of(columns));
            let widest = text.lines().map(width).max().unwrap();
            assert!(widest <= columns.max(20), "{columns}: {widest}\n{text}");
        }
    }
}
