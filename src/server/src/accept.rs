//! The accept loop: HTTP/1.1 on hyper with limits that `axum::serve` does not have.
//!
//! A connection's task ends alone, whatever happens in it. The peer's address is dropped where it comes in.

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::os::unix::fs::FileTypeExt as _;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hafan_lines::Lines;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Version};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tower::ServiceExt as _;

use crate::config::Listen;
use crate::connection::{Answering, Exchange, Watched};
use crate::handed::Handed;
use crate::headers::Headers;
use crate::limits::{
    HEAD_FIELDS_MAX, HEAD_SIZE_BYTES_MAX, HEAD_TIME_BACKSTOP, NEW_LINE_GRACE, SEND_BUFFER_BYTES,
};
use crate::problem::Problem;

/// After an accept that failed for want of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listening socket: loopback TCP or a Unix socket.
#[derive(Debug)]
pub enum Listener {
    /// Loopback TCP.
    Tcp(TcpListener),
    /// A Unix socket, mode 0660.
    Unix(UnixListener),
}

/// Why nothing can be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address or path cannot be bound.
    #[error("cannot listen on {listen}: is another server running there?")]
    Bind {
        /// As configured.
        listen: String,
        /// From the operating system.
        source: io::Error,
    },
    /// Something that is not a socket lies at the path.
    #[error("{0} is not a socket: move it away or choose another path for `listen`")]
    NotASocket(PathBuf),
    /// systemd handed something over that is no listening socket.
    #[error(
        "systemd handed a file over that is no listening stream socket: mend the [Socket] unit"
    )]
    Handed(#[source] io::Error),
    /// systemd handed a socket over that the configuration does not name.
    #[error(
        "systemd handed over a socket at {0}, which is neither `listen` nor `admin_listen`: make the [Socket] unit and the \
         configuration say the same"
    )]
    Stray(String),
}

impl Listener {
    /// Takes the socket that systemd opened at this address, or opens one.
    ///
    /// # Errors
    /// [`ListenError`] when the address is taken or the path is not a socket.
    pub(crate) async fn open(listen: &Listen, handed: &mut Handed) -> Result<Self, ListenError> {
        match handed.take(listen)? {
            Some(listener) => Ok(listener),
            None => Self::bind(listen).await,
        }
    }

    /// Starts to listen.
    ///
    /// # Errors
    /// [`ListenError`] when the address is taken or the path is not a socket.
    pub async fn bind(listen: &Listen) -> Result<Self, ListenError> {
        let failed = |source| ListenError::Bind {
            listen: listen.to_string(),
            source,
        };
        match listen {
            Listen::Tcp(address) => {
                Ok(Self::Tcp(TcpListener::bind(address).await.map_err(failed)?))
            }
            Listen::Unix(path) => {
                // A socket is left behind by a server that was killed; anything else is somebody's file.
                match std::fs::symlink_metadata(path) {
                    Ok(found) if found.file_type().is_socket() => {
                        std::fs::remove_file(path).map_err(failed)?;
                    }
                    Ok(_) => return Err(ListenError::NotASocket(path.clone())),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(failed(error)),
                }
                let listener = UnixListener::bind(path).map_err(failed)?;
                let mode = std::os::unix::fs::PermissionsExt::from_mode(0o660);
                std::fs::set_permissions(path, mode).map_err(failed)?;
                Ok(Self::Unix(listener))
            }
        }
    }

    /// Says on stdout where it listens: the one thing that a port of 0 leaves open.
    ///
    /// # Errors
    /// Nobody takes what is written to stdout.
    pub fn announce(&self, what: &str, listen: &Listen) -> io::Result<()> {
        let place = match (listen, self.port()) {
            (Listen::Tcp(address), Some(port)) => {
                format!("{}", std::net::SocketAddr::new(address.ip(), port))
            }
            (Listen::Tcp(_) | Listen::Unix(_), _) => listen.to_string(),
        };
        let mut stdout = io::stdout();
        writeln!(stdout, "{what} {place}")?;
        stdout.flush()
    }

    /// The TCP port, which the operating system chose if the configuration says 0.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(|address| address.port()),
            Self::Unix(_) => None,
        }
    }
}

/// Takes connections until `stop` says so, then lets those that are open finish. Returns when the last has ended.
pub async fn serve(
    listener: Listener,
    router: Router,
    headers: Arc<Headers>,
    connections_max: u32,
    mut stop: watch::Receiver<bool>,
) {
    let lines = Lines::new(connections_max);
    let stopped = stop.clone();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener) => accepted,
            () = told(&mut stop) => break,
        };
        let Ok(socket) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // Who was let in is answered, at a stop too; further ones wait in the kernel's queue until this one has its slot.
        let slot = lines.slot().await;
        let connection = Connection {
            router: router.clone(),
            headers: Arc::clone(&headers),
            stop: stopped.clone(),
            exchange: Exchange::new(Arc::clone(&lines)),
            slot,
        };
        match socket {
            Socket::Tcp(socket) => {
                if prepare(&socket).is_ok() {
                    tokio::spawn(connection.serve(socket));
                }
            }
            Socket::Unix(socket) => {
                tokio::spawn(connection.serve(socket));
            }
        }
    }
    drop(listener);
    lines.all_ended(connections_max).await;
}

fn prepare(socket: &tokio::net::TcpStream) -> io::Result<()> {
    // Answers are written whole: waiting to fill a packet only adds delay.
    socket.set_nodelay(true)?;
    SockRef::from(socket).set_send_buffer_size(SEND_BUFFER_BYTES)
}

/// Waits for the word to stop; nobody left to give it is the same.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _stop_or_nobody_left = stop.wait_for(|stop| *stop).await;
}

enum Socket {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

async fn accept(listener: &Listener) -> io::Result<Socket> {
    match listener {
        Listener::Tcp(listener) => listener
            .accept()
            .await
            .map(|(socket, _)| Socket::Tcp(socket)),
        Listener::Unix(listener) => listener
            .accept()
            .await
            .map(|(socket, _)| Socket::Unix(socket)),
    }
}

struct Connection {
    router: Router,
    headers: Arc<Headers>,
    stop: watch::Receiver<bool>,
    exchange: Exchange,
    slot: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, socket: S) {
        let Self {
            router,
            headers,
            mut stop,
            exchange,
            slot,
        } = self;
        let seen = exchange.clone();
        let io = TokioIo::new(Watched::new(socket, exchange.clone(), Arc::clone(&headers)));
        let service = service_fn(move |request: Request<Incoming>| {
            answer(
                router.clone(),
                Arc::clone(&headers),
                exchange.clone(),
                request,
            )
        });
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIME_BACKSTOP)
                .max_buf_size(HEAD_SIZE_BYTES_MAX)
                .max_headers(HEAD_FIELDS_MAX)
                .half_close(true)
                .auto_date_header(false)
                .serve_connection(io, service)
        );
        // How a connection ended concerns nobody: there is no log of requests.
        let _ended = tokio::select! {
            // A line that gives way is woken for it, before it is looked whether its peer has said something.
            biased;
            () = given_way(&seen) => Ok(()),
            ended = connection.as_mut() => ended,
            () = told(&mut stop) => {
                let begun = tokio::time::timeout(NEW_LINE_GRACE, begun(connection.as_mut(), &seen));
                if let Ok(Some(ended)) = begun.await {
                    ended
                } else {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        };
        drop(slot);
    }
}

/// Waits until a line is to give way to a new one, and waits for its peer.
async fn given_way(exchange: &Exchange) {
    let told = exchange.told();
    loop {
        told.notified().await;
        if exchange.gives_way() {
            return;
        }
    }
}

/// Waits until a line has said something, or has ended. hyper would close a line that was just taken, and with it the
/// request that is on its way.
async fn begun<F: Future>(mut connection: Pin<&mut F>, seen: &Exchange) -> Option<F::Output> {
    std::future::poll_fn(|cx| match connection.as_mut().poll(cx) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending if seen.is_new() => Poll::Pending,
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Answers one request, also when the router panics, and adds the headers.
async fn answer(
    router: Router,
    headers: Arc<Headers>,
    exchange: Exchange,
    request: Request<Incoming>,
) -> Result<Response<Guarded>, Infallible> {
    let answering = exchange.answer();
    let has_body = !request.body().is_end_stream();
    let mut response = if request.version() == Version::HTTP_11 {
        caught(router, request.map(Body::new)).await
    } else {
        Problem::HttpVersion.into_response()
    };
    headers.add_to(&mut response);
    if has_body {
        // A submission's line is used once: nothing ties it to what comes before or after.
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
        if !response.status().is_success() {
            exchange.leave_unread();
        }
    }
    Ok(response.map(|body| Guarded {
        body,
        _answering: answering,
    }))
}

/// Runs the router; a panic in it is an answer of 500 and no more.
async fn caught(router: Router, request: Request<Body>) -> Response {
    let mut answer = pin!(router.oneshot(request));
    std::future::poll_fn(move |cx| {
        match std::panic::catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
            Ok(Poll::Ready(Ok(response))) => Poll::Ready(response),
            Ok(Poll::Pending) => Poll::Pending,
            Err(_content) => Poll::Ready(Problem::Internal.into_response()),
        }
    })
    .await
}

/// A body that keeps the connection's step for as long as hyper has not taken all of it.
struct Guarded {
    body: Body,
    _answering: Answering,
}

impl HttpBody for Guarded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
