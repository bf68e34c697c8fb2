//! HTTP to one server: bounded answers, bounded time, and another try when the line drops.
//!
//! Must never follow a redirect or speak plain HTTP to another machine unless told to. Trusts nothing that it
//! receives. Says the same of itself as any browser, where it is asked to.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::runtime::Runtime;

use crate::failure::{Failure, Kind};

const TRIES: u32 = 4;
const BACKOFF_FIRST: Duration = Duration::from_millis(250);
const BACKOFF_MAX: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest time without a byte of the body.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest time for the whole body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// Whether plain HTTP to other machines is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainHttp {
    /// To this machine only.
    LoopbackOnly,
    /// On a line that is protected in another way.
    Allowed,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, as it came.
    pub body: Bytes,
}

/// A client of one server. Its calls wait: they are made from threads.
pub struct Client {
    base: String,
    http: HyperClient<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    runtime: Runtime,
}

/// Why one try gave nothing.
enum TryError {
    Again(Failure),
    Final(Failure),
}

impl Client {
    /// A client of the server at `url`, such as `https://reports.example.org`.
    ///
    /// # Errors
    /// The URL is not one, or is plain HTTP to another machine.
    pub fn new(url: &str, plain: PlainHttp) -> Result<Self, Failure> {
        let base = url.trim_end_matches('/').to_owned();
        let usage = |what: &str, advice: &str| Failure::new(Kind::Usage, what, advice);
        let example = "give one such as https://reports.example.org";
        let uri: Uri = base.parse().map_err(|_| usage("that is no URL", example))?;
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if plain == PlainHttp::Allowed => {}
            Some("http") if is_loopback(uri.host().unwrap_or_default()) => {}
            Some("http") => {
                let advice = "use https; or, on a line that is protected in another way (an onion service), give --allow-http";
                return Err(usage("plain HTTP to another machine", advice));
            }
            Some(_) | None => return Err(usage("that is no http or https URL", example)),
        }
        if uri.query().is_some() || uri.path() != "/" {
            return Err(usage(
                "the URL has more than a server's name",
                "leave out the path",
            ));
        }
        let broken = |error: std::io::Error| {
            usage("cannot set up the network", "this is a fault of the build").because(error)
        };
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| broken(std::io::Error::other(error)))?
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(broken)?;
        let http = HyperClient::builder(TokioExecutor::new()).build(connector);
        Ok(Self {
            base,
            http,
            runtime,
        })
    }

    /// The server's address.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Fetches a path that is there or not: `None` for 404.
    ///
    /// # Errors
    /// No answer, another status, or a body over `size_max`.
    pub fn get(&self, path: &str, size_max: usize) -> Result<Option<Bytes>, Failure> {
        let answer = self.ask(path, &[], size_max)?;
        match answer.status {
            StatusCode::OK => Ok(Some(answer.body)),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(self.answered(path, status)),
        }
    }

    /// Asks for a path, whatever the answer is; again when the line drops or the server is busy.
    ///
    /// # Errors
    /// No answer, or a body over `size_max`.
    pub fn ask(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        size_max: usize,
    ) -> Result<Answer, Failure> {
        self.runtime.block_on(async {
            let mut wait = BACKOFF_FIRST;
            let mut tries = 1;
            loop {
                match self.try_ask(path, fields, size_max).await {
                    Ok(answer) => return Ok(answer),
                    Err(TryError::Final(failure)) => return Err(failure),
                    Err(TryError::Again(failure)) if tries == TRIES => return Err(failure),
                    Err(TryError::Again(_)) => {
                        tokio::time::sleep(wait.min(BACKOFF_MAX)).await;
                        wait = wait.saturating_mul(2);
                        tries += 1;
                    }
                }
            }
        })
    }

    async fn try_ask(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        size_max: usize,
    ) -> Result<Answer, TryError> {
        let mut request = Request::builder()
            .method(Method::GET)
            .uri(format!("{}{path}", self.base));
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::new()).map_err(|error| {
            let what = format!("cannot ask {} for such a path", self.base);
            TryError::Final(Failure::new(Kind::Usage, what, "check the address").because(error))
        })?;
        let answer = tokio::time::timeout(HEAD_TIMEOUT, self.http.request(request)).await;
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(TryError::Again(self.unreachable().because(error))),
            Err(_) => return Err(TryError::Again(self.unreachable())),
        };
        let (head, body) = answer.into_parts();
        let busy = head.status.is_server_error() || head.status == StatusCode::TOO_MANY_REQUESTS;
        if busy {
            return Err(TryError::Again(self.answered(path, head.status)));
        }
        let body = tokio::time::timeout(BODY_TIMEOUT, read_body(body, size_max)).await;
        let body = body.unwrap_or(Err(Cut::Line)).map_err(|cut| match cut {
            Cut::Line => TryError::Again(self.unreachable()),
            Cut::TooLong => {
                let what = format!("the answer to {path} is over {size_max} bytes");
                let advice = "tell the operator; no more of it was read, and nothing concluded";
                TryError::Final(Failure::new(Kind::Unreachable, what, advice))
            }
        })?;
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    fn unreachable(&self) -> Failure {
        let what = format!(
            "cannot reach {}, or the line dropped, {TRIES} times",
            self.base
        );
        let advice = "check the network and the address, then run the same command again";
        Failure::new(Kind::Unreachable, what, advice)
    }

    fn answered(&self, path: &str, status: StatusCode) -> Failure {
        let what = format!(
            "{} answered {path} with status {}",
            self.base,
            status.as_u16()
        );
        let advice = "try again later, and tell the operator if it stays so";
        Failure::new(Kind::Unreachable, what, advice)
    }
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
        assert_eq!(refused.code(), 2);
        assert!(Client::new(url, PlainHttp::Allowed).is_ok());
        assert!(Client::new("https://reports.example.org", PlainHttp::LoopbackOnly).is_ok());
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
            assert_eq!(refused.code(), 2, "{url}");
        }
    }
}
