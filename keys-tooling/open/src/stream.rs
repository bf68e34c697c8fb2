//! The payload of an age v1 file: chunks of 64 KiB, each sealed by itself, opened on every core there is.
//!
//! Trusts nobody's bytes. Gives out nothing unless every chunk is there, unchanged, in its place, and the last is marked as
//! the last.
//!
//! Source: C2SP age, "Payload"; `ChaCha20-Poly1305` is RFC 8439.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
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
const NONCE_SIZE_BYTES: usize = 16;

/// The most threads.
const THREADS_MAX: usize = 8;

/// Below this many chunks a thread costs more than it brings.
const CHUNKS_A_THREAD: usize = 8;

/// A worker's stack, in bytes: it holds no buffer.
const STACK_SIZE_BYTES: usize = 256 * 1024;

/// The payload is not what was sealed: a chunk was changed, cut, moved, repeated or added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Changed;

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
    let refused = AtomicBool::new(false);
    let last = u64::try_from(chunks).map_err(|_| Changed)?.wrapping_sub(1);
    share(threads, || {
        while !refused.load(Ordering::Relaxed) {
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
                refused.store(true, Ordering::Relaxed);
            }
        }
    });
    // Every thread has ended, and with it what it stored is seen.
    if refused.into_inner() {
        Err(Changed)
    } else {
        Ok(plaintext)
    }
}

/// Nothing that a lock here guards is left half done by a panic that could make a wrong byte right.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn threads(most: usize) -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    cores.min(most).clamp(1, THREADS_MAX)
}

/// Does `work` on this thread and on as many others as make `threads`.
///
/// A system that gives no more threads, as where memory that may be locked is short, leaves it all to fewer.
fn share(threads: usize, work: impl Fn() + Sync) {
    thread::scope(|scope| {
        for _ in 1..threads {
            let thread = thread::Builder::new().stack_size(STACK_SIZE_BYTES);
            if thread.spawn_scoped(scope, &work).is_err() {
                break;
            }
        }
        work();
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> PayloadKey {
        PayloadKey::derive(&[7; 16], &[9; NONCE_SIZE_BYTES])
    }

    fn chunk(plain: &[u8], at: usize, last: bool) -> Vec<u8> {
        let counted = (u128::try_from(at).unwrap() << 8) | u128::from(last);
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
                chunk(&plain[from..to], at, at + 1 == count)
            })
            .collect()
    }

    fn refused(sealed: &[u8]) {
        for threads in [1, 2, 3] {
            assert!(open_all_on(&key(), sealed, threads).is_err());
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
        }

        #[test]
        fn a_changed_byte_is_refused(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let plain = plain(18 * CHUNK_SIZE_BYTES + 5);
            let mut sealed = seal(&plain).concat();
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            refused(&sealed);
        }
    }

    #[test]
    fn a_payload_that_is_cut_anywhere_is_refused() {
        let plain = plain(33 * CHUNK_SIZE_BYTES);
        let sealed = seal(&plain).concat();
        for chunks in [0, 1, 15, 16, 17, 32] {
            for more in [0, 1, 15, 16, 17] {
                refused(&sealed[..chunks * SEALED_CHUNK_SIZE_BYTES + more]);
            }
        }
        refused(&sealed[..sealed.len() - 1]);
    }

    #[test]
    fn chunks_that_are_moved_repeated_left_out_or_added_are_refused() {
        let plain = plain(34 * CHUNK_SIZE_BYTES + 9);
        let sealed = seal(&plain);
        for at in [0, 14, 15, 16, 31, 32] {
            let mut moved = sealed.clone();
            moved.swap(at, at + 1);
            refused(&moved.concat());
            let mut repeated = sealed.clone();
            repeated.insert(at, sealed[at].clone());
            refused(&repeated.concat());
            let mut left_out = sealed.clone();
            left_out.remove(at);
            refused(&left_out.concat());
        }
        for trailing in [1, 16, SEALED_CHUNK_SIZE_BYTES] {
            let mut added = sealed.concat();
            added.resize(added.len() + trailing, 0);
            refused(&added);
        }
        let mut twice = sealed.clone();
        twice.extend(sealed.last().cloned());
        refused(&twice.concat());
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
            refused(&parts.concat());
            parts.push(chunk(b"", count, true));
            refused(&parts.concat());
            let mut late = seal(&plain);
            *late.last_mut().unwrap() =
                chunk(&plain[(count - 1) * CHUNK_SIZE_BYTES..], count, true);
            refused(&late.concat());
            let mut early = seal(&plain);
            early[0] = chunk(&plain[..CHUNK_SIZE_BYTES], 0, true);
            early.push(chunk(b"more", count, true));
            refused(&early.concat());
        }
        refused(&chunk(b"", 0, false));
    }
}
