//! The server that keeps reports, asked over loopback or a Unix socket: for directories, and to take a submission.
//!
//! What it answers is believed in nothing but its status: a directory is verified by whoever asked.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use hafan_directory::{DIRECTORY_SIZE_BYTES_MAX, Force};
use hafan_envelope::submission::Digest;
use http::header::{CONNECTION, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::config::Place;

/// For an answer without a body of ours.
const ASK_TIME_MAX: Duration = Duration::from_secs(10);
/// For a submission: a beat of the server's intake, and 33 MiB to its disk.
const PUT_TIME_MAX: Duration = Duration::from_secs(60);
/// Before each further attempt: a server that is started again is back by then.
const PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// What became of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is durable.
    Held,
    /// It never went out whole, or the server refused it each time.
    NotHeld,
    /// It went out, and no answer came: it may be durable.
    Unknown,
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
enum AskError {
    /// Nobody listens there.
    #[error("the server does not take a connection")]
    Connect(#[source] io::Error),
    /// The exchange broke off, or took too long.
    #[error("the server gave no answer")]
    Exchange,
}

/// Asks for a force's directory, as it was signed.
pub async fn directory(server: &Place, force: &Force) -> Option<Bytes> {
    let path = format!("/v1/forces/{force}/directory");
    let asked = ask(server, Method::GET, &path, None);
    match tokio::time::timeout(ASK_TIME_MAX, asked).await {
        Ok(Ok((StatusCode::OK, body))) => Some(body),
        Ok(Ok(_) | Err(_)) | Err(_) => None,
    }
}

/// Hands over a submission, patiently: the same bytes each time, which the server knows by their digest.
pub async fn put(server: &Place, force: &Force, h: &Digest, body: Bytes) -> Sent {
    let path = format!("/v1/forces/{force}/drops/{h}");
    let mut went_out = false;
    let mut pauses = PAUSES.iter();
    loop {
        let asked = ask(server, Method::PUT, &path, Some(body.clone()));
        match tokio::time::timeout(PUT_TIME_MAX, asked).await {
            Ok(Ok((StatusCode::OK | StatusCode::CREATED, _))) => return Sent::Held,
            // What it says no to, it does not keep.
            Ok(Ok((status, _))) if status.is_client_error() => return Sent::NotHeld,
            Ok(Ok(_) | Err(AskError::Connect(_))) => {}
            Ok(Err(AskError::Exchange)) | Err(_) => went_out = true,
        }
        match pauses.next() {
            Some(pause) => tokio::time::sleep(*pause).await,
            None if went_out => return Sent::Unknown,
            None => return Sent::NotHeld,
        }
    }
}

async fn ask(
    server: &Place,
    method: Method,
    path: &str,
    body: Option<Bytes>,
) -> Result<(StatusCode, Bytes), AskError> {
    match server {
        Place::Tcp(address) => {
            let stream = TcpStream::connect(address)
                .await
                .map_err(AskError::Connect)?;
            exchange(stream, method, path, body).await
        }
        Place::Unix(socket) => {
            let stream = UnixStream::connect(socket)
                .await
                .map_err(AskError::Connect)?;
            exchange(stream, method, path, body).await
        }
    }
}

async fn exchange<S>(
    stream: S,
    method: Method,
    path: &str,
    body: Option<Bytes>,
) -> Result<(StatusCode, Bytes), AskError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|_| AskError::Exchange)?;
    // Ends by itself with the one exchange.
    let connection = tokio::spawn(connection);
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "localhost")
        .header(CONNECTION, "close");
    if body.is_some() {
        request = request.header(CONTENT_TYPE, "application/vnd.hafan.submission");
    }
    let request = request
        .body(Full::new(body.unwrap_or_default()))
        .map_err(|_| AskError::Exchange)?;
    let answer = sender.send_request(request).await;
    let answer = match answer {
        Ok(answer) => {
            let status = answer.status();
            let body = Limited::new(answer.into_body(), DIRECTORY_SIZE_BYTES_MAX)
                .collect()
                .await;
            body.map(|body| (status, body.to_bytes()))
                .map_err(|_| AskError::Exchange)
        }
        Err(_) => Err(AskError::Exchange),
    };
    connection.abort();
    answer
}
