//! Fields by which a proxy passes on who asks. This program sees what people write: an address beside it would undo the rest, so that
//! nothing is taken through a proxy that was not set as `deploy/nginx/gateway.conf` has it.

use http::HeaderMap;

/// The fields that carry an address, or what was made from one: those of the server (`tests/tests/gateway.rs` compares the two).
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

/// Whether a request says who asks.
#[must_use]
pub fn tells_who_asks(headers: &HeaderMap) -> bool {
    FIELDS.iter().any(|name| headers.contains_key(*name))
}
