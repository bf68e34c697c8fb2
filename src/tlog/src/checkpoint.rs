//! Signed tree heads. Source: C2SP tlog-checkpoint, with no extension lines (docs/protocol.md 5).
//!
//! Only what was signed is parsed, and only a checkpoint of the log that was asked for is given out.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::hash::{HASH_SIZE_BYTES, Hash};
use crate::key::{KeyNameError, Signer, Verifier, checked_name};
use crate::note::{self, NoteError};
use crate::tree::{Frontier, TREE_SIZE_MAX};

/// A tree head: which log, how many leaves, and their root.
///
/// [`fmt::Display`] gives the three lines that are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
}

/// Why a checkpoint is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not a note that the log's key signed.
    #[error("checkpoint is not signed as it must be")]
    Note(#[from] NoteError),
    /// Not exactly one signature.
    #[error("checkpoint has {found} signatures, want one")]
    Signatures {
        /// Number of signatures.
        found: usize,
    },
    /// Not exactly three lines.
    #[error("checkpoint has {found} lines, want origin, size and root and no extension line")]
    Lines {
        /// Number of lines.
        found: usize,
    },
    /// The origin is not a key name.
    #[error("origin of the checkpoint is not a key name")]
    OriginForm(#[from] KeyNameError),
    /// The checkpoint of another log.
    #[error("checkpoint is of log {found}, want {wanted}")]
    Origin {
        /// The origin in the checkpoint.
        found: String,
        /// The origin asked for.
        wanted: String,
    },
    /// Not a decimal number without leading zeros, at most [`TREE_SIZE_MAX`].
    #[error("tree size is not a decimal number of at most {TREE_SIZE_MAX} without leading zeros")]
    Size,
    /// Not canonical base64 of 32 bytes.
    #[error("root of the checkpoint is not canonical base64 of 32 bytes")]
    Root,
}

impl Checkpoint {
    /// A tree head of the log with this origin.
    ///
    /// # Errors
    ///
    /// The origin is not a key name.
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Self, KeyNameError> {
        Ok(Self {
            origin: checked_name(origin)?.to_owned(),
            size,
            root,
        })
    }

    /// The head of this tree, in the log with this origin.
    ///
    /// # Errors
    ///
    /// The origin is not a key name.
    pub fn of(origin: &str, tree: &Frontier) -> Result<Self, KeyNameError> {
        Self::new(origin, tree.size(), tree.root())
    }

    /// Which log: also the name of the key that signs.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree.
    #[must_use]
    pub const fn root(&self) -> Hash {
        self.root
    }

    /// The text that is signed: origin, size and root, each ended by a newline.
    #[must_use]
    pub fn encode(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// Reads the text of a checkpoint, which must have been verified: see [`Self::open`].
    ///
    /// # Errors
    ///
    /// Not three lines, or one of them in another form than [`Self::encode`] gives.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let lines: Vec<&str> = text.split('\n').collect();
        let &[origin, size, root, ""] = lines.as_slice() else {
            let found = text.matches('\n').count();
            return Err(CheckpointError::Lines { found });
        };
        let parsed = size.parse::<u64>().ok().filter(|parsed| {
            // A plus sign and leading zeros would be a second way to write the same tree head.
            *parsed <= TREE_SIZE_MAX && parsed.to_string() == size
        });
        let size = parsed.ok_or(CheckpointError::Size)?;
        let root = STANDARD
            .decode(root)
            .ok()
            .and_then(|root| <[u8; HASH_SIZE_BYTES]>::try_from(root).ok())
            .ok_or(CheckpointError::Root)?;
        Ok(Self::new(origin, size, Hash(root))?)
    }

    /// Signs the checkpoint under its origin as key name, whatever name the signer has by itself:
    /// one key signs all logs of a server (docs/protocol.md section 5).
    #[must_use]
    pub fn sign(&self, signer: &Signer) -> Vec<u8> {
        note::sign_as(&self.origin, &self.encode(), signer)
    }

    /// Opens a signed checkpoint of the log whose origin is the verifier's name.
    ///
    /// Use [`Verifier::renamed`] with the log's origin first.
    ///
    /// # Errors
    ///
    /// Not signed by this key under this name, another number of signatures than one, another
    /// origin, or not a checkpoint.
    pub fn open(signed: &[u8], verifier: &Verifier) -> Result<Self, CheckpointError> {
        let text = note::open(signed, &[verifier])?;
        if text.signature_count() != 1 {
            return Err(CheckpointError::Signatures {
                found: text.signature_count(),
            });
        }
        let checkpoint = Self::parse(text.as_str())?;
        if checkpoint.origin != verifier.name() {
            return Err(CheckpointError::Origin {
                found: checkpoint.origin,
                wanted: verifier.name().to_owned(),
            });
        }
        Ok(checkpoint)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.encode())
    }
}

/// The origin of the log of a force and year: `<log name>/<force>/<year>`.
///
/// The log name of a server is `<host>/hafan`. Source: docs/protocol.md section 5.
#[must_use]
pub fn log_origin(log_name: &str, force: &str, year: u16) -> String {
    format!("{log_name}/{force}/{year}")
}

/// The origin of the operator's log: `<log name>/operator`. Source: docs/protocol.md section 9.
#[must_use]
pub fn operator_origin(log_name: &str) -> String {
    format!("{log_name}/operator")
}
