//! HTTP to one server: bounded answers, bounded time, and another try when the line drops.
//!
//! Must never follow a redirect or speak plain HTTP to another machine unless told to. Trusts nothing
//! that it receives: what is fetched is verified by its reader.

use std::time::Duration;

use bytes::Bytes;
use hafan_directory::request::{self, Target};
use hafan_tlog::Signer;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::failure::{Failure, Kind};

const TRIES: u32 = 6;
const BACKOFF_FIRST: Duration = Duration::from_millis(250);
const BACKOFF_MAX: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// From the end of what is asked to the head of the answer.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The slowest pace at which the server takes a body.
const PACE_BYTES_PER_S_MIN: usize = 8192;
/// The longest time without a byte of the body.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest answer to something that was put: a problem in words.
const PROBLEM_SIZE_BYTES_MAX: usize = 64 * 1024;

/// Whether plain HTTP to other machines is allowed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlainHttp {
    LoopbackOnly,
    Allowed,
}

/// A client of one server.
pub(crate) struct Client {
    base: String,
    http: HyperClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// How the server came to hold what was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// It is durable since now.
    Created,
    /// It was there before.
    Already,
}

/// One request, as it is sent again when the line drops.
struct Asked<'a> {
    method: Method,
    path: &'a str,
    access: Access<'a>,
    /// The media type and bytes of the body, when there is one.
    body: Option<(&'static str, Bytes)>,
    answer_size_max: usize,
}

/// Whether a request carries the courier's signature.
#[derive(Clone, Copy)]
pub(crate) enum Access<'a> {
    Public,
    Courier(&'a Signer),
}

/// Why one try gave nothing.
enum TryError {
    /// Another try may help: after this long, if the server said.
    Again(Failure, Option<Duration>),
    Final(Failure),
}

impl Client {
    /// A client of the server at `url`, such as `https://reports.example.org`.
    pub(crate) fn new(url: &str, plain: PlainHttp) -> Result<Self, Failure> {
        let base = url.trim_end_matches('/').to_owned();
        let usage = |what: String, advice: &str| Failure::new(Kind::Usage, what, advice);
        let uri: Uri = base.parse().map_err(|_| {
            usage(
                format!("{url} is no URL"),
                "give one such as https://reports.example.org",
            )
        })?;
        let host = uri.host().unwrap_or_default();
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if plain == PlainHttp::Allowed || is_loopback(host) => {}
            Some("http") => {
                return Err(Failure::new(
                    Kind::Unsafe,
                    format!("{url} is plain HTTP to another machine"),
                    "use https; or, on a line that is protected in another way (an onion \
                     service), give --allow-http",
                ));
            }
            Some(_) | None => {
                return Err(usage(
                    format!("{url} is no http or https URL"),
                    "want https://…",
                ));
            }
        }
        if uri.query().is_some() || uri.path() != "/" {
            return Err(usage(
                format!("{url} has more than a server's name"),
                "leave out the path",
            ));
        }
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .map_err(|e| {
                usage(
                    "cannot set up TLS".to_owned(),
                    "this is a fault of the build",
                )
                .because(e)
            })?
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let http = HyperClient::builder(TokioExecutor::new()).build(connector);
        Ok(Self { base, http })
    }

    /// Fetches `path` (with its query, if any); `None` when the server has no such thing.
    pub(crate) async fn get(
        &self,
        path: &str,
        size_max: usize,
        access: Access<'_>,
    ) -> Result<Option<Bytes>, Failure> {
        let asked = Asked {
            method: Method::GET,
            path,
            access,
            body: None,
            answer_size_max: size_max,
        };
        let (status, bytes) = self.ask(&asked).await?;
        Ok((status == StatusCode::OK).then_some(bytes))
    }

    /// Puts `body` at `path`, signed by the courier, until the server says that it is durable.
    pub(crate) async fn put(
        &self,
        path: &str,
        media_type: &'static str,
        body: Bytes,
        key: &Signer,
    ) -> Result<Put, Failure> {
        let asked = Asked {
            method: Method::PUT,
            path,
            access: Access::Courier(key),
            body: Some((media_type, body)),
            answer_size_max: PROBLEM_SIZE_BYTES_MAX,
        };
        match self.ask(&asked).await?.0 {
            StatusCode::CREATED => Ok(Put::Created),
            StatusCode::OK => Ok(Put::Already),
            status => Err(self.answered(path, status)),
        }
    }

    /// Asks, and again when the line drops or the server is busy; gives what it said: done, or no such thing.
    async fn ask(&self, asked: &Asked<'_>) -> Result<(StatusCode, Bytes), Failure> {
        let mut wait = BACKOFF_FIRST;
        let mut tries = 1;
        loop {
            match self.try_ask(asked).await {
                Ok(found) => return Ok(found),
                Err(TryError::Final(failure)) => return Err(failure),
                Err(TryError::Again(failure, _)) if tries == TRIES => return Err(failure),
                Err(TryError::Again(_, said)) => {
                    tokio::time::sleep(said.unwrap_or(wait).min(BACKOFF_MAX)).await;
                    wait = wait.saturating_mul(2);
                    tries = tries.saturating_add(1);
                }
            }
        }
    }

    async fn try_ask(&self, asked: &Asked<'_>) -> Result<(StatusCode, Bytes), TryError> {
        let Asked {
            path,
            answer_size_max,
            ..
        } = asked;
        let request = self.request(asked).map_err(TryError::Final)?;
        let size = asked.body.as_ref().map_or(0, |(_, bytes)| bytes.len());
        let answer = tokio::time::timeout(head_timeout(size), self.http.request(request)).await;
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(TryError::Again(self.unreachable().because(error), None)),
            Err(_) => return Err(TryError::Again(self.unreachable(), None)),
        };
        let status = answer.status();
        let said = retry_after(answer.headers());
        let body = read_body(answer.into_body(), *answer_size_max).await;
        match status {
            StatusCode::OK | StatusCode::CREATED => {
                body.map(|body| (status, body)).map_err(|cut| match cut {
                    Cut::TooLong => TryError::Final(Failure::unbelievable(format!(
                        "the answer to {path} is over {answer_size_max} bytes"
                    ))),
                    Cut::Line => TryError::Again(self.unreachable(), None),
                })
            }
            StatusCode::NOT_FOUND => Ok((status, Bytes::new())),
            StatusCode::UNAUTHORIZED => Err(TryError::Final(refused(path, body.ok().as_ref()))),
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY => {
                Err(TryError::Final(not_taken(path, body.ok().as_ref())))
            }
            _ if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Err(TryError::Again(self.answered(path, status), said))
            }
            _ => Err(TryError::Final(self.answered(path, status))),
        }
    }

    fn request(&self, asked: &Asked<'_>) -> Result<Request<Full<Bytes>>, Failure> {
        let path = asked.path;
        let mut request = Request::builder()
            .method(&asked.method)
            .uri(format!("{}{path}", self.base))
            .header(http::header::USER_AGENT, "hafan-courier");
        if let Access::Courier(signer) = asked.access {
            let (path, query) = path.split_once('?').unwrap_or((path, ""));
            let target = Target {
                method: asked.method.as_str(),
                path,
                query,
            };
            let now = jiff::Timestamp::now().as_second();
            let fields =
                request::sign(signer, &target, now).map_err(|e| self.unsendable().because(e))?;
            for (name, value) in fields {
                request = request.header(name, value);
            }
        }
        let mut body = Bytes::new();
        if let Some((media_type, bytes)) = &asked.body {
            request = request.header(http::header::CONTENT_TYPE, *media_type);
            body = bytes.clone();
        }
        request
            .body(Full::new(body))
            .map_err(|e| self.unsendable().because(e))
    }

    fn unreachable(&self) -> Failure {
        Failure::new(
            Kind::Unreachable,
            format!(
                "cannot reach {}, or the line dropped, {TRIES} times",
                self.base
            ),
            "check the network and the address; then run the same command again: nothing is lost",
        )
    }

    fn answered(&self, path: &str, status: StatusCode) -> Failure {
        Failure::new(
            Kind::Unreachable,
            format!(
                "{} answered {path} with status {}",
                self.base,
                status.as_u16()
            ),
            "try again later, and tell the operator if it stays so",
        )
    }

    fn unsendable(&self) -> Failure {
        Failure::new(
            Kind::Usage,
            format!("cannot ask {}", self.base),
            "check the address and the key",
        )
    }
}

/// The problem text says whether the key or the clock is wrong.
fn refused(path: &str, problem: Option<&Bytes>) -> Failure {
    let said = said(problem);
    Failure::new(
        Kind::No,
        format!("the server does not take this key for {path}{said}"),
        "check that the directory names this courier's key, and that this machine's clock is right",
    )
}

/// What is wrong with what was sent: another try sends the same.
fn not_taken(path: &str, problem: Option<&Bytes>) -> Failure {
    let said = said(problem);
    Failure::new(
        Kind::No,
        format!("the server does not take what was sent to {path}{said}"),
        "trying again does not help. Keep the medium, and tell the operator and the force's officers what it says",
    )
}

/// The detail of a problem. It is the server's to choose: only its printable ASCII is shown, and not all of a long one.
fn said(problem: Option<&Bytes>) -> String {
    let detail = problem
        .and_then(|body| serde_json::from_slice::<serde_json::Value>(body).ok())
        .and_then(|problem| problem.get("detail")?.as_str().map(str::to_owned))
        .map(|detail| {
            detail
                .chars()
                .filter(|c| matches!(c, ' '..='~'))
                .take(300)
                .collect::<String>()
        })
        .filter(|detail| !detail.is_empty());
    detail.map_or_else(String::new, |detail| format!(": it says \"{detail}\""))
}

/// A body may take as long as the slowest pace gives it, and the answer comes after.
fn head_timeout(body_size_bytes: usize) -> Duration {
    let upload_s = body_size_bytes.div_ceil(PACE_BYTES_PER_S_MIN);
    HEAD_TIMEOUT.saturating_add(Duration::from_secs(
        u64::try_from(upload_s).unwrap_or(u64::MAX),
    ))
}

enum Cut {
    TooLong,
    Line,
}

async fn read_body(body: hyper::body::Incoming, size_max: usize) -> Result<Bytes, Cut> {
    let mut body = Limited::new(body, size_max);
    let mut bytes = Vec::new();
    loop {
        let frame = tokio::time::timeout(STALL_TIMEOUT, body.frame()).await;
        match frame.map_err(|_| Cut::Line)? {
            None => return Ok(bytes.into()),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    bytes.extend_from_slice(&data);
                }
            }
            Some(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                return Err(Cut::TooLong);
            }
            Some(Err(_)) => return Err(Cut::Line),
        }
    }
}

fn retry_after(headers: &http::HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(http::header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_only_unless_said() {
        for url in [
            "http://127.0.0.1:8080",
            "http://[::1]:8080/",
            "http://localhost",
        ] {
            assert!(Client::new(url, PlainHttp::LoopbackOnly).is_ok(), "{url}");
        }
        let url = "http://reports.example.org";
        let refused = Client::new(url, PlainHttp::LoopbackOnly).err().unwrap();
        assert_eq!(refused.kind, Kind::Unsafe);
        assert!(Client::new(url, PlainHttp::Allowed).is_ok());
        assert!(Client::new("https://reports.example.org", PlainHttp::LoopbackOnly).is_ok());
    }

    #[test]
    fn a_page_on_the_slowest_line_has_the_time_that_the_server_gives_it() {
        assert_eq!(head_timeout(0), HEAD_TIMEOUT);
        assert_eq!(head_timeout(263_168), Duration::from_secs(30 + 33));
    }

    #[test]
    fn what_a_server_says_is_bounded_and_printable() {
        let problem = |detail: &str| {
            let body = serde_json::json!({ "detail": detail }).to_string();
            said(Some(&body.into()))
        };
        assert_eq!(problem("record 5\u{1b}[2J"), ": it says \"record 5[2J\"");
        assert_eq!(
            problem(&"a".repeat(9000)).len(),
            300 + ": it says \"\"".len()
        );
        assert_eq!(said(Some(&Bytes::from_static(b"<html>"))), "");
        assert_eq!(said(None), "");
    }

    #[test]
    fn what_is_no_server_is_a_usage_error() {
        for url in [
            "reports.example.org",
            "ftp://x",
            "https://x/path",
            "https://x?y",
            "",
        ] {
            let refused = Client::new(url, PlainHttp::LoopbackOnly).err().unwrap();
            assert_eq!(refused.kind, Kind::Usage, "{url}");
        }
    }
}
