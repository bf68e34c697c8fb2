//! Signed tree heads, read with code of our own. Source: C2SP tlog-checkpoint, without extension lines.

use crate::merkle::TreeHash;
use crate::note::{self, NoteError, Vkey};

/// More leaves than any log will have; keeps arithmetic far from its bounds.
pub const LEAVES_MAX: u64 = 1 << 48;

/// A tree head that its log's key has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Number of leaves.
    pub size: u64,
    /// Their root.
    pub root: TreeHash,
}

/// Why bytes are no checkpoint of this log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not signed as it must be.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Not three lines of origin, size and root.
    #[error("not a checkpoint: wanted three lines, origin, size and root")]
    Form,
    /// Of another log.
    #[error("it is the checkpoint of another log")]
    Origin,
}

impl Checkpoint {
    /// Opens a checkpoint that `key`, whose name is the log's origin, has signed.
    ///
    /// # Errors
    /// See [`CheckpointError`].
    pub fn open(bytes: &[u8], key: &Vkey) -> Result<Self, CheckpointError> {
        let (origin, checkpoint) = Self::parse(note::open(bytes, key)?)?;
        if origin == key.name() {
            Ok(checkpoint)
        } else {
            Err(CheckpointError::Origin)
        }
    }

    /// Reads the text of a checkpoint: its origin, and the tree head.
    ///
    /// # Errors
    /// [`CheckpointError::Form`].
    pub fn parse(text: &str) -> Result<(&str, Self), CheckpointError> {
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root), Some(""), None) = (
            lines.next(),
            lines.next(),
            lines.next(),
            lines.next(),
            lines.next(),
        ) else {
            return Err(CheckpointError::Form);
        };
        let size = decimal(size).filter(|size| *size <= LEAVES_MAX);
        match (size, TreeHash::parse(root)) {
            (Some(size), Some(root)) if !origin.is_empty() => Ok((origin, Self { size, root })),
            _ => Err(CheckpointError::Form),
        }
    }
}

/// A decimal number without leading zeros.
#[must_use]
pub fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}
