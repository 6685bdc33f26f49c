//! The settings of a sandbox provider.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::Sandbox;
use crate::adapters::build_error::ProviderBuildError;
use crate::adapters::events::EventListener;
use crate::adapters::parts::{ProviderContext, ProviderParts, ProviderSettings};
use crate::adapters::settings::within;
use crate::model::DAY_MS;

/// The settings of a sandbox provider.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxSettings {
    /// How long accepting a message lasts, in milliseconds.
    pub latency_ms: u64,
    /// Report a message as delivered this many milliseconds after accepting it; never when absent.
    pub receipt_delay_ms: Option<u64>,
}

impl ProviderSettings for SandboxSettings {
    fn build(&self, _: &ProviderContext<'_>) -> Result<ProviderParts, ProviderBuildError> {
        within(self.latency_ms, 0..=DAY_MS, "latency_ms")?;
        within(self.receipt_delay_ms.unwrap_or(0), 0..=DAY_MS, "receipt_delay_ms")?;
        let receipt_delay = self.receipt_delay_ms.map(Duration::from_millis);
        let sandbox = Sandbox::new(Duration::from_millis(self.latency_ms), receipt_delay);
        Ok(ProviderParts {
            listener: receipt_delay.map(|_| Arc::new(sandbox.clone()) as Arc<dyn EventListener>),
            sandbox: Some(sandbox.clone()),
            ..ProviderParts::new(Arc::new(sandbox)).sending_to_user_ids()
        })
    }
}
