//! PURE. What a text or an address's news changes.

use crate::consent;
use crate::model::Objection;
use crate::model::{
    AddressChange, AddressReport, Channel, ConsentAction, ConsentEntry, ConsentEvidence, ContactEvent,
    ContactEventDetail, InboundText, Keyword, Keywords, ProviderName,
};
use crate::store::{AddressObjection, InboundEffect, InboundEvent, NewConsentEntry};

/// Characters of a text that are kept: no channel's own limit is higher but email's.
const MAX_TEXT: usize = 4_096;

/// What `provider` told: `text` came by `channel`, from somebody with this consent ledger, for a brand with these keywords.
pub(super) fn text_event(
    provider: &ProviderName,
    channel: Channel,
    text: InboundText,
    ledger: &[ConsentEntry],
    keywords: &Keywords,
) -> InboundEvent {
    let InboundText { id, from, to, text, reply_to, at } = text;
    let text: String = text.chars().take(MAX_TEXT).collect();
    let keyword = consent::keyword(&text, keywords);
    let evidence = || ConsentEvidence {
        source: provider.to_string(),
        method: ConsentEvidence::KEYWORD.to_owned(),
        wording: text.clone(),
        time: at,
        origin: from.to_string(),
        actor: provider.to_string(),
    };
    let mut effects = match keyword {
        Some(Keyword::Stop) => {
            let (address, objection) = (from.clone(), Objection::OptedOut);
            vec![InboundEffect::RecordObjection(AddressObjection {
                channel,
                address,
                objection,
                evidence: evidence(),
            })]
        }
        Some(Keyword::Start) => {
            let grants = consent::taken_by_stop(ledger, channel).into_iter().map(|scope| {
                let (scope, recorded_by) = (scope.clone(), provider.to_string());
                let evidence = evidence();
                InboundEffect::RecordConsent(NewConsentEntry {
                    action: ConsentAction::Grant,
                    channel,
                    scope,
                    evidence,
                    recorded_by,
                })
            });
            std::iter::once(InboundEffect::LiftOptOut(None)).chain(grants).collect()
        }
        None => Vec::new(),
    };
    if channel == Channel::Whatsapp {
        effects.push(InboundEffect::OpenServiceWindow);
    }
    let detail = ContactEventDetail::Wrote { text, to, answers: None, keyword };
    let event = ContactEvent { at, channel, provider: provider.clone(), address: from, detail };
    InboundEvent { id, event, reply_to, effects }
}

/// What `provider`, which carries `channel`, told of an address.
pub(super) fn address_event(provider: &ProviderName, channel: Channel, news: AddressReport) -> InboundEvent {
    let AddressReport { id, address, change, at, evidence, to: _ } = news;
    let (detail, effect) = match change {
        AddressChange::Objected(objection) => {
            let words = ConsentEvidence::reported(provider, evidence.to_string(), at);
            let objected = AddressObjection { channel, address: address.clone(), objection, evidence: words };
            (ContactEventDetail::Objected { objection, evidence }, InboundEffect::RecordObjection(objected))
        }
        AddressChange::Returned => {
            (ContactEventDetail::Returned, InboundEffect::LiftOptOut(Some(provider.clone())))
        }
        AddressChange::MovedTo(to) => {
            (ContactEventDetail::Moved { to: to.clone() }, InboundEffect::MoveAddress(to))
        }
    };
    let event = ContactEvent { at, channel, provider: provider.clone(), address, detail };
    InboundEvent { id, event, reply_to: None, effects: vec![effect] }
}
