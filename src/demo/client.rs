//! The client of the demonstration: gRPC, with a key in every call.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use crate::secret::Secret;
use crate::wire::v1;
use v1::consent_service_client::ConsentServiceClient;
use v1::contact_service_client::ContactServiceClient;
use v1::message_service_client::MessageServiceClient;
use v1::provider_service_client::ProviderServiceClient;
use v1::sandbox_service_client::SandboxServiceClient;
use v1::send_stream_response::Result as Answer;

/// A connection that presents the key.
type DemoChannel = InterceptedService<Channel, DemoInterceptor>;

/// The largest page that the API gives.
const PAGE: i32 = 1_000;

/// Adds the key to the metadata of every call.
#[derive(Clone)]
pub(super) struct DemoInterceptor(MetadataValue<Ascii>);

impl Interceptor for DemoInterceptor {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// A client for each service of the API. Clones share one connection.
#[derive(Clone)]
pub(super) struct DemoClient {
    pub address: SocketAddr,
    pub key: Secret,
    pub messages: MessageServiceClient<DemoChannel>,
    pub contacts: ContactServiceClient<DemoChannel>,
    pub consents: ConsentServiceClient<DemoChannel>,
    pub providers: ProviderServiceClient<DemoChannel>,
    pub sandbox: SandboxServiceClient<DemoChannel>,
}

impl DemoClient {
    /// Connects to the gateway at `address`.
    pub(super) async fn connect(address: SocketAddr, key: &Secret) -> anyhow::Result<Self> {
        let interceptor = DemoInterceptor(format!("Bearer {}", key.expose()).parse()?);
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
        let channel = endpoint.connect().await.with_context(|| format!("cannot connect to {address}"))?;
        let channel = InterceptedService::new(channel, interceptor);
        Ok(Self {
            address,
            key: key.clone(),
            messages: MessageServiceClient::new(channel.clone()),
            contacts: ContactServiceClient::new(channel.clone()),
            consents: ConsentServiceClient::new(channel.clone()),
            providers: ProviderServiceClient::new(channel.clone()),
            sandbox: SandboxServiceClient::new(channel),
        })
    }

    /// Sends one message.
    pub(super) async fn send(&mut self, message: v1::MessageSpec) -> anyhow::Result<v1::SendResponse> {
        let request = v1::SendRequest { message: Some(message) };
        Ok(self.messages.send(request).await.context("Send failed")?.into_inner())
    }

    /// Sends messages over one stream, and returns the answers in their order.
    ///
    /// # Errors
    /// When a message is not accepted, or not every message is answered.
    pub(super) async fn send_stream(
        &mut self,
        messages: Vec<v1::MessageSpec>,
    ) -> anyhow::Result<Vec<v1::SendResponse>> {
        let count = messages.len();
        let requests = messages.into_iter().zip(0..);
        let requests = requests
            .map(|(message, sequence)| v1::SendStreamRequest { message: Some(message), sequence })
            .collect::<Vec<_>>();
        let answers = self.messages.send_stream(tokio_stream::iter(requests)).await;
        let mut answers = answers.context("SendStream failed")?.into_inner();
        let mut accepted = Vec::with_capacity(count);
        while let Some(answer) = answers.message().await.context("SendStream failed")? {
            match answer.result {
                Some(Answer::Accepted(response)) => accepted.push(response),
                other => bail!("message {} of the stream was not accepted: {other:?}", answer.sequence),
            }
        }
        if accepted.len() != count {
            bail!("{} of {count} messages of the stream were answered", accepted.len());
        }
        Ok(accepted)
    }

    /// A message with its history; `None` when the gateway does not know it.
    pub(super) async fn message(&mut self, id: &str) -> anyhow::Result<Option<v1::Message>> {
        let request = v1::GetMessageRequest { message_id: id.to_owned(), ..Default::default() };
        match self.messages.get_message(request).await {
            Ok(answer) => Ok(answer.into_inner().message),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(status).context("GetMessage failed"),
        }
    }

    /// The messages that the sandbox providers took.
    pub(super) async fn outbox(&mut self) -> anyhow::Result<Vec<v1::OutboxEntry>> {
        let request = v1::ListOutboxRequest { provider: String::new(), page_size: PAGE };
        Ok(self.sandbox.list_outbox(request).await.context("ListOutbox failed")?.into_inner().entries)
    }

    /// The providers, in the order of the configuration.
    pub(super) async fn list_providers(&mut self) -> anyhow::Result<Vec<v1::Provider>> {
        let answer = self.providers.list_providers(v1::ListProvidersRequest {}).await;
        Ok(answer.context("ListProviders failed")?.into_inner().providers)
    }

    /// Sets the behavior of every sandbox provider of a failure domain, and returns their names.
    pub(super) async fn set_behavior(
        &mut self,
        failure_domain: &str,
        behavior: v1::Behavior,
    ) -> anyhow::Result<Vec<String>> {
        let request = v1::SetBehaviorRequest {
            failure_domain: failure_domain.to_owned(),
            behavior: behavior.into(),
            ..v1::SetBehaviorRequest::default()
        };
        let answer = self.sandbox.set_behavior(request).await.context("SetBehavior failed")?;
        Ok(answer.into_inner().providers)
    }
}
