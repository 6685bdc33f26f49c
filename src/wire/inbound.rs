//! Events of contacts.

use super::{
    AddressFormat, FieldPath, Violations, optional_text, read_address, read_channel, read_keyword,
    read_objection, read_time, timestamp, v1,
};
use crate::model::{ContactEvent, ContactEventDetail, Keyword, OutcomeEvidence};
use v1::contact_event::Detail;

impl From<&ContactEvent> for v1::ContactEvent {
    fn from(event: &ContactEvent) -> Self {
        Self {
            time: Some(timestamp(event.at)),
            channel: v1::Channel::from(event.channel).into(),
            provider: event.provider.to_string(),
            address: Some((&event.address).into()),
            detail: Some((&event.detail).into()),
        }
    }
}

impl From<&ContactEventDetail> for Detail {
    fn from(detail: &ContactEventDetail) -> Self {
        match detail {
            ContactEventDetail::Wrote { text, to, answers, keyword } => Self::Wrote(v1::InboundText {
                text: text.clone(),
                sender: to.clone().unwrap_or_default(),
                message_id: answers.map(|id| id.to_string()).unwrap_or_default(),
                keyword: keyword.map_or("", Keyword::as_str).to_owned(),
            }),
            ContactEventDetail::Objected { objection, evidence } => Self::Objected(v1::AddressObjected {
                objection: objection.as_str().to_owned(),
                code: evidence.code.clone(),
                text: evidence.text.clone(),
            }),
            ContactEventDetail::Returned => Self::Returned(v1::AddressReturned {}),
            ContactEventDetail::Moved { to } => Self::Moved(v1::AddressMoved { to: Some(to.into()) }),
        }
    }
}

/// Reads an event of a contact.
pub fn read_contact_event(
    event: v1::ContactEvent,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<ContactEvent> {
    let at = read_time(event.time, &path.field("time"), violations);
    let channel = read_channel(event.channel, &path.field("channel"), violations);
    let provider = violations.parsed(&event.provider, &path.field("provider"));
    let address = read_address(event.address, AddressFormat::Stored, &path.field("address"), violations);
    let detail = violations.required(event.detail, &path.field("detail"));
    let detail = detail.and_then(|detail| read_detail(detail, path, violations));
    Some(ContactEvent { at: at?, channel: channel?, provider: provider?, address: address?, detail: detail? })
}

fn read_detail(
    detail: Detail,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<ContactEventDetail> {
    match detail {
        Detail::Wrote(wrote) => {
            let path = path.field("wrote");
            let answers = match wrote.message_id.as_str() {
                "" => Some(None),
                id => violations.parsed(id, &path.field("message_id")).map(Some),
            };
            let keyword = match wrote.keyword.as_str() {
                "" => Some(None),
                name => read_keyword(name, &path.field("keyword"), violations).map(Some),
            };
            let to = optional_text(wrote.sender);
            Some(ContactEventDetail::Wrote { text: wrote.text, to, answers: answers?, keyword: keyword? })
        }
        Detail::Objected(objected) => {
            let path = path.field("objected.objection");
            let objection = read_objection(&objected.objection, &path, violations)?;
            let evidence = OutcomeEvidence { code: objected.code, text: objected.text };
            Some(ContactEventDetail::Objected { objection, evidence })
        }
        Detail::Returned(v1::AddressReturned {}) => Some(ContactEventDetail::Returned),
        Detail::Moved(moved) => {
            let to = read_address(moved.to, AddressFormat::Stored, &path.field("moved.to"), violations)?;
            Some(ContactEventDetail::Moved { to })
        }
    }
}
