//! Amazon's services as moto plays them, and Amazon's own client, botocore, as a second opinion on signatures.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Peer, installed, root};

/// Starts moto, which checks signatures; `tests/peers/aws.py` says what it knows.
pub fn aws(name: &str) -> Peer {
    Peer::python(&format!("aws-{name}"), |port| {
        let script = root().join("tests/peers/aws.py").display().to_string();
        [&script, "--port", &port.to_string()].map(str::to_owned).to_vec()
    })
}

/// The headers with which botocore sends the request that `tests/peers/sigv4.py` reads.
///
/// # Panics
/// When botocore cannot sign it.
pub fn botocore(request: &Value) -> Value {
    let mut signer = Command::new(installed("venv/bin/python"))
        .arg(root().join("tests/peers/sigv4.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    signer.stdin.take().unwrap().write_all(request.to_string().as_bytes()).unwrap();
    let output = signer.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}
