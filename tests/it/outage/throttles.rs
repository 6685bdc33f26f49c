//! A provider that takes so many calls a second and refuses the others, and the gateway that has nobody else to send by.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use relevo::wire::v1::{Channel, MessageState};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::api::send;
use crate::gateway::process::{Gateway, GatewayDirectory};
use crate::gateway::providers::twilio;
use crate::gateway::{ana, by, order};

const MESSAGES: usize = 60;
const RATE: f64 = 5.0;

/// Takes [`RATE`] calls a second and no two at once.
struct LimitedServer {
    retry_after: Option<&'static str>,
    bucket: Mutex<Bucket>,
}

struct Bucket {
    tokens: f64,
    counted_at: Instant,
    taken: usize,
    refused: usize,
}

impl LimitedServer {
    /// Starts it, for as long as the test runs, and returns it with its URL.
    async fn start(retry_after: Option<&'static str>) -> (Arc<Self>, String) {
        let bucket = Bucket { tokens: 1.0, counted_at: Instant::now(), taken: 0, refused: 0 };
        let server = Arc::new(Self { retry_after, bucket: Mutex::new(bucket) });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = serving.clone();
                let service = service_fn(move |_: Request<hyper::body::Incoming>| {
                    std::future::ready(Ok::<_, Infallible>(server.answer()))
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        (server, url)
    }

    fn answer(&self) -> Response<String> {
        let mut bucket = self.bucket.lock().unwrap();
        let gone_by = bucket.counted_at.elapsed().as_secs_f64();
        bucket.tokens = (bucket.tokens + gone_by * RATE).min(1.0);
        bucket.counted_at = Instant::now();
        if bucket.tokens < 1.0 {
            bucket.refused += 1;
            let refusal = Response::builder().status(429);
            let refusal =
                self.retry_after.iter().fold(refusal, |refusal, wait| refusal.header("Retry-After", *wait));
            return refusal
                .body(r#"{"code":20429,"message":"Too Many Requests","status":429}"#.into())
                .unwrap();
        }
        bucket.tokens -= 1.0;
        bucket.taken += 1;
        let created = format!(r#"{{"sid":"SM{:032}","status":"queued"}}"#, bucket.taken);
        Response::builder().status(201).body(created).unwrap()
    }

    /// How many calls it took and refused.
    fn counts(&self) -> (usize, usize) {
        let bucket = self.bucket.lock().unwrap();
        (bucket.taken, bucket.refused)
    }
}

async fn send_all(gateway: &Gateway) -> Vec<String> {
    let mut calls = JoinSet::new();
    for _ in 0..MESSAGES {
        let (mut messages, spec) = (gateway.messages(), by(&[Channel::Sms], order()));
        calls.spawn(async move { messages.send(send(spec)).await.unwrap().into_inner().message_id });
    }
    calls.join_all().await
}

/// Measured before the rate was learned: seven refusals for each message that was taken.
async fn drain(retry_after: Option<&'static str>) {
    let (server, url) = LimitedServer::start(retry_after).await;
    let sms = twilio("sms", url, "[providers.limits]\nmax_concurrency = 4");
    let directory = GatewayDirectory::new(&sms).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    let began = Instant::now();
    let messages = gateway.wait_until_ended(&send_all(&gateway).await).await;
    let (elapsed, (taken, refused)) = (began.elapsed(), server.counts());
    println!("{taken} taken, {refused} refused in {elapsed:?}");
    assert!(messages.iter().all(|message| message.state() == MessageState::Sent));
    assert_eq!(taken, MESSAGES);
    assert!(refused <= MESSAGES / 5, "{refused} refused of {MESSAGES} taken in {elapsed:?}");
    assert!(gateway.provider("sms").await.learned_rate_per_second.is_some());
    gateway.stop().await;
}

#[tokio::test]
async fn the_rate_that_a_provider_bears_is_found_and_kept() {
    drain(None).await;
}

#[tokio::test]
async fn nobody_bursts_in_when_a_pause_ends() {
    drain(Some("2")).await;
}
