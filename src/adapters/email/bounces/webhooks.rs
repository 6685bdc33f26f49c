//! Takes reports on mail, which a mail server hands over by LMTP, or anybody by HTTP.
//!
//! A mail proves nothing of itself: neither who sent it nor that the addresses in it are true. The token proves which attempt
//! it is about, and so only that attempt's own address can be suppressed. Whoever received the mail knows the token.

use async_trait::async_trait;
use url::form_urlencoded;

use super::address::BounceAddresses;
use super::report::ReportMail;
use crate::adapters::webhooks::{
    DeliveryReport, ProviderEvent, WebhookError, WebhookHandler, WebhookPayload, WebhookRequest,
};
use crate::model::BrandId;

/// Takes the reports on mail that come to one provider's envelope senders.
#[derive(Debug)]
pub(in crate::adapters::email) struct BounceWebhooks {
    addresses: BounceAddresses,
    brands: Vec<BrandId>,
}

impl BounceWebhooks {
    /// Takes reports on the mail of these brands.
    pub(in crate::adapters::email) fn new(addresses: BounceAddresses, brands: Vec<BrandId>) -> Self {
        Self { addresses, brands }
    }
}

#[async_trait]
impl WebhookHandler for BounceWebhooks {
    /// The body is the mail; the query may name its envelope recipient as `recipient`.
    async fn handle(&self, request: &WebhookRequest<'_>) -> Result<WebhookPayload, WebhookError> {
        let mail = request.body.ok_or(WebhookError::Unauthenticated("a mail is handed over with POST"))?;
        let ReportMail { addresses, date, report } =
            ReportMail::read(mail).map_err(|error| WebhookError::Malformed(error.to_string()))?;
        let query = form_urlencoded::parse(request.query.as_bytes());
        let recipient =
            query.into_iter().find(|(name, _)| name == "recipient").map(|(_, value)| value.into());
        let echo = recipient
            .into_iter()
            .chain(addresses)
            .find_map(|address: String| self.addresses.attempt_of(&address, &self.brands))
            .ok_or(WebhookError::Unauthenticated("the mail has no bounce address of this provider in it"))?;
        let delivery_report = report.map(|report| DeliveryReport {
            reference: String::new(),
            echo: Some(echo),
            address: None,
            aliases: Vec::new(),
            status: report.status,
            reported_at: date.unwrap_or(request.now).min(request.now),
            evidence: report.evidence,
            objection: report.objection,
        });
        Ok(WebhookPayload::Events(delivery_report.map(ProviderEvent::Receipt).into_iter().collect()))
    }

    fn accepts_mail_for(&self, recipient: &str) -> bool {
        self.addresses.is_base(recipient) || self.addresses.attempt_of(recipient, &self.brands).is_some()
    }
}

#[cfg(test)]
mod tests;
