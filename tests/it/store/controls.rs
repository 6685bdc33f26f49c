//! What operators asked of providers.

use relevo::model::{ControlMode, ProviderControl, ProviderControlChange, ProviderName};
use relevo::store::{MAX_CONTROL_CHANGES, Stores};

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

pub async fn the_last_changes_of_a_provider_are_kept(stores: &Stores) {
    let first = change("mail", ControlMode::OutOfService, 0);
    stores.controls.set_control(first.clone()).await.unwrap();
    let max = i64::try_from(MAX_CONTROL_CHANGES).unwrap();
    let eu: ProviderName = "mail-eu".parse().unwrap();
    let set = |second| stores.controls.set_control(change("mail-eu", ControlMode::Draining, second));
    let kept = async || all_pages(5_000, |page| stores.controls.control_changes(Some(&eu), page)).await;
    for set in futures_util::future::join_all((1..=max).map(set)).await {
        set.unwrap();
    }
    let before = kept().await;
    set(max + 1).await.unwrap();
    let found = kept().await;
    assert_eq!((before.len(), found.len()), (MAX_CONTROL_CHANGES as usize, before.len()));
    assert_eq!(found[0], change("mail-eu", ControlMode::Draining, max + 1));
    assert_eq!(found[1..], before[..before.len() - 1], "the oldest is forgotten");
    let all = all_pages(5_000, |page| stores.controls.control_changes(None, page)).await;
    assert_eq!((all.len(), all.last()), (found.len() + 1, Some(&first)), "another provider's are kept");
}
