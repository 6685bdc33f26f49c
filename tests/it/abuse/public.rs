//! Calls that need no key are few on each connection, and few in all.

use super::*;
use crate::gateway::process::GatewayDirectory;
use crate::gateway::providers::sandbox;

const WATCH: &str = "grpc.health.v1.Health/Watch";
const CHECK: &str = "grpc.health.v1.Health/Check";
const REFLECT: &str = "grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

#[tokio::test]
async fn streams_without_a_key_are_bounded_by_connection_and_in_all() {
    let server = "max_health_watches = 20\nmax_reflection_streams = 5\nmax_public_calls_per_connection = 16";
    let directory = GatewayDirectory::with_server(server, &sandbox()).await;
    let gateway = directory.start().await;
    let (mut open, mut kept) = (Vec::new(), Vec::new());
    for path in [WATCH, WATCH, REFLECT] {
        let mut client = RawClient::connect(gateway.address, 65_535).await;
        let mut of_connection = 0;
        for _ in 0..100 {
            let mut call = client.begin(path, None).await;
            // Reflection waits for the first question.
            if path == WATCH {
                call.send(b"\0\0\0\0\0", true);
            }
            match call.refused().await {
                None => of_connection += 1,
                refused => assert_eq!(refused.as_deref(), EXHAUSTED),
            }
            kept.push(call);
        }
        open.push(of_connection);
    }
    assert_eq!(open, [16, 4, 5], "no more than 16 on one connection, and in all no more than 20 and 5");
    // Nobody who takes them all makes the gateway look dead.
    let mut other = RawClient::connect(gateway.address, 65_535).await;
    assert_eq!(other.call(CHECK, None).await.refused().await, None);
    assert_eq!(other.call(WATCH, None).await.refused().await.as_deref(), EXHAUSTED);
    drop(kept);
    assert_serves(&gateway).await;
    gateway.stop().await;
}
