//! Work that a page is asked for while more comes in for a force than it can take: docs/protocol.md section 17.
//!
//! One challenge a force, level and span of time, the same for everybody who asks: it says nothing of who sends. Nothing is
//! kept for it but how often a proof was used, while it can be used. Asked for by load alone, and never at rest.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use hafan_directory::Force;
use hafan_envelope::submission::Digest;
use hmac::{Hmac, Mac as _};
use http::{HeaderMap, HeaderName};
use rand::RngCore as _;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::body::one;
use crate::limits::{WORK_PROOF_USES_MAX, WORK_PROOFS_MAX, WORK_SPAN};
use crate::problem::Problem;
use crate::shares::Percent;

/// The field that a proof comes in.
pub const FIELD: HeaderName = HeaderName::from_static("hafan-work");

/// Parts of a proof: many small ones take a steadier time than a large one, and show how far it is.
pub const PARTS: usize = 16;

/// The zero bits of each part at the lowest level, and at the highest: 131,072 tries in all on average, to 2,097,152.
const BITS_MIN: u8 = 13;
const BITS_MAX: u8 = 17;

/// Nothing is asked for under this load.
const LOAD_PERCENT_MIN: Percent = 50;
/// Each level begins so much above the one before.
const LEVEL_PERCENT: Percent = 10;

const LABEL: &[u8] = b"hafan/work/v1\0";

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The span of time that it is of, counted from the server's start.
    pub span: u32,
    /// Zero bits of each part.
    pub bits: u8,
    /// What the work is bound to.
    pub challenge: [u8; 32],
}

/// Asks for work, and checks it.
#[derive(Debug)]
pub struct Work {
    /// Drawn at the start and known to nobody: a challenge cannot be known before it is given.
    key: Zeroizing<[u8; 32]>,
    started: Instant,
    forces: Mutex<BTreeMap<Force, Level>>,
    used: Mutex<Used>,
}

/// The highest level that a force's load came to in a span.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    span: u32,
    level: u8,
}

/// How often proofs were used whose submissions are of this span and the one before.
#[derive(Debug, Default)]
struct Used {
    span: u32,
    now: BTreeMap<Digest, u8>,
    before: BTreeMap<Digest, u8>,
}

impl Work {
    /// Nothing is asked for yet.
    #[must_use]
    pub fn new() -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rand::rngs::OsRng.fill_bytes(key.as_mut_slice());
        Self {
            key,
            started: Instant::now(),
            forces: Mutex::default(),
            used: Mutex::default(),
        }
    }

    /// Lets a submission to this force on when no work is asked for, or when it is done.
    ///
    /// # Errors
    /// [`Problem::Work`] with what is asked for; [`Problem::Malformed`] for a proof that is none by its form.
    pub(crate) fn admit(
        &self,
        force: &Force,
        h: &Digest,
        headers: &HeaderMap,
        load: Percent,
    ) -> Result<(), Problem> {
        self.admit_at(self.span(), force, h, headers, load)
    }

    fn admit_at(
        &self,
        span: u32,
        force: &Force,
        h: &Digest,
        headers: &HeaderMap,
        load: Percent,
    ) -> Result<(), Problem> {
        let level = self.level(span, force, load);
        let Some(bits) = bits_of(level) else {
            return Ok(());
        };
        let ask = || {
            Problem::Work(Asked {
                span,
                bits,
                challenge: self.challenge(force, span, bits),
            })
        };
        if !headers.contains_key(FIELD) {
            return Err(ask());
        }
        let proof = one(headers, &FIELD)
            .and_then(Proof::parse)
            .ok_or(Problem::Malformed(
                "wanted one Hafan-Work: span.bits.nonces, as docs/protocol.md section 17 has it",
            ))?;
        // What was asked for a moment ago, at a lower level too, still holds.
        let is_of_now = proof.span == span || Some(proof.span) == span.checked_sub(1);
        let challenge = self.challenge(force, proof.span, proof.bits);
        if is_of_now && proof.holds(&challenge, h) && self.use_proof(span, h) {
            Ok(())
        } else {
            Err(ask())
        }
    }

    fn span(&self) -> u32 {
        let spans = self.started.elapsed().as_secs() / WORK_SPAN.as_secs();
        u32::try_from(spans).unwrap_or(u32::MAX)
    }

    /// The level of now: that of the load, and no more than a step a span under what was before, so that a flood that
    /// waits for it to fall waits long.
    fn level(&self, span: u32, force: &Force, load: Percent) -> u8 {
        let mut forces = self.forces.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = forces.entry(force.clone()).or_default();
        let passed = span.saturating_sub(kept.span);
        let fallen = kept
            .level
            .saturating_sub(u8::try_from(passed).unwrap_or(u8::MAX));
        *kept = Level {
            span,
            level: fallen.max(level_of(load)),
        };
        kept.level
    }

    /// Nobody can make it but this process, and it need not be kept.
    fn challenge(&self, force: &Force, span: u32, bits: u8) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.as_slice())
            .expect("HMAC takes a key of any length");
        mac.update(LABEL);
        mac.update(force.as_str().as_bytes());
        mac.update(&[0]);
        mac.update(&span.to_be_bytes());
        mac.update(&[bits]);
        mac.finalize().into_bytes().into()
    }

    /// A proof is good for some tries with the same submission, whose line may drop, and not for a flood of them.
    fn use_proof(&self, span: u32, h: &Digest) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.span != span {
            let now = std::mem::take(&mut used.now);
            let was_last = used.span.checked_add(1) == Some(span);
            used.before = if was_last { now } else { BTreeMap::new() };
            used.span = span;
        }
        let before = used.before.get(h).copied().unwrap_or_default();
        let is_room = used.now.len() < WORK_PROOFS_MAX || used.now.contains_key(h);
        if !is_room {
            return false;
        }
        let count = used.now.entry(*h).or_default();
        *count = count.saturating_add(1);
        count.saturating_add(before) <= WORK_PROOF_USES_MAX
    }
}

impl Default for Work {
    fn default() -> Self {
        Self::new()
    }
}

fn level_of(load: Percent) -> u8 {
    let above = (load + LEVEL_PERCENT).saturating_sub(LOAD_PERCENT_MIN) / LEVEL_PERCENT;
    u8::try_from(above)
        .unwrap_or(u8::MAX)
        .min(BITS_MAX - BITS_MIN + 1)
}

fn bits_of(level: u8) -> Option<u8> {
    level.checked_sub(1).map(|above| BITS_MIN + above)
}

/// Work as it is sent: `span.bits.nonces`.
#[derive(Debug, PartialEq, Eq)]
pub struct Proof {
    span: u32,
    bits: u8,
    nonces: [[u8; 4]; PARTS],
}

impl Proof {
    /// Reads the value of the field; nothing when it is not of this form. Trusts nothing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (span, bits, nonces) = (parts.next()?, parts.next()?, parts.next()?);
        let (span, bits): (u32, u8) = (span.parse().ok()?, bits.parse().ok()?);
        if parts.next().is_some() || !(BITS_MIN..=BITS_MAX).contains(&bits) {
            return None;
        }
        let bytes = BASE64URL.decode(nonces).ok()?;
        let (chunks, rest) = bytes.as_chunks::<4>();
        let nonces = chunks.try_into().ok().filter(|_| rest.is_empty())?;
        let read = Self { span, bits, nonces };
        // One way to write each, so that no sign or zero in front tells one sender from another.
        (read.to_string() == text).then_some(read)
    }

    /// Whether each part of the work was done for this challenge and submission.
    #[must_use]
    pub fn holds(&self, challenge: &[u8; 32], h: &Digest) -> bool {
        let seed = Sha256::new()
            .chain_update(LABEL)
            .chain_update(challenge)
            .chain_update(h.0)
            .finalize();
        (0_u32..).zip(&self.nonces).all(|(part, nonce)| {
            let found = Sha256::new()
                .chain_update(seed)
                .chain_update(part.to_be_bytes())
                .chain_update(nonce)
                .finalize();
            let first = found
                .first_chunk()
                .map_or(u32::MAX, |four| u32::from_be_bytes(*four));
            first.leading_zeros() >= u32::from(self.bits)
        })
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nonces = BASE64URL.encode(self.nonces.as_flattened());
        write!(f, "{}.{}.{nonces}", self.span, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    const H: Digest = Digest([3; 32]);

    fn force(name: &str) -> Force {
        name.parse().unwrap()
    }

    fn sent(proof: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(proof) = proof {
            headers.insert(FIELD, HeaderValue::from_str(proof).unwrap());
        }
        headers
    }

    /// Does the work, as docs/protocol.md section 17 has it.
    fn solve(asked: &Asked, h: &Digest) -> String {
        let seed = Sha256::new()
            .chain_update(b"hafan/work/v1\0")
            .chain_update(asked.challenge)
            .chain_update(h.0)
            .finalize();
        let mut nonces = Vec::new();
        for part in 0..16_u32 {
            let nonce = (0_u32..)
                .find(|nonce| {
                    let tried = [&seed[..], &part.to_be_bytes(), &nonce.to_be_bytes()].concat();
                    let found = Sha256::digest(tried);
                    u32::from_be_bytes(found[..4].try_into().unwrap()) >> (32 - asked.bits) == 0
                })
                .unwrap();
            nonces.extend(nonce.to_be_bytes());
        }
        format!("{}.{}.{}", asked.span, asked.bits, BASE64URL.encode(nonces))
    }

    fn asked(found: Result<(), Problem>) -> Asked {
        match found {
            Err(Problem::Work(asked)) => asked,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_is_asked_for_at_rest() {
        let work = Work::new();
        for load in [0, 10, 49] {
            assert_eq!(
                work.admit_at(0, &force("btp"), &H, &sent(None), load),
                Ok(())
            );
        }
    }

    #[test]
    fn more_load_asks_for_more_up_to_a_bound() {
        let levels = [50, 59, 60, 75, 90, 100, 1_000].map(level_of);
        assert_eq!(levels, [1, 1, 2, 3, 5, 5, 5]);
        assert_eq!(bits_of(0), None);
        assert_eq!([bits_of(1), bits_of(5)], [Some(BITS_MIN), Some(BITS_MAX)]);
    }

    #[test]
    fn work_that_was_done_is_let_in_and_for_that_submission_only() {
        let work = Work::new();
        let btp = force("btp");
        let wanted = asked(work.admit_at(7, &btp, &H, &sent(None), 55));
        let proof = sent(Some(&solve(&wanted, &H)));
        assert_eq!(work.admit_at(7, &btp, &H, &proof, 55), Ok(()));
        // Also when more is asked for by now, and in the next span.
        assert_eq!(work.admit_at(7, &btp, &H, &proof, 95), Ok(()));
        assert_eq!(work.admit_at(8, &btp, &H, &proof, 55), Ok(()));
        asked(work.admit_at(8, &btp, &Digest([4; 32]), &proof, 55));
        asked(work.admit_at(8, &force("kent"), &H, &proof, 55));
        asked(work.admit_at(9, &btp, &H, &proof, 55));
    }

    #[test]
    fn everybody_is_asked_for_the_same() {
        let work = Work::new();
        let of = |h: Digest| asked(work.admit_at(3, &force("btp"), &h, &sent(None), 70));
        assert_eq!(of(H), of(Digest([9; 32])));
    }

    #[test]
    fn another_servers_challenge_is_another() {
        let of = |work: &Work| work.challenge(&force("btp"), 1, BITS_MIN);
        let (one, other) = (Work::new(), Work::new());
        assert_ne!(of(&one), of(&other));
        assert_ne!(one.challenge(&force("btp"), 1, 14), of(&one));
        assert_ne!(one.challenge(&force("btp"), 2, BITS_MIN), of(&one));
    }

    #[test]
    fn a_proof_is_good_six_times() {
        let work = Work::new();
        let btp = force("btp");
        let wanted = asked(work.admit_at(0, &btp, &H, &sent(None), 55));
        let proof = sent(Some(&solve(&wanted, &H)));
        for span in [0, 0, 0, 1, 1, 1] {
            assert_eq!(work.admit_at(span, &btp, &H, &proof, 55), Ok(()));
        }
        asked(work.admit_at(1, &btp, &H, &proof, 55));
    }

    #[test]
    fn what_is_asked_for_falls_a_step_a_span() {
        let work = Work::new();
        let btp = force("btp");
        let bits = |span, load| asked(work.admit_at(span, &btp, &H, &sent(None), load)).bits;
        assert_eq!(bits(10, 95), 17);
        assert_eq!(bits(10, 0), 17);
        assert_eq!(bits(11, 0), 16);
        assert_eq!(bits(14, 0), 13);
        assert_eq!(work.admit_at(15, &btp, &H, &sent(None), 0), Ok(()));
        assert_eq!(
            work.admit_at(15, &force("kent"), &H, &sent(None), 0),
            Ok(())
        );
    }

    #[test]
    fn a_proof_that_is_none_by_its_form_is_malformed() {
        let work = Work::new();
        let nonces = BASE64URL.encode([0; 64]);
        for text in [
            String::new(),
            "0.13".to_owned(),
            format!("0.12.{nonces}"),
            format!("0.18.{nonces}"),
            format!("0.13.{nonces}."),
            format!("-1.13.{nonces}"),
            format!("4294967296.13.{nonces}"),
            format!("0.13.{}", BASE64URL.encode([0; 60])),
            format!("0.13.{}", BASE64URL.encode([0; 65])),
            format!("0.13.{nonces}="),
            format!("+0.13.{nonces}"),
            format!("00.13.{nonces}"),
            format!("0.+13.{nonces}"),
            format!("0.013.{nonces}"),
        ] {
            let found = work.admit_at(0, &force("btp"), &H, &sent(Some(&text)), 55);
            assert!(
                matches!(found, Err(Problem::Malformed(_))),
                "{text}: {found:?}"
            );
        }
        let zeros = sent(Some(&format!("0.13.{nonces}")));
        asked(work.admit_at(0, &force("btp"), &H, &zeros, 55));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(span: u32, bits in BITS_MIN..=BITS_MAX, nonces: [[u8; 4]; PARTS]) {
            let proof = Proof { span, bits, nonces };
            prop_assert_eq!(Proof::parse(&proof.to_string()), Some(proof));
        }

        #[test]
        fn what_is_read_is_written_so(text in "[+0-9]{0,11}\\.[+0-9]{1,3}\\.[A-Za-z0-9_=-]{85,87}") {
            if let Some(proof) = Proof::parse(&text) {
                prop_assert_eq!(proof.to_string(), text);
            }
        }
    }
}
