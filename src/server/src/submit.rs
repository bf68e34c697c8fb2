//! `PUT /v1/forces/{force}/drops/{h}`: takes one submission as it streams in, and answers once it is durable.
//!
//! Trusts nothing. Each check is made as early as its bytes are there: address and length before the body, the
//! envelope's header after 1,675 bytes, the digest at the end. Memory stays flat: what is over 1 MiB goes to a file
//! that never has a name. Never opens, keeps a copy of, or writes down what comes in.

use std::fs::File;
use std::io::{self, Seek as _};
use std::sync::Arc;

use axum::body::{Body as RequestBody, Bytes};
use axum::extract::{Extension, Path, Request, State};
use hafan_directory::Force;
use hafan_envelope::submission::{Digest, DigestHasher};
use hafan_envelope::{
    HEADER_SIZE_BYTES, SALT_SIZE_BYTES, SUBMISSION_SIZE_BYTES_MAX, TAG_SIZE_BYTES, check_header,
    size_class_of,
};
use http::{HeaderMap, StatusCode};
use tokio::io::AsyncWriteExt as _;

use crate::body::{Pieces, declared_size};
use crate::clock;
use crate::limits::{IN_MEMORY_SIZE_BYTES_MAX, SPILL_MEMORY_BYTES};
use crate::problem::Problem;
use crate::read::parse_digest;
use crate::router::App;
use crate::shares::{Claim, Door, Percent};
use crate::store::{Accepted, Body, Store, SubmitError};

/// The media type of a submission.
pub const MEDIA_TYPE: &str = "application/vnd.hafan.submission";

const PREFIX_SIZE_BYTES: usize = SALT_SIZE_BYTES + TAG_SIZE_BYTES;
const START_SIZE_BYTES: usize = PREFIX_SIZE_BYTES + HEADER_SIZE_BYTES;

/// Takes a submission: 201 when it is durable now, 200 when it was before.
pub(crate) async fn submit(
    State(app): State<Arc<App>>,
    Extension(door): Extension<Door>,
    Path((force, h)): Path<(String, String)>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let force: Force = force.parse().map_err(|_| Problem::NoSuchForce)?;
    if app.directories.of(&force).is_none() {
        return Err(Problem::NoSuchForce);
    }
    let h = parse_digest(&h)?;
    let size = declared_submission(request.headers())?;
    let free = app.store.free_bytes().map_err(|_| Problem::Internal)?;
    let admitted = if is_full(&app, free) {
        Err(Problem::StoreFull)
    } else {
        admit(&app, &force, door, size, free)
    };
    match admitted {
        // One that is durable already is told so all the same: its sender may not have heard the first answer.
        Err(problem) if !holds(&app, &force, h).await? => return Err(problem),
        Ok(()) if door == Door::Page => {
            let load = load_of(&app, &force, free);
            app.work.admit(&force, &h, request.headers(), load)?;
        }
        Ok(()) | Err(_) => {}
    }
    let _room = app.room(Claim::Force(&force, door), size)?;
    let (body, found) = take_in(request.into_body(), size, &app.store).await?;
    if found != h {
        return Err(Problem::Digest);
    }
    match app.store.submit(&force, h, body).await {
        Ok(Accepted::Created) => {
            app.shares.count(&force, size, clock::today());
            Ok(StatusCode::CREATED)
        }
        Ok(Accepted::Already) => Ok(StatusCode::OK),
        Err(error) => Err(problem_of_submit(&error, SUBMISSION_SIZE_BYTES_MAX)),
    }
}

/// Whether there is no room for anybody, as the store found when it last wrote, or with so many bytes free.
fn is_full(app: &App, free: u64) -> bool {
    app.store.health().full || free < app.limits.free_bytes_min
}

/// Sheds what could be taken but would stand in the way: of the couriers, or of the other forces' reports.
fn admit(app: &App, force: &Force, door: Door, size: u64, free: u64) -> Result<(), Problem> {
    // Each epoch takes so many: past this, what is acknowledged would wait for days before a courier sees it.
    if app.store.backlog(force) >= app.backlog_max(door) {
        return Err(Problem::Busy);
    }
    app.shares.check_day(force, size, free, clock::today())
}

/// How much is used of what a force's reports from the pages may use: room to come in, epochs to wait for, or disk.
fn load_of(app: &App, force: &Force, free: u64) -> Percent {
    let waiting = app.store.backlog(force).saturating_mul(100) / app.backlog_max(Door::Page).max(1);
    let day = app.shares.used_of_day(force, free, clock::today());
    app.shares.used(force).max(waiting).max(day)
}

/// Whether a submission is durable already.
async fn holds(app: &Arc<App>, force: &Force, h: Digest) -> Result<bool, Problem> {
    let (app, force) = (Arc::clone(app), force.clone());
    tokio::task::spawn_blocking(move || app.store.holds(&force, &h))
        .await
        .map_err(|_| Problem::Internal)?
        .map_err(|_| Problem::Internal)
}

/// The submission's length in bytes, as the head declares it, when it can be that of one.
fn declared_submission(headers: &HeaderMap) -> Result<u64, Problem> {
    let size = declared_size(headers, MEDIA_TYPE, SUBMISSION_SIZE_BYTES_MAX)?;
    let prefix = u64::try_from(PREFIX_SIZE_BYTES).unwrap_or(u64::MAX);
    size_class_of(size.saturating_sub(prefix))
        .map_err(|error| Problem::Envelope(error.to_string()))?;
    Ok(size)
}

/// Why the store did not take something that may be `size_max` bytes long, as the sender is told.
pub(crate) fn problem_of_submit(error: &SubmitError, size_max: u64) -> Problem {
    match error {
        SubmitError::StoreFull => Problem::StoreFull,
        SubmitError::ShuttingDown => Problem::Busy,
        SubmitError::NoSuchForce => Problem::NoSuchForce,
        SubmitError::TooLarge => Problem::TooLarge(size_max),
        SubmitError::NoPage => Problem::ReplyPage(error.to_string()),
        SubmitError::Spilled(_) => Problem::Internal,
    }
}

/// Where a submission's bytes go as they come in.
enum Sink {
    Memory(Vec<u8>),
    File(tokio::fs::File),
}

/// Reads exactly `size` bytes at no less than the slowest pace, and returns them with their digest.
async fn take_in(body: RequestBody, size: u64, store: &Store) -> Result<(Body, Digest), Problem> {
    let mut sink = Sink::for_size(size, || store.spill_file())?;
    let mut checked = Checked::Start(Vec::with_capacity(START_SIZE_BYTES));
    let mut pieces = Pieces::of(body, size);
    while let Some(bytes) = pieces.next().await? {
        checked = checked.take(&bytes)?;
        sink.write(&bytes).await?;
    }
    let Checked::Rest(hasher) = checked else {
        // The smallest declared size has all of the header.
        return Err(Problem::Internal);
    };
    Ok((sink.finish(size).await?, hasher.finish()))
}

/// How much of a submission has been checked.
enum Checked {
    /// Salt, τ and the envelope's header are not all there yet.
    Start(Vec<u8>),
    /// The header is as wanted; the digest runs.
    Rest(DigestHasher),
}

impl Checked {
    fn take(self, bytes: &[u8]) -> Result<Self, Problem> {
        match self {
            Self::Start(mut start) => {
                let missing = START_SIZE_BYTES.saturating_sub(start.len());
                let (now, later) = bytes.split_at(missing.min(bytes.len()));
                start.extend_from_slice(now);
                if start.len() < START_SIZE_BYTES {
                    return Ok(Self::Start(start));
                }
                let (salt, rest) = start.split_first_chunk().ok_or(Problem::Internal)?;
                let header = rest
                    .get(TAG_SIZE_BYTES..)
                    .and_then(<[u8]>::first_chunk)
                    .ok_or(Problem::Internal)?;
                check_header(header).map_err(|error| Problem::Envelope(error.to_string()))?;
                let mut hasher = DigestHasher::new(salt);
                hasher.update(header);
                hasher.update(later);
                Ok(Self::Rest(hasher))
            }
            Self::Rest(mut hasher) => {
                hasher.update(bytes);
                Ok(Self::Rest(hasher))
            }
        }
    }
}

impl Sink {
    fn for_size(size: u64, spill_file: impl FnOnce() -> io::Result<File>) -> Result<Self, Problem> {
        if size > IN_MEMORY_SIZE_BYTES_MAX {
            let file = spill_file().map_err(|error| problem_of(&error))?;
            let mut file = tokio::fs::File::from_std(file);
            file.set_max_buf_size(usize::try_from(SPILL_MEMORY_BYTES / 2).unwrap_or(usize::MAX));
            return Ok(Self::File(file));
        }
        let size = usize::try_from(size).map_err(|_| Problem::Busy)?;
        Ok(Self::Memory(Vec::with_capacity(size)))
    }

    async fn write(&mut self, bytes: &Bytes) -> Result<(), Problem> {
        match self {
            Self::Memory(memory) => memory.extend_from_slice(bytes),
            Self::File(file) => file
                .write_all(bytes)
                .await
                .map_err(|error| problem_of(&error))?,
        }
        Ok(())
    }

    async fn finish(self, size: u64) -> Result<Body, Problem> {
        match self {
            Self::Memory(memory) => Ok(Body::Memory(memory)),
            Self::File(mut file) => {
                file.flush().await.map_err(|error| problem_of(&error))?;
                let mut file = file.into_std().await;
                file.rewind().map_err(|error| problem_of(&error))?;
                Ok(Body::Spilled(file, size))
            }
        }
    }
}

fn problem_of(error: &io::Error) -> Problem {
    if matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    ) {
        return Problem::StoreFull;
    }
    Problem::Internal
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_smallest_submission_is_salt_and_tag_and_smallest_envelope() {
        let declared = |length: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", HeaderValue::from_static(MEDIA_TYPE));
            headers.insert("content-length", HeaderValue::from_static(length));
            declared_submission(&headers)
        };
        assert_eq!(declared("67243"), Ok(67_243));
        assert!(matches!(declared("67242"), Err(Problem::Envelope(_))));
    }

    #[tokio::test]
    async fn a_large_submission_goes_to_a_file() {
        let mut sink = Sink::for_size(IN_MEMORY_SIZE_BYTES_MAX + 1, tempfile::tempfile).unwrap();
        sink.write(&Bytes::from_static(b"sealed")).await.unwrap();
        let Body::Spilled(file, 6) = sink.finish(6).await.unwrap() else {
            panic!("kept in memory")
        };
        assert_eq!(io::read_to_string(file).unwrap(), "sealed");
    }
}
