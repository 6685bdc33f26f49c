//! Whether a store can be used.

/// Whether a store can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreStatus {
    /// It can.
    Open,
    /// Its disk failed: it neither reads nor writes until the disk works again. Whoever asks for something has it look.
    Closed,
}
