//! Names of forces. Source: docs/protocol.md section 1.

use std::fmt;
use std::str::FromStr;

use crate::operator::OPERATOR;

/// Longest name of a force in bytes.
pub const FORCE_SIZE_BYTES_MAX: usize = 32;

/// The name of a force, such as `dyfed-powys`: `[a-z0-9]` then `[a-z0-9-]`, 1 to 32 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Force(String);

/// Why text is not the name of a force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForceError {
    /// Empty or too long.
    #[error("name of a force is {found} bytes, want 1 to {FORCE_SIZE_BYTES_MAX}")]
    Size {
        /// Size in bytes of what was given.
        found: usize,
    },
    /// A character that no name has, or a hyphen at the beginning.
    #[error(
        "name of a force has a character that it may not have at byte {at}, \
         want lower-case letters and digits, and hyphens but not first"
    )]
    Character {
        /// Offset in bytes.
        at: usize,
    },
    /// The name under which the operator's own log lies beside those of the forces.
    #[error("no force can be named `operator`: the operator's log has that name")]
    Operator,
}

impl Force {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Force {
    type Err = ForceError;

    fn from_str(text: &str) -> Result<Self, ForceError> {
        if text.is_empty() || text.len() > FORCE_SIZE_BYTES_MAX {
            return Err(ForceError::Size { found: text.len() });
        }
        let wrong = text.bytes().enumerate().position(|(at, byte)| {
            !(byte.is_ascii_lowercase() || byte.is_ascii_digit() || (byte == b'-' && at > 0))
        });
        match wrong {
            Some(at) => Err(ForceError::Character { at }),
            None if text == OPERATOR => Err(ForceError::Operator),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for Force {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Force {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
