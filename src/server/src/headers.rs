//! The headers that every answer carries, from their single home `web/headers.json`, which is compiled in.
//!
//! No answer leaves without them: the router adds them to all it makes, and [`raw_answer`] to those made below it.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::Response;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, STRICT_TRANSPORT_SECURITY};
use http::{HeaderName, HeaderValue};

use crate::problem::Problem;

/// `web/headers.json`, as it was when the server was built.
pub const HEADERS_JSON: &str = include_str!("../../../web/headers.json");

/// Two years, with subdomains and the preload list: an entry that only this visit would make is itself a trace.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains; preload");

/// Why the headers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HeadersError {
    /// Not an object of strings.
    #[error("web/headers.json: wanted an object of header names and values")]
    Json(#[source] serde_json::Error),
    /// A name or value that HTTP does not allow.
    #[error("web/headers.json: member {0} is not a lower-case header name with a plain value")]
    Field(usize),
}

/// The headers of every answer, in alphabetical order.
#[derive(Debug, Clone)]
pub struct Headers(Vec<(HeaderName, HeaderValue)>);

impl Headers {
    /// Reads the compiled-in headers; `hsts` adds `Strict-Transport-Security`.
    ///
    /// # Errors
    /// [`HeadersError`] when the file the server was built with is not an object of header fields.
    pub fn compiled(hsts: bool) -> Result<Self, HeadersError> {
        let fields: BTreeMap<String, String> =
            serde_json::from_str(HEADERS_JSON).map_err(HeadersError::Json)?;
        let mut headers = Vec::with_capacity(fields.len() + 1);
        for (index, (name, value)) in fields.iter().enumerate() {
            if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                return Err(HeadersError::Field(index));
            }
            let name = HeaderName::try_from(name).map_err(|_| HeadersError::Field(index))?;
            let value = HeaderValue::try_from(value).map_err(|_| HeadersError::Field(index))?;
            headers.push((name, value));
        }
        if hsts {
            headers.push((STRICT_TRANSPORT_SECURITY, HSTS));
        }
        Ok(Self(headers))
    }

    /// Adds them to an answer, over whatever it has of the same name.
    pub fn add_to(&self, response: &mut Response) {
        for (name, value) in &self.0 {
            response.headers_mut().insert(name.clone(), value.clone());
        }
    }

    /// An answer that ends its connection, as bytes, for what never reaches the router.
    #[must_use]
    pub fn raw_answer(&self, problem: &Problem) -> Vec<u8> {
        let status = problem.status();
        let body = problem.encode();
        let mut answer = format!(
            "HTTP/1.1 {} {}\r\n{CONTENT_TYPE}: application/problem+json\r\n{CONNECTION}: close\r\n",
            status.as_u16(),
            status.canonical_reason().unwrap_or_default()
        )
        .into_bytes();
        for (name, value) in &self.0 {
            answer.extend_from_slice(name.as_str().as_bytes());
            answer.extend_from_slice(b": ");
            answer.extend_from_slice(value.as_bytes());
            answer.extend_from_slice(b"\r\n");
        }
        answer.extend_from_slice(
            format!("{CONTENT_LENGTH}: {}\r\n\r\n{body}", body.len()).as_bytes(),
        );
        answer
    }
}

/// An answer with a body of bytes and its media type.
pub(crate) fn bytes_answer(media_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_nothing_but_our_own() {
        let headers = Headers::compiled(false).unwrap();
        let policy = headers
            .0
            .iter()
            .find(|(name, _)| name == "content-security-policy")
            .unwrap();
        assert!(
            policy
                .1
                .to_str()
                .unwrap()
                .starts_with("default-src 'none'; script-src 'self';")
        );
        assert!(!policy.1.to_str().unwrap().contains("unsafe"));
    }

    #[test]
    fn strict_transport_is_only_sent_when_asked_for() {
        assert!(
            Headers::compiled(false)
                .unwrap()
                .0
                .iter()
                .all(|(name, _)| name != STRICT_TRANSPORT_SECURITY)
        );
        assert!(
            Headers::compiled(true)
                .unwrap()
                .0
                .iter()
                .any(|(name, _)| name == STRICT_TRANSPORT_SECURITY)
        );
    }

    #[test]
    fn an_answer_below_the_router_has_them_all() {
        let headers = Headers::compiled(false).unwrap();
        let raw = String::from_utf8(headers.raw_answer(&Problem::TooSlow)).unwrap();
        assert!(raw.starts_with("HTTP/1.1 408 Request Timeout\r\n"));
        for (name, value) in &headers.0 {
            assert!(raw.contains(&format!("\r\n{name}: {}\r\n", value.to_str().unwrap())));
        }
    }
}
