//! What operators asked of providers.

use relevo::model::{ControlMode, ProviderControl, ProviderControlChange, ProviderName};
use relevo::store::Stores;

use super::sample::*;

fn change(provider: &str, mode: ControlMode, second: i64) -> ProviderControlChange {
    let control = ProviderControl {
        mode,
        reason: "maintenance".to_owned(),
        actor: "key-1 (Ana)".to_owned(),
        updated_at: at(second),
        expire_at: Some(at(second + 100)),
    };
    ProviderControlChange { provider: provider.parse().unwrap(), control }
}

pub async fn the_last_control_counts_and_all_are_kept(stores: &Stores) {
    let changes = [
        change("mail-eu", ControlMode::Draining, 1),
        change("mail", ControlMode::OutOfService, 2),
        change("mail-eu", ControlMode::InService, 3),
    ];
    assert_eq!(stores.controls.controls().await.unwrap(), []);
    for change in &changes {
        stores.controls.set_control(change.clone()).await.unwrap();
    }
    let current = stores.controls.controls().await.unwrap();
    assert_eq!(current.len(), 2);
    assert!(current.contains(&changes[1]) && current.contains(&changes[2]));
    for size in [1, 2, 10] {
        let all = all_pages(size, |page| stores.controls.control_changes(None, page)).await;
        assert_eq!(all, [changes[2].clone(), changes[1].clone(), changes[0].clone()]);
        let eu: ProviderName = "mail-eu".parse().unwrap();
        let found = all_pages(size, |page| stores.controls.control_changes(Some(&eu), page)).await;
        assert_eq!(found, [changes[2].clone(), changes[0].clone()]);
    }
}
