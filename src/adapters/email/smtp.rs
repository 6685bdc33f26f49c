//! The adapter: writes a message, finds a connection, hands it over.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, timeout, timeout_at};

use super::bounces::BounceWebhooks;
use super::connection::SmtpConnection;
use super::mail::{MailWriter, PreparedMail};
use super::pool::ConnectionPool;
use super::replies::{self, SmtpStage};
use super::servers::SmtpServers;
use super::settings::SmtpSettings;
use crate::adapters::settings::require;
use crate::adapters::{
    Adapter, Envelope, ProviderBuildError, ProviderContext, ProviderLimits, ProviderParts, ProviderSettings,
};
use crate::model::Outcome;

/// Delivers email by SMTP through one server, or through others in its place while it cannot be reached.
pub struct SmtpAdapter {
    writer: MailWriter,
    servers: SmtpServers,
    pool: Arc<ConnectionPool>,
    connect_timeout: Duration,
    /// How long everything may take until the server has the message.
    timeout: Duration,
    /// How long its answer may take then.
    final_reply_timeout: Duration,
}

impl SmtpAdapter {
    /// Builds the adapter; connects when there is something to send. Reads the file of certificates, if one is set.
    ///
    /// # Errors
    /// When a setting's value is wrong.
    pub fn new(settings: &SmtpSettings, limits: &ProviderLimits) -> Result<Self, ProviderBuildError> {
        settings.validate()?;
        let connect_timeout = Duration::from_millis(limits.connect_timeout_ms);
        Ok(Self {
            writer: MailWriter::new(settings)?,
            servers: SmtpServers::new(settings, connect_timeout)?,
            pool: ConnectionPool::new(settings.max_idle_connections, settings.idle_timeout()),
            connect_timeout,
            timeout: limits.timeout(),
            final_reply_timeout: settings.final_reply_timeout(),
        })
    }

    async fn send(&self, mail: &PreparedMail) -> Result<(), Outcome> {
        // A server that stalls before it has the message must be told from one that keeps us in doubt. The caller waits for as
        // long as the final reply may take besides.
        let commands_until = Instant::now() + self.timeout;
        let beginning = timeout_at(commands_until, self.start_transaction(mail)).await;
        let mut connection =
            beginning.unwrap_or_else(|_| Err(replies::unavailable(SmtpStage::Mail, "no answer in time")))?;
        let handed_over = connection.hand_over(mail, commands_until, self.final_reply_timeout).await;
        self.pool.put(connection);
        handed_over
    }

    /// A connection on which the message is begun.
    async fn start_transaction(&self, mail: &PreparedMail) -> Result<SmtpConnection, Outcome> {
        if self.servers.expire_fallback() {
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

    /// An idle connection on which the message is begun. `None` when the server has closed it meanwhile, or does not answer
    /// on it: nothing was handed over by then.
    async fn begin_on_idle(
        &self,
        mut idle: SmtpConnection,
        mail: &PreparedMail,
    ) -> Option<Result<SmtpConnection, Outcome>> {
        let begun = timeout(self.connect_timeout, idle.start_transaction(mail)).await;
        if !idle.is_usable() {
            // It was the one used last, so the others are closed by now, too.
            self.pool.clear();
            return None;
        }
        Some(self.keep_if_refused(idle, begun.ok()?))
    }

    async fn begin_on(
        &self,
        mut fresh: SmtpConnection,
        mail: &PreparedMail,
    ) -> Result<SmtpConnection, Outcome> {
        let begun = fresh.start_transaction(mail).await;
        self.keep_if_refused(fresh, begun)
    }

    fn keep_if_refused(
        &self,
        connection: SmtpConnection,
        begun: Result<(), Outcome>,
    ) -> Result<SmtpConnection, Outcome> {
        match begun {
            Ok(()) => Ok(connection),
            Err(outcome) => {
                self.pool.put(connection);
                Err(outcome)
            }
        }
    }
}

impl ProviderSettings for SmtpSettings {
    fn build(&self, context: &ProviderContext<'_>) -> Result<ProviderParts, ProviderBuildError> {
        require(
            context.has_inbound || self.bounce_address.is_none(),
            "bounce_address",
            "must be left out without [inbound], by whose listener for HTTP, or for LMTP in [inbound.mail], reports come back",
        )?;
        let smtp = SmtpAdapter::new(&self.resolved(context), &context.transport.limits)?;
        let addresses = smtp.writer.bounces.clone();
        let bounces = addresses.map(|addresses| BounceWebhooks::new(addresses, context.brands.to_vec()));
        let last_answer_timeout = smtp.final_reply_timeout;
        Ok(ProviderParts {
            last_answer_timeout,
            ..ProviderParts::new(Arc::new(smtp)).with_webhook_handler(bounces)
        })
    }
}

/// Leaves out the mail that is being written and the connections, which say nothing to a reader.
impl fmt::Debug for SmtpAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpAdapter").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

#[async_trait]
impl Adapter for SmtpAdapter {
    async fn deliver(&self, envelope: &Envelope) -> Outcome {
        let mail = match self.writer.write(envelope) {
            Ok(mail) => mail,
            Err(outcome) => return outcome,
        };
        match self.send(&mail).await {
            Ok(()) => Outcome::sent(mail.id),
            Err(outcome) => outcome,
        }
    }
}
