//! What a request with a body says of it in its head, and the body as it comes in: at most as long as declared, and not
//! too slow. Trusts nothing.

use axum::body::{Body, Bytes};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http_body_util::BodyExt as _;
use tokio::time::timeout_at;

use crate::connection::Pace;
use crate::limits::BODY_GRACE;
use crate::problem::Problem;

const OTHER_LENGTH: Problem = Problem::Malformed("the body is not as long as its Content-Length");

/// The body's length in bytes, as the head declares it, when the head is as wanted and it is at most `size_max`.
pub(crate) fn declared_size(
    headers: &HeaderMap,
    media_type: &'static str,
    size_max: u64,
) -> Result<u64, Problem> {
    if !one(headers, &CONTENT_TYPE).is_some_and(|found| found.eq_ignore_ascii_case(media_type))
        || headers.contains_key(CONTENT_ENCODING)
    {
        return Err(Problem::MediaType(media_type));
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        return Err(Problem::Malformed(
            "wanted Content-Length and no Transfer-Encoding",
        ));
    }
    if !headers.contains_key(CONTENT_LENGTH) {
        return Err(Problem::LengthRequired);
    }
    one(headers, &CONTENT_LENGTH)
        .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .ok_or(Problem::Malformed("wanted one Content-Length, in digits"))?
        .parse::<u64>()
        .ok()
        .filter(|size| *size <= size_max)
        .ok_or(Problem::TooLarge(size_max))
}

/// The value of a field that is there exactly once.
pub(crate) fn one<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        (_, _) => None,
    }
}

/// A body of a declared length, piece by piece.
pub(crate) struct Pieces {
    body: Body,
    pace: Pace,
    size: u64,
    received: u64,
}

impl Pieces {
    pub(crate) fn of(body: Body, size: u64) -> Self {
        Self {
            body,
            pace: Pace::start(BODY_GRACE),
            size,
            received: 0,
        }
    }

    /// The next piece, at no less than the slowest pace; nothing once exactly the declared length has come.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let frame = timeout_at(self.pace.deadline(), self.body.frame()).await;
        let Some(frame) = frame.map_err(|_| Problem::TooSlow)? else {
            if self.received == self.size {
                return Ok(None);
            }
            return Err(OTHER_LENGTH);
        };
        let cut = Problem::Malformed("the body ended before its Content-Length");
        let bytes = frame.map_err(|_| cut)?.into_data().unwrap_or_default();
        self.pace.count(bytes.len());
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.received = self.received.saturating_add(size);
        if self.received > self.size {
            return Err(OTHER_LENGTH);
        }
        Ok(Some(bytes))
    }

    /// All of it, in memory.
    pub(crate) async fn all(mut self) -> Result<Vec<u8>, Problem> {
        let size = usize::try_from(self.size).map_err(|_| Problem::Busy)?;
        let mut all = Vec::with_capacity(size);
        while let Some(piece) = self.next().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const TYPE: &str = "application/vnd.hafan.submission";

    fn declared(length: &[&'static str]) -> Result<u64, Problem> {
        let mut headers = HeaderMap::new();
        headers.append("content-type", HeaderValue::from_static(TYPE));
        for length in length {
            headers.append("content-length", HeaderValue::from_static(length));
        }
        declared_size(&headers, TYPE, 67_243)
    }

    #[test]
    fn a_length_is_taken_up_to_the_most_that_there_can_be() {
        assert_eq!(declared(&["67243"]), Ok(67_243));
        for length in ["67244", "99999999999999999999999"] {
            assert_eq!(declared(&[length]), Err(Problem::TooLarge(67_243)));
        }
    }

    #[test]
    fn a_length_that_is_not_plain_digits_is_refused() {
        for length in ["+67243", "0x10", "67243, 67243", "", " "] {
            assert!(
                matches!(declared(&[length]), Err(Problem::Malformed(_))),
                "{length}"
            );
        }
    }

    #[test]
    fn two_lengths_are_refused_also_when_they_agree() {
        let found = declared(&["67243", "67243"]);
        assert!(matches!(found, Err(Problem::Malformed(_))));
    }

    #[tokio::test]
    async fn not_a_piece_is_given_of_more_than_was_declared() {
        let mut pieces = Pieces::of(Body::from("sealed"), 5);
        assert_eq!(pieces.next().await, Err(OTHER_LENGTH));
    }

    #[tokio::test]
    async fn a_body_of_another_length_than_declared_is_refused() {
        let of = |size| Pieces::of(Body::from("sealed"), size).all();
        assert_eq!(of(6).await, Ok(b"sealed".to_vec()));
        for size in [5, 7] {
            assert!(
                matches!(of(size).await, Err(Problem::Malformed(_))),
                "{size}"
            );
        }
    }
}
