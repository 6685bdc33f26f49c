//! The integration tests: whole flows over real sockets, against servers that this project did not write, and the store on a
//! real disk.
//!
//! # Where a test goes
//!
//! Tests are filed by what a user or an operator does. A new test goes to the first of these that fits:
//!
//! | what happens | folder or file |
//! |---|---|
//! | messages go out by each channel | [`sending`] |
//! | contacts opt in and out, and state preferences | [`consent`] |
//! | providers and people report back: receipts, texts, opt-outs, bounces | [`inbound`] |
//! | a provider fails: retries, breakers, the next channel | [`outage`] |
//! | an operator controls, stops or restarts the gateway | [`operating`] |
//! | the process is killed, or the disk is full | [`crash`] |
//! | peers use up memory, connections or time | [`abuse`] |
//! | a client calls the gRPC API, and nothing is dispatched | [`api`] |
//! | somebody uses the command line | [`cli`] |
//! | somebody runs the demonstration | [`demo`] |
//! | an adapter speaks one provider's protocol | [`providers`], and [`email`] for SMTP |
//! | a store keeps its promises; every store passes one suite | [`store`] |
//! | anybody sends arbitrary bytes | [`fuzz`] |
//! | the code keeps to the architecture, and the README to the code | [`rooms`], [`layers`], [`readme`] |
//!
//! A decision that needs no socket and no disk is tested beside its code, in `src/`. What must hold whatever happens is
//! checked by the simulation, `tests/sim`.
//!
//! # Peers
//!
//! The servers at the other end are in [`peers`], and `make peers` installs them. They listen on free ports and end with the
//! test that started them. A test passes a name that no other test passes, since the files and paths of its peer are named
//! after it.
//!
//! - [`peers::WiremockStubs::new`]: WireMock in place of any HTTP API. It answers what the test says, and keeps the requests.
//!   One WireMock serves all tests, each below the path of its name.
//! - [`peers::Smtp::start`]: aiosmtpd, which accepts mail and keeps a journal; [`peers::smtp_sink`] and [`peers::postfix`].
//! - [`peers::Smsc::start`]: an SMSC that speaks SMPP. [`peers::telegram`]: a server of Telegram's Bot API.
//! - [`peers::prism`]: a server made from a provider's own description of its API, which refuses what that forbids. It is
//!   `None` where the descriptions are not present, and the test is skipped.
//! - [`peers::aws`], [`peers::maildev`], [`peers::webhook`]: what signs, parses or verifies in place of the real one.
//!
//! # A gateway
//!
//! [`gateway::process::GatewayDirectory`] holds a configuration and a data directory; its `start` runs the program `relevo`
//! itself and waits until it is ready. [`gateway::providers`] writes the configuration of each provider, [`gateway::client`]
//! calls the API and waits for events, and [`gateway::history`] reads what a message's history says.
//!
//! ```ignore
//! #[tokio::test]
//! async fn an_order_goes_out_by_sms() {
//!     let sms = WiremockStubs::new("order-by-sms");
//!     sms.answer(json!({}), twilio_accepts()).await;
//!     let directory = GatewayDirectory::new(&twilio("sms", sms.url(), "")).await;
//!     let gateway = directory.start().await;
//!     gateway.upsert_contact(ana()).await;
//!     let message = gateway.send_until_ended(by(&[Channel::Sms], order())).await;
//!     assert_eq!(route_taken(&message), "sms SENT");
//!     assert_eq!(sms.requests().await.len(), 1);
//!     gateway.stop().await;
//! }
//! ```
//!
//! # Time
//!
//! Time comes from a clock. Tests in [`api`], [`store`] and [`inbound::contacts`] build their part of the gateway in this
//! process, with `Clock::simulated` or with an explicit time. A gateway that runs as a process has the machine's clock: a
//! test of it waits for an event ([`gateway::client`]) or for a line of the log, and never for a time to pass. Each wait has
//! a limit, and says what was missing when it fails.
//!
//! # See it fail
//!
//! A test asserts what a user would notice. Before it is committed, the code that it covers is broken once on purpose, and
//! the test is seen to fail for that reason. Names are unique sentences: `ARCHITECTURE.md` names some, and [`rooms`] checks
//! that they exist.

mod abuse;
mod api;
mod cli;
mod consent;
mod crash;
mod demo;
mod email;
mod fuzz;
mod gateway;
mod inbound;
mod layers;
mod operating;
mod outage;
mod peers;
mod providers;
mod readme;
mod rooms;
mod sending;
mod store;
mod support;
