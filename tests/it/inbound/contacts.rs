//! Texts, address reports and complaints, from an adapter's event sink to the contact's consent.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use relevo::adapters::webhooks::{
    DeliveryReport, EventSink, ProviderEvent, WebhookError, WebhookHandler, WebhookPayload, WebhookRequest,
};
use relevo::clock::Clock;
use relevo::consent::{LedgerStanding, standing};
use relevo::inbound::{
    InboundDirectory, InboundProcessor, InboundSource, MailSettings, WebhookRouter, serve_mail,
};
use relevo::model::{
    Address, AddressChange, AddressReport, AttemptRef, BrandId, Channel, ConsentAction, ConsentEvidence,
    ContactEvent, ContactEventDetail, ContactId, InboundText, Keyword, MessageId, Objection, OutcomeEvidence,
    ProviderName, ReceiptReport, ReceiptStatus, Recipient, SuppressionReason, Timestamp, TopicScope,
};
use relevo::routing::{BrandPolicy, BrandSettings};
use relevo::store::{self, InboundStore, NewConsentEntry, RecordedReceipt, StoreError, Stores};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::store::sample::{
    self, accept_and_send, acme, brand, contact_id, create, first_page, get, ledger, message, phone,
};
use crate::support::log_lines::LogLines;

/// Two brands that share a provider: acme has a number of its own, globex has not.
struct TwoBrands {
    stores: Stores,
    processor: InboundProcessor,
}

impl TwoBrands {
    async fn new(senders: [Option<&str>; 2]) -> Self {
        let stores = Stores::memory();
        let brands = [acme(), brand("globex")];
        let senders = senders.map(|sender| sender.map(str::to_owned));
        let source = InboundSource {
            channel: Channel::Whatsapp,
            brands: brands.clone().into_iter().zip(senders).collect(),
        };
        let keywords = BrandPolicy::try_new(&BrandSettings::default()).unwrap().keywords;
        let directory = InboundDirectory {
            sources: [(provider(), source.clone()), (second_provider(), source)].into(),
            keywords: brands.clone().map(|brand| (brand, keywords.clone())).into(),
        };
        for brand in &brands {
            create(&stores, brand, "ana", &[number()]).await;
        }
        Self { processor: processor(&stores, directory), stores }
    }

    /// The same after acme went from the configuration.
    fn without_acme(self) -> Self {
        let keywords = BrandPolicy::try_new(&BrandSettings::default()).unwrap().keywords;
        let source = InboundSource { channel: Channel::Whatsapp, brands: vec![(brand("globex"), None)] };
        let sources = [provider(), sample::provider()].map(|name| (name, source.clone())).into();
        let directory = InboundDirectory { sources, keywords: [(brand("globex"), keywords)].into() };
        Self { processor: processor(&self.stores, directory), ..self }
    }

    async fn record(&self, event: ProviderEvent) {
        self.record_by(provider(), event).await;
    }

    async fn record_by(&self, provider: ProviderName, event: ProviderEvent) {
        self.processor.event_sink(provider).record(vec![event]).await.unwrap();
    }

    async fn ana(&self, brand: &BrandId) -> Recipient {
        self.stores.consents.recipient(brand, &contact_id("ana")).await.unwrap().unwrap()
    }

    async fn events(&self, brand: &BrandId) -> Vec<ContactEvent> {
        let page = self.stores.contacts.contact_events(brand, &contact_id("ana"), first_page(10)).await;
        page.unwrap().items
    }

    async fn opts_in(&self, topic: &str) {
        let evidence = ConsentEvidence {
            source: "shop".to_owned(),
            method: "web_form".to_owned(),
            wording: String::new(),
            time: minute(0),
            origin: String::new(),
            actor: String::new(),
        };
        let scope = TopicScope::Topic(topic.parse().unwrap());
        let recorded_by = "key".to_owned();
        let entry = NewConsentEntry {
            action: ConsentAction::Grant,
            channel: Channel::Whatsapp,
            scope,
            evidence,
            recorded_by,
        };
        self.stores.consents.record_consent(&acme(), &contact_id("ana"), entry, minute(0)).await.unwrap();
    }
}

fn processor(stores: &Stores, directory: InboundDirectory) -> InboundProcessor {
    InboundProcessor::new(stores, directory, Clock::simulated(minute(100), 1))
}

fn provider() -> ProviderName {
    "wa".parse().unwrap()
}

/// Another provider of the same channel.
fn second_provider() -> ProviderName {
    "wa-2".parse().unwrap()
}

fn number() -> Address {
    phone("+34600123456")
}

fn minute(minute: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + 60 * minute).unwrap()
}

fn text(id: i64, to: Option<&str>, text: &str) -> ProviderEvent {
    let to = to.map(str::to_owned);
    let (id, at) = (id.to_string(), minute(id));
    ProviderEvent::Text(InboundText {
        id,
        from: number(),
        aliases: Vec::new(),
        to,
        text: text.to_owned(),
        reply_to: None,
        at,
    })
}

fn is_granted(recipient: &Recipient, topic: &str) -> bool {
    matches!(
        standing(&recipient.ledger, Channel::Whatsapp, &topic.parse().unwrap()),
        LedgerStanding::Granted(_)
    )
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_everything_on_the_channel_and_a_start_gives_it_back() {
    let brands = TwoBrands::new([Some("+34910000000"), None]).await;
    brands.opts_in("offers").await;
    brands.record(text(1, Some("34910000000"), "Stop!")).await;
    let stopped = brands.ana(&acme()).await;
    assert_eq!(stopped.suppressions[0].reason, SuppressionReason::OptedOut);
    assert!(!is_granted(&stopped, "offers"));
    let entries = ledger(&brands.stores, &acme(), "ana").await;
    let entry = entries.last().unwrap();
    assert_eq!((entry.evidence.wording.as_str(), entry.evidence.origin.as_str()), ("Stop!", "+34600123456"));
    assert!(brands.ana(&brand("globex")).await.suppressions.is_empty(), "it was not said to globex");

    // Told twice, and a text that means nothing, change nothing.
    brands.record(text(1, Some("34910000000"), "Stop!")).await;
    brands.record(text(2, Some("34910000000"), "why do you stop?")).await;
    assert_eq!(ledger(&brands.stores, &acme(), "ana").await, entries);

    brands.record(text(3, Some("34910000000"), "/start")).await;
    let back = brands.ana(&acme()).await;
    assert!(back.suppressions.is_empty());
    assert!(is_granted(&back, "offers") && !is_granted(&back, "news"), "what it took, and nothing more");
    let events = brands.events(&acme()).await;
    let keywords = events.into_iter().map(|event| match event.detail {
        ContactEventDetail::Wrote { keyword, .. } => keyword,
        other => panic!("{other:?}"),
    });
    assert_eq!(keywords.collect::<Vec<_>>(), [Some(Keyword::Start), None, Some(Keyword::Stop)]);
}

#[tokio::test(start_paused = true)]
async fn what_was_told_by_a_clock_that_is_ahead_happened_now() {
    let brands = TwoBrands::new([Some("+34910000000"), None]).await;
    let report = AddressReport {
        id: "2".to_owned(),
        address: number(),
        aliases: Vec::new(),
        to: Some("34910000000".to_owned()),
        change: AddressChange::Objected(Objection::CommercialOptedOut),
        at: minute(600),
        evidence: OutcomeEvidence::default(),
    };
    for event in [text(500, Some("34910000000"), "stop"), ProviderEvent::Address(report)] {
        brands.record(event).await;
    }
    brands
        .record(complaint(
            AttemptRef { brand: acme(), message: MessageId::new(1, &[7; 10]), attempt: 1 },
            700,
        ))
        .await;
    let entries = ledger(&brands.stores, &acme(), "ana").await;
    assert!(entries.iter().all(|entry| entry.evidence.time == minute(100)), "{entries:?}");
    let events = brands.events(&acme()).await;
    assert!(events.len() == 3 && events.iter().all(|event| event.at == minute(100)), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_text_that_could_be_for_two_brands_is_shown_to_none_and_still_stops_both() {
    let brands = TwoBrands::new([None, None]).await;
    brands.record(text(1, Some("34910000000"), "my new address is ...")).await;
    brands.record(text(2, None, "stop")).await;
    for brand in [acme(), brand("globex")] {
        assert_eq!(brands.ana(&brand).await.suppressions.len(), 1, "{brand}");
        assert_eq!(brands.events(&brand).await.len(), 1, "the stop and not the other");
    }
}

#[tokio::test(start_paused = true)]
async fn a_text_opens_the_window_where_it_came_through() {
    let brands = TwoBrands::new([Some("+34910000000"), None]).await;
    brands.record(text(1, Some("34910000000"), "hello")).await;
    let windows = |recipient: Recipient| recipient.contact.addresses[0].whatsapp_windows.clone();
    assert_eq!(windows(brands.ana(&acme()).await), [(provider(), minute(1))].into());
    assert_eq!(windows(brands.ana(&brand("globex")).await), [].into());
}

#[tokio::test(start_paused = true)]
async fn what_a_provider_says_of_an_address_is_on_record_with_its_words() {
    let brands = TwoBrands::new([None, None]).await;
    brands.opts_in("offers").await;
    let address_report = |id: &str, change, at| {
        let (address, evidence) = (number(), OutcomeEvidence::new("kicked", "the bot was blocked"));
        ProviderEvent::Address(AddressReport {
            id: id.to_owned(),
            address,
            aliases: Vec::new(),
            to: None,
            change,
            at,
            evidence,
        })
    };
    brands.record(address_report("1", AddressChange::Objected(Objection::OptedOut), minute(1))).await;
    let blocked = brands.ana(&acme()).await;
    assert_eq!(blocked.suppressions[0].explanation, "kicked the bot was blocked");
    assert!(!is_granted(&blocked, "offers"));
    assert_eq!(brands.ana(&brand("globex")).await.suppressions.len(), 1, "an address is blocked for all");
    brands.record(address_report("2", AddressChange::Returned, minute(2))).await;
    let back = brands.ana(&acme()).await;
    assert!(back.suppressions.is_empty() && !is_granted(&back, "offers"), "it is no opt-in");
}

#[tokio::test(start_paused = true)]
async fn what_was_said_to_two_providers_is_taken_back_at_each_or_by_one_start() {
    let brands = TwoBrands::new([Some("+34910000000"), None]).await;
    let report = |id: &str, change| {
        let to = Some("34910000000".to_owned());
        let (id, address, at) = (id.to_owned(), number(), minute(1));
        let evidence = OutcomeEvidence::new("", "said at the provider");
        ProviderEvent::Address(AddressReport { id, address, aliases: Vec::new(), to, change, at, evidence })
    };
    let opted_out = || AddressChange::Objected(Objection::OptedOut);
    let told_by = async || {
        let suppressions = brands.ana(&acme()).await.suppressions.into_iter();
        suppressions.map(|suppression| suppression.recorded_by).collect::<Vec<_>>()
    };
    for provider in [provider(), second_provider()] {
        brands.record_by(provider, report("1", opted_out())).await;
    }
    assert_eq!(told_by().await, ["wa", "wa-2"]);
    brands.record(report("2", AddressChange::Returned)).await;
    assert_eq!(told_by().await, ["wa-2"], "it stands at the other");
    brands.record(report("3", opted_out())).await;
    assert_eq!(told_by().await, ["wa", "wa-2"]);

    brands.record(text(4, Some("34910000000"), "start")).await;
    let back = brands.ana(&acme()).await;
    assert_eq!(back.suppressions, []);
    let how = back.lifted_suppressions.iter().map(|lifted| lifted.lift.evidence.wording.as_str());
    assert_eq!(how.collect::<Vec<_>>(), ["start", "start"]);
}

/// A complaint about a message that is not there.
fn complaint(echo: AttemptRef, at: i64) -> ProviderEvent {
    ProviderEvent::Receipt(DeliveryReport {
        reference: "gone".to_owned(),
        echo: Some(echo),
        address: Some(number()),
        aliases: Vec::new(),
        status: ReceiptStatus::Delivered,
        reported_at: minute(at),
        evidence: OutcomeEvidence::new("complaint", ""),
        objection: Some(Objection::Complaint),
    })
}

#[tokio::test(start_paused = true)]
async fn a_complaint_about_a_forgotten_message_counts_for_its_brand() {
    let brands = TwoBrands::new([None, None]).await;
    let echo = AttemptRef { brand: brand("globex"), message: MessageId::new(1, &[7; 10]), attempt: 1 };
    brands.record(complaint(AttemptRef { brand: brand("initech"), ..echo.clone() }, 1)).await;
    brands.record(complaint(echo, 1)).await;
    assert_eq!(brands.ana(&brand("globex")).await.suppressions[0].reason, SuppressionReason::Complaint);
    assert!(brands.ana(&acme()).await.suppressions.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_for_a_brand_that_is_gone_is_kept_for_no_other_and_logged_without_what_it_says() {
    let brands = TwoBrands::new([Some("+34910000000"), None]).await;
    let sent = sample::accept_and_send(&brands.stores, sample::message(0), 1, "ref-1").await;
    let brands = brands.without_acme();
    let (lines, _logging) = LogLines::collect();
    let answer = InboundText {
        id: "1".to_owned(),
        from: number(),
        aliases: Vec::new(),
        to: None,
        text: "stop".to_owned(),
        reply_to: Some("ref-1".to_owned()),
        at: minute(1),
    };
    brands.processor.event_sink(sample::provider()).record(vec![ProviderEvent::Text(answer)]).await.unwrap();
    let complaint = DeliveryReport {
        reference: String::new(),
        echo: Some(AttemptRef { brand: acme(), message: sent.message.id, attempt: 7 }),
        address: Some(number()),
        aliases: Vec::new(),
        status: ReceiptStatus::Delivered,
        reported_at: minute(1),
        evidence: OutcomeEvidence::new("complaint", "stop"),
        objection: Some(Objection::Complaint),
    };
    brands.record(ProviderEvent::Receipt(complaint)).await;
    for brand in [acme(), brand("globex")] {
        assert!(brands.events(&brand).await.is_empty() && brands.ana(&brand).await.suppressions.is_empty());
    }
    let text = lines.text();
    let all: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let warnings = all.iter().filter(|line| line["level"] == "WARN");
    let brands: Vec<_> = warnings.map(|line| &line["fields"]["brand.id"]).collect();
    assert_eq!(brands, ["acme", "acme"], "{text}");
    assert!(!text.contains("600123456") && !text.contains("\"stop\""), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_read_is_logged_without_whom_it_names() {
    let brands = TwoBrands::new([None, None]).await;
    let (lines, _logging) = LogLines::collect();
    let why = "timestamp must be a number, not \"+34600123456\"".to_owned();
    brands.record(ProviderEvent::Unreadable { count: 2, why }).await;
    let line: serde_json::Value = serde_json::from_str(lines.text().lines().next().unwrap()).unwrap();
    assert_eq!((&line["level"], &line["fields"]["count"]), (&"WARN".into(), &2.into()));
    assert_eq!(line["fields"]["provider.name"], "wa");
    assert!(line["fields"]["detail"].as_str().unwrap().starts_with("timestamp must be"), "{line}");
    assert!(!lines.text().contains("600123456"), "{}", lines.text());
}

#[tokio::test(start_paused = true)]
async fn what_has_a_long_id_is_known_by_all_of_it_and_keeps_little() {
    let brands = TwoBrands::new([None, None]).await;
    let long = |end: &str| format!("{}{end}", "x".repeat(10_000));
    for id in [long("1"), long("2"), long("2")] {
        brands
            .record(ProviderEvent::Text(InboundText {
                id,
                from: number(),
                aliases: Vec::new(),
                to: Some(long("")),
                text: "stop".to_owned(),
                reply_to: None,
                at: minute(1),
            }))
            .await;
    }
    let events = brands.events(&acme()).await;
    assert_eq!(events.len(), 2, "the second was event twice");
    for event in events {
        let ContactEventDetail::Wrote { to: Some(to), .. } = event.detail else {
            panic!("{:?}", event.detail)
        };
        assert!(to.len() <= 255, "{to}");
    }
}

/// An inbox on a disk that is full for as long as it is said to be.
struct FailingInbox {
    inbox: Arc<dyn InboundStore>,
    is_full: AtomicBool,
}

impl FailingInbox {
    fn check(&self) -> Result<(), StoreError> {
        let error = StoreError::Full { path: "data".to_owned(), free_bytes: 0, needed_bytes: 1 };
        if self.is_full.load(Ordering::Relaxed) { Err(error) } else { Ok(()) }
    }
}

#[async_trait]
impl InboundStore for FailingInbox {
    async fn record_receipt(
        &self,
        report: ReceiptReport,
        now: Timestamp,
    ) -> Result<RecordedReceipt, StoreError> {
        self.check()?;
        self.inbox.record_receipt(report, now).await
    }

    async fn contact_of_event(
        &self,
        brand: &BrandId,
        event: &store::InboundEvent,
    ) -> Result<Option<ContactId>, StoreError> {
        self.check()?;
        self.inbox.contact_of_event(brand, event).await
    }

    async fn find_by_reference(
        &self,
        provider: &ProviderName,
        reference: &str,
    ) -> Result<Option<AttemptRef>, StoreError> {
        self.inbox.find_by_reference(provider, reference).await
    }

    async fn record_event(
        &self,
        brand: &BrandId,
        event: store::InboundEvent,
        now: Timestamp,
    ) -> Result<store::EventResult, StoreError> {
        self.check()?;
        self.inbox.record_event(brand, event, now).await
    }
}

/// Takes every mail for a report that the message sent as `ref-1` failed.
#[derive(Debug)]
struct Bounces;

#[async_trait]
impl WebhookHandler for Bounces {
    async fn handle(&self, call: &WebhookRequest<'_>) -> Result<WebhookPayload, WebhookError> {
        Ok(WebhookPayload::Events(vec![ProviderEvent::Receipt(DeliveryReport {
            reference: "ref-1".to_owned(),
            echo: None,
            address: None,
            aliases: Vec::new(),
            status: ReceiptStatus::Failed,
            reported_at: call.now,
            evidence: OutcomeEvidence::new("5.2.2", "the mailbox is full"),
            objection: None,
        })]))
    }

    fn accepts_mail_for(&self, _: &str) -> bool {
        true
    }
}

/// The reply to the text of a mail, by LMTP.
async fn deliver_by_lmtp(listener: SocketAddr) -> String {
    let mut stream = TcpStream::connect(listener).await.unwrap();
    let session = b"LHLO mx.example.org\r\nMAIL FROM:<>\r\nRCPT TO:<bounce@bounces.example.com>\r\nDATA\r\n\
        Subject: It failed\r\n\r\n.\r\nQUIT\r\n";
    stream.write_all(session).await.unwrap();
    let mut replies = String::new();
    stream.read_to_string(&mut replies).await.unwrap();
    let mut last = replies.lines().rev();
    assert_eq!(last.next(), Some("221 2.0.0 bye"), "{replies}");
    last.next().unwrap().to_owned()
}

#[tokio::test]
async fn a_bounce_that_cannot_be_kept_stays_with_the_mail_server_and_counts_once() {
    let stores = Stores::memory();
    let sent = accept_and_send(&stores, message(0), 1, "ref-1").await;
    let inbox = Arc::new(FailingInbox { inbox: Arc::clone(&stores.inbound), is_full: AtomicBool::new(true) });
    let failing = Stores { inbound: Arc::clone(&inbox) as Arc<dyn InboundStore>, ..stores.clone() };
    let processor =
        InboundProcessor::new(&failing, InboundDirectory::default(), Clock::simulated(minute(100), 1));
    let hooks = WebhookRouter::new(
        [(sample::provider(), Arc::new(Bounces) as Arc<dyn WebhookHandler>)].into(),
        processor,
    );
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let listen = listener.local_addr().unwrap();
    let (timeout_ms, write_timeout_ms) = (10_000, 10_000);
    let settings =
        MailSettings { listen, max_message_bytes: 1_000, timeout_ms, write_timeout_ms, max_connections: 1 };
    tokio::spawn(serve_mail(listener, hooks, settings, std::future::pending()));

    assert_eq!(deliver_by_lmtp(listen).await, "451 4.3.0 it could not be kept; please try again");
    assert_eq!(get(&stores, sent.message.id).await.history, sent.history);
    inbox.is_full.store(false, Ordering::Relaxed);
    for _ in 0..2 {
        assert_eq!(deliver_by_lmtp(listen).await, "250 2.0.0 kept");
        assert_eq!(get(&stores, sent.message.id).await.history.version(), sent.history.version() + 1);
    }
}
