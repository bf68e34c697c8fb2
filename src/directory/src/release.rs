//! A release of the site, signed by the people who release it. Source: docs/protocol.md section 9.
//!
//! It names the manifest, which names every file. There is one way to write one.

use hafan_tlog::note::{self, NoteError};
use hafan_tlog::{Signer, Verifier};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::wire::{SEQUENCE_MAX, parse_date};

/// Largest signed release in bytes: the text, and sixteen signatures.
pub const RELEASE_SIZE_BYTES_MAX: usize = 8 * 1024;

/// The most people who sign a release together.
pub const RELEASE_KEYS_MAX: usize = 8;

const FIRST_LINE: &str = "hafan release v1\n";

/// How the names of keys begin that sign releases; no force's keys can be named so.
const KEY_NAME_PREFIX: &str = "hafan-release/";

/// What is released. Its manifest names all else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    sequence: u64,
    released_on: Date,
    source: String,
    manifest: [u8; 32],
}

/// Why a release cannot be what it says.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// Not a note that all of these keys signed.
    #[error("the release is not signed by every release key")]
    Note(#[from] NoteError),
    /// It cannot be signed.
    #[error("the release cannot be signed")]
    Sign(#[from] note::SignError),
    /// No key to check it with, too many, or one that is none for releases.
    #[error(
        "releases are signed by 1 to {RELEASE_KEYS_MAX} different keys named {KEY_NAME_PREFIX}NAME, NAME of a-z, 0-9 and -"
    )]
    Keys,
    /// Signatures that nobody asked for: whoever adds one makes it another note.
    #[error("the release has {found} signatures, want {wanted}")]
    Signatures {
        /// Number of signatures.
        found: usize,
        /// Number of release keys.
        wanted: usize,
    },
    /// The first line is another.
    #[error("the signed text does not begin with the line `hafan release v1`")]
    FirstLine,
    /// Not the JSON of a release, or written in another way than the one that is right.
    #[error("the signed text is not a release in its one right form")]
    Form,
    /// Not a date.
    #[error("released_on of the release is not a date, want YYYY-MM-DD")]
    Date,
    /// The sequence number is 0 or too large.
    #[error("sequence of the release is {found}, want 1 to {SEQUENCE_MAX}")]
    Sequence {
        /// The sequence number.
        found: u64,
    },
    /// Not a Git commit.
    #[error("source of the release is not a commit of 40 or 64 lower-case hex characters")]
    Source,
    /// Not a SHA-256.
    #[error("manifest of the release is not 64 lower-case hex characters")]
    Manifest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    sequence: u64,
    released_on: String,
    source: String,
    manifest: String,
}

impl Release {
    /// A release of the source at a commit, whose manifest has this SHA-256.
    ///
    /// `sequence` counts releases from 1 and never goes back.
    ///
    /// # Errors
    ///
    /// The sequence is out of bounds, or the source no commit.
    pub fn new(
        sequence: u64,
        released_on: Date,
        source: &str,
        manifest: [u8; 32],
    ) -> Result<Self, ReleaseError> {
        if !(1..=SEQUENCE_MAX).contains(&sequence) {
            return Err(ReleaseError::Sequence { found: sequence });
        }
        let is_hex = source
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if !matches!(source.len(), 40 | 64) || !is_hex {
            return Err(ReleaseError::Source);
        }
        Ok(Self {
            sequence,
            released_on,
            source: source.to_owned(),
            manifest,
        })
    }

    /// Opens a release that every one of these keys has signed, and nobody else.
    ///
    /// # Errors
    ///
    /// The keys are none for releases, or it is not what they signed, or no release.
    pub fn open(signed: &[u8], keys: &[Verifier]) -> Result<Self, ReleaseError> {
        check_keys(keys)?;
        let asked: Vec<&Verifier> = keys.iter().collect();
        let text = note::open_within(signed, RELEASE_SIZE_BYTES_MAX, &asked)?;
        if text.signature_count() != keys.len() {
            return Err(ReleaseError::Signatures {
                found: text.signature_count(),
                wanted: keys.len(),
            });
        }
        Self::parse(text.as_str())
    }

    /// The note with the signatures of these keys.
    ///
    /// # Errors
    ///
    /// A signer is none for releases, or stands there twice.
    pub fn sign(&self, signers: &[&Signer]) -> Result<Vec<u8>, ReleaseError> {
        let keys: Vec<Verifier> = signers.iter().map(|signer| signer.verifier()).collect();
        check_keys(&keys)?;
        Ok(note::sign(&self.encode()?, signers)?)
    }

    /// Adds one more signature to a note that these keys have signed.
    ///
    /// # Errors
    ///
    /// As [`Self::open`] and [`Self::sign`].
    pub fn add_signature(
        signed: &[u8],
        keys: &[Verifier],
        signer: &Signer,
    ) -> Result<Vec<u8>, ReleaseError> {
        let release = Self::open(signed, keys)?;
        let all = [keys, &[signer.verifier()]].concat();
        check_keys(&all)?;
        let one = note::sign(&release.encode()?, &[signer])?;
        // Behind the blank line, which is the last one: the text has none.
        let line = one.rsplit(|byte| *byte == b'\n').nth(1).unwrap_or_default();
        Ok([signed, line, b"\n"].concat())
    }

    /// How often there was a release, this one with it.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The day of the release (UTC).
    #[must_use]
    pub const fn released_on(&self) -> Date {
        self.released_on
    }

    /// The Git commit that the site was built from, in hex.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// SHA-256 of `manifest.json`.
    #[must_use]
    pub const fn manifest(&self) -> &[u8; 32] {
        &self.manifest
    }

    fn encode(&self) -> Result<String, ReleaseError> {
        let wire = Wire {
            sequence: self.sequence,
            released_on: self.released_on.to_string(),
            source: self.source.clone(),
            manifest: hex::encode(self.manifest),
        };
        let json = serde_json::to_string(&wire).map_err(|_| ReleaseError::Form)?;
        Ok(format!("{FIRST_LINE}{json}\n"))
    }

    /// Reads the two lines, which must have been verified before.
    pub(crate) fn parse(text: &str) -> Result<Self, ReleaseError> {
        let json = text
            .strip_prefix(FIRST_LINE)
            .ok_or(ReleaseError::FirstLine)?;
        let wire: Wire = serde_json::from_str(json).map_err(|_| ReleaseError::Form)?;
        let released_on =
            parse_date("released_on", &wire.released_on).map_err(|_| ReleaseError::Date)?;
        let manifest = digest(&wire.manifest).ok_or(ReleaseError::Manifest)?;
        let release = Self::new(wire.sequence, released_on, &wire.source, manifest)?;
        if release.encode()? == text {
            Ok(release)
        } else {
            Err(ReleaseError::Form)
        }
    }
}

/// Whether keys can be those that sign releases together.
///
/// # Errors
///
/// [`ReleaseError::Keys`].
pub fn check_keys(keys: &[Verifier]) -> Result<(), ReleaseError> {
    let is_named = |key: &Verifier| {
        let name = key.name().strip_prefix(KEY_NAME_PREFIX);
        name.is_some_and(is_person)
    };
    let is_twice = |at: usize, key: &Verifier| {
        let before = keys.iter().take(at);
        let same = |other: &Verifier| other.name() == key.name() || other.key() == key.key();
        before.into_iter().any(same)
    };
    let sound = (1..=RELEASE_KEYS_MAX).contains(&keys.len())
        && keys.iter().all(is_named)
        && !keys.iter().enumerate().any(|(at, key)| is_twice(at, key));
    if sound {
        Ok(())
    } else {
        Err(ReleaseError::Keys)
    }
}

/// The name of the key with which somebody signs releases; nothing when it cannot be one.
#[must_use]
pub fn release_key_name(person: &str) -> Option<String> {
    is_person(person).then(|| format!("{KEY_NAME_PREFIX}{person}"))
}

fn is_person(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&name.len()) && name.bytes().all(known)
}

fn digest(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    (hex::encode(bytes) == text).then_some(bytes)
}
