//! What operators see of providers and ask of them.

use relevo::model::{Incident, IncidentCause, IncidentEnd, IncidentId, IncidentImpact};

use super::{Gateway, seconds};

#[tokio::test]
async fn operators_see_and_control_providers() {
    let gateway = Gateway::start().await;
    assert_eq!(gateway.json(&["provider", "list"]).await.len(), 8);
    assert_eq!(gateway.ok(&["provider", "log"]).await, "Nobody has changed anything.\n");
    let set = [
        "provider",
        "set",
        "sms-north",
        "draining",
        "--reason",
        "maintenance",
        "--for",
        "2h",
        "--actor",
        "eva",
    ];
    assert!(gateway.ok(&set).await.contains("draining"));
    let log = gateway.json(&["provider", "log", "--provider", "sms-north"]).await;
    assert_eq!(log[0]["control"]["reason"], "maintenance");
    let length = seconds(&log[0]["control"]["expireTime"]) - seconds(&log[0]["control"]["updateTime"]);
    assert!((7_199..=7_200).contains(&length), "{log:?}");
    let answer = gateway.json(&["sandbox", "set", "hang", "--failure-domain", "meta"]).await;
    assert_eq!(answer[0]["providers"].as_array().unwrap().len(), 2);
    assert_eq!(gateway.ok(&["sandbox", "outbox"]).await, "Nothing was sent through sandbox providers.\n");
}

#[tokio::test]
async fn operators_see_incidents() {
    let gateway = Gateway::start().await;
    assert_eq!(gateway.ok(&["incident", "list", "--open"]).await, "There are no incidents.\n");
    let began_at = "2026-03-01T09:00:00Z".parse().unwrap();
    let goes_on = Incident {
        id: IncidentId::new(began_at, 1),
        provider: "sms-north".parse().unwrap(),
        cell: None,
        cause: IncidentCause::Slow,
        began_at,
        ended: None,
        updated_at: began_at,
        updates: Vec::new(),
        forgotten_updates: 0,
        impacts: [("acme".parse().unwrap(), IncidentImpact { waiting: 7, ..Default::default() })].into(),
    };
    let over = Incident {
        id: IncidentId::new(began_at, 2),
        ended: Some((began_at, IncidentEnd::Recovered)),
        ..goes_on.clone()
    };
    for incident in [goes_on.clone(), over] {
        gateway.stores.incidents.record_incident(incident).await.unwrap();
    }
    assert_eq!(gateway.json(&["incident", "list"]).await.len(), 2);
    assert_eq!(gateway.json(&["incident", "list", "--open"]).await[0]["cause"], "INCIDENT_CAUSE_SLOW");
    assert!(gateway.json(&["incident", "list", "--provider", "sms-south"]).await.is_empty());
    let since = ["incident", "list", "--since", "2026-03-01T09:00:01Z"];
    assert_eq!(gateway.json(&since).await.len(), 1);
    let shown = gateway.ok(&["incident", "show", &goes_on.id.to_string()]).await;
    assert!(shown.starts_with("sms-north: slow\n") && shown.ends_with("  acme  7 waiting\n"), "{shown}");
}
