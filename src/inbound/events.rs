//! PURE. What an inbound text or a report on an address changes.

use crate::consent;
use crate::model::{
    AddressChange, AddressReport, Channel, ConsentAction, ConsentEntry, ConsentEvidence, ContactEvent,
    ContactEventDetail, InboundText, Keyword, Keywords, Objection, ProviderName, TopicScope,
};
use crate::store::{AddressObjection, InboundEffect, InboundEvent, NewConsentEntry};

/// Characters of a text that are stored: no channel's own limit is higher but email's.
const MAX_TEXT: usize = 4_096;

/// The event of a `text` that came by `channel` through `provider`, for a brand with these keywords. `ledger`
/// is the whole consent ledger of whoever wrote it; only a text that is the start keyword needs it.
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
        Some(Keyword::Stop) => vec![InboundEffect::RecordObjection(AddressObjection {
            channel,
            address: from.clone(),
            objection: Objection::OptedOut,
            evidence: evidence(),
        })],
        Some(Keyword::Start) => {
            let grant = |scope: TopicScope| {
                InboundEffect::RecordConsent(NewConsentEntry {
                    action: ConsentAction::Grant,
                    channel,
                    scope,
                    evidence: evidence(),
                    recorded_by: provider.to_string(),
                })
            };
            let grants = consent::scopes_restored_by_start(ledger, channel).into_iter().map(grant);
            let lift = InboundEffect::LiftOptOuts { told_by: None, evidence: evidence() };
            std::iter::once(lift).chain(grants).collect()
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

/// The event of a `report` on an address by `provider`, which carries `channel`.
pub(super) fn address_event(
    provider: &ProviderName,
    channel: Channel,
    report: AddressReport,
) -> InboundEvent {
    let AddressReport { id, address, change, at, evidence, to: _ } = report;
    let reported = ConsentEvidence::reported(provider, evidence.to_string(), at);
    let (detail, effect) = match change {
        AddressChange::Objected(objection) => {
            let objected =
                AddressObjection { channel, address: address.clone(), objection, evidence: reported };
            (ContactEventDetail::Objected { objection, evidence }, InboundEffect::RecordObjection(objected))
        }
        AddressChange::Returned => {
            let told_by = Some(provider.clone());
            (ContactEventDetail::Returned, InboundEffect::LiftOptOuts { told_by, evidence: reported })
        }
        AddressChange::MovedTo(to) => {
            (ContactEventDetail::Moved { to: to.clone() }, InboundEffect::MoveAddress(to))
        }
    };
    let event = ContactEvent { at, channel, provider: provider.clone(), address, detail };
    InboundEvent { id, event, reply_to: None, effects: vec![effect] }
}
