//! The command line: the real program against the real API, on the configuration of the demo and a store in memory.
//! Nothing is dispatched here.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;

use relevo::adapters::sandbox::{Sandbox, Sandboxes};
use relevo::api::server::serve;
use relevo::api::services::{Rooms, Services};
use relevo::api::{self, token};
use relevo::clock::Clock;
use relevo::config::{AdapterSettings, Config};
use relevo::dispatch::{Board, Planner};
use relevo::model::Scope;
use relevo::store::Stores;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::api::bots;
use crate::gateway::providers;
use crate::peers::{Smsc, Smtp, Stubs};

/// A gateway, and a key of the brand `acme` that may do everything.
struct Gateway {
    url: String,
    key: String,
    server: JoinHandle<()>,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Gateway {
    async fn start() -> Self {
        Self::with(api::Settings::default(), "http").await
    }

    async fn with(settings: api::Settings, scheme: &str) -> Self {
        let config = Config::load(&shipped("demo.toml")).unwrap();
        let clock = Clock::system().unwrap();
        let stores = Stores::memory();
        let key = key(&stores, &clock).await;
        let services = Services::new(rooms(config, stores, clock), &settings);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            serve(listener, services, &settings, std::future::pending()).await.unwrap();
        });
        Self { url: format!("{scheme}://localhost:{}", address.port()), key, server }
    }

    fn command(&self, line: &[&str]) -> Command {
        let mut command = relevo(line);
        command.env("RELEVO_SERVER", &self.url).env("RELEVO_API_KEY", &self.key);
        command
    }

    async fn run(&self, line: &[&str]) -> Done {
        done(self.command(line).output().await.unwrap())
    }

    /// Runs what must succeed, and returns what it printed.
    async fn ok(&self, line: &[&str]) -> String {
        let done = self.run(line).await;
        assert_eq!((done.code, done.err.as_str()), (0, ""), "{line:?}");
        done.out
    }

    /// Runs what must succeed with `--json`, and returns the objects it printed.
    async fn json(&self, line: &[&str]) -> Vec<Value> {
        let out = self.ok(&[line, &["--json"]].concat()).await;
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

async fn key(stores: &Stores, clock: &Clock) -> String {
    let brand = Some("acme".parse().unwrap());
    let (key, secret) = token::mint(brand, vec![Scope::Admin], "test".into(), clock.now()).unwrap();
    stores.keys.create_key(key).await.unwrap();
    secret.expose().to_owned()
}

fn rooms(config: Config, stores: Stores, clock: Clock) -> Rooms {
    let providers = config.providers.iter().map(|own| own.provider.clone()).collect();
    let board = Board::new(providers, &config.health, Vec::new());
    let policies = Arc::new(config.brands);
    let planner = Planner::new(stores.consents.clone(), policies.clone(), board.clone(), config.retry);
    let (reports, _) = mpsc::channel(1);
    let sandboxes: Sandboxes = config
        .providers
        .iter()
        .filter_map(|own| match &own.adapter {
            AdapterSettings::Sandbox(settings) => {
                Some(Sandbox::new(&own.provider, settings, reports.clone()))
            }
            _ => None,
        })
        .collect();
    let telegram = bots(&["telegram-bot"]);
    Rooms { stores, clock, policies, board, planner, sandboxes, telegram }
}

/// How a program ended.
struct Done {
    code: i32,
    out: String,
    err: String,
}

fn done(output: Output) -> Done {
    Done {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The program, without what the environment of the test says.
fn relevo(line: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_relevo"));
    command.args(line).env_remove("RELEVO_SERVER").env_remove("RELEVO_API_KEY");
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn run(line: &[&str]) -> Done {
    done(relevo(line).output().await.unwrap())
}

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name)
}

/// An address at which nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn a_wrong_command_line_exits_with_2() {
    assert_eq!(run(&["send", "--no-such-flag"]).await.code, 2);
    let done = run(&["provider", "list"]).await;
    assert_eq!(done.code, 2);
    assert!(done.err.contains("RELEVO_API_KEY"), "{}", done.err);
    let mut absent = relevo(&["provider", "list", "--key-file", "/absent/key"]);
    assert_eq!(done_of(&mut absent).await.code, 2);
}

async fn done_of(command: &mut Command) -> Done {
    done(command.output().await.unwrap())
}

#[tokio::test]
async fn a_gateway_that_is_not_there_exits_with_3() {
    let server = format!("http://{}", nobody().await);
    let mut command = relevo(&["provider", "list", "--server", &server]);
    let done = done_of(command.env("RELEVO_API_KEY", "rlv_a_b")).await;
    assert_eq!((done.code, done.out.as_str()), (3, ""));
    assert!(done.err.contains(&format!("{server} cannot be reached")), "{}", done.err);
}

#[tokio::test]
async fn a_gateway_that_does_not_answer_exits_with_3() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", silent.local_addr().unwrap());
    let mut command = relevo(&["provider", "list", "--server", &server, "--timeout", "200ms"]);
    assert_eq!(done_of(command.env("RELEVO_API_KEY", "rlv_a_b")).await.code, 3);
}

#[tokio::test]
async fn a_refusal_exits_with_1_and_names_the_fields() {
    let gateway = Gateway::start().await;
    gateway.ok(&["contact", "upsert", "ana", "--email", "ana@example.com"]).await;
    let done = gateway.run(&["send", "--contact", "ana", "--topic", "Orders!", "--text", "x"]).await;
    assert_eq!((done.code, done.out.as_str()), (1, ""));
    assert!(
        done.err.starts_with("relevo: refused (INVALID_ARGUMENT): correct the request\n"),
        "{}",
        done.err
    );
    assert!(done.err.contains("\n  message.topic must be 1 to 8 lower-case words"), "{}", done.err);

    let mut command = gateway.command(&["provider", "list"]);
    let done = done_of(command.env("RELEVO_API_KEY", "rlv_a_b")).await;
    assert_eq!(done.code, 1);
    assert!(done.err.contains("refused (UNAUTHENTICATED)"), "{}", done.err);
}

#[tokio::test]
async fn a_message_goes_its_way_from_the_command_line() {
    let gateway = Gateway::start().await;
    let upsert = ["contact", "upsert", "ana", "--email", "ana@example.com", "--phone", "600 123 456"];
    assert!(gateway.ok(&upsert).await.contains("+34600123456"));
    let found = gateway.json(&["contact", "find", "--phone", "600123456"]).await;
    assert_eq!(found[0]["contactId"], "ana");
    let link = gateway.json(&["contact", "telegram-link", "ana"]).await;
    assert!(link[0]["url"].as_str().unwrap().starts_with("https://t.me/shop_bot?start="), "{link:?}");

    let send = ["send", "--email", "ana@example.com", "--topic", "orders", "--text", "It is on its way"];
    let options =
        ["--send-at", "1h", "--expire-at", "1d", "--idempotency-key", "order-1", "--label", "shop=north"];
    let send = [&send[..], &options[..]].concat();
    let accepted = gateway.json(&send).await;
    let id = accepted[0]["messageId"].as_str().unwrap();
    let again = gateway.run(&[&send[..], &["--channel", "sms"]].concat()).await;
    assert_eq!(again.code, 1);
    assert!(again.err.contains("ALREADY_EXISTS"), "{}", again.err);

    let message = gateway.json(&["message", "get", id]).await.remove(0);
    assert_eq!(message["labels"]["shop"], "north");
    let hour = seconds(&message["sendTime"]) - seconds(&message["acceptTime"]);
    assert!((3_590..=3_600).contains(&hour), "{message}");
    let listed = gateway.json(&["message", "list", "--label", "shop=north", "--state", "accepted"]).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(gateway.ok(&["message", "list", "--state", "failed"]).await, "No message matches.\n");
    assert_eq!(gateway.ok(&["message", "cancel", id]).await, format!("Message {id} is cancelled.\n"));
    assert!(gateway.ok(&["message", "get", id]).await.contains(": CANCELLED\n"));
}

fn seconds(time: &Value) -> i64 {
    time.as_str().unwrap().parse::<relevo::model::Timestamp>().unwrap().as_second()
}

#[tokio::test]
async fn lists_go_on_over_pages_up_to_their_limit() {
    let gateway = Gateway::start().await;
    for index in 0..5 {
        let name = format!("c{index}");
        gateway.ok(&["contact", "upsert", &name, "--label", "a=b"]).await;
    }
    assert_eq!(gateway.json(&["contact", "list"]).await.len(), 5);
    assert_eq!(gateway.json(&["contact", "list", "--limit", "3"]).await.len(), 3);
}

#[tokio::test]
async fn only_what_is_given_of_a_contact_changes() {
    let gateway = Gateway::start().await;
    gateway.ok(&["contact", "upsert", "ana", "--email", "ana@example.com", "--label", "tier=gold"]).await;
    gateway.ok(&["contact", "upsert", "ana", "--clear", "labels"]).await;
    let contact = gateway.json(&["contact", "get", "ana"]).await.remove(0);
    assert_eq!(contact["addresses"][0]["address"]["email"], "ana@example.com");
    assert_eq!(contact.get("labels"), None);
    let set = ["preferences", "set", "ana", "--quiet", "22:00-08:00", "--language", "es", "--mute", "offers"];
    gateway.ok(&set).await;
    gateway.ok(&["preferences", "set", "ana", "--clear", "language", "--channel", "email"]).await;
    let preferences = gateway.json(&["preferences", "get", "ana"]).await.remove(0);
    assert_eq!(preferences["quietHours"]["start"], "22:00");
    assert_eq!(preferences["topics"][0]["muted"], true);
    assert_eq!(preferences["channelOrder"][0], "CHANNEL_EMAIL");
    assert_eq!(preferences.get("language"), None);
    gateway.ok(&["contact", "delete", "ana"]).await;
    assert_eq!(gateway.run(&["contact", "get", "ana"]).await.code, 1);
}

#[tokio::test]
async fn consent_decides_and_explains() {
    let gateway = Gateway::start().await;
    gateway.ok(&["contact", "upsert", "ana", "--email", "ana@example.com"]).await;
    let check =
        ["consent", "check", "ana", "--class", "commercial", "--topic", "newsletter", "--channel", "email"];
    assert!(gateway.ok(&check).await.contains("deny"));
    let record = ["consent", "record", "ana", "grant", "--channel", "email", "--topic", "newsletter"];
    let evidence = ["--source", "checkout", "--method", "web_form", "--time", "1m"];
    gateway.ok(&[&record[..], &evidence[..]].concat()).await;
    assert!(gateway.ok(&check).await.contains("allow"));
    let explain =
        ["message", "explain", "--contact", "ana", "--class", "commercial", "--topic", "newsletter"];
    let explained = gateway.ok(&[&explain[..], &["--text", "Hello", "--subject", "News"]].concat()).await;
    assert!(explained.contains("1. email  ana@example.com"), "{explained}");
    assert!(explained.ends_with("Nothing was sent or stored.\n"), "{explained}");
    let address = ["--channel", "email", "--email", "ana@example.com"];
    let suppress = [&["consent", "suppress"], &address[..], &["--explanation", "asked for it"]].concat();
    gateway.ok(&suppress).await;
    assert!(gateway.ok(&["consent", "get", "ana"]).await.contains("asked for it"));
    gateway.ok(&[&["consent", "lift"], &address[..]].concat()).await;
    assert!(gateway.ok(&check).await.contains("allow"));
}

#[tokio::test]
async fn a_file_of_messages_is_streamed_and_every_line_answered() {
    let gateway = Gateway::start().await;
    gateway.ok(&["contact", "upsert", "ana", "--email", "ana@example.com"]).await;
    let line = |topic: &str| {
        format!(
            r#"{{"contactId":"ana","messageClass":"MESSAGE_CLASS_TRANSACTIONAL","topic":"{topic}","content":{{"text":"Hi"}}}}"#
        )
    };
    let right = vec![line("orders"); 1_000].join("\n");
    let text = format!("{right}\n\n{}\nnot JSON\n{}\n", line("Orders!"), line("orders"));
    let mut program = gateway.command(&["send", "--file", "-", "--json"]);
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = program.spawn().unwrap();
    let mut stdin = program.stdin.take().unwrap();
    let write = async move { stdin.write_all(text.as_bytes()).await.unwrap() };
    let ((), output) = tokio::join!(write, program.wait_with_output());
    let done = done(output.unwrap());
    assert_eq!(done.code, 1);
    assert_eq!(done.err, "relevo: 1001 accepted, 0 known before, 2 refused\n");
    let answers: Vec<Value> = done.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 1_003);
    let refused: Vec<_> = answers.iter().filter(|answer| answer.get("error").is_some()).collect();
    let mut lines: Vec<_> = refused.iter().map(|answer| answer["sequence"].as_str().unwrap()).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["1002", "1003"]);
}

#[tokio::test]
async fn events_are_followed_as_they_happen() {
    let gateway = Gateway::start().await;
    gateway.ok(&["contact", "upsert", "ana", "--email", "ana@example.com"]).await;
    let mut program = gateway.command(&["message", "watch", "--cursor", "0", "--json"]);
    let mut program = program.stdout(Stdio::piped()).spawn().unwrap();
    let mut events = BufReader::new(program.stdout.take().unwrap()).lines();
    for text in ["first", "second"] {
        let sent = gateway.json(&["send", "--contact", "ana", "--topic", "orders", "--text", text]).await;
        let event: Value = serde_json::from_str(&events.next_line().await.unwrap().unwrap()).unwrap();
        assert_eq!(event["messageId"], sent[0]["messageId"]);
    }
    program.kill().await.unwrap();
}

#[tokio::test]
async fn operators_see_and_control_providers() {
    let gateway = Gateway::start().await;
    assert_eq!(gateway.json(&["provider", "list"]).await.len(), 8);
    assert_eq!(gateway.ok(&["provider", "log"]).await, "Nobody has changed anything.\n");
    let set = [
        "provider",
        "set",
        "sms-north",
        "draining",
        "--reason",
        "maintenance",
        "--for",
        "2h",
        "--actor",
        "eva",
    ];
    assert!(gateway.ok(&set).await.contains("draining"));
    let log = gateway.json(&["provider", "log", "--provider", "sms-north"]).await;
    assert_eq!(log[0]["control"]["reason"], "maintenance");
    let length = seconds(&log[0]["control"]["expireTime"]) - seconds(&log[0]["control"]["updateTime"]);
    assert!((7_199..=7_200).contains(&length), "{log:?}");
    let told = gateway.json(&["sandbox", "set", "hang", "--failure-domain", "meta"]).await;
    assert_eq!(told[0]["providers"].as_array().unwrap().len(), 2);
    assert_eq!(gateway.ok(&["sandbox", "outbox"]).await, "Nothing was sent through sandbox providers.\n");
}

#[tokio::test]
async fn keys_are_created_listed_and_revoked() {
    let gateway = Gateway::start().await;
    let create = ["keys", "create", "--brand", "acme", "--scope", "contacts", "--label", "CRM"];
    let created = gateway.json(&create).await.remove(0);
    let (secret, id) = (created["secret"].as_str().unwrap(), created["key"]["keyId"].as_str().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, format!("{secret}\n")).unwrap();
    let list = ["contact", "list", "--key-file", file.to_str().unwrap()];
    gateway.ok(&list).await;
    assert_eq!(gateway.json(&["keys", "list"]).await.len(), 2);
    gateway.ok(&["keys", "revoke", id]).await;
    assert_eq!(gateway.run(&list).await.code, 1);
}

#[tokio::test]
async fn the_first_key_is_made_while_the_gateway_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("relevo.toml");
    std::fs::copy(shipped("relevo.toml"), &config).unwrap();
    let text = std::fs::read_to_string(&config).unwrap().replace("\"../data\"", "\"data\"");
    std::fs::write(&config, text).unwrap();
    let line = |brand| {
        let head = ["keys", "create", "--local", "--config", config.to_str().unwrap()];
        [&head[..], &["--brand", brand, "--scope", "admin", "--label", "first", "--json"]].concat()
    };
    let created = run(&line("example")).await;
    assert_eq!((created.code, created.err.as_str()), (0, ""));
    let created: Value = serde_json::from_str(&created.out).unwrap();
    let presented = token::Token::parse(created["secret"].as_str().unwrap()).unwrap();

    let config_read = Config::load(&config).unwrap();
    let store =
        relevo::store::embedded::sled::open(&config_read.store.path, config_read.store.options()).unwrap();
    let kept = store.stores.keys.key(&presented.id).await.unwrap().unwrap();
    assert_eq!(kept.secret_hash, presented.hash);
    // Whoever has the store open keeps others out.
    let refused = run(&line("example")).await;
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("in use by another process"), "{}", refused.err);
    store.close().await.unwrap();

    let refused = run(&line("other")).await;
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("brand must be a brand of the gateway's configuration"), "{}", refused.err);
}

#[tokio::test]
async fn a_configuration_is_checked() {
    let right = run(&["check", "--config", shipped("relevo.toml").to_str().unwrap()]).await;
    assert_eq!((right.code, right.err.as_str()), (0, ""));
    assert!(right.out.contains("sandbox-whatsapp"), "{}", right.out);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("relevo.toml");
    std::fs::write(&file, "[brands.acme]\ntime_zone = \"Mars/Olympus\"\n").unwrap();
    let wrong = run(&["check", "--config", file.to_str().unwrap()]).await;
    assert_eq!((wrong.code, wrong.out.as_str()), (1, ""));
    let place = format!("{}:2: brands.acme.time_zone: must be an IANA name", file.display());
    assert!(wrong.err.contains(&place), "{}", wrong.err);
}

#[tokio::test]
async fn mutual_tls_is_spoken() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::default();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    std::fs::write(path("ca.pem"), ca.self_signed(&ca_key).unwrap().pem()).unwrap();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    for name in ["server", "client"] {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(path(&format!("{name}.pem")), params.signed_by(&key, &issuer).unwrap().pem()).unwrap();
        std::fs::write(path(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }
    let tls = api::TlsSettings {
        cert_file: path("server.pem"),
        key_file: path("server.key"),
        client_ca_file: Some(path("ca.pem")),
    };
    let gateway = Gateway::with(api::Settings { tls: Some(tls), ..Default::default() }, "https").await;
    let (ca, cert, key) = (path("ca.pem"), path("client.pem"), path("client.key"));
    let trusting = ["contact", "list", "--ca-file", ca.to_str().unwrap()];
    let client = ["--client-cert", cert.to_str().unwrap(), "--client-key", key.to_str().unwrap()];
    gateway.ok(&[&trusting[..], &client[..]].concat()).await;
    assert_eq!(gateway.run(&trusting).await.code, 3, "without a client certificate");
    assert_eq!(gateway.run(&["contact", "list"]).await.code, 3, "without trust in the authority");
}

/// A server of grpc.health.v1 that says of itself that it does not serve.
async fn not_serving() -> (String, JoinHandle<()>) {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("", tonic_health::ServingStatus::NotServing).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let server = tonic::transport::Server::builder().add_service(health).serve_with_incoming(incoming);
    (url, tokio::spawn(async move { server.await.unwrap() }))
}

#[tokio::test]
async fn health_is_told_by_the_exit_code_and_needs_no_key() {
    let gateway = Gateway::start().await;
    let serving = run(&["health", "--server", &gateway.url]).await;
    assert_eq!((serving.code, serving.out.as_str(), serving.err.as_str()), (0, "serving\n", ""));
    let json = run(&["health", "--server", &gateway.url, "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&json.out).unwrap(), serde_json::json!({ "status": "SERVING" }));

    let (url, server) = not_serving().await;
    let sick = run(&["health", "--server", &url]).await;
    server.abort();
    assert_eq!((sick.code, sick.out.as_str()), (1, ""));
    assert!(sick.err.contains("NOT_SERVING"), "{}", sick.err);

    let absent = run(&["health", "--server", &format!("http://{}", nobody().await)]).await;
    assert_eq!((absent.code, absent.out.as_str()), (3, ""));
}

/// What a test through one of the providers came to.
async fn tests_provider(providers: &str, name: &str, more: &[&str]) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("relevo.toml");
    let text =
        format!("[brands.acme]\n[brands.acme.senders]\nemail = 'Acme <hello@acme.example>'\n{providers}");
    std::fs::write(&config, text).unwrap();
    std::fs::write(folder.path().join("secret"), "the-secret").unwrap();
    std::fs::write(folder.path().join("token"), "1234567890:the-secret-of-a-bot").unwrap();
    let line = [&["provider", "test", name, "--config", config.to_str().unwrap()], more].concat();
    let mut command = relevo(&line);
    // Proxies of the environment are not taken.
    let nowhere = format!("http://{}", nobody().await);
    let done =
        done_of(command.env("HTTP_PROXY", &nowhere).env("HTTPS_PROXY", &nowhere).env("ALL_PROXY", &nowhere))
            .await;
    assert!(!format!("{}{}", done.out, done.err).contains("the-secret"), "{}", done.out);
    done
}

/// What follows the word in the table that a test prints.
fn row<'a>(done: &'a Done, word: &str) -> &'a str {
    let found = done.out.lines().find_map(|line| line.strip_prefix(word));
    found.unwrap_or_else(|| panic!("{word} is not in {} {}", done.out, done.err)).trim()
}

#[tokio::test]
async fn a_provider_that_takes_the_test_is_said_to_have_sent_it() {
    let stubs = Stubs::new("provider-test-sent");
    stubs.answer(json!({}), json!({ "status": 200, "jsonBody": { "id": "id-17" } })).await;
    let resend = providers::resend("mail", stubs.url());
    let done =
        tests_provider(&resend, "mail", &["--to", "me@example.com", "--text", "Does this arrive?"]).await;
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{}", done.out);
    assert_eq!(row(&done, "provider"), "mail (resend, failure domain mail)");
    assert_eq!((row(&done, "to "), row(&done, "reference")), ("m***@example.com", "id-17"));
    assert!(row(&done, "outcome").starts_with("sent, after "), "{}", done.out);
    assert!(done.out.contains("which is not yet delivered"), "{}", done.out);
    let sent: Value = serde_json::from_str(stubs.requests().await[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!((&sent["to"][0], &sent["text"]), (&json!("me@example.com"), &json!("Does this arrive?")));
    assert_eq!(sent["from"], "Acme <hello@acme.example>");
}

#[tokio::test]
async fn a_template_is_tested_at_whatsapp() {
    let stubs = Stubs::new("provider-test-template");
    stubs.answer(json!({}), providers::whatsapp_takes()).await;
    let whatsapp = providers::whatsapp("wa", stubs.url(), "");
    let template = ["--to", "+34600123456", "--template", "hello", "--language", "es", "--param", "Ana"];
    assert_eq!(tests_provider(&whatsapp, "wa", &template).await.code, 0);
    let sent = stubs.requests().await[0]["body"].to_string();
    assert!(sent.contains("hello") && sent.contains("Ana"), "{sent}");
    let mail = providers::resend("mail", stubs.url());
    let done =
        tests_provider(&mail, "mail", &["--to", "a@b.example", "--template", "x", "--language", "es"]).await;
    assert_eq!(done.code, 2);
}

#[tokio::test]
async fn a_server_that_takes_the_test_by_smtp_gets_it() {
    let peer = Smtp::start("provider-test", &[]);
    let smtp = providers::smtp("mail", peer.port(), "tls = 'none'", "");
    let done = tests_provider(&smtp, "mail", &["--to", "me@example.org"]).await;
    assert_eq!(done.code, 0, "{} {}", done.out, done.err);
    assert_eq!(peer.taken()[0]["to"], json!(["me@example.org"]));
    let done = tests_provider(&smtp, "mail", &["--to", "rcpt-550-5.1.1@example.org"]).await;
    assert_eq!((done.code, row(&done, "code")), (1, "550 5.1.1"));
    assert!(done.out.contains("nothing can be delivered to this address"), "{}", done.out);
}

#[tokio::test]
async fn a_test_by_smpp_binds_for_itself_and_keeps_nothing() {
    let smsc = Smsc::start("provider-test", &json!({}));
    let smpp = providers::smpp("carrier", smsc.port());
    let text = "{\"receipt\":\"DELIVRD\",\"before\":true}\n";
    let done = tests_provider(&smpp, "carrier", &["--to", "+34600123456", "--text", text]).await;
    assert_eq!(done.code, 0, "{} {}", done.out, done.err);
    assert_eq!(smsc.events("submit")[0]["to"], "34600123456");
    assert!(smsc.events("deliver_sm_resp").iter().all(|answer| answer["status"] == 0x64));
}

#[tokio::test]
async fn a_test_that_was_not_taken_says_why_and_what_to_do() {
    let stubs = Stubs::new("provider-test-refused");
    let sms = providers::twilio("sms", stubs.url(), "");
    let refusal = |status, code| providers::twilio_refuses(status, code);
    for (answer, outcome, code, advice) in [
        (refusal(400, 21610), "rejected", "21610", "the person opted out"),
        (refusal(401, 20003), "misconfigured", "20003", "Correct [providers.twilio]: credentials"),
        (refusal(503, 0), "unavailable", "0", "nothing was sent. Check"),
        (json!({ "status": 504 }), "unknown", "504", "See whether it arrived"),
        (json!({ "status": 429, "headers": { "Retry-After": "7" } }), "throttled", "429", "Wait 7 s"),
    ] {
        stubs.answer(json!({}), answer).await;
        let done = tests_provider(&sms, "sms", &["--to", "+34600123456"]).await;
        assert_eq!(done.code, 1);
        assert!(row(&done, "outcome").starts_with(outcome), "{}", done.out);
        assert_eq!((row(&done, "code"), row(&done, "to ")), (code, "+34***56"));
        assert!(done.out.contains(advice), "{}", done.out);
        assert_eq!(done.err, format!("relevo: sms did not take the message: {outcome}\n"));
    }
}

#[tokio::test]
async fn a_test_that_cannot_be_made_calls_nobody() {
    let stubs = Stubs::new("provider-test-wrong");
    let real = [providers::twilio("sms", stubs.url(), ""), providers::resend("mail", stubs.url())].concat();
    let play =
        "\n[[providers]]\nname = 'play'\nchannel = 'sms'\nfailure_domain = 'play'\n[providers.sandbox]\n";
    let both = real + play;
    for (name, more, code, words) in [
        (
            "smss",
            &["--to", "+34600123456"][..],
            1,
            "there is no provider smss in the configuration: there are sms, mail, play",
        ),
        ("sms", &["--to", "me@example.com"], 2, "--to must be a phone number in international form"),
        ("mail", &["--to", "+34600123456"], 2, "--to must be an email address"),
        ("play", &["--to", "+34600123456"], 1, "play is a sandbox, which sends nothing"),
        (
            "sms",
            &["--to", "+34600123456", "--brand", "other"],
            1,
            "sms does not serve brand other: it serves acme",
        ),
        ("sms", &["--to", "+34600123456", "--json"], 2, "provider test has no --json"),
    ] {
        let done = tests_provider(&both, name, more).await;
        assert_eq!(done.code, code, "{name} {more:?}: {}", done.err);
        assert!(done.err.contains(words), "{}", done.err);
    }
    assert!(stubs.requests().await.is_empty());
}
