//! Who a force's couriers are, and what only they may read: the list of its drops, and their bytes.
//!
//! A request must carry an RFC 9421 signature by a key that the force's directory names. Nothing is written down of it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::response::Response;
use hafan_directory::Force;
use hafan_directory::request::{RequestError, SIGNATURE, SIGNATURE_INPUT, Target, verify};
use http::HeaderName;
use http_body::{Body as HttpBody, Frame, SizeHint};
use serde::Serialize;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::body::one;
use crate::clock;
use crate::directories::Issued;
use crate::headers::bytes_answer;
use crate::problem::Problem;
use crate::read::{issued, parse_digest, parse_year};
use crate::router::App;
use crate::store::{Blob, Drops};

/// Leaves covered by one answer, when epochs end there: docs/protocol.md section 7.
const LEAVES_MAX: u16 = 1024;

/// What is read of a blob at a time.
const CHUNK_SIZE_BYTES: u64 = 64 * 1024;

/// Names the force if one of its couriers signed the request, with the directory that says so.
pub(crate) fn authorised(
    app: &App,
    force: &str,
    request: &Request,
) -> Result<(Force, Arc<Issued>), Problem> {
    let (force, issued) = issued(app, force)?;
    let target = Target {
        method: request.method().as_str(),
        path: request.uri().path(),
        query: request.uri().query().unwrap_or_default(),
    };
    let field = |name| one(request.headers(), &HeaderName::from_static(name));
    verify(
        &issued.directory,
        &target,
        field(SIGNATURE_INPUT),
        field(SIGNATURE),
        clock::now_s(),
    )
    .map_err(|error: RequestError| Problem::NotACourier(error.to_string()))?;
    Ok((force, issued))
}

/// `GET /v1/forces/{force}/drops?year=Y&after=N`: epochs and drops of a part of the log.
pub(crate) async fn drops(
    State(app): State<Arc<App>>,
    Path(force): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (force, _) = authorised(&app, &force, &request)?;
    let (year, after) = parse_query(request.uri().query().unwrap_or_default())?;
    let (store, of) = (Arc::clone(&app.store), force.clone());
    let drops = spawn_blocking(move || store.drops(&of, year, after, LEAVES_MAX)).await;
    let drops = drops
        .map_err(|_| Problem::Internal)?
        .map_err(|_| Problem::Internal)?;
    let drops = drops.ok_or(Problem::NotFound)?;
    let known = after.min(drops.size);
    app.collected
        .asked(&force, year, known, drops.next, drops.size);
    let encoded = serde_json::to_vec(&Answer::of(&drops)).map_err(|_| Problem::Internal)?;
    Ok(bytes_answer("application/json", encoded))
}

/// `year=Y&after=N`, in this order and once each.
fn parse_query(query: &str) -> Result<(u16, u64), Problem> {
    let wanted = Problem::Malformed("wanted the query year=Y&after=N");
    let (year, after) = query
        .strip_prefix("year=")
        .and_then(|rest| rest.split_once("&after="))
        .ok_or_else(|| wanted.clone())?;
    let digits = !after.is_empty() && after.bytes().all(|byte| byte.is_ascii_digit());
    match (parse_year(year), after.parse()) {
        (Ok(year), Ok(after)) if digits => Ok((year, after)),
        (_, _) => Err(wanted),
    }
}

#[derive(Serialize)]
struct Answer {
    year: u16,
    size: u64,
    epochs: Vec<AnswerEpoch>,
    drops: Vec<AnswerDrop>,
    next: u64,
}

#[derive(Serialize)]
struct AnswerEpoch {
    first: u64,
    leaves: u16,
    seed: String,
}

#[derive(Serialize)]
struct AnswerDrop {
    index: u64,
    h: String,
    size: u64,
}

impl Answer {
    fn of(drops: &Drops) -> Self {
        Self {
            year: drops.year,
            size: drops.size,
            epochs: drops
                .epochs
                .iter()
                .map(|epoch| AnswerEpoch {
                    first: epoch.first,
                    leaves: epoch.leaves,
                    seed: hex::encode(epoch.seed.expose()),
                })
                .collect(),
            drops: drops
                .drops
                .iter()
                .map(|drop| AnswerDrop {
                    index: drop.index,
                    h: drop.h.to_string(),
                    size: drop.size_bytes,
                })
                .collect(),
            next: drops.next,
        }
    }
}

/// `GET /v1/forces/{force}/blobs/{h}`: one submission, as it came in.
pub(crate) async fn blob(
    State(app): State<Arc<App>>,
    Path((force, h)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (force, _) = authorised(&app, &force, &request)?;
    let h = parse_digest(&h)?;
    let blob = spawn_blocking(move || app.store.blob(&force, &h)).await;
    let blob = blob
        .map_err(|_| Problem::Internal)?
        .map_err(|_| Problem::Internal)?;
    let blob = Arc::new(blob.ok_or(Problem::NotFound)?);
    let body = BlobBody {
        size: blob.size_bytes(),
        blob,
        at: 0,
        reading: None,
    };
    Ok(bytes_answer(crate::submit::MEDIA_TYPE, Body::new(body)))
}

/// A blob that is read a chunk at a time, as the courier takes it.
struct BlobBody {
    blob: Arc<Blob>,
    size: u64,
    at: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl BlobBody {
    fn read_next(&self) -> JoinHandle<io::Result<Bytes>> {
        let (blob, at) = (Arc::clone(&self.blob), self.at);
        let size = self.size.saturating_sub(at).min(CHUNK_SIZE_BYTES);
        spawn_blocking(move || {
            let mut chunk = vec![0; usize::try_from(size).map_err(io::Error::other)?];
            blob.read_at(at, &mut chunk)?;
            Ok(Bytes::from(chunk))
        })
    }
}

impl HttpBody for BlobBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.is_end_stream() {
            return Poll::Ready(None);
        }
        let mut reading = self.reading.take().unwrap_or_else(|| self.read_next());
        let Poll::Ready(read) = Pin::new(&mut reading).poll(cx) else {
            self.reading = Some(reading);
            return Poll::Pending;
        };
        let chunk = read.map_err(io::Error::other)??;
        self.at = self
            .at
            .saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.at >= self.size
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.size.saturating_sub(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_one_way_to_be_written() {
        assert_eq!(parse_query("year=2026&after=0"), Ok((2026, 0)));
        for query in [
            "",
            "year=2026",
            "after=0&year=2026",
            "year=26&after=0",
            "year=2026&after=",
            "year=2026&after=+1",
            "year=2026&after=0&x=1",
        ] {
            assert!(
                matches!(parse_query(query), Err(Problem::Malformed(_))),
                "{query}"
            );
        }
    }

    #[test]
    fn no_drops_is_a_whole_answer() {
        let drops = Drops {
            year: 2026,
            size: 0,
            epochs: Vec::new(),
            drops: Vec::new(),
            next: 0,
        };
        assert_eq!(
            serde_json::to_string(&Answer::of(&drops)).unwrap(),
            r#"{"year":2026,"size":0,"epochs":[],"drops":[],"next":0}"#
        );
    }
}
