//! Listening sockets that systemd opened and handed over (`LISTEN_FDS`, `sd_listen_fds(3)`).
//!
//! They stay open while the server restarts: whoever comes meanwhile waits in the kernel's queue, and is refused by nobody.
//! The configuration still says where the server listens; a socket that it does not name is refused.

use std::io;

use listenfd::ListenFd;

use crate::accept::{ListenError, Listener};
use crate::config::Listen;

/// What was handed over and not yet taken.
pub(crate) struct Handed(Vec<Socket>);

enum Socket {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

impl Socket {
    /// Where it listens, as the configuration would have it.
    fn place(&self) -> io::Result<Option<Listen>> {
        Ok(match self {
            Self::Tcp(socket) => Some(Listen::Tcp(socket.local_addr()?)),
            Self::Unix(socket) => {
                let address = socket.local_addr()?;
                address
                    .as_pathname()
                    .map(|path| Listen::Unix(path.to_owned()))
            }
        })
    }

    fn listen(self) -> io::Result<Listener> {
        Ok(match self {
            Self::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                Listener::Tcp(tokio::net::TcpListener::from_std(socket)?)
            }
            Self::Unix(socket) => {
                socket.set_nonblocking(true)?;
                Listener::Unix(tokio::net::UnixListener::from_std(socket)?)
            }
        })
    }
}

impl Handed {
    /// Takes all that was handed over to this process; nothing when it was started by hand.
    pub(crate) fn receive() -> Result<Self, ListenError> {
        let mut from = ListenFd::from_env();
        let mut sockets = Vec::new();
        for number in 0..from.len() {
            let socket = match from.take_unix_listener(number) {
                Ok(socket) => socket.map(Socket::Unix),
                Err(_no_unix_socket) => {
                    let socket = from.take_tcp_listener(number);
                    socket.map_err(ListenError::Handed)?.map(Socket::Tcp)
                }
            };
            sockets.extend(socket);
        }
        Ok(Self(sockets))
    }

    /// The socket at this address, if it was handed over.
    pub(crate) fn take(&mut self, listen: &Listen) -> Result<Option<Listener>, ListenError> {
        let mut found = None;
        for (number, socket) in self.0.iter().enumerate() {
            if socket.place().map_err(ListenError::Handed)?.as_ref() == Some(listen) {
                found = Some(number);
            }
        }
        let Some(number) = found else {
            return Ok(None);
        };
        let listener = self.0.swap_remove(number).listen();
        listener.map(Some).map_err(ListenError::Handed)
    }

    /// Refuses what nobody took.
    pub(crate) fn finish(self) -> Result<(), ListenError> {
        match self.0.first() {
            None => Ok(()),
            Some(socket) => {
                let place = socket.place().map_err(ListenError::Handed)?;
                Err(ListenError::Stray(place.map_or_else(
                    || "an address without a name".to_owned(),
                    |listen| listen.to_string(),
                )))
            }
        }
    }
}
