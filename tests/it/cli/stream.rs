//! Files of messages: every line is answered, in order, whoever reads the answers and whatever comes between.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use super::{Done, Gateway, done, relevo};
use crate::gateway::process::GatewayDirectory;
use crate::gateway::providers::provider;

/// A gateway with a contact to write to.
async fn gateway() -> Gateway {
    let gateway = Gateway::start().await;
    gateway.ok(&["contact", "upsert", "ana", "--email", "ana@example.com"]).await;
    gateway
}

fn line(topic: &str) -> String {
    format!(
        r#"{{"contactId":"ana","messageClass":"MESSAGE_CLASS_TRANSACTIONAL","topic":"{topic}","content":{{"text":"Hi"}}}}"#
    )
}

/// Starts the program with pipes all around.
fn start(gateway: &Gateway, more: &[&str]) -> Child {
    started(gateway.command(&[&["send", "--file", "-", "--json"], more].concat()))
}

fn started(mut program: Command) -> Child {
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Gives the program these lines and no more, and waits for its end.
async fn send(mut program: Child, text: String) -> Done {
    let mut stdin = program.stdin.take().unwrap();
    let write = async move { stdin.write_all(text.as_bytes()).await.unwrap() };
    let ((), output) = tokio::join!(write, program.wait_with_output());
    done(output.unwrap())
}

/// The numbers of the lines that were answered.
fn sequence(out: &str) -> Vec<u64> {
    let number = |line: &str| {
        serde_json::from_str::<Value>(line).unwrap()["sequence"].as_str().unwrap().parse().unwrap()
    };
    out.lines().map(number).collect()
}

#[tokio::test]
async fn a_file_of_messages_is_streamed_and_every_line_answered_in_its_order() {
    let gateway = gateway().await;
    let right = vec![line("orders"); 1_000].join("\n");
    let text = format!("not JSON\n{right}\n\n{}\nnot JSON either\n{}\n", line("Orders!"), line("orders"));
    let done = send(start(&gateway, &[]), text).await;
    assert_eq!(done.code, 1);
    assert_eq!(done.err, "relevo: 1001 accepted, 0 known before, 3 refused\n");
    assert_eq!(sequence(&done.out), (1..=1_001).chain(1_003..=1_005).collect::<Vec<_>>());
    let refused: Vec<_> = done.out.lines().filter(|line| line.contains("\"error\"")).collect();
    assert_eq!(sequence(&refused.join("\n")), [1, 1_003, 1_004]);
}

/// `head` reads what it wants and goes; the messages are sent all the same, and the exit code tells of them.
#[tokio::test]
async fn what_was_asked_is_done_when_nobody_reads_the_answers_any_more() {
    let gateway = gateway().await;
    for (last, code, told) in [
        (line("orders"), 0, "3000 accepted, 0 known before, 0 refused\n"),
        ("not JSON".to_owned(), 1, "relevo: 2999 accepted, 0 known before, 1 refused\n"),
    ] {
        let mut program = start(&gateway, &[]);
        let mut answers = BufReader::new(program.stdout.take().unwrap()).lines();
        let mut stdin = program.stdin.take().unwrap();
        stdin.write_all(format!("{}\n", line("orders")).as_bytes()).await.unwrap();
        assert!(answers.next_line().await.unwrap().unwrap().contains("messageId"));
        // The pipe is closed before the rest is sent.
        drop(answers);
        program.stdin = Some(stdin);
        let done = send(program, format!("{}\n{last}\n", vec![line("orders"); 2_998].join("\n"))).await;
        assert_eq!((done.code, done.err.as_str()), (code, told));
    }
    let sent = gateway.json(&["message", "list", "--limit", "10000"]).await;
    assert_eq!(sent.len(), 3_000 + 2_999);
}

#[tokio::test]
async fn an_interrupted_stream_names_the_line_to_go_on_at() {
    let gateway = gateway().await;
    let mut program = start(&gateway, &[]);
    let mut stdin = program.stdin.take().unwrap();
    let begun = format!("{}\nnot JSON\n\n", vec![line("orders"); 98].join("\n"));
    stdin.write_all(begun.as_bytes()).await.unwrap();
    let mut answers = BufReader::new(program.stdout.take().unwrap()).lines();
    for _ in 0..99 {
        answers.next_line().await.unwrap().unwrap();
    }
    let id = program.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
    let stopped = done(program.wait_with_output().await.unwrap());
    let told = "relevo: interrupted: 98 accepted, 0 known before, 1 refused; go on with --from-line 100\n";
    assert_eq!((stopped.code, stopped.err.as_str()), (130, told));
    drop(stdin);
    let rest = send(start(&gateway, &["--from-line", "100"]), format!("{begun}{}\n", line("orders"))).await;
    assert_eq!((rest.code, sequence(&rest.out)), (0, vec![101]), "{}", rest.err);
}

/// Whatever ends a stream before its time says where to go on, a gateway that is killed too.
#[tokio::test]
async fn a_stream_that_the_gateway_leaves_names_the_line_to_go_on_at() {
    let directory = GatewayDirectory::new(&provider("mail", "email", "", "[providers.sandbox]")).await;
    let gateway = directory.start().await;
    let reached = |line: &[&str]| {
        let mut command = relevo(line);
        command.env("RELEVO_SERVER", format!("http://{}", gateway.address));
        command.env("RELEVO_API_KEY", &directory.brand_key);
        command
    };
    let upsert = reached(&["contact", "upsert", "ana", "--email", "ana@example.com"]).output().await;
    assert!(upsert.unwrap().status.success());
    let mut program = started(reached(&["send", "--file", "-", "--json"]));
    let mut stdin = program.stdin.take().unwrap();
    stdin.write_all(format!("{}\n", line("orders")).as_bytes()).await.unwrap();
    let mut answers = BufReader::new(program.stdout.take().unwrap()).lines();
    answers.next_line().await.unwrap().unwrap();
    gateway.kill().await;
    let ended = done(program.wait_with_output().await.unwrap());
    let told = "1 accepted, 0 known before, 0 refused; go on with --from-line 2: lines from there on may";
    assert!(ended.code == 3 && ended.err.contains(told), "{} {}", ended.code, ended.err);
}
