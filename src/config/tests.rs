use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::*;

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
    Config::read(Path::new("config/relevo.toml"), text, &|name| match name {
        "TOKEN" => Some("42:hunter2".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    })
}

fn errors(text: &str) -> String {
    read(text).expect_err("must be refused").to_string()
}

#[test]
fn the_least_is_a_brand_and_a_provider() {
    let config = read(MINIMAL).unwrap();
    assert_eq!(config.server, api::Settings::default());
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
    let error = Config::load(Path::new("config/absent.toml")).unwrap_err().to_string();
    assert!(error.starts_with("config/absent.toml: cannot be read ("), "{error}");
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    insta::assert_snapshot!(errors("[brands.acme]\n\n[store\npath = 1\n"), @"");
}

#[test]
fn unknown_settings_are_refused_with_those_there_are() {
    insta::assert_snapshot!(errors("[log]\nformat = \"json\"\nlevel = 3\n"), @"");
    insta::assert_snapshot!(errors("[[providers]]\nname = \"a\"\n[providers.limits]\ntimeout = 3\n"), @"");
}

#[test]
fn missing_and_mistyped_settings_are_refused() {
    insta::assert_snapshot!(errors("\n[[providers]]\nname = \"a\"\nchannel = \"email\"\n"), @"");
    insta::assert_snapshot!(errors("[[providers]]\nname = \"a\"\nchannel = \"fax\"\n"), @"");
    insta::assert_snapshot!(errors("[dispatch]\nlease_ms = \"1m\"\n"), @"");
    insta::assert_snapshot!(errors("[dispatch]\nlease_ms = -1\n"), @"");
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
lease_ms = 14999
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
    insta::assert_snapshot!(errors(text), @"");
}

#[test]
fn a_claim_must_outlast_the_slowest_provider() {
    let slow = |lease_ms: u64| {
        read(&format!("[dispatch]\nlease_ms = {lease_ms}\n{MINIMAL}[providers.limits]\ntimeout_ms = 20000\n"))
    };
    assert!(slow(25_000).is_ok());
    insta::assert_snapshot!(slow(24_999).unwrap_err(), @"");
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
    let warnings: Vec<_> = read(text).unwrap().warnings().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(warnings.join("\n"), @"");
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
    let relevo = Config::load(&shipped("relevo.toml").0).unwrap();
    assert!(relevo.store.path.ends_with("config/../data"));
    let demo = Config::load(&shipped("demo.toml").0).unwrap();
    let domains: BTreeSet<_> = demo.providers.iter().map(|own| &own.provider.failure_domain).collect();
    assert_eq!(domains.len(), 3);
    for channel in crate::model::Channel::ALL {
        assert_eq!(demo.carriers(&"acme".parse().unwrap(), channel).len(), 2, "{channel}");
    }
    let warnings: Vec<_> = demo.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["brand acme: whatsapp: both providers share failure domain meta, so they fail together"]
    );
}

#[test]
fn the_values_shown_are_the_defaults() {
    let text = uncommented(&shipped("relevo.toml").1);
    let shown = file::read(DeTable::parse(&without_secrets(&text)).unwrap()).unwrap();
    let tls = shown.server.tls.clone();
    assert!(tls.is_some());
    assert_eq!(shown.server, api::Settings { tls, ..api::Settings::default() });
    let path = shown.store.path.clone();
    assert_eq!(shown.store, store::Settings { path, ..store::Settings::default() });
    assert_eq!(shown.dispatch, dispatch::Settings::default());
    assert_eq!(shown.health, health::Settings::default());
    assert_eq!(shown.log, LogSettings::default());
    let limits = crate::adapters::Limits { rate_per_second: Some(100.0), ..Default::default() };
    assert_eq!(format!("{:?}", shown.providers[0].limits), format!("{limits:?}"));
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
    let error = file::read(whole).expect_err("an unknown setting is refused");
    // Tables of named things, such as `brands`, have no fixed settings.
    match error.message().strip_prefix(&format!("unknown field `{UNKNOWN}`, expected ")) {
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
                let tables = items.iter().enumerate().filter_map(|(index, item)| Some((index, item.get_ref().as_table()?)));
                tables.for_each(|(index, table)| walk(table, &[&steps[..], &[index.to_string()]].concat(), found));
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
