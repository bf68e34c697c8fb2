//! Verification keys and signed notes, read with code of our own. Source: C2SP signed-note.
//!
//! Trusts nothing: a note's text is given out only with the check that a key has signed it.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest as _, Sha256};

/// Largest note in bytes, unless the caller says otherwise.
pub const NOTE_SIZE_BYTES_MAX: usize = 64 * 1024;

/// Most signature lines of one note.
const SIGNATURES_MAX: usize = 16;

/// Longest name of a key in bytes.
const NAME_SIZE_BYTES_MAX: usize = 255;

/// Signature type of Ed25519.
const ED25519: u8 = 1;

/// Signature type of a cosignature by such a key.
const COSIGNATURE: u8 = 4;

/// Why text is no verification key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VkeyError {
    /// Not `name+hash+key`, or one of them is not as it must be.
    #[error("not a verification key: wanted name+8 hex characters+base64 of 33 bytes")]
    Form,
    /// The hash is not that of name and key.
    #[error("the key's hash is not that of its name and key: a character was changed")]
    Hash,
    /// No point of the curve, or one of small order.
    #[error("not a sound Ed25519 key")]
    Key,
}

/// An Ed25519 verification key with its name.
#[derive(Clone, PartialEq, Eq)]
pub struct Vkey {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

impl Vkey {
    /// Reads `name+hash+key`.
    ///
    /// # Errors
    /// See [`VkeyError`].
    pub fn parse(text: &str) -> Result<Self, VkeyError> {
        // Base64 may hold a plus sign: only the first two divide.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(VkeyError::Form);
        };
        let bytes = BASE64_STANDARD.decode(key).map_err(|_| VkeyError::Form)?;
        let (algorithm, key) = bytes.split_first().ok_or(VkeyError::Form)?;
        let key: [u8; 32] = key.try_into().map_err(|_| VkeyError::Form)?;
        if !is_name(name) || *algorithm != ED25519 {
            return Err(VkeyError::Form);
        }
        let key = VerifyingKey::from_bytes(&key).map_err(|_| VkeyError::Key)?;
        if key.is_weak() {
            return Err(VkeyError::Key);
        }
        let found = Self::named(name, key);
        if id.len() != 8 || hex::encode(found.id) != id {
            return Err(if id.len() == 8 {
                VkeyError::Hash
            } else {
                VkeyError::Form
            });
        }
        Ok(found)
    }

    fn named(name: &str, key: VerifyingKey) -> Self {
        let id = Self::hashed(name, ED25519, &key);
        let name = name.to_owned();
        Self { name, id, key }
    }

    /// The first bytes of SHA-256 over name, type and key.
    fn hashed(name: &str, kind: u8, key: &VerifyingKey) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(name)
            .chain_update([b'\n', kind])
            .chain_update(key.as_bytes())
            .finalize();
        let mut id = [0; 4];
        for (to, from) in id.iter_mut().zip(hash) {
            *to = from;
        }
        id
    }

    /// The same key under another name: that of one log of a server.
    #[must_use]
    pub fn renamed(&self, name: &str) -> Self {
        Self::named(name, self.key)
    }

    /// The ID of the key, as notes have it.
    #[must_use]
    pub const fn id(&self) -> [u8; 4] {
        self.id
    }

    /// The ID under which the same key cosigns checkpoints. Source: C2SP tlog-cosignature, signature type 4.
    #[must_use]
    pub fn cosigner_id(&self) -> [u8; 4] {
        Self::hashed(&self.name, COSIGNATURE, &self.key)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How DSSE lines name it: `name+hash`.
    #[must_use]
    pub fn key_id(&self) -> String {
        format!("{}+{}", self.name, hex::encode(self.id))
    }

    /// Whether it is the same key, whatever it is called.
    #[must_use]
    pub fn is_same_key(&self, other: &Self) -> bool {
        self.key == other.key
    }

    /// Whether this is its signature of these bytes.
    #[must_use]
    pub fn verifies(&self, bytes: &[u8], signature: &[u8; 64]) -> bool {
        let signature = Signature::from_bytes(signature);
        self.key.verify_strict(bytes, &signature).is_ok()
    }
}

impl fmt::Display for Vkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519];
        key.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}", self.key_id(), BASE64_STANDARD.encode(key))
    }
}

impl fmt::Debug for Vkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vkey({self})")
    }
}

fn is_name(name: &str) -> bool {
    (1..=NAME_SIZE_BYTES_MAX).contains(&name.len())
        && !name
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

/// Why bytes are no note, or not one of this key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Larger than allowed.
    #[error("the note is {found} bytes, more than is read")]
    Size {
        /// Its size in bytes.
        found: usize,
    },
    /// Not text, an empty line and signature lines.
    #[error("not a signed note: wanted text, an empty line and signature lines")]
    Form,
    /// Not exactly one signature.
    #[error("the note has {found} signatures, want one")]
    Signatures {
        /// How many.
        found: usize,
    },
    /// By another key.
    #[error("another key has signed the note")]
    Unsigned,
    /// By that key, and wrong.
    #[error("the signature does not verify: the note was changed, or forged")]
    Signature,
}

struct Line<'a> {
    name: &'a str,
    id: [u8; 4],
    signature: Vec<u8>,
}

impl Line<'_> {
    fn is_by(&self, key: &Vkey) -> bool {
        self.name == key.name && self.id == key.id
    }
}

/// A note taken apart; nothing of it is believed yet.
pub struct Note<'a> {
    text: &'a str,
    lines: Vec<Line<'a>>,
}

impl<'a> Note<'a> {
    /// Takes a note of at most `size_max` bytes apart.
    ///
    /// # Errors
    /// [`NoteError::Size`], [`NoteError::Form`].
    pub fn parse(bytes: &'a [u8], size_max: usize) -> Result<Self, NoteError> {
        if bytes.len() > size_max {
            return Err(NoteError::Size { found: bytes.len() });
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::Form)?;
        if note.chars().any(|c| c.is_ascii_control() && c != '\n') {
            return Err(NoteError::Form);
        }
        let at = note.rfind("\n\n").ok_or(NoteError::Form)?;
        let (text, rest) = note.split_at_checked(at + 1).ok_or(NoteError::Form)?;
        let rest = rest.strip_prefix('\n').ok_or(NoteError::Form)?;
        let rest = rest.strip_suffix('\n').ok_or(NoteError::Form)?;
        let mut lines = Vec::new();
        for line in rest.split('\n') {
            if lines.len() == SIGNATURES_MAX {
                return Err(NoteError::Form);
            }
            lines.push(signature_line(line).ok_or(NoteError::Form)?);
        }
        Ok(Self { text, lines })
    }

    /// The text that is signed, of which nothing is believed yet.
    #[must_use]
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// The signatures under it: the name of the key, its ID, and what follows that.
    pub fn signatures(&self) -> impl Iterator<Item = (&'a str, [u8; 4], &[u8])> {
        let lines = self.lines.iter();
        lines.map(|line| (line.name, line.id, line.signature.as_slice()))
    }

    /// The text, when exactly one signature stands under it and that is by this key.
    ///
    /// # Errors
    /// See [`NoteError`].
    pub fn signed_by(&self, key: &Vkey) -> Result<&'a str, NoteError> {
        if self.lines.len() != 1 {
            let found = self.lines.len();
            return Err(NoteError::Signatures { found });
        }
        if !self.lines.iter().any(|line| line.is_by(key)) {
            return Err(NoteError::Unsigned);
        }
        if self.has_signature_of(key) {
            Ok(self.text)
        } else {
            Err(NoteError::Signature)
        }
    }

    /// Whether a signature under it is this key's of its text.
    #[must_use]
    pub fn has_signature_of(&self, key: &Vkey) -> bool {
        let lines = self.lines.iter().filter(|line| line.is_by(key));
        lines.into_iter().any(|line| {
            let signature: Option<&[u8; 64]> = line.signature.as_slice().try_into().ok();
            signature.is_some_and(|signature| key.verifies(self.text.as_bytes(), signature))
        })
    }
}

/// Opens a note of at most 64 KiB that this key alone has signed.
///
/// # Errors
/// See [`NoteError`].
pub fn open<'a>(bytes: &'a [u8], key: &Vkey) -> Result<&'a str, NoteError> {
    Note::parse(bytes, NOTE_SIZE_BYTES_MAX)?.signed_by(key)
}

fn signature_line(line: &str) -> Option<Line<'_>> {
    let (name, base64) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let bytes = BASE64_STANDARD.decode(base64).ok()?;
    let (id, signature) = bytes.split_first_chunk::<4>()?;
    (is_name(name) && !signature.is_empty()).then(|| Line {
        name,
        id: *id,
        signature: signature.to_vec(),
    })
}
