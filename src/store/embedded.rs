//! The traits over an ordered map with atomic batches.
