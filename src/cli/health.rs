//! `relevo health`: whether the gateway serves, for probes and scripts.

use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::connection::ConnectionArgs;
use super::error::CliError;
use super::screen::CommandOutput;

pub(super) const AFTER_HELP: &str = "\
Asks what grpc.health.v1 tells, which needs no API key. Exits with 0 when the
gateway serves, 1 when it says that it does not (while it stops, for example),
and 3 when it cannot be reached.

Examples:
  relevo health
  relevo health --server https://gateway.example.com:50051 --timeout 2s";

pub(super) async fn run(connection: &ConnectionArgs, screen: CommandOutput) -> Result<(), CliError> {
    let mut client = HealthClient::new(connection.channel().await?);
    // The empty name asks for the server as a whole.
    let answer = client.check(HealthCheckRequest { service: String::new() }).await;
    let answer = answer.map_err(|status| CliError::from_status(&connection.server, status))?;
    match answer.into_inner().status() {
        ServingStatus::Serving if screen.is_json() => screen.print(r#"{"status":"SERVING"}"#),
        ServingStatus::Serving => screen.print("serving"),
        other => Err(CliError::Wrong(format!("{} answers {}", connection.server, other.as_str_name()))),
    }
}
