//! `/v1/drafts/{id}`: what somebody has written and not sent, sealed, for thirty days (docs/protocol.md section 15).
//!
//! The server sees an age file of one size under a name that only the words give; it cannot tell what is in it, nor that
//! it and a report come from the same words. Trusts nothing that comes in.

mod files;
mod folder;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use hafan_envelope::submission::Digest;
use hafan_envelope::{ENVELOPE_SIZE_BYTES_MIN, Envelope};
use http::StatusCode;
use jiff::civil::Date;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

pub use self::folder::{Drafts, DraftsError, make};

use self::folder::{SaveError, Saved};
use crate::body::{Pieces, declared_size};
use crate::clock;
use crate::headers::bytes_answer;
use crate::problem::Problem;
use crate::read::parse_digest;
use crate::router::App;
use crate::shares::Claim;
use crate::telemetry::{Event, log};

/// The media type of a draft, and of the key that deletes one.
pub const MEDIA_TYPE: &str = "application/vnd.hafan.draft";

/// Size in bytes of what shows that somebody has the words.
const KEY_SIZE_BYTES: u64 = 32;

const ID_LABEL: &[u8] = b"hafan/draft-id/v1\0";

/// How often it is looked whether the oldest drafts are to go.
pub const RETENTION_BEAT: Duration = Duration::from_secs(3600);

/// `PUT`: keeps a draft, in the place of the one before.
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let id = parse_digest(&id)?;
    let size_max = KEY_SIZE_BYTES + ENVELOPE_SIZE_BYTES_MIN;
    let size = declared_size(request.headers(), MEDIA_TYPE, size_max)?;
    let _room = app.room(Claim::Draft, size)?;
    let mut body = Pieces::of(request.into_body(), size).all().await?;
    check_key(&id, &body)?;
    let draft = body.split_off(body.len().min(32));
    Envelope::parse(&draft).map_err(|error| Problem::Envelope(error.to_string()))?;
    let (drafts, days) = (Arc::clone(&app.drafts), app.drafts.days().await);
    let saved = spawn(move || drafts.put(days, &id, &draft, clock::today())).await?;
    match saved {
        Ok(Saved::Created) => Ok(StatusCode::CREATED),
        Ok(Saved::Replaced) => Ok(StatusCode::OK),
        Err(SaveError::Full) => Err(Problem::DraftsFull),
        Err(SaveError::Io) => Err(Problem::Internal),
    }
}

/// `GET`: the sealed draft.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = parse_digest(&id)?;
    let days = app.drafts.days().await;
    let draft = spawn(move || app.drafts.get(days, &id)).await?;
    let draft = draft.map_err(|_| Problem::Internal)?;
    Ok(bytes_answer(MEDIA_TYPE, draft.ok_or(Problem::NotFound)?))
}

/// `DELETE`: takes a draft away, for whoever has its key.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let id = parse_digest(&id)?;
    let size = declared_size(request.headers(), MEDIA_TYPE, KEY_SIZE_BYTES)?;
    let key = Pieces::of(request.into_body(), size).all().await?;
    check_key(&id, &key)?;
    let days = app.drafts.days().await;
    let was_there = spawn(move || app.drafts.delete(days, &id)).await?;
    if was_there.map_err(|_| Problem::Internal)? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::NotFound)
    }
}

/// Deletes what is thirty days old, now and on a beat, until `shutdown` is true or its sender is gone.
pub async fn retain(
    drafts: Arc<Drafts>,
    beat: Duration,
    today: impl Fn() -> Date + Send + 'static,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut beat = interval(beat);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = shutdown.wait_for(|stop| *stop) => return,
            _ = beat.tick() => {}
        }
        let (drafts, day) = (Arc::clone(&drafts), today());
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || drafts.expire(day)).await {
            log(&Event::DraftsNotExpired { why: error.kind() });
        }
    }
}

async fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Problem::Internal)
}

/// Whether the body begins with the key that the id is the digest of.
fn check_key(id: &Digest, body: &[u8]) -> Result<(), Problem> {
    let key: &[u8; 32] = body
        .first_chunk()
        .ok_or(Problem::Malformed("wanted a body that begins with a key"))?;
    let found: [u8; 32] = Sha256::new()
        .chain_update(ID_LABEL)
        .chain_update(key)
        .finalize()
        .into();
    // Both sides are known to whoever sent the request: nothing is told by how long this takes.
    if found == id.0 {
        Ok(())
    } else {
        Err(Problem::Digest)
    }
}
