//! `SandboxService`: shows what sandbox providers were given, and sets how they behave.

use std::time::Duration;

use tonic::{Code, Request, Response, Status};

use super::access::ProviderAccess;
use super::caller::Caller;
use super::error::ApiError;
use super::page;
use crate::adapters::sandbox::{OutboxEntry, SandboxBehavior, SandboxTarget, Sandboxes};
use crate::model::{Provider, ProviderName};
use crate::wire::v1::sandbox_service_server::SandboxService;
use crate::wire::{FieldPath, Violations, read_optional_duration, timestamp, v1};

const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(1);
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3_600);

/// Implements `SandboxService`.
#[derive(Clone)]
pub struct SandboxApi {
    access: ProviderAccess,
    sandboxes: Sandboxes,
}

#[tonic::async_trait]
impl SandboxService for SandboxApi {
    async fn list_outbox(
        &self,
        request: Request<v1::ListOutboxRequest>,
    ) -> Result<Response<v1::ListOutboxResponse>, Status> {
        let (caller, request) = Caller::from_request(request)?;
        Ok(Response::new(self.outbox(&caller, &request)?))
    }

    async fn set_behavior(
        &self,
        request: Request<v1::SetBehaviorRequest>,
    ) -> Result<Response<v1::SetBehaviorResponse>, Status> {
        let (caller, request) = Caller::from_request(request)?;
        Ok(Response::new(self.set(&caller, &request)?))
    }
}

impl SandboxApi {
    /// The service over these providers.
    pub fn new(access: ProviderAccess, sandboxes: Sandboxes) -> Self {
        Self { access, sandboxes }
    }

    /// A brand's key sees what its own brand sent, also through a provider that others share.
    fn outbox(
        &self,
        caller: &Caller,
        request: &v1::ListOutboxRequest,
    ) -> Result<v1::ListOutboxResponse, ApiError> {
        let mut violations = Violations::default();
        let limit = page::read_size(request.page_size, &mut violations);
        let provider = read_name(&request.provider, &mut violations);
        let (limit, provider) = violations.finish(Some((limit, provider)))?;
        if let Some(name) = &provider {
            self.sandbox(caller, name)?;
        }
        let entries = self.sandboxes.outbox(provider.as_ref(), caller.brand.as_ref(), limit);
        let mut entries: Vec<_> = entries
            .unwrap_or_default()
            .into_iter()
            .map(|(provider, entry)| entry_view(&provider, entry))
            .collect();
        entries.truncate(page::fitting(&entries));
        Ok(v1::ListOutboxResponse { entries })
    }

    fn set(
        &self,
        caller: &Caller,
        request: &v1::SetBehaviorRequest,
    ) -> Result<v1::SetBehaviorResponse, ApiError> {
        let (target, behavior) = read_behavior(request)?;
        let targets = self.targets(caller, &target)?;
        // All or none: no behavior is set before the caller is known to control every target.
        targets.iter().try_for_each(|provider| self.access.check_control(caller, provider))?;
        for provider in &targets {
            self.sandboxes.set_behavior(&SandboxTarget::Provider(provider.name.clone()), behavior);
        }
        let providers = targets.iter().map(|provider| provider.name.to_string()).collect();
        Ok(v1::SetBehaviorResponse { providers })
    }

    fn targets(&self, caller: &Caller, target: &SandboxTarget) -> Result<Vec<&Provider>, ApiError> {
        let domain = match target {
            SandboxTarget::Provider(name) => return Ok(vec![self.sandbox(caller, name)?]),
            SandboxTarget::FailureDomain(domain) => domain,
        };
        let is_target = |provider: &&Provider| {
            provider.failure_domain == *domain && self.sandboxes.get(&provider.name).is_some()
        };
        let targets: Vec<_> = self.access.visible_to(caller).filter(is_target).collect();
        if targets.is_empty() { Err(no_sandbox("failure_domain", domain)) } else { Ok(targets) }
    }

    fn sandbox(&self, caller: &Caller, name: &ProviderName) -> Result<&Provider, ApiError> {
        let provider = self.access.find_visible(caller, name)?;
        if self.sandboxes.get(name).is_some() {
            Ok(provider)
        } else {
            Err(no_sandbox("provider", name.as_str()))
        }
    }
}

fn read_name(name: &str, violations: &mut Violations) -> Option<ProviderName> {
    if name.is_empty() { None } else { violations.parsed(name, &FieldPath::new("provider")) }
}

fn read_behavior(request: &v1::SetBehaviorRequest) -> Result<(SandboxTarget, SandboxBehavior), ApiError> {
    let mut violations = Violations::default();
    let target = read_target(request, &mut violations);
    let retry_after = read_retry_after(request.retry_after, &mut violations);
    let behavior = match request.behavior() {
        v1::Behavior::Accept => Some(SandboxBehavior::Accept),
        v1::Behavior::Fail => Some(SandboxBehavior::Fail),
        v1::Behavior::Hang => Some(SandboxBehavior::Hang),
        v1::Behavior::Throttle => Some(SandboxBehavior::Throttle { retry_after }),
        v1::Behavior::LoseReply => Some(SandboxBehavior::LoseReply),
        v1::Behavior::Silent => Some(SandboxBehavior::Silent),
        v1::Behavior::RejectAddress => Some(SandboxBehavior::RejectAddress),
        v1::Behavior::Unspecified => violations.required(None, &FieldPath::new("behavior")),
    };
    Ok(violations.finish(target.zip(behavior))?)
}

fn read_target(request: &v1::SetBehaviorRequest, violations: &mut Violations) -> Option<SandboxTarget> {
    match (request.provider.as_str(), request.failure_domain.as_str()) {
        (name, "") if !name.is_empty() => read_name(name, violations).map(SandboxTarget::Provider),
        ("", domain) if !domain.is_empty() => Some(SandboxTarget::FailureDomain(domain.to_owned())),
        _ => {
            violations.add(&FieldPath::new("provider"), "must be given, or failure_domain, and not both");
            None
        }
    }
}

fn read_retry_after(retry_after: Option<prost_types::Duration>, violations: &mut Violations) -> Duration {
    let path = FieldPath::new("retry_after");
    let read = read_optional_duration(retry_after, &path, violations).unwrap_or(DEFAULT_RETRY_AFTER);
    if read.is_zero() || read > MAX_RETRY_AFTER {
        violations.add(&path, "must be more than 0 and at most 24 hours");
    }
    read
}

fn entry_view(provider: &ProviderName, entry: OutboxEntry) -> v1::OutboxEntry {
    v1::OutboxEntry {
        time: Some(timestamp(entry.time)),
        provider: provider.to_string(),
        channel: v1::Channel::from(entry.channel).into(),
        message_id: entry.message_id.to_string(),
        address: Some((&entry.address).into()),
        subject: entry.subject.unwrap_or_default(),
        text: entry.text,
    }
}

fn no_sandbox(key: &str, value: &str) -> ApiError {
    let message =
        format!("there is no sandbox provider with the {key} {value}: see ListProviders for their kinds");
    ApiError::new(Code::NotFound, "SANDBOX_NOT_FOUND", message).with_metadata(key, value)
}
