//! One session from bind to end: what is sent, what comes, and what is kept before it is answered.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until, timeout};

use super::connection::SmppConnection;
use super::errors::{self, ESME_RINVCMDID, ESME_ROK, ESME_RX_P_APPN, ESME_RX_T_APPN};
use super::inbound::{self, PartialTextKey, PartialTexts};
use super::pdu::{self, Bind, DeliverSm, Pdu, PduBody};
use super::receipts;
use super::session::{SmppSession, SubmitAnswer};
use super::{Smpp, unavailable};
use crate::adapters::webhooks::{DeliveryReport, EventSink, ProviderEvent};
use crate::model::Outcome;

/// How many receipts and messages of people may be on their way to the disk before no more are read.
const MAX_KEEPING: usize = 256;

/// How many octets may wait to be written before nothing is read that would have to be answered.
const MAX_UNWRITTEN_OCTETS: usize = 65_536;

/// A session. Dropped, it takes leave of the SMSC as far as that is possible.
pub(super) struct SmppLink<'a> {
    smpp: &'a Smpp,
    ear: &'a dyn EventSink,
    /// Messages of people of which parts are missing: they outlive the session.
    parts: &'a mut PartialTexts,
    session: Arc<SmppSession>,
    connection: SmppConnection,
    keeping: FuturesUnordered<RecordingTask<'a>>,
    /// Messages of people wait for one another: who writes STOP and then START means it in this order.
    texts: VecDeque<UnrecordedEvent>,
    is_keeping_text: bool,
    /// When the SMSC will have been silent for too long: it is asked then, or given up when it was asked.
    patience_until: Instant,
    is_asked: bool,
    is_over: bool,
}

type RecordingTask<'a> = Pin<Box<dyn Future<Output = RecordedEvent> + Send + 'a>>;

/// Something to be kept.
struct UnrecordedEvent {
    told: ProviderEvent,
    answers: FollowUp,
}

/// What is done about an arrival once it is known whether it was kept.
struct FollowUp {
    /// The `deliver_sm` to answer, if there is one.
    sequence: Option<u32>,
    /// The parts to forget that it was made of.
    parts: Option<PartialTextKey>,
}

struct RecordedEvent {
    answers: FollowUp,
    is_text: bool,
    is_kept: bool,
}

enum LinkEvent {
    Heard(io::Result<Pdu>),
    Written(io::Result<()>),
    Ready,
    Kept(RecordedEvent),
    Silence,
}

impl<'a> SmppLink<'a> {
    /// Connects and binds.
    ///
    /// # Errors
    /// What a message meets that was to go this way.
    pub(super) async fn bind(
        smpp: &'a Smpp,
        ear: &'a dyn EventSink,
        parts: &'a mut PartialTexts,
    ) -> Result<Self, Outcome> {
        let connected = timeout(smpp.connect_timeout, smpp.server.connect()).await;
        let connected = connected.map_err(|_| unavailable("the SMSC did not take the connection in time"))?;
        let mut connection = connected.map_err(|error| unavailable(&error.to_string()))?;
        let session = Arc::new(SmppSession::new(smpp.settings.window, smpp.settings.response_timeout()));
        let bound = introduce(smpp, session.sequence(), &mut connection);
        let bound = timeout(smpp.settings.response_timeout(), bound).await;
        let bound = bound.map_err(|_| unavailable("the SMSC did not answer the bind in time"))?;
        match bound.map_err(|error| unavailable(&error.to_string()))? {
            ESME_ROK => {}
            status => return Err(errors::bind_refused(status)),
        }
        Ok(Self {
            smpp,
            ear,
            parts,
            session,
            connection,
            keeping: FuturesUnordered::new(),
            texts: VecDeque::new(),
            is_keeping_text: false,
            patience_until: Instant::now() + smpp.settings.enquire_link(),
            is_asked: false,
            is_over: false,
        })
    }

    /// By what messages go.
    pub(super) fn session(&self) -> Arc<SmppSession> {
        Arc::clone(&self.session)
    }

    /// Speaks with the SMSC until the session ends, and says why it did.
    pub(super) async fn run(mut self) -> String {
        loop {
            let event = self.next().await;
            if let Err(why) = self.handle(event) {
                return why;
            }
        }
    }

    async fn next(&mut self) -> LinkEvent {
        self.give_up_overdue();
        self.keep_next_text();
        let (input, output) = self.connection.ends();
        // Only what can go out at once is taken, because from then on it counts as sent.
        if output.is_done()
            && let Some(request) = self.session.take()
        {
            output.push(&request);
        }
        let may_read =
            self.keeping.len() + self.texts.len() < MAX_KEEPING && output.waiting() < MAX_UNWRITTEN_OCTETS;
        let is_done = output.is_done();
        tokio::select! {
            heard = input.next(), if may_read => LinkEvent::Heard(heard),
            written = output.write(), if !is_done => LinkEvent::Written(written),
            () = self.session.ready.notified(), if is_done => LinkEvent::Ready,
            Some(kept) = self.keeping.next() => LinkEvent::Kept(kept),
            // Who is not listened to is not silent.
            () = sleep_until(self.patience_until), if may_read => LinkEvent::Silence,
        }
    }

    /// # Errors
    /// Why the session is over.
    fn handle(&mut self, event: LinkEvent) -> Result<(), String> {
        match event {
            LinkEvent::Heard(Ok(pdu)) => self.handle_pdu(pdu),
            LinkEvent::Heard(Err(error)) | LinkEvent::Written(Err(error)) => {
                self.is_over = true;
                Err(error.to_string())
            }
            LinkEvent::Written(Ok(())) | LinkEvent::Ready => Ok(()),
            LinkEvent::Kept(kept) => {
                self.finish_recording(kept);
                Ok(())
            }
            LinkEvent::Silence if self.is_asked => {
                Err("the SMSC did not answer enquire_link in time".to_owned())
            }
            LinkEvent::Silence => {
                self.is_asked = true;
                self.patience_until = Instant::now() + self.smpp.settings.response_timeout();
                self.connection.queue_pdu(&pdu::enquire_link(self.session.sequence()));
                Ok(())
            }
        }
    }

    fn handle_pdu(&mut self, pdu: Pdu) -> Result<(), String> {
        self.is_asked = false;
        self.patience_until = Instant::now() + self.smpp.settings.enquire_link();
        let (sequence, status) = (pdu.header.sequence, pdu.header.status);
        match pdu.body {
            Ok(PduBody::SubmitSmResp(id)) => {
                self.session.answer(sequence, SubmitAnswer { status, id });
            }
            Ok(PduBody::DeliverSm(deliver)) => self.handle_deliver(sequence, &deliver),
            Ok(PduBody::EnquireLink) => self.connection.queue_pdu(&pdu::enquire_link_resp(sequence)),
            Ok(PduBody::Unbind) => {
                self.connection.queue_pdu(&pdu::unbind_resp(sequence));
                self.is_over = true;
                return Err("the SMSC took leave".to_owned());
            }
            Ok(PduBody::GenericNack) => {
                let status = if status == ESME_ROK { ESME_RINVCMDID } else { status };
                if !self.session.answer(sequence, SubmitAnswer { status, id: String::new() }) {
                    return Err(format!("the SMSC could not read what we said (0x{status:02X})"));
                }
            }
            Ok(PduBody::Unknown) => self.connection.queue_pdu(&pdu::generic_nack(sequence, ESME_RINVCMDID)),
            Ok(
                PduBody::BindTransceiverResp
                | PduBody::EnquireLinkResp
                | PduBody::UnbindResp
                | PduBody::Ignored,
            ) => {}
            Err(error) => {
                tracing::warn!(smsc = self.smpp.settings.host, %error, "the SMSC sent what cannot be read");
                if !pdu.header.is_response() {
                    self.connection.queue_pdu(&pdu::deliver_sm_resp(sequence, ESME_RX_P_APPN));
                }
            }
        }
        Ok(())
    }

    /// Keeps what a `deliver_sm` tells, and answers it then; at once when it tells nothing.
    fn handle_deliver(&mut self, sequence: u32, deliver: &DeliverSm) {
        let told = if receipts::is_receipt(deliver) {
            Ok(self.receipt(deliver).map(|told| (told, None)))
        } else if receipts::is_message(deliver) {
            self.text(deliver)
        } else {
            Ok(None)
        };
        let say = |status| pdu::deliver_sm_resp(sequence, status);
        match told {
            Ok(Some((told, parts))) => {
                self.enqueue(UnrecordedEvent { told, answers: FollowUp { sequence: Some(sequence), parts } });
            }
            Ok(None) => self.connection.queue_pdu(&say(ESME_ROK)),
            Err(inbound::PartialTextsFull) => self.connection.queue_pdu(&say(ESME_RX_T_APPN)),
        }
    }

    /// The time is that of its arrival: SMSCs write theirs without a time zone.
    fn receipt(&self, deliver: &DeliverSm) -> Option<ProviderEvent> {
        let report = receipts::read(deliver, self.smpp.settings.message_ids)?;
        let reference = self.smpp.earlier().reference(&report)?;
        Some(ProviderEvent::Receipt(DeliveryReport {
            reference,
            echo: None,
            address: inbound::phone(&deliver.source),
            status: report.status,
            reported_at: self.ear.now(),
            evidence: report.evidence,
            objection: None,
        }))
    }

    /// A message of a person, once all of it is there.
    fn text(
        &mut self,
        deliver: &DeliverSm,
    ) -> Result<Option<(ProviderEvent, Option<PartialTextKey>)>, inbound::PartialTextsFull> {
        let written = inbound::read(deliver);
        let now = self.ear.now();
        let Some(part) = written.part else {
            let text = inbound::decode(written.data_coding, written.octets);
            let told = inbound::text_event(&deliver.source, &deliver.destination, text, now);
            return Ok(told.map(|told| (told, None)));
        };
        let Some(joined) = self.parts.add(deliver, part, now)? else { return Ok(None) };
        Ok(inbound::text_event(&joined.from, &joined.to, joined.text, now)
            .map(|told| (told, Some(joined.key))))
    }

    fn give_up_overdue(&mut self) {
        let now = self.ear.now();
        while let Some(joined) = self.parts.overdue(now) {
            let told = inbound::text_event(&joined.from, &joined.to, joined.text, now);
            let answers = FollowUp { sequence: None, parts: None };
            self.texts.extend(told.map(|told| UnrecordedEvent { told, answers }));
        }
    }

    fn enqueue(&mut self, arrival: UnrecordedEvent) {
        match arrival.told {
            ProviderEvent::Text(_) => self.texts.push_back(arrival),
            _ => self.start_recording(arrival),
        }
    }

    fn keep_next_text(&mut self) {
        if !self.is_keeping_text
            && let Some(text) = self.texts.pop_front()
        {
            self.is_keeping_text = true;
            self.start_recording(text);
        }
    }

    fn start_recording(&mut self, UnrecordedEvent { told, answers }: UnrecordedEvent) {
        let (ear, is_text) = (self.ear, matches!(told, ProviderEvent::Text(_)));
        self.keeping.push(Box::pin(async move {
            let is_kept = ear.record(vec![told]).await.is_ok();
            RecordedEvent { answers, is_text, is_kept }
        }));
    }

    /// What could not be kept is told again: that is what the status asks for.
    fn finish_recording(&mut self, kept: RecordedEvent) {
        self.is_keeping_text &= !kept.is_text;
        if let Some(key) = kept.answers.parts.filter(|_| kept.is_kept) {
            self.parts.forget(&key);
        }
        let status = if kept.is_kept { ESME_ROK } else { ESME_RX_T_APPN };
        if let Some(sequence) = kept.answers.sequence {
            self.connection.queue_pdu(&pdu::deliver_sm_resp(sequence, status));
        }
    }
}

impl Drop for SmppLink<'_> {
    fn drop(&mut self) {
        self.session.close();
        if !self.is_over {
            self.connection.queue_pdu(&pdu::unbind(self.session.sequence()));
        }
    }
}

/// Binds, and gives the SMSC's status.
async fn introduce(smpp: &Smpp, sequence: u32, connection: &mut SmppConnection) -> io::Result<u32> {
    let settings = &smpp.settings;
    let password = settings.password.expose();
    let bind = Bind { system_id: &settings.system_id, password, system_type: &settings.system_type };
    let (input, output) = connection.ends();
    output.push(&pdu::bind_transceiver(sequence, bind));
    output.write().await?;
    loop {
        let pdu = input.next().await?;
        match pdu.body {
            Ok(PduBody::BindTransceiverResp) => return Ok(pdu.header.status),
            Ok(PduBody::GenericNack) => return Ok(pdu.header.status.max(ESME_RINVCMDID)),
            // Some SMSCs ask before they answer.
            Ok(PduBody::EnquireLink) => {
                output.push(&pdu::enquire_link_resp(pdu.header.sequence));
                output.write().await?;
            }
            _ => {}
        }
    }
}
