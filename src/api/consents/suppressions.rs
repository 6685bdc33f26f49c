//! Addresses that must not be used.

use tonic::Code;

use super::ConsentApi;
use crate::api::caller::BrandCaller;
use crate::api::error::ApiError;
use crate::api::limits::{self, REASON};
use crate::model::{Address, Channel, Suppression, SuppressionReason, Timestamp};
use crate::wire::{AddressFormat, FieldPath, Violations, read_address, read_channel, v1};

impl ConsentApi {
    pub(super) async fn suppress(
        &self,
        caller: &BrandCaller,
        request: v1::SuppressAddressRequest,
    ) -> Result<v1::SuppressAddressResponse, ApiError> {
        let suppression = read_suppression(caller, request, self.clock.now())?;
        let stored = self.store.suppress(&caller.brand, suppression).await?;
        Ok(v1::SuppressAddressResponse { suppression: Some((&stored).into()) })
    }

    pub(super) async fn lift(
        &self,
        caller: &BrandCaller,
        request: v1::LiftSuppressionRequest,
    ) -> Result<v1::LiftSuppressionResponse, ApiError> {
        let mut violations = Violations::default();
        let target = read_target(caller, request.channel, request.address, &mut violations);
        let (channel, address) = violations.finish(target)?;
        match self.store.lift_suppression(&caller.brand, channel, &address).await? {
            true => Ok(v1::LiftSuppressionResponse {}),
            false => Err(not_suppressed(channel)),
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
        recorded_by,
    })
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

fn not_suppressed(channel: Channel) -> ApiError {
    let message =
        format!("this address is not suppressed on {channel}: see the suppressions with GetConsent");
    ApiError::new(Code::NotFound, "SUPPRESSION_NOT_FOUND", message).with_metadata("channel", channel)
}
