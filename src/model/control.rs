//! What operators want of providers.

use super::{ProviderName, Timestamp};

/// What an operator wants of a provider. It stands above the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ControlMode {
    /// Used as its health allows.
    #[default]
    InService,
    /// Takes no new message; one that was already tried there may be retried there.
    Draining,
    /// Takes nothing.
    OutOfService,
}

impl ControlMode {
    /// The mode's name in logs and the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InService => "in service",
            Self::Draining => "draining",
            Self::OutOfService => "out of service",
        }
    }
}

/// What an operator asked for, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderControl {
    /// The mode.
    pub mode: ControlMode,
    /// Why.
    pub reason: String,
    /// Who.
    pub actor: String,
    /// Since when.
    pub updated_at: Timestamp,
    /// When it falls back to in service by itself.
    pub expire_at: Option<Timestamp>,
}

impl ProviderControl {
    /// The mode in force at `now`: an expired control is in service.
    pub fn mode_at(&self, now: Timestamp) -> ControlMode {
        if self.expire_at.is_some_and(|end| end <= now) { ControlMode::InService } else { self.mode }
    }
}

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderControlChange {
    /// The provider.
    pub provider: ProviderName,
    /// What was asked for.
    pub control: ProviderControl,
}
