#![allow(missing_docs, clippy::all, clippy::disallowed_methods)]
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use relevo::api::services::{Rooms, Services};
use relevo::api::{Settings, serve, token};
use relevo::clock::Clock;
use relevo::dispatch::{Board, Planner, Policies};
use relevo::model::*;
use relevo::routing::{BrandSettings, Policy, RetrySettings};
use relevo::store::*;
use relevo::wire::v1;
use relevo::wire::v1::message_service_client::MessageServiceClient;
use relevo::wire::v1::message_service_server::{MessageService, MessageServiceServer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::{Request, Response, Status, Streaming};

#[cfg(feature = "mi")]
#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Stub(
    Arc<dyn MessageStore>,
    tokio::sync::mpsc::UnboundedSender<tokio::sync::oneshot::Sender<()>>,
    bool,
);

#[tonic::async_trait]
impl MessageStore for Stub {
    async fn accept(&self, message: Message, content_hash: [u8; 32]) -> Result<Acceptance, StoreError> {
        if self.2 {
            let (tx, rx) = tokio::sync::oneshot::channel();
            self.1.send(tx).unwrap();
            rx.await.unwrap();
        }
        std::hint::black_box((message, content_hash));
        Ok(Acceptance::New)
    }
    async fn find_by_key(&self, b: &BrandId, k: &str) -> Result<Option<(Stored, [u8; 32])>, StoreError> {
        self.0.find_by_key(b, k).await
    }
    async fn get(&self, brand: &BrandId, id: MessageId) -> Result<Option<Stored>, StoreError> {
        self.0.get(brand, id).await
    }
    async fn list(&self, b: &BrandId, f: &MessageFilter, p: PageRequest) -> Result<Page<Stored>, StoreError> {
        self.0.list(b, f, p).await
    }
    async fn cancel(
        &self,
        b: &BrandId,
        id: MessageId,
        a: &str,
        n: Timestamp,
    ) -> Result<Option<Result<Stored, State>>, StoreError> {
        self.0.cancel(b, id, a, n).await
    }
    async fn events(&self, b: &BrandId, c: u64, l: usize) -> Result<Vec<LoggedEvent>, StoreError> {
        self.0.events(b, c, l).await
    }
    async fn last_cursor(&self) -> Result<u64, StoreError> {
        self.0.last_cursor().await
    }
    fn event_signal(&self) -> watch::Receiver<u64> {
        self.0.event_signal()
    }
}

struct Noop;
type Answers<T> = futures_util::stream::BoxStream<'static, Result<T, Status>>;
const ID: &str = "0198a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
#[tonic::async_trait]
impl MessageService for Noop {
    type SendStreamStream = Answers<v1::SendStreamResponse>;
    type WatchMessagesStream = Answers<v1::WatchMessagesResponse>;
    async fn send(&self, _: Request<v1::SendRequest>) -> Result<Response<v1::SendResponse>, Status> {
        Ok(Response::new(v1::SendResponse { message_id: ID.into(), state: 1, duplicate: false }))
    }
    async fn send_stream(
        &self,
        r: Request<Streaming<v1::SendStreamRequest>>,
    ) -> Result<Response<Self::SendStreamStream>, Status> {
        Ok(Response::new(
            r.into_inner()
                .map(|r| {
                    r.map(|r| v1::SendStreamResponse {
                        sequence: r.sequence,
                        result: Some(v1::send_stream_response::Result::Accepted(v1::SendResponse {
                            message_id: ID.into(),
                            state: 1,
                            duplicate: false,
                        })),
                    })
                })
                .boxed(),
        ))
    }
    async fn get_message(
        &self,
        _: Request<v1::GetMessageRequest>,
    ) -> Result<Response<v1::GetMessageResponse>, Status> {
        todo!()
    }
    async fn list_messages(
        &self,
        _: Request<v1::ListMessagesRequest>,
    ) -> Result<Response<v1::ListMessagesResponse>, Status> {
        todo!()
    }
    async fn watch_messages(
        &self,
        _: Request<v1::WatchMessagesRequest>,
    ) -> Result<Response<Self::WatchMessagesStream>, Status> {
        todo!()
    }
    async fn cancel_message(
        &self,
        _: Request<v1::CancelMessageRequest>,
    ) -> Result<Response<v1::CancelMessageResponse>, Status> {
        todo!()
    }
    async fn explain_route(
        &self,
        _: Request<v1::ExplainRouteRequest>,
    ) -> Result<Response<v1::ExplainRouteResponse>, Status> {
        todo!()
    }
}

const CONTACTS: usize = 10_000;
fn phone(i: usize) -> String {
    format!("+346001{:05}", i)
}

async fn serve_api(listener: TcpListener) {
    let stores = Stores::memory();
    let clock = Clock::system().unwrap();
    let brand: BrandId = "acme".parse().unwrap();
    for i in 0..CONTACTS {
        let change = ContactChange {
            id: format!("contact-{i}").parse().unwrap(),
            addresses: Some(vec![
                ContactAddress {
                    address: Address::Email(format!("c{i}@example.com").parse().unwrap()),
                    whatsapp_inbound_at: None,
                },
                ContactAddress {
                    address: Address::Phone(Phone::parse(&phone(i), None).unwrap()),
                    whatsapp_inbound_at: None,
                },
            ]),
            labels: None,
            expected_version: None,
        };
        stores.contacts.upsert(&brand, change, clock.now()).await.unwrap();
    }
    let (key, secret) =
        token::mint(Some(brand.clone()), vec![Scope::Admin], "t".into(), clock.now()).unwrap();
    stores.keys.create_key(key).await.unwrap();
    std::fs::write("/tmp/drv.key", secret.expose()).unwrap();
    let mode = std::env::var("STORE").unwrap_or("stub".into());
    let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel::<tokio::sync::oneshot::Sender<()>>();
    tokio::spawn(async move {
        let mut all = Vec::new();
        loop {
            if rx.recv_many(&mut all, 10_000).await == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
            while let Ok(one) = rx.try_recv() {
                all.push(one)
            }
            for one in all.drain(..) {
                let _ = one.send(());
            }
        }
    });
    let stores = match mode.as_str() {
        "memory" => stores,
        other => Stores { messages: Arc::new(Stub(stores.messages.clone(), tx, other == "slow")), ..stores },
    };
    let policy =
        Policy::try_new(&BrandSettings { default_country: Some("ES".into()), ..Default::default() }).unwrap();
    let policies: Arc<Policies> = Arc::new(BTreeMap::from([(brand, policy)]));
    let board = Board::new(vec![], &relevo::health::Settings::default(), Vec::new());
    let planner =
        Planner::new(stores.consents.clone(), policies.clone(), board.clone(), RetrySettings::default());
    let rooms =
        Rooms { stores, clock, policies, board, planner, sandboxes: Vec::new().into_iter().collect() };
    let settings = Settings::default();
    let services = Services::new(rooms, &settings);
    eprintln!("ready");
    serve(listener, services, &settings, std::future::pending()).await.unwrap();
}

async fn serve_noop(listener: TcpListener) {
    let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
    eprintln!("ready");
    tonic::transport::Server::builder()
        .add_service(MessageServiceServer::new(Noop))
        .serve_with_incoming(incoming)
        .await
        .unwrap();
}

fn spec(i: usize) -> v1::MessageSpec {
    use v1::message_spec::Recipient;
    let who = std::env::var("WHO").unwrap_or_default();
    let addr = |value| Recipient::Address(v1::Address { value: Some(value) });
    let c = i % CONTACTS;
    let recipient = match who.as_str() {
        "phone" => addr(v1::address::Value::Phone(phone(c))),
        "email" => addr(v1::address::Value::Email(format!("c{c}@example.com"))),
        _ => Recipient::ContactId(format!("contact-{c}")),
    };
    v1::MessageSpec {
        recipient: Some(recipient),
        message_class: 1,
        topic: "orders".into(),
        content: Some(v1::Content {
            text: "Your order 4711 has been shipped and arrives tomorrow.".repeat(4),
            subject: "Your order".into(),
            ..Default::default()
        }),
        idempotency_key: if std::env::var("IDEM").is_ok() { format!("order-{i}") } else { String::new() },
        ..Default::default()
    }
}

async fn load(kind: &str, addr: SocketAddr, n: usize, conns: usize, inflight: usize) {
    let key = std::fs::read_to_string("/tmp/drv.key").unwrap_or("rlv_x".into());
    let auth: tonic::metadata::AsciiMetadataValue = format!("Bearer {key}").parse().unwrap();
    let specs: Arc<Vec<_>> = Arc::new((0..1000).map(spec).collect());
    let start = Instant::now();
    let mut tasks = Vec::new();
    let per = n / conns;
    for c in 0..conns {
        let channel = tonic::transport::Endpoint::from_shared(format!("http://{addr}"))
            .unwrap()
            .tcp_nodelay(true)
            .connect()
            .await
            .unwrap();
        if kind == "unary" {
            for _ in 0..inflight {
                let mut client = MessageServiceClient::new(channel.clone());
                let auth = auth.clone();
                let specs = specs.clone();
                tasks.push(tokio::spawn(async move {
                    let mut lat = Vec::new();
                    for i in 0..per / inflight {
                        let mut r = Request::new(v1::SendRequest {
                            message: Some(specs[(c * 100 + i) % 1000].clone()),
                        });
                        r.metadata_mut().insert("authorization", auth.clone());
                        let t = Instant::now();
                        client.send(r).await.unwrap();
                        lat.push(t.elapsed());
                    }
                    lat
                }));
            }
        } else {
            let mut client = MessageServiceClient::new(channel.clone());
            let auth = auth.clone();
            let specs = specs.clone();
            tasks.push(tokio::spawn(async move {
                let out = futures_util::stream::iter((0..per).map(move |i| v1::SendStreamRequest {
                    sequence: i as u64,
                    message: Some(specs[i % 1000].clone()),
                }));
                let mut r = Request::new(out);
                r.metadata_mut().insert("authorization", auth);
                let mut answers = client.send_stream(r).await.unwrap().into_inner();
                let mut seen = 0;
                while let Some(a) = answers.next().await {
                    match a.unwrap().result {
                        Some(v1::send_stream_response::Result::Accepted(_)) => seen += 1,
                        other => panic!("{other:?}"),
                    }
                }
                assert_eq!(seen, per);
                Vec::new()
            }));
        }
    }
    let mut lat = Vec::new();
    for t in tasks {
        lat.extend(t.await.unwrap());
    }
    let el = start.elapsed();
    lat.sort();
    let p99 = lat.get(lat.len() * 99 / 100).copied().unwrap_or_default();
    println!("{kind}: {:.0}/s p99 {:?}", n as f64 / el.as_secs_f64(), p99);
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let rt = match std::env::var("RT").as_deref() {
        Ok("current") => tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
        _ => tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap(),
    };
    rt.block_on(async move {
        match args[1].as_str() {
            "api" | "noop" => {
                let l = TcpListener::bind(("127.0.0.1", args[2].parse().unwrap())).await.unwrap();
                if args[1] == "api" {
                    tokio::spawn(serve_api(l)).await.unwrap()
                } else {
                    tokio::spawn(serve_noop(l)).await.unwrap()
                }
            }
            kind => {
                let addr: SocketAddr = args[2].parse().unwrap();
                load(kind, addr, args[3].parse().unwrap(), args[4].parse().unwrap(), args[5].parse().unwrap())
                    .await
            }
        }
    });
}
