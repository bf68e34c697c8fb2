//! What the operator's log is of, directories and releases, read with code of our own. docs/protocol.md section 9.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::checkpoint::Checkpoint;
use crate::directory::{Directory, DirectoryError, date};
use crate::entry::{self, Entry, Kind, TILE_WIDTH, parse_digest};
use crate::failure::Failure;
use crate::merkle::{Tree, leaf_hash};
use crate::note::{Note, NoteError, Vkey};

/// Largest note of the operator's log in bytes.
pub const NOTE_SIZE_BYTES_MAX: usize = crate::directory::DIRECTORY_SIZE_BYTES_MAX;

/// Largest release in bytes.
pub const RELEASE_SIZE_BYTES_MAX: usize = 8 * 1024;

const FIRST_LINE: &str = "hafan release v1\n";

/// How the names of keys begin that sign releases.
const KEY_NAME_PREFIX: &str = "hafan-release/";

/// Largest sequence number: what a browser's numbers hold exactly (2^53 - 1).
const SEQUENCE_MAX: u64 = (1 << 53) - 1;

/// A release of the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Counts releases.
    pub sequence: u64,
    /// The day.
    pub released_on: Date,
    /// The commit that it was built from.
    pub source: String,
    /// SHA-256 of its manifest.
    pub manifest: [u8; 32],
}

/// Why bytes are no release.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// No note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The keys that were given are not those of people who release sites, or one of them is there twice.
    #[error("the release keys are not different keys named hafan-release/NAME")]
    Keys,
    /// Not signed by one who should have.
    #[error("{name} has not signed it")]
    Unsigned {
        /// The name of the key.
        name: String,
    },
    /// Signed by somebody else too.
    #[error("it has {found} signatures, want {wanted}")]
    Signatures {
        /// How many.
        found: usize,
        /// How many release keys there are.
        wanted: usize,
    },
    /// Not the two lines.
    #[error("not a release in its one form")]
    Form,
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
    /// Opens a release that every one of these keys has signed, and nobody else.
    ///
    /// # Errors
    /// See [`ReleaseError`].
    pub fn open(bytes: &[u8], keys: &[Vkey]) -> Result<Self, ReleaseError> {
        let is_releaser = |key: &Vkey| key.name().starts_with(KEY_NAME_PREFIX);
        let is_twice = |(at, key): (usize, &Vkey)| {
            let mut before = keys.iter().take(at);
            before.any(|other| other.is_same_key(key) || other.name() == key.name())
        };
        if !keys.iter().all(is_releaser) || keys.iter().enumerate().any(is_twice) {
            return Err(ReleaseError::Keys);
        }
        let note = Note::parse(bytes, RELEASE_SIZE_BYTES_MAX)?;
        let found = note.signatures().count();
        if found != keys.len() {
            let wanted = keys.len();
            return Err(ReleaseError::Signatures { found, wanted });
        }
        for key in keys {
            if !note.has_signature_of(key) {
                let name = key.name().to_owned();
                return Err(ReleaseError::Unsigned { name });
            }
        }
        Self::parse(note.text())
    }

    /// Reads the two lines.
    ///
    /// # Errors
    /// [`ReleaseError::Form`].
    pub fn parse(text: &str) -> Result<Self, ReleaseError> {
        let json = text.strip_prefix(FIRST_LINE).ok_or(ReleaseError::Form)?;
        let wire: Wire = serde_json::from_str(json).map_err(|_| ReleaseError::Form)?;
        let again = serde_json::to_string(&wire).map_err(|_| ReleaseError::Form)?;
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_commit = matches!(wire.source.len(), 40 | 64) && wire.source.bytes().all(hex);
        let found = (date(&wire.released_on), parse_digest(&wire.manifest));
        match found {
            (Some(released_on), Some(manifest))
                if json.strip_suffix('\n') == Some(again.as_str())
                    && is_commit
                    && (1..=SEQUENCE_MAX).contains(&wire.sequence)
                    && released_on.year() > 0 =>
            {
                Ok(Self {
                    sequence: wire.sequence,
                    released_on,
                    source: wire.source,
                    manifest,
                })
            }
            (_, _) => Err(ReleaseError::Form),
        }
    }
}

/// What a leaf of the operator's log stands for. Who signed it is not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// A directory.
    Directory(Box<Directory>),
    /// A release.
    Release(Release),
}

/// Why bytes can be no leaf of the operator's log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishedError {
    /// No note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// No sound directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// No sound release.
    #[error(transparent)]
    Release(#[from] ReleaseError),
}

impl Published {
    /// Reads a note.
    ///
    /// # Errors
    /// See [`PublishedError`].
    pub fn read(bytes: &[u8]) -> Result<Self, PublishedError> {
        let text = Note::parse(bytes, NOTE_SIZE_BYTES_MAX)?.text();
        if text.starts_with(FIRST_LINE) {
            return Ok(Self::Release(Release::parse(text)?));
        }
        Ok(Self::Directory(Box::new(Directory::parse(text)?)))
    }

    /// Its number among those of its kind.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        match self {
            Self::Directory(directory) => directory.sequence,
            Self::Release(release) => release.sequence,
        }
    }

    /// The leaf that a note with these bytes has.
    #[must_use]
    pub fn leaf(&self, bytes: &[u8]) -> Entry {
        match self {
            Self::Directory(directory) => directory_leaf(&directory.force, bytes),
            Self::Release(release) => release_leaf(&release.manifest, bytes),
        }
    }
}

/// The leaf of a force's directory.
#[must_use]
pub fn directory_leaf(force: &str, note: &[u8]) -> Entry {
    Entry {
        kind: Kind::Directory,
        h: labelled("hafan/directory/v1", note),
        t: labelled("hafan/directory-of/v1", force.as_bytes()),
    }
}

/// The leaf of a release.
#[must_use]
pub fn release_leaf(manifest: &[u8; 32], note: &[u8]) -> Entry {
    Entry {
        kind: Kind::Release,
        h: labelled("hafan/release/v1", note),
        t: labelled("hafan/release-of/v1", manifest),
    }
}

fn labelled(label: &str, bytes: &[u8]) -> [u8; 32] {
    let hash = Sha256::new()
        .chain_update(label)
        .chain_update([0])
        .chain_update(bytes);
    hash.finalize().into()
}

/// The most leaves of the operator's log: a thousand years of forty-three forces, a directory a week each.
pub const LEAVES_MAX: u64 = 3_000_000;

/// Every entry of the operator's log, which have the signed root; nothing when they are not to be had, or have it not.
/// `bundle` gives the bundle of entries of this number and width.
///
/// # Errors
/// Those of `bundle`.
pub fn entries(
    head: &Checkpoint,
    mut bundle: impl FnMut(u64, u64) -> Result<Option<Vec<u8>>, Failure>,
) -> Result<Option<Vec<Entry>>, Failure> {
    if head.size > LEAVES_MAX {
        return Ok(None);
    }
    let mut found = Vec::new();
    let mut tree = Tree::default();
    for number in 0..head.size.div_ceil(TILE_WIDTH) {
        let width = (head.size - number * TILE_WIDTH).min(TILE_WIDTH);
        let bytes = bundle(number, width)?.unwrap_or_default();
        let Ok(bundle) = entry::entries(&bytes) else {
            return Ok(None);
        };
        for entry in bundle.iter().take(usize::try_from(width).unwrap_or(0)) {
            tree.push(leaf_hash(*entry));
            found.extend(Entry::parse(entry));
        }
    }
    let is_whole = tree.root() == head.root && u64::try_from(found.len()) == Ok(head.size);
    Ok(is_whole.then_some(found))
}

/// Whether what was given out is the newest of its kind in the operator's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Newest,
    /// It is in it, and this leaf is a newer one.
    Older {
        /// The leaf's index.
        newest: usize,
    },
    /// It is not in it.
    Unlogged,
}

/// Where a leaf stands among those that are of the same: of one force, or of the site.
#[must_use]
pub fn standing(leaf: &Entry, entries: &[Entry]) -> Standing {
    let is_same = |other: &Entry| {
        other.kind == leaf.kind && (leaf.kind == Kind::Release || other.t == leaf.t)
    };
    let newest = entries.iter().rposition(is_same);
    match newest {
        Some(at) if entries.get(at) == Some(leaf) => Standing::Newest,
        Some(newest) if entries.contains(leaf) => Standing::Older { newest },
        Some(_) | None => Standing::Unlogged,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_vector_of_a_release_is_read_as_it_says() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/release");
        let mut seen = 0;
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let (head, body) = text.split_once("\n\n").unwrap();
            let said = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
            let keys = head.lines().filter_map(|line| line.strip_prefix("key: "));
            let keys: Vec<Vkey> = keys.map(|key| Vkey::parse(key).unwrap()).collect();
            let found = Release::open(body.as_bytes(), &keys);
            let is_wanted = said("expect: ") == Some("success");
            // The server's configuration has eight keys at most, and of a name only what is typed easily; an auditor
            // takes the keys that are given.
            let is_lenient = ["nine-keys", "key-nobody", "key-capital", "key-long"]
                .iter()
                .any(|name| path.file_stem().unwrap() == *name);
            assert_eq!(
                found.is_ok(),
                is_wanted || is_lenient,
                "{}: {found:?}",
                path.display()
            );
            if is_wanted {
                let published = Published::read(body.as_bytes()).unwrap();
                let leaf = published.leaf(body.as_bytes()).encode();
                assert_eq!(Some(hex::encode(leaf).as_str()), said("leaf: "));
            }
            seen += 1;
        }
        assert!(seen > 40, "only {seen} vectors found");
    }
}
