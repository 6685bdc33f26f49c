use super::*;
use crate::adapters::envelopes;
use crate::adapters::sms::twilio::TwilioAccountSettings;
use crate::model::{Address, ButtonAction, Template, TemplateButton, TemplateHeader};
use crate::secret::Secret;

const TOKEN: &str = "0123456789abcdef-the-auth-token";

fn content_sid() -> String {
    format!("HX{}", "c".repeat(32))
}

fn settings() -> TwilioWhatsappSettings {
    let languages = [("en_US".to_owned(), content_sid())];
    TwilioWhatsappSettings {
        account: TwilioAccountSettings {
            account_sid: format!("AC{}", "1".repeat(32)),
            auth_token: Secret::new(TOKEN),
            account_auth_token: None,
            shared_key: None,
            api_key_sid: None,
            base_url: "https://api.example.com".to_owned(),
            status_callback: None,
        },
        channel: TwilioWhatsappSenderSettings {
            from: "+34910000000".to_owned(),
            templates: [("order_update".to_owned(), languages.into())].into(),
        },
    }
}

fn template(name: &str, language: &str, parameters: &[&str]) -> RenderedContent {
    RenderedContent::Template(Template {
        name: name.to_owned(),
        language: language.to_owned(),
        parameters: parameters.iter().map(|&text| text.to_owned()).collect(),
        ..Template::default()
    })
}

fn form(content: RenderedContent) -> Vec<(String, String)> {
    let twilio = TwilioWhatsappAdapter::new(&settings(), &Transport::default()).unwrap();
    let request = twilio.request(&envelopes::to_phone(content)).unwrap().build().unwrap();
    let body = request.body().unwrap().as_bytes().unwrap();
    url::form_urlencoded::parse(body).into_owned().collect()
}

#[test]
fn a_template_goes_out_as_the_content_that_the_settings_name() {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let ends = [("To", "whatsapp:+34600123456"), ("From", "whatsapp:+34910000000")].map(owned);
    let sid = ("ContentSid".to_owned(), content_sid());
    let variables = owned(("ContentVariables", r#"{"1":"Ana \"A\"","2":"A-17"}"#));

    let with_values = form(template("order_update", "en_US", &["Ana \"A\"", "A-17"]));
    assert_eq!(with_values, [&ends[..], &[sid.clone(), variables]].concat());
    let without = [&ends[..], &[sid]].concat();
    assert_eq!(form(template("order_update", "en_US", &[])), without);
    // Named by the SID itself, whatever the language.
    assert_eq!(form(template(&content_sid(), "es", &[])), without);
}

#[test]
fn what_cannot_go_out_is_refused_before_any_call() {
    let twilio = TwilioWhatsappAdapter::new(&settings(), &Transport::default()).unwrap();
    let email = RenderedContent::Email { subject: String::new(), text: None, html: None };
    let refusal = twilio.request(&envelopes::to_phone(email)).unwrap_err();
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Content, .. }), "{refusal:?}");
    let filled = |header: Option<TemplateHeader>, buttons: &[TemplateButton]| {
        let RenderedContent::Template(template) = template("order_update", "en_US", &[]) else { panic!() };
        RenderedContent::Template(Template { header, buttons: buttons.to_vec(), ..template })
    };
    let button = TemplateButton { index: 0, action: ButtonAction::QuickReply("yes".to_owned()) };
    // What another provider may carry.
    for content in [
        template("order_update", "es", &[]),
        template("other", "en_US", &[]),
        filled(Some(TemplateHeader::Text("May".to_owned())), &[]),
        filled(None, &[button]),
    ] {
        let refusal = twilio.request(&envelopes::to_phone(content)).unwrap_err();
        assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Policy, .. }), "{refusal:?}");
    }
    let text = RenderedContent::Text("hello".to_owned());
    let refusal = twilio.request(&envelopes::to(Address::TelegramChat(7), text)).unwrap_err();
    assert!(matches!(refusal, Outcome::Rejected { cause: Rejection::Address { certain: false }, .. }));
}

#[test]
fn a_user_id_is_addressed_without_a_plus_and_given_up_for_no_error_about_numbers() {
    let user = Address::whatsapp_user(&"shop".parse().unwrap(), "ES.13491208655302741918").unwrap();
    let twilio = TwilioWhatsappAdapter::new(&settings(), &Transport::default()).unwrap();
    let envelope = envelopes::to(user, RenderedContent::Text("Hi".to_owned()));
    let request = twilio.request(&envelope).unwrap().build().unwrap();
    let body = request.body().unwrap().as_bytes().unwrap();
    let to = url::form_urlencoded::parse(body).find(|(name, _)| name == "To").unwrap().1.into_owned();
    assert_eq!(to, "whatsapp:ES.13491208655302741918");

    let body = r#"{"code":21211,"message":"The 'To' number is not a valid phone number."}"#;
    let answer = HttpResponse { status: 400, body: body.into(), ..HttpResponse::default() };
    for (envelope, certain) in [(envelope, false), (envelopes::to_phone(template("a", "en", &[])), true)] {
        let Outcome::Rejected { cause, .. } = twilio.outcome(&answer, &envelope) else { panic!() };
        assert_eq!(cause, Rejection::Address { certain });
    }
}
