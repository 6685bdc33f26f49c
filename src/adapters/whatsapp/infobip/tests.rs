use super::*;
use crate::adapters::envelopes;
use crate::model::Address;
use crate::secret::Secret;

const KEY: &str = "the-api-key";
const OWN_ID: &str = "acme/1/2";

fn settings() -> InfobipWhatsappSettings {
    InfobipWhatsappSettings(InfobipSettings {
        api_key: Secret::new(KEY),
        from: "+34910000000".to_owned(),
        base_url: "https://abc12.api.example.com".to_owned(),
        webhook_user: None,
        webhook_password: None,
        repeat_window_minutes: None,
    })
}

#[test]
fn what_whatsapp_does_not_carry_is_refused_before_any_call() {
    let infobip = InfobipWhatsappAdapter::new(&settings(), &Transport::default()).unwrap();
    let email = RenderedContent::Email { subject: String::new(), text: None, html: None };
    let refusal = infobip.request(&envelopes::to_phone(email), OWN_ID).unwrap_err();
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Content, .. }));
    let text = RenderedContent::Text("hello".to_owned());
    let refusal = infobip.request(&envelopes::to(Address::TelegramChat(7), text), OWN_ID).unwrap_err();
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Address { certain: false }, .. }));
}
