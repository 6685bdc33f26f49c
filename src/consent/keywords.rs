//! Keywords in the texts of people: stop and start.

use std::collections::BTreeSet;

use crate::model::{
    Channel, ConsentAction, ConsentEntry, ConsentEvidence, FoldedLedger, Keyword, Keywords, TopicScope,
};

/// The keyword that a text is, when it says nothing else. "Stop" is one and "please do not stop" is none, because a guess must
/// not end anybody's consent; the people of the brand who read the text can revoke it.
pub fn keyword(text: &str, keywords: &Keywords) -> Option<Keyword> {
    let plain = Keywords::normalized(text);
    if keywords.stop.contains(&plain) {
        Some(Keyword::Stop)
    } else if keywords.start.contains(&plain) {
        Some(Keyword::Start)
    } else {
        None
    }
}

/// The topics whose opt-ins a start on `channel` restores: those that were in force until the last stop, or the last opt-out
/// at a provider. There are none when all opt-ins were withdrawn by other means, or one was granted since. `ledger` is the
/// whole ledger, oldest first: its fold does not tell what was in force before.
pub fn scopes_restored_by_start(ledger: &[ConsentEntry], channel: Channel) -> BTreeSet<TopicScope> {
    let everything = |entry: &ConsentEntry| {
        entry.channel == channel && entry.action == ConsentAction::Revoke && entry.scope == TopicScope::All
    };
    let Some(at) = ledger.iter().rposition(everything) else { return BTreeSet::new() };
    let (before, rest) = ledger.split_at(at);
    let Some((stop, after)) = rest.split_first() else { return BTreeSet::new() };
    let granted_since =
        after.iter().any(|entry| entry.channel == channel && entry.action == ConsentAction::Grant);
    let means = [ConsentEvidence::KEYWORD, ConsentEvidence::PROVIDER_REPORT];
    if !means.contains(&stop.evidence.method.as_str()) || granted_since {
        return BTreeSet::new();
    }
    let before = before.iter().collect::<FoldedLedger>();
    let states = super::standings(&before).into_iter();
    states
        .filter(|(of, _, granted, _)| *of == channel && *granted)
        .map(|(_, scope, ..)| scope.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn keywords() -> Keywords {
        let words = |words: &[&str]| words.iter().map(|word| Keywords::normalized(word)).collect();
        Keywords {
            stop: words(&["stop", "opt out", "baja", "arr\u{ea}t", "iptal"]),
            start: words(&["start"]),
        }
    }

    #[test]
    fn a_keyword_is_the_whole_text() {
        for (text, expected) in [
            ("STOP", Some(Keyword::Stop)),
            (" stop. ", Some(Keyword::Stop)),
            ("\"Stop!\"", Some(Keyword::Stop)),
            ("/stop", Some(Keyword::Stop)),
            ("Opt-Out", Some(Keyword::Stop)),
            ("opt\n out", Some(Keyword::Stop)),
            ("¡BAJA!", Some(Keyword::Stop)),
            ("/start", Some(Keyword::Start)),
            // Full-width, with an accent of its own, a Turkish capital, and what nobody sees.
            ("\u{ff33}\u{ff34}\u{ff2f}\u{ff30}", Some(Keyword::Stop)),
            ("ARRE\u{302}T", Some(Keyword::Stop)),
            ("\u{130}PTAL", Some(Keyword::Stop)),
            ("ST\u{200b}O\u{ad}P\u{feff}", Some(Keyword::Stop)),
            ("please do not stop", None),
            ("stop it", None),
            ("stopp", None),
            ("", None),
            ("...", None),
        ] {
            assert_eq!(keyword(text, &keywords()), expected, "{text}");
        }
    }

    fn entry(
        sequence: u64,
        action: ConsentAction,
        channel: Channel,
        scope: &str,
        method: &str,
    ) -> ConsentEntry {
        let time = Timestamp::from_second(i64::try_from(sequence).unwrap()).unwrap();
        let scope = if scope == "*" { TopicScope::All } else { TopicScope::Topic(scope.parse().unwrap()) };
        let empty = String::new;
        let (method, recorded_by) = (method.to_owned(), empty());
        let evidence = ConsentEvidence {
            source: empty(),
            method,
            wording: empty(),
            time,
            origin: empty(),
            actor: empty(),
        };
        ConsentEntry { sequence, action, channel, scope, evidence, recorded_at: time, recorded_by }
    }

    fn restored(ledger: &[ConsentEntry]) -> Vec<String> {
        scopes_restored_by_start(ledger, Channel::Sms).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_start_restores_what_the_stop_took_and_nothing_more() {
        use ConsentAction::{Grant, Revoke};
        let mut ledger = vec![
            entry(1, Grant, Channel::Sms, "news", "web_form"),
            entry(2, Grant, Channel::Sms, "offers", "web_form"),
            entry(3, Revoke, Channel::Sms, "offers", "web_form"),
            entry(4, Grant, Channel::Email, "events", "web_form"),
        ];
        assert_eq!(restored(&ledger), Vec::<String>::new(), "nothing was stopped");
        ledger.push(entry(5, Revoke, Channel::Sms, "*", ConsentEvidence::KEYWORD));
        assert_eq!(restored(&ledger), ["news"]);
        let mut elsewhere = ledger.clone();
        elsewhere.push(entry(6, Grant, Channel::Email, "*", "web_form"));
        assert_eq!(restored(&elsewhere), ["news"], "what was said of another channel does not matter");
        let mut granted = ledger.clone();
        granted.push(entry(6, Grant, Channel::Sms, "news", ConsentEvidence::KEYWORD));
        assert_eq!(restored(&granted), Vec::<String>::new(), "it was given back already");
        let mut by_form = ledger.clone();
        by_form.push(entry(6, Revoke, Channel::Sms, "*", "web_form"));
        assert_eq!(
            restored(&by_form),
            Vec::<String>::new(),
            "a word does not undo what was asked for otherwise"
        );
    }
}
