//! The payload of an age v1 file: chunks of 64 KiB, each sealed by itself, opened on every core there is.
//!
//! Trusts nobody's bytes. Gives out nothing unless every chunk is there, unchanged, in its place, and the last is marked as
//! the last.
//!
//! Source: C2SP age, "Payload"; `ChaCha20-Poly1305` is RFC 8439.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use age_core::primitives::hkdf;
use chacha20poly1305::aead::{AeadInPlace as _, KeyInit as _};
use chacha20poly1305::{ChaCha20Poly1305, Nonce, Tag};
use zeroize::{Zeroize as _, Zeroizing};

use crate::threads::{share_on, threads};

/// Plaintext of every chunk but the last, in bytes.
const CHUNK_SIZE_BYTES: usize = 65_536;

const TAG_SIZE_BYTES: usize = 16;
const SEALED_CHUNK_SIZE_BYTES: usize = CHUNK_SIZE_BYTES + TAG_SIZE_BYTES;

/// Length of the nonce before the first chunk, in bytes.
const NONCE_SIZE_BYTES: usize = 16;

/// Below this many chunks a thread costs more than it brings.
const CHUNKS_A_THREAD: usize = 8;

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

/// Opens a payload in the memory that it lies in: `bytes` from `from` on, without the nonce before it. Nothing is kept of what
/// stands before it.
///
/// # Errors
/// [`Changed`]; then what was opened is wiped.
pub(crate) fn open_all(
    key: &PayloadKey,
    bytes: Vec<u8>,
    from: usize,
) -> Result<Zeroizing<Vec<u8>>, Changed> {
    let chunks = bytes.len().div_ceil(SEALED_CHUNK_SIZE_BYTES);
    open_all_on(key, bytes, from, threads(chunks.div_ceil(CHUNKS_A_THREAD)))
}

fn open_all_on(
    key: &PayloadKey,
    bytes: Vec<u8>,
    from: usize,
    threads: usize,
) -> Result<Zeroizing<Vec<u8>>, Changed> {
    let mut bytes = Zeroizing::new(bytes);
    let sealed = bytes.get_mut(from..).ok_or(Changed)?;
    let chunks = sealed.len().div_ceil(SEALED_CHUNK_SIZE_BYTES);
    let tags = chunks.checked_mul(TAG_SIZE_BYTES).ok_or(Changed)?;
    let size = sealed.len().checked_sub(tags).ok_or(Changed)?;
    // One chunk is there always, and only a payload of no bytes has an empty one.
    if size.div_ceil(CHUNK_SIZE_BYTES).max(1) != chunks {
        return Err(Changed);
    }
    let last = u64::try_from(chunks).map_err(|_| Changed)?.wrapping_sub(1);
    let work = Mutex::new(sealed.chunks_mut(SEALED_CHUNK_SIZE_BYTES).zip(0_u64..));
    let refused = AtomicBool::new(false);
    share_on(threads, || {
        while !refused.load(Ordering::Relaxed) {
            let next = lock(&work).next();
            let Some((chunk, at)) = next else { return };
            let opened = chunk
                .split_last_chunk_mut()
                .ok_or(Changed)
                .and_then(|(chunk, tag)| key.open(at, at == last, chunk, tag));
            if opened.is_err() {
                refused.store(true, Ordering::Relaxed);
            }
        }
    });
    // Every thread has ended, and with it what it stored is seen.
    if refused.into_inner() {
        return Err(Changed);
    }
    close_up(&mut bytes, from, size);
    Ok(bytes)
}

/// Moves the opened chunks together, to the front, over the tags between them; what is behind them is wiped.
fn close_up(bytes: &mut Vec<u8>, mut from: usize, size: usize) {
    let mut to = 0;
    while to < size {
        let end = from.saturating_add(CHUNK_SIZE_BYTES.min(size.saturating_sub(to)));
        bytes.copy_within(from..end, to);
        to = to.saturating_add(end.saturating_sub(from));
        from = end.saturating_add(TAG_SIZE_BYTES);
    }
    if let Some(rest) = bytes.get_mut(size..) {
        rest.zeroize();
    }
    bytes.truncate(size);
}

/// Nothing that a lock here guards is left half done by a panic that could make a wrong byte right.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
            assert!(open_all_on(&key(), sealed.to_vec(), 0, threads).is_err());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn any_number_of_threads_opens_the_same(chunks in 0_usize..36, off in -2_isize..3, threads in 1_usize..5, before in 0_usize..3000) {
            let plain = plain((chunks * CHUNK_SIZE_BYTES).saturating_add_signed(off));
            let sealed = seal(&plain).concat();
            prop_assert_eq!(&*open_all_on(&key(), sealed.clone(), 0, 1).unwrap(), &plain);
            prop_assert_eq!(&*open_all_on(&key(), sealed.clone(), 0, threads).unwrap(), &plain);
            let behind = [vec![7; before], sealed].concat();
            prop_assert_eq!(&*open_all_on(&key(), behind, before, threads).unwrap(), &plain);
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
