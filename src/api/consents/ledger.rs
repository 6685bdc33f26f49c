//! What people agreed to, and what follows from it.

use std::time::Duration;

use super::ConsentApi;
use crate::api::caller::BrandCaller;
use crate::api::contacts::read_contact_id;
use crate::api::error::ApiError;
use crate::api::limits::{self, NAME, WORDING};
use crate::model::{Channel, ConsentEvidence, ContactId, MessageClass, Recipient, Timestamp, Topic, later};
use crate::store::{MAX_TOPICS_OF_LEDGER, NewConsentEntry, REVOCATIONS_PER_GRANT, RecordConsentResult};
use crate::wire::{
    FieldPath, Violations, read_action, read_channel, read_channels, read_class, read_evidence, timestamp, v1,
};
use tonic::Code;

/// How far a caller's clock may be ahead of the gateway's.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

impl ConsentApi {
    pub(super) async fn record(
        &self,
        caller: &BrandCaller,
        request: v1::RecordConsentRequest,
    ) -> Result<v1::RecordConsentResponse, ApiError> {
        let now = self.clock.now();
        let (id, entry) = read_entry(caller, request, now)?;
        match self.store.record_consent(&caller.brand, &id, entry, now).await? {
            RecordConsentResult::Recorded(entry) => {
                Ok(v1::RecordConsentResponse { entry: Some((&*entry).into()) })
            }
            RecordConsentResult::NoContact => Err(ApiError::no_contact(&id)),
            RecordConsentResult::TooManyTopics => Err(too_many_topics()),
        }
    }

    pub(super) async fn check(
        &self,
        caller: &BrandCaller,
        request: v1::CheckConsentRequest,
    ) -> Result<v1::CheckConsentResponse, ApiError> {
        let (class, topic, channels) = read_question(&request)?;
        let recipient = self.recipient(caller, &request.contact_id).await?;
        let now = self.clock.now();
        let verdicts = self.planner.verdicts(&caller.brand, class, &topic, &recipient, now);
        let wanted = verdicts.iter().filter(|verdict| channels.contains(&verdict.channel));
        Ok(v1::CheckConsentResponse { verdicts: wanted.map(Into::into).collect() })
    }

    /// The person whose id stands in the field `contact_id` of a request.
    pub(super) async fn recipient(&self, caller: &BrandCaller, id: &str) -> Result<Recipient, ApiError> {
        let id = read_contact_id(id)?;
        let recipient = self.store.recipient(&caller.brand, &id).await?;
        recipient.ok_or_else(|| ApiError::no_contact(&id))
    }
}

fn too_many_topics() -> ApiError {
    let message = format!(
        "the contact's ledger has as many single topics as it may, which are {MAX_TOPICS_OF_LEDGER} to grant and {} to revoke: \
         record the consent for a topic above this one that covers it, or for all topics with *",
        MAX_TOPICS_OF_LEDGER * REVOCATIONS_PER_GRANT
    );
    ApiError::new(Code::ResourceExhausted, "TOO_MANY_TOPICS", message)
}

fn read_entry(
    caller: &BrandCaller,
    request: v1::RecordConsentRequest,
    now: Timestamp,
) -> Result<(ContactId, NewConsentEntry), ApiError> {
    let mut violations = Violations::default();
    let id = violations.parsed(&request.contact_id, &FieldPath::new("contact_id"));
    let action = read_action(request.action, &FieldPath::new("action"), &mut violations);
    let channel = read_channel(request.channel, &FieldPath::new("channel"), &mut violations);
    let scope = violations.parsed(&request.topic, &FieldPath::new("topic"));
    let evidence = read_evidence_of_request(request.evidence, now, &mut violations);
    let entry = || {
        let recorded_by = caller.key.to_string();
        Some(NewConsentEntry {
            action: action?,
            channel: channel?,
            scope: scope?,
            evidence: evidence?,
            recorded_by,
        })
    };
    let entry = entry();
    Ok(violations.finish(id.zip(entry))?)
}

/// Reads the evidence of a request, which is required.
pub(super) fn read_evidence_of_request(
    evidence: Option<v1::Evidence>,
    now: Timestamp,
    violations: &mut Violations,
) -> Option<ConsentEvidence> {
    let path = FieldPath::new("evidence");
    let mut evidence = violations.required(evidence, &path)?;
    for (text, name) in [
        (&evidence.source, "source"),
        (&evidence.method, "method"),
        (&evidence.origin, "origin"),
        (&evidence.actor, "actor"),
    ] {
        limits::line(text, NAME, &path.field(name), violations);
    }
    limits::chars(&evidence.wording, WORDING, &path.field("wording"), violations);
    limits::text(&evidence.wording, &path.field("wording"), violations);
    evidence.time.get_or_insert(timestamp(now));
    read_evidence(Some(evidence), Some(later(now, CLOCK_SKEW)), &path, violations)
}

fn read_question(request: &v1::CheckConsentRequest) -> Result<(MessageClass, Topic, Vec<Channel>), ApiError> {
    let mut violations = Violations::default();
    let class = read_class(request.message_class, &FieldPath::new("message_class"), &mut violations);
    let topic = violations.parsed(&request.topic, &FieldPath::new("topic"));
    let path = FieldPath::new("channels");
    limits::distinct_channels(&request.channels, &path, &mut violations);
    let channels = match request.channels.is_empty() {
        true => Channel::ALL.to_vec(),
        false => read_channels(&request.channels, &path, &mut violations),
    };
    let question = class.zip(topic).map(|(class, topic)| (class, topic, channels));
    Ok(violations.finish(question)?)
}
