//! API keys.

use super::format::{list, or_dash, scope, time};
use super::{Table, TextWidth};
use crate::wire::v1;

/// A new key, with what to do with it.
pub(crate) fn created_key(answer: &v1::CreateKeyResponse, within: TextWidth) -> String {
    let key = answer.key.clone().unwrap_or_default();
    format!(
        "{}\nThis is the key. It is shown this once, so keep it where secrets are kept:\n\n  {}\n\nUse it:\n\n  \
         export RELEVO_API_KEY={}\n",
        keys(&[key], within),
        answer.secret,
        answer.secret
    )
}

/// A list of keys.
pub(crate) fn keys(keys: &[v1::Key], within: TextWidth) -> String {
    let mut table = Table::new(["key", "brand", "scopes", "created", "revoked", "label"]);
    for key in keys {
        let brand = if key.brand.is_empty() { "(gateway)" } else { &key.brand };
        table.row([
            key.key_id.clone(),
            brand.to_owned(),
            list(key.scopes.iter().map(|value| scope(*value))),
            time(key.create_time.as_ref()),
            time(key.revoke_time.as_ref()),
            or_dash(&key.label),
        ]);
    }
    table.or("There are no keys.", within)
}
