use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

mod bounds;

use super::*;
use crate::adapters::PROVIDER_KINDS;
use crate::model::{LinkId, Timestamp};

/// The least that works.
const MINIMAL: &str = r#"
[brands.acme]

[[providers]]
name = "first"
channel = "email"
failure_domain = "here"
[providers.sandbox]
"#;

fn read(text: &str) -> Result<Config, ConfigErrors> {
    read_in(Path::new("config/relevo.toml"), text, &|name| match name {
        "TOKEN" => Some("42:hunter2\n".into()),
        "EMPTY" => Some(OsString::new()),
        "SPACED" => Some(" 42:hunter2".into()),
        "LINES" => Some("42:hunter2\n42:hunter3".into()),
        "LATIN" => Some(OsString::from_vec(b"42:caf\xe9".to_vec())),
        _ => None,
    })
}

fn read_in(path: &Path, text: &str, env: &secrets::EnvLookup<'_>) -> Result<Config, ConfigErrors> {
    Config::read(path, text, &load::ConfigSurroundings { now: NOW, env, runs_here: false })
}

/// A time at which the certificates that rcgen makes are valid: they begin in 1975.
const NOW: Timestamp = Timestamp::constant(1_772_355_600, 0);

fn errors(text: &str) -> String {
    read(text).expect_err("must be refused").to_string()
}

/// What is wrong with a text to which the least is added, so that nothing is missing.
fn errors_within(text: &str) -> String {
    errors(&format!("{text}{MINIMAL}"))
}

#[test]
fn the_least_is_a_brand_and_a_provider() {
    let config = read(MINIMAL).unwrap();
    assert_eq!(config.server, api::ApiSettings::default());
    assert_eq!(config.store.path, Path::new("config/data"));
    let [provider] = config.providers.as_slice() else { panic!("{config:?}") };
    assert_eq!((provider.provider.tier, provider.provider.weight), (1, 100));
    assert_eq!(provider.provider.kind, "sandbox");
}

#[test]
fn an_empty_file_lacks_a_brand_and_a_provider() {
    insta::assert_snapshot!(errors(""), @r"
    config/relevo.toml:1: brands: must have at least one brand, such as [brands.acme]
    config/relevo.toml:1: providers: must have at least one provider, in [[providers]]
    ");
}

#[test]
fn an_unreadable_file_is_named() {
    let error = Config::load(Path::new("config/absent.toml"), NOW).unwrap_err().to_string();
    assert!(error.starts_with("config/absent.toml: cannot be read ("), "{error}");
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    insta::assert_snapshot!(errors("[brands.acme]\n\n[store\npath = 1\n"), @"config/relevo.toml:3: must be TOML: unclosed table, expected `]`");
}

#[test]
fn unknown_settings_are_refused_with_those_there_are() {
    insta::assert_snapshot!(errors_within("[log]\nformat = \"json\"\nlevel = 3\n"), @"config/relevo.toml:3: log.level: unknown setting `level`, expected one of `format`, `filter`, `queue_bytes`, `max_repeats`, `repeat_interval_ms`");
    insta::assert_snapshot!(errors_within("[[providers]]\nname = \"a\"\nchannel = \"sms\"\nfailure_domain = \"a\"\n[providers.limits]\ntimeout = 3\n[providers.sandbox]\n"), @"config/relevo.toml:6: providers[0].limits.timeout: unknown setting `timeout`, expected one of `max_concurrency`, `rate_per_second`, `connect_timeout_ms`, `timeout_ms`");
}

#[test]
fn missing_and_mistyped_settings_are_refused() {
    insta::assert_snapshot!(errors_within("\n[[providers]]\nname = \"a\"\nchannel = \"email\"\n"), @"config/relevo.toml:2: providers[0]: lacks the setting `failure_domain`");
    insta::assert_snapshot!(errors_within("[[providers]]\nname = \"a\"\nchannel = \"fax\"\nfailure_domain = \"a\"\n"), @"config/relevo.toml:3: providers[0].channel: unknown variant `fax`, expected one of `email`, `sms`, `telegram`, `whatsapp`");
    insta::assert_snapshot!(errors_within("[dispatch]\nlease_ms = \"1m\"\n"), @r#"config/relevo.toml:2: dispatch.lease_ms: invalid type: string "1m", expected a whole number of 0 or more"#);
    insta::assert_snapshot!(errors_within("[dispatch]\nlease_ms = -1\n"), @"config/relevo.toml:2: dispatch.lease_ms: invalid value: integer `-1`, expected a whole number of 0 or more");
}

#[test]
fn everything_that_cannot_be_is_told_at_once() {
    let text = r#"
[server]
stream_window = 0
[server.tls]
cert_file = "absent.pem"
key_file = "absent.key"

[dispatch]
lease_ms = 0

[retry]
backoff_ms = 10
max_backoff_ms = 9

[health]
failure_ratio = 1.5

[log]
filter = "relevo=loud"

[brands.Acme]

[brands.acme]
time_zone = "Mars/Olympus"
default_country = "es"
channels = ["sms", "sms"]
[brands.acme.topics."Offers"]
ttl_minutes = 0

[[providers]]
name = "mail"
channel = "email"
failure_domain = " "
weight = 0
[providers.limits]
max_concurrency = 0
timeout_ms = 0
rate_per_second = 0.0
[providers.sandbox]

[[providers]]
name = "mail"
channel = "sms"
failure_domain = "here"
brands = ["acme", "other"]
[providers.sandbox]

[[providers]]
name = "None at all"
channel = "email"
failure_domain = "here"
"#;
    insta::assert_snapshot!(errors(text), @r#"
    config/relevo.toml:3: server.stream_window: must be from 1 to 1000000
    config/relevo.toml:5: server.tls.cert_file: must be a PEM file that can be read: config/absent.pem cannot (No such file or directory (os error 2))
    config/relevo.toml:6: server.tls.key_file: must be a PEM file that can be read: config/absent.key cannot (No such file or directory (os error 2))
    config/relevo.toml:9: dispatch.lease_ms: must be from 1 to 86400000
    config/relevo.toml:13: retry.max_backoff_ms: must be at least backoff_ms
    config/relevo.toml:16: health.failure_ratio: must be from 0.001 to 1
    config/relevo.toml:19: log.filter: must be filter directives such as "info" or "relevo=debug,warn" (error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5)
    config/relevo.toml:21: brands.Acme: must be 1 to 63 lower-case letters, digits and hyphens
    config/relevo.toml:24: brands.acme.time_zone: must be an IANA name such as Europe/Madrid
    config/relevo.toml:25: brands.acme.default_country: must be two capital letters (ISO 3166-1), such as ES
    config/relevo.toml:26: brands.acme.channels: must name at least one channel, and each once
    config/relevo.toml:27: brands.acme.topics."Offers": must be 1 to 8 lower-case words of letters, digits, `-` and `_` joined by dots, at most 100 characters
    config/relevo.toml:28: brands.acme.topics."Offers".ttl_minutes: must be from 1 to 527040
    config/relevo.toml:33: providers[0].failure_domain: must name what the provider fails together with
    config/relevo.toml:34: providers[0].weight: must be from 1 to 1000000
    config/relevo.toml:35: providers[0].limits.connect_timeout_ms: must be at most timeout_ms
    config/relevo.toml:36: providers[0].limits.max_concurrency: must be from 1 to 1000000
    config/relevo.toml:37: providers[0].limits.timeout_ms: must be from 1 to 3600000
    config/relevo.toml:38: providers[0].limits.rate_per_second: must be from 0.001 to 1000000
    config/relevo.toml:42: providers[1].name: must be unique: another provider is called "mail"
    config/relevo.toml:45: providers[1].brands[1]: must be one of the brands of this file (Acme, acme), not "other"
    config/relevo.toml:48: providers[2]: must have exactly one of the tables smtp, sendgrid, resend, postmark, mailgun, brevo, ses, twilio, vonage, infobip, sinch, sns, smpp, telegram, whatsapp_cloud, whatsapp_vonage, whatsapp_twilio, whatsapp_infobip, webhook and sandbox
    config/relevo.toml:49: providers[2].name: must be 1 to 63 lower-case letters, digits and hyphens
    "#);
}

#[test]
fn a_claim_must_outlast_the_slowest_provider() {
    let slow = |lease_ms: u64| {
        read(&format!("[dispatch]\nlease_ms = {lease_ms}\n{MINIMAL}[providers.limits]\ntimeout_ms = 20000\n"))
    };
    assert!(slow(25_000).is_ok());
    insta::assert_snapshot!(slow(24_999).unwrap_err(), @"config/relevo.toml:2: dispatch.lease_ms: must be at least 25000: the longest call to provider first and 5000 to record what came of it");
}

#[test]
fn a_call_and_its_claim_last_as_long_as_fits_the_kind() {
    let lasts = |kind: &str, limits: &str| {
        let account = "name = \"a\"\nchannel = \"email\"\nfailure_domain = \"a\"\n";
        let text = format!("[brands.acme]\n[[providers]]\n{account}{kind}\n{limits}");
        let config = read(&text).unwrap();
        let lease_ms = config.dispatch.lease_ms.unwrap();
        (config.providers[0].limits.timeout().as_millis(), lease_ms)
    };
    let smtp = "[providers.smtp]\nhost = \"localhost\"\nfrom = \"a@example.com\"";
    let with_keys = "[providers.resend]\nfrom = \"a@example.com\"\napi_key = { env = \"TOKEN\" }";
    let without = "[providers.sendgrid]\nfrom = \"a@example.com\"\napi_key = { env = \"TOKEN\" }";
    let limits = "[providers.limits]\ntimeout_ms = 4000";
    for (kind, limits, expected) in [
        (smtp, "", (610_000, 615_000)),
        (smtp, limits, (604_000, 609_000)),
        (with_keys, "", (10_000, 60_000)),
        (without, "", (30_000, 60_000)),
        (without, limits, (4_000, 60_000)),
    ] {
        assert_eq!(lasts(kind, limits), expected, "{kind} {limits}");
    }
}

#[test]
fn surprises_are_warned_about() {
    let text = r#"
[brands.acme]
channels = ["email", "whatsapp"]
[brands.acme.topics.orders]
channels = ["telegram"]
[brands.other]
channels = ["email"]

[[providers]]
name = "mail"
channel = "email"
failure_domain = "here"
brands = ["acme"]
[providers.sandbox]

[[providers]]
name = "whatsapp-1"
channel = "whatsapp"
failure_domain = "meta"
[providers.sandbox]

[[providers]]
name = "whatsapp-2"
channel = "whatsapp"
failure_domain = "meta"
[providers.sandbox]
"#;
    let warnings: Vec<_> = read(text).unwrap().warnings(NOW).iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(warnings.join("\n"), @r"
brand acme: email: only provider mail carries it, so it fails when that one does
brand acme: telegram: no provider carries it, so it is always left out
brand acme: whatsapp: both providers share failure domain meta, so they fail together
brand other: email: no provider carries it, so it is always left out
");
}

#[test]
fn a_secret_comes_from_the_environment_or_a_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "43:fromfile\r\n").unwrap();
    // Links are signed by the token.
    let link = |place: &str, token: &str| {
        let text = format!("{}bot_username = \"acme_bot\"\n", telegram(place));
        let path = folder.path().join("relevo.toml");
        let env = |name: &str| (name == "TOKEN").then(|| token.into());
        let config = read_in(&path, &text, &env).unwrap();
        let shown = format!("{config:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("fromfile"), "{shown}");
        let links = config.providers[0].parts.telegram_links.clone().unwrap();
        links.url(LinkId::from_bytes([7; 16]))
    };
    let (from_env, from_file) = (r#"{ env = "TOKEN" }"#, r#"{ file = "token" }"#);
    assert_eq!(link(from_file, ""), link(from_env, "43:fromfile"));
    assert_eq!(link(from_file, ""), link(from_env, "43:fromfile\n"));
    assert_ne!(link(from_file, ""), link(from_env, "42:hunter2"));
}

fn telegram(token: &str) -> String {
    format!(
        "[brands.acme]\n[[providers]]\nname = \"bot\"\nchannel = \"telegram\"\nfailure_domain = \"telegram\"\n\
         [providers.telegram]\ntoken = {token}\n"
    )
}

#[test]
fn a_secret_that_is_not_there_is_named() {
    insta::assert_snapshot!(errors(&telegram(r#"{ env = "ABSENT" }"#)), @"config/relevo.toml:7: providers[0].telegram.token: the environment variable ABSENT is not set: set it to the secret");
    insta::assert_snapshot!(errors(&telegram(r#"{ env = "EMPTY" }"#)), @"config/relevo.toml:7: providers[0].telegram.token: the environment variable EMPTY is empty: set it to the secret alone");
    insta::assert_snapshot!(errors(&telegram(r#"{ file = "absent" }"#)), @"config/relevo.toml:7: providers[0].telegram.token: config/absent cannot be read (No such file or directory (os error 2)): put the secret into that file");
    insta::assert_snapshot!(errors(&telegram(r#"{ env = "TOKEN", file = "token" }"#)), @r#"config/relevo.toml:7: providers[0].telegram.token: must be { env = "NAME" } or { file = "PATH" }, with exactly one of the two"#);
}

/// Read by one function, whatever kind of provider it is for, so that `check` finds what the first call would.
#[test]
fn a_secret_that_no_call_can_carry_is_refused_wherever_it_is() {
    for (name, what) in [
        ("SPACED", "begins or ends with a space, which no secret does"),
        ("LINES", "holds a line break or another control character, which no secret does but a key in PEM"),
        ("LATIN", "is not text in UTF-8"),
    ] {
        let place = "config/relevo.toml:7: providers[0].telegram.token";
        let told = format!("{place}: the environment variable {name} {what}: set it to the secret alone");
        assert_eq!(errors(&telegram(&format!("{{ env = \"{name}\" }}"))), told);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    for (bytes, what) in [
        (&b"42:hunter2 \n"[..], "begins or ends with a space"),
        (b"42:hunter2\x1b", "holds a line break or another control character"),
        (b"\xff\xfe4\x002\x00", "is not text in UTF-8"),
        (&[b'4'; 65_537], "cannot be read (it holds more than 65536 bytes)"),
    ] {
        fs::write(&file, bytes).unwrap();
        let told = errors(&telegram(&format!("{{ file = \"{}\" }}", file.display())));
        assert!(told.contains(&format!("telegram.token: {} {what}", file.display())), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn no_text_of_the_file_holds_a_control_character() {
    let account = "[brands.acme]\n[[providers]]\nname = \"a\"\nchannel = \"sms\"\nfailure_domain = \"a\"\n";
    let sns = "[providers.sns]\nregion = \"eu-west-1\"\nsecret_access_key = { env = \"TOKEN\" }\n";
    let told = errors(&format!("{account}{sns}access_key_id = \"AKIA\\nX\"\nbase_url = \"\\u001b\"\n"));
    insta::assert_snapshot!(told, @r"
    config/relevo.toml:9: providers[0].sns.access_key_id: must not hold a line break or another control character
    config/relevo.toml:10: providers[0].sns.base_url: must not hold a line break or another control character
    ");
    let told = errors("[brands.acme.senders]\nsms = \"AC\\u0000ME\"\n");
    assert!(told.contains("config/relevo.toml:2: brands.acme.senders.sms: must not hold"), "{told}");
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_shown() {
    for literal in [
        r#""4242:hunter2""#,
        "4242",
        "4242.5",
        r#"{ value = "4242:hunter2" }"#,
        r#"{ env = 4242 }"#,
        r#"{ "$secret" = "4242:hunter2" }"#,
        r#"["4242"]"#,
    ] {
        let shown = errors(&telegram(literal));
        assert!(!shown.contains("4242") && !shown.contains("hunter2"), "{shown}");
        assert!(shown.starts_with("config/relevo.toml:7: providers[0].telegram.token"), "{shown}");
        assert!(shown.contains(r#"{ env = "NAME" } or { file = "PATH" }"#), "{shown}");
    }
}

#[test]
fn a_sender_is_for_a_brand_that_the_provider_serves() {
    let senders = |brands: &str, senders: &str| {
        format!(
            "[brands.acme]\n[brands.globex]\n[[providers]]\nname = \"wa\"\nchannel = \"whatsapp\"\nfailure_domain = \"w\"\n\
             brands = [{brands}]\n[providers.senders]\n{senders}\n[providers.sandbox]\n"
        )
    };
    let config = read(&senders("", "acme = \"777\"")).unwrap();
    let (acme, none) = ("acme".parse().unwrap(), BTreeMap::new());
    assert_eq!(config.providers[0].provider.sender(&acme, &none), Some("777"));
    insta::assert_snapshot!(errors(&senders("\"acme\"", "acme = \" \"\nglobex = \"7\"\nother = \"7\"")), @"
    config/relevo.toml:9: providers[0].senders.acme: must not be empty
    config/relevo.toml:10: providers[0].senders.globex: must be for a brand of this file that the provider serves
    config/relevo.toml:11: providers[0].senders.other: must be for a brand of this file that the provider serves
    ");
}

#[test]
fn an_adapter_checks_its_own_settings_and_channel() {
    let text = telegram(r#"{ env = "TOKEN" }"#).replace("\"telegram\"", "\"sms\"");
    let text = format!("{text}base_url = \"telegram\"\n");
    insta::assert_snapshot!(errors(&text), @r#"
    config/relevo.toml:4: providers[0].channel: must be "telegram", the only channel that telegram carries
    config/relevo.toml:8: providers[0].telegram.base_url: must be a URL such as https://api.example.com, without credentials, query or fragment
    "#);
}

#[test]
fn settings_of_a_provider_and_of_its_kind_are_refused_where_they_stand() {
    let account = "[brands.acme]\n[[providers]]\nname = \"a\"\nchannel = \"sms\"\nfailure_domain = \"a\"\n";
    insta::assert_snapshot!(errors(&format!("{account}smpt = 1\n")), @"config/relevo.toml:6: providers[0].smpt: unknown setting `smpt`, expected one of `name`, `channel`, `failure_domain`, `tier`, `weight`, `brands`, `senders`, `business`, `limits`, `http`, `smtp`, `sendgrid`, `resend`, `postmark`, `mailgun`, `brevo`, `ses`, `twilio`, `vonage`, `infobip`, `sinch`, `sns`, `smpp`, `telegram`, `whatsapp_cloud`, `whatsapp_vonage`, `whatsapp_twilio`, `whatsapp_infobip`, `webhook`, `sandbox`");
    insta::assert_snapshot!(errors(&format!("{account}business = \"shop\"\n[providers.sandbox]\n")), @"config/relevo.toml:6: providers[0].business: must be left out: only WhatsApp knows people by ids of a business");
    insta::assert_snapshot!(errors(&format!("{account}sandbox = 1\n")), @"config/relevo.toml:6: providers[0].sandbox: invalid type: integer `1`, expected a table");
    let twilio = |settings: &str| errors(&format!("{account}[providers.twilio]\n{settings}"));
    insta::assert_snapshot!(twilio("auth_token = { env = \"TOKEN\" }\n"), @"config/relevo.toml:6: providers[0].twilio: lacks the setting `account_sid`");
    insta::assert_snapshot!(twilio("account_sid = \"AC1\"\nauth_token = { env = \"TOKEN\" }\nfrm = \"ACME\"\n"), @"config/relevo.toml:9: providers[0].twilio.frm: unknown setting `frm`, expected one of `account_sid`, `auth_token`, `account_auth_token`, `shared_key`, `api_key_sid`, `base_url`, `status_callback`, `from`, `messaging_service_sid`");
    insta::assert_snapshot!(twilio("account_sid = \"AC1\"\nauth_token = { env = \"TOKEN\" }\nfrom = 3\n"), @"config/relevo.toml:9: providers[0].twilio.from: invalid type: integer `3`, expected a string");
}

/// A file's text with every `#name = value` and `#[table]` taken into force.
fn uncommented(text: &str) -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with([' ', '#', '-']) => rest.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn shipped(name: &str) -> (std::path::PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name);
    let text = fs::read_to_string(&path).unwrap();
    (path, text)
}

#[test]
fn the_shipped_files_load() {
    let relevo = Config::load(&shipped("relevo.toml").0, NOW).unwrap();
    assert!(relevo.store.path.ends_with("config/../data"));
    let demo = Config::load(&shipped("demo.toml").0, NOW).unwrap();
    let domains: BTreeSet<_> = demo.providers.iter().map(|config| &config.provider.failure_domain).collect();
    assert_eq!(domains.len(), 3);
    for channel in crate::model::Channel::ALL {
        assert_eq!(demo.providers_for(&"acme".parse().unwrap(), channel).len(), 2, "{channel}");
    }
    let warnings: Vec<_> = demo.warnings(NOW).iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["brand acme: whatsapp: both providers share failure domain meta, so they fail together"]
    );
}

/// `config/relevo.toml` with all that it shows taken into force, and the files and secrets that it names.
struct Everything {
    folder: tempfile::TempDir,
    text: String,
}

impl Everything {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let authority = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        fs::create_dir(folder.path().join("tls")).unwrap();
        fs::create_dir(folder.path().join("secrets")).unwrap();
        for name in ["server.pem", "clients.pem", "mail-ca.pem", "proxy-ca.pem", "carrier.pem"] {
            fs::write(folder.path().join("tls").join(name), authority.pem()).unwrap();
        }
        for name in ["tls/server.key", "secrets/dkim.pem"] {
            fs::write(folder.path().join(name), key.serialize_pem()).unwrap();
        }
        let text = uncommented(&shipped("relevo.toml").1)
            .replace("algorithm = \"rsa\"", "algorithm = \"ed25519\"")
            .replace("messaging_service_sid =", "#")
            .replace("oauth2_token_file =", "#")
            .replace("webhook_token =", "#");
        Self { folder, text }
    }

    /// Reads the text, or another in its place.
    fn read(&self, text: &str) -> Result<Config, ConfigErrors> {
        read_in(&self.folder.path().join("relevo.toml"), text, &|name| match name {
            "RELAY_SECRET" | "RELAY_CALLBACK_SECRET" | "RESEND_WEBHOOK_SECRET" => {
                Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into())
            }
            "TELEGRAM_WEBHOOK_SECRET" => Some("hunter2".into()),
            _ => Some("42:hunter2".into()),
        })
    }
}

/// The accounts that `config/relevo.toml` shows are taken into force, with secrets, files and one sender each.
#[test]
fn the_real_providers_shown_are_right() {
    let everything = Everything::new();
    let config = everything.read(&everything.text).unwrap();
    let shown: BTreeSet<_> = config.providers.iter().map(|config| config.provider.kind.as_str()).collect();
    assert_eq!(shown, PROVIDER_KINDS.iter().map(|kind| kind.name).collect());
}

#[test]
fn the_log_has_room_for_a_line_and_tells_of_repeats() {
    let text = "[log]\nqueue_bytes = 1\nmax_repeats = 0\nrepeat_interval_ms = 0\n";
    let wrong: Vec<_> =
        errors(text).lines().filter(|line| line.contains(" log.")).map(str::to_owned).collect();
    assert_eq!(
        wrong,
        [
            "config/relevo.toml:2: log.queue_bytes: must be from 65536 to 1073741824",
            "config/relevo.toml:3: log.max_repeats: must be from 1 to 1000000",
            "config/relevo.toml:4: log.repeat_interval_ms: must be from 1000 to 86400000",
        ]
    );
}

#[test]
fn the_values_shown_are_the_defaults() {
    let text = uncommented(&shipped("relevo.toml").1);
    let shown = read_shape(DeTable::parse(&without_secrets(&text)).unwrap()).unwrap();
    let tls = shown.server.tls.clone();
    assert!(tls.is_some());
    assert_eq!(shown.server, api::ApiSettings { tls, ..api::ApiSettings::default() });
    let path = shown.store.path.clone();
    assert_eq!(shown.store, store::StoreSettings { path, ..store::StoreSettings::default() });
    let lease_ms = Some(615_000);
    assert_eq!(shown.dispatch, dispatch::DispatchSettings { lease_ms, ..Default::default() });
    assert_eq!(shown.retry, RetrySettings::default());
    assert_eq!(shown.health, health::HealthSettings::default());
    assert_eq!(shown.log, LogSettings::default());
    let (rate_per_second, timeout_ms) = (Some(100.0), Some(10_000));
    let limits = crate::adapters::ProviderLimits { rate_per_second, timeout_ms, ..Default::default() };
    assert_eq!(format!("{:?}", shown.providers[0].as_ref().unwrap().limits), format!("{limits:?}"));
}

#[test]
fn the_way_to_a_provider_is_checked_and_its_files_are_beside_the_configuration() {
    let errors = |kind: &str, http: &str| {
        let account = "name = \"a\"\nchannel = \"email\"\nfailure_domain = \"a\"";
        errors(&format!("[brands.acme]\n[[providers]]\n{account}\n{kind}\n[providers.http]\n{http}"))
    };
    let resend = "[providers.resend]\nfrom = \"a@example.com\"\napi_key = { env = \"TOKEN\" }";
    insta::assert_snapshot!(errors(resend, "proxy = \"proxy.example.com\""), @"config/relevo.toml:10: providers[0].http.proxy: must be a URL such as http://proxy.example.com:3128, without credentials, path or query");
    insta::assert_snapshot!(errors(resend, "ca_file = \"absent.pem\""), @"config/relevo.toml:10: providers[0].http.ca_file: must be a file that can be used: config/absent.pem cannot (No such file or directory (os error 2))");
    insta::assert_snapshot!(errors(resend, "proxy_password = \"open sesame\""), @r#"config/relevo.toml:10: providers[0].http.proxy_password: a secret does not belong in this file: write { env = "NAME" } or { file = "PATH" } to say where it is"#);
    insta::assert_snapshot!(errors("[providers.sandbox]", ""), @"config/relevo.toml:7: providers[0].http: must be left out: sandbox is not reached over HTTP");
    let smtp = "[providers.smtp]\nhost = \"localhost\"\nfrom = \"a@example.com\"";
    insta::assert_snapshot!(errors(smtp, ""), @"config/relevo.toml:9: providers[0].http: must be left out: smtp is not reached over HTTP");
}

#[test]
fn a_bounce_address_needs_a_listener_for_what_bounces() {
    let smtp = "[brands.acme]\n[[providers]]\nname = \"a\"\nchannel = \"email\"\nfailure_domain = \"a\"\n\
                [providers.smtp]\nhost = \"localhost\"\nfrom = \"a@example.com\"\n\
                bounce_address = \"b@example.com\"\nbounce_secret = { env = \"TOKEN\" }\n";
    insta::assert_snapshot!(errors(smtp), @"config/relevo.toml:9: providers[0].smtp.bounce_address: must be left out without [inbound], by whose listener for HTTP, or for LMTP in [inbound.mail], reports come back");
    // A server without LMTP can post them.
    let inbound = "[inbound]\nlisten = \"127.0.0.1:8080\"\npublic_url = \"https://hooks.example.com\"\n";
    read(&format!("{smtp}{inbound}")).unwrap();
}

fn read_shape(table: Spanned<DeTable<'_>>) -> Result<file::ConfigFile, ConfigErrors> {
    let places = locations::SettingLocations::new("", table.get_ref());
    let mut errors = errors::ErrorCollector::new(Path::new("relevo.toml"), &places);
    let file = file::read(table, &mut errors);
    errors.result().map(|()| file)
}

/// References to secrets in the form in which the settings read them.
fn without_secrets(text: &str) -> String {
    text.replace("{ env =", "{ \"$secret\" =").replace("{ file =", "{ \"$secret\" =")
}

/// Every setting of every table is in `config/relevo.toml`: an unknown setting is put into each of its tables, and serde
/// answers with the names of those there are.
#[test]
fn every_setting_is_shown() {
    let text = without_secrets(&uncommented(&shipped("relevo.toml").1));
    let whole = DeTable::parse(&text).unwrap();
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut shown: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (steps, keys) in tables(whole.get_ref()) {
        // The items of a list are of one kind: what one of them shows need not stand in the others.
        let named = steps.iter().filter(|step| step.parse::<usize>().is_err());
        let kind = named.cloned().collect::<Vec<_>>().join(".");
        shown.entry(kind.clone()).or_default().extend(keys);
        known.entry(kind).or_default().extend(known_settings(&whole, &steps));
    }
    assert!(known["dispatch"].contains("lease_ms"), "serde's words have changed: {known:#?}");
    for (table, shown) in shown {
        if let Some(known) = known.get_mut(&table) {
            known.retain(|name| !shown.contains(name));
        }
    }
    known.retain(|_, missing| !missing.is_empty());
    assert!(known.is_empty(), "config/relevo.toml does not show {known:#?}");
}

fn known_settings(whole: &Spanned<DeTable<'_>>, steps: &[String]) -> Vec<String> {
    const UNKNOWN: &str = "no_such_setting";
    let mut whole = whole.clone();
    let unknown = Spanned::new(0..0, DeValue::Boolean(true));
    table_at(whole.get_mut(), steps).insert(Spanned::new(0..0, UNKNOWN.into()), unknown);
    let errors = read_shape(whole).expect_err("an unknown setting is refused");
    // Tables of named things, such as `brands`, have no fixed settings.
    match errors.errors()[0].message.strip_prefix(&format!("unknown setting `{UNKNOWN}`, expected ")) {
        Some(known) => known.split('`').skip(1).step_by(2).map(str::to_owned).collect(),
        None => Vec::new(),
    }
}

/// Every table with the way to it and its keys.
fn tables(root: &DeTable<'_>) -> Vec<(Vec<String>, Vec<String>)> {
    let mut found = Vec::new();
    walk(root, &[], &mut found);
    found
}

fn walk(table: &DeTable<'_>, steps: &[String], found: &mut Vec<(Vec<String>, Vec<String>)>) {
    found.push((steps.to_vec(), table.keys().map(|key| key.get_ref().to_string()).collect()));
    for (key, value) in table {
        let steps = [steps, &[key.get_ref().to_string()]].concat();
        match value.get_ref() {
            DeValue::Table(table) if !table.contains_key(crate::secret::RESOLVED) => {
                walk(table, &steps, found);
            }
            DeValue::Array(items) => {
                let tables = items
                    .iter()
                    .enumerate()
                    .filter_map(|(index, item)| Some((index, item.get_ref().as_table()?)));
                tables.for_each(|(index, table)| {
                    walk(table, &[&steps[..], &[index.to_string()]].concat(), found)
                });
            }
            _ => {}
        }
    }
}

fn table_at<'t, 'i>(table: &'t mut DeTable<'i>, steps: &[String]) -> &'t mut DeTable<'i> {
    let Some((key, rest)) = steps.split_first() else { return table };
    match table.get_mut(key.as_str()).unwrap().get_mut() {
        DeValue::Table(table) => table_at(table, rest),
        DeValue::Array(items) => {
            let item = items.get_mut(rest[0].parse::<usize>().unwrap()).unwrap();
            let DeValue::Table(table) = item.get_mut() else { panic!("{rest:?} is no table") };
            table_at(table, &rest[1..])
        }
        _ => panic!("{key} is no table"),
    }
}
