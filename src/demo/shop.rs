//! The shop that writes to its contacts through the gateway.

use super::client::DemoClient;
use super::composer::MessageComposer;
use super::contacts::{DemoContact, demo_contacts};
use super::monitor::GatewayMonitor;
use super::setup;
use crate::model::Timestamp;
use crate::wire::v1;

/// The shop: its connection, its contacts, and the monitor of what happens to its messages.
pub(super) struct Shop {
    pub client: DemoClient,
    pub monitor: GatewayMonitor,
    pub composer: MessageComposer,
    contacts: Vec<DemoContact>,
}

impl Shop {
    /// Creates the contacts and starts to monitor the gateway. `now` is the time.
    pub(super) async fn open(mut client: DemoClient, now: Timestamp) -> anyhow::Result<Self> {
        let contacts = demo_contacts(now);
        let context = setup::create_contacts(&mut client, &contacts, now).await?;
        let monitor = GatewayMonitor::start(client.clone(), context).await?;
        Ok(Self { client, monitor, composer: MessageComposer::default(), contacts })
    }

    /// Composes one message for every contact.
    pub(super) fn for_each_contact(
        &mut self,
        compose: impl Fn(&mut MessageComposer, &str) -> v1::MessageSpec,
    ) -> Vec<v1::MessageSpec> {
        self.contacts.iter().map(|contact| compose(&mut self.composer, contact.id)).collect()
    }

    /// Sends one message by a call of its own.
    pub(super) async fn send(&mut self, message: v1::MessageSpec) -> anyhow::Result<()> {
        let answer = self.client.send(message).await?;
        self.monitor.add_accepted(&[answer]);
        Ok(())
    }

    /// Sends messages over one stream, and returns the answers in their order.
    pub(super) async fn send_stream(
        &mut self,
        messages: Vec<v1::MessageSpec>,
    ) -> anyhow::Result<Vec<v1::SendResponse>> {
        let answers = self.client.send_stream(messages).await?;
        self.monitor.add_accepted(&answers);
        Ok(answers)
    }
}
