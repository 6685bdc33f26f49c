//! An incident: it opens and ends by itself, tells what became of messages, and outlasts the gateway.

use relevo::wire::v1::{self, Channel, IncidentCause, IncidentEnd, MessageState, incident_update::Detail};
use serde_json::json;
use tokio::time::timeout;

use crate::api::send;
use crate::gateway::history::ms;
use crate::gateway::process::{Gateway, GatewayDirectory, PATIENCE};
use crate::gateway::providers::{twilio, twilio_accepts, twilio_refuses};
use crate::gateway::{ana, by, order};
use crate::peers::WiremockStubs;

const HEALTH: &str = "\n[health]\nopen_ms = 500\nmax_open_ms = 500\nincident_quiet_ms = 1000\n";
const RETRY: &str = "\n[retry]\nbackoff_ms = 100\nmax_backoff_ms = 500\nrecheck_ms = 500\n";

async fn list(gateway: &Gateway, key: &str, open_only: bool) -> Vec<v1::Incident> {
    let request = v1::ListIncidentsRequest { open_only, ..Default::default() };
    gateway.incidents_by(key).list_incidents(request).await.unwrap().into_inner().incidents
}

/// Waits until the only incident that goes on is like this, and returns it.
async fn wait_for_open(
    gateway: &Gateway,
    key: &str,
    is_wanted: impl Fn(&v1::Incident) -> bool,
) -> v1::Incident {
    let mut last = Vec::new();
    let found = async {
        loop {
            last = list(gateway, key, true).await;
            if let [incident] = &last[..]
                && is_wanted(incident)
            {
                return incident.clone();
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let found = timeout(PATIENCE, found).await.ok();
    found.unwrap_or_else(|| panic!("no such incident goes on: {last:#?}"))
}

fn impact<'a>(incident: &'a v1::Incident, brand: &str) -> &'a v1::IncidentImpact {
    incident.impacts.iter().find(|impact| impact.brand == brand).unwrap_or_else(|| panic!("{incident:#?}"))
}

/// Sends a message of `globex` and waits until it is sent.
async fn send_of_globex(gateway: &Gateway, key: &str) {
    let id = gateway.messages_by(key).send(send(by(&[Channel::Sms], order()))).await.unwrap().into_inner();
    let sent = async {
        loop {
            let request = v1::GetMessageRequest { message_id: id.message_id.clone(), ..Default::default() };
            let answer = gateway.messages_by(key).get_message(request).await.unwrap().into_inner();
            if answer.message.unwrap().state() == MessageState::Sent {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, sent).await.expect("it should be sent");
}

#[tokio::test]
async fn an_incident_tells_each_brand_what_became_of_its_messages_and_outlasts_the_gateway() {
    let (first, second) = (WiremockStubs::new("incident-first"), WiremockStubs::new("incident-second"));
    first.answer(json!({}), twilio_refuses(503, 20503)).await;
    second.answer(json!({}), twilio_accepts()).await;
    let providers = twilio("first", first.url(), "tier = 1")
        + &twilio("second", second.url(), "tier = 2\nbrands = ['acme']");
    let directory = GatewayDirectory::new(&[HEALTH, RETRY, &providers].concat()).await;
    directory.change_config("[brands.acme]", "[brands.acme]\n\n[brands.globex]");
    let globex = directory.create_key(&["--brand", "globex"]).await;
    let gateway = directory.start().await;
    let (root, acme) = (directory.gateway_key.clone(), directory.brand_key.clone());
    gateway.upsert_contact(ana()).await;
    let request = v1::UpsertContactRequest { contact: Some(ana()), update_mask: None };
    gateway.contacts_by(&globex).upsert_contact(request).await.unwrap();

    // Five failures in a row open the breaker. The message of the fifth is rescued, and so are all after it.
    for _ in 0..12 {
        let message = gateway.send_until_ended(by(&[Channel::Sms], order())).await;
        assert_eq!(message.state(), MessageState::Sent);
    }
    // Nobody else carries those of the other brand: one waits, and one has no time for that.
    let soon = relevo::clock::Clock::system().unwrap().now().as_second() + 2;
    let expire_time = Some(prost_types::Timestamp { seconds: soon, nanos: 0 });
    for expire_time in [None, expire_time] {
        let spec = v1::MessageSpec { expire_time, ..by(&[Channel::Sms], order()) };
        gateway.messages_by(&globex).send(send(spec)).await.unwrap();
    }
    let seen = wait_for_open(&gateway, &root, |incident| {
        let of_globex = incident.impacts.iter().find(|impact| impact.brand == "globex");
        of_globex.is_some_and(|impact| (impact.expired, impact.waiting) == (1, 1))
    })
    .await;
    assert_eq!((seen.provider.as_str(), seen.cause()), ("first", IncidentCause::BreakerOpened));
    assert_eq!(seen.cell, None);
    let of_acme = impact(&seen, "acme");
    assert_eq!(of_acme.rescued, [("second".to_owned(), 8)].into());
    assert_eq!((of_acme.doubled, of_acme.expired, of_acme.waiting), (0, 0, 0));
    assert!(impact(&seen, "globex").rescued.is_empty());
    let Some(Detail::Breaker(opened)) = &seen.updates[0].detail else { panic!("{seen:#?}") };
    assert_eq!(
        (opened.reason.as_str(), opened.failure.as_str()),
        ("5 failures in a row", "unavailable: 20503")
    );
    assert!(opened.failure_text.starts_with("unavailable: 20503 "), "{opened:?}");

    // Who is cancelled waits no longer.
    let cancelled = send(by(&[Channel::Sms], order()));
    let message_id = gateway.messages_by(&globex).send(cancelled).await.unwrap().into_inner().message_id;
    wait_for_open(&gateway, &root, |incident| impact(incident, "globex").waiting == 2).await;
    gateway.messages_by(&globex).cancel_message(v1::CancelMessageRequest { message_id }).await.unwrap();
    for _ in 0..10 {
        let [incident] = &list(&gateway, &root, true).await[..] else { panic!() };
        assert!(impact(incident, "globex").waiting <= 1, "{incident:#?}");
    }

    // A brand sees its own alone, and not the words of the provider.
    for (key, brand) in [(&acme, "acme"), (&globex, "globex")] {
        let [incident] = &list(&gateway, key, true).await[..] else { panic!() };
        assert_eq!(incident.impacts.iter().map(|impact| impact.brand.as_str()).collect::<Vec<_>>(), [brand]);
        let Some(Detail::Breaker(opened)) = &incident.updates[0].detail else { panic!() };
        assert_eq!((opened.failure.as_str(), opened.failure_text.as_str()), ("unavailable: 20503", ""));
    }
    let began = gateway.log.wait_for("an incident began").await;
    assert_eq!((&began["provider.name"], &began["incident.id"]), (&json!("first"), &json!(seen.incident_id)));

    // It recovers.
    first.answer(json!({}), twilio_accepts()).await;
    let recovers = async {
        while !list(&gateway, &root, true).await.is_empty() {
            send_of_globex(&gateway, &globex).await;
        }
    };
    timeout(PATIENCE, recovers).await.expect("the incident should end");
    let ended_line = gateway.log.wait_for("an incident ended").await;
    assert_eq!((&ended_line["rescued"], &ended_line["expired"]), (&json!(8), &json!(1)));
    let get = async |gateway: &Gateway, key: &str| {
        let request = v1::GetIncidentRequest { incident_id: seen.incident_id.clone() };
        gateway
            .incidents_by(key)
            .get_incident(request)
            .await
            .map(|answer| answer.into_inner().incident.unwrap())
    };
    let ended = get(&gateway, &root).await.unwrap();
    assert_eq!((ended.end(), impact(&ended, "globex").waiting), (IncidentEnd::Recovered, 0));
    assert!(ms(&ended.end_time.unwrap()) > ms(&ended.begin_time.unwrap()));
    let states = ended.updates.iter().filter_map(|update| match &update.detail {
        Some(Detail::Breaker(change)) => Some(change.state().as_str_name()),
        _ => None,
    });
    let states: Vec<_> = states.collect();
    assert!(
        states.contains(&"BREAKER_STATE_CLOSED") && states.contains(&"BREAKER_STATE_HALF_OPEN"),
        "{states:?}"
    );
    let risen = ended.updates.iter().rev().find_map(|update| match &update.detail {
        Some(Detail::Weight(change)) => Some(change.to_percent),
        _ => None,
    });
    assert!(risen >= Some(90.0), "{ended:#?}");
    assert_eq!(gateway.log.count("an incident began"), 1);
    gateway.stop().await;

    let gateway = directory.start().await;
    assert_eq!(get(&gateway, &root).await.unwrap(), ended);
    // The gateway stops in the middle of another.
    first.answer(json!({}), twilio_refuses(503, 20503)).await;
    for _ in 0..6 {
        gateway.send_until_ended(by(&[Channel::Sms], order())).await;
    }
    let another = wait_for_open(&gateway, &root, |_| true).await;
    gateway.stop().await;
    let gateway = directory.start().await;
    let all = list(&gateway, &root, false).await;
    let ids: Vec<&str> = all.iter().map(|incident| incident.incident_id.as_str()).collect();
    assert_eq!(ids, [another.incident_id.as_str(), ended.incident_id.as_str()]);
    assert_eq!(all[0].end(), IncidentEnd::GatewayStopped);
    assert!(ms(&all[0].end_time.unwrap()) >= ms(&another.begin_time.unwrap()));
    let unknown = v1::GetIncidentRequest { incident_id: "019ca8b0-1c00-7000-8000-000000000001".into() };
    let unknown = gateway.incidents_by(&acme).get_incident(unknown).await.unwrap_err();
    assert_eq!(unknown.code(), tonic::Code::NotFound);
    gateway.stop().await;
}
