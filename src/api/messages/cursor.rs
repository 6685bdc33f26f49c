//! The cursors that callers see: sealed for one brand, because the journal counts the events of all.
//!
//! Versions before gave out plain numbers. Those still resume, up to the last that was given out: to take any number would
//! let a brand find out by trial which numbers its new events have.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::api::sealer::TokenSealer;
use crate::model::BrandId;
use crate::store::JournalCursor;

/// The first byte of a sealed cursor.
const VERSION: u8 = 1;
/// The most characters of a cursor. One of [`JournalCursor::MAX_NUMBERS`] has 210.
const MAX_CHARS: usize = 256;

/// Seals cursors for callers, and reads what callers pass.
#[derive(Clone)]
pub struct CursorSealer {
    tokens: Arc<TokenSealer>,
    last_plain: u64,
}

impl CursorSealer {
    /// Plain numbers are read up to `last_plain`.
    pub fn new(tokens: Arc<TokenSealer>, last_plain: u64) -> Self {
        Self { tokens, last_plain }
    }

    /// By which cursors are sealed.
    pub(super) fn tokens(&self) -> &Arc<TokenSealer> {
        &self.tokens
    }

    /// A cursor of the brand as callers see it.
    pub(super) fn seal(&self, brand: &BrandId, cursor: &JournalCursor) -> String {
        let content: Vec<u8> = cursor.numbers().iter().flat_map(|number| number.to_be_bytes()).collect();
        let sealed = self.tokens.seal(&context(brand), &content);
        URL_SAFE_NO_PAD.encode([&[VERSION], &sealed[..]].concat())
    }

    /// Reads a cursor that a caller of the brand passed. `None` when it is none of the brand's.
    pub(super) fn read(&self, brand: &BrandId, text: &str) -> Option<JournalCursor> {
        if text.len() > MAX_CHARS {
            return None;
        }
        match text.parse() {
            Ok(0) => Some(JournalCursor::OLDEST),
            Ok(number) => (number <= self.last_plain).then(|| number.into()),
            Err(_) => self.open(brand, text),
        }
    }

    fn open(&self, brand: &BrandId, text: &str) -> Option<JournalCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let content = self.tokens.open(&context(brand), bytes.strip_prefix(&[VERSION])?)?;
        JournalCursor::new(content.as_chunks().0.iter().map(|number| u64::from_be_bytes(*number)).collect())
    }
}

/// What a cursor is authenticated with, besides its content.
fn context(brand: &BrandId) -> Vec<u8> {
    [&b"cursor"[..], &[VERSION], brand.as_str().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer() -> CursorSealer {
        CursorSealer::new(Arc::new(TokenSealer::new(&[7; 32])), 20)
    }

    fn brands() -> [BrandId; 2] {
        ["acme", "globex"].map(|name| name.parse().unwrap())
    }

    #[test]
    fn a_cursor_is_read_back_by_its_brand_alone() {
        let ([acme, globex], sealer) = (brands(), sealer());
        for numbers in [vec![17], vec![u64::MAX], vec![1, 0, 3], vec![u64::MAX; JournalCursor::MAX_NUMBERS]] {
            let cursor = JournalCursor::new(numbers).unwrap();
            let text = sealer.seal(&acme, &cursor);
            assert!(text.len() <= 210, "{text}");
            assert_eq!(sealer.read(&acme, &text), Some(cursor));
            assert_eq!(sealer.read(&globex, &text), None);
            let other = CursorSealer::new(Arc::new(TokenSealer::new(&[8; 32])), 20);
            assert_eq!(other.read(&acme, &text), None, "the cursor of another store");
        }
    }

    #[test]
    fn an_event_has_one_cursor_of_one_length_that_shows_nothing() {
        let ([acme, globex], sealer) = (brands(), sealer());
        let seal = |brand, number: u64| sealer.seal(brand, &number.into());
        assert_eq!(seal(&acme, 5), seal(&acme, 5));
        let cursors = [seal(&acme, 5), seal(&acme, 6), seal(&globex, 5), seal(&acme, u64::MAX)];
        assert!(cursors.iter().all(|cursor| cursor.len() == 50), "{cursors:?}");
        let hidden: Vec<_> = cursors.iter().map(|text| URL_SAFE_NO_PAD.decode(text).unwrap()).collect();
        for (index, one) in hidden.iter().enumerate() {
            for other in &hidden[index + 1..] {
                let same = one.iter().zip(other).skip(1).filter(|(a, b)| a == b).count();
                assert!(same < 8, "{same} bytes of 36 are the same in {one:?} and {other:?}");
            }
        }
    }

    #[test]
    fn what_was_changed_or_cut_is_none() {
        let ([acme, _], sealer) = (brands(), sealer());
        let text = sealer.seal(&acme, &5.into());
        for place in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(sealer.read(&acme, std::str::from_utf8(&forged).unwrap()), None, "at {place}");
            assert_eq!(sealer.read(&acme, &text[..place]), None, "of {place} characters");
        }
        for text in [text.clone() + "A", text + "=", "x".repeat(MAX_CHARS + 1), "-1".into()] {
            assert_eq!(sealer.read(&acme, &text), None, "{text}");
        }
    }

    #[test]
    fn a_number_resumes_as_far_as_numbers_were_given_out() {
        let ([acme, _], sealer) = (brands(), sealer());
        let read = |text| sealer.read(&acme, text);
        assert_eq!(read("0"), Some(JournalCursor::OLDEST));
        assert_eq!(read("20"), Some(20.into()));
        assert_eq!(read("21"), None);
    }
}
