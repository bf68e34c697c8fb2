//! Every route of the gateway. `{place}` is `/{force}/{language}`:
//!
//! - `GET` of a page of the build, but not of the form and of those that give something back
//! - `POST {place}/form`: the form; only so, and no browser keeps the page for its Back button
//! - `POST {place}/send`: reads, seals, sends; 303 to `{place}/sent/` or `{place}/not-sent/{why}/`
//! - `GET /leave`, `GET /readyz`
//! - 400 to every request that says who asks
//!
//! Source of the rules on POST, 303 and `Sec-Fetch-Site`: docs/decisions/0002.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hafan_report::Language;
use http::header::{
    ACCEPT_ENCODING, ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST,
    LOCATION, ORIGIN, RETRY_AFTER,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::again;
use crate::coming::Coming;
use crate::form::{
    self, FILES_SIZE_BYTES_MAX, FORM_SIZE_BYTES_MAX, Files, Form, FormError, TEXT_SIZE_BYTES_MAX,
    THROWN_AWAY_SIZE_BYTES_MAX,
};
use crate::forwarded;
use crate::questions::Given;
use crate::sealing::{Keeper, Refusal, today};
use crate::site::{Page, Site};

const MIB: usize = 1 << 20;
/// The largest envelope and what stands before it.
const SUBMISSION_SIZE_BYTES_MAX: usize = FILES_SIZE_BYTES_MAX + MIB;
/// What the pieces of 64 files have room for beyond what is in them.
const ROOM_IN_PIECES_SIZE_BYTES_MAX: usize = 4 * MIB;
/// Own words are held as they come in, as text, as answers, as `report.json`, and given back with up to six bytes a character.
const COPIES_OF_WORDS: usize = 10;
/// After an answer that did not wait for it, so much of a body is read and thrown away, so that the answer arrives.
const LINGER_BYTES_MAX: usize = 2 * FORM_SIZE_BYTES_MAX;
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("60");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");
/// The slowest pace of a form, bytes a second, after a time of grace: a 2G line does more.
const PACE_BYTES_PER_S_MIN: u64 = 8 * 1024;
const BODY_GRACE: Duration = Duration::from_secs(30);

/// An answer, whole.
pub type Answer = Response<Full<Bytes>>;

/// What every request is answered from.
pub struct Gateway {
    /// The pages.
    pub site: Site,
    /// Whom reports are sealed to and who keeps them.
    pub keeper: Keeper,
    /// The fields of every answer.
    pub headers: HeaderMap,
    /// Where `/leave` leads.
    pub leave_url: HeaderValue,
    /// MiB of memory that forms may hold.
    pub memory: Semaphore,
    /// MiB of memory that the words of forms may hold for whose files there is none.
    pub memory_of_words: Semaphore,
}

/// MiB of memory that a form of this size takes at most: a file is held as it came in until it is sealed, and then in the submission, whose
/// size class is at most twice as large; words are held more often.
fn memory_mib(form_size_bytes: usize) -> u32 {
    let submission = (2 * form_size_bytes).min(SUBMISSION_SIZE_BYTES_MAX);
    let room = form_size_bytes.min(ROOM_IN_PIECES_SIZE_BYTES_MAX);
    let all = form_size_bytes + submission + room + words_size_bytes(form_size_bytes);
    u32::try_from(all.div_ceil(MIB)).unwrap_or(u32::MAX)
}

const fn words_size_bytes(form_size_bytes: usize) -> usize {
    let words = if form_size_bytes < TEXT_SIZE_BYTES_MAX {
        form_size_bytes
    } else {
        TEXT_SIZE_BYTES_MAX
    };
    COPIES_OF_WORDS * words
}

/// How long the body of a request may take, by what its head says of it.
#[must_use]
pub fn body_time_max(headers: &HeaderMap) -> Duration {
    let size = content_length(headers)
        .unwrap_or(0)
        .min(FORM_SIZE_BYTES_MAX);
    let earned = u64::try_from(size).unwrap_or(u64::MAX) / PACE_BYTES_PER_S_MIN;
    BODY_GRACE + Duration::from_secs(earned)
}

impl Gateway {
    /// Answers one request; never fails, and says nothing of what was in it.
    pub async fn answer(&self, request: Request<Coming>) -> Answer {
        let mut answer = self.route(request).await;
        for (name, value) in &self.headers {
            answer.headers_mut().insert(name.clone(), value.clone());
        }
        // One request a connection: nothing ties it to what comes before or after.
        answer
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
        answer
    }

    async fn route(&self, request: Request<Coming>) -> Answer {
        let path = request.uri().path().to_owned();
        let is_get = request.method() == Method::GET;
        // The page that says so needs its styles, and the way out is open to everybody.
        let tells_nothing = is_get && (path == "/leave" || path.starts_with("/assets/"));
        if !tells_nothing && forwarded::tells_who_asks(request.headers()) {
            return self.set_up_wrongly(request, &path).await;
        }
        let is_post = request.method() == Method::POST;
        match (path.as_str(), self.place(&path)) {
            (_, Some((place, _, "form" | "send"))) if is_get => see_other(&format!("{place}/")),
            (_, Some((place, _, "form"))) if is_post => self.form(request, place).await,
            (_, Some((place, language, "send"))) if is_post => {
                self.send(request, place, language).await
            }
            ("/leave", _) if is_get => self.leave(),
            ("/readyz", _) if is_get => self.ready().await,
            (_, Some((place, _, "form/"))) if is_get => see_other(&format!("{place}/")),
            (_, Some((_, _, rest))) if rest.starts_with("again/") => {
                self.not_found(request.headers())
            }
            (path, _) if is_get => match self.site.page(path) {
                Some(page) => page_answer(StatusCode::OK, page, request.headers()),
                None => self.not_found(request.headers()),
            },
            _ => {
                let mut answer = empty(StatusCode::METHOD_NOT_ALLOWED);
                answer
                    .headers_mut()
                    .insert(ALLOW, HeaderValue::from_static("GET, POST"));
                answer
            }
        }
    }

    /// `/{force}/{language}`, the language, and what follows the slash behind it, where there are such pages.
    fn place<'a>(&self, path: &'a str) -> Option<(&'a str, Language, &'a str)> {
        let (force, rest) = path.strip_prefix('/')?.split_once('/')?;
        let (language, rest) = rest.split_once('/')?;
        let place = path.get(..force.len() + language.len() + 2)?;
        self.site.page(&format!("{place}/"))?;
        match language {
            "en" => Some((place, Language::English, rest)),
            "cy" => Some((place, Language::Welsh, rest)),
            _ => None,
        }
    }

    async fn form(&self, request: Request<Coming>, place: &str) -> Answer {
        let headers = request.headers().clone();
        // Browsers send none, or a few bytes.
        drain(&mut request.into_body(), BODY_GRACE).await;
        if !is_from_here(&headers) {
            return see_other(&format!("{place}/"));
        }
        match self.site.page(&format!("{place}/form/")) {
            Some(page) => page_answer(StatusCode::OK, page, &headers),
            None => self.not_found(&headers),
        }
    }

    async fn send(&self, request: Request<Coming>, place: &str, language: Language) -> Answer {
        let (head, mut body) = request.into_parts();
        let read = self.read(&head.headers, &mut body).await;
        if read.is_err() {
            drain(&mut body, body_time_max(&head.headers)).await;
        }
        let (given, give_back, result) = match read {
            Ok((form, _held)) => {
                let given = Arc::new(form.given);
                let sent = match form.files {
                    Ok(files) => self.keeper.send(&given, files, language).await,
                    Err(error) => Err(refusal(error)),
                };
                (given, form.give_back, sent)
            }
            Err(refusal) => (Arc::new(Given::new()), false, Err(refusal)),
        };
        match result {
            Ok(()) => see_other(&format!("{place}/sent/")),
            Err(refusal) if give_back => self.give_back(place, language, refusal, &given),
            Err(refusal) => see_other(&format!("{place}/not-sent/{}/", refusal.name())),
        }
    }

    /// Reads the form within its bounds; what is returned beside it keeps its memory counted.
    async fn read(
        &self,
        headers: &HeaderMap,
        body: &mut Coming,
    ) -> Result<(Form, SemaphorePermit<'_>), Refusal> {
        let size = content_length(headers).ok_or(Refusal::Changed)?;
        if size > TEXT_SIZE_BYTES_MAX + THROWN_AWAY_SIZE_BYTES_MAX {
            return Err(Refusal::Long);
        }
        if !is_from_here(headers) {
            return Err(Refusal::Changed);
        }
        let mib = memory_mib(size.min(FORM_SIZE_BYTES_MAX));
        let (held, files) = match self.memory.try_acquire_many(mib) {
            Ok(held) => (held, Files::Held),
            Err(_) => (self.room_for_words(size)?, Files::ThrownAway),
        };
        let content_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let content_type = content_type.ok_or(Refusal::Changed)?;
        let reading = form::read(body, content_type, &self.keeper.questions, files);
        match tokio::time::timeout(body_time_max(headers), reading).await {
            Ok(Ok(form)) => Ok((form, held)),
            Ok(Err(error)) => Err(refusal(error)),
            Err(_) => Err(Refusal::Changed),
        }
    }

    /// Where there is none for the files: the words at least can be given back, if that was asked for.
    fn room_for_words(&self, size: usize) -> Result<SemaphorePermit<'_>, Refusal> {
        let words = words_size_bytes(size).div_ceil(MIB);
        let words = u32::try_from(words).unwrap_or(u32::MAX);
        self.memory_of_words
            .try_acquire_many(words)
            .map_err(|_| Refusal::Busy)
    }

    fn give_back(
        &self,
        place: &str,
        language: Language,
        refusal: Refusal,
        given: &Given,
    ) -> Answer {
        let address = format!("{place}/again/{}/", refusal.name());
        let shell = self
            .site
            .page(&address)
            .and_then(|page| std::str::from_utf8(&page.plain).ok());
        let page =
            shell.and_then(|shell| again::page(shell, &self.keeper.questions, given, language));
        let Some(page) = page else {
            return see_other(&format!("{place}/not-sent/{}/", refusal.name()));
        };
        let mut answer = Response::new(Full::new(Bytes::from(page)));
        *answer.status_mut() = match refusal {
            Refusal::Away | Refusal::Busy | Refusal::Closed | Refusal::Maybe => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Refusal::Choices
            | Refusal::Nothing
            | Refusal::Long
            | Refusal::Files
            | Refusal::Changed
            | Refusal::Setup => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        answer.headers_mut().insert(CONTENT_TYPE, html);
        answer
    }

    /// 400 to whatever is asked: nobody should write through a proxy that passes on who they are.
    async fn set_up_wrongly(&self, request: Request<Coming>, path: &str) -> Answer {
        let (head, mut body) = request.into_parts();
        drain(&mut body, body_time_max(&head.headers)).await;
        let address = self.place(path).map(|(place, _, _)| {
            let why = Refusal::Setup.name();
            format!("{place}/not-sent/{why}/")
        });
        match address.and_then(|address| self.site.page(&address)) {
            Some(page) => page_answer(StatusCode::BAD_REQUEST, page, &head.headers),
            None => empty(StatusCode::BAD_REQUEST),
        }
    }

    fn leave(&self) -> Answer {
        let mut answer = empty(StatusCode::SEE_OTHER);
        answer
            .headers_mut()
            .insert(LOCATION, self.leave_url.clone());
        let all = HeaderValue::from_static("\"cache\", \"cookies\", \"storage\"");
        answer.headers_mut().insert(CLEAR_SITE_DATA, all);
        answer
    }

    /// 200 when something could be sealed to every force today.
    async fn ready(&self) -> Answer {
        let today = today();
        for force in self.keeper.roots.keys() {
            let directory = self.keeper.directory(force, today).await;
            if !directory.is_ok_and(|directory| directory.intake_for(today).is_some()) {
                let mut answer = empty(StatusCode::SERVICE_UNAVAILABLE);
                answer.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_S);
                return answer;
            }
        }
        empty(StatusCode::OK)
    }

    fn not_found(&self, headers: &HeaderMap) -> Answer {
        match self.site.page("/404.html") {
            Some(page) => page_answer(StatusCode::NOT_FOUND, page, headers),
            None => empty(StatusCode::NOT_FOUND),
        }
    }
}

const fn refusal(error: FormError) -> Refusal {
    match error {
        FormError::Long => Refusal::Long,
        FormError::Files => Refusal::Files,
        FormError::Busy => Refusal::Busy,
        FormError::Line | FormError::Other => Refusal::Changed,
    }
}

/// Whether a form was sent by a page of ours, as far as browsers say it. With `Referrer-Policy: no-referrer` they send `Origin: null`.
fn is_from_here(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get(FETCH_SITE) {
        return site == "same-origin";
    }
    let (Some(origin), Some(host)) = (headers.get(ORIGIN), headers.get(HOST)) else {
        return true;
    };
    let host_of = |origin: &str| {
        origin
            .split_once("://")
            .map(|(_, host)| host.as_bytes().to_vec())
    };
    origin == "null"
        || origin
            .to_str()
            .ok()
            .and_then(host_of)
            .is_some_and(|found| found == host.as_bytes())
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads and throws away what is left of a body, within bounds.
async fn drain(body: &mut Coming, time_max: Duration) {
    let reading = async {
        let mut left = LINGER_BYTES_MAX;
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(size) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    // Who is slower has the answer, and perhaps a reset with it.
    let _in_time = tokio::time::timeout(time_max, reading).await;
}

fn page_answer(status: StatusCode, page: &Page, headers: &HeaderMap) -> Answer {
    let gzip = page.gzip.as_ref().filter(|_| accepts_gzip(headers));
    let mut answer = Response::new(Full::new(gzip.unwrap_or(&page.plain).clone()));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, page.content_type.clone());
    if gzip.is_some() {
        answer
            .headers_mut()
            .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

/// Whether `Accept-Encoding` names gzip, and without a weight: browsers do, and who refuses it has the plain page.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case("gzip"))
}

/// Addresses are made of forces, languages and our own words only.
fn see_other(path: &str) -> Answer {
    let mut answer = empty(StatusCode::SEE_OTHER);
    if let Ok(path) = HeaderValue::from_str(path) {
        answer.headers_mut().insert(LOCATION, path);
    }
    answer
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::new()));
    *answer.status_mut() = status;
    answer
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::is_from_here;

    fn from_here(fields: &[(&'static str, &'static str)]) -> bool {
        let field = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        is_from_here(&fields.iter().map(field).collect::<HeaderMap>())
    }

    #[test]
    fn a_form_of_another_site_is_not_taken() {
        assert!(from_here(&[
            ("sec-fetch-site", "same-origin"),
            ("origin", "null")
        ]));
        for site in ["cross-site", "same-site", "none", ""] {
            assert!(!from_here(&[("sec-fetch-site", site)]), "{site}");
        }
        assert!(!from_here(&[
            ("host", "a.example"),
            ("origin", "https://b.example")
        ]));
    }

    #[test]
    fn an_old_browser_that_says_nothing_of_itself_is_let_in() {
        assert!(from_here(&[("host", "a.example")]));
        assert!(from_here(&[("host", "a.example"), ("origin", "null")]));
        assert!(from_here(&[
            ("host", "a.example"),
            ("origin", "https://a.example")
        ]));
    }
}
