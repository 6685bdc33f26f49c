//! The parts of a template that are filled in, as Meta takes them ("Messages API", template components). What else speaks
//! to Meta's API hands them on as they are.

use serde_json::{Value, json};

use crate::model::{ButtonAction, Template, TemplateButton, TemplateHeader};

/// The components of a template, those with nothing to fill in left out.
pub(super) fn components(template: &Template) -> Vec<Value> {
    let header = template.header.as_ref().map(header);
    let body = (!template.parameters.is_empty()).then(|| body(&template.parameters));
    header.into_iter().chain(body).chain(template.buttons.iter().map(button)).collect()
}

fn header(header: &TemplateHeader) -> Value {
    let parameter = match header {
        TemplateHeader::Text(text) => json!({ "type": "text", "text": text }),
        TemplateHeader::Image(url) => json!({ "type": "image", "image": { "link": url } }),
        TemplateHeader::Document { url, filename } => {
            json!({ "type": "document", "document": { "link": url, "filename": filename } })
        }
        TemplateHeader::Video(url) => json!({ "type": "video", "video": { "link": url } }),
    };
    json!({ "type": "header", "parameters": [parameter] })
}

fn body(parameters: &[String]) -> Value {
    let parameters: Vec<Value> =
        parameters.iter().map(|text| json!({ "type": "text", "text": text })).collect();
    json!({ "type": "body", "parameters": parameters })
}

fn button(button: &TemplateButton) -> Value {
    let (kind, parameter) = match &button.action {
        ButtonAction::Url(suffix) => ("url", json!({ "type": "text", "text": suffix })),
        ButtonAction::QuickReply(payload) => {
            ("quick_reply", json!({ "type": "payload", "payload": payload }))
        }
        ButtonAction::CopyCode(code) => ("copy_code", json!({ "type": "coupon_code", "coupon_code": code })),
    };
    json!({ "type": "button", "sub_type": kind, "index": button.index.to_string(), "parameters": [parameter] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_its_component() {
        let url = || "https://example.com/a".to_owned();
        for (content, parameter) in [
            (TemplateHeader::Text("May".to_owned()), json!({ "type": "text", "text": "May" })),
            (TemplateHeader::Image(url()), json!({ "type": "image", "image": { "link": url() } })),
            (
                TemplateHeader::Document { url: url(), filename: "bill.pdf".to_owned() },
                json!({ "type": "document", "document": { "link": url(), "filename": "bill.pdf" } }),
            ),
            (TemplateHeader::Video(url()), json!({ "type": "video", "video": { "link": url() } })),
        ] {
            assert_eq!(header(&content), json!({ "type": "header", "parameters": [parameter] }));
        }
        let component = |action| button(&TemplateButton { index: 3, action });
        for (action, kind, parameter) in [
            (ButtonAction::Url("A-17".to_owned()), "url", json!({ "type": "text", "text": "A-17" })),
            (
                ButtonAction::QuickReply("yes".to_owned()),
                "quick_reply",
                json!({ "type": "payload", "payload": "yes" }),
            ),
            (
                ButtonAction::CopyCode("25OFF".to_owned()),
                "copy_code",
                json!({ "type": "coupon_code", "coupon_code": "25OFF" }),
            ),
        ] {
            let expected =
                json!({ "type": "button", "sub_type": kind, "index": "3", "parameters": [parameter] });
            assert_eq!(component(action), expected);
        }
        assert_eq!(components(&Template::default()), Vec::<Value>::new());
    }
}
