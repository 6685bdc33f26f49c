//! What providers tell of contacts.

use relevo::model::{
    Address, Channel, ConsentAction, ConsentEvidence, Contact, ContactAddress, ContactEvent,
    ContactEventDetail, Message, MessageEventDetail, Objection, Outcome, ProviderName, ReceiptStatus,
    ServiceWindow, SuppressionLift, SuppressionReason, TopicScope, Way,
};
use relevo::store::{
    AddressObjection, AddressResult, EventResult, InboundEffect, InboundEvent, JournalEventKind,
    NewConsentEntry, Stores, UpsertResult,
};

use super::sample::*;

fn number() -> Address {
    phone("+34600123456")
}

fn wrote(id: &str, text: &str, effects: Vec<InboundEffect>) -> InboundEvent {
    let detail = ContactEventDetail::Wrote { text: text.to_owned(), to: None, answers: None, keyword: None };
    let event = ContactEvent {
        at: at(5),
        channel: Channel::Whatsapp,
        provider: provider(),
        address: number(),
        detail,
    };
    InboundEvent { id: id.to_owned(), event, aliases: Vec::new(), reply_to: None, effects }
}

fn evidence() -> ConsentEvidence {
    ConsentEvidence::reported(&provider(), "STOP".to_owned(), at(5))
}

fn opted_out() -> InboundEffect {
    let (channel, address, objection) = (Channel::Whatsapp, number(), Objection::OptedOut);
    InboundEffect::RecordObjection(AddressObjection { channel, address, objection, evidence: evidence() })
}

async fn record_event(stores: &Stores, event: InboundEvent) -> EventResult {
    stores.inbound.record_event(&acme(), event, at(6)).await.unwrap()
}

async fn texts(stores: &Stores, id: &str) -> Vec<String> {
    let of = contact_id(id);
    let (brand, contacts) = (acme(), &stores.contacts);
    let read = |page| contacts.contact_events(&brand, &of, page);
    let text = |event: ContactEvent| match event.detail {
        ContactEventDetail::Wrote { text, .. } => text,
        other => format!("{other:?}"),
    };
    all_pages(2, read).await.into_iter().map(text).collect()
}

pub async fn what_is_heard_is_kept_once_with_its_contact(stores: &Stores) {
    create(stores, &acme(), "ana", &[number()]).await;
    create(stores, &brand("other"), "ana", &[number()]).await;
    let kept = EventResult::Kept(contact_id("ana"));
    for (id, text) in [("1", "one"), ("2", "two"), ("3", "three")] {
        assert_eq!(record_event(stores, wrote(id, text, vec![])).await, kept);
    }
    assert_eq!(record_event(stores, wrote("2", "another", vec![opted_out()])).await, EventResult::Duplicate);
    assert_eq!(texts(stores, "ana").await, ["three", "two", "one"]);
    let recipient = stores.consents.recipient(&acme(), &contact_id("ana")).await.unwrap().unwrap();
    assert!(recipient.suppressions.is_empty(), "what is known changes nothing");

    let message = accept(stores, message(7)).await.id;
    let events = all_events(stores, &acme()).await;
    assert!(events.iter().all(|event| event.contact == contact_id("ana")));
    let is_of_contact: Vec<_> =
        events.iter().map(|event| matches!(event.kind, JournalEventKind::Contact(_))).collect();
    assert_eq!(is_of_contact, [true, true, true, false]);
    assert!(matches!(events[3].kind, JournalEventKind::Message(id, _) if id == message));
    assert_eq!(all_events(stores, &brand("other")).await, []);
    assert_eq!(stores.messages.events(&acme(), &events[1].cursor, 1).await.unwrap().events, events[2..3]);
}

pub async fn what_a_stranger_says_counts_and_is_no_event(stores: &Stores) {
    assert_eq!(
        record_event(stores, wrote("1", "STOP", vec![opted_out(), InboundEffect::OpenServiceWindow])).await,
        EventResult::UnknownContact
    );
    assert_eq!(record_event(stores, wrote("1", "STOP", vec![opted_out()])).await, EventResult::Duplicate);
    assert_eq!(all_events(stores, &acme()).await, []);
    create(stores, &acme(), "ana", &[number()]).await;
    let recipient = stores.consents.recipient(&acme(), &contact_id("ana")).await.unwrap().unwrap();
    assert_eq!(recipient.suppressions.len(), 1, "whoever gets the number later is not written to");
}

pub async fn an_objection_is_put_on_record_once(stores: &Stores) {
    create(stores, &acme(), "ana", &[number()]).await;
    let recipient = async || stores.consents.recipient(&acme(), &contact_id("ana")).await.unwrap().unwrap();
    for id in ["1", "2"] {
        record_event(stores, wrote(id, "STOP", vec![opted_out()])).await;
    }
    let known = recipient().await;
    let entries = ledger(stores, &acme(), "ana").await;
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!(
        (entry.action, entry.channel, &entry.scope),
        (ConsentAction::Revoke, Channel::Whatsapp, &TopicScope::All)
    );
    assert_eq!((&entry.evidence, entry.recorded_by.as_str()), (&evidence(), "mail-eu"));
    let [suppression] = known.suppressions.as_slice() else { panic!("{known:?}") };
    assert_eq!((suppression.reason, suppression.channel), (SuppressionReason::OptedOut, Channel::Whatsapp));

    // What was granted after it is withdrawn by the next one.
    let scope = TopicScope::Topic("offers".parse().unwrap());
    let later = ConsentEvidence { time: at(20), ..evidence() };
    let grant = NewConsentEntry {
        action: ConsentAction::Grant,
        channel: Channel::Whatsapp,
        scope,
        evidence: later,
        recorded_by: "key-1".to_owned(),
    };
    record_consent(stores, "ana", grant, 20).await;
    let again = ConsentEvidence { time: at(30), ..evidence() };
    let (channel, address, objection) = (Channel::Whatsapp, number(), Objection::CommercialOptedOut);
    let objected = AddressObjection { channel, address, objection, evidence: again };
    stores.consents.record_objection(&acme(), objected, at(30)).await.unwrap();
    assert_eq!(ledger(stores, &acme(), "ana").await.len(), 3);
    // A bad address is no will of the person's.
    let address = email("ana@example.com");
    let objected = AddressObjection {
        channel: Channel::Email,
        address,
        objection: Objection::BadAddress,
        evidence: evidence(),
    };
    stores.consents.record_objection(&acme(), objected, at(31)).await.unwrap();
    assert_eq!(ledger(stores, &acme(), "ana").await.len(), 3);
}

/// Another provider of the same channel.
fn elsewhere() -> ProviderName {
    "mail-us".parse().unwrap()
}

/// A stop that this provider told.
fn stopped(id: &str, provider: ProviderName) -> InboundEvent {
    let evidence = ConsentEvidence::reported(&provider, "STOP".to_owned(), at(5));
    let (channel, address, objection) = (Channel::Whatsapp, number(), Objection::OptedOut);
    let effect = InboundEffect::RecordObjection(AddressObjection { channel, address, objection, evidence });
    let mut event = wrote(id, "STOP", vec![effect]);
    event.event.provider = provider;
    event
}

fn lift_opt_outs(told_by: Option<ProviderName>) -> InboundEffect {
    let evidence = ConsentEvidence { wording: "START".to_owned(), ..evidence() };
    InboundEffect::LiftOptOuts { told_by, evidence }
}

/// What stands against Ana's number, and who told it.
async fn standing(stores: &Stores) -> Vec<(&'static str, String)> {
    let recipient = stores.consents.recipient(&acme(), &contact_id("ana")).await.unwrap().unwrap();
    let all = recipient.suppressions.into_iter();
    all.map(|suppression| (suppression.reason.as_str(), suppression.recorded_by)).collect()
}

pub async fn a_start_ends_what_the_person_said_and_no_other_reason(stores: &Stores) {
    create(stores, &acme(), "ana", &[number()]).await;
    record_event(stores, stopped("1", provider())).await;
    record_event(stores, stopped("2", elsewhere())).await;
    let way = (Channel::Whatsapp, &number());
    for reason in [SuppressionReason::Manual, SuppressionReason::BadAddress, SuppressionReason::Complaint] {
        stores.consents.suppress(&acme(), suppression(way, reason, "key", 6)).await.unwrap();
    }
    assert_eq!(standing(stores).await.len(), 5);
    record_event(stores, wrote("3", "START", vec![lift_opt_outs(None)])).await;
    let left = [("bad_address", "key"), ("complaint", "key"), ("manual", "key")];
    assert_eq!(standing(stores).await, left.map(|(reason, by)| (reason, by.to_owned())));
    let recipient = stores.consents.recipient(&acme(), &contact_id("ana")).await.unwrap().unwrap();
    let proof = recipient.lifted_suppressions.iter().map(|lifted| {
        let SuppressionLift { at, recorded_by, evidence } = &lifted.lift;
        (lifted.suppression.recorded_by.as_str(), *at, recorded_by.as_str(), evidence.wording.as_str())
    });
    let told = |by| (by, at(6), "mail-eu", "START");
    assert_eq!(proof.collect::<Vec<_>>(), [told("mail-eu"), told("mail-us")]);
}

pub async fn a_start_that_comes_late_ends_no_newer_stop(stores: &Stores) {
    create(stores, &acme(), "ana", &[number()]).await;
    record_event(stores, stopped("1", provider())).await;
    let said_at = |second| {
        let evidence = ConsentEvidence { time: at(second), ..evidence() };
        InboundEffect::LiftOptOuts { told_by: None, evidence }
    };
    record_event(stores, wrote("2", "START", vec![said_at(4)])).await;
    assert_eq!(
        standing(stores).await,
        [("opted_out", "mail-eu".to_owned())],
        "it was written before the stop"
    );
    record_event(stores, wrote("3", "START", vec![said_at(6)])).await;
    assert_eq!(standing(stores).await, []);
}

pub async fn an_opt_out_at_a_provider_ends_there(stores: &Stores) {
    create(stores, &acme(), "ana", &[number()]).await;
    record_event(stores, stopped("1", provider())).await;
    record_event(stores, wrote("2", "", vec![lift_opt_outs(Some(elsewhere()))])).await;
    let first = ("opted_out", "mail-eu".to_owned());
    assert_eq!(standing(stores).await, std::slice::from_ref(&first), "another provider cannot know");
    record_event(stores, stopped("3", elsewhere())).await;
    record_event(stores, stopped("4", elsewhere())).await;
    assert_eq!(standing(stores).await, [first, ("opted_out", "mail-us".to_owned())]);
    record_event(stores, wrote("5", "", vec![lift_opt_outs(Some(provider()))])).await;
    assert_eq!(standing(stores).await, [("opted_out", "mail-us".to_owned())]);
    record_event(stores, wrote("6", "", vec![lift_opt_outs(Some(elsewhere()))])).await;
    assert_eq!(standing(stores).await, []);
}

pub async fn a_window_lasts_as_long_as_the_address(stores: &Stores) {
    let created = create(stores, &acme(), "ana", &[number()]).await;
    record_event(stores, wrote("1", "hello", vec![InboundEffect::OpenServiceWindow])).await;
    let mut early = wrote("2", "earlier", vec![InboundEffect::OpenServiceWindow]);
    early.event.at = at(3);
    record_event(stores, early).await;
    let mut ahead = wrote("3", "from a fast clock", vec![InboundEffect::OpenServiceWindow]);
    ahead.event.provider = "mail-us".parse().unwrap();
    ahead.event.at = at(900);
    record_event(stores, ahead).await;
    let contact = stores.contacts.contact(&acme(), &contact_id("ana")).await.unwrap().unwrap();
    assert_eq!(contact.version(), created.version(), "an etag of before still fits");
    let windows = &contact.addresses[0].whatsapp_windows;
    assert_eq!(
        windows.iter().map(|(name, at)| (name.as_str(), *at)).collect::<Vec<_>>(),
        [("mail-eu", at(5)), ("mail-us", at(6)),]
    );
    let day = 24 * 3_600;
    let open = |seconds| contact.addresses[0].service_window_at(at(seconds));
    let at_us = ServiceWindow::Only(vec!["mail-us".parse().unwrap()]);
    assert_eq!(open(day + 5), at_us, "a window is open for a day");
    assert_eq!(open(day + 6), ServiceWindow::Only(vec![]));

    let changed = async |addresses: &[Address]| {
        stores.contacts.upsert_contact(&acme(), change("ana", addresses), at(7)).await
    };
    let UpsertResult::Changed(kept) = changed(&[email("ana@example.com"), number()]).await.unwrap() else {
        panic!()
    };
    assert_eq!(kept.addresses[1].whatsapp_windows, *windows);
    changed(&[]).await.unwrap();
    let UpsertResult::Changed(anew) = changed(&[number()]).await.unwrap() else { panic!() };
    assert_eq!(anew.addresses, [ContactAddress::new(number())]);
}

pub async fn a_moved_address_is_in_the_place_of_the_old_one(stores: &Stores) {
    create(stores, &acme(), "ana", &[email("ana@example.com"), number()]).await;
    create(stores, &acme(), "ben", &[phone("+34600999999")]).await;
    let moved = |id: &str, to: &str| wrote(id, "", vec![InboundEffect::MoveAddress(phone(to))]);
    record_event(stores, moved("1", "+34600999999")).await;
    let addresses = async || {
        let contact = stores.contacts.contact(&acme(), &contact_id("ana")).await.unwrap().unwrap();
        contact.addresses.into_iter().map(|address| address.address).collect::<Vec<_>>()
    };
    assert_eq!(addresses().await, [email("ana@example.com"), number()], "it is somebody else's");
    record_event(stores, moved("2", "+34600777777")).await;
    assert_eq!(addresses().await, [email("ana@example.com"), phone("+34600777777")]);
    assert_eq!(stores.contacts.find_by_address(&acme(), &number()).await.unwrap(), None);
    let found = stores.contacts.find_by_address(&acme(), &phone("+34600777777")).await.unwrap();
    assert_eq!(found, Some(contact_id("ana")));
}

pub async fn what_a_person_said_goes_with_them_to_their_new_number(stores: &Stores) {
    create(stores, &acme(), "ana", &[number()]).await;
    record_event(stores, stopped("1", provider())).await;
    let sms = (Channel::Sms, &number());
    for reason in [SuppressionReason::Complaint, SuppressionReason::BadAddress, SuppressionReason::Manual] {
        stores.consents.suppress(&acme(), suppression(sms, reason, "key", 6)).await.unwrap();
    }
    record_event(stores, wrote("2", "", vec![InboundEffect::MoveAddress(phone("+34600777777"))])).await;
    let said = [("complaint", "key".to_owned()), ("opted_out", "mail-eu".to_owned())];
    let number_of_ana = async || {
        let ana = stores.contacts.contact(&acme(), &contact_id("ana")).await.unwrap().unwrap();
        ana.addresses[0].address.clone()
    };
    assert_eq!(number_of_ana().await, phone("+34600777777"));
    assert_eq!(standing(stores).await, said);
    // Also to one by which they are known already.
    let mut known = from("3", phone("+34600777777"), &[phone("+34600888888")], None);
    known.effects.clear();
    record_event(stores, known).await;
    let mut moved = wrote("4", "", vec![InboundEffect::MoveAddress(phone("+34600888888"))]);
    moved.event.address = phone("+34600777777");
    record_event(stores, moved).await;
    assert_eq!(number_of_ana().await, phone("+34600888888"));
    assert_eq!(standing(stores).await, said);
}

/// An event of the person whose answer, or whose other addresses, the provider names.
fn from(id: &str, address: Address, aliases: &[Address], reply_to: Option<&str>) -> InboundEvent {
    let mut event = wrote(id, "stop", vec![opted_out()]);
    event.event.address = address;
    InboundEvent { aliases: aliases.to_vec(), reply_to: reply_to.map(str::to_owned), ..event }
}

/// A message to the number of a contact, which the provider took as `ref-1`, from somebody whom it knows as `recipient`.
async fn send_to(stores: &Stores, contact: &Contact, recipient: Option<Address>) {
    let incarnation = contact.incarnation;
    let accepted = accept(stores, Message { incarnation, contact: contact.id.clone(), ..message(0) }).await;
    let stored = get(stores, accepted.id).await;
    let MessageEventDetail::AttemptStarted { attempt, way } = started(1) else { unreachable!() };
    let way = Way { channel: Channel::Whatsapp, address: number(), ..way };
    let outcome = Outcome::Sent { reference: "ref-1".to_owned(), recipient };
    let details = [
        (1, MessageEventDetail::AttemptStarted { attempt, way }),
        (1, MessageEventDetail::AttemptFinished { attempt, outcome }),
    ];
    append(stores, &stored, details.into(), None).await;
}

pub async fn an_event_is_of_whoever_got_the_message_that_it_answers(stores: &Stores) {
    let kept = |id| EventResult::Kept(contact_id(id));
    let ana = create(stores, &acme(), "ana", &[number()]).await;
    send_to(stores, &ana, None).await;
    let (strange, stranger) = (phone("+34700111222"), phone("+34700333444"));
    let answer = from("1", strange.clone(), &[], Some("ref-1"));
    assert_eq!(stores.inbound.contact_of_event(&acme(), &answer).await.unwrap(), Some(contact_id("ana")));
    assert_eq!(record_event(stores, answer).await, kept("ana"));
    // And from then on without an answer.
    assert_eq!(record_event(stores, from("2", strange.clone(), &[], None)).await, kept("ana"));
    assert_eq!(
        record_event(stores, from("3", stranger.clone(), &[], None)).await,
        EventResult::UnknownContact
    );
    let unknown = from("4", stranger, &[], Some("ref-2"));
    assert_eq!(record_event(stores, unknown).await, EventResult::UnknownContact);
    let ana = stores.contacts.contact(&acme(), &contact_id("ana")).await.unwrap().unwrap();
    assert_eq!((&ana.addresses[0].address, &ana.addresses[0].aliases), (&number(), &vec![strange.clone()]));
    assert_eq!(ana.changes, 1, "nothing changed that others may change");
    assert_eq!(standing(stores).await.len(), 2, "both spellings are suppressed");
    // Another brand's message leads to nobody of this one.
    create(stores, &brand("other"), "bea", &[phone("+34600555666")]).await;
    let other = from("5", phone("+34700999888"), &[], Some("ref-1"));
    let result = stores.inbound.record_event(&brand("other"), other, at(6)).await.unwrap();
    assert_eq!(result, EventResult::UnknownContact);
    // Somebody else who gets the id is somebody else.
    stores.contacts.delete_contact(&acme(), &contact_id("ana")).await.unwrap();
    create(stores, &acme(), "ana", &[number()]).await;
    let late = from("6", phone("+34700777666"), &[], Some("ref-1"));
    assert_eq!(record_event(stores, late).await, EventResult::UnknownContact);
}

pub async fn what_a_provider_calls_an_address_is_kept_with_it(stores: &Stores) {
    let user = |id: &str| Address::whatsapp_user(&"shop".parse().unwrap(), id).unwrap();
    let kept = |id| EventResult::Kept(contact_id(id));
    let ana = create(stores, &acme(), "ana", &[number()]).await;
    create(stores, &acme(), "bea", &[phone("+34600555666"), user("ES.9")]).await;
    // The answer to a call names the recipient.
    send_to(stores, &ana, Some(phone("+34700111222"))).await;
    assert_eq!(record_event(stores, from("1", phone("+34700111222"), &[], None)).await, kept("ana"));
    // So does a receipt, and what people write.
    let mut receipt = report("ref-1", ReceiptStatus::Delivered);
    receipt.addresses = vec![user("ES.1")];
    assert!(stores.inbound.record_receipt(receipt, at(3)).await.unwrap().result.is_known());
    assert_eq!(record_event(stores, from("2", user("ES.1"), &[], None)).await, kept("ana"));
    assert_eq!(record_event(stores, from("3", number(), &[user("ES.2")], None)).await, kept("ana"));
    assert_eq!(record_event(stores, from("4", user("ES.2"), &[], None)).await, kept("ana"));
    let aliases = async || {
        let ana = stores.contacts.contact(&acme(), &contact_id("ana")).await.unwrap().unwrap();
        ana.addresses[0].aliases.clone()
    };
    assert_eq!(aliases().await, [phone("+34700111222"), user("ES.1"), user("ES.2")]);
    // What another contact has stays theirs, and the oldest makes room.
    assert_eq!(record_event(stores, from("5", number(), &[user("ES.9")], None)).await, kept("ana"));
    assert_eq!(record_event(stores, from("6", user("ES.9"), &[], None)).await, kept("bea"));
    record_event(stores, from("7", number(), &[user("ES.3")], None)).await;
    record_event(stores, from("8", number(), &[user("ES.4")], None)).await;
    assert_eq!(aliases().await, ["ES.1", "ES.2", "ES.3", "ES.4"].map(user));
    let forgotten = from("9", phone("+34700111222"), &[], None);
    assert_eq!(record_event(stores, forgotten).await, EventResult::UnknownContact);
    // One can become an address by itself.
    let own = ContactAddress::new(user("ES.4"));
    let added = stores.contacts.add_address(&acme(), &contact_id("ana"), own, at(7)).await.unwrap();
    let AddressResult::Changed(added) = added else { panic!("{added:?}") };
    assert_eq!((added.addresses[1].address.clone(), added.addresses[0].aliases.len()), (user("ES.4"), 3));
    // They are taken from nobody, taken away by themselves, and go with the contact's address.
    let taken = stores.contacts.upsert_contact(&acme(), change("eva", &[user("ES.1")]), at(7)).await.unwrap();
    assert_eq!(taken, UpsertResult::AddressTaken { index: 0, owner: contact_id("ana") });
    let ana = contact_id("ana");
    stores.contacts.remove_address(&acme(), &ana, &user("ES.1"), at(8)).await.unwrap();
    assert_eq!(aliases().await, ["ES.2", "ES.3"].map(user));
    stores.contacts.upsert_contact(&acme(), change("ana", &[phone("+34600000001")]), at(9)).await.unwrap();
    assert_eq!(record_event(stores, from("10", user("ES.2"), &[], None)).await, EventResult::UnknownContact);
}

pub async fn a_new_user_id_takes_the_place_of_the_old_one(stores: &Stores) {
    let user = |id: &str| Address::whatsapp_user(&"shop".parse().unwrap(), id).unwrap();
    create(stores, &acme(), "ana", &[number()]).await;
    create(stores, &acme(), "bea", &[user("ES.5")]).await;
    record_event(stores, from("1", number(), &[user("ES.1")], None)).await;
    let moved = |id: &str, address: Address, to: Address| {
        let mut event = wrote(id, "", vec![InboundEffect::MoveAddress(to)]);
        event.event.address = address;
        event
    };
    record_event(stores, moved("2", user("ES.1"), user("ES.2"))).await;
    record_event(stores, moved("3", user("ES.5"), user("ES.6"))).await;
    let addresses = async |id: &str| {
        let contact = stores.contacts.contact(&acme(), &contact_id(id)).await.unwrap().unwrap();
        contact.addresses.into_iter().map(|entry| (entry.address, entry.aliases)).collect::<Vec<_>>()
    };
    assert_eq!(addresses("ana").await, [(number(), vec![user("ES.2")])]);
    assert_eq!(addresses("bea").await, [(user("ES.6"), vec![])]);
}

pub async fn a_text_finds_the_message_that_it_answers(stores: &Stores) {
    create(stores, &acme(), "ana", &[number()]).await;
    let sent = accept_and_send(stores, message(0), 1, "ref-1").await.message.id;
    let found = stores.inbound.find_by_reference(&provider(), "ref-1").await.unwrap().unwrap();
    assert_eq!((found.brand, found.message), (acme(), sent));
    assert_eq!(stores.inbound.find_by_reference(&provider(), "ref-2").await.unwrap(), None);
    record_event(stores, InboundEvent { reply_to: Some("ref-1".to_owned()), ..wrote("1", "thanks", vec![]) })
        .await;
    record_event(stores, InboundEvent { reply_to: Some("ref-2".to_owned()), ..wrote("2", "what?", vec![]) })
        .await;
    let page = stores.contacts.contact_events(&acme(), &contact_id("ana"), first_page(9)).await.unwrap();
    let answers = page.items.iter().map(|event| match &event.detail {
        ContactEventDetail::Wrote { answers, .. } => *answers,
        other => panic!("{other:?}"),
    });
    assert_eq!(answers.collect::<Vec<_>>(), [None, Some(sent)]);
}

pub async fn what_was_heard_is_forgotten_in_time_and_with_its_contact(stores: &Stores) {
    create(stores, &acme(), "ana", &[number()]).await;
    record_event(stores, wrote("1", "one", vec![])).await;
    record_event(stores, wrote("2", "two", vec![])).await;
    let cursors: Vec<_> = all_events(stores, &acme()).await.into_iter().map(|event| event.cursor).collect();
    let message = accept(stores, message(9)).await.id;
    assert_eq!(stores.work.purge(at(6), 1).await.unwrap(), 0);
    assert_eq!(stores.work.purge(at(7), 1).await.unwrap(), 1);
    assert_eq!(texts(stores, "ana").await, ["two"]);
    assert_eq!(forgotten_after(stores, &cursors[0]).await, None, "what was read before is not missed");
    assert_eq!(record_event(stores, wrote("2", "two", vec![])).await, EventResult::Duplicate);
    stores.contacts.delete_contact(&acme(), &contact_id("ana")).await.unwrap();
    create(stores, &acme(), "ana", &[number()]).await;
    assert_eq!(texts(stores, "ana").await, Vec::<String>::new());
    assert_eq!(all_events(stores, &acme()).await.len(), 1, "of the message {message}");
    assert_eq!(forgotten_after(stores, &cursors[0]).await, None, "the brand itself deleted the contact");
    assert_eq!(stores.work.purge(at(7), 10).await.unwrap(), 1);
    assert_eq!(forgotten_after(stores, &cursors[0]).await.as_ref(), Some(&cursors[1]));
    assert_eq!(forgotten_after(stores, &cursors[1]).await, None);
    assert_eq!(record_event(stores, wrote("2", "two", vec![])).await, EventResult::Kept(contact_id("ana")));
}
