//! What waited to be sent when it was last counted, in a file of its own: it can be read while a gateway has the store open, and
//! without opening it.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::directory::{self, DataDirectory};
use super::disk;
use crate::model::{Backlog, BacklogGroup, Channel, Timestamp};
use crate::store::StoreError;

const NAME: &str = "BACKLOG";

/// What waited to be sent, and when it was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedBacklog {
    /// When.
    pub counted_at: Timestamp,
    /// What.
    pub backlog: Backlog,
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BacklogFile {
    counted_at: String,
    is_whole: bool,
    groups: Vec<BacklogFileGroup>,
}

#[derive(Serialize, Deserialize)]
struct BacklogFileGroup {
    brand: String,
    topic: String,
    channels: Vec<Channel>,
    unserved: Vec<Channel>,
    messages: u64,
}

/// Records what waits to be sent, for [`read_backlog`]. Only who has the store in `path` open may.
///
/// # Errors
/// [`StoreError::Io`] when the disk fails; then what was recorded before stays.
pub fn record_backlog(path: &Path, recorded: &RecordedBacklog) -> Result<(), StoreError> {
    let files = DataDirectory { root: path.to_path_buf() };
    let failed = |error| directory::io("recording what waits", error);
    let text = serde_json::to_vec(&BacklogFile::new(recorded)).map_err(|error| failed(error.into()))?;
    disk::replace(&files.at(NAME), &text).map_err(failed)
}

/// What was last recorded of the store in `path`; `None` when nothing was, or it cannot be read.
///
/// # Errors
/// [`StoreError::Io`] when the disk fails.
pub fn read_backlog(path: &Path) -> Result<Option<RecordedBacklog>, StoreError> {
    let files = DataDirectory { root: path.to_path_buf() };
    match fs::read(files.at(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(directory::io("reading what waits", error)),
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok().and_then(BacklogFile::read)),
    }
}

impl BacklogFile {
    fn new(recorded: &RecordedBacklog) -> Self {
        let group = |(group, messages): &(BacklogGroup, u64)| BacklogFileGroup {
            brand: group.brand.to_string(),
            topic: group.topic.to_string(),
            channels: group.channels.clone(),
            unserved: group.unserved.clone(),
            messages: *messages,
        };
        Self {
            counted_at: recorded.counted_at.to_string(),
            is_whole: recorded.backlog.is_whole,
            groups: recorded.backlog.groups.iter().map(group).collect(),
        }
    }

    fn read(self) -> Option<RecordedBacklog> {
        let group = |group: BacklogFileGroup| {
            let BacklogFileGroup { brand, topic, channels, unserved, messages } = group;
            let (brand, topic) = (brand.parse().ok()?, topic.parse().ok()?);
            Some((BacklogGroup { brand, topic, channels, unserved }, messages))
        };
        let groups = self.groups.into_iter().map(group).collect::<Option<_>>()?;
        let backlog = Backlog { groups, is_whole: self.is_whole };
        Some(RecordedBacklog { counted_at: self.counted_at.parse().ok()?, backlog })
    }
}
