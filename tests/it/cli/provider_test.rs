//! `relevo provider test`.

use std::path::Path;

use serde_json::{Value, json};

use super::{Done, done_of, nobody, relevo};
use crate::gateway::providers;
use crate::peers::{Api, Proxy, Smsc, Smtp, WiremockStubs, scratch};

/// What a test through one of the providers came to.
pub(super) async fn tests_provider(providers: &str, name: &str, more: &[&str]) -> Done {
    tests_provider_where(&[], providers, name, more).await
}

/// The same with more in the environment.
pub(super) async fn tests_provider_where(
    environment: &[(&str, &Path)],
    providers: &str,
    name: &str,
    more: &[&str],
) -> Done {
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
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(proxy, &nowhere);
    }
    let done = done_of(command.env_remove("NO_PROXY").envs(environment.iter().copied())).await;
    assert!(!format!("{}{}", done.out, done.err).contains("the-secret"), "{}", done.out);
    done
}

/// What follows the word in the table that a test prints.
pub(super) fn row<'a>(done: &'a Done, word: &str) -> &'a str {
    let found = done.out.lines().find_map(|line| line.strip_prefix(word));
    found.unwrap_or_else(|| panic!("{word} is not in {} {}", done.out, done.err)).trim()
}

#[tokio::test]
async fn a_provider_that_takes_the_test_is_said_to_have_sent_it() {
    let stubs = WiremockStubs::new("provider-test-sent");
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
async fn scripts_get_one_object_of_a_test() {
    let stubs = WiremockStubs::new("provider-test-json");
    let sms = providers::twilio("sms", stubs.url(), "");
    for (answer, code, outcome) in
        [(providers::twilio_accepts(), 0, "sent"), (providers::twilio_refuses(400, 21610), 1, "rejected")]
    {
        stubs.answer(json!({}), answer).await;
        let done = tests_provider(&sms, "sms", &["--to", "+34600123456", "--json"]).await;
        let told: Value = serde_json::from_str(&done.out).unwrap();
        assert_eq!((done.code, &told["outcome"]), (code, &outcome.into()), "{}", done.out);
        assert_eq!((&told["provider"], &told["to"]), (&"sms".into(), &"+34***56".into()));
        assert_eq!(told["reference"].is_string(), code == 0, "{}", done.out);
        assert_eq!(told["code"].as_str(), (code == 1).then_some("21610"), "{}", done.out);
    }
}

#[tokio::test]
async fn a_template_is_tested_at_whatsapp() {
    let stubs = WiremockStubs::new("provider-test-template");
    stubs.answer(json!({}), providers::whatsapp_accepts()).await;
    let whatsapp = providers::whatsapp("wa", stubs.url(), "");
    let template = ["--to", "+34600123456", "--template", "hello", "--language", "es", "--param", "Ana"];
    assert_eq!(tests_provider(&whatsapp, "wa", &template).await.code, 0);
    let sent = stubs.requests().await[0]["body"].to_string();
    for part in ["hello", "\\\"es\\\"", "Ana"] {
        assert!(sent.contains(part), "{part} is not in {sent}");
    }
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
    let stubs = WiremockStubs::new("provider-test-refused");
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
    let stubs = WiremockStubs::new("provider-test-wrong");
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
    ] {
        let done = tests_provider(&both, name, more).await;
        assert_eq!(done.code, code, "{name} {more:?}: {}", done.err);
        assert!(done.err.contains(words), "{}", done.err);
    }
    assert!(stubs.requests().await.is_empty());
}

#[tokio::test]
async fn a_test_goes_the_way_that_the_configuration_says() {
    let (api, proxy) = (Api::start("provider-test-way", &[]), Proxy::start("provider-test-proxy"));
    let password = scratch("provider-test-proxy-password");
    std::fs::write(&password, "open sesame").unwrap();
    let way = format!(
        "[providers.http]\n{}proxy = '{}'\nproxy_username = 'relevo'\nproxy_password = {{ file = '{}' }}",
        api.trust(),
        proxy.url(),
        password.display()
    );
    let mail = providers::resend("mail", api.url()) + &way;
    let done = tests_provider(&mail, "mail", &["--to", "me@example.com"]).await;
    assert_eq!(done.code, 0, "{} {}", done.out, done.err);
    assert_eq!(proxy.passed(), [format!("tunnel {}", api.url().replace("https://", ""))]);
}

#[tokio::test]
async fn a_test_is_for_a_brand_that_the_provider_serves() {
    let stubs = WiremockStubs::new("provider-test-brand");
    stubs.answer(json!({}), json!({ "status": 200, "jsonBody": { "id": "id-17" } })).await;
    let globex = "[brands.globex]\n[brands.globex.senders]\nemail = 'Globex <hello@globex.example>'\n";
    let mail = globex.to_owned() + &providers::resend("mail", stubs.url());
    let its_own = mail.replace("failure_domain", "brands = ['globex']\nfailure_domain");
    let to = ["--to", "me@example.com", "--subject", "Does this arrive?"];
    for (providers, brand, from) in [
        (&mail, &[][..], "Acme <hello@acme.example>"),
        (&mail, &["--brand", "globex"], "Globex <hello@globex.example>"),
        (&its_own, &[], "Globex <hello@globex.example>"),
    ] {
        let done = tests_provider(providers, "mail", &[&to[..], brand].concat()).await;
        assert_eq!((done.code, row(&done, "from")), (0, from), "{}", done.err);
        let last = stubs.requests().await.pop().unwrap();
        let sent: Value = serde_json::from_str(last["body"].as_str().unwrap()).unwrap();
        assert_eq!((&sent["from"], &sent["subject"]), (&json!(from), &json!("Does this arrive?")));
    }
    let done = tests_provider(&its_own, "mail", &[&to[..], &["--brand", "acme"]].concat()).await;
    assert_eq!(
        (done.code, done.err.as_str()),
        (1, "relevo: mail does not serve brand acme: it serves globex\n")
    );
}

#[tokio::test]
async fn a_test_ends_when_a_call_of_the_gateway_would() {
    let peer = Smtp::start("provider-test-hangs", &[]);
    let limits = "[providers.limits]\ntimeout_ms = 1_000\nconnect_timeout_ms = 500";
    let settings = "tls = 'none'\nfinal_reply_timeout_ms = 1_000";
    let smtp = providers::smtp("mail", peer.port(), settings, limits);
    let done = tests_provider(&smtp, "mail", &["--to", "hang@example.org"]).await;
    assert_eq!(done.code, 1, "{}", done.out);
    assert!(row(&done, "outcome").starts_with("unknown, after 1"), "{}", done.out);
    assert!(done.out.contains("See whether it arrived"), "{}", done.out);
}

#[tokio::test]
async fn what_a_provider_answers_cannot_steer_the_terminal() {
    let stubs = WiremockStubs::new("provider-test-terminal");
    let answer = json!({ "code": 21610, "message": "gone \u{1b}[2J", "status": 400 });
    stubs.answer(json!({}), json!({ "status": 400, "jsonBody": answer })).await;
    let sms = providers::twilio("sms", stubs.url(), "");
    let done = tests_provider(&sms, "sms", &["--to", "+34600123456", "--text", "\u{1b}[2J"]).await;
    assert_eq!(done.code, 1);
    assert!(row(&done, "words").contains("[2J") && !done.out.contains('\u{1b}'), "{:?}", done.out);
}
