//! API keys, over the API and while the gateway is stopped.

use relevo::api::token;
use relevo::clock::Clock;
use relevo::config::Config;
use serde_json::Value;

use super::{Gateway, run, shipped};

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
    let presented = token::KeyToken::parse(created["secret"].as_str().unwrap()).unwrap();

    let config_read = Config::load(&config, Clock::system().unwrap().now()).unwrap();
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

/// sled panics over much of what is damaged, and the panic's own trace would come before the error.
#[tokio::test]
async fn a_damaged_store_is_told_in_one_error_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("relevo.toml");
    let text = "[brands.acme]\n[[providers]]\nname = 'a'\nchannel = 'sms'\nfailure_domain = 'a'\n[providers.sandbox]\n";
    std::fs::write(&config, text).unwrap();
    let head = ["keys", "create", "--local", "--config", config.to_str().unwrap(), "--brand", "acme"];
    let line = [&head[..], &["--scope", "admin", "--label", "x"]].concat();
    assert_eq!(run(&line).await.code, 0);
    // As after a crash: without its seal, the store is tried on a copy.
    std::fs::remove_file(folder.path().join("data/SEAL")).unwrap();
    let db = folder.path().join("data/sled/db");
    let sound = std::fs::read(&db).unwrap();
    let mut refused = 0;
    for place in (0..sound.len()).step_by(7) {
        let mut damaged = sound.clone();
        damaged[place..].iter_mut().take(32).for_each(|byte| *byte ^= 0xa5);
        std::fs::write(&db, damaged).unwrap();
        let done = run(&line).await;
        if done.code != 0 {
            refused += 1;
            assert_eq!(done.err.lines().count(), 1, "{place}: {}", done.err);
            assert!(done.err.starts_with("relevo: ") && !done.err.contains("panicked"), "{}", done.err);
        }
        let _ = std::fs::remove_file(folder.path().join("data/SEAL"));
    }
    assert!(refused > 0);
}
