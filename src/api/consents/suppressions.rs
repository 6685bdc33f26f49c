//! Addresses that must not be used.

use tonic::Code;

use super::ConsentApi;
use super::ledger::read_evidence_of_request;
use crate::api::caller::BrandCaller;
use crate::api::error::ApiError;
use crate::api::limits::{self, REASON};
use crate::model::{
    Address, Channel, LiftRefusal, Suppression, SuppressionLift, SuppressionReason, Timestamp,
};
use crate::store::LiftResult;
use crate::wire::{AddressFormat, FieldPath, Violations, read_address, read_channel, v1};

impl ConsentApi {
    pub(super) async fn suppress(
        &self,
        caller: &BrandCaller,
        request: v1::SuppressAddressRequest,
    ) -> Result<v1::SuppressAddressResponse, ApiError> {
        let suppression = read_suppression(caller, request, self.clock.now())?;
        let stored = self.store.suppress(&caller.brand, suppression).await?;
        Ok(v1::SuppressAddressResponse {
            suppression: Some((&stored.suppression).into()),
            in_force: stored.in_force.iter().map(Into::into).collect(),
        })
    }

    pub(super) async fn lift(
        &self,
        caller: &BrandCaller,
        request: v1::LiftSuppressionRequest,
    ) -> Result<v1::LiftSuppressionResponse, ApiError> {
        let LiftOrder { channel, address, reasons, lift } =
            LiftOrder::read(caller, request, self.clock.now())?;
        let lifted = self.store.lift_suppressions(&caller.brand, channel, &address, &reasons, lift).await?;
        match lifted {
            LiftResult::Lifted { lifted, remaining } => Ok(v1::LiftSuppressionResponse {
                lifted: lifted.iter().map(Into::into).collect(),
                remaining: remaining.iter().map(Into::into).collect(),
            }),
            LiftResult::Refused(refusal) => Err(not_lifted(channel, refusal)),
        }
    }
}

fn read_suppression(
    caller: &BrandCaller,
    request: v1::SuppressAddressRequest,
    now: Timestamp,
) -> Result<Suppression, ApiError> {
    let mut violations = Violations::default();
    let target = read_target(caller, request.channel, request.address, &mut violations);
    // The other reasons come from the reports of providers alone.
    let reason = match request.reason.as_str() {
        "" | "manual" => Some(SuppressionReason::Manual),
        "complaint" => Some(SuppressionReason::Complaint),
        _ => {
            violations.add(&FieldPath::new("reason"), "must be one of `complaint`, `manual`");
            None
        }
    };
    limits::required_line(&request.explanation, REASON, &FieldPath::new("explanation"), &mut violations);
    let ((channel, address), reason) = violations.finish(target.zip(reason))?;
    let recorded_by = caller.key.to_string();
    Ok(Suppression {
        channel,
        address,
        reason,
        explanation: request.explanation,
        created_at: now,
        last_reported_at: now,
        recorded_by,
    })
}

/// What a request to lift suppressions asks for.
struct LiftOrder {
    channel: Channel,
    address: Address,
    reasons: Vec<SuppressionReason>,
    lift: SuppressionLift,
}

impl LiftOrder {
    fn read(
        caller: &BrandCaller,
        request: v1::LiftSuppressionRequest,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let mut violations = Violations::default();
        let target = read_target(caller, request.channel, request.address, &mut violations);
        let reasons = read_reasons(&request.reasons, &mut violations);
        let evidence = read_evidence_of_request(request.evidence, now, &mut violations);
        if evidence.as_ref().is_some_and(|evidence| evidence.wording.is_empty()) {
            let path = FieldPath::new("evidence");
            violations.add(&path.field("wording"), "is required: it says why the suppression is lifted");
        }
        let ((channel, address), evidence) = violations.finish(target.zip(evidence))?;
        let lift = SuppressionLift { at: now, recorded_by: caller.key.to_string(), evidence };
        Ok(Self { channel, address, reasons, lift })
    }
}

/// The reasons of a request. An opt-out is among them: that it is not for others to end is another error.
fn read_reasons(names: &[String], violations: &mut Violations) -> Vec<SuppressionReason> {
    let path = FieldPath::new("reasons");
    if names.is_empty() {
        violations.add(&path, "is required: name those of `bad_address`, `complaint`, `manual` that end");
    }
    // More names than reasons cannot all differ, and one violation is enough for them.
    if names.len() > SuppressionReason::ALL.len() {
        violations.add(&path, "must name each reason at most once");
        return Vec::new();
    }
    let mut reasons = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match SuppressionReason::ALL.into_iter().find(|reason| reason.as_str() == name) {
            Some(reason) => reasons.push(reason),
            None => violations.add(&path.index(index), "must be one of `bad_address`, `complaint`, `manual`"),
        }
    }
    limits::distinct(names, &path, violations);
    reasons
}

fn read_target(
    caller: &BrandCaller,
    channel: i32,
    address: Option<v1::Address>,
    violations: &mut Violations,
) -> Option<(Channel, Address)> {
    let channel = read_channel(channel, &FieldPath::new("channel"), violations);
    let path = FieldPath::new("address");
    let numbers = AddressFormat::Dialled(caller.country());
    let address = read_address(address, numbers, &path, violations);
    let (channel, address) = channel.zip(address)?;
    if !channel.delivers_to(&address) {
        violations.add(&path, format_args!("must be an address that {channel} delivers to"));
    }
    Some((channel, address))
}

fn not_lifted(channel: Channel, refusal: LiftRefusal) -> ApiError {
    let error = match refusal {
        LiftRefusal::OptOut => ApiError::new(
            Code::FailedPrecondition,
            "OPT_OUT_IS_THE_PERSONS",
            format!(
                "only the person ends their own opt-out, by a START keyword on {channel} or at the provider: leave \
                 `opted_out` out of reasons"
            ),
        ),
        LiftRefusal::NotInForce(reasons) => {
            let names: Vec<_> = reasons.into_iter().map(SuppressionReason::as_str).collect();
            let message = format!(
                "this address is not suppressed on {channel} for {}: see what is in force with GetConsent, and name only \
                 that; nothing was lifted",
                names.join(", ")
            );
            ApiError::new(Code::NotFound, "SUPPRESSION_NOT_FOUND", message)
                .with_metadata("reasons", names.join(","))
        }
        LiftRefusal::OlderThanComplaint { complained_at } => ApiError::new(
            Code::FailedPrecondition,
            "NEW_CONSENT_REQUIRED",
            format!(
                "the person complained on {channel} at {complained_at}: only a new consent ends that, with an evidence.time \
                 after it"
            ),
        )
        .with_metadata("complaint_time", complained_at),
    };
    error.with_metadata("channel", channel)
}
