//! An account at an SMSC: the way to it, the bind, and the state that outlives its sessions.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use super::connection::{SmppConnection, SmscEndpoint};
use super::earlier::EarlierParts;
use super::errors::{self, ESME_RINVCMDID, ESME_ROK, unavailable};
use super::pdu::{self, Bind, PduBody};
use super::settings::SmppSettings;
use crate::adapters::local_failure::local_failure;
use crate::adapters::{ProviderBuildError, ProviderLimits};
use crate::model::Outcome;

/// An account at an SMSC.
pub(super) struct SmppAccount {
    pub(super) settings: SmppSettings,
    pub(super) connect_timeout: Duration,
    endpoint: SmscEndpoint,
    earlier_parts: Mutex<EarlierParts>,
}

impl SmppAccount {
    /// The account of these settings. Reads the file of certificates, if one is set.
    ///
    /// # Errors
    /// When a setting's value is wrong.
    pub(super) fn new(settings: &SmppSettings, limits: &ProviderLimits) -> Result<Self, ProviderBuildError> {
        settings.validate(limits)?;
        Ok(Self {
            settings: settings.clone(),
            connect_timeout: Duration::from_millis(limits.connect_timeout_ms),
            endpoint: SmscEndpoint::new(settings)?,
            earlier_parts: Mutex::default(),
        })
    }

    /// Connects, and binds by a request of this sequence number.
    ///
    /// # Errors
    /// The outcome of every message while there is no session.
    pub(super) async fn bind(&self, sequence: u32) -> Result<SmppConnection, Outcome> {
        let connected = timeout(self.connect_timeout, self.endpoint.connect(self.connect_timeout)).await;
        let connected = connected.map_err(|_| unavailable("the SMSC did not take the connection in time"))?;
        let unreachable =
            |error: io::Error| local_failure(&error).unwrap_or_else(|| unavailable(&error.to_string()));
        let mut connection = connected.map_err(unreachable)?;
        let bound = request_bind(&self.settings, sequence, &mut connection);
        let bound = timeout(self.settings.response_timeout(), bound).await;
        let bound = bound.map_err(|_| unavailable("the SMSC did not answer the bind in time"))?;
        match bound.map_err(|error| unavailable(&error.to_string()))? {
            ESME_ROK => Ok(connection),
            status => Err(errors::bind_refused(status)),
        }
    }

    /// The earlier parts of long texts that were sent.
    pub(super) fn earlier_parts(&self) -> MutexGuard<'_, EarlierParts> {
        // Nothing panics while it holds the lock, so what a poisoned one guards is whole.
        self.earlier_parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends the request to bind, and returns the status of the SMSC's response.
async fn request_bind(
    settings: &SmppSettings,
    sequence: u32,
    connection: &mut SmppConnection,
) -> io::Result<u32> {
    let password = settings.password.expose();
    let bind = Bind { system_id: &settings.system_id, password, system_type: &settings.system_type };
    let (input, output) = connection.ends();
    output.push(&pdu::bind_transceiver(sequence, bind));
    output.write().await?;
    loop {
        let pdu = input.next().await?;
        match pdu.body {
            Ok(PduBody::BindTransceiverResp) => return Ok(pdu.header.command_status),
            Ok(PduBody::GenericNack) => return Ok(pdu.header.command_status.max(ESME_RINVCMDID)),
            // Some SMSCs enquire before they answer.
            Ok(PduBody::EnquireLink) => {
                output.push(&pdu::enquire_link_resp(pdu.header.sequence_number));
                output.write().await?;
            }
            _ => {}
        }
    }
}
