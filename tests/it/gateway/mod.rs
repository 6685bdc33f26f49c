//! The test kit of whole flows: runs the program `relevo` as its users do, with its store on a real disk, calls its API over a
//! real socket, and configures its providers to call servers that this project did not write.

pub mod client;
pub mod history;
pub mod load;
pub mod process;
pub mod providers;
pub mod whatsapp_and_sms;

use relevo::wire::v1;

use crate::api::{contact, email, phone};

/// A transactional message to the contact `ana` that has something for every channel.
pub fn order() -> v1::MessageSpec {
    let template = v1::WhatsappTemplate {
        name: "order_update".into(),
        language: "en_US".into(),
        parameters: vec!["A-17".into()],
        ..v1::WhatsappTemplate::default()
    };
    v1::MessageSpec {
        recipient: Some(v1::message_spec::Recipient::ContactId("ana".into())),
        message_class: v1::MessageClass::Transactional.into(),
        topic: "orders".into(),
        content: Some(v1::Content {
            text: "Order A-17 is on its way.".into(),
            subject: "Your order".into(),
            whatsapp: Some(v1::WhatsappContent { template: Some(template), ..Default::default() }),
            ..v1::Content::default()
        }),
        ..v1::MessageSpec::default()
    }
}

/// A commercial message to the contact `ana`.
pub fn offer() -> v1::MessageSpec {
    let message_class = v1::MessageClass::Commercial.into();
    v1::MessageSpec { message_class, topic: "offers.shoes".into(), ..order() }
}

/// The message by these channels, in this order, and no other.
pub fn by(channels: &[v1::Channel], spec: v1::MessageSpec) -> v1::MessageSpec {
    v1::MessageSpec { channels: channels.iter().map(|&channel| channel.into()).collect(), ..spec }
}

/// The contact `ana`, who can be reached by every channel.
pub fn ana() -> v1::Contact {
    let chat = v1::Address { value: Some(v1::address::Value::TelegramChatId(42)) };
    contact("ana", vec![email("ana@example.com"), phone("+34600123456"), chat])
}
