//! Calls the API of a gateway, and waits for what should happen by its event streams.

use std::collections::{BTreeMap, BTreeSet};

use relevo::wire::v1;
use relevo::wire::v1::consent_service_client::ConsentServiceClient;
use relevo::wire::v1::contact_service_client::ContactServiceClient;
use relevo::wire::v1::incident_service_client::IncidentServiceClient;
use relevo::wire::v1::key_service_client::KeyServiceClient;
use relevo::wire::v1::message_service_client::MessageServiceClient;
use relevo::wire::v1::provider_service_client::ProviderServiceClient;
use relevo::wire::v1::sandbox_service_client::SandboxServiceClient;
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;

use super::process::{Gateway, PATIENCE};
use crate::api::{Bearer, Client, send};

impl Gateway {
    fn client(&self, key: &str) -> Client {
        self.client_with(Bearer(Some(format!("Bearer {key}").parse().unwrap())))
    }

    fn client_with(&self, bearer: Bearer) -> Client {
        let connection = Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect_lazy();
        InterceptedService::new(connection, bearer)
    }

    /// The messages as they are for somebody with this key.
    pub fn messages_by(&self, key: &str) -> MessageServiceClient<Client> {
        MessageServiceClient::new(self.client(key))
    }

    /// The messages as they are for somebody without a key.
    pub fn messages_without_key(&self) -> MessageServiceClient<Client> {
        MessageServiceClient::new(self.client_with(Bearer(None)))
    }

    pub fn messages(&self) -> MessageServiceClient<Client> {
        MessageServiceClient::new(self.client(&self.brand_key))
    }

    pub fn keys(&self) -> KeyServiceClient<Client> {
        KeyServiceClient::new(self.client(&self.brand_key))
    }

    pub fn contacts(&self) -> ContactServiceClient<Client> {
        self.contacts_by(&self.brand_key)
    }

    /// The contacts as they are for somebody with this key.
    pub fn contacts_by(&self, key: &str) -> ContactServiceClient<Client> {
        ContactServiceClient::new(self.client(key))
    }

    pub fn consents(&self) -> ConsentServiceClient<Client> {
        ConsentServiceClient::new(self.client(&self.brand_key))
    }

    pub fn providers(&self) -> ProviderServiceClient<Client> {
        ProviderServiceClient::new(self.client(&self.gateway_key))
    }

    /// The incidents as they are for somebody with this key.
    pub fn incidents_by(&self, key: &str) -> IncidentServiceClient<Client> {
        IncidentServiceClient::new(self.client(key))
    }

    pub fn sandbox(&self) -> SandboxServiceClient<Client> {
        SandboxServiceClient::new(self.client(&self.gateway_key))
    }

    /// Creates or changes a contact.
    pub async fn upsert_contact(&self, contact: v1::Contact) {
        let request = v1::UpsertContactRequest { contact: Some(contact), update_mask: None };
        self.contacts().upsert_contact(request).await.unwrap();
    }

    /// Records a grant or a revocation by `ana`.
    pub async fn record_consent(&self, action: v1::ConsentAction, channel: v1::Channel, topic: &str) {
        self.record_consent_of("ana", action, channel, topic).await;
    }

    /// Records a grant or a revocation.
    pub async fn record_consent_of(
        &self,
        contact: &str,
        action: v1::ConsentAction,
        channel: v1::Channel,
        topic: &str,
    ) {
        let (source, method) = ("checkout".into(), "web_form".into());
        let evidence = Some(v1::Evidence { source, method, ..v1::Evidence::default() });
        self.consents()
            .record_consent(v1::RecordConsentRequest {
                contact_id: contact.into(),
                action: action.into(),
                channel: channel.into(),
                topic: topic.into(),
                evidence,
            })
            .await
            .unwrap();
    }

    /// Sends a message and returns its id.
    pub async fn send(&self, spec: v1::MessageSpec) -> String {
        self.messages().send(send(spec)).await.unwrap().into_inner().message_id
    }

    /// Sends a message and waits until it has ended.
    pub async fn send_until_ended(&self, spec: v1::MessageSpec) -> v1::Message {
        let id = self.send(spec).await;
        self.wait_until_ended(std::slice::from_ref(&id)).await.remove(0)
    }

    /// A message with its history.
    pub async fn message(&self, id: &str) -> v1::Message {
        let request = v1::GetMessageRequest { message_id: id.into(), ..Default::default() };
        self.messages().get_message(request).await.unwrap().into_inner().message.unwrap()
    }

    /// Waits until every message has ended, and returns them.
    pub async fn wait_until_ended(&self, ids: &[String]) -> Vec<v1::Message> {
        self.wait_until_all(ids, |event| has_ended(event.state())).await;
        let mut ended = Vec::new();
        for id in ids {
            ended.push(self.message(id).await);
        }
        ended
    }

    /// Waits until every message has had an event for which `is_reached` is true.
    ///
    /// # Panics
    /// When a minute passes first, with the last events of the messages that are missing.
    pub async fn wait_until_all(&self, ids: &[String], is_reached: impl Fn(&v1::Event) -> bool) {
        let mut open: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
        let mut last = BTreeMap::new();
        let reached = async {
            let request = v1::WatchMessagesRequest { cursor: "0".into(), ..Default::default() };
            let mut events = self.messages().watch_messages(request).await.unwrap().into_inner();
            while !open.is_empty() {
                let response = events.next().await.expect("a watch goes on").unwrap();
                // An event of a contact belongs to no message.
                let Some(event) = response.event else { continue };
                if is_reached(&event) {
                    open.remove(response.message_id.as_str());
                }
                last.insert(response.message_id, event);
            }
        };
        if timeout(PATIENCE, reached).await.is_err() {
            let stuck: Vec<_> = open.iter().map(|id| (id, last.get(*id))).take(5).collect();
            panic!("{} of {} messages never got is_reached: {stuck:#?}", open.len(), ids.len());
        }
    }

    /// The ids of all messages.
    pub async fn all_ids(&self) -> BTreeSet<String> {
        let mut ids = BTreeSet::new();
        let mut page_token = String::new();
        loop {
            let request = v1::ListMessagesRequest { page_size: 1_000, page_token, ..Default::default() };
            let page = self.messages().list_messages(request).await.unwrap().into_inner();
            ids.extend(page.messages.into_iter().map(|message| message.message_id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return ids;
            }
        }
    }

    /// A provider as it is now.
    pub async fn provider(&self, name: &str) -> v1::Provider {
        let listed = self.providers().list_providers(v1::ListProvidersRequest {}).await.unwrap();
        listed.into_inner().providers.into_iter().find(|provider| provider.provider == name).unwrap()
    }

    /// Waits until the breaker of a provider is in this state, and returns the provider as it was then.
    pub async fn wait_for_breaker(&self, name: &str, state: v1::BreakerState) -> v1::Provider {
        let reached = async {
            let watched = self.providers().watch_providers(v1::WatchProvidersRequest {}).await;
            let mut changes = watched.unwrap().into_inner();
            loop {
                let provider = changes.next().await.expect("a watch goes on").unwrap().provider.unwrap();
                if provider.provider == name && provider.breaker() == state {
                    return provider;
                }
            }
        };
        timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("the breaker of {name} is not {state:?}"))
    }
}

/// Whether the state is one that nothing but a receipt changes.
pub fn has_ended(state: v1::MessageState) -> bool {
    use v1::MessageState as State;
    !matches!(state, State::Unspecified | State::Accepted | State::Waiting | State::Sending)
}
