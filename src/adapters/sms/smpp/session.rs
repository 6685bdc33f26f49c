//! One session from bind to end: the PDUs that are sent and received, and the events that are recorded before they are
//! answered.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

use super::account::SmppAccount;
use super::connection::SmppConnection;
use super::errors::{ESME_RINVCMDID, ESME_ROK, ESME_RX_P_APPN, ESME_RX_T_APPN};
use super::inbound::{self, PartialTextKey, PartialTexts};
use super::pdu::{self, DeliverSm, Pdu, PduBody};
use super::receipts::{self, DeliverKind, SmscReceipt};
use super::request_window::{SmppRequestWindow, SubmitResponse};
use crate::adapters::webhooks::{DeliveryReport, EventSink, ProviderEvent, UncertainReceipt};
use crate::model::{InboundText, Outcome};

/// How many receipts and messages of people may wait to be recorded before no more are read.
const MAX_RECORDINGS: usize = 256;

/// How many octets may wait to be written before nothing is read that would have to be answered.
const MAX_UNWRITTEN_OCTETS: usize = 65_536;

/// How many messages are remembered after their answer: as many as may be without one.
const MAX_ANSWERED: usize = 1_000;

/// A session. When it is dropped, an `unbind` is sent as far as that is possible.
pub(super) struct SmppSession<'a> {
    account: &'a SmppAccount,
    sink: &'a dyn EventSink,
    /// Messages of people of which parts are missing. They outlive the session.
    parts: &'a mut PartialTexts,
    window: Arc<SmppRequestWindow>,
    connection: SmppConnection,
    recordings: FuturesUnordered<RecordingTask<'a>>,
    /// Messages of people that wait for one another: who writes STOP and then START means it in this order.
    texts: VecDeque<UnrecordedEvent>,
    is_recording_text: bool,
    /// The references of the messages that were answered last, which may not be on disk yet.
    answered: VecDeque<String>,
    /// When the SMSC will have been silent for too long: then it is asked for a sign (`enquire_link`), or given up when it was
    /// asked.
    silence_until: Instant,
    is_enquiring: bool,
    is_over: bool,
}

type RecordingTask<'a> = Pin<Box<dyn Future<Output = RecordedEvent> + Send + 'a>>;

/// An event that is still to be recorded.
struct UnrecordedEvent {
    event: ProviderEvent,
    follow_up: FollowUp,
}

/// What is done about an event once it is known whether it was recorded.
struct FollowUp {
    /// The `deliver_sm` to answer, if there is one.
    sequence: Option<u32>,
    /// The parts of a long text to forget, of which the event was made.
    parts: Option<PartialTextKey>,
}

struct RecordedEvent {
    follow_up: FollowUp,
    is_text: bool,
    is_recorded: bool,
}

enum SessionEvent {
    Received(io::Result<Pdu>),
    Written(io::Result<()>),
    RequestReady,
    Recorded(RecordedEvent),
    Silence,
}

impl<'a> SmppSession<'a> {
    /// Connects and binds.
    ///
    /// # Errors
    /// The outcome of every message while there is no session.
    pub(super) async fn bind(
        account: &'a SmppAccount,
        sink: &'a dyn EventSink,
        parts: &'a mut PartialTexts,
    ) -> Result<Self, Outcome> {
        let settings = &account.settings;
        let window = Arc::new(SmppRequestWindow::new(settings.window, settings.response_timeout()));
        let connection = account.bind(window.sequence()).await?;
        Ok(Self {
            account,
            sink,
            parts,
            window,
            connection,
            recordings: FuturesUnordered::new(),
            texts: VecDeque::new(),
            is_recording_text: false,
            answered: VecDeque::new(),
            silence_until: Instant::now() + settings.enquire_link(),
            is_enquiring: false,
            is_over: false,
        })
    }

    /// The window that takes the requests of this session.
    pub(super) fn window(&self) -> Arc<SmppRequestWindow> {
        Arc::clone(&self.window)
    }

    /// Exchanges PDUs with the SMSC until the session ends. Returns why it ended.
    pub(super) async fn run(mut self) -> String {
        loop {
            let event = self.next().await;
            if let Err(why) = self.handle(event) {
                return why;
            }
        }
    }

    async fn next(&mut self) -> SessionEvent {
        self.release_overdue_texts();
        self.record_next_text();
        let (input, output) = self.connection.ends();
        // Only what can go out at once is taken, because from then on it counts as sent.
        if output.is_done()
            && let Some(request) = self.window.take()
        {
            output.push(&request);
        }
        let may_read = self.recordings.len() + self.texts.len() < MAX_RECORDINGS
            && output.waiting() < MAX_UNWRITTEN_OCTETS;
        let is_done = output.is_done();
        tokio::select! {
            received = input.next(), if may_read => SessionEvent::Received(received),
            written = output.write(), if !is_done => SessionEvent::Written(written),
            () = self.window.ready.notified(), if is_done => SessionEvent::RequestReady,
            Some(recorded) = self.recordings.next() => SessionEvent::Recorded(recorded),
            // An SMSC from which nothing is read is not silent.
            () = sleep_until(self.silence_until), if may_read => SessionEvent::Silence,
        }
    }

    /// # Errors
    /// Why the session is over.
    fn handle(&mut self, event: SessionEvent) -> Result<(), String> {
        match event {
            SessionEvent::Received(Ok(pdu)) => self.handle_pdu(pdu),
            SessionEvent::Received(Err(error)) | SessionEvent::Written(Err(error)) => {
                self.is_over = true;
                Err(error.to_string())
            }
            SessionEvent::Written(Ok(())) | SessionEvent::RequestReady => Ok(()),
            SessionEvent::Recorded(recorded) => {
                self.finish_recording(recorded);
                Ok(())
            }
            SessionEvent::Silence if self.is_enquiring => {
                Err("the SMSC did not answer enquire_link in time".to_owned())
            }
            SessionEvent::Silence => {
                self.is_enquiring = true;
                self.silence_until = Instant::now() + self.account.settings.response_timeout();
                self.connection.queue_pdu(&pdu::enquire_link(self.window.sequence()));
                Ok(())
            }
        }
    }

    fn handle_pdu(&mut self, pdu: Pdu) -> Result<(), String> {
        self.is_enquiring = false;
        self.silence_until = Instant::now() + self.account.settings.enquire_link();
        let (sequence, status) = (pdu.header.sequence_number, pdu.header.command_status);
        match pdu.body {
            Ok(PduBody::SubmitSmResp(id)) => {
                self.remember_answer(&id);
                self.window.answer(sequence, SubmitResponse { status, id });
            }
            Ok(PduBody::DeliverSm(deliver)) => self.handle_deliver(sequence, &deliver),
            Ok(PduBody::EnquireLink) => self.connection.queue_pdu(&pdu::enquire_link_resp(sequence)),
            Ok(PduBody::Unbind) => {
                self.connection.queue_pdu(&pdu::unbind_resp(sequence));
                self.is_over = true;
                return Err("the SMSC ended the session (unbind)".to_owned());
            }
            Ok(PduBody::GenericNack) => {
                let status = if status == ESME_ROK { ESME_RINVCMDID } else { status };
                if !self.window.answer(sequence, SubmitResponse { status, id: String::new() }) {
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
                tracing::warn!(smsc = self.account.settings.host, %error, "the SMSC sent what cannot be read");
                if !pdu.header.is_response() {
                    self.connection.queue_pdu(&pdu::deliver_sm_resp(sequence, ESME_RX_P_APPN));
                }
            }
        }
        Ok(())
    }

    /// Records the event that a `deliver_sm` brings, and answers it then; at once when it brings none.
    fn handle_deliver(&mut self, sequence: u32, deliver: &DeliverSm) {
        let event = match DeliverKind::of(deliver) {
            DeliverKind::Receipt => Ok(self.receipt(deliver).map(|event| (event, None))),
            DeliverKind::PossibleReceipt => {
                let text = self.text(deliver).map(|text| text.map(|(text, _)| text));
                text.map(|text| self.or_receipt(deliver, text).map(|event| (event, None)))
            }
            DeliverKind::Message => self.text(deliver),
            DeliverKind::Other => Ok(None),
        };
        let response = |status| pdu::deliver_sm_resp(sequence, status);
        match event {
            Ok(Some((event, parts))) => {
                let follow_up = FollowUp { sequence: Some(sequence), parts };
                self.enqueue(UnrecordedEvent { event, follow_up });
            }
            Ok(None) => self.connection.queue_pdu(&response(ESME_ROK)),
            Err(inbound::PartialTextsFull) => self.connection.queue_pdu(&response(ESME_RX_T_APPN)),
        }
    }

    fn remember_answer(&mut self, id: &str) {
        if id.is_empty() {
            return;
        }
        self.answered.push_back(self.account.settings.message_ids.reference_from_response(id));
        if self.answered.len() > MAX_ANSWERED {
            self.answered.pop_front();
        }
    }

    /// The receipt in a `deliver_sm`.
    fn receipt(&self, deliver: &DeliverSm) -> Option<ProviderEvent> {
        let receipt = receipts::read(deliver, self.account.settings.message_ids)?;
        let receipt = self.account.earlier_parts().of_message(receipt)?;
        Some(self.report(deliver, receipt, None))
    }

    /// What has the form of a receipt: one, if a message with its id was answered just now, which may not be on disk yet, or if it
    /// leads to a message to the number that it comes from; else this text of a person.
    fn or_receipt(&self, deliver: &DeliverSm, text: Option<ProviderEvent>) -> Option<ProviderEvent> {
        let Some(receipt) = receipts::read(deliver, self.account.settings.message_ids) else { return text };
        let is_answered = receipt.ids().any(|id| self.answered.contains(id));
        let receipt = self.account.earlier_parts().of_message(receipt)?;
        match text {
            _ if is_answered => Some(self.report(deliver, receipt, None)),
            Some(ProviderEvent::Text(text)) => Some(self.report(deliver, receipt.unproven(), Some(text))),
            other => other,
        }
    }

    /// The event of a receipt, or of the text that it is if it leads to no message. Its time is that of its arrival: SMSCs write
    /// theirs without a time zone. The recipient's number is its source (section 4.6.1 with appendix B), or its destination where
    /// an SMSC leaves the addresses as they were in the message (farhadi/node-smpp#116).
    fn report(&self, deliver: &DeliverSm, receipt: SmscReceipt, text: Option<InboundText>) -> ProviderEvent {
        let SmscReceipt { reference, forms, status, evidence } = receipt;
        let address = inbound::phone(&deliver.source);
        // What cannot be read may be the recipient's, and then the other is not.
        let other_address =
            if text.is_none() && address.is_some() { inbound::phone(&deliver.destination) } else { None };
        let report = DeliveryReport {
            reference,
            echo: None,
            address,
            aliases: Vec::new(),
            status,
            reported_at: self.sink.now(),
            evidence,
            objection: None,
        };
        let receipt = UncertainReceipt { report, forms, other_address, text };
        ProviderEvent::UncertainReceipt(Box::new(receipt))
    }

    /// The message of a person in a `deliver_sm`, once all parts of it are there; and the parts to forget.
    fn text(
        &mut self,
        deliver: &DeliverSm,
    ) -> Result<Option<(ProviderEvent, Option<PartialTextKey>)>, inbound::PartialTextsFull> {
        let written = inbound::read(deliver);
        let now = self.sink.now();
        let Some(part) = written.part else {
            let text = inbound::decode(written.data_coding, written.octets);
            let event = inbound::text_event(&deliver.source, &deliver.destination, text, now);
            return Ok(event.map(|event| (event, None)));
        };
        let Some(joined) = self.parts.add(deliver, part, Instant::now())? else { return Ok(None) };
        Ok(inbound::text_event(&joined.from, &joined.to, joined.text, now)
            .map(|event| (event, Some(joined.key))))
    }

    /// Passes on the long texts whose missing parts did not come in time.
    fn release_overdue_texts(&mut self) {
        let now = self.sink.now();
        while let Some(joined) = self.parts.overdue(Instant::now()) {
            let event = inbound::text_event(&joined.from, &joined.to, joined.text, now);
            let follow_up = FollowUp { sequence: None, parts: None };
            self.texts.extend(event.map(|event| UnrecordedEvent { event, follow_up }));
        }
    }

    fn enqueue(&mut self, unrecorded: UnrecordedEvent) {
        if may_be_text(&unrecorded.event) {
            self.texts.push_back(unrecorded);
        } else {
            self.start_recording(unrecorded);
        }
    }

    fn record_next_text(&mut self) {
        if !self.is_recording_text
            && let Some(text) = self.texts.pop_front()
        {
            self.is_recording_text = true;
            self.start_recording(text);
        }
    }

    fn start_recording(&mut self, UnrecordedEvent { event, follow_up }: UnrecordedEvent) {
        let (sink, is_text) = (self.sink, may_be_text(&event));
        self.recordings.push(Box::pin(async move {
            let is_recorded = sink.record(vec![event]).await.is_ok();
            RecordedEvent { follow_up, is_text, is_recorded }
        }));
    }

    /// Answers the `deliver_sm` of the event. The status for an event that could not be recorded asks the SMSC to deliver it
    /// again.
    fn finish_recording(&mut self, RecordedEvent { follow_up, is_text, is_recorded }: RecordedEvent) {
        self.is_recording_text &= !is_text;
        if let Some(key) = follow_up.parts.filter(|_| is_recorded) {
            self.parts.forget(&key);
        }
        let status = if is_recorded { ESME_ROK } else { ESME_RX_T_APPN };
        if let Some(sequence) = follow_up.sequence {
            self.connection.queue_pdu(&pdu::deliver_sm_resp(sequence, status));
        }
    }
}

fn may_be_text(event: &ProviderEvent) -> bool {
    match event {
        ProviderEvent::Text(_) => true,
        ProviderEvent::UncertainReceipt(uncertain) => uncertain.text.is_some(),
        _ => false,
    }
}

impl Drop for SmppSession<'_> {
    fn drop(&mut self) {
        self.window.close();
        if !self.is_over {
            self.connection.queue_pdu(&pdu::unbind(self.window.sequence()));
        }
    }
}
