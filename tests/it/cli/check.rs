//! `relevo check`.

use super::{run, shipped};

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
