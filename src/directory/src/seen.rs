//! What a force's officers have seen of their log: a checkpoint that they cosigned. Source: docs/protocol.md section 14.

use hafan_tlog::cosignature::CosignedError;
use hafan_tlog::{Cosigned, open_cosigned};

use crate::directory::Directory;

/// Why a cosigned checkpoint is not one of this force's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeenError {
    /// The directory names no key that answers are signed with.
    #[error("the directory names no key for answers")]
    NoKey,
    /// The first line is not the origin of one of this force's logs.
    #[error("it does not begin with the origin of a log of {force}")]
    Origin {
        /// The force.
        force: String,
    },
    /// It is not as signed.
    #[error(transparent)]
    Cosigned(#[from] CosignedError),
}

/// A tree head that the officers of a force saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Of which year's log.
    pub year: u16,
    /// The tree head, and the day.
    pub cosigned: Cosigned,
}

impl Directory {
    /// Opens a checkpoint of one of this force's logs that its officers cosigned.
    ///
    /// # Errors
    ///
    /// See [`SeenError`].
    pub fn open_seen(&self, note: &[u8]) -> Result<Seen, SeenError> {
        if self.contents().replies.is_empty() {
            return Err(SeenError::NoKey);
        }
        let origin = || SeenError::Origin {
            force: self.force().to_string(),
        };
        let end = note.iter().position(|byte| *byte == b'\n').unwrap_or(0);
        let first = std::str::from_utf8(note.get(..end).unwrap_or_default());
        let year = first.ok().and_then(|line| line.rsplit('/').next());
        let year: u16 = year.and_then(|year| year.parse().ok()).ok_or_else(origin)?;
        let log = self.log_verifier(year).map_err(|_| origin())?;
        if first != Ok(log.name()) {
            return Err(origin());
        }
        let cosigned = open_cosigned(note, &log, &self.contents().replies)?;
        Ok(Seen { year, cosigned })
    }
}
