//! `relevo check`: it finds what the start of the gateway would fail by, and tells all of it at once.

use std::fs;
use std::net::TcpListener;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use relevo::clock::Clock;
use serde_json::Value;
use tempfile::TempDir;

use super::{Done, done_of, relevo, run, shipped};

/// Checks a configuration in a folder.
async fn check(folder: &Path, text: &str, more: &[&str]) -> Done {
    fs::write(folder.join("relevo.toml"), text).unwrap();
    let file = folder.join("relevo.toml");
    run(&[&["check", "--config", file.to_str().unwrap()], more].concat()).await
}

/// A configuration that is right but for these settings, which may go on with other tables.
fn with(settings: &str) -> String {
    format!(
        "[[providers]]\nname = 'a'\nchannel = 'sms'\nfailure_domain = 'a'\n[providers.sandbox]\n[brands.acme]\n{settings}"
    )
}

#[tokio::test]
async fn a_configuration_is_checked() {
    let right = run(&["check", "--config", shipped("relevo.toml").to_str().unwrap()]).await;
    assert_eq!((right.code, right.err.as_str()), (0, ""));
    assert!(right.out.contains("sandbox-whatsapp"), "{}", right.out);
    let folder = tempfile::tempdir().unwrap();
    let wrong = check(folder.path(), "[brands.acme]\ntime_zone = \"Mars/Olympus\"\n", &[]).await;
    assert_eq!((wrong.code, wrong.out.as_str()), (1, ""));
    let file = folder.path().join("relevo.toml");
    let place = format!("{}:2: brands.acme.time_zone: must be an IANA name", file.display());
    assert!(wrong.err.contains(&place), "{}", wrong.err);
}

#[tokio::test]
async fn scripts_get_what_people_get() {
    let right = run(&["check", "--json", "--config", shipped("demo.toml").to_str().unwrap()]).await;
    assert_eq!((right.code, right.err.as_str()), (0, ""));
    let told: Value = serde_json::from_str(&right.out).unwrap();
    assert_eq!((&told["right"], &told["brands"][0]["brand"]), (&true.into(), &"acme".into()));
    assert_eq!(told["brands"][0]["orders"][0]["ttlSeconds"], 3 * 86_400);
    assert_eq!(told["brands"][0]["providers"][0]["failureDomain"], "south");
    let warnings = told["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|warning| warning["subject"] == "brand acme: whatsapp"), "{warnings:?}");
    let folder = tempfile::tempdir().unwrap();
    let wrong =
        check(folder.path(), &with("time_zone = 'Mars/Olympus'\nttl_minutes = 0\n"), &["--json"]).await;
    assert_eq!(wrong.code, 1);
    let told: Value = serde_json::from_str(&wrong.out).unwrap();
    assert_eq!(told["right"], false);
    assert_eq!(told["errors"][0]["key"], "brands.acme.time_zone");
    assert_eq!(
        (&told["errors"][1]["line"], &told["errors"][1]["key"]),
        (&8.into(), &"brands.acme.ttl_minutes".into())
    );
}

/// Of every kind of mistake one, none of which hides another.
#[tokio::test]
async fn mistakes_of_all_kinds_are_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "no directory").unwrap();
    fs::write(folder.path().join("cert"), "garbage").unwrap();
    let text = "\
[server]
listen = '192.0.2.1:50051'
max_connections = 0
max_connection = 5
[server.tls]
cert_file = 'cert'
key_file = 'absent'
[store]
path = 'file'
retention_days = 4000000000
[dispatch]
lease_ms = 9223372036854775807
concurrency = 'many'
[inbound]
listen = '127.0.0.1:8080'
[brands.acme]
channels = ['sms', 'fax']
[[providers]]
name = 'a'
channel = 'sms'
failure_domain = 'a'
weigth = 5
[providers.limits]
max_concurrency = 0
[providers.twilio]
account_sid = 'AC1'
auth_token = { env = 'NOT_SET' }
[[providers]]
name = 'b'
channel = 'sms'
[providers.sandbox]
latency = 5
[[providers]]
name = 'A B'
channel = 'sms'
failure_domain = 'a'
brands = ['other']
[providers.sandbox]
latency_ms = 18446744073709551615
";
    let done = check(folder.path(), text, &[]).await;
    assert_eq!((done.code, done.out.as_str()), (1, ""));
    let lines: Vec<_> = done.err.lines().collect();
    for place in [
        "2: server.listen: must be an address to listen on here",
        "3: server.max_connections: must be from 1 to 1000000",
        "4: server.max_connection: unknown setting",
        "6: server.tls.cert_file: must hold certificates in PEM",
        "7: server.tls.key_file: must be a PEM file that can be read",
        "9: store.path: must be a directory",
        "10: store.retention_days: must be from 1 to 36500",
        "12: dispatch.lease_ms: must be from 1 to 86400000",
        "13: dispatch.concurrency: invalid type",
        "14: inbound: lacks the setting `public_url`",
        "17: brands.acme.channels[1]: unknown variant `fax`",
        "22: providers[0].weigth: unknown setting",
        "24: providers[0].limits.max_concurrency: must be from 1 to 1000000",
        "27: providers[0].twilio.auth_token: the environment variable NOT_SET is not set",
        "28: providers[1]: lacks the setting `failure_domain`",
        "32: providers[1].sandbox.latency: unknown setting",
        "34: providers[2].name: must be 1 to 63 lower-case letters",
        "37: providers[2].brands[0]: must be one of the brands",
        "39: providers[2].sandbox.latency_ms: ",
    ] {
        let told = lines.iter().filter(|line| line.contains(&format!("relevo.toml:{place}"))).count();
        assert_eq!(told, 1, "{place} in {}", done.err);
    }
    assert_eq!(lines.len(), 19, "{}", done.err);
}

#[tokio::test]
async fn a_secret_that_no_call_could_carry_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let account = "[[providers]]\nname = 'a'\nchannel = 'sms'\nfailure_domain = 'a'\n";
    let sinch =
        "[providers.sinch]\nservice_plan_id = 'plan'\nfrom = 'ACME'\napi_token = { env = 'SINCH_TOKEN' }\n";
    let file = folder.path().join("relevo.toml");
    fs::write(&file, format!("[brands.acme]\n{account}{sinch}")).unwrap();
    for (token, code, told) in [
        (b"hunter2\n".to_vec(), 0, ""),
        (b"hunter2\r\n".to_vec(), 0, ""),
        (b"hunter2 ".to_vec(), 1, "begins or ends with a space"),
        (b"hunter2\r\nhunter3".to_vec(), 1, "holds a line break or another control character"),
        (b"hunter\xff".to_vec(), 1, "is not text in UTF-8"),
    ] {
        let mut command = relevo(&["check", "--config", file.to_str().unwrap()]);
        command.env("SINCH_TOKEN", std::ffi::OsString::from_vec(token.clone()));
        let done = done_of(&mut command).await;
        assert_eq!(done.code, code, "{token:?}: {}", done.err);
        let place = "providers[0].sinch.api_token: the environment variable SINCH_TOKEN ";
        assert!(code == 0 || done.err.contains(&format!("{place}{told}")), "{token:?}: {}", done.err);
        assert!(!done.err.contains("hunter"), "{}", done.err);
    }
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    symlink("nowhere", folder.path().join("dangling")).unwrap();
    fs::create_dir(folder.path().join("there")).unwrap();
    symlink("there", folder.path().join("link")).unwrap();
    let told =
        async |path: &str| check(folder.path(), &with(&format!("[store]\npath = '{path}'\n")), &[]).await;
    for right in ["new", "new/below/it", "there", "link"] {
        assert_eq!(told(right).await.code, 0, "{right}");
    }
    assert!(!folder.path().join("new").exists(), "check makes nothing");
    for (wrong, what) in [
        ("file", "store.path: must be a directory: "),
        ("file/below", "must be a directory that can be used"),
        ("dangling", "is a link to nothing"),
        ("dangling/below", "is a link to nothing"),
    ] {
        let done = told(wrong).await;
        assert!(done.code == 1 && done.err.contains(what), "{wrong}: {} {}", done.code, done.err);
    }
}

#[tokio::test]
async fn an_address_in_use_is_warned_of_and_two_listeners_need_two() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let done = check(folder.path(), &with(&format!("[server]\nlisten = '{address}'\n")), &[]).await;
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.out.contains(&format!("warning: server.listen: {address} is in use")), "{}", done.out);
    let inbound = format!("[inbound]\nlisten = '{address}'\npublic_url = 'https://hooks.example.com'\n");
    let text = with(&format!("[server]\nlisten = '{address}'\n{inbound}"));
    let done = check(folder.path(), &text, &[]).await;
    assert_eq!(done.code, 1);
    assert!(done.err.contains("inbound.listen: must be another address than server.listen"), "{}", done.err);
}

/// A folder with a certificate for localhost, its key, and another key. It ends this many days from 2026-03-01, or in 4096.
fn certificate(folder: &Path, ends: Option<(i32, u8, u8)>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    if let Some((year, month, day)) = ends {
        params.not_after = rcgen::date_time_ymd(year, month, day);
    }
    fs::write(folder.join("cert"), params.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(folder.join("key"), key.serialize_pem()).unwrap();
    fs::write(folder.join("other"), rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
}

#[tokio::test]
async fn a_certificate_that_could_not_be_served_is_refused_by_check_and_before_the_gateway_is_ready() {
    let folder = tempfile::tempdir().unwrap();
    let tls =
        |cert: &str, key: &str| with(&format!("[server.tls]\ncert_file = '{cert}'\nkey_file = '{key}'\n"));
    certificate(folder.path(), None);
    fs::write(folder.path().join("garbage"), "garbage").unwrap();
    assert_eq!(check(folder.path(), &tls("cert", "key"), &[]).await.code, 0);
    for (cert, key, told) in [
        ("garbage", "key", "server.tls.cert_file: must hold certificates in PEM"),
        ("cert", "garbage", "server.tls.key_file: must hold a private key in PEM"),
        ("cert", "other", "server.tls.key_file: must be the key of the first certificate in "),
    ] {
        let done = check(folder.path(), &tls(cert, key), &[]).await;
        assert!(done.code == 1 && done.err.contains(told), "{cert} {key}: {} {}", done.code, done.err);
        let config = folder.path().join("relevo.toml");
        let served = run(&["serve", "--config", config.to_str().unwrap()]).await;
        assert!(served.code == 1 && served.err.contains(told), "{}", served.err);
        assert!(!served.err.contains("ready"), "{}", served.err);
    }
    certificate(folder.path(), Some((2026, 1, 1)));
    let done = check(folder.path(), &tls("cert", "key"), &[]).await;
    assert!(done.code == 1 && done.err.contains("ended on 2026-01-01"), "{} {}", done.code, done.err);
}

/// Ten days before its end a certificate is warned of by check, and by the start.
#[tokio::test]
async fn a_certificate_near_its_end_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let end = Clock::system().unwrap().now() + Duration::from_secs(10 * 86_400);
    let day = end.strftime("%Y-%m-%d").to_string();
    let parts: Vec<i32> = day.split('-').map(|part| part.parse().unwrap()).collect();
    certificate(folder.path(), Some((parts[0], parts[1] as u8, parts[2] as u8)));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("[server]\nlisten = '{}'\n", taken.local_addr().unwrap());
    let text = with(&format!("{server}[server.tls]\ncert_file = 'cert'\nkey_file = 'key'\n"));
    let done = check(folder.path(), &text, &[]).await;
    let told = format!("server.tls.cert_file: ends on {day}: renew it before that");
    assert!(done.code == 0 && done.out.contains(&told), "{} {}", done.out, done.err);
    // It ends because the address is taken, after it has warned.
    let served = run(&["serve", "--config", folder.path().join("relevo.toml").to_str().unwrap()]).await;
    assert!(served.code == 1 && served.err.contains(&format!("ends on {day}: renew it")), "{}", served.err);
}

/// Data that others can read is warned of, by check and at the start.
#[tokio::test]
async fn a_data_directory_that_is_open_to_others_is_warned_of() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    let done = check(folder.path(), &with(""), &[]).await;
    assert!(done.out.contains("warning: store.path: others on this machine can get at"), "{}", done.out);
    assert!(done.out.contains(&format!("(mode 0755): chmod 700 {}", data.display())), "{}", done.out);
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    let done = check(folder.path(), &with(""), &[]).await;
    assert!(!done.out.contains("store.path"), "{}", done.out);
}

/// A store of a newer relevo is refused by check as by the start, which does not touch it.
#[tokio::test]
async fn a_store_of_a_newer_relevo_is_found() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("FORMAT"), "relevo store 99\n").unwrap();
    let done = check(folder.path(), &with(""), &[]).await;
    let told = format!(
        ": store.path: must be a store that this relevo reads: {} was written in format 99",
        data.display()
    );
    assert!(done.code == 1 && done.err.contains(&told), "{} {}", done.out, done.err);
    let served = run(&["serve", "--config", folder.path().join("relevo.toml").to_str().unwrap()]).await;
    assert!(served.code == 1 && served.err.contains("was written in format 99"), "{}", served.err);
}

/// The limit of the process that runs it, set by a shell, is what counts.
#[tokio::test]
async fn fewer_open_files_than_the_limits_allow_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("relevo.toml"), with("[server]\nmax_connections = 3000\n")).unwrap();
    let check = async |limit: u32| {
        let line = format!("ulimit -n {limit} && exec \"$0\" check --config \"$1\"");
        let mut command = tokio::process::Command::new("sh");
        command.args(["-c", &line, env!("CARGO_BIN_EXE_relevo")]).arg(folder.path().join("relevo.toml"));
        done_of(&mut command).await
    };
    let told = "warning: open files: the system lets this process have 1024 open, and the settings allow 3150: \
                3000 server.max_connections, 50 max_concurrency of all providers, 100 the store and the log. ";
    let done = check(1_024).await;
    assert!(done.code == 0 && done.out.contains(told), "{} {}", done.out, done.err);
    let done = check(3_150).await;
    assert!(done.code == 0 && !done.out.contains("open files"), "{} {}", done.out, done.err);
}
