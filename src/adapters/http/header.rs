//! The headers of an answer as text.

use reqwest::header::HeaderMap;

/// A header as text without the blanks around it; `None` when it is absent, empty or not text.
pub(super) fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn a_header_is_text_or_nothing() {
        let headers: HeaderMap = [("X-Message-Id", &b" 17 "[..]), ("X-Empty", b" "), ("X-Binary", b"\xff")]
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_bytes(value).unwrap()))
            .into_iter()
            .collect();
        let read =
            ["x-message-id", "X-Empty", "X-Binary", "X-Absent"].map(|name| header_text(&headers, name));
        assert_eq!(read, [Some("17"), None, None, None]);
    }
}
