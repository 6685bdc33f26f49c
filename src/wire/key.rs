//! API keys.

use super::{FieldPath, Violations, read_optional_time, read_scope, read_time, timestamp, v1};
use crate::model::{ApiKey, KeyScope};

/// The key without the hash of its secret.
impl From<&ApiKey> for v1::Key {
    fn from(key: &ApiKey) -> Self {
        Self {
            key_id: key.id.as_str().to_owned(),
            brand: key.brand.as_ref().map_or_else(String::new, |brand| brand.as_str().to_owned()),
            scopes: key.scopes.iter().map(|scope| v1::Scope::from(*scope).into()).collect(),
            label: key.label.clone(),
            create_time: Some(timestamp(key.created_at)),
            revoke_time: key.revoked_at.map(timestamp),
        }
    }
}

/// Reads a key as stored, with the hash of its secret.
pub fn read_key(
    key: v1::Key,
    secret_hash: [u8; 32],
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<ApiKey> {
    let id = violations.parsed(&key.key_id, &path.field("key_id"));
    let brand = match key.brand.as_str() {
        "" => None,
        brand => Some(violations.parsed(brand, &path.field("brand"))?),
    };
    let created_at = read_time(key.create_time, &path.field("create_time"), violations);
    let revoked_at = read_optional_time(key.revoke_time, &path.field("revoke_time"), violations);
    let scopes = read_scopes(&key.scopes, &path.field("scopes"), violations);
    Some(ApiKey {
        id: id?,
        brand,
        scopes,
        label: key.label,
        secret_hash,
        created_at: created_at?,
        revoked_at,
    })
}

/// Reads the scopes of a key.
pub fn read_scopes(scopes: &[i32], path: &FieldPath<'_>, violations: &mut Violations) -> Vec<KeyScope> {
    let read = |(index, value): (usize, &i32)| read_scope(*value, &path.index(index), violations);
    scopes.iter().enumerate().filter_map(read).collect()
}
