//! A part of a provider that fails while the rest of it works: the messages of others must not notice.

use relevo::wire::v1::{BreakerState, CellDimension, Channel, MessageState, message_spec::Recipient};
use serde_json::json;

use crate::api::{contact, phone};
use crate::gateway::history::route_taken;
use crate::gateway::process::GatewayDirectory;
use crate::gateway::providers::*;
use crate::gateway::{by, order};
use crate::peers::WiremockStubs;

#[tokio::test]
async fn a_country_that_fails_at_a_provider_goes_elsewhere_and_the_others_stay() {
    let (first, second) = (WiremockStubs::new("cells-first"), WiremockStubs::new("cells-second"));
    first.answer(json!({}), twilio_accepts()).await;
    let to_spain = json!({ "bodyPatterns": [{ "contains": "To=%2B34" }] });
    first.answer(to_spain, json!({ "status": 503 })).await;
    second.answer(json!({}), twilio_accepts()).await;
    let providers =
        [twilio("first", first.url(), "tier = 1"), twilio("second", second.url(), "tier = 2")].concat();
    let directory = GatewayDirectory::new(&providers).await;
    // No probe until the end.
    directory.change_config("", "\n[health]\nopen_ms = 60000\nmax_open_ms = 60000\n");
    let gateway = directory.start().await;
    gateway.upsert_contact(contact("ana", vec![phone("+34600123456")])).await;
    gateway.upsert_contact(contact("kim", vec![phone("+447700900123")])).await;
    let send = async |to: &str| {
        let spec = by(&[Channel::Sms], order());
        let recipient = Some(Recipient::ContactId(to.to_owned()));
        let message = gateway.send_until_ended(relevo::wire::v1::MessageSpec { recipient, ..spec }).await;
        assert_eq!(message.state(), MessageState::Sent, "{message:#?}");
        route_taken(&message)
    };
    assert_eq!(send("kim").await, "first SENT");
    for _ in 0..5 {
        assert_eq!(send("ana").await, "first UNAVAILABLE 503, second SENT");
    }
    for _ in 0..5 {
        assert_eq!(send("ana").await, "second SENT");
        assert_eq!(send("kim").await, "first SENT");
    }
    let provider = gateway.provider("first").await;
    assert_eq!(provider.breaker(), BreakerState::Closed, "{provider:#?}");
    let [cell] = &provider.failing_cells[..] else { panic!("{provider:#?}") };
    assert_eq!((cell.dimension(), cell.name.as_str()), (CellDimension::Country, "+34"));
    assert_eq!(cell.breaker(), BreakerState::Open);
    let line = gateway.log.wait_for("the breaker of a part of a provider changed").await;
    assert_eq!((&line["provider.name"], &line["cell"]), (&json!("first"), &json!("country +34")));

    // When it fails for others, too, it is the provider that fails.
    first.answer(json!({}), json!({ "status": 503 })).await;
    for _ in 0..5 {
        send("kim").await;
    }
    let provider = gateway.provider("first").await;
    assert_eq!((provider.breaker(), provider.failing_cells.len()), (BreakerState::Open, 0), "{provider:#?}");
    gateway.stop().await;
}
