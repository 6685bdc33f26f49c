//! What the shop writes.

use crate::wire::v1;
use v1::message_spec::Recipient;

/// Writes messages, each with an idempotency key of its own.
#[derive(Default)]
pub(super) struct Script {
    written: u32,
}

impl Script {
    /// News of an order, which the person is waiting for. It brings a template, so WhatsApp may always take it.
    pub(super) fn order(&mut self, person: &str) -> v1::MessageSpec {
        let number = self.number();
        let text = format!("Your order {number} is on its way. It should arrive tomorrow.");
        let template = v1::WhatsappTemplate {
            name: "order_on_its_way".to_owned(),
            language: "en".to_owned(),
            parameters: vec![number.to_string()],
            ..v1::WhatsappTemplate::default()
        };
        let content = v1::Content {
            subject: format!("Your order {number}"),
            whatsapp: Some(v1::WhatsappContent { text: String::new(), template: Some(template) }),
            ..common(text)
        };
        self.message(person, v1::MessageClass::Transactional, "orders", content)
    }

    /// An offer. It brings no template, so WhatsApp takes it only within a day of the person's own last message.
    pub(super) fn offer(&mut self, person: &str) -> v1::MessageSpec {
        let content = v1::Content {
            subject: "A fifth off all shoes".to_owned(),
            ..common("A fifth off all shoes, until Sunday.".to_owned())
        };
        self.message(person, v1::MessageClass::Commercial, "offers.shoes", content)
    }

    /// The newsletter.
    pub(super) fn newsletter(&mut self, person: &str) -> v1::MessageSpec {
        let content = v1::Content {
            subject: "New this month".to_owned(),
            html: "<h1>New this month</h1><p>Boots for the rain, sandals for the sun.</p>".to_owned(),
            ..common("New this month: boots for the rain, sandals for the sun.".to_owned())
        };
        self.message(person, v1::MessageClass::Commercial, "newsletter", content)
    }

    fn number(&mut self) -> u32 {
        self.written += 1;
        self.written
    }

    fn message(
        &mut self,
        person: &str,
        class: v1::MessageClass,
        topic: &str,
        content: v1::Content,
    ) -> v1::MessageSpec {
        v1::MessageSpec {
            recipient: Some(Recipient::ContactId(person.to_owned())),
            message_class: class.into(),
            topic: topic.to_owned(),
            content: Some(content),
            idempotency_key: format!("demo-{}", self.number()),
            ..v1::MessageSpec::default()
        }
    }
}

fn common(text: String) -> v1::Content {
    v1::Content { text, ..v1::Content::default() }
}
