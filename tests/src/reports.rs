//! Submissions for tests: some that are only shaped like one, and reports that are really sealed.

use hafan_envelope::reply::{PAGE_SIZE_BYTES, RECORDS, SEALED_SIZE_BYTES, VIEW_TAG_SIZE_BYTES};
use hafan_envelope::submission::{Digest, SALT_SIZE_BYTES, TAG_SIZE_BYTES, digest};
use hafan_envelope::{SIZE_CLASSES, envelope_size_bytes};
use hafan_tlog::Entry;
use xtask::base64_unpadded;

/// A submission and the digest that it is sent under.
#[derive(Clone)]
pub struct Prepared {
    /// The `h` of its path.
    pub h: Digest,
    /// `salt || τ || envelope`.
    pub submission: Vec<u8>,
}

/// A submission with the structure of docs/protocol.md section 3 and noise where ciphertext would be: nothing opens it, and
/// nothing but an opener can tell. Fast, and the same for the same `number`.
///
/// `class` counts the size classes from 0 (64 KiB) to 9 (32 MiB); a larger one is taken as 9.
#[must_use]
pub fn shaped(number: u64, class: usize) -> Prepared {
    let mut noise = Noise::new(number);
    let mut salt = [0; SALT_SIZE_BYTES];
    noise.fill(&mut salt);
    let mut tag = [0; TAG_SIZE_BYTES];
    noise.fill(&mut tag);
    let envelope = shaped_envelope(&mut noise, class);
    let h = digest(&salt, &envelope);
    Prepared {
        h,
        submission: [salt.as_slice(), &tag, &envelope].concat(),
    }
}

/// A page of answers with the structure of docs/protocol.md section 14, likewise; `seen` is the cosigned checkpoint in it.
#[must_use]
pub fn shaped_page(number: u64, seen: &[u8]) -> Vec<u8> {
    let mut noise = Noise::new(number);
    let mut page = Vec::with_capacity(PAGE_SIZE_BYTES);
    for _ in 0..RECORDS {
        let mut tag = [0; VIEW_TAG_SIZE_BYTES];
        noise.fill(&mut tag);
        page.extend(tag);
        page.extend(shaped_file(&mut noise, SEALED_SIZE_BYTES));
    }
    page.extend_from_slice(seen);
    page.resize(PAGE_SIZE_BYTES, 0);
    page
}

/// A draft as it is sealed (section 15), likewise.
#[must_use]
pub fn shaped_draft(number: u64) -> Vec<u8> {
    shaped_envelope(&mut Noise::new(number), 0)
}

fn shaped_envelope(noise: &mut Noise, class: usize) -> Vec<u8> {
    let padded = SIZE_CLASSES.get(class).copied().unwrap_or(1 << 25);
    let size = usize::try_from(envelope_size_bytes(padded)).unwrap_or(usize::MAX);
    shaped_file(noise, size)
}

fn shaped_file(noise: &mut Noise, size: usize) -> Vec<u8> {
    let mut base64 = |size| {
        let mut bytes = vec![0; size];
        noise.fill(&mut bytes);
        base64_unpadded(&bytes)
    };
    let mut file = format!(
        "age-encryption.org/v1\n-> mlkem768x25519 {}\n{}\n--- {}\n",
        base64(1120),
        base64(32),
        base64(32)
    )
    .into_bytes();
    let mut rest = vec![0; size.saturating_sub(file.len())];
    noise.fill(&mut rest);
    file.extend_from_slice(&rest);
    file
}

/// Leaves of nothing, as many as a benchmark needs.
#[must_use]
pub fn entries(count: u32) -> Vec<Entry> {
    let mut noise = Noise::new(1);
    let entry = |_| {
        let (mut h, mut t) = ([0; 32], [0; 32]);
        noise.fill(&mut h);
        noise.fill(&mut t);
        Entry::drop_of(h, t)
    };
    (0..count).map(entry).collect()
}

/// Numbers that look random and are not: the sequence of `SplitMix64`.
pub struct Noise(u64);

impl Noise {
    /// The sequence of a number.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// The next number.
    pub fn next_number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Fills bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let number = self.next_number().to_le_bytes();
            for (byte, new) in chunk.iter_mut().zip(number) {
                *byte = new;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hafan_envelope::Envelope;
    use hafan_envelope::submission::Submission;

    #[test]
    fn what_is_shaped_like_a_submission_is_taken_for_one_and_differs_by_number() {
        for class in [0, 4] {
            let prepared = shaped(7, class);
            let parsed = Submission::parse(&prepared.submission).unwrap();
            assert_eq!(parsed.digest().to_string(), prepared.h.to_string());
            assert!(prepared.h.to_string() != shaped(8, class).h.to_string());
        }
        let envelope = shaped(1, 0).submission.split_off(48);
        assert!(Envelope::parse(&envelope).is_ok());
    }
}
