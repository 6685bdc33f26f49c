//! Lists in parts.

/// Which part of a list is wanted.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// At most this many items.
    pub size: usize,
    /// Where the page before ended, as [`Page::next`] gave it.
    pub after: Option<Vec<u8>>,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items. May be fewer than asked for, even none, while `next` is set.
    pub items: Vec<T>,
    /// Where to go on; `None` at the end.
    pub next: Option<Vec<u8>>,
}
