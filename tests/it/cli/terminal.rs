//! What a person sees in a terminal of 80 columns, and a pipe does not.

use std::process::Command;

use tokio::io::AsyncWriteExt;

use super::{Gateway, run};
use crate::support::terminal::Terminal;

fn program(line: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_relevo"));
    command.args(line);
    command
}

impl Gateway {
    fn in_terminal(&self, line: &[&str]) -> Terminal {
        let mut command = program(line);
        command.env("RELEVO_SERVER", &self.url).env("RELEVO_API_KEY", &self.key);
        Terminal::start(command)
    }
}

fn widest(text: &str) -> usize {
    text.lines().map(|line| line.trim_end_matches('\r').chars().count()).max().unwrap_or_default()
}

#[tokio::test]
async fn tables_fit_the_terminal_and_are_whole_in_a_pipe() {
    let gateway = Gateway::start().await;
    gateway.ok(&["contact", "upsert", "ana", "--email", "ana@example.com", "--phone", "600123456"]).await;
    gateway.ok(&["send", "--contact", "ana", "--topic", "orders", "--text", "x", "--label", "a=b"]).await;
    for line in [&["provider", "list"][..], &["contact", "list"], &["message", "list"], &["keys", "list"]] {
        let (status, shown) = gateway.in_terminal(line).ended().await;
        assert!(status.success() && widest(&shown) <= 80, "{line:?}: {shown}");
        // Folded between words only: every word is there in one piece.
        let piped = gateway.ok(line).await;
        for word in piped.lines().skip(1).flat_map(str::split_whitespace) {
            assert!(shown.contains(word), "{line:?}: {word} is not in {shown}");
        }
    }
    assert!(widest(&gateway.ok(&["provider", "list"]).await) > 80);
}

#[tokio::test]
async fn examples_can_be_copied_from_the_help() {
    let (_, shown) = Terminal::start(program(&["send", "--help"])).ended().await;
    let example = "  relevo send --phone +34600123456 --topic orders --channel whatsapp \\\r\n      \
                   --channel sms --text 'It has arrived' --template order_arrived \\\r\n      \
                   --language es --param Ana --idempotency-key order-1042\r\n";
    assert!(shown.contains(example), "{shown}");
    assert!(widest(&shown.replace("\u{1b}[0m", "").replace("\u{1b}[1m", "").replace("\u{1b}[4m", "")) <= 80);
}

#[tokio::test]
async fn colours_are_for_terminals_that_want_them() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = folder.path().join("relevo.toml");
    let text = format!(
        "[server]\nlisten = '{}'\nmax_connections = 1000000\n[brands.acme]\n[[providers]]\nname = 'a'\nchannel = 'sms'\n\
         failure_domain = 'a'\n[providers.sandbox]\n",
        taken.local_addr().unwrap()
    );
    std::fs::write(&config, text).unwrap();
    let serve = ["serve", "--config", config.to_str().unwrap()];
    // It warns of the open files, and ends because the address is taken.
    for line in [&["--help"][..], &serve] {
        let (_, coloured) = Terminal::start(program(line)).ended().await;
        assert!(coloured.contains("\u{1b}["), "{line:?}: {coloured:?}");
        let mut plain = Command::new("env");
        plain.args(["NO_COLOR=1", env!("CARGO_BIN_EXE_relevo")]).args(line);
        let (_, plain) = Terminal::start(plain).ended().await;
        assert!(!plain.is_empty() && !plain.contains("\u{1b}["), "{line:?}: {plain:?}");
        let piped = run(line).await;
        assert!(!format!("{}{}", piped.out, piped.err).contains('\u{1b}'), "{line:?}");
    }
}

#[tokio::test]
async fn work_that_lasts_shows_how_far_it_is() {
    let gateway = Gateway::start().await;
    gateway.ok(&["contact", "upsert", "ana", "--email", "ana@example.com"]).await;
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("messages");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let terminal = gateway.in_terminal(&["send", "--file", pipe.to_str().unwrap()]);
    let mut lines = tokio::fs::OpenOptions::new().write(true).open(&pipe).await.unwrap();
    let line = "{\"contactId\":\"ana\",\"messageClass\":\"transactional\",\"topic\":\"orders\",\"content\":{\"text\":\"Hi\"}}\n";
    // As long as it takes, which is a second: what is done sooner is not worth a line.
    let mut count = 0;
    while !terminal.shown().contains(" a second") {
        lines.write_all(line.as_bytes()).await.unwrap();
        count += 1;
        terminal.wait_for(&format!("line {count}: ")).await;
    }
    drop(lines);
    let (status, shown) = terminal.ended().await;
    assert!(status.success(), "{shown}");
    assert!(shown.contains(&format!("{count} accepted, 0 known before, 0 refused")), "{shown}");
}
