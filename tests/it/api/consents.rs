//! Consents and suppressions.

use relevo::model::{Address, ConsentEvidence, Objection, Phone, later};
use relevo::store::{AddressObjection, MAX_TOPICS_OF_LEDGER};
use relevo::wire::timestamp;

use super::*;

pub(super) const EMAIL: i32 = v1::Channel::Email as i32;
pub(super) const SMS: i32 = v1::Channel::Sms as i32;

fn entry(action: v1::ConsentAction, topic: &str) -> v1::RecordConsentRequest {
    let evidence =
        v1::Evidence { source: "checkout".into(), method: "web_form".into(), ..v1::Evidence::default() };
    v1::RecordConsentRequest {
        contact_id: "ana".into(),
        action: action.into(),
        channel: EMAIL,
        topic: topic.into(),
        evidence: Some(evidence),
    }
}

fn question(class: v1::MessageClass) -> v1::CheckConsentRequest {
    let (contact_id, topic) = ("ana".into(), "offers.shoes".into());
    v1::CheckConsentRequest { contact_id, message_class: class.into(), topic, channels: vec![] }
}

pub(super) async fn started() -> (Gateway, String, ConsentServiceClient<Client>) {
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    gateway.ana(&key).await;
    let consents = gateway.consents(&key);
    (gateway, key, consents)
}

#[tokio::test]
async fn a_ledger_is_kept_with_its_evidence_and_folded() {
    let (_gateway, key, mut consents) = started().await;
    let granted = consents.record_consent(entry(v1::ConsentAction::Grant, "*")).await.unwrap().into_inner();
    let granted = granted.entry.unwrap();
    assert_eq!((granted.sequence, granted.recorded_by.as_str()), (1, key_id(&key).as_str()));
    assert_eq!(granted.evidence.as_ref().unwrap().time, granted.record_time, "now when absent");
    consents.record_consent(entry(v1::ConsentAction::Revoke, "offers")).await.unwrap();
    let request = v1::GetConsentRequest { contact_id: "ana".into(), ..Default::default() };
    let consent = consents.get_consent(request).await.unwrap().into_inner();
    let states: Vec<_> =
        consent.states.iter().map(|state| (state.topic.as_str(), state.granted, state.decided_by)).collect();
    assert_eq!(states, [("*", true, 1), ("offers", false, 2)]);
    assert_eq!(consent.ledger.len(), 2);
}

#[tokio::test]
async fn a_ledger_that_has_too_many_topics_says_what_to_do() {
    let (_gateway, _key, mut consents) = started().await;
    let mut record =
        async |topic: String| consents.record_consent(entry(v1::ConsentAction::Grant, &topic)).await;
    for number in 0..MAX_TOPICS_OF_LEDGER {
        record(format!("topic-{number}")).await.unwrap();
    }
    let refused = record("one-more".to_owned()).await;
    let text = error_text(refused, &[]);
    assert!(text.contains("TOO_MANY_TOPICS"), "{text}");
    assert!(text.contains("for a topic above this one that covers it, or for all topics with *"), "{text}");
    record("*".to_owned()).await.unwrap();
}

/// The whole ledger, by pages as a client reads them that keeps the defaults of gRPC: no answer of more than 4 MiB.
async fn ledger_by_pages(consents: &mut ConsentServiceClient<Client>, page_size: i32) -> Vec<Vec<i64>> {
    let (mut pages, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::GetConsentRequest { contact_id: "ana".into(), page_size, page_token };
        let page = consents.get_consent(request).await.unwrap().into_inner();
        assert_eq!(page.states.is_empty(), !pages.is_empty(), "what is in force is on the first page");
        pages.push(page.ledger.iter().map(|entry| entry.sequence).collect());
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return pages;
        }
    }
}

#[tokio::test]
async fn a_client_with_default_limits_reads_a_long_ledger_by_pages() {
    let (_gateway, _, mut consents) = started().await;
    let mut long = entry(v1::ConsentAction::Grant, "*");
    long.evidence.as_mut().unwrap().wording = "x".repeat(10_000);
    for _ in 0..450 {
        consents.record_consent(long.clone()).await.unwrap();
    }
    let all: Vec<i64> = (1..=450).collect();
    let by_default = ledger_by_pages(&mut consents, 0).await;
    assert_eq!((by_default.len(), by_default.concat()), (9, all.clone()));
    let large = ledger_by_pages(&mut consents, 1_000).await;
    assert_eq!((large.len(), large.concat()), (3, all));

    let allowed = async |consents: &mut ConsentServiceClient<Client>| {
        let request =
            v1::CheckConsentRequest { channels: vec![EMAIL], ..question(v1::MessageClass::Commercial) };
        consents.check_consent(request).await.unwrap().into_inner().verdicts.remove(0).decision()
    };
    assert_eq!(allowed(&mut consents).await, v1::Decision::Allow);
    consents.record_consent(entry(v1::ConsentAction::Revoke, "*")).await.unwrap();
    assert_eq!(allowed(&mut consents).await, v1::Decision::Deny);
}

#[tokio::test]
async fn a_page_token_of_a_ledger_is_good_for_its_own_contact_only() {
    let (gateway, key, mut consents) = started().await;
    for _ in 0..2 {
        consents.record_consent(entry(v1::ConsentAction::Grant, "*")).await.unwrap();
    }
    let request = v1::GetConsentRequest { contact_id: "ana".into(), page_size: 1, ..Default::default() };
    let page_token = consents.get_consent(request).await.unwrap().into_inner().next_page_token;
    let ben = v1::UpsertContactRequest {
        contact: Some(v1::Contact { contact_id: "ben".into(), ..Default::default() }),
        ..Default::default()
    };
    gateway.contacts(&key).upsert_contact(ben).await.unwrap();
    let others = v1::GetConsentRequest { contact_id: "ben".into(), page_token, ..Default::default() };
    let answer = consents.get_consent(others).await;
    assert_eq!(code_and_reason(answer), expected(Code::InvalidArgument, "INVALID_FIELDS"));
}

#[tokio::test]
async fn a_check_tells_the_verdict_of_each_channel_and_address() {
    let (_gateway, _, mut consents) = started().await;
    let mut check = async |class, channels: Vec<i32>| {
        let request = v1::CheckConsentRequest { channels, ..question(class) };
        let verdicts = consents.check_consent(request).await.unwrap().into_inner().verdicts;
        let actual = verdicts.iter().map(|verdict| (verdict.channel().as_str_name(), verdict.reason.clone()));
        actual.map(|(channel, reason)| format!("{channel} {reason}")).collect::<Vec<_>>()
    };
    let commercial = check(v1::MessageClass::Commercial, vec![]).await;
    assert_eq!(
        commercial,
        ["CHANNEL_EMAIL no_opt_in", "CHANNEL_SMS no_opt_in", "CHANNEL_WHATSAPP no_opt_in"]
    );
    assert_eq!(check(v1::MessageClass::Transactional, vec![SMS]).await, ["CHANNEL_SMS transactional"]);
}

#[tokio::test]
async fn a_topic_below_one_that_is_muted_is_muted_whatever_is_said_of_its_channels() {
    let (_gateway, _, mut consents) = started().await;
    consents.record_consent(entry(v1::ConsentAction::Grant, "*")).await.unwrap();
    let preference =
        |topic: &str, muted, channel_order| v1::TopicPreference { topic: topic.into(), muted, channel_order };
    let topics = vec![preference("offers", true, vec![]), preference("offers.shoes", false, vec![EMAIL])];
    let preferences = Some(v1::Preferences { topics, ..v1::Preferences::default() });
    let set = v1::SetPreferencesRequest { contact_id: "ana".into(), preferences, ..Default::default() };
    consents.set_preferences(set).await.unwrap();
    let answer = consents.check_consent(question(v1::MessageClass::Commercial)).await.unwrap().into_inner();
    assert_eq!(answer.verdicts[0].reason, "topic_muted");
}

#[tokio::test]
async fn a_grant_that_claims_a_later_time_does_not_outlast_a_revocation() {
    let (gateway, _, mut consents) = started().await;
    for topic in ["*", "offers"] {
        let mut ahead = entry(v1::ConsentAction::Grant, topic);
        ahead.evidence.as_mut().unwrap().time =
            Some(timestamp(later(gateway.clock.now(), Duration::from_secs(50))));
        consents.record_consent(ahead).await.unwrap();
        consents.record_consent(entry(v1::ConsentAction::Revoke, topic)).await.unwrap();
        let answer =
            consents.check_consent(question(v1::MessageClass::Commercial)).await.unwrap().into_inner();
        assert_eq!(answer.verdicts[0].reason, "opt_in_revoked", "{topic}");
    }
}

#[tokio::test]
async fn everything_wrong_with_an_entry_is_told_at_once() {
    let (gateway, _, mut consents) = started().await;
    let soon = timestamp(later(gateway.clock.now(), Duration::from_secs(30)));
    let late = timestamp(later(gateway.clock.now(), Duration::from_secs(3_600)));
    let at = |time| {
        let mut request = entry(v1::ConsentAction::Grant, "*");
        request.evidence.as_mut().unwrap().time = Some(time);
        request
    };
    consents.record_consent(at(soon)).await.expect("a caller's clock may be a little ahead");
    let refused = consents.record_consent(at(late)).await;
    let wrong = v1::RecordConsentRequest {
        contact_id: String::new(),
        topic: "a b".into(),
        evidence: Some(v1::Evidence { source: "x".repeat(256), ..v1::Evidence::default() }),
        ..v1::RecordConsentRequest::default()
    };
    let text = error_text(refused, &[]) + &error_text(consents.record_consent(wrong).await, &[]);
    insta::assert_snapshot!("invalid_entry", text);
    let unknown =
        v1::RecordConsentRequest { contact_id: "ben".into(), ..entry(v1::ConsentAction::Grant, "*") };
    assert_eq!(
        code_and_reason(consents.record_consent(unknown).await),
        expected(Code::NotFound, "CONTACT_NOT_FOUND")
    );
}

fn court_order() -> v1::SuppressAddressRequest {
    v1::SuppressAddressRequest {
        channel: SMS,
        address: Some(phone("600 123 456")),
        reason: String::new(),
        explanation: "court order".into(),
    }
}

/// Evidence of what happened so many seconds after the test began.
fn evidence(wording: &str, second: u64) -> v1::Evidence {
    let time = Some(timestamp(later(START, Duration::from_secs(second))));
    let (source, method, wording) = ("support".into(), "telephone".into(), wording.into());
    v1::Evidence { source, method, wording, time, ..v1::Evidence::default() }
}

fn lift(reasons: &[&str]) -> v1::LiftSuppressionRequest {
    v1::LiftSuppressionRequest {
        channel: SMS,
        address: Some(phone("+34600123456")),
        reasons: reasons.iter().map(ToString::to_string).collect(),
        evidence: Some(evidence("the number is Ana's again", 0)),
    }
}

fn reasons(suppressions: &[v1::Suppression]) -> Vec<&str> {
    suppressions.iter().map(|suppression| suppression.reason.as_str()).collect()
}

async fn consent_of_ana(consents: &mut ConsentServiceClient<Client>) -> v1::GetConsentResponse {
    let request = v1::GetConsentRequest { contact_id: "ana".into(), ..Default::default() };
    consents.get_consent(request).await.unwrap().into_inner()
}

/// The verdict of a transactional message to Ana by SMS.
async fn verdict_by_sms(consents: &mut ConsentServiceClient<Client>) -> v1::Verdict {
    let request =
        v1::CheckConsentRequest { channels: vec![SMS], ..question(v1::MessageClass::Transactional) };
    consents.check_consent(request).await.unwrap().into_inner().verdicts.remove(0)
}

impl Gateway {
    /// A provider tells that it is not to write to Ana's number. Returns when.
    async fn told(&self, provider: &str, objection: Objection) -> Timestamp {
        let (brand, now) = ("acme".parse().unwrap(), self.clock.now());
        let evidence = ConsentEvidence::reported(&provider.parse().unwrap(), "its words".into(), now);
        let address = Address::Phone(Phone::parse("+34600123456", None).unwrap());
        let objected = AddressObjection { channel: Channel::Sms, address, objection, evidence };
        self.stores.consents.record_objection(&brand, objected, now).await.unwrap();
        now
    }
}

#[tokio::test]
async fn an_address_is_denied_while_any_reason_stands() {
    let (gateway, key, mut consents) = started().await;
    gateway.told("sms-1", Objection::BadAddress).await;
    let answer = consents.suppress_address(court_order()).await.unwrap().into_inner();
    let court = answer.suppression.clone().unwrap();
    assert_eq!((court.reason.as_str(), court.recorded_by.as_str()), ("manual", key_id(&key).as_str()));
    assert_eq!(court.address, Some(phone("+34600123456")));
    assert_eq!(reasons(&answer.in_force), ["bad_address", "manual"]);
    assert_eq!(consents.suppress_address(court_order()).await.unwrap().into_inner(), answer, "told again");
    let denied = verdict_by_sms(&mut consents).await;
    assert_eq!(denied.decision(), v1::Decision::Deny);
    let named = ["(bad_address: its words)", "(manual: court order)"];
    assert!(named.iter().all(|name| denied.explanation.contains(name)), "{}", denied.explanation);

    let mut of_globex = gateway.consents(&gateway.globex().await);
    let missing = expected(Code::NotFound, "SUPPRESSION_NOT_FOUND");
    assert_eq!(code_and_reason(of_globex.lift_suppression(lift(&["manual"])).await), missing);
    let lifted = consents.lift_suppression(lift(&["bad_address"])).await.unwrap().into_inner();
    assert_eq!((reasons(&lifted.lifted), reasons(&lifted.remaining)), (vec!["bad_address"], vec!["manual"]));
    let how = lifted.lifted[0].lift.clone().unwrap();
    assert_eq!((how.recorded_by, how.evidence), (key_id(&key).to_string(), lift(&[]).evidence));
    assert_eq!(verdict_by_sms(&mut consents).await.decision(), v1::Decision::Deny);
    let consent = consent_of_ana(&mut consents).await;
    assert_eq!((consent.suppressions, consent.lifted_suppressions), (vec![court], lifted.lifted));
    assert_eq!(code_and_reason(consents.lift_suppression(lift(&["bad_address"])).await), missing);
    let last = consents.lift_suppression(lift(&["manual"])).await.unwrap().into_inner();
    assert_eq!(last.remaining, []);
    assert_eq!(verdict_by_sms(&mut consents).await.decision(), v1::Decision::Allow);
}

#[tokio::test]
async fn only_the_person_ends_an_opt_out() {
    let (gateway, _, mut consents) = started().await;
    gateway.told("sms-1", Objection::BadAddress).await;
    gateway.told("sms-1", Objection::OptedOut).await;
    let refused = consents.lift_suppression(lift(&["bad_address", "opted_out"])).await;
    insta::assert_snapshot!("lift_of_an_opt_out", error_text(refused, &[]));
    assert_eq!(reasons(&consent_of_ana(&mut consents).await.suppressions), ["bad_address", "opted_out"]);
    let lifted = consents.lift_suppression(lift(&["bad_address"])).await.unwrap().into_inner();
    assert_eq!(reasons(&lifted.remaining), ["opted_out"]);
    assert_eq!(verdict_by_sms(&mut consents).await.reason, "address_suppressed");
}

#[tokio::test]
async fn a_complaint_ends_by_a_new_consent() {
    let (gateway, _, mut consents) = started().await;
    let complained = gateway.told("sms-1", Objection::Complaint).await.to_string();
    consents.suppress_address(court_order()).await.unwrap();
    let renewed = |second| v1::LiftSuppressionRequest {
        evidence: Some(evidence("write to me again", second)),
        ..lift(&["manual", "complaint"])
    };
    let refused = consents.lift_suppression(renewed(0)).await;
    insta::assert_snapshot!("lift_of_a_complaint", error_text(refused, &[(&complained, "COMPLAINED")]));
    assert_eq!(reasons(&consent_of_ana(&mut consents).await.suppressions), ["complaint", "manual"]);
    let lifted = consents.lift_suppression(renewed(1)).await.unwrap().into_inner();
    assert_eq!((reasons(&lifted.lifted), lifted.remaining), (vec!["complaint", "manual"], vec![]));
    let commercial = question(v1::MessageClass::Commercial);
    let verdicts = consents.check_consent(commercial).await.unwrap().into_inner().verdicts;
    let by_sms = verdicts.iter().find(|verdict| verdict.channel == SMS).unwrap();
    assert_eq!(by_sms.reason, "opt_in_revoked", "that is recorded by itself");
}

#[tokio::test]
async fn everything_wrong_with_a_suppression_is_told_at_once() {
    let (_gateway, _, mut consents) = started().await;
    let wrong = v1::SuppressAddressRequest {
        channel: EMAIL,
        reason: "bad_address".into(),
        explanation: " ".into(),
        ..court_order()
    };
    insta::assert_snapshot!("invalid_suppression", error_text(consents.suppress_address(wrong).await, &[]));
    consents.suppress_address(court_order()).await.unwrap();
    let empty = v1::LiftSuppressionRequest { evidence: None, ..lift(&[]) };
    let unknown = v1::LiftSuppressionRequest {
        evidence: Some(v1::Evidence::default()),
        ..lift(&["manual", "court_order", "manual"])
    };
    let mut text = String::new();
    for wrong in [empty, unknown, lift(&["manual"; 5]), lift(&["complaint", "manual", "bad_address"])] {
        text += &error_text(consents.lift_suppression(wrong).await, &[]);
    }
    insta::assert_snapshot!("invalid_lift", text);
    assert_eq!(reasons(&consent_of_ana(&mut consents).await.suppressions), ["manual"], "nothing half done");
}

#[tokio::test]
async fn one_brand_never_sees_anothers_consents() {
    let (gateway, _, _) = started().await;
    let mut of_globex = gateway.consents(&gateway.globex().await);
    let missing = expected(Code::NotFound, "CONTACT_NOT_FOUND");
    let contact_id = || "ana".to_owned();
    let answer =
        of_globex.get_consent(v1::GetConsentRequest { contact_id: contact_id(), ..Default::default() }).await;
    assert_eq!(code_and_reason(answer), missing);
    let answer = of_globex.get_preferences(v1::GetPreferencesRequest { contact_id: contact_id() }).await;
    assert_eq!(code_and_reason(answer), missing);
    let preferences = Some(v1::Preferences::default());
    let set = v1::SetPreferencesRequest { contact_id: contact_id(), preferences, ..Default::default() };
    assert_eq!(code_and_reason(of_globex.set_preferences(set).await), missing);
    assert_eq!(
        code_and_reason(of_globex.record_consent(entry(v1::ConsentAction::Grant, "*")).await),
        missing
    );
    assert_eq!(
        code_and_reason(of_globex.check_consent(question(v1::MessageClass::Commercial)).await),
        missing
    );
}
