//! What the log says of calls that fail: one line each, without a secret, an address or a body.

use super::*;
use crate::support::log_lines::LogLines;

#[tokio::test]
async fn a_failed_call_is_logged_once_without_what_it_carried() {
    // The server runs on this very thread.
    let (lines, _logging) = LogLines::collect();
    let gateway = Gateway::start().await;
    let key = gateway.acme().await;
    let recipient = Some(v1::message_spec::Recipient::Address(phone("+34600123456")));
    let answer = gateway.messages(&key).send(send(v1::MessageSpec { recipient, ..spec("the body") })).await;
    assert_eq!(code_and_reason(answer), expected(Code::NotFound, "ADDRESS_NOT_FOUND"));
    let text = lines.text();
    let logged: Vec<_> = text.lines().filter(|line| line.contains("a call failed")).collect();
    assert_eq!(logged.len(), 1, "{text}");
    let line: serde_json::Value = serde_json::from_str(logged[0]).unwrap();
    let id = key_id(&key);
    let expected = serde_json::json!({
        "message": "a call failed", "method": "relevo.v1.MessageService/Send", "code": "NotFound",
        "reason": "ADDRESS_NOT_FOUND", "key.id": id.as_str(), "brand.id": "acme", "detail": "",
    });
    assert_eq!((&line["level"], &line["fields"]), (&"INFO".into(), &expected));
    let secret = key.rsplit('_').next().unwrap();
    for hidden in ["600123456", "the body", secret] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
}

/// Who opened and closed the doors is in the log, and what opens them is not.
#[tokio::test]
async fn changes_of_keys_and_controls_are_logged_with_the_key_that_made_them() {
    let (lines, _logging) = LogLines::collect();
    let gateway = Gateway::start().await;
    let admin = gateway.key(Some("acme"), &[KeyScope::Admin]).await;
    let mut keys = KeyServiceClient::new(gateway.client(&admin));
    let create = v1::CreateKeyRequest {
        brand: "acme".into(),
        scopes: vec![v1::Scope::Send.into()],
        label: "for the shop".into(),
    };
    let created = keys.create_key(create).await.unwrap().into_inner();
    let id = created.key.unwrap().key_id;
    keys.revoke_key(v1::RevokeKeyRequest { key_id: id.clone() }).await.unwrap();
    let operator = gateway.key(None, &[KeyScope::Operate]).await;
    let mut providers = ProviderServiceClient::new(gateway.client(&operator));
    let listed = providers.list_providers(v1::ListProvidersRequest {}).await.unwrap().into_inner().providers;
    let change = v1::SetProviderControlRequest {
        provider: listed[0].provider.clone(),
        mode: v1::ControlMode::OutOfService.into(),
        reason: "billing dispute".into(),
        actor: "eva@example.com".into(),
        ..Default::default()
    };
    providers.set_provider_control(change).await.unwrap();
    let text = lines.text();
    let fields = |message: &str| -> serde_json::Value {
        let found: Vec<_> = text.lines().filter(|line| line.contains(message)).collect();
        assert_eq!(found.len(), 1, "{message}: {text}");
        let line: serde_json::Value = serde_json::from_str(found[0]).unwrap();
        assert_eq!(line["level"], "INFO");
        line["fields"].clone()
    };
    for message in ["a key was created", "a key was revoked"] {
        let fields = fields(message);
        assert_eq!((&fields["key.id"], &fields["brand.id"]), (&id.as_str().into(), &"acme".into()));
        assert_eq!(fields["actor.key.id"], key_id(&admin).as_str());
    }
    let fields = fields("the control of a provider was changed");
    assert_eq!(
        (&fields["provider.name"], &fields["mode"]),
        (&listed[0].provider.as_str().into(), &"out of service".into())
    );
    assert_eq!(fields["key.id"], key_id(&operator).as_str());
    for hidden in [created.secret.rsplit('_').next().unwrap(), "eva@example.com"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
}
