//! PURE. What an inbound text or a report on an address changes.

use crate::consent;
use crate::model::{
    AddressChange, AddressReport, Channel, ConsentAction, ConsentEntry, ConsentEvidence, ContactEvent,
    ContactEventDetail, InboundText, Keyword, Keywords, Objection, ProviderName, TopicScope,
};
use crate::store::{AddressObjection, InboundEffect, InboundEvent, NewConsentEntry};

/// Characters of a text that are stored: no channel's own limit is higher but email's.
const MAX_TEXT: usize = 4_096;

/// The event of a `text` that came by `channel` through `provider`, for a brand with these keywords. The opt-ins that a start
/// keyword restores are added by [`restored_opt_ins`].
pub(super) fn text_event(
    provider: &ProviderName,
    channel: Channel,
    text: InboundText,
    keywords: &Keywords,
) -> InboundEvent {
    let InboundText { id, from, aliases, to, text, reply_to, at } = text;
    let text: String = text.chars().take(MAX_TEXT).collect();
    let keyword = consent::keyword(&text, keywords);
    let detail = ContactEventDetail::Wrote { text: text.clone(), to, answers: None, keyword };
    let event = ContactEvent { at, channel, provider: provider.clone(), address: from, detail };
    let mut effects = match keyword {
        Some(Keyword::Stop) => vec![InboundEffect::RecordObjection(AddressObjection {
            channel,
            address: event.address.clone(),
            objection: Objection::OptedOut,
            evidence: keyword_evidence(&event, text),
        })],
        Some(Keyword::Start) => {
            let evidence = keyword_evidence(&event, text);
            vec![InboundEffect::LiftOptOuts { told_by: None, evidence }]
        }
        None => Vec::new(),
    };
    if channel == Channel::Whatsapp {
        effects.push(InboundEffect::OpenServiceWindow);
    }
    InboundEvent { id, event, aliases, reply_to, effects }
}

/// The opt-ins that the start keyword restores: those that an earlier stop withdrew. `ledger` is the whole consent ledger of
/// whoever wrote it.
pub(super) fn restored_opt_ins(event: &ContactEvent, ledger: &[ConsentEntry]) -> Vec<InboundEffect> {
    let ContactEventDetail::Wrote { text, .. } = &event.detail else { return Vec::new() };
    let grant = |scope: TopicScope| {
        InboundEffect::RecordConsent(NewConsentEntry {
            action: ConsentAction::Grant,
            channel: event.channel,
            scope,
            evidence: keyword_evidence(event, text.clone()),
            recorded_by: event.provider.to_string(),
        })
    };
    consent::scopes_restored_by_start(ledger, event.channel).into_iter().map(grant).collect()
}

fn keyword_evidence(event: &ContactEvent, wording: String) -> ConsentEvidence {
    ConsentEvidence {
        source: event.provider.to_string(),
        method: ConsentEvidence::KEYWORD.to_owned(),
        wording,
        time: event.at,
        origin: event.address.to_string(),
        actor: event.provider.to_string(),
    }
}

/// The event of a `report` on an address by `provider`, which carries `channel`.
pub(super) fn address_event(
    provider: &ProviderName,
    channel: Channel,
    report: AddressReport,
) -> InboundEvent {
    let AddressReport { id, address, aliases, change, at, evidence, to: _ } = report;
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
    InboundEvent { id, event, aliases, reply_to: None, effects: vec![effect] }
}
