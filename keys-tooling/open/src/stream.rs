//! The payload of an age v1 file: chunks of 64 KiB, each sealed by itself, opened on every core there is.
//!
//! Trusts nobody's bytes. Gives out no byte of a chunk before that chunk's tag was verified. [`open_all`] gives out nothing
//! unless the whole payload is right. [`open_in_order`] writes chunks as they are verified, from the first and without a gap:
//! what a sink holds before the call returned `Ok` is a true beginning of the plaintext and may be cut anywhere, so it may be
//! stored, never shown, counted as whole or acted on. Only the last chunk's nonce says that the payload ends there.
//!
//! Source: C2SP age, "Payload"; `ChaCha20-Poly1305` is RFC 8439.

use std::io::{self, Read, Write};
use std::num::NonZero;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use age_core::primitives::hkdf;
use chacha20poly1305::aead::{AeadInPlace as _, KeyInit as _};
use chacha20poly1305::{ChaCha20Poly1305, Nonce, Tag};
use zeroize::Zeroizing;

/// Plaintext of every chunk but the last, in bytes.
const CHUNK_SIZE_BYTES: usize = 65_536;

const TAG_SIZE_BYTES: usize = 16;
const SEALED_CHUNK_SIZE_BYTES: usize = CHUNK_SIZE_BYTES + TAG_SIZE_BYTES;

/// Length of the nonce before the first chunk, in bytes.
pub(crate) const NONCE_SIZE_BYTES: usize = 16;

/// Chunks that one thread takes at a time from a stream: 1 MiB.
const BATCH_CHUNKS: usize = 16;
const BATCH_SIZE_BYTES: usize = BATCH_CHUNKS * SEALED_CHUNK_SIZE_BYTES;

/// The most threads, and so the most batches in memory: 8 MiB.
const THREADS_MAX: usize = 8;

/// Below this many chunks a thread costs more than it brings.
const CHUNKS_A_THREAD: usize = 8;

/// A worker's stack, in bytes: it holds no buffer.
const STACK_SIZE_BYTES: usize = 256 * 1024;

/// The payload is not what was sealed: a chunk was changed, cut, moved, repeated or added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Changed;

/// Why a payload was not opened to its end.
#[derive(Debug)]
pub(crate) enum StreamError {
    Changed,
    Read(io::Error),
    Write(io::Error),
}

/// What the chunks of one payload are sealed with.
pub(crate) struct PayloadKey(ChaCha20Poly1305);

impl PayloadKey {
    /// `HKDF-SHA-256(ikm = file key, salt = nonce, info = "payload")`.
    pub(crate) fn derive(file_key: &[u8; 16], nonce: &[u8; NONCE_SIZE_BYTES]) -> Self {
        let key = Zeroizing::new(hkdf(nonce, b"payload", file_key));
        Self(ChaCha20Poly1305::new((&*key).into()))
    }

    /// Opens a chunk where it lies; `chunk` is without its tag.
    fn open(&self, at: u64, last: bool, chunk: &mut [u8], tag: &[u8; 16]) -> Result<(), Changed> {
        // An empty chunk would be a second way to write the same payload.
        if chunk.is_empty() && at > 0 {
            return Err(Changed);
        }
        let counted = (u128::from(at) << 8) | u128::from(last);
        let [_, _, _, _, nonce @ ..] = counted.to_be_bytes();
        self.0
            .decrypt_in_place_detached(Nonce::from_slice(&nonce), b"", chunk, Tag::from_slice(tag))
            .map_err(|_| Changed)
    }
}

/// Opens a payload that is in memory, without the nonce before it.
///
/// # Errors
/// [`Changed`]; then what was opened is wiped.
pub(crate) fn open_all(key: &PayloadKey, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Changed> {
    let chunks = sealed.len().div_ceil(SEALED_CHUNK_SIZE_BYTES);
    open_all_on(key, sealed, threads(chunks.div_ceil(CHUNKS_A_THREAD)))
}

fn open_all_on(
    key: &PayloadKey,
    sealed: &[u8],
    threads: usize,
) -> Result<Zeroizing<Vec<u8>>, Changed> {
    let chunks = sealed.len().div_ceil(SEALED_CHUNK_SIZE_BYTES);
    let tags = chunks.checked_mul(TAG_SIZE_BYTES).ok_or(Changed)?;
    let size = sealed.len().checked_sub(tags).ok_or(Changed)?;
    // One chunk is there always, and only a payload of no bytes has an empty one.
    if size.div_ceil(CHUNK_SIZE_BYTES).max(1) != chunks {
        return Err(Changed);
    }
    let mut plaintext = Zeroizing::new(vec![0; size]);
    if size == 0 {
        let tag = sealed.try_into().map_err(|_| Changed)?;
        key.open(0, true, &mut [], tag)?;
        return Ok(plaintext);
    }
    let pairs = sealed
        .chunks(SEALED_CHUNK_SIZE_BYTES)
        .zip(plaintext.chunks_mut(CHUNK_SIZE_BYTES));
    let work = Mutex::new(pairs.zip(0_u64..).map(|((from, to), at)| (from, to, at)));
    let refused = Mutex::new(false);
    let last = u64::try_from(chunks).map_err(|_| Changed)?.wrapping_sub(1);
    share(vec![(); threads], |()| {
        loop {
            let next = lock(&work).next();
            let Some((from, to, at)) = next else { return };
            let opened = from
                .split_last_chunk()
                .ok_or(Changed)
                .and_then(|(from, tag)| {
                    to.copy_from_slice(from);
                    key.open(at, at == last, to, tag)
                });
            if opened.is_err() {
                *lock(&refused) = true;
            }
            if *lock(&refused) {
                return;
            }
        }
    });
    let refused = *lock(&refused);
    if refused { Err(Changed) } else { Ok(plaintext) }
}

/// Opens a payload from `source`, without the nonce before it, to `sink`; gives the plaintext's length in bytes.
///
/// At most one batch a thread is in memory, 1 MiB each.
///
/// # Errors
/// See [`StreamError`]; then what is in the sink is a beginning, and not the plaintext.
pub(crate) fn open_in_order(
    key: &PayloadKey,
    source: impl Read + Send,
    sink: impl Write + Send,
) -> Result<u64, StreamError> {
    open_in_order_on(key, source, sink, threads(THREADS_MAX))
}

fn open_in_order_on(
    key: &PayloadKey,
    source: impl Read + Send,
    sink: impl Write + Send,
    threads: usize,
) -> Result<u64, StreamError> {
    let source = Mutex::new(Source {
        reader: source,
        batches: 0,
        ahead: None,
        ended: false,
    });
    let sink = Sink {
        state: Mutex::new(State {
            writer: sink,
            batches: 0,
            written: 0,
            failed: None,
        }),
        turn: Condvar::new(),
    };
    // Made here: threads that allocate would get heaps of their own.
    let buffers = (0..threads).map(|_| Zeroizing::new(Vec::with_capacity(BATCH_SIZE_BYTES)));
    share(buffers.collect(), |mut buffer| {
        let _alarm = Alarm(&sink);
        loop {
            let next = lock(&source).next(&mut buffer);
            let Some((number, read)) = next else { return };
            let opened = read
                .map_err(StreamError::Read)
                .and_then(|last| open_batch(key, number, last, &mut buffer));
            if !sink.put(number, opened, &buffer) {
                return;
            }
        }
    });
    let State {
        mut writer,
        written,
        failed,
        ..
    } = sink
        .state
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    match failed {
        Some(why) => Err(why),
        None => writer.flush().map(|()| written).map_err(StreamError::Write),
    }
}

/// Opens each chunk of a batch where it lies, tags between them.
fn open_batch(
    key: &PayloadKey,
    number: u64,
    last: bool,
    batch: &mut [u8],
) -> Result<(), StreamError> {
    let chunks = batch.len().div_ceil(SEALED_CHUNK_SIZE_BYTES);
    if chunks == 0 {
        return Err(StreamError::Changed);
    }
    let first = number.saturating_mul(wide(BATCH_CHUNKS));
    for (index, sealed) in (1_usize..).zip(batch.chunks_mut(SEALED_CHUNK_SIZE_BYTES)) {
        let (chunk, tag) = sealed.split_last_chunk_mut().ok_or(StreamError::Changed)?;
        let is_last = last && index == chunks;
        key.open(
            first.saturating_add(wide(index.saturating_sub(1))),
            is_last,
            chunk,
            tag,
        )
        .map_err(|Changed| StreamError::Changed)?;
    }
    Ok(())
}

/// What is read, batch by batch.
struct Source<R> {
    reader: R,
    batches: u64,
    /// The first byte of the next batch: without it nobody knows which chunk is the last.
    ahead: Option<u8>,
    ended: bool,
}

impl<R: Read> Source<R> {
    /// Fills `batch`; gives its number and whether it is the last.
    fn next(&mut self, batch: &mut Vec<u8>) -> Option<(u64, io::Result<bool>)> {
        if self.ended {
            return None;
        }
        let number = self.batches;
        self.batches = number.saturating_add(1);
        let read = self.fill(batch);
        self.ended = !matches!(read, Ok(false));
        Some((number, read))
    }

    fn fill(&mut self, batch: &mut Vec<u8>) -> io::Result<bool> {
        batch.clear();
        batch.extend(self.ahead.take());
        let wanted = wide(BATCH_SIZE_BYTES.saturating_sub(batch.len()));
        let mut part = self.reader.by_ref().take(wanted);
        part.read_to_end(batch)?;
        if batch.len() == BATCH_SIZE_BYTES {
            let mut ahead = [0];
            loop {
                match self.reader.read(&mut ahead) {
                    Ok(0) => break,
                    Ok(_) => {
                        self.ahead = Some(ahead[0]);
                        break;
                    }
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                }
            }
        }
        Ok(self.ahead.is_none())
    }
}

/// Where batches go, in their order whichever thread opened them.
struct Sink<W> {
    state: Mutex<State<W>>,
    turn: Condvar,
}

struct State<W> {
    writer: W,
    batches: u64,
    written: u64,
    failed: Option<StreamError>,
}

impl<W: Write> Sink<W> {
    /// Writes an opened batch when those before it are written; whether to go on.
    fn put(&self, number: u64, opened: Result<(), StreamError>, batch: &[u8]) -> bool {
        let mut state = lock(&self.state);
        while state.batches != number && state.failed.is_none() {
            state = self
                .turn
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if state.failed.is_none() {
            match opened.and_then(|()| state.write(batch).map_err(StreamError::Write)) {
                Ok(()) => state.batches = number.saturating_add(1),
                Err(why) => state.failed = Some(why),
            }
        }
        self.turn.notify_all();
        state.failed.is_none()
    }
}

impl<W: Write> State<W> {
    fn write(&mut self, batch: &[u8]) -> io::Result<()> {
        for sealed in batch.chunks(SEALED_CHUNK_SIZE_BYTES) {
            if let Some((chunk, _)) = sealed.split_last_chunk::<TAG_SIZE_BYTES>() {
                self.writer.write_all(chunk)?;
                self.written = self.written.saturating_add(wide(chunk.len()));
            }
        }
        Ok(())
    }
}

/// A thread that panics, in the reader or the writer given, must not leave the others waiting for its batch.
struct Alarm<'a, W>(&'a Sink<W>);

impl<W> Drop for Alarm<'_, W> {
    fn drop(&mut self) {
        if thread::panicking() {
            lock(&self.0.state).failed = Some(StreamError::Changed);
            self.0.turn.notify_all();
        }
    }
}

/// Nothing that a lock here guards is left half done by a panic that could make a wrong byte right.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// No machine's length is longer than 64 bits.
fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn threads(most: usize) -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    cores.min(most).clamp(1, THREADS_MAX)
}

/// Does `work` once with each of `tools`: the first on this thread, each other on one of its own.
///
/// A system that gives no more threads, as where memory that may be locked is short, leaves it all to fewer.
fn share<T: Send>(tools: Vec<T>, work: impl Fn(T) + Sync) {
    let mut tools = tools.into_iter();
    let own = tools.next();
    thread::scope(|scope| {
        for tool in tools {
            let work = &work;
            let thread = thread::Builder::new().stack_size(STACK_SIZE_BYTES);
            if thread.spawn_scoped(scope, move || work(tool)).is_err() {
                break;
            }
        }
        if let Some(tool) = own {
            work(tool);
        }
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> PayloadKey {
        PayloadKey::derive(&[7; 16], &[9; NONCE_SIZE_BYTES])
    }

    fn chunk(plain: &[u8], at: u64, last: bool) -> Vec<u8> {
        let counted = (u128::from(at) << 8) | u128::from(last);
        let [_, _, _, _, nonce @ ..] = counted.to_be_bytes();
        let mut sealed = plain.to_vec();
        let nonce = Nonce::from_slice(&nonce);
        key().0.encrypt_in_place(nonce, b"", &mut sealed).unwrap();
        sealed
    }

    fn plain(size: usize) -> Vec<u8> {
        (0..=250).cycle().take(size).collect()
    }

    fn seal(plain: &[u8]) -> Vec<Vec<u8>> {
        let count = plain.len().div_ceil(CHUNK_SIZE_BYTES).max(1);
        (0..count)
            .map(|at| {
                let from = at * CHUNK_SIZE_BYTES;
                let to = plain.len().min(from + CHUNK_SIZE_BYTES);
                chunk(&plain[from..to], wide(at), at + 1 == count)
            })
            .collect()
    }

    fn streamed(sealed: &[u8], threads: usize) -> (bool, Vec<u8>) {
        let mut sink = Vec::new();
        let size = open_in_order_on(&key(), sealed, &mut sink, threads);
        (size.is_ok_and(|size| size == wide(sink.len())), sink)
    }

    /// Every way refuses, and what a sink got before is a beginning made of whole batches.
    fn refused(sealed: &[u8], plain: &[u8]) {
        for threads in [1, 2, 3] {
            assert!(open_all_on(&key(), sealed, threads).is_err());
            let (whole, beginning) = streamed(sealed, threads);
            assert!(!whole);
            assert!(plain.starts_with(&beginning));
            assert_eq!(beginning.len() % (BATCH_CHUNKS * CHUNK_SIZE_BYTES), 0);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn any_number_of_threads_opens_the_same(chunks in 0_usize..36, off in -2_isize..3, threads in 1_usize..5) {
            let plain = plain((chunks * CHUNK_SIZE_BYTES).saturating_add_signed(off));
            let sealed = seal(&plain).concat();
            prop_assert_eq!(&*open_all_on(&key(), &sealed, 1).unwrap(), &plain);
            prop_assert_eq!(&*open_all_on(&key(), &sealed, threads).unwrap(), &plain);
            prop_assert_eq!(streamed(&sealed, 1), (true, plain.clone()));
            prop_assert_eq!(streamed(&sealed, threads), (true, plain));
        }

        #[test]
        fn a_changed_byte_is_refused(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let plain = plain(18 * CHUNK_SIZE_BYTES + 5);
            let mut sealed = seal(&plain).concat();
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            refused(&sealed, &plain);
        }
    }

    #[test]
    fn a_payload_that_is_cut_anywhere_is_refused() {
        let plain = plain(33 * CHUNK_SIZE_BYTES);
        let sealed = seal(&plain).concat();
        for chunks in [0, 1, 15, 16, 17, 32] {
            for more in [0, 1, 15, 16, 17] {
                refused(&sealed[..chunks * SEALED_CHUNK_SIZE_BYTES + more], &plain);
            }
        }
        refused(&sealed[..sealed.len() - 1], &plain);
    }

    #[test]
    fn chunks_that_are_moved_repeated_left_out_or_added_are_refused() {
        let plain = plain(34 * CHUNK_SIZE_BYTES + 9);
        let sealed = seal(&plain);
        for at in [0, 14, 15, 16, 31, 32] {
            let mut moved = sealed.clone();
            moved.swap(at, at + 1);
            refused(&moved.concat(), &plain);
            let mut repeated = sealed.clone();
            repeated.insert(at, sealed[at].clone());
            refused(&repeated.concat(), &plain);
            let mut left_out = sealed.clone();
            left_out.remove(at);
            refused(&left_out.concat(), &plain);
        }
        for trailing in [1, 16, SEALED_CHUNK_SIZE_BYTES] {
            let mut added = sealed.concat();
            added.resize(added.len() + trailing, 0);
            refused(&added, &plain);
        }
        let mut twice = sealed.clone();
        twice.extend(sealed.last().cloned());
        refused(&twice.concat(), &plain);
    }

    #[test]
    fn an_empty_chunk_at_the_end_a_wrong_counter_and_a_wrong_flag_are_refused() {
        for count in [1, 16, 17] {
            let plain = plain(count * CHUNK_SIZE_BYTES);
            let mut parts: Vec<_> = plain
                .chunks(CHUNK_SIZE_BYTES)
                .zip(0..)
                .map(|(p, at)| chunk(p, at, false))
                .collect();
            refused(&parts.concat(), &plain);
            parts.push(chunk(b"", wide(count), true));
            refused(&parts.concat(), &plain);
            let mut late = seal(&plain);
            *late.last_mut().unwrap() =
                chunk(&plain[(count - 1) * CHUNK_SIZE_BYTES..], wide(count), true);
            refused(&late.concat(), &plain);
            let mut early = seal(&plain);
            early[0] = chunk(&plain[..CHUNK_SIZE_BYTES], 0, true);
            early.push(chunk(b"more", wide(count), true));
            refused(&early.concat(), &plain);
        }
        refused(&chunk(b"", 0, false), b"");
    }

    /// Takes or gives some bytes and then fails, or panics.
    struct Breaks {
        left: usize,
        panics: bool,
    }

    impl Breaks {
        fn take(&mut self, wanted: usize) -> io::Result<usize> {
            assert!(self.left > 0 || !self.panics, "as the test wants");
            if self.left == 0 {
                return Err(io::Error::other("full"));
            }
            let taken = wanted.min(self.left);
            self.left -= taken;
            Ok(taken)
        }
    }

    impl Write for Breaks {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.take(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Read for Breaks {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            self.take(bytes.len())
        }
    }

    #[test]
    fn a_full_disk_and_a_broken_source_are_said_as_such_and_a_panic_leaves_nobody_waiting() {
        let sealed = seal(&plain(50 * CHUNK_SIZE_BYTES)).concat();
        let breaks = |left, panics| Breaks { left, panics };
        for threads in [1, 2, 4] {
            let full = open_in_order_on(&key(), &*sealed, breaks(1_100_000, false), threads);
            assert!(matches!(full, Err(StreamError::Write(_))));
            let start = sealed.get(..2_200_000).unwrap();
            let source = start.chain(breaks(0, false));
            let broken = open_in_order_on(&key(), source, io::sink(), threads);
            assert!(matches!(broken, Err(StreamError::Read(_))));
            let panicked = std::panic::catch_unwind(|| {
                open_in_order_on(&key(), &*sealed, breaks(1_100_000, true), threads).is_ok()
            });
            assert!(panicked.is_err());
        }
    }
}
