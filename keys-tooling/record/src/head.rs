//! The head of the record: a checkpoint (C2SP tlog-checkpoint) with origin `hafan/{force}/access`, signed by
//! an officer under the officer's own key name.

use hafan_directory::Force;
use hafan_tlog::checkpoint::CheckpointError;
use hafan_tlog::note::{self, NoteError, SignError};
use hafan_tlog::{Checkpoint, Frontier, Hash, Signer};

use crate::officers::Officers;

/// The origin of a force's access record.
#[must_use]
pub fn origin(force: &Force) -> String {
    format!("hafan/{force}/access")
}

/// A head that an officer signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many entries there are.
    pub size: u64,
    /// Root of their tree.
    pub root: Hash,
    /// Key name of the officer who signed.
    pub officer: String,
}

/// Why a head is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// No officer of any directory beside the record signed it.
    #[error("no officer whom a directory beside the record names has signed it")]
    Unsigned,
    /// An officer's signature that does not verify, or not a note.
    #[error("it is not a signed note")]
    Note(#[from] NoteError),
    /// Not a checkpoint.
    #[error("it is not a tree head")]
    Checkpoint(#[from] CheckpointError),
    /// The head of something else.
    #[error("it is the head of {found}, want {wanted}")]
    Origin {
        /// Its origin.
        found: String,
        /// The origin of this force's record.
        wanted: String,
    },
    /// Not exactly one signature.
    #[error("it has {found} signatures, want one")]
    Signatures {
        /// How many.
        found: usize,
    },
}

impl Head {
    /// Opens the note, which one officer of those must have signed.
    ///
    /// # Errors
    /// See [`HeadError`].
    pub fn open(signed: &[u8], force: &Force, officers: &Officers) -> Result<Self, HeadError> {
        for officer in officers.all() {
            let text = match note::open(signed, &[officer]) {
                Ok(text) => text,
                Err(NoteError::Unsigned { .. }) => continue,
                Err(why) => return Err(why.into()),
            };
            if text.signature_count() != 1 {
                let found = text.signature_count();
                return Err(HeadError::Signatures { found });
            }
            let checkpoint = Checkpoint::parse(text.as_str())?;
            let wanted = origin(force);
            if checkpoint.origin() != wanted {
                let found = checkpoint.origin().to_owned();
                return Err(HeadError::Origin { found, wanted });
            }
            return Ok(Self {
                size: checkpoint.size(),
                root: checkpoint.root(),
                officer: officer.name().to_owned(),
            });
        }
        Err(HeadError::Unsigned)
    }
}

/// Signs the head of this tree.
pub(crate) fn sign(force: &Force, tree: &Frontier, signer: &Signer) -> Result<Vec<u8>, SignError> {
    // Three lines, each ended: a force's name has no character that a key name forbids.
    let text =
        Checkpoint::of(&origin(force), tree).map_or_else(|_| String::new(), |head| head.encode());
    note::sign(&text, &[signer])
}
