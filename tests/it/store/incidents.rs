//! Times in which providers were not well.

use std::time::Duration;

use relevo::model::{
    BreakerState, ControlMode, HealthCell, Incident, IncidentCause, IncidentEnd, IncidentId, IncidentImpact,
    IncidentUpdate, IncidentUpdateDetail, RecordedFailure,
};
use relevo::store::{MAX_INCIDENTS, Stores};

use super::sample::*;

/// An incident that began at `at(second)` and goes on.
fn incident(second: i64) -> Incident {
    Incident {
        id: IncidentId::new(at(second), second.unsigned_abs()),
        provider: "mail".parse().unwrap(),
        cell: None,
        cause: IncidentCause::BreakerOpened,
        began_at: at(second),
        ended: None,
        updated_at: at(second),
        updates: Vec::new(),
        forgotten_updates: 0,
        impacts: Default::default(),
    }
}

fn ended(second: i64, end: i64) -> Incident {
    Incident { ended: Some((at(end), IncidentEnd::Recovered)), ..incident(second) }
}

/// Everything that an incident can hold.
fn eventful(second: i64) -> Incident {
    let details = [
        IncidentUpdateDetail::Breaker {
            state: BreakerState::Open,
            reason: "5 failures in a row".into(),
            failure: Some(RecordedFailure {
                brief: "unknown: 504".into(),
                whole: "unknown: 504 late".into(),
            }),
        },
        IncidentUpdateDetail::Breaker { state: BreakerState::HalfOpen, reason: String::new(), failure: None },
        IncidentUpdateDetail::Weight { from: 1.0, to: 0.25, reason: "its calls are late".into() },
        IncidentUpdateDetail::Throttled { paused: Duration::from_millis(61_500) },
        IncidentUpdateDetail::Control {
            mode: ControlMode::Draining,
            reason: "slow".into(),
            actor: "eva".into(),
        },
    ];
    let update = |detail| IncidentUpdate { first_at: at(second), last_at: at(second + 1), count: 7, detail };
    let impact = IncidentImpact {
        rescued: [("mail-eu".parse().unwrap(), 40), ("sms".parse().unwrap(), 2)].into(),
        doubled: 1,
        expired: 3,
        waiting: 5,
    };
    Incident {
        updates: details.map(update).to_vec(),
        forgotten_updates: 9,
        impacts: [(acme(), impact)].into(),
        ..incident(second)
    }
}

pub async fn an_incident_is_kept_whole_and_as_it_was_recorded_last(stores: &Stores) {
    let store = &stores.incidents;
    let cells = [
        HealthCell::Sender("acme-shop".into()),
        HealthCell::Sender(String::new()),
        HealthCell::Template("order_update".into()),
        HealthCell::Country("+34".parse().unwrap()),
    ];
    let causes = [
        IncidentCause::Failures,
        IncidentCause::Late,
        IncidentCause::Slow,
        IncidentCause::Silent,
        IncidentCause::Throttled,
        IncidentCause::Refusals,
    ];
    let incidents = cells.into_iter().map(Some).chain([None]).zip(causes).enumerate();
    for (second, (cell, cause)) in incidents {
        let begun = Incident { cell, cause, ..eventful(i64::try_from(second).unwrap()) };
        let over = Incident { ended: Some((at(99), IncidentEnd::GatewayStopped)), ..begun.clone() };
        for recorded in [begun, over] {
            store.record_incident(recorded.clone()).await.unwrap();
            assert_eq!(store.incident(recorded.id).await.unwrap(), Some(recorded));
        }
    }
    assert_eq!(store.incident(IncidentId::new(at(7), 7)).await.unwrap(), None);
    let listed = all_pages(2, |page| store.incidents(page)).await;
    assert_eq!(listed.iter().map(|incident| incident.began_at).collect::<Vec<_>>(), [4, 3, 2, 1, 0].map(at));
}

pub async fn the_last_incidents_are_kept(stores: &Stores) {
    let max = i64::try_from(MAX_INCIDENTS).unwrap();
    let record = |second| stores.incidents.record_incident(incident(second));
    for recorded in futures_util::future::join_all((0..max).map(record)).await {
        recorded.unwrap();
    }
    let kept = async || all_pages(500, |page| stores.incidents.incidents(page)).await;
    stores.incidents.record_incident(ended(3, 4)).await.unwrap();
    assert_eq!(kept().await.len(), MAX_INCIDENTS as usize, "the same one again takes no more room");
    record(max).await.unwrap();
    let kept = kept().await;
    assert_eq!((kept.len(), kept[0].began_at), (MAX_INCIDENTS as usize, at(max)));
    assert_eq!(kept.last().unwrap().began_at, at(1), "the oldest is forgotten");
}

pub async fn incidents_are_purged_when_they_ended_long_ago(stores: &Stores) {
    for incident in [ended(0, 10), ended(1, 30), incident(2), ended(25, 26)] {
        stores.incidents.record_incident(incident).await.unwrap();
    }
    assert_eq!(stores.work.purge(at(10), 100).await.unwrap(), 0);
    assert_eq!(stores.work.purge(at(11), 100).await.unwrap(), 1);
    assert_eq!(stores.work.purge(at(29), 100).await.unwrap(), 1);
    let left = all_pages(10, |page| stores.incidents.incidents(page)).await;
    assert_eq!(left, [incident(2), ended(1, 30)], "what goes on stays, however long");
}
