//! The messages that the shop sends.

use crate::wire::v1;
use v1::message_spec::Recipient;

/// Composes messages, each with an idempotency key of its own.
#[derive(Default)]
pub(super) struct MessageComposer {
    last_number: u32,
}

impl MessageComposer {
    /// News of an order, which the contact is waiting for. It has a template, so WhatsApp may accept it at any time.
    pub(super) fn order(&mut self, contact: &str) -> v1::MessageSpec {
        let number = self.next_number();
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
            ..text_content(text)
        };
        self.message(contact, v1::MessageClass::Transactional, "orders", content)
    }

    /// An offer. It has no template, so WhatsApp accepts it only within 24 hours of the contact's own last message.
    pub(super) fn offer(&mut self, contact: &str) -> v1::MessageSpec {
        let content = v1::Content {
            subject: "A fifth off all shoes".to_owned(),
            ..text_content("A fifth off all shoes, until Sunday.".to_owned())
        };
        self.message(contact, v1::MessageClass::Commercial, "offers.shoes", content)
    }

    /// The newsletter.
    pub(super) fn newsletter(&mut self, contact: &str) -> v1::MessageSpec {
        let content = v1::Content {
            subject: "New this month".to_owned(),
            html: "<h1>New this month</h1><p>Boots for the rain, sandals for the sun.</p>".to_owned(),
            ..text_content("New this month: boots for the rain, sandals for the sun.".to_owned())
        };
        self.message(contact, v1::MessageClass::Commercial, "newsletter", content)
    }

    fn next_number(&mut self) -> u32 {
        self.last_number += 1;
        self.last_number
    }

    fn message(
        &mut self,
        contact: &str,
        class: v1::MessageClass,
        topic: &str,
        content: v1::Content,
    ) -> v1::MessageSpec {
        v1::MessageSpec {
            recipient: Some(Recipient::ContactId(contact.to_owned())),
            message_class: class.into(),
            topic: topic.to_owned(),
            content: Some(content),
            idempotency_key: format!("demo-{}", self.next_number()),
            ..v1::MessageSpec::default()
        }
    }
}

fn text_content(text: String) -> v1::Content {
    v1::Content { text, ..v1::Content::default() }
}
