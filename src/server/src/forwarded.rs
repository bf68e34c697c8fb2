//! Fields by which a proxy passes on who asks. This server never reads one; that one comes in shows that the proxy in
//! front was not set as `deploy/` has it, so the request is refused and not served quietly.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use serde::Deserialize;

use crate::problem::Problem;
use crate::router::App;
use crate::telemetry::{Event, log};

/// What becomes of a request with such a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Forwarded {
    /// It is refused: the proxy is to be set right.
    #[default]
    Refuse,
    /// The fields are taken off: the operator says that the proxy cannot be.
    Strip,
}

/// The fields that carry an address, or what was made from one, as proxies and content networks name them.
pub const FIELDS: [&str; 24] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded",
    "forwarded-for",
    "x-original-forwarded-for",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-remote-addr",
    "x-remote-ip",
    "x-originating-ip",
    "x-proxyuser-ip",
    "client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cf-pseudo-ipv4",
    "cf-ipcountry",
    "fastly-client-ip",
    "fly-client-ip",
    "x-azure-clientip",
    "x-azure-socketip",
    "x-appengine-user-ip",
    "x-envoy-external-address",
];

/// The first such field of a request.
fn found(headers: &HeaderMap) -> Option<&'static str> {
    FIELDS.into_iter().find(|name| headers.contains_key(*name))
}

/// Refuses a request that says who asks, or takes that off it, before any route sees it.
pub(crate) async fn guard(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    /// One line a process: the second says nothing more, and lines are not to be counted.
    static TOLD: AtomicBool = AtomicBool::new(false);
    let Some(field) = found(request.headers()) else {
        return next.run(request).await;
    };
    match app.forwarded {
        Forwarded::Refuse => {
            if !TOLD.swap(true, Ordering::Relaxed) {
                log(&Event::AddressesPassedOn { field });
            }
            Problem::AddressPassedOn(field).into_response()
        }
        Forwarded::Strip => {
            for name in FIELDS {
                request.headers_mut().remove(name);
            }
            next.run(request).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_field_is_found_however_it_is_written() {
        let mut headers = HeaderMap::new();
        assert_eq!(found(&headers), None);
        headers.insert("X-FORWARDED-For", HeaderValue::from_static(""));
        assert_eq!(found(&headers), Some("x-forwarded-for"));
    }

    #[test]
    fn each_field_is_written_as_the_parser_gives_it() {
        for name in FIELDS {
            assert_eq!(name, name.to_ascii_lowercase());
        }
    }
}
