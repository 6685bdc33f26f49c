//! What a measurement gives back, and what it is given: the words that the harness and everything it measures share.

/// One thing measured in several runs.
pub struct Sample {
    /// What was measured, of whom.
    pub name: String,
    /// What the runs are counted in: `messages/s`, `ms`.
    pub unit: &'static str,
    /// One figure per run, in the order of the runs.
    pub runs: Vec<f64>,
    /// What this does less or more than what it stands beside, in a short sentence.
    pub note: String,
}

/// Why something was not measured, in a sentence.
pub struct Skipped(pub String);

/// Where a measurement may work: a scratch folder of its own on disk, what to measure, and whether to be quick.
pub struct Workspace {
    /// The scratch folder. It exists.
    pub folder: std::path::PathBuf,
    /// The gateway's program.
    pub gateway: std::path::PathBuf,
    /// One short run of everything, instead of several that can be compared.
    pub quick: bool,
    /// As many messages and contacts as are wanted, however long that takes.
    pub full: bool,
}
