//! SMS by Twilio's Messages API, version 2010-04-01.

pub(in crate::adapters) mod account;
pub(in crate::adapters) mod answer;
mod errors;
pub(in crate::adapters) mod hook;
mod settings;

use std::sync::Arc;

use reqwest::RequestBuilder;

pub use settings::Settings;

use crate::adapters::hooks::Hook;
use crate::adapters::http::{Answer, Exchange};
use crate::adapters::{Adapter, BuildError, Envelope, Kind, Transport};
use crate::model::{Channel, Outcome};
use account::Account;
use hook::Webhooks;
use settings::Sender;

/// One Twilio account.
#[derive(Debug)]
pub struct Twilio {
    account: Account,
    sender: Sender,
}

impl Twilio {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &Settings, transport: &Transport) -> Result<Self, BuildError> {
        Ok(Self { account: Account::new(&settings.access(), transport)?, sender: settings.sender()? })
    }
}

impl Exchange for Twilio {
    fn request(&self, envelope: &Envelope) -> Result<RequestBuilder, Outcome> {
        let mut form = vec![("To", envelope.phone()?.as_str()), ("Body", envelope.text()?)];
        form.push(match (&envelope.from, &self.sender) {
            (Some(own), _) => ("From", own),
            (None, Sender::Number(number)) => ("From", number),
            (None, Sender::MessagingService(sid)) => ("MessagingServiceSid", sid),
        });
        Ok(self.account.request(form))
    }

    fn outcome(&self, answer: &Answer, _: &Envelope) -> Outcome {
        answer::outcome(answer)
    }
}

impl Kind for Settings {
    fn channel(&self) -> Option<Channel> {
        Some(Channel::Sms)
    }

    fn build(&self, transport: &Transport) -> Result<Arc<dyn Adapter>, BuildError> {
        Ok(Arc::new(Twilio::new(self, transport)?))
    }

    fn hook(&self, _: &Transport) -> Option<Arc<dyn Hook>> {
        Webhooks::hook(&self.access())
    }
}

#[cfg(test)]
mod tests;
