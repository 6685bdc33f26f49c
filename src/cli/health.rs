//! `relevo health`: whether the gateway serves, for probes and scripts.

use serde_json::json;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::connection::ConnectionArgs;
use super::error::CliError;
use super::screen::CommandOutput;
use crate::api::CLOCK_SERVICE;

pub(super) const AFTER_HELP: &str = "\
Asks what grpc.health.v1 tells, which needs no API key. Exits with 0 when the
gateway serves, 1 when it says that it does not (while it stops, for example),
and 3 when it cannot be reached. A gateway whose clock may be wrong serves, and
says so and what that means.

Examples:
  relevo health
  relevo health --server https://gateway.example.com:50051 --timeout 2s";

const CLOCK_IN_DOUBT: &str = "\
serving, but the clock of the gateway may be wrong: it is more than a day past
what was last known. Messages of before are held, and nothing is purged, until
the clock is set right, or for an hour. When it is right, start the gateway
with --trust-clock.";

pub(super) async fn run(connection: &ConnectionArgs, screen: CommandOutput) -> Result<(), CliError> {
    let mut client = HealthClient::new(connection.channel().await?);
    // The empty name asks for the server as a whole.
    let whole =
        check(&mut client, "").await.map_err(|status| CliError::from_status(&connection.server, status))?;
    if whole != ServingStatus::Serving {
        return Err(CliError::Wrong(format!("{} answers {}", connection.server, whole.as_str_name())));
    }
    // A gateway of an earlier version does not know the name.
    let clock = check(&mut client, CLOCK_SERVICE).await.unwrap_or(ServingStatus::Serving);
    match (clock, screen.is_json()) {
        (_, true) => {
            screen.print(&json!({ "status": whole.as_str_name(), "clock": clock.as_str_name() }).to_string())
        }
        (ServingStatus::Serving, false) => screen.print("serving"),
        (_, false) => screen.print(CLOCK_IN_DOUBT),
    }
}

async fn check(client: &mut HealthClient<Channel>, service: &str) -> Result<ServingStatus, tonic::Status> {
    let answer = client.check(HealthCheckRequest { service: service.to_owned() }).await?;
    Ok(answer.into_inner().status())
}
