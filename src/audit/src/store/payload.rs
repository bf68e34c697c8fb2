//! What frames hold: submissions, pages and epochs, each to its last byte. Trusts no length.

use super::frame::FrameKind;
use super::statistics::Noise;
use crate::directory::is_force;
use crate::entry::ENTRY_SIZE_BYTES;
use crate::envelope;

/// Something that was acknowledged, as the value log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Whose it is.
    pub force: String,
    /// By which it is known; `None` when it has not the right structure.
    pub digests: Option<([u8; 32], [u8; 32])>,
    /// Where it begins in its payload.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
    /// What is wrong with it: a finding's name, and words.
    pub faults: Vec<(&'static str, String)>,
}

/// An epoch, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Whose log.
    pub force: String,
    /// Of which year.
    pub year: u16,
    /// Index of its first leaf.
    pub first: u64,
    /// What opens its decoys.
    pub seed: [u8; 32],
    /// Its leaves.
    pub leaves: Vec<[u8; ENTRY_SIZE_BYTES]>,
    /// The checkpoint behind it.
    pub note: Vec<u8>,
}

/// A payload, taken apart.
pub enum Payload {
    /// Of kind 1.
    Intake(Vec<Held>),
    /// Of kind 2.
    Epoch(Epoch),
    /// Of kind 3.
    Page(Held),
}

/// What is wrong with a payload as a whole.
pub type Fault = &'static str;

/// Takes a payload apart, and looks at what must be noise.
///
/// # Errors
/// It is not what its kind promises, or has bytes behind that.
pub fn parse(kind: FrameKind, payload: &[u8], noise: &mut Noise) -> Result<Payload, Fault> {
    let mut rest = Rest {
        all: payload,
        rest: payload,
    };
    let parsed = match kind {
        FrameKind::Intake => Payload::Intake(batch(&mut rest, noise)?),
        FrameKind::Epoch => Payload::Epoch(epoch(&mut rest)?),
        FrameKind::Page => Payload::Page(page(&mut rest, noise)?),
    };
    if rest.rest.is_empty() {
        Ok(parsed)
    } else {
        Err("bytes follow the end of what it says it holds")
    }
}

struct Rest<'a> {
    all: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Rest<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (taken, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or("it ends within what it says it holds")?;
        self.rest = rest;
        Ok(*taken)
    }

    fn slice(&mut self, size: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self
            .rest
            .split_at_checked(size)
            .ok_or("it ends within what it says it holds")?;
        self.rest = rest;
        Ok(taken)
    }

    fn force(&mut self) -> Result<String, Fault> {
        let [size] = self.array()?;
        let name = std::str::from_utf8(self.slice(size.into())?).unwrap_or_default();
        if is_force(name) {
            Ok(name.to_owned())
        } else {
            Err("it names no force")
        }
    }

    fn offset(&self) -> u64 {
        u64::try_from(self.all.len() - self.rest.len()).unwrap_or(u64::MAX)
    }
}

fn batch(rest: &mut Rest<'_>, noise: &mut Noise) -> Result<Vec<Held>, Fault> {
    let count = u16::from_be_bytes(rest.array()?);
    if count == 0 {
        return Err("it is a batch of nothing");
    }
    let mut batch = Vec::with_capacity(count.into());
    for _ in 0..count {
        let force = rest.force()?;
        let size = u32::from_be_bytes(rest.array()?);
        let offset = rest.offset();
        let bytes = rest.slice(usize::try_from(size).unwrap_or(usize::MAX))?;
        batch.push(submission(force, offset, bytes, noise));
    }
    Ok(batch)
}

fn submission(force: String, offset: u64, bytes: &[u8], noise: &mut Noise) -> Held {
    let mut held = Held {
        force,
        digests: None,
        offset,
        size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        faults: Vec::new(),
    };
    match envelope::check_submission(bytes) {
        Err(why) => held.faults.push(("not-an-envelope", why.to_string())),
        Ok(submission) => {
            held.digests = Some((submission.h, submission.t));
            if submission
                .prefix
                .iter()
                .all(|byte| matches!(byte, b' '..=b'~'))
            {
                let what = "salt and tag are text, and should be random";
                held.faults.push(("plaintext", what.to_owned()));
            }
            if let Some(at) = noise.look(submission.sealed) {
                held.faults
                    .push(not_noise(at + 48 + envelope::HEADER_SIZE_BYTES));
            }
        }
    }
    held
}

fn not_noise(at: usize) -> (&'static str, String) {
    let what = format!("from byte {at} of it on are 512 bytes that are no ciphertext");
    ("plaintext", what)
}

fn page(rest: &mut Rest<'_>, noise: &mut Noise) -> Result<Held, Fault> {
    let force = rest.force()?;
    let offset = rest.offset();
    // The zeros that a page ends with are not in its frame.
    let stored = rest.slice(rest.rest.len().min(envelope::PAGE_SIZE_BYTES))?;
    if stored.len() <= envelope::PAGE_SIZE_BYTES - envelope::SEEN_SIZE_BYTES {
        return Err("it ends within what it says it holds");
    }
    if stored.last() == Some(&0) {
        return Err("its page ends with a zero, which a frame leaves out");
    }
    let mut bytes = stored.to_vec();
    bytes.resize(envelope::PAGE_SIZE_BYTES, 0);
    let mut faults = Vec::new();
    let page = envelope::check_page(&bytes, |sealed| {
        if let Some(at) = noise.look(sealed) {
            faults.push(not_noise(at));
        }
    });
    let digests = match page {
        Ok(page) => Some((page.h, page.t)),
        Err(why) => {
            faults.push(("not-a-page", why.to_string()));
            None
        }
    };
    Ok(Held {
        force,
        digests,
        offset,
        size: u64::try_from(stored.len()).unwrap_or(u64::MAX),
        faults,
    })
}

fn epoch(rest: &mut Rest<'_>) -> Result<Epoch, Fault> {
    let force = rest.force()?;
    let year = u16::from_be_bytes(rest.array()?);
    let first = u64::from_be_bytes(rest.array()?);
    let count = u16::from_be_bytes(rest.array()?);
    let seed = rest.array()?;
    let mut leaves = Vec::new();
    for _ in 0..count {
        leaves.push(rest.array()?);
    }
    let size = u32::from_be_bytes(rest.array()?);
    let note = rest.slice(usize::try_from(size).unwrap_or(usize::MAX))?;
    Ok(Epoch {
        force,
        year,
        first,
        seed,
        leaves,
        note: note.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault_of(page: &[u8]) -> Option<Fault> {
        let payload = [b"\x03btp", page].concat();
        parse(FrameKind::Page, &payload, &mut Noise::default()).err()
    }

    #[test]
    fn a_frame_has_a_page_without_the_zeros_that_it_ends_with_and_nothing_else() {
        let page = vec![b'a'; envelope::PAGE_SIZE_BYTES];
        let records = envelope::PAGE_SIZE_BYTES - envelope::SEEN_SIZE_BYTES;
        for size in [records + 1, envelope::PAGE_SIZE_BYTES] {
            assert_eq!(fault_of(&page[..size]), None, "{size}");
        }
        let short = fault_of(&page[..records]);
        assert_eq!(short, Some("it ends within what it says it holds"));
        let zeros = [&page[..records + 300], &[0; 724]].concat();
        let zeros = fault_of(&zeros);
        assert_eq!(
            zeros,
            Some("its page ends with a zero, which a frame leaves out")
        );
        let long = fault_of(&[&page[..], b"a"].concat());
        assert_eq!(long, Some("bytes follow the end of what it says it holds"));
    }
}
