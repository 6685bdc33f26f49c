//! What people agreed to.

use futures_util::future::join_all;
use relevo::model::{
    Address, Channel, ConsentAction, ConsentEvidence, FoldedLedger, Suppression, SuppressionReason,
    TopicScope,
};
use relevo::store::{
    MAX_TOPICS_OF_LEDGER, NewConsentEntry, PreferencesChange, RecordConsentResult, SetPreferencesResult,
    Stores,
};

use super::sample::*;

fn entry(action: ConsentAction) -> NewConsentEntry {
    NewConsentEntry {
        action,
        channel: Channel::Sms,
        scope: TopicScope::Topic("offers.shoes".parse().unwrap()),
        evidence: ConsentEvidence {
            source: "https://shop.example/newsletter".to_owned(),
            method: "double_opt_in".to_owned(),
            wording: "Send me offers.".to_owned(),
            time: at(-5),
            origin: "192.0.2.7".to_owned(),
            actor: "crm".to_owned(),
        },
        recorded_by: "key-1".to_owned(),
    }
}

fn suppression(channel: Channel, address: Address, reason: SuppressionReason) -> Suppression {
    Suppression {
        channel,
        address,
        reason,
        explanation: "550 5.1.1".to_owned(),
        created_at: at(1),
        recorded_by: "mail-eu".to_owned(),
    }
}

pub async fn the_ledger_keeps_every_entry_in_order(stores: &Stores) {
    create(stores, &acme(), "ana", &[]).await;
    create(stores, &brand("other"), "ana", &[]).await;
    let mut recorded = Vec::new();
    for (second, action) in [(1, ConsentAction::Grant), (2, ConsentAction::Revoke), (3, ConsentAction::Grant)]
    {
        let stored = record_consent(stores, "ana", entry(action), second).await;
        assert_eq!(stored.evidence, entry(action).evidence);
        recorded.push(stored);
    }
    assert_eq!(recorded.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(recorded[1].recorded_at, at(2));
    assert_eq!(ledger(stores, &acme(), "ana").await, recorded);
    assert_eq!(ledger(stores, &brand("other"), "ana").await, []);
}

pub async fn a_ledger_takes_entries_for_so_many_topics(stores: &Stores) {
    create(stores, &acme(), "ana", &[]).await;
    let record = async |action, channel, scope: &str| {
        let entry = NewConsentEntry { channel, scope: scope.parse().unwrap(), ..entry(action) };
        stores.consents.record_consent(&acme(), &contact_id("ana"), entry, at(1)).await.unwrap()
    };
    let too_many = |result| matches!(result, RecordConsentResult::TooManyTopics);
    let grant = async |number| {
        let topic = format!("topic-{number}");
        too_many(record(ConsentAction::Grant, Channel::Email, &topic).await)
    };
    let revoke = async |number| {
        let topic = format!("topic-{number}");
        too_many(record(ConsentAction::Revoke, Channel::Email, &topic).await)
    };
    let max = MAX_TOPICS_OF_LEDGER;
    assert!(!join_all((0..max).map(grant)).await.contains(&true));
    assert!(grant(max).await, "one more topic");
    assert!(too_many(record(ConsentAction::Grant, Channel::Sms, "topic-0").await), "another channel");
    assert!(!grant(0).await, "a topic of before");
    assert!(!too_many(record(ConsentAction::Grant, Channel::Sms, "*").await), "all topics");

    assert!(!join_all((0..4 * max).map(revoke)).await.contains(&true));
    assert!(revoke(4 * max).await && !revoke(0).await);
    assert!(
        !too_many(record(ConsentAction::Revoke, Channel::Email, "*").await),
        "nobody is kept from withdrawing"
    );
    assert_eq!(ledger(stores, &acme(), "ana").await.len(), max + 2 + 4 * max + 2);
}

/// What to draw entries from.
fn random() -> fastrand::Rng {
    fastrand::Rng::with_seed(17)
}

/// Records an entry of any kind. The times of several are in no order.
async fn record_at_random(stores: &Stores, random: &mut fastrand::Rng) {
    let mut new = entry(if random.bool() { ConsentAction::Grant } else { ConsentAction::Revoke });
    new.channel = Channel::ALL[random.usize(..Channel::ALL.len())];
    new.scope = ["*", "offers", "offers.shoes", "news"][random.usize(..4)].parse().unwrap();
    new.evidence.time = at(random.i64(-10..10));
    new.evidence.wording = "x".repeat(random.usize(..3_000));
    record_consent(stores, "ana", new, 20).await;
}

pub async fn the_fold_is_always_that_of_the_whole_ledger(stores: &Stores) {
    create(stores, &acme(), "ana", &[]).await;
    let mut random = random();
    for _ in 0..40 {
        record_at_random(stores, &mut random).await;
        let recipient = stores.consents.recipient(&acme(), &contact_id("ana")).await.unwrap().unwrap();
        let ledger = ledger(stores, &acme(), "ana").await;
        assert_eq!(recipient.ledger, ledger.iter().collect());
    }
}

pub async fn pages_of_a_ledger_hold_everything_once(stores: &Stores) {
    create(stores, &acme(), "ana", &[]).await;
    create(stores, &acme(), "ana-2", &[]).await;
    let mut random = random();
    for _ in 0..40 {
        record_at_random(stores, &mut random).await;
    }
    let (brand, ana) = (acme(), contact_id("ana"));
    let whole = ledger(stores, &brand, "ana").await;
    let sequences: Vec<u64> = whole.iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, (1..=40).collect::<Vec<_>>());
    for size in [1, 7, 39, 40, 41] {
        let pages = all_pages(size, |page| stores.consents.ledger(&brand, &ana, page)).await;
        assert_eq!(pages, whole, "{size}");
    }
    assert_eq!(ledger(stores, &brand, "ana-2").await, [], "an id that goes on is another contact");
}

pub async fn the_first_suppression_stays_until_lifted(stores: &Stores) {
    let number = phone("+34600123456");
    let ana = contact_id("ana");
    create(stores, &acme(), "ana", std::slice::from_ref(&number)).await;
    let first = suppression(Channel::Sms, number.clone(), SuppressionReason::OptedOut);
    assert_eq!(stores.consents.suppress(&acme(), first.clone()).await.unwrap(), first);
    let second = suppression(Channel::Sms, number.clone(), SuppressionReason::Manual);
    assert_eq!(stores.consents.suppress(&acme(), second).await.unwrap(), first);
    // The same number on WhatsApp is another matter, and so is another brand.
    let recipient = stores.consents.recipient(&acme(), &ana).await.unwrap().unwrap();
    assert_eq!(recipient.suppressions, [first]);
    assert!(!stores.consents.lift_suppression(&acme(), Channel::Whatsapp, &number).await.unwrap());
    assert!(!stores.consents.lift_suppression(&brand("other"), Channel::Sms, &number).await.unwrap());
    assert!(stores.consents.lift_suppression(&acme(), Channel::Sms, &number).await.unwrap());
    assert!(!stores.consents.lift_suppression(&acme(), Channel::Sms, &number).await.unwrap());
    let recipient = stores.consents.recipient(&acme(), &ana).await.unwrap().unwrap();
    assert_eq!(recipient.suppressions, []);
}

pub async fn consents_of_an_unknown_contact_are_refused(stores: &Stores) {
    let nobody = contact_id("nobody");
    assert_eq!(
        stores.consents.record_consent(&acme(), &nobody, entry(ConsentAction::Grant), at(1)).await.unwrap(),
        RecordConsentResult::NoContact
    );
    let change = PreferencesChange::default();
    assert_eq!(
        stores.consents.set_preferences(&acme(), &nobody, change).await.unwrap(),
        SetPreferencesResult::NoContact
    );
    assert_eq!(stores.consents.recipient(&acme(), &nobody).await.unwrap(), None);
    create(stores, &acme(), "nobody", &[]).await;
    let recipient = stores.consents.recipient(&acme(), &nobody).await.unwrap().unwrap();
    assert_eq!(recipient.ledger, FoldedLedger::default());
}

pub async fn an_address_is_suppressed_in_whatever_spelling(stores: &Stores) {
    let (given, other) = (email("First.Last@Example.com"), email("first.last@example.com"));
    create(stores, &acme(), "ana", std::slice::from_ref(&given)).await;
    let suppression = Suppression {
        channel: Channel::Email,
        address: other.clone(),
        reason: SuppressionReason::Manual,
        explanation: "asked by phone".to_owned(),
        created_at: at(1),
        recorded_by: "key".to_owned(),
    };
    stores.consents.suppress(&acme(), suppression.clone()).await.unwrap();
    let of_ana = async || {
        let recipient = stores.consents.recipient(&acme(), &contact_id("ana")).await.unwrap();
        recipient.unwrap().suppressions
    };
    assert_eq!(of_ana().await, [Suppression { address: given.clone(), ..suppression }]);
    assert!(stores.consents.lift_suppression(&acme(), Channel::Email, &given).await.unwrap());
    assert_eq!(of_ana().await, []);
}
