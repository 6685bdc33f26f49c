//! WireMock: answers what a test tells it to, faults of the network included, and keeps what it was asked.

use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::{Peer, installed, scratch};

/// The WireMock that all tests share: a Java machine takes its time to start.
fn wiremock() -> &'static Peer {
    static PEER: OnceLock<Peer> = OnceLock::new();
    PEER.get_or_init(|| {
        let files = scratch("wiremock");
        std::fs::create_dir_all(&files).unwrap();
        Peer::start("wiremock", |port| {
            let mut command = Command::new("java");
            command.args(["-XX:TieredStopAtLevel=1", "-Xmx256m", "-jar"]);
            command.arg(installed("node_modules/wiremock/build/wiremock-standalone-3.13.2.jar"));
            command
                // An answer that is delayed holds no thread, or a few of them would hold up all tests.
                .args(["--async-response-enabled", "true"])
                .args(["--bind-address", "127.0.0.1", "--port", &port.to_string(), "--root-dir"])
                .arg(&files);
            command
        })
    })
}

/// One test's corner of the shared WireMock: everything below the path `/NAME`.
pub struct WiremockStubs {
    name: &'static str,
    client: reqwest::Client,
}

impl WiremockStubs {
    /// A corner of its own for the test `name`.
    pub fn new(name: &'static str) -> Self {
        Self { name, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    /// The base URL for an adapter.
    pub fn url(&self) -> String {
        format!("{}/{}", wiremock().url(), self.name)
    }

    /// Answers every request that fits `request` (WireMock's own matchers; any POST below the corner's path unless they say
    /// otherwise) with `response`. The last stub that fits wins.
    pub async fn answer(&self, request: Value, response: Value) {
        self.answer_all(vec![(request, response)]).await;
    }

    /// Adds many stubs at once.
    pub async fn answer_all(&self, stubs: Vec<(Value, Value)>) {
        let mappings: Vec<Value> = stubs
            .into_iter()
            .map(|(mut request, response)| {
                if request["method"].is_null() {
                    request["method"] = json!("POST");
                }
                let path = request["urlPathPattern"].as_str().unwrap_or(".*");
                request["urlPathPattern"] = json!(format!("/{}/{path}", self.name));
                json!({ "request": request, "response": response })
            })
            .collect();
        self.admin("mappings/import", json!({ "mappings": mappings })).await;
    }

    /// Answers the requests one after the other with `responses`, and all that come after with the last one.
    pub async fn answer_in_turn(&self, responses: &[Value]) {
        let state = |turn: usize| if turn == 0 { "Started".to_owned() } else { format!("turn {turn}") };
        let mapping = |(turn, response): (usize, &Value)| {
            json!({
                "request": { "method": "POST", "urlPathPattern": format!("/{}/.*", self.name) },
                "response": response,
                "scenarioName": self.name,
                "requiredScenarioState": state(turn),
                "newScenarioState": state((turn + 1).min(responses.len() - 1)),
            })
        };
        let mappings: Vec<Value> = responses.iter().enumerate().map(mapping).collect();
        self.admin("mappings/import", json!({ "mappings": mappings })).await;
    }

    /// The requests made to this corner, oldest first.
    pub async fn requests(&self) -> Vec<Value> {
        let pattern = json!({ "urlPathPattern": format!("/{}/.*", self.name) });
        let found: Value = serde_json::from_slice(&self.admin("requests/find", pattern).await).unwrap();
        let mut requests = found["requests"].as_array().unwrap().clone();
        requests.sort_by_key(|request| request["loggedDate"].as_i64());
        requests
    }

    /// Forgets the requests made to this corner, which are kept in memory.
    pub async fn forget(&self) {
        let pattern = json!({ "urlPathPattern": format!("/{}/.*", self.name) });
        self.admin("requests/remove", pattern).await;
    }

    async fn admin(&self, path: &str, body: Value) -> Vec<u8> {
        let url = format!("{}/__admin/{path}", wiremock().url());
        let response = self.client.post(url).json(&body).send().await.unwrap();
        assert!(response.status().is_success(), "{}: {}", response.status(), response.text().await.unwrap());
        response.bytes().await.unwrap().to_vec()
    }
}
