//! A body as it comes in: while the next of it is waited for, its line may give way to a new one. Looks at no byte.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hafan_lines::{Line, Lines, Wait};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

/// A line's place among those that wait, shared between its connection and its body.
#[derive(Debug, Clone)]
pub struct Peer(Arc<Mutex<Line>>);

impl Peer {
    /// Its first bytes are waited for.
    #[must_use]
    pub fn new(lines: &Arc<Lines>) -> Self {
        let mut line = Line::of(Arc::clone(lines));
        line.wait(Wait::Request);
        Self(Arc::new(Mutex::new(line)))
    }

    /// Looks at the line or changes what it waits for.
    pub fn with<T>(&self, change: impl FnOnce(&mut Line) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until the line is told to give way, and waits for its peer.
    pub async fn gives_way(&self) {
        let told = self.with(|line| line.told());
        loop {
            told.notified().await;
            if self.with(|line| line.gives_way()) {
                return;
            }
        }
    }
}

/// A body, and its line.
#[derive(Debug)]
pub struct Coming {
    body: Incoming,
    peer: Peer,
}

impl Coming {
    /// A body that comes in on this line.
    #[must_use]
    pub fn new(body: Incoming, peer: Peer) -> Self {
        Self { body, peer }
    }
}

impl Body for Coming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if polled.is_pending() {
            self.peer.with(|line| line.wait(Wait::Progress));
        }
        let frame = ready!(polled);
        self.peer.with(Line::moved);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Coming {
    /// What nobody reads is not waited for: something is being done with what came.
    fn drop(&mut self) {
        self.peer.with(Line::moved);
    }
}
