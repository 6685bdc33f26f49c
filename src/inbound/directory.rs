//! PURE. Which brands an event of a provider concerns.

use std::collections::BTreeMap;

use crate::model::{BrandId, Channel, Keywords, ProviderName};

/// A provider as the source of events.
#[derive(Debug, Clone)]
pub struct InboundSource {
    /// The channel that it carries.
    pub channel: Channel,
    /// The brands that the provider serves, each with its sender at the provider, if it has one of its own.
    pub brands: Vec<(BrandId, Option<String>)>,
}

/// All providers, and the keywords of all brands.
#[derive(Debug, Clone, Default)]
pub struct InboundDirectory {
    /// The providers.
    pub sources: BTreeMap<ProviderName, InboundSource>,
    /// The keywords of each brand.
    pub keywords: BTreeMap<BrandId, Keywords>,
}

impl InboundSource {
    /// The brands that an event for the sender `to` concerns: those whose own sender it is; else those that have no sender of
    /// their own, and so send as the provider is set up; else all that the provider serves.
    pub fn brands_for(&self, to: Option<&str>) -> Vec<&BrandId> {
        let to = to.map(normalized_sender);
        let select = |wanted: &dyn Fn(Option<&str>) -> bool| -> Vec<&BrandId> {
            let brands = self.brands.iter().filter(|(_, sender)| wanted(sender.as_deref()));
            brands.map(|(brand, _)| brand).collect()
        };
        let with_this_sender = select(&|sender| to.is_some() && sender.map(normalized_sender) == to);
        if !with_this_sender.is_empty() {
            return with_this_sender;
        }
        let without_sender = select(&|sender| to.is_some() && sender.is_none());
        if without_sender.is_empty() { select(&|_| true) } else { without_sender }
    }
}

/// A sender as the configuration and providers spell it, in one spelling: the digits of a number, else lower case.
fn normalized_sender(sender: &str) -> String {
    let sender = sender.trim();
    let sender = sender.strip_prefix("whatsapp:").unwrap_or(sender);
    let is_number = sender.chars().all(|c| c.is_ascii_digit() || "+-(). ".contains(c));
    if !is_number {
        return sender.to_lowercase();
    }
    let digits: String = sender.chars().filter(char::is_ascii_digit).collect();
    digits.strip_prefix("00").unwrap_or(&digits).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(brands: &[(&str, Option<&str>)]) -> InboundSource {
        let brand =
            |(name, sender): &(&str, Option<&str>)| (name.parse().unwrap(), sender.map(str::to_owned));
        InboundSource { channel: Channel::Sms, brands: brands.iter().map(brand).collect() }
    }

    #[test]
    fn a_text_is_for_the_brand_whose_sender_it_was_sent_to() {
        let source = source(&[
            ("acme", Some("+34 600 111 222")),
            ("globex", Some("Globex")),
            ("hooli", Some("+34600111222")),
            ("initech", None),
            ("umbrella", None),
        ]);
        for (to, expected) in [
            (Some("34600111222"), &["acme", "hooli"][..]),
            (Some("whatsapp:+34600111222"), &["acme", "hooli"]),
            (Some("0034600111222"), &["acme", "hooli"]),
            (Some("GLOBEX"), &["globex"]),
            (Some("+34600999999"), &["initech", "umbrella"]),
            (None, &["acme", "globex", "hooli", "initech", "umbrella"]),
        ] {
            let names: Vec<_> = source.brands_for(to).iter().map(|brand| brand.as_str()).collect();
            assert_eq!(names, expected, "{to:?}");
        }
    }

    #[test]
    fn a_sender_that_nobody_has_concerns_all() {
        let source = source(&[("acme", Some("Acme")), ("globex", Some("Globex"))]);
        assert_eq!(source.brands_for(Some("+34600999999")).len(), 2);
    }
}
