//! What the program is told.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::scenarios::{self, Scenario};

/// What the program is told.
#[derive(Debug, Default)]
pub struct Arguments {
    /// The scenarios asked for by name; those of the form asked for when there are none.
    names: Vec<String>,
    /// Whether each scenario is played whole.
    pub is_full: bool,
    /// Whether they are only listed.
    pub is_list: bool,
    /// Where timelines are drawn; nowhere when `None`.
    pub svg: Option<PathBuf>,
    /// How many scenarios are played at once, where that was said.
    pub jobs: Option<usize>,
}

impl Arguments {
    /// Reads them. Options of other test programs, which `cargo test` hands to all, mean nothing here.
    pub fn read(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut read = Self::default();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--full" => read.is_full = true,
                "--list" => read.is_list = true,
                "--svg" => read.svg = Some(arguments.next().context("--svg takes a directory")?.into()),
                "--jobs" => read.jobs = Some(arguments.next().context("--jobs takes a number")?.parse()?),
                "--skip" | "--test-threads" | "--format" | "--color" => drop(arguments.next()),
                option if option.starts_with('-') => {}
                name => read.names.push(name.to_owned()),
            }
        }
        Ok(read)
    }

    /// How many scenarios are played at once: few where their figures count.
    pub fn jobs(&self) -> usize {
        self.jobs.unwrap_or(if self.is_full { 2 } else { 6 }).max(1)
    }

    /// The scenarios to play: those of these names, or whose names hold one of the texts.
    pub fn chosen(&self) -> Vec<&'static Scenario> {
        let all = scenarios::all();
        let is_name = |name: &String| all.iter().any(|scenario| scenario.name == name);
        let is_meant = |scenario: &&Scenario| match self.names.is_empty() {
            true => self.is_full || self.is_list || scenario.is_short,
            false => self.names.iter().any(|name| match is_name(name) {
                true => scenario.name == name,
                false => scenario.name.contains(name.as_str()),
            }),
        };
        all.iter().copied().filter(|scenario| is_meant(scenario)).collect()
    }
}
