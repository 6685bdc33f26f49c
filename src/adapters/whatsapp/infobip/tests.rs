use super::*;
use crate::adapters::envelopes;
use crate::model::Address;
use crate::secret::Secret;

const KEY: &str = "the-api-key";
const OWN_ID: &str = "acme/1/2";

fn settings() -> InfobipWhatsappSettings {
    InfobipWhatsappSettings {
        api_key: Secret::new(KEY),
        from: "+34910000000".to_owned(),
        base_url: "https://abc12.api.example.com".to_owned(),
        webhook_user: None,
        webhook_password: None,
    }
}

#[test]
fn what_whatsapp_does_not_carry_is_refused_before_any_call() {
    let infobip = InfobipWhatsapp::new(&settings(), &Transport::default()).unwrap();
    let email = RenderedContent::Email { subject: String::new(), text: None, html: None };
    let refusal = infobip.request(&envelopes::to_phone(email), OWN_ID).unwrap_err();
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Content, .. }));
    let text = RenderedContent::Text("hello".to_owned());
    let refusal = infobip.request(&envelopes::to(Address::TelegramChat(7), text), OWN_ID).unwrap_err();
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Address { certain: false }, .. }));
}

#[test]
fn wrong_settings_say_what_would_be_right() {
    let error = |change: fn(&mut InfobipWhatsappSettings)| {
        let mut settings = settings();
        change(&mut settings);
        InfobipWhatsapp::new(&settings, &Transport::default()).unwrap_err().to_string()
    };
    let key = "api_key must be an API key: visible ASCII characters only";
    assert_eq!(error(|settings| settings.api_key = Secret::new("")), key);
    let number = "from must be a WhatsApp number in international form such as +34600123456";
    assert_eq!(error(|settings| settings.from = "ACME".to_owned()), number);
    assert!(
        error(|settings| settings.webhook_user = Some("relevo".to_owned()))
            .starts_with("webhook_password must")
    );
    assert!(error(|settings| settings.base_url = "infobip".to_owned()).starts_with("base_url must be a URL"));
}

#[test]
fn settings_are_read_from_configuration() {
    let text = format!(
        "base_url = \"https://abc12.api.infobip.com\"\nfrom = \"+34910000000\"\napi_key = {{ \"$secret\" = \"{KEY}\" }}"
    );
    let settings: InfobipWhatsappSettings = toml::from_str(&text).unwrap();
    assert_eq!(settings.api_key.expose(), KEY);
    assert!(toml::from_str::<InfobipWhatsappSettings>(&format!("{text}\nfrm = \"x\"")).is_err());
}

#[test]
fn the_api_key_is_never_shown() {
    let infobip = InfobipWhatsapp::new(&settings(), &Transport::default()).unwrap();
    let envelope = envelopes::to_phone(RenderedContent::Text("hello".to_owned()));
    let shown = format!("{infobip:?} {:?}", infobip.request(&envelope, OWN_ID).unwrap());
    assert!(shown.contains("Sensitive") && !shown.contains(KEY), "{shown}");
}
