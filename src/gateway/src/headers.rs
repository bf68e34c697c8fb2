//! The headers that every answer carries, from their single home `web/gateway-headers.json`, which is compiled in: those of the server's
//! pages, with a policy that lets no script run.

use std::collections::BTreeMap;

use http::header::STRICT_TRANSPORT_SECURITY;
use http::{HeaderMap, HeaderName, HeaderValue};

/// `web/gateway-headers.json`, as it was when the gateway was built.
pub(crate) const HEADERS_JSON: &str = include_str!("../../../web/gateway-headers.json");

const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains; preload");

/// Why the headers cannot be used: a fault of the build.
#[derive(Debug, thiserror::Error)]
#[error(
    "web/gateway-headers.json is not an object of header fields: build the program from a whole checkout"
)]
pub struct HeadersError;

/// The fields of every answer; `hsts` adds `Strict-Transport-Security`.
pub(crate) fn compiled(hsts: bool) -> Result<HeaderMap, HeadersError> {
    let fields: BTreeMap<String, String> =
        serde_json::from_str(HEADERS_JSON).map_err(|_| HeadersError)?;
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::try_from(name).map_err(|_| HeadersError)?;
        headers.insert(
            name,
            HeaderValue::try_from(value).map_err(|_| HeadersError)?,
        );
    }
    if hsts {
        headers.insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::compiled;

    #[test]
    fn no_script_runs_and_nothing_is_sent_elsewhere() {
        let headers = compiled(false).unwrap();
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'self'; form-action 'self';"));
        assert!(!policy.contains("script-src"));
    }
}
