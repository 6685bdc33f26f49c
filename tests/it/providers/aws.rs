//! What Amazon's services have in common.

use serde_json::{Map, Value, json};

use crate::peers::{Peer, botocore};

pub(super) const ACCESS_KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
pub(super) const SECRET_ACCESS_KEY: &str = "the-secret-access-key/with+signs";

/// The errors of every service: the outcome, the HTTP status, and the names.
pub(super) const ROWS: &[(&str, u16, &[&str])] = &[
    ("throttled", 400, &["Throttling", "ThrottlingException", "Throttled", "ThrottledException"]),
    ("throttled", 429, &["TooManyRequestsException", "RequestThrottled", "RequestThrottledException"]),
    ("throttled", 400, &["LimitExceededException"]),
    (
        "unavailable",
        500,
        &["InternalFailure", "InternalError", "InternalServiceErrorException", "InternalServerError"],
    ),
    ("unavailable", 503, &["ServiceUnavailable", "ServiceUnavailableException"]),
    ("unavailable", 400, &["RequestTimeout", "RequestTimeoutException", "RequestAbortedException"]),
    ("misconfigured", 403, &["InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId"]),
    ("misconfigured", 403, &["SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature"]),
    (
        "misconfigured",
        400,
        &["MissingAuthenticationToken", "MissingAuthenticationTokenException", "AuthFailure"],
    ),
    ("misconfigured", 400, &["ExpiredToken", "ExpiredTokenException"]),
    ("misconfigured", 400, &["AccessDenied", "AccessDeniedException", "NotAuthorized", "OptInRequired"]),
    ("misconfigured", 400, &["RequestExpired", "RequestTimeTooSkewed"]),
    // Names that are not in the table: by the status.
    ("policy", 400, &["NewException"]),
    ("misconfigured", 403, &["NewException"]),
    ("throttled", 429, &["NewException"]),
    ("unknown", 500, &["NewException"]),
];

/// Compares the headers of a request that WireMock was sent with those that botocore signs it with.
pub(super) fn assert_signed_as_botocore_would(
    sent: &Value,
    base_url: &str,
    service: &str,
    session_token: Option<&str>,
) {
    // WireMock writes some names with capitals.
    let headers: Map<String, Value> = sent["headers"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.to_lowercase(), value.clone()))
        .collect();
    let path = sent["url"].as_str().unwrap();
    let origin = url::Url::parse(base_url).unwrap().origin().ascii_serialization();
    let signed = botocore(&json!({
        "access_key_id": ACCESS_KEY_ID,
        "secret_access_key": SECRET_ACCESS_KEY,
        "session_token": session_token,
        "service": service,
        "region": "eu-west-1",
        "time": "20261122T100000Z",
        "url": format!("{origin}{path}"),
        "headers": { "content-type": headers["content-type"] },
        "body": sent["body"],
    }));
    for name in ["authorization", "content-type", "x-amz-date"] {
        assert_eq!(headers[name], signed[name], "{name}");
    }
    let token = headers.get("x-amz-security-token");
    assert_eq!((token, token.and_then(Value::as_str)), (signed.get("x-amz-security-token"), session_token));
}

/// What moto took, and the key with which it lets one in.
pub(super) async fn taken(peer: &Peer) -> Value {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(format!("{}/taken", peer.url())).send().await.unwrap().json().await.unwrap()
}
