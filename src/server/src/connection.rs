//! One connection's socket under hyper: closes it when it is silent, slow or does not drain, and puts our answer in
//! place of hyper's own short ones, so that each answer carries our headers.
//!
//! Trusts nothing that comes in. Never keeps or logs an address or a byte.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hafan_lines::{Line, Lines, Wait};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};

use crate::headers::Headers;
use crate::limits::{
    FIRST_BYTE_TIME_MAX, HEAD_TIME_MAX, IDLE_TIME_MAX, LINGER_BYTES_MAX, LINGER_TIME_MAX,
    PACE_BYTES_PER_S_MIN, WRITE_GRACE,
};
use crate::problem::Problem;

/// Where a connection is in its exchange of requests and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// No byte has come yet.
    First,
    /// Part of a head has come.
    Head,
    /// The router has the request, or its answer is not yet written.
    Answering,
    /// The answer is written to hyper's buffer, and perhaps not yet to the socket.
    Flushing,
    /// Between two requests.
    Idle,
}

/// A connection's step, shared between its socket and its service.
#[derive(Debug, Clone)]
pub(crate) struct Exchange(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    step: Step,
    /// The sender may still be sending what nobody will read.
    unread: bool,
    line: Line,
}

impl Exchange {
    pub(crate) fn new(lines: Arc<Lines>) -> Self {
        let mut line = Line::of(lines);
        line.wait(Wait::Request);
        Self(Arc::new(Mutex::new(State {
            step: Step::First,
            unread: false,
            line,
        })))
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn step(&self) -> Step {
        self.with(|state| state.step)
    }

    /// Whether no byte has come yet.
    pub(crate) fn is_new(&self) -> bool {
        self.step() == Step::First
    }

    /// The router has a request; the answer lasts as long as what is returned.
    pub(crate) fn answer(&self) -> Answering {
        self.with(|state| {
            state.step = Step::Answering;
            state.line.go_on();
        });
        Answering(self.clone())
    }

    /// What wakes the line when it is to give way to a new one.
    pub(crate) fn told(&self) -> Arc<Notify> {
        self.with(|state| state.line.told())
    }

    /// Whether the line gives way, now that it was told to.
    pub(crate) fn gives_way(&self) -> bool {
        self.with(|state| state.line.gives_way())
    }

    /// The answer does not wait for the rest of the body.
    pub(crate) fn leave_unread(&self) {
        self.with(|state| state.unread = true);
    }
}

/// An answer on its way to hyper; dropping it means hyper has all of it.
#[derive(Debug)]
pub(crate) struct Answering(Exchange);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.with(|state| state.step = Step::Flushing);
    }
}

/// How far a transfer has come, judged against [`PACE_BYTES_PER_S_MIN`] after a time of grace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    started: Instant,
    grace: Duration,
    bytes: u64,
}

impl Pace {
    pub(crate) fn start(grace: Duration) -> Self {
        Self {
            started: Instant::now(),
            grace,
            bytes: 0,
        }
    }

    pub(crate) fn count(&mut self, bytes: usize) {
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// When the transfer is too slow unless more has come.
    pub(crate) fn deadline(&self) -> Instant {
        let earned_ms = self.bytes.saturating_mul(1000) / PACE_BYTES_PER_S_MIN;
        self.started + self.grace + Duration::from_millis(earned_ms)
    }
}

/// A socket that is watched.
pub(crate) struct Watched<S> {
    socket: S,
    exchange: Exchange,
    headers: Arc<Headers>,
    /// Runs while a first byte, a head or a next request is waited for.
    silence: Pin<Box<Sleep>>,
    silence_for: Option<Step>,
    /// Runs while the peer does not take an answer.
    stall: Pin<Box<Sleep>>,
    written: Option<Pace>,
    /// Our answer in place of hyper's, and how much of it is written.
    own: Option<(Vec<u8>, usize)>,
    linger: Option<u64>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Watched<S> {
    pub(crate) fn new(socket: S, exchange: Exchange, headers: Arc<Headers>) -> Self {
        let first_byte_until = Instant::now() + FIRST_BYTE_TIME_MAX;
        Self {
            socket,
            exchange,
            headers,
            silence: Box::pin(tokio::time::sleep_until(first_byte_until)),
            silence_for: Some(Step::First),
            stall: Box::pin(tokio::time::sleep_until(first_byte_until)),
            written: None,
            own: None,
            linger: None,
        }
    }

    /// Sets the silence timer for a step that has just begun; a step that goes on keeps its timer.
    fn watch_silence(&mut self, step: Step, time: Duration) {
        if self.silence_for != Some(step) {
            self.silence_for = Some(step);
            self.silence.as_mut().reset(Instant::now() + time);
        }
    }

    /// Nothing to read now: is the silence too long?
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let step = self.exchange.step();
        match step {
            Step::First => self.watch_silence(step, FIRST_BYTE_TIME_MAX),
            Step::Head => self.watch_silence(step, HEAD_TIME_MAX),
            Step::Idle => self.watch_silence(step, IDLE_TIME_MAX),
            Step::Answering | Step::Flushing => return Poll::Pending,
        }
        ready!(self.silence.as_mut().poll(cx));
        if step == Step::Head {
            // The peer began a request, so it gets an answer, if it takes it at once; then the line closes.
            self.own = Some((self.headers.raw_answer(&Problem::TooSlow), 0));
            let _at_once = self.poll_own(cx)?;
            let _at_once = Pin::new(&mut self.socket).poll_shutdown(cx)?;
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Nothing can be written now: does the peer take the answer too slowly?
    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let pace = self.written.get_or_insert_with(|| Pace::start(WRITE_GRACE));
        let deadline = pace.deadline();
        if self.stall.deadline() != deadline {
            self.stall.as_mut().reset(deadline);
        }
        self.exchange.with(|state| state.line.wait(Wait::Progress));
        ready!(self.stall.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Counts what was written, or judges that nothing was.
    fn judge_write(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                self.written
                    .get_or_insert_with(|| Pace::start(WRITE_GRACE))
                    .count(bytes);
                self.exchange.with(|state| state.line.moved());
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.poll_stall(cx).map_ok(|()| 0),
        }
    }

    /// Writes what is left of our own answer.
    fn poll_own(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((answer, from)) = self.own.take() {
            let rest = answer.get(from..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let written = Pin::new(&mut self.socket).poll_write(cx, rest);
            match self.judge_write(cx, written) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(bytes)) => self.own = Some((answer, from + bytes)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.own = Some((answer, from));
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Takes hyper's own answer to what never became a request, and puts ours in its place.
    fn replace(&mut self, hypers: &[u8]) {
        let problem = match hypers.get(9..12) {
            Some(b"414") => Problem::AddressTooLong,
            Some(b"431") => Problem::HeadTooLarge,
            _ => Problem::Malformed("the request head is not HTTP/1.1"),
        };
        self.exchange.leave_unread();
        self.own = Some((self.headers.raw_answer(&problem), 0));
    }

    /// Reads and throws away what is still coming, within bounds.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut thrown_away = self.linger.unwrap_or_else(|| {
            self.silence
                .as_mut()
                .reset(Instant::now() + LINGER_TIME_MAX);
            0
        });
        let mut scratch = [0; 16 * 1024];
        while thrown_away < LINGER_BYTES_MAX {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.socket).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    let bytes = u64::try_from(buffer.filled().len()).unwrap_or(u64::MAX);
                    thrown_away = thrown_away.saturating_add(bytes);
                    if self.silence.is_elapsed() {
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    self.linger = Some(thrown_away);
                    return self.silence.as_mut().poll(cx);
                }
            }
        }
        Poll::Ready(())
    }

    fn poll_write_any(
        &mut self,
        cx: &mut Context<'_>,
        first: &[u8],
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if self.own.is_some() {
            ready!(self.poll_own(cx))?;
        }
        match self.exchange.step() {
            Step::Answering | Step::Flushing => {
                let written = write(Pin::new(&mut self.socket), cx);
                self.judge_write(cx, written)
            }
            Step::First | Step::Head | Step::Idle => {
                self.replace(first);
                Poll::Ready(Ok(first.len()))
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        match Pin::new(&mut self.socket).poll_read(cx, into) {
            Poll::Ready(Ok(())) if into.filled().len() > before => {
                let step = self.exchange.with(|state| {
                    match state.step {
                        Step::First | Step::Idle => state.step = Step::Head,
                        Step::Head | Step::Answering | Step::Flushing => {}
                    }
                    state.step
                });
                // A head that drips in is judged here too: a byte does not renew its time.
                if step == Step::Head
                    && let Poll::Ready(Err(error)) = self.poll_silence(cx)
                {
                    return Poll::Ready(Err(error));
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(done) => Poll::Ready(done),
            Poll::Pending => self.poll_silence(cx),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_any(cx, bytes, |socket, cx| socket.poll_write(cx, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_own(cx))?;
        match Pin::new(&mut self.socket).poll_flush(cx) {
            Poll::Ready(done) => {
                done?;
                let ended = self.exchange.with(|state| {
                    let ended = state.step == Step::Flushing;
                    if ended {
                        state.step = Step::Idle;
                        state.line.wait(Wait::Request);
                    }
                    ended
                });
                if ended {
                    self.written = None;
                    self.silence_for = None;
                }
                Poll::Ready(Ok(()))
            }
            Poll::Pending => self.poll_stall(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_own(cx))?;
        if self.linger.is_none() {
            ready!(Pin::new(&mut self.socket).poll_shutdown(cx))?;
        }
        if self.exchange.with(|state| state.unread) {
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = slices
            .iter()
            .find(|slice| !slice.is_empty())
            .map_or(&[][..], |slice| slice);
        self.poll_write_any(cx, first, |socket, cx| {
            socket.poll_write_vectored(cx, slices)
        })
    }
}
