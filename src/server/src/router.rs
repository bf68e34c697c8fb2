//! Every address that the server answers, and what holds for all of them.
//!
//! The connection's own code adds the headers of every answer: [`crate::accept`].

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, put};
use axum::{Extension, Router};
use bytes::Bytes;
use http::header::{HeaderName, LOCATION};
use http::{HeaderValue, Method, StatusCode};
use http_body::Body as _;

use crate::collected::Collected;
use crate::config::Limits;
use crate::directories::Directories;
use crate::drafts::Drafts;
use crate::forwarded::{self, Forwarded};
use crate::problem::Problem;
use crate::shares::{Claim, Door, Room, Shares};
use crate::site::Site;
use crate::store::{OperatorLog, Store};
use crate::work::Work;
use crate::{courier, drafts, metrics, openapi, read, replies, submit};

const READ_ONLY: &str = "GET, HEAD";
const DRAFT_METHODS: &str = "GET, HEAD, PUT, DELETE";
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");
/// What the leave route asks the browser to forget. `*` would ask for more than browsers have in common.
const CLEARED: HeaderValue = HeaderValue::from_static("\"cache\", \"cookies\", \"storage\"");

/// All that the routes share.
#[derive(Debug)]
pub struct App {
    /// Ciphertext and logs.
    pub store: Arc<Store>,
    /// What was written and not sent, sealed.
    pub drafts: Arc<Drafts>,
    /// The forces' signed keys.
    pub directories: Directories,
    /// The operator's log, in which all that is handed out stands.
    pub operator: OperatorLog,
    /// How far the couriers have come.
    pub collected: Collected,
    /// The pages.
    pub site: Site,
    /// The release that they are of, as it was signed.
    pub release: Bytes,
    /// Where `/leave` goes.
    pub leave_url: HeaderValue,
    /// The day of the start.
    pub started_on: jiff::civil::Date,
    /// Leaves of an epoch.
    pub leaves_per_epoch: u16,
    /// Seconds of an epoch.
    pub epoch_s: u32,
    /// What the machine can carry.
    pub limits: Limits,
    /// The room for what comes in.
    pub shares: Shares,
    /// What pages are asked for under load.
    pub work: Work,
    /// What becomes of requests that say who asks.
    pub forwarded: Forwarded,
}

impl App {
    /// How many submissions of a force may wait for an epoch. Where there is a gateway, the last quarter is for it alone.
    pub(crate) fn backlog_max(&self, door: Door) -> u64 {
        let all = u64::from(self.leaves_per_epoch) * u64::from(self.limits.backlog_epochs_max);
        match door {
            Door::Page if self.shares.has_gateway() => all - all / 4,
            Door::Page | Door::Gateway => all,
        }
    }

    /// Room for a body of this size, before any of it is read.
    pub(crate) fn room(&self, claim: Claim<'_>, size: u64) -> Result<Room<'_>, Problem> {
        self.shares.take(claim, size, || {
            self.store.free_bytes().map_err(|_| Problem::Internal)
        })
    }
}

/// The public side.
pub fn public(app: Arc<App>) -> Router {
    Router::new()
        .route(
            "/v1/forces/{force}/drops/{h}",
            put(submit::submit).fallback(not_put),
        )
        .route(
            "/v1/forces/{force}/directory",
            get(read::directory).fallback(not_get),
        )
        .route(
            "/v1/forces/{force}/drops",
            get(courier::drops).fallback(not_get),
        )
        .route(
            "/v1/forces/{force}/blobs/{h}",
            get(courier::blob).fallback(not_get),
        )
        .route(
            "/v1/forces/{force}/replies/{h}",
            put(replies::put).fallback(not_put),
        )
        .route(
            "/v1/drafts/{id}",
            get(drafts::get)
                .put(drafts::put)
                .delete(drafts::delete)
                .fallback(async || Problem::Method(DRAFT_METHODS)),
        )
        .route(
            "/v1/openapi.json",
            get(openapi::description).fallback(not_get),
        )
        .route("/v1/release", get(read::release).fallback(not_get))
        .route(
            "/log/operator/checkpoint",
            get(read::operator_checkpoint).fallback(not_get),
        )
        .route(
            "/log/operator/tile/{*rest}",
            get(read::operator_tile).fallback(not_get),
        )
        .route(
            "/log/operator/notes/{leaf}",
            get(read::operator_note).fallback(not_get),
        )
        .route("/log/{force}/latest", get(read::latest).fallback(not_get))
        .route("/log/{force}/beat", get(read::beat).fallback(not_get))
        .route(
            "/log/{force}/{year}/checkpoint",
            get(read::checkpoint).fallback(not_get),
        )
        .route(
            "/log/{force}/{year}/tile/{*rest}",
            get(read::tile).fallback(not_get),
        )
        .route(
            "/log/{force}/{year}/replies/index/{number}",
            get(replies::index).fallback(not_get),
        )
        .route(
            "/log/{force}/{year}/replies/page/{leaf}",
            get(replies::page).fallback(not_get),
        )
        .route("/healthz", get(metrics::healthz).fallback(not_get))
        .route("/readyz", get(metrics::readyz).fallback(not_get))
        .route("/leave", get(leave).fallback(not_get))
        .route("/manifest.json", get(manifest).fallback(not_get))
        .fallback(page)
        .layer(from_fn(check))
        .layer(from_fn_with_state(Arc::clone(&app), forwarded::guard))
        .layer(Extension(Door::Page))
        .with_state(app)
}

/// The gateway's side, on a listener of its own: what it passes on, and the keys that it seals to.
pub fn gateway(app: Arc<App>) -> Router {
    Router::new()
        .route(
            "/v1/forces/{force}/drops/{h}",
            put(submit::submit).fallback(not_put),
        )
        .route(
            "/v1/forces/{force}/directory",
            get(read::directory).fallback(not_get),
        )
        .route("/healthz", get(metrics::healthz).fallback(not_get))
        .route("/readyz", get(metrics::readyz).fallback(not_get))
        .fallback(async || Problem::NotFound)
        .layer(from_fn(check))
        .layer(from_fn_with_state(Arc::clone(&app), forwarded::guard))
        .layer(Extension(Door::Gateway))
        .with_state(app)
}

/// The operator's side, on the admin listener.
pub fn admin(app: Arc<App>) -> Router {
    Router::new()
        .route("/metrics", get(metrics::metrics).fallback(not_get))
        .route("/healthz", get(metrics::healthz).fallback(not_get))
        .route("/readyz", get(metrics::readyz).fallback(not_get))
        .fallback(async || Problem::NotFound)
        .layer(from_fn(check))
        .with_state(app)
}

/// What no route needs is refused before any of them: one way to write an address, no body where none is read.
async fn check(request: Request, next: Next) -> Response {
    let uri = request.uri();
    let path = uri.path();
    let problem = if !path.starts_with('/') {
        Some(Problem::Malformed(
            "wanted an address that begins with a slash",
        ))
    } else if path.contains('%') {
        // None of our addresses needs an escape; undoing one would give each address many names.
        Some(Problem::NotFound)
    } else if uri.query().is_some() && has_no_query(path) {
        Some(Problem::Malformed("this address takes no query"))
    } else if matches!(*request.method(), Method::GET | Method::HEAD)
        && !request.body().is_end_stream()
    {
        Some(Problem::Malformed("this method takes no body"))
    } else {
        None
    };
    match problem {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

/// A page may be asked for with a query, which other sites hang on to links; it is not looked at.
fn has_no_query(path: &str) -> bool {
    path.starts_with("/log/") || (path.starts_with("/v1/") && !path.ends_with("/drops"))
}

async fn not_get() -> Problem {
    Problem::Method(READ_ONLY)
}

async fn not_put() -> Problem {
    Problem::Method("PUT")
}

async fn page(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Problem::Method(READ_ONLY));
    }
    app.site.answer(request.uri().path(), request.headers())
}

async fn manifest(State(app): State<Arc<App>>) -> Response {
    app.site.manifest()
}

async fn leave(State(app): State<Arc<App>>) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(LOCATION, app.leave_url.clone());
    headers.insert(CLEAR_SITE_DATA, CLEARED);
    response
}
