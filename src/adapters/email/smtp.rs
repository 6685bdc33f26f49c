//! The adapter: writes a message, finds a connection, hands it over.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, timeout, timeout_at};

use super::bounces::Bounces;
use super::connection::Connection;
use super::mail::{Mail, Writer};
use super::pool::Pool;
use super::replies::{self, Stage};
use super::servers::Servers;
use super::settings::Settings;
use crate::adapters::hooks::Hook;
use crate::adapters::{Adapter, BuildError, Envelope, Kind, Limits, Transport};
use crate::model::{BrandId, Channel, Outcome};

/// Sends email by SMTP: by one server, or by others in its place.
pub struct Smtp {
    writer: Writer,
    servers: Servers,
    pool: Arc<Pool>,
    connect_timeout: Duration,
    timeout: Duration,
}

impl Smtp {
    /// Builds the adapter; connects when there is something to send. Reads the file of certificates, if one is set.
    ///
    /// # Errors
    /// When a setting's value is wrong.
    pub fn new(settings: &Settings, limits: &Limits) -> Result<Self, BuildError> {
        settings.validate()?;
        let connect_timeout = Duration::from_millis(limits.connect_timeout_ms);
        Ok(Self {
            writer: Writer::new(settings)?,
            servers: Servers::new(settings, connect_timeout)?,
            pool: Pool::new(settings.max_idle_connections, settings.idle_timeout()),
            connect_timeout,
            timeout: Duration::from_millis(limits.timeout_ms),
        })
    }

    async fn send(&self, mail: &Mail) -> Result<(), Outcome> {
        let start = Instant::now();
        // A server that stalls before it has the message must be told from one that keeps us in doubt, and so be given
        // up before the caller's own time is over.
        let commands_until = start + self.timeout * 9 / 10;
        let beginning = timeout_at(commands_until, self.begin(mail)).await;
        let mut connection =
            beginning.unwrap_or_else(|_| Err(replies::unavailable(Stage::Mail, "no answer in time")))?;
        let handed_over = connection.hand_over(mail, commands_until, start + self.timeout).await;
        self.pool.put(connection);
        handed_over
    }

    /// A connection on which the message is begun.
    async fn begin(&self, mail: &Mail) -> Result<Connection, Outcome> {
        if self.servers.is_back_to_first() {
            self.pool.clear();
        }
        if let Some(idle) = self.pool.take()
            && let Some(begun) = self.begin_on_idle(idle, mail).await
        {
            return begun;
        }
        let fresh = self.servers.connect().await?;
        self.begin_on(fresh, mail).await
    }

    /// `None` when the server has closed the connection meanwhile, or does not answer on it: nothing is lost by then.
    async fn begin_on_idle(&self, mut idle: Connection, mail: &Mail) -> Option<Result<Connection, Outcome>> {
        let begun = timeout(self.connect_timeout, idle.begin(mail)).await;
        if !idle.is_usable() {
            self.pool.clear();
            return None;
        }
        Some(self.keep_if_refused(idle, begun.ok()?))
    }

    async fn begin_on(&self, mut fresh: Connection, mail: &Mail) -> Result<Connection, Outcome> {
        let begun = fresh.begin(mail).await;
        self.keep_if_refused(fresh, begun)
    }

    fn keep_if_refused(
        &self,
        connection: Connection,
        begun: Result<(), Outcome>,
    ) -> Result<Connection, Outcome> {
        match begun {
            Ok(()) => Ok(connection),
            Err(outcome) => {
                self.pool.put(connection);
                Err(outcome)
            }
        }
    }
}

impl Kind for Settings {
    fn channel(&self) -> Option<Channel> {
        Some(Channel::Email)
    }

    fn build(&self, transport: &Transport) -> Result<Arc<dyn Adapter>, BuildError> {
        Ok(Arc::new(Smtp::new(self, &transport.limits)?))
    }

    fn is_http(&self) -> bool {
        false
    }

    fn hook(&self, _: &Transport) -> Option<Arc<dyn Hook>> {
        // What is wrong with the settings is told when the adapter is built.
        let addresses = self.bounces().ok()??;
        Some(Arc::new(Bounces::new(addresses, self.brands.clone())))
    }

    fn serve(&mut self, brands: &[BrandId]) {
        self.brands = brands.to_vec();
    }

    fn files(&mut self) -> Vec<&mut PathBuf> {
        self.ca_file.iter_mut().chain(&mut self.oauth2_token_file).collect()
    }
}

#[async_trait]
impl Adapter for Smtp {
    async fn deliver(&self, envelope: &Envelope) -> Outcome {
        let mail = match self.writer.write(envelope) {
            Ok(mail) => mail,
            Err(outcome) => return outcome,
        };
        match self.send(&mail).await {
            Ok(()) => Outcome::Sent { reference: mail.id },
            Err(outcome) => outcome,
        }
    }
}
