//! Positions in the journal.

/// The position of an event in the journal. Only the store that gave it knows what the numbers mean: a store with one
/// writer needs one, a store with several needs one for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalCursor(Vec<u64>);

impl JournalCursor {
    /// The most numbers of a cursor.
    pub const MAX_NUMBERS: usize = 16;

    /// Before the oldest event that is kept, whichever that is.
    pub const OLDEST: Self = Self(Vec::new());

    /// From the numbers of a cursor. `None` when there are more than [`Self::MAX_NUMBERS`].
    pub fn new(numbers: Vec<u64>) -> Option<Self> {
        (numbers.len() <= Self::MAX_NUMBERS).then_some(Self(numbers))
    }

    /// Its numbers; none for [`Self::OLDEST`].
    pub fn numbers(&self) -> &[u64] {
        &self.0
    }

    /// Whether it lies beyond `newest`, with any of its numbers.
    pub fn is_beyond(&self, newest: &Self) -> bool {
        let mut newest = newest.0.iter().copied();
        self.0.iter().any(|number| *number > newest.next().unwrap_or_default())
    }
}

/// The cursor of a store with one writer.
impl From<u64> for JournalCursor {
    fn from(number: u64) -> Self {
        Self(vec![number])
    }
}

/// By what cursors are sealed before callers see them. All that use a store get the same from it.
#[derive(Clone)]
pub struct CursorKey {
    /// Random.
    pub secret: [u8; 32],
    /// Cursors up to this one were given to callers as plain numbers, by versions that did not seal them; 0 for none.
    pub last_plain: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_lies_beyond_another_with_any_of_its_numbers() {
        let newest = JournalCursor::new(vec![5, 3]).unwrap();
        let beyond = |numbers: &[u64]| JournalCursor::new(numbers.to_vec()).unwrap().is_beyond(&newest);
        let expected = [false, false, false, true, true, true];
        let actual = [&[][..], &[5], &[5, 3], &[6], &[1, 4], &[5, 3, 1]].map(beyond);
        assert_eq!(actual, expected);
        assert_eq!(JournalCursor::new(vec![0; 17]), None);
    }
}
