//! API keys, without their secrets.

use super::{BrandId, KeyId, Timestamp};

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyScope {
    /// Send, read and cancel messages.
    Send,
    /// Read and write contacts, consents and preferences.
    Contacts,
    /// See and control providers.
    Operate,
    /// All of it, and manage keys.
    Admin,
}

impl KeyScope {
    /// The scope's name on the command line and in errors.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Contacts => "contacts",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }
}

/// An API key as stored: its secret is known by hash only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public part.
    pub id: KeyId,
    /// The brand it acts for; `None` for a gateway key, which touches no brand's data.
    pub brand: Option<BrandId>,
    /// What it may do.
    pub scopes: Vec<KeyScope>,
    /// What it is for.
    pub label: String,
    /// SHA-256 of its secret. The secret has 256 random bits, so a slow hash would add nothing.
    pub secret_hash: [u8; 32],
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether the key may do what needs `scope`.
    pub fn permits(&self, scope: KeyScope) -> bool {
        self.revoked_at.is_none() && (self.scopes.contains(&scope) || self.scopes.contains(&KeyScope::Admin))
    }
}
