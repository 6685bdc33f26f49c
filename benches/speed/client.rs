//! Connections to a gRPC server that present a key with every call.

use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// A connection of its own.
pub type Client = InterceptedService<Channel, Bearer>;

/// Puts the key into the metadata of every call.
#[derive(Clone)]
pub struct Bearer(AsciiMetadataValue);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// Opens connections to `address`.
pub async fn connect(address: &str, key: &str, connections: usize) -> anyhow::Result<Vec<Client>> {
    let bearer = Bearer(format!("Bearer {key}").parse()?);
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
    let mut opened = Vec::with_capacity(connections);
    for _ in 0..connections {
        opened.push(InterceptedService::new(endpoint.connect().await?, bearer.clone()));
    }
    Ok(opened)
}
