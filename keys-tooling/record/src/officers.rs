//! Whose signatures count: the officers of every directory that is kept with the record.

use std::collections::BTreeMap;

use hafan_directory::{Directory, OpenError};
use hafan_tlog::Verifier;

/// Officers by the sequence of the directory that names them.
#[derive(Default)]
pub struct Officers(BTreeMap<u64, Vec<Verifier>>);

/// Why a directory beside the record does not count.
#[derive(Debug, thiserror::Error)]
pub enum OfficersError {
    /// Not signed by the force's root key, or not a directory.
    #[error("it is not a directory that the root key signed")]
    Directory(#[from] OpenError),
    /// Another sequence than its name says.
    #[error("it is directory {found}, and its name says {wanted}")]
    Sequence {
        /// The sequence in it.
        found: u64,
        /// The sequence in its name.
        wanted: u64,
    },
}

impl Officers {
    /// Nobody.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds those of one directory, which the root key must have signed.
    ///
    /// # Errors
    /// It is not signed so, or has another sequence.
    pub fn add(
        &mut self,
        sequence: u64,
        note: &[u8],
        root: &Verifier,
    ) -> Result<(), OfficersError> {
        let directory = Directory::open(note, root)?;
        if directory.sequence() != sequence {
            return Err(OfficersError::Sequence {
                found: directory.sequence(),
                wanted: sequence,
            });
        }
        self.insert(&directory);
        Ok(())
    }

    /// Adds those of a directory that was opened already.
    pub(crate) fn insert(&mut self, directory: &Directory) {
        let officers = directory.contents().officers.clone();
        self.0.insert(directory.sequence(), officers);
    }

    /// Those of one directory; `None` when it is not there.
    #[must_use]
    pub fn of(&self, sequence: u64) -> Option<&[Verifier]> {
        self.0.get(&sequence).map(Vec::as_slice)
    }

    /// Every officer of every directory, the newest directory first.
    pub fn all(&self) -> impl Iterator<Item = &Verifier> {
        self.0.values().rev().flatten()
    }
}
