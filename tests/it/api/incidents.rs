//! Times in which providers were not well, as each key sees them.

use relevo::dispatch::record_due_incidents;
use relevo::model::{
    Address, CallScope, HealthCell, Incident, IncidentCause, IncidentEnd, IncidentId, IncidentImpact,
    Outcome, OutcomeEvidence, RenderedContent,
};
use relevo::wire::timestamp;
use v1::{CellDimension, IncidentCause as Cause};

use super::*;

/// So many seconds after the start.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(START.as_second() + seconds).unwrap()
}

/// An incident that began at `at(second)` and ended a minute later, with these impacts.
fn incident(second: i64, provider: &str, cell: Option<HealthCell>, impacts: &[&str]) -> Incident {
    let impact =
        IncidentImpact { rescued: [("bot-shared".parse().unwrap(), 3)].into(), ..Default::default() };
    Incident {
        id: IncidentId::new(at(second), 0),
        provider: provider.parse().unwrap(),
        cell,
        cause: IncidentCause::BreakerOpened,
        began_at: at(second),
        ended: Some((at(second + 60), IncidentEnd::Recovered)),
        updated_at: at(second + 60),
        updates: Vec::new(),
        forgotten_updates: 0,
        impacts: impacts.iter().map(|brand| (brand.parse().unwrap(), impact.clone())).collect(),
    }
}

async fn list(gateway: &Gateway, key: &str, request: v1::ListIncidentsRequest) -> Vec<v1::Incident> {
    gateway.incidents(key).list_incidents(request).await.unwrap().into_inner().incidents
}

/// What of it was not well, and for which brands that meant anything.
fn shown(incidents: &[v1::Incident]) -> Vec<String> {
    let text = |incident: &v1::Incident| {
        let cell = incident.cell.as_ref().map(|cell| match cell.of_other_brand {
            true => format!(" {:?} of another brand {}", cell.dimension(), cell.name),
            false => format!(" {:?} {}", cell.dimension(), cell.name),
        });
        let brands: Vec<&str> = incident.impacts.iter().map(|impact| impact.brand.as_str()).collect();
        format!("{}{}: {}", incident.provider, cell.unwrap_or_default(), brands.join(" "))
            .trim_end()
            .to_owned()
    };
    incidents.iter().map(text).collect()
}

#[tokio::test]
async fn a_brand_sees_the_incidents_of_its_providers_and_nothing_of_others() {
    let gateway = Gateway::start().await;
    let (acme, root) = (gateway.acme().await, gateway.key(None, &[KeyScope::Operate]).await);
    let both = ["acme", "globex"];
    for incident in [
        incident(1, "sms-shared", None, &both),
        incident(2, "email-globex", None, &["globex"]),
        incident(3, "sms-shared", Some(HealthCell::Country("+34".parse().unwrap())), &["globex"]),
        incident(4, "sms-shared", Some(HealthCell::Sender("globex-shop".into())), &["globex"]),
        incident(5, "sms-shared", Some(HealthCell::Sender(String::new())), &both),
        incident(6, "sms-shared", Some(HealthCell::Template("sale".into())), &["globex"]),
        incident(7, "sms-shared", Some(HealthCell::Template("order".into())), &both),
        incident(8, "email-acme", Some(HealthCell::Template("news".into())), &[]),
        incident(9, "gone", None, &both),
    ] {
        gateway.stores.incidents.record_incident(incident).await.unwrap();
    }
    let all = list(&gateway, &root, Default::default()).await;
    assert_eq!(
        shown(&all),
        [
            "gone: acme globex",
            "email-acme Template news:",
            "sms-shared Template order: acme globex",
            "sms-shared Template sale: globex",
            "sms-shared Sender : acme globex",
            "sms-shared Sender globex-shop: globex",
            "sms-shared Country +34: globex",
            "email-globex: globex",
            "sms-shared: acme globex",
        ]
    );
    assert_eq!(
        shown(&list(&gateway, &acme, Default::default()).await),
        [
            "email-acme Template news:",
            "sms-shared Template order: acme",
            "sms-shared Template of another brand :",
            "sms-shared Sender : acme",
            "sms-shared Sender of another brand :",
            "sms-shared Country +34:",
            "sms-shared: acme",
        ]
    );
    let get = |incident: &v1::Incident| v1::GetIncidentRequest { incident_id: incident.incident_id.clone() };
    let hidden = gateway.incidents(&acme).get_incident(get(&all[7])).await;
    assert_eq!(code_and_reason(hidden), expected(Code::NotFound, "INCIDENT_NOT_FOUND"));
    let own = gateway.incidents(&acme).get_incident(get(&all[8])).await.unwrap().into_inner().incident;
    assert_eq!(shown(own.as_slice()), ["sms-shared: acme"]);
    let hidden = v1::ListIncidentsRequest { provider: "email-globex".into(), ..Default::default() };
    let hidden = gateway.incidents(&acme).list_incidents(hidden).await;
    assert_eq!(code_and_reason(hidden), expected(Code::NotFound, "PROVIDER_NOT_FOUND"));
}

#[tokio::test]
async fn incidents_are_filtered_and_come_in_pages() {
    let gateway = Gateway::start().await;
    let root = gateway.key(None, &[KeyScope::Operate]).await;
    for second in 0..5 {
        let provider = if second % 2 == 0 { "sms-shared" } else { "email-acme" };
        gateway.stores.incidents.record_incident(incident(second, provider, None, &[])).await.unwrap();
    }
    let goes_on = Incident { ended: None, ..incident(5, "email-acme", None, &[]) };
    gateway.stores.incidents.record_incident(goes_on).await.unwrap();
    let began = async |request| -> Vec<i64> {
        let incidents = list(&gateway, &root, request).await;
        incidents.iter().map(|incident| incident.begin_time.unwrap().seconds - START.as_second()).collect()
    };
    let none = v1::ListIncidentsRequest::default();
    assert_eq!(began(none.clone()).await, [5, 4, 3, 2, 1, 0]);
    assert_eq!(began(v1::ListIncidentsRequest { open_only: true, ..none.clone() }).await, [5]);
    let of_sms = v1::ListIncidentsRequest { provider: "sms-shared".into(), ..none.clone() };
    assert_eq!(began(of_sms).await, [4, 2, 0]);
    let since = Some(timestamp(at(63)));
    assert_eq!(began(v1::ListIncidentsRequest { since, ..none.clone() }).await, [5, 4, 3]);
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListIncidentsRequest { page_size: 2, page_token, ..none.clone() };
        let page = gateway.incidents(&root).list_incidents(request).await.unwrap().into_inner();
        assert!(page.incidents.len() <= 2);
        found.extend(
            page.incidents.iter().map(|incident| incident.begin_time.unwrap().seconds - START.as_second()),
        );
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(found, [5, 4, 3, 2, 1, 0]);
    let wrong = v1::ListIncidentsRequest {
        provider: "No!".into(),
        since: Some(prost_types::Timestamp { seconds: 0, nanos: -1 }),
        page_size: -1,
        page_token: "x".into(),
        ..none
    };
    let wrong = error_text(gateway.incidents(&root).list_incidents(wrong).await, &[])
        + &error_text(gateway.incidents(&root).get_incident(v1::GetIncidentRequest::default()).await, &[]);
    insta::assert_snapshot!("invalid_incidents", wrong);
}

#[tokio::test]
async fn a_sender_of_another_brand_that_is_refused_tells_no_more_than_that() {
    let gateway = Gateway::start().await;
    let (acme, root) = (gateway.acme().await, gateway.key(None, &[KeyScope::Operate]).await);
    let (sms, now) = ("sms-shared".parse().unwrap(), gateway.clock.moment());
    let address = Address::Phone(relevo::model::Phone::from_e164("+34600123456").unwrap());
    let call = |sender: &str, outcome: &Outcome| {
        let scope = CallScope::new(Some(sender), &address, &RenderedContent::Text("Hi".into()));
        gateway.board.permit(&sms, scope, false, now).unwrap().finish(outcome, now);
    };
    call("acme-shop", &Outcome::sent("1"));
    let evidence = OutcomeEvidence::new("21606", "globex-shop may not send");
    call("globex-shop", &Outcome::Misconfigured { evidence });
    record_due_incidents(&gateway.board, gateway.stores.incidents.as_ref(), now).await.unwrap();
    let opened = async |key: &str| {
        let [incident] = &list(&gateway, key, Default::default()).await[..] else { panic!() };
        let cell = incident.cell.clone().unwrap();
        assert_eq!((incident.cause(), cell.dimension()), (Cause::BreakerOpened, CellDimension::Sender));
        let Some(v1::incident_update::Detail::Breaker(change)) = &incident.updates[0].detail else {
            panic!()
        };
        [&cell.name, &change.reason, &change.failure, &change.failure_text].map(Clone::clone)
    };
    let words = "misconfigured: 21606 globex-shop may not send";
    assert_eq!(opened(&root).await, ["globex-shop", "misconfigured", "misconfigured: 21606", words]);
    assert_eq!(opened(&acme).await, ["", "misconfigured", "", ""]);
}
