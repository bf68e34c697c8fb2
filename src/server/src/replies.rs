//! Pages of answers: a force's couriers bring them, anybody may read them (docs/protocol.md section 14).
//!
//! A page is 64 sealed records of one size. Which of them stand for something nobody can tell here; every reader asks
//! for whole pages.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use hafan_envelope::reply::{PAGE_SIZE_BYTES, Page};
use http::StatusCode;

use crate::body::{Pieces, declared_size};
use crate::courier::authorised;
use crate::headers::bytes_answer;
use crate::limits::PAGES_WAITING_MAX;
use crate::problem::Problem;
use crate::read::{BYTES, issued, parse_digest, parse_number, parse_year};
use crate::router::App;
use crate::shares::{Claim, Door};
use crate::store::Accepted;
use crate::submit::problem_of_submit;

/// The media type of a page of answers.
pub const MEDIA_TYPE: &str = "application/vnd.hafan.reply-page";

/// `PUT /v1/forces/{force}/replies/{h}`: takes a page; 201 when it is durable now, 200 when it was before.
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    Path((force, h)): Path<(String, String)>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let (force, issued) = authorised(&app, &force, &request)?;
    let h = parse_digest(&h)?;
    let page_size = u64::try_from(PAGE_SIZE_BYTES).unwrap_or(u64::MAX);
    let size = declared_size(request.headers(), MEDIA_TYPE, page_size)?;
    if app.store.pages_waiting(&force) >= PAGES_WAITING_MAX {
        return Err(Problem::Busy);
    }
    let _room = app.room(Claim::Force(&force, Door::Page), size)?;
    let bytes = Pieces::of(request.into_body(), size).all().await?;
    let page = Page::parse(&bytes).map_err(|error| Problem::ReplyPage(error.to_string()))?;
    if page.digest() != h {
        return Err(Problem::Digest);
    }
    // Nothing but what the officers cosigned stands behind the records; the records can still be anybody's.
    let seen = issued.directory.open_seen(page.seen());
    seen.map_err(|error| Problem::ReplyPage(format!("what stands behind the records: {error}")))?;
    match app.store.submit_page(&force, bytes).await {
        Ok(Accepted::Created) => Ok(StatusCode::CREATED),
        Ok(Accepted::Already) => Ok(StatusCode::OK),
        Err(error) => Err(problem_of_submit(&error, page_size)),
    }
}

/// `GET /log/{force}/{year}/replies/index/{number}`: the index parts of the pages among 16,384 leaves.
pub(crate) async fn index(
    State(app): State<Arc<App>>,
    Path((force, year, number)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let (force, _) = issued(&app, &force)?;
    let (year, number) = (parse_year(&year)?, parse_number(&number)?);
    let found = tokio::task::spawn_blocking(move || app.store.reply_index(&force, year, number));
    let found = found.await.map_err(|_| Problem::Internal)?;
    let found = found.map_err(|_| Problem::Internal)?;
    Ok(bytes_answer(BYTES, found.ok_or(Problem::NotFound)?))
}

/// `GET /log/{force}/{year}/replies/page/{leaf}`: the page that a leaf stands for.
pub(crate) async fn page(
    State(app): State<Arc<App>>,
    Path((force, year, leaf)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let (force, _) = issued(&app, &force)?;
    let (year, leaf) = (parse_year(&year)?, parse_number(&leaf)?);
    let found = tokio::task::spawn_blocking(move || app.store.reply_page(&force, year, leaf));
    let found = found.await.map_err(|_| Problem::Internal)?;
    let found = found.map_err(|_| Problem::Internal)?;
    Ok(bytes_answer(BYTES, found.ok_or(Problem::NotFound)?))
}
