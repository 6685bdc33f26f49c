//! SMS by Amazon SNS: `Publish` to a phone number, API version 2010-03-31.
//!
//! SNS takes no idempotency key, and has no field of ours that comes back with its reports: a call without an answer
//! leaves the message in doubt.

mod errors;
mod settings;

use std::sync::Arc;

use reqwest::{Client, RequestBuilder};
use url::{Url, form_urlencoded};

pub use settings::SnsSettings;

use crate::adapters::aws::AwsSigner;
use crate::adapters::http::{self, HttpAdapter, HttpResponse};
use crate::adapters::{
    Envelope, ProviderBuildError, ProviderContext, ProviderParts, ProviderSettings, Transport,
};
use crate::model::{MessageClass, Outcome, OutcomeEvidence};

/// Delivers SMS through one SNS account in one region.
#[derive(Debug)]
pub struct SnsAdapter {
    client: Client,
    settings: SnsSettings,
    signer: AwsSigner,
    endpoint: Url,
}

impl SnsAdapter {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &SnsSettings, transport: &Transport) -> Result<Self, ProviderBuildError> {
        settings.validate()?;
        let credentials = settings.credentials();
        let signer = AwsSigner::new("sns", credentials.clone())?;
        let base = credentials.base_url("sns", settings.base_url.as_deref())?;
        Ok(Self {
            client: http::build_client(transport)?,
            settings: settings.clone(),
            signer,
            // With the slash at the end: it is part of what is signed.
            endpoint: http::endpoint(&base, &[""]),
        })
    }
}

impl SnsAdapter {
    fn form(&self, envelope: &Envelope) -> Result<String, Outcome> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", "Publish").append_pair("Version", "2010-03-31");
        form.append_pair("PhoneNumber", envelope.phone()?.as_str());
        form.append_pair("Message", envelope.text()?);
        for (index, (name, value)) in self.attributes(envelope).into_iter().enumerate() {
            let entry = format!("MessageAttributes.entry.{}", index + 1);
            form.append_pair(&format!("{entry}.Name"), name);
            form.append_pair(&format!("{entry}.Value.DataType"), "String");
            form.append_pair(&format!("{entry}.Value.StringValue"), value);
        }
        Ok(form.finish())
    }

    fn attributes<'e>(&'e self, envelope: &'e Envelope) -> Vec<(&'static str, &'e str)> {
        let kind = match envelope.class {
            MessageClass::Transactional => "Transactional",
            MessageClass::Commercial => "Promotional",
        };
        let mut attributes = vec![("AWS.SNS.SMS.SMSType", kind)];
        if let Some(from) = envelope.from.as_deref().or(self.settings.from.as_deref()) {
            let number = settings::is_number(from);
            attributes
                .push((if number { "AWS.MM.SMS.OriginationNumber" } else { "AWS.SNS.SMS.SenderID" }, from));
        }
        attributes
    }
}

impl HttpAdapter for SnsAdapter {
    fn request(&self, envelope: &Envelope) -> Result<RequestBuilder, Outcome> {
        let body = self.form(envelope)?;
        let headers = self.signer.signed_headers(
            &self.endpoint,
            "application/x-www-form-urlencoded",
            &body,
            envelope.now,
        );
        Ok(self.client.post(self.endpoint.clone()).headers(headers).body(body))
    }

    fn outcome(&self, answer: &HttpResponse, _: &Envelope) -> Outcome {
        outcome(answer)
    }
}

impl ProviderSettings for SnsSettings {
    fn build(&self, context: &ProviderContext<'_>) -> Result<ProviderParts, ProviderBuildError> {
        Ok(ProviderParts::new(Arc::new(SnsAdapter::new(self, context.transport)?)))
    }
}

fn outcome(answer: &HttpResponse) -> Outcome {
    let body = String::from_utf8_lossy(&answer.body);
    let outcome = if answer.is_success() { published(&body) } else { refusal(answer, &body) };
    outcome.unwrap_or_else(|| answer.unrecognized_outcome())
}

fn published(body: &str) -> Option<Outcome> {
    let id = element(element(body, "PublishResult")?, "MessageId")?;
    (!id.is_empty()).then(|| Outcome::sent(id))
}

fn refusal(answer: &HttpResponse, body: &str) -> Option<Outcome> {
    let error = element(body, "Error")?;
    let (code, text) = (element(error, "Code")?, element(error, "Message").unwrap_or_default());
    let evidence = OutcomeEvidence::new(code, text);
    Some(match errors::meaning(code, text) {
        Some(meaning) => meaning.outcome(evidence, answer.retry_after),
        None => answer.outcome_from_status(evidence),
    })
}

/// What stands in the first element of this name. SNS's answers are a few elements without attributes inside, each of them
/// once: no parser is needed to read them.
fn element<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (inside, _) = rest.split_once(&format!("</{name}>"))?;
    Some(inside.trim())
}

#[cfg(test)]
mod tests;
