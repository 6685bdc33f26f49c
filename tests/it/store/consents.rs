//! What people agreed to.

use futures_util::future::join_all;
use relevo::model::SuppressionReason::{self, BadAddress, Complaint, Manual, OptedOut};
use relevo::model::{
    BrandId, Channel, ConsentAction, ConsentEvidence, FoldedLedger, LiftRefusal, LiftedSuppression,
    Recipient, Suppression, TopicScope,
};
use relevo::store::{
    LiftResult, MAX_TOPICS_OF_LEDGER, NewConsentEntry, PreferencesChange, RecordConsentResult,
    SetPreferencesResult, Stores, SuppressResult,
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

async fn recipient(stores: &Stores, brand: &BrandId) -> Recipient {
    stores.consents.recipient(brand, &contact_id("ana")).await.unwrap().unwrap()
}

pub async fn each_reason_stands_until_it_is_lifted(stores: &Stores) {
    let number = phone("+34600123456");
    let sms = (Channel::Sms, &number);
    create(stores, &acme(), "ana", std::slice::from_ref(&number)).await;
    let suppress = async |new: Suppression| stores.consents.suppress(&acme(), new).await.unwrap();
    let court = suppression(sms, Manual, "key-1", 1);
    suppress(court.clone()).await;
    let dead = suppression(sms, BadAddress, "sms-eu", 2);
    let both = SuppressResult { suppression: dead.clone(), in_force: vec![dead.clone(), court.clone()] };
    assert_eq!(suppress(dead.clone()).await, both);
    // The first report of a reason stays.
    let again = suppression(sms, BadAddress, "sms-us", 9);
    let dead = Suppression { last_reported_at: at(9), ..dead };
    let both = SuppressResult { suppression: dead.clone(), in_force: vec![dead.clone(), court.clone()] };
    assert_eq!(suppress(again.clone()).await, both);
    assert_eq!(suppress(again).await, both, "told again, it changes nothing");
    let order = suppress(suppression(sms, Manual, "key-2", 10)).await;
    assert_eq!((order.suppression, &order.in_force), (court.clone(), &both.in_force));
    assert_eq!(recipient(stores, &acme()).await.suppressions, both.in_force);

    let lift_by = async |brand: &BrandId, channel, reasons: &[SuppressionReason]| {
        stores.consents.lift_suppressions(brand, channel, &number, reasons, lift(20)).await.unwrap()
    };
    let absent = |reasons: &[SuppressionReason]| LiftResult::Refused(LiftRefusal::NotInForce(reasons.into()));
    // The same number on WhatsApp is another matter, and so is another brand.
    assert_eq!(lift_by(&acme(), Channel::Whatsapp, &[Manual]).await, absent(&[Manual]));
    assert_eq!(lift_by(&brand("other"), Channel::Sms, &[Manual]).await, absent(&[Manual]));
    assert_eq!(lift_by(&acme(), Channel::Sms, &[BadAddress, Complaint]).await, absent(&[Complaint]));
    assert_eq!(recipient(stores, &acme()).await.suppressions, both.in_force, "nothing is half done");
    let lifted = vec![LiftedSuppression { suppression: dead, lift: lift(20) }];
    let remaining = vec![court];
    assert_eq!(
        lift_by(&acme(), Channel::Sms, &[BadAddress]).await,
        LiftResult::Lifted { lifted: lifted.clone(), remaining: remaining.clone() }
    );
    let ana = recipient(stores, &acme()).await;
    assert_eq!((ana.suppressions, ana.lifted_suppressions), (remaining, lifted.clone()));
    assert_eq!(lift_by(&acme(), Channel::Sms, &[BadAddress]).await, absent(&[BadAddress]));
    lift_by(&acme(), Channel::Sms, &[Manual]).await;
    let ana = recipient(stores, &acme()).await;
    assert_eq!((ana.suppressions.len(), ana.lifted_suppressions.len()), (0, 2));

    // It may come again, and the proof of its end stays until the next one.
    suppress(suppression(sms, BadAddress, "sms-us", 30)).await;
    let ana = recipient(stores, &acme()).await;
    assert_eq!((ana.suppressions.len(), &ana.lifted_suppressions[0]), (1, &lifted[0]));
    assert_eq!(ana.suppressions[0].created_at, at(30));
}

pub async fn an_opt_out_and_a_complaint_end_by_the_persons_word(stores: &Stores) {
    let mail = email("ana@example.com");
    let way = (Channel::Email, &mail);
    create(stores, &acme(), "ana", std::slice::from_ref(&mail)).await;
    for new in [
        suppression(way, OptedOut, "mail-eu", 1),
        suppression(way, Complaint, "mail-eu", 2),
        suppression(way, Complaint, "mail-us", 8),
        suppression(way, Manual, "key-1", 3),
    ] {
        stores.consents.suppress(&acme(), new).await.unwrap();
    }
    let before = recipient(stores, &acme()).await;
    let lift_by = async |reasons: &[SuppressionReason], second| {
        let (consents, channel) = (&stores.consents, Channel::Email);
        consents.lift_suppressions(&acme(), channel, &mail, reasons, lift(second)).await.unwrap()
    };
    assert_eq!(lift_by(&[Manual, OptedOut], 20).await, LiftResult::Refused(LiftRefusal::OptOut));
    let older = LiftResult::Refused(LiftRefusal::OlderThanComplaint { complained_at: at(8) });
    assert_eq!(lift_by(&[Manual, Complaint], 5).await, older, "they complained once more since");
    assert_eq!(lift_by(&[Complaint], 8).await, older);
    assert_eq!(recipient(stores, &acme()).await, before);
    let LiftResult::Lifted { lifted, remaining } = lift_by(&[Manual, Complaint], 9).await else { panic!() };
    let reasons = lifted.iter().map(|lifted| lifted.suppression.reason);
    assert_eq!(reasons.collect::<Vec<_>>(), [Complaint, Manual]);
    assert_eq!(remaining.iter().map(|stands| stands.reason).collect::<Vec<_>>(), [OptedOut]);
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
    for (address, reason) in [(&other, Manual), (&given, BadAddress)] {
        let new = suppression((Channel::Email, address), reason, "key", 1);
        stores.consents.suppress(&acme(), new).await.unwrap();
    }
    let told = |reason| suppression((Channel::Email, &given), reason, "key", 1);
    assert_eq!(recipient(stores, &acme()).await.suppressions, [told(BadAddress), told(Manual)]);
    let (consents, reasons) = (&stores.consents, [Manual, BadAddress]);
    for (address, reasons) in [(&given, &reasons[..1]), (&other, &reasons[1..])] {
        let lifted = consents.lift_suppressions(&acme(), Channel::Email, address, reasons, lift(2)).await;
        assert!(matches!(lifted.unwrap(), LiftResult::Lifted { .. }));
    }
    let ana = recipient(stores, &acme()).await;
    assert_eq!(ana.suppressions, []);
    let spelled = ana.lifted_suppressions.iter().map(|lifted| &lifted.suppression.address);
    assert_eq!(spelled.collect::<Vec<_>>(), [&given, &given]);
}
