//! What a person's own words say about being written to.

use std::collections::BTreeSet;

use crate::model::{Channel, ConsentAction, ConsentEntry, ConsentEvidence, Keyword, Keywords, TopicScope};

/// How a text is understood: as a keyword when it says nothing else. "Stop" is one, "please do not stop" is none, because
/// nobody may be silenced by a guess; who reads the texts can revoke the consent.
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

/// What the last stop on `channel` took, or the last opt-out at a provider, and a start gives back: the topics whose opt-ins
/// were in force until then. Nothing when everything was withdrawn by other means, or something was granted since.
pub fn taken_by_stop(ledger: &[ConsentEntry], channel: Channel) -> BTreeSet<&TopicScope> {
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
    let states = super::states(before).into_iter();
    states.filter(|(own, _, granted, _)| *own == channel && *granted).map(|(_, scope, ..)| scope).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn keywords() -> Keywords {
        let words = |words: &[&str]| words.iter().map(|word| Keywords::normalized(word)).collect();
        Keywords { stop: words(&["stop", "opt out", "baja"]), start: words(&["start"]) }
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

    fn given_back(ledger: &[ConsentEntry]) -> Vec<String> {
        taken_by_stop(ledger, Channel::Sms).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_start_gives_back_what_the_stop_took_and_nothing_more() {
        use ConsentAction::{Grant, Revoke};
        let mut ledger = vec![
            entry(1, Grant, Channel::Sms, "news", "web_form"),
            entry(2, Grant, Channel::Sms, "offers", "web_form"),
            entry(3, Revoke, Channel::Sms, "offers", "web_form"),
            entry(4, Grant, Channel::Email, "events", "web_form"),
        ];
        assert_eq!(given_back(&ledger), Vec::<String>::new(), "nothing was stopped");
        ledger.push(entry(5, Revoke, Channel::Sms, "*", ConsentEvidence::KEYWORD));
        assert_eq!(given_back(&ledger), ["news"]);
        let mut elsewhere = ledger.clone();
        elsewhere.push(entry(6, Grant, Channel::Email, "*", "web_form"));
        assert_eq!(given_back(&elsewhere), ["news"], "what was said of another channel does not matter");
        let mut granted = ledger.clone();
        granted.push(entry(6, Grant, Channel::Sms, "news", ConsentEvidence::KEYWORD));
        assert_eq!(given_back(&granted), Vec::<String>::new(), "it was given back already");
        let mut by_form = ledger.clone();
        by_form.push(entry(6, Revoke, Channel::Sms, "*", "web_form"));
        assert_eq!(
            given_back(&by_form),
            Vec::<String>::new(),
            "a word does not undo what was asked for otherwise"
        );
    }
}
