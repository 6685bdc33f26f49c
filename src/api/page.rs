//! Pages of lists: their sizes, and the tokens that lead from one to the next.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::sealer::TokenSealer;
use crate::model::BrandId;
use crate::store::{Page, PageRequest};
use crate::wire::{FieldPath, Violations};

/// Items on a page when the caller does not say.
const DEFAULT_SIZE: usize = 50;
/// The most items on a page.
const MAX_SIZE: i32 = 1_000;
/// Bytes of a page; one that would be larger is cut short. gRPC clients refuse answers of more than 4 MiB by default.
pub const MAX_PAGE_BYTES: usize = 2 << 20;
/// Items read at once, so that a page of large items is never in memory whole.
const BATCH: usize = 64;
const TAG_BYTES: usize = 16;

/// The list that a page token is valid for: one list of one brand under one filter.
pub struct PageTokenScope {
    sealer: Arc<TokenSealer>,
    tag: [u8; TAG_BYTES],
}

impl PageTokenScope {
    /// The list `name` of `brand`, under a filter given as bytes that differ when the filter does.
    pub fn new(sealer: &Arc<TokenSealer>, name: &str, brand: Option<&BrandId>, filter: &[u8]) -> Self {
        let brand = brand.map_or("", BrandId::as_str);
        let mut hash = Sha256::new();
        for part in [name.as_bytes(), brand.as_bytes(), filter] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&hash.finalize()[..TAG_BYTES]);
        Self { sealer: Arc::clone(sealer), tag }
    }

    /// Reads which page a request asks for.
    pub fn request(&self, size: i32, token: &str, violations: &mut Violations) -> PageRequest {
        let size = read_size(size, violations);
        let after = if token.is_empty() { None } else { self.read(token, violations) };
        PageRequest { size, after }
    }

    fn read(&self, token: &str, violations: &mut Violations) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok();
        let after = bytes.and_then(|bytes| self.sealer.open(&self.tag, &bytes));
        if after.is_none() {
            violations.add(
                &FieldPath::new("page_token"),
                "must be a next_page_token of the same list with the same filters: leave it empty to start again",
            );
        }
        after
    }

    /// The token of the next page; empty when there is none.
    pub fn token(&self, next: Option<Vec<u8>>) -> String {
        next.map_or_else(String::new, |next| URL_SAFE_NO_PAD.encode(self.sealer.seal(&self.tag, &next)))
    }
}

/// Reads a page's size; 0 stands for the default.
pub fn read_size(size: i32, violations: &mut Violations) -> usize {
    if !(0..=MAX_SIZE).contains(&size) {
        violations.add(&FieldPath::new("page_size"), format_args!("must be 0 to {MAX_SIZE}"));
    }
    match usize::try_from(size) {
        Ok(0) | Err(_) => DEFAULT_SIZE,
        Ok(size) => size,
    }
}

/// Collects a page in the form in which it is answered, in batches, and ends it early rather than make it too large.
///
/// # Errors
/// Those of `read`.
pub async fn collect<T, M, E, F>(
    wanted: PageRequest,
    read: impl Fn(PageRequest) -> F,
    translate: impl Fn(&T) -> M,
) -> Result<Page<M>, E>
where
    M: prost::Message,
    F: Future<Output = Result<Page<T>, E>>,
{
    let mut page = Page { items: Vec::new(), next: wanted.after };
    let (mut bytes, mut batch_size) = (0, BATCH);
    loop {
        let size = batch_size.min(wanted.size - page.items.len());
        let batch = read(PageRequest { size, after: page.next.clone() }).await?;
        let items: Vec<M> = batch.items.iter().map(&translate).collect();
        let fitting = fitting_into(&items, MAX_PAGE_BYTES.saturating_sub(bytes));
        if fitting < items.len() && batch_size > 1 {
            if fitting == 0 && !page.items.is_empty() {
                return Ok(page);
            }
            // The store's cursor is that of the end of a batch, so a batch of exactly the items that fit is read again.
            batch_size = fitting.max(1);
            continue;
        }
        bytes += items.iter().map(M::encoded_len).sum::<usize>();
        page.items.extend(items);
        page.next = batch.next;
        let done = page.next.is_none() || batch.items.is_empty() || page.items.len() >= wanted.size;
        if done || batch_size < BATCH {
            return Ok(page);
        }
    }
}

/// How many of the first items fit on a page.
pub fn fitting<M: prost::Message>(items: &[M]) -> usize {
    fitting_into(items, MAX_PAGE_BYTES)
}

/// How many of the first items fit into `room` bytes.
pub fn fitting_into<M: prost::Message>(items: &[M], mut room: usize) -> usize {
    let fits = |item: &&M| match room.checked_sub(item.encoded_len()) {
        Some(rest) => {
            room = rest;
            true
        }
        None => false,
    };
    items.iter().take_while(fits).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_on_in_its_own_list_and_shows_nothing() {
        let sealer = Arc::new(TokenSealer::new(&[7; 32]));
        let [acme, globex]: [BrandId; 2] = ["acme", "globex"].map(|name| name.parse().unwrap());
        let scope = |brand, filter| PageTokenScope::new(&sealer, "contact events", Some(brand), filter);
        // The store files the events of a contact by a number that counts those of all brands.
        let next = 302_u64.to_be_bytes().to_vec();
        let token = scope(&acme, b"ana").token(Some(next.clone()));
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        assert!(!bytes.windows(2).any(|window| window == &next[6..]), "{bytes:?}");
        let mut violations = Violations::default();
        assert_eq!(scope(&acme, b"ana").request(1, &token, &mut violations).after, Some(next));
        violations.finish(Some(())).unwrap();
        for (brand, filter) in [(&globex, b"ana"), (&acme, b"bea")] {
            let mut violations = Violations::default();
            assert_eq!(scope(brand, filter).request(1, &token, &mut violations).after, None);
            assert!(violations.finish(Some(())).is_err());
        }
    }
}
