//! The operator's log: a leaf for each directory that was given out, and for each release of the site.
//!
//! Source: docs/protocol.md section 9.

use hafan_tlog::note::text_within;
use hafan_tlog::{Entry, EntryKind, labelled_hash};

use crate::directory::{DIRECTORY_SIZE_BYTES_MAX, Directory};
use crate::force::Force;
use crate::release::Release;
use crate::wire;

/// Largest note of the operator's log in bytes.
pub const NOTE_SIZE_BYTES_MAX: usize = DIRECTORY_SIZE_BYTES_MAX;

/// The name that no force can have here: its place among the logs is the operator's.
pub const OPERATOR: &str = "operator";

/// What a leaf of the operator's log stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// A directory of a force.
    Directory(Box<Directory>),
    /// A release of the site.
    Release(Release),
}

/// A note that is neither a directory nor a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the note is neither a directory nor a release")]
pub struct PublishedError;

impl Published {
    /// Reads a note again whose digest is under a signed checkpoint of this log: it was opened before it got there, by the
    /// keys of then.
    ///
    /// # Errors
    ///
    /// It is no directory and no release.
    pub fn read_logged(note: &[u8]) -> Result<Self, PublishedError> {
        let text = text_within(note, NOTE_SIZE_BYTES_MAX).map_err(|_| PublishedError)?;
        if let Ok(release) = Release::parse(text) {
            return Ok(Self::Release(release));
        }
        let contents = wire::parse(text).map_err(|_| PublishedError)?;
        let directory = Directory::new(contents).map_err(|_| PublishedError)?;
        Ok(Self::Directory(Box::new(directory)))
    }

    /// How often there was one of its kind: for each force, and for releases.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        match self {
            Self::Directory(directory) => directory.sequence(),
            Self::Release(release) => release.sequence(),
        }
    }

    /// The force of a directory; nothing of a release.
    #[must_use]
    pub fn force(&self) -> Option<&Force> {
        match self {
            Self::Directory(directory) => Some(directory.force()),
            Self::Release(_) => None,
        }
    }

    /// The leaf of this note, whose bytes are `note`.
    #[must_use]
    pub fn leaf(&self, note: &[u8]) -> Entry {
        match self {
            Self::Directory(directory) => Entry {
                kind: EntryKind::Directory,
                h: labelled_hash("hafan/directory/v1", note),
                t: labelled_hash(
                    "hafan/directory-of/v1",
                    directory.force().as_str().as_bytes(),
                ),
            },
            Self::Release(release) => Entry {
                kind: EntryKind::Release,
                h: labelled_hash("hafan/release/v1", note),
                t: labelled_hash("hafan/release-of/v1", release.manifest()),
            },
        }
    }
}
