//! Takes connections: one request each, HTTP/1.1, and an end for each that is slow; when there are as many as there may be, the one
//! that has waited longest for its peer gives way. The peer's address is dropped where it comes in, and how a connection ended
//! concerns nobody: there is no log.

use std::convert::Infallible;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hafan_lines::{Line, Lines, Wait};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use listenfd::ListenFd;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

use crate::coming::{Coming, Peer};
use crate::config::Place;
use crate::router::{Gateway, body_time_max};

/// From accept to the end of a head: a round trip on the worst phone line is under 3 s.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);
/// From the end of a body to an answer: sealing, and the server's attempts.
const WORK_TIME_MAX: Duration = Duration::from_secs(300);
/// From an answer to its last byte: the largest page on an 8 KiB/s line.
const WRITE_TIME_MAX: Duration = Duration::from_secs(60);
/// What the kernel may hold of an answer that its peer does not take, as it is asked for: without a bound it is 4 MiB a line.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
const HEAD_SIZE_BYTES_MAX: usize = 64 * 1024;
const HEAD_FIELDS_MAX: usize = 64;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// From the word to stop to the end of what is still open.
pub const DRAIN_TIME_MAX: Duration = Duration::from_secs(20);

/// Why nothing can be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address or path cannot be bound.
    #[error("cannot listen on {listen}: is another program running there?")]
    Bind {
        /// As configured.
        listen: Place,
        /// From the operating system.
        source: io::Error,
    },
    /// What the service manager handed over is no listening socket.
    #[error("what the service manager handed over is no socket that takes connections")]
    Handed(#[source] io::Error),
    /// A socket that nobody asked for.
    #[error(
        "the service manager handed over a socket that is not {listen}: write the same address into `listen` and into ListenStream="
    )]
    Stray {
        /// As configured.
        listen: Place,
    },
    /// Something that is not a socket lies at the path.
    #[error("{0} is not a socket: move it away or choose another path for `listen`")]
    NotASocket(PathBuf),
}

/// A bound socket, from before the runtime: afterwards no file can be made any more.
pub enum Bound {
    /// Loopback TCP.
    Tcp(std::net::TcpListener),
    /// A Unix socket, mode 0660.
    Unix(std::os::unix::net::UnixListener),
}

impl Bound {
    /// Takes the socket that systemd opened and handed over (`LISTEN_FDS`), where there is one, and else binds. A socket that was handed
    /// over stays open while the gateway restarts: a form that comes meanwhile waits in the kernel's queue.
    ///
    /// # Errors
    /// The address is taken, the path is not a socket, or what was handed over is another one.
    pub fn open(listen: &Place) -> Result<Self, ListenError> {
        let mut from = ListenFd::from_env();
        match from.len() {
            0 => Self::bind(listen),
            1 => {
                let unix = from.take_unix_listener(0);
                let handed = match unix {
                    Ok(socket) => socket.map(Self::Unix),
                    Err(_no_unix_socket) => from
                        .take_tcp_listener(0)
                        .map_err(ListenError::Handed)?
                        .map(Self::Tcp),
                };
                match handed {
                    Some(socket) if socket.is_at(listen)? => Ok(socket),
                    Some(_) | None => Err(ListenError::Stray {
                        listen: listen.clone(),
                    }),
                }
            }
            _more => Err(ListenError::Stray {
                listen: listen.clone(),
            }),
        }
    }

    /// Whether it listens there; it waits for nobody from now on.
    fn is_at(&self, listen: &Place) -> Result<bool, ListenError> {
        let place = match self {
            Self::Tcp(socket) => {
                socket.set_nonblocking(true).map_err(ListenError::Handed)?;
                Some(Place::Tcp(
                    socket.local_addr().map_err(ListenError::Handed)?,
                ))
            }
            Self::Unix(socket) => {
                socket.set_nonblocking(true).map_err(ListenError::Handed)?;
                let address = socket.local_addr().map_err(ListenError::Handed)?;
                address
                    .as_pathname()
                    .map(|path| Place::Unix(path.to_owned()))
            }
        };
        Ok(place.as_ref() == Some(listen))
    }

    fn bind(listen: &Place) -> Result<Self, ListenError> {
        let failed = |source| ListenError::Bind {
            listen: listen.clone(),
            source,
        };
        match listen {
            Place::Tcp(address) => {
                let listener = std::net::TcpListener::bind(address).map_err(failed)?;
                listener.set_nonblocking(true).map_err(failed)?;
                Ok(Self::Tcp(listener))
            }
            Place::Unix(path) => {
                // A socket is left behind by a program that was killed; anything else is somebody's file.
                match std::fs::symlink_metadata(path) {
                    Ok(found) if found.file_type().is_socket() => {
                        std::fs::remove_file(path).map_err(failed)?;
                    }
                    Ok(_) => return Err(ListenError::NotASocket(path.clone())),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(failed(error)),
                }
                let listener = std::os::unix::net::UnixListener::bind(path).map_err(failed)?;
                let mode = std::fs::Permissions::from_mode(0o660);
                std::fs::set_permissions(path, mode).map_err(failed)?;
                listener.set_nonblocking(true).map_err(failed)?;
                Ok(Self::Unix(listener))
            }
        }
    }

    /// Where it listens, with the port that the system chose.
    #[must_use]
    pub fn place(&self, listen: &Place) -> Place {
        match self {
            Self::Tcp(listener) => listener
                .local_addr()
                .map_or_else(|_| listen.clone(), Place::Tcp),
            Self::Unix(_) => listen.clone(),
        }
    }

    fn listener(self) -> io::Result<Listener> {
        match self {
            Self::Tcp(listener) => TcpListener::from_std(listener).map(Listener::Tcp),
            Self::Unix(listener) => UnixListener::from_std(listener).map(Listener::Unix),
        }
    }
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Takes connections until `stop` says so, then lets those that are open finish, for a while.
///
/// # Errors
/// The system does not give the listening socket to the runtime.
pub async fn serve(
    bound: Bound,
    gateway: Arc<Gateway>,
    connections_max: u32,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = bound.listener()?;
    let lines = Lines::new(connections_max);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener) => accepted,
            () = told(&mut stop) => break,
        };
        let Ok(socket) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let slot = lines.slot().await;
        let line = Peer::new(&lines);
        match socket {
            Socket::Tcp(socket) => {
                let bounded = SockRef::from(&socket).set_send_buffer_size(SEND_BUFFER_BYTES);
                if bounded.is_ok() {
                    spawn(socket, &gateway, line, slot);
                }
            }
            Socket::Unix(socket) => spawn(socket, &gateway, line, slot),
        }
    }
    drop(listener);
    let _all_ended_or_late =
        tokio::time::timeout(DRAIN_TIME_MAX, lines.all_ended(connections_max)).await;
    Ok(())
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

/// A connection's task ends alone, whatever happens in it.
fn spawn<S>(socket: S, gateway: &Arc<Gateway>, peer: Peer, slot: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let gateway = Arc::clone(gateway);
    tokio::spawn(async move {
        exchange(socket, gateway, peer).await;
        drop(slot);
    });
}

/// One request and its answer, each step within its time.
async fn exchange<S>(socket: S, gateway: Arc<Gateway>, peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (until, mut deadline) = watch::channel(Instant::now() + HEAD_TIME_MAX);
    let service = service_fn(|request: Request<Incoming>| {
        let (gateway, until, peer) = (Arc::clone(&gateway), until.clone(), peer.clone());
        async move {
            peer.with(Line::go_on);
            until.send_replace(Instant::now() + body_time_max(request.headers()) + WORK_TIME_MAX);
            let answer = gateway
                .answer(request.map(|body| Coming::new(body, peer.clone())))
                .await;
            peer.with(|line| line.wait(Wait::Progress));
            until.send_replace(Instant::now() + WRITE_TIME_MAX);
            Ok::<_, Infallible>(answer)
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME_MAX)
            .max_buf_size(HEAD_SIZE_BYTES_MAX)
            .max_headers(HEAD_FIELDS_MAX)
            .keep_alive(false)
            .half_close(true)
            .auto_date_header(false)
            .serve_connection(TokioIo::new(socket), service)
    );
    let mut gives_way = pin!(peer.gives_way());
    loop {
        let at = *deadline.borrow_and_update();
        tokio::select! {
            // A line that gives way is woken for it, before it is looked whether its peer has said something.
            biased;
            () = gives_way.as_mut() => return,
            _ended = connection.as_mut() => return,
            _later = deadline.changed() => {}
            () = tokio::time::sleep_until(at) => return,
        }
    }
}
