//! Every number of the configuration has bounds, which its error names and `config/relevo.toml` tells.

use super::*;

/// A number that `config/relevo.toml` shows.
struct ShownNumber<'a> {
    /// Its line, from 0.
    line: usize,
    name: &'a str,
    /// The bounds in the comment above it, as they stand there.
    bounds: [&'a str; 2],
}

/// The numbers shown, each with its bounds; those that stand behind others of one comment share it.
fn numbers(text: &str) -> Vec<ShownNumber<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (line, text) in lines.iter().enumerate() {
        let Some((name, value)) = text.trim_start_matches('#').split_once(" = ") else { continue };
        if value.parse::<f64>().is_ok() {
            found.push(ShownNumber { line, name, bounds: bounds_above(&lines[..line], name) });
        }
    }
    found
}

fn bounds_above<'a>(lines: &[&'a str], name: &str) -> [&'a str; 2] {
    let comment = lines.iter().rev().skip_while(|line| !line.starts_with("# "));
    let comment = comment.take_while(|line| line.starts_with("# "));
    let words = |line: &&'a str| line.split_whitespace().collect::<Vec<_>>();
    for line in comment {
        let words = words(line);
        let bounds = words.windows(4).find_map(|words| match words {
            [from, low, "to", high] if from.eq_ignore_ascii_case("from") => Some([*low, *high]),
            _ => None,
        });
        if let Some(bounds) = bounds {
            return bounds.map(|bound| bound.trim_end_matches(['.', ':', ',']));
        }
    }
    panic!("config/relevo.toml does not tell the bounds of {name}")
}

/// The text with this line in place of one of its own, and with no other provider than the first or that of the line.
fn changed(text: &str, number: &ShownNumber<'_>, value: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let starts: Vec<_> = (0..lines.len()).filter(|line| lines[*line] == "[[providers]]").collect();
    let kept = starts.iter().rposition(|start| *start <= number.line).unwrap_or(0);
    let end = starts.get(kept + 1).copied().unwrap_or(lines.len());
    let shown = |(line, text): (usize, &&str)| match line {
        _ if line == number.line => format!("{} = {value}", number.name),
        _ if line < starts[0] || (starts[kept]..end).contains(&line) => (*text).to_owned(),
        _ => String::new(),
    };
    lines.iter().enumerate().map(shown).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_number_has_bounds_which_its_error_and_the_shipped_file_name() {
    let everything = Everything::new();
    let shipped = shipped("relevo.toml").1;
    let numbers = numbers(&shipped);
    assert!(numbers.len() > 60, "{}", numbers.len());
    for number in &numbers {
        let [low, high] = number.bounds;
        let must = format!("must be from {low} to {high}");
        // What is wrong with the number itself, if anything is.
        let told = |value: &str| {
            let wrong = everything.read(&changed(&everything.text, number, value)).err()?;
            let wrong = wrong.errors().iter().find(|error| error.line == Some(number.line + 1))?.clone();
            assert!(wrong.key.ends_with(number.name), "{wrong}");
            Some(wrong.message)
        };
        let name = number.name;
        for inside in [low, high] {
            let told = told(inside);
            assert!(!told.as_ref().is_some_and(|told| told.contains("from")), "{name} = {inside}: {told:?}");
        }
        let whole = |text: &str| text.parse::<i128>().ok();
        let below = whole(low).map_or("0.0".to_owned(), |low| (low - 1).to_string());
        let above = (whole(high).unwrap() + 1).to_string();
        for outside in [&below, &above, "-1", "9223372036854775807", "18446744073709551615"] {
            let told = told(outside).unwrap_or_else(|| panic!("{name} = {outside} is taken"));
            // What fits no integer type is refused before the bounds are looked at.
            let typed =
                told.contains("a whole number from 0 to") || told.contains("a whole number of 0 or more");
            assert!(told == must || typed, "{name} = {outside}: {told}");
        }
        // The bounds are those that are told, and no others: just beyond each of them.
        if whole(low).is_none_or(|low| low > 0) {
            assert_eq!(told(&below).as_deref(), Some(must.as_str()), "{name} = {below}");
        }
    }
}
