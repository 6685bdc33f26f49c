//! Amazon's own judgement of messages of SNS: npm's sns-validator.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{installed, root};

/// Whether each message is validly signed by the certificate in this file, or why not. The messages may name a host below
/// `base` as Amazon's.
///
/// # Errors
/// The validator's words, for each that it refuses.
pub fn sns_validator(certificate: &Path, base: &str, messages: &[String]) -> Vec<Result<(), String>> {
    let mut command = Command::new("node");
    command.arg(root().join("tests/peers/sns.js")).arg(certificate).arg(base);
    command.env("NODE_PATH", installed("node_modules"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(messages.join("\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<_> =
        answers.lines().map(|line| if line == "accepted" { Ok(()) } else { Err(line.to_owned()) }).collect();
    assert_eq!(answers.len(), messages.len(), "{answers:?}");
    answers
}
