//! Every answer that is not a success: one total table from what went wrong to status, problem type and words (RFC 9457).
//!
//! Never echoes what was sent, and says nothing of the machine.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use crate::limits::{
    BODY_GRACE, HEAD_FIELDS_MAX, HEAD_SIZE_BYTES_MAX, HEAD_TIME_MAX, PACE_BYTES_PER_S_MIN,
    RETRY_AFTER_S,
};
use crate::work::Asked;

/// What went wrong with a request, as the table in docs/protocol.md section 4 has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The body's digest is not the one in the path.
    Digest,
    /// Not HTTP as wanted; says what.
    Malformed(&'static str),
    /// The proxy in front passes on who asks; says in which field.
    AddressPassedOn(&'static str),
    /// Only a courier of the force may read this; says what is wrong with the signature.
    NotACourier(String),
    /// No force of that name here.
    NoSuchForce,
    /// Nothing at this address.
    NotFound,
    /// Not this method; `Allow` names those that are possible.
    Method(&'static str),
    /// Head or body came too slowly.
    TooSlow,
    /// No `Content-Length`.
    LengthRequired,
    /// Larger than the largest that there is at this address, in bytes.
    TooLarge(u64),
    /// The address is too long.
    AddressTooLong,
    /// Not this media type.
    MediaType(&'static str),
    /// Not the structure of an envelope; says what and at which byte.
    Envelope(String),
    /// Not the structure of a page of answers; says what.
    ReplyPage(String),
    /// Too large a head or too many fields in it.
    HeadTooLarge,
    /// Shed before anything was made durable.
    Busy,
    /// Shed until some work is done; says what.
    Work(Asked),
    /// The force's directory has no valid dates today.
    DirectoryExpired,
    /// A fault of ours.
    Internal,
    /// Not HTTP/1.1.
    HttpVersion,
    /// No room for more.
    StoreFull,
    /// No room for more drafts.
    DraftsFull,
}

impl Problem {
    /// The answer's status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Digest | Self::Malformed(_) | Self::AddressPassedOn(_) => StatusCode::BAD_REQUEST,
            Self::NotACourier(_) => StatusCode::UNAUTHORIZED,
            Self::NoSuchForce | Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::LengthRequired => StatusCode::LENGTH_REQUIRED,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::AddressTooLong => StatusCode::URI_TOO_LONG,
            Self::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Envelope(_) | Self::ReplyPage(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Busy | Self::Work(_) | Self::DirectoryExpired => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::HttpVersion => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::StoreFull | Self::DraftsFull => StatusCode::INSUFFICIENT_STORAGE,
        }
    }

    /// The last part of the problem's type, `/problems/{word}`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::Malformed(_) => "malformed-request",
            Self::AddressPassedOn(_) => "address-passed-on",
            Self::NotACourier(_) => "not-a-courier",
            Self::NoSuchForce => "no-such-force",
            Self::NotFound => "not-found",
            Self::Method(_) => "method",
            Self::TooSlow => "too-slow",
            Self::LengthRequired => "length-required",
            Self::TooLarge(_) => "too-large",
            Self::AddressTooLong => "address-too-long",
            Self::MediaType(_) => "media-type",
            Self::Envelope(_) => "envelope",
            Self::ReplyPage(_) => "reply-page",
            Self::HeadTooLarge => "head-too-large",
            Self::Busy => "busy",
            Self::Work(_) => "work",
            Self::DirectoryExpired => "directory-expired",
            Self::Internal => "internal",
            Self::HttpVersion => "http-version",
            Self::StoreFull => "store-full",
            Self::DraftsFull => "drafts-full",
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::Digest => "The digest does not match",
            Self::Malformed(_) => "The request is malformed",
            Self::AddressPassedOn(_) => "The proxy passes on who asks",
            Self::NotACourier(_) => "Only a courier of this force may do this",
            Self::NoSuchForce => "There is no such force here",
            Self::NotFound => "There is nothing at this address",
            Self::Method(_) => "This method is not possible here",
            Self::TooSlow => "The request came too slowly",
            Self::LengthRequired => "The length is missing",
            Self::TooLarge(_) => "The body is too large",
            Self::AddressTooLong => "The address is too long",
            Self::MediaType(_) => "The media type is another",
            Self::Envelope(_) => "This is not an envelope",
            Self::ReplyPage(_) => "This is not a page of answers",
            Self::HeadTooLarge => "The request head is too large",
            Self::Busy => "The server is busy",
            Self::Work(_) => "The server is busy and asks for some work first",
            Self::DirectoryExpired => "The force's keys are out of date",
            Self::Internal => "The server failed",
            Self::HttpVersion => "Only HTTP/1.1 is spoken here",
            Self::StoreFull => "The store is full",
            Self::DraftsFull => "There is no room for more drafts",
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Digest => "the body's digest is not the one in the path; nothing was kept; make it again and send it again".to_owned(),
            Self::Malformed(what) => (*what).to_owned(),
            Self::AddressPassedOn(field) => format!(
                "wanted no field {field}: this service must not know who asks; set the proxy in front not to send it, as deploy/ has it; nothing was kept"
            ),
            Self::NotACourier(what) | Self::Envelope(what) | Self::ReplyPage(what) => what.clone(),
            Self::NoSuchForce => "the server does not hold reports for a force of this name".to_owned(),
            Self::NotFound => "nothing is published at this address".to_owned(),
            Self::Method(allow) => format!("possible here: {allow}"),
            Self::TooSlow => format!(
                "wanted the head within {} s, and the body at {} bytes/s after the first {} s; nothing was kept; send it again",
                HEAD_TIME_MAX.as_secs(),
                PACE_BYTES_PER_S_MIN,
                BODY_GRACE.as_secs()
            ),
            Self::LengthRequired => "wanted an exact Content-Length".to_owned(),
            Self::TooLarge(wanted) => format!("wanted at most {wanted} bytes"),
            Self::AddressTooLong | Self::HeadTooLarge => {
                format!("wanted a head of at most {HEAD_SIZE_BYTES_MAX} bytes and {HEAD_FIELDS_MAX} fields")
            }
            Self::MediaType(wanted) => format!("wanted Content-Type: {wanted} and no Content-Encoding"),
            Self::Work(_) => "nothing was kept; do the work that is asked for here and send it again with it, or send it again later without".to_owned(),
            Self::Busy => "nothing was kept; send it again after the seconds in Retry-After".to_owned(),
            Self::DirectoryExpired => "the force has not issued keys for today; nothing can be sealed to it until it does".to_owned(),
            Self::Internal => "nothing is known to be kept; send it again: a submission is never doubled".to_owned(),
            Self::HttpVersion => "wanted HTTP/1.1".to_owned(),
            Self::StoreFull => "nothing was kept; there is no room until the operator adds some".to_owned(),
            Self::DraftsFull => "nothing was kept and nothing was deleted; reports can be sent as before".to_owned(),
        }
    }

    /// The problem as JSON: `type`, `title`, `status` and `detail`, and with work what is asked for.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut problem = serde_json::json!({
            "type": format!("/problems/{}", self.word()),
            "title": self.title(),
            "status": self.status().as_u16(),
            "detail": self.detail(),
        });
        if let (Self::Work(asked), Some(members)) = (self, problem.as_object_mut()) {
            members.insert("span".to_owned(), asked.span.into());
            members.insert("bits".to_owned(), asked.bits.into());
            members.insert("challenge".to_owned(), hex::encode(asked.challenge).into());
        }
        problem.to_string()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.encode()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Self::Method(allow) = &self {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if matches!(self, Self::Busy | Self::Work(_) | Self::DirectoryExpired) {
            headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_its_four_members_and_no_other() {
        let found: serde_json::Value =
            serde_json::from_str(&Problem::TooLarge(9).encode()).unwrap();
        assert_eq!(
            found,
            serde_json::json!({
                "type": "/problems/too-large",
                "title": "The body is too large",
                "status": 413,
                "detail": "wanted at most 9 bytes",
            })
        );
    }

    #[test]
    fn a_wrong_method_says_which_are_possible() {
        let response = Problem::Method("GET, HEAD").into_response();
        assert_eq!(response.headers().get(ALLOW).unwrap(), "GET, HEAD");
    }

    #[test]
    fn a_shed_request_says_when_to_come_back() {
        let response = Problem::Busy.into_response();
        assert_eq!(response.headers().get(RETRY_AFTER).unwrap(), "10");
    }
}
