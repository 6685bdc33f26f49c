//! `relevo health`: whether the gateway serves, for health checks. Needs no key.

use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::connection::ConnectionArgs;
use super::failure::Failure;
use super::screen::Screen;

pub(super) const AFTER_HELP: &str = "\
Asks grpc.health.v1. Exits with 0 when the gateway serves, with 1 when it is stopping, with 3 when it cannot be reached.

Examples:
  relevo health
  relevo health --server https://gateway.example:50051 --timeout 2s";

pub(super) async fn run(connection: &ConnectionArgs, screen: Screen) -> Result<(), Failure> {
    let mut client = HealthClient::new(connection.channel().await?);
    let answer = client.check(HealthCheckRequest::default()).await;
    let answer = answer.map_err(|status| Failure::from_status(&connection.server, status))?;
    match answer.get_ref().status() {
        ServingStatus::Serving => screen.print("serving\n"),
        _ => Err(Failure::Wrong("the gateway answers, but does not serve: it is stopping".to_owned())),
    }
}
