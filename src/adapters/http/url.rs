//! The URLs of a provider's API.

use url::Url;

use crate::adapters::build_error::ProviderBuildError;

/// Parses a base URL of the settings.
///
/// # Errors
/// When it is not an `http` or `https` URL, or carries credentials, a query or a fragment.
pub(in crate::adapters) fn parse_base_url(
    setting: &'static str,
    text: &str,
) -> Result<Url, ProviderBuildError> {
    let must = "must be a URL such as https://api.example.com, without credentials, query or fragment";
    let wrong = ProviderBuildError::Setting { setting, must };
    let url = Url::parse(text).map_err(|_| wrong.clone())?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if matches!(url.scheme(), "http" | "https") && plain { Ok(url) } else { Err(wrong) }
}

/// `base` with the segments appended to its path, each escaped.
pub(in crate::adapters) fn endpoint(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_keeps_the_path_of_its_base_and_escapes_what_is_added() {
        for (base, url) in [
            ("https://api.example.com", "https://api.example.com/v1/a%2Fb"),
            ("https://api.example.com/", "https://api.example.com/v1/a%2Fb"),
            ("http://127.0.0.1:8080/mock", "http://127.0.0.1:8080/mock/v1/a%2Fb"),
            ("http://127.0.0.1:8080/mock/", "http://127.0.0.1:8080/mock/v1/a%2Fb"),
        ] {
            let base = parse_base_url("base_url", base).unwrap();
            assert_eq!(endpoint(&base, &["v1", "a/b"]).as_str(), url);
        }
    }

    #[test]
    fn a_base_url_is_plain_http() {
        for text in
            ["", "api.example.com", "ftp://example.com", "https://u:p@example.com", "https://example.com?a=b"]
        {
            assert!(parse_base_url("base_url", text).is_err(), "{text}");
        }
    }
}
