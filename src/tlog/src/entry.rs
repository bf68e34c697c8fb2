//! Log entries of 66 bytes, and decoys. Source: docs/protocol.md sections 4 and 5.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::hash::{Hash, leaf_hash};

/// Size of every log entry in bytes: `01 || kind || h[32] || t[32]`.
pub const ENTRY_SIZE_BYTES: usize = 66;

/// First byte of every entry.
const ENTRY_VERSION: u8 = 1;

/// Size of an epoch's seed in bytes.
pub const SEED_SIZE_BYTES: usize = 32;

/// What a leaf stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// 00: a submission, or a decoy that stands for nothing; without the seed nobody can tell.
    Drop,
    /// 02: a record that officers opened something.
    Access,
    /// 03: a directory.
    Directory,
    /// 04: a release of the site.
    Release,
    /// 05: a page of replies.
    ReplyPage,
    /// 06: a leaf whose submission was destroyed on order.
    Tombstone,
}

impl EntryKind {
    /// The byte of this kind on the wire.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Drop => 0x00,
            Self::Access => 0x02,
            Self::Directory => 0x03,
            Self::Release => 0x04,
            Self::ReplyPage => 0x05,
            Self::Tombstone => 0x06,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x00 => Some(Self::Drop),
            0x02 => Some(Self::Access),
            0x03 => Some(Self::Directory),
            0x04 => Some(Self::Release),
            0x05 => Some(Self::ReplyPage),
            0x06 => Some(Self::Tombstone),
            _ => None,
        }
    }
}

/// One log entry: what it stands for, the digest `h` and the tag digest `t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the leaf stands for.
    pub kind: EntryKind,
    /// Digest of the submission, or 32 bytes that look like one.
    pub h: [u8; 32],
    /// Digest of the submission's tag, or 32 bytes that look like one.
    pub t: [u8; 32],
}

/// Why bytes are not a log entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Not 66 bytes.
    #[error("log entry is {found} bytes, want {ENTRY_SIZE_BYTES}")]
    Size {
        /// Size in bytes of what was given.
        found: usize,
    },
    /// The first byte is not 1.
    #[error("log entry has version {found}, want {ENTRY_VERSION}")]
    Version {
        /// The first byte.
        found: u8,
    },
    /// The second byte is not a kind of docs/protocol.md section 4.
    #[error("log entry has kind {found}, want 0, 2, 3, 4, 5 or 6")]
    Kind {
        /// The second byte.
        found: u8,
    },
}

impl Entry {
    /// A leaf for a submission: its digest `h` and tag digest `t`.
    #[must_use]
    pub const fn drop_of(h: [u8; 32], t: [u8; 32]) -> Self {
        Self {
            kind: EntryKind::Drop,
            h,
            t,
        }
    }

    /// The 66 bytes of the entry.
    #[must_use]
    pub fn encode(&self) -> [u8; ENTRY_SIZE_BYTES] {
        let mut bytes = [0; ENTRY_SIZE_BYTES];
        let head = [ENTRY_VERSION, self.kind.byte()];
        for (to, from) in bytes
            .iter_mut()
            .zip(head.iter().chain(&self.h).chain(&self.t))
        {
            *to = *from;
        }
        bytes
    }

    /// Reads an entry back from its 66 bytes.
    ///
    /// # Errors
    ///
    /// Another size, version or kind.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        let size = EntryError::Size { found: bytes.len() };
        let Ok(bytes) = <&[u8; ENTRY_SIZE_BYTES]>::try_from(bytes) else {
            return Err(size);
        };
        let (&[version, kind], rest) = bytes.split_first_chunk().ok_or(size)?;
        let (h, t) = rest.split_first_chunk().ok_or(size)?;
        let t = t.first_chunk().ok_or(size)?;
        if version != ENTRY_VERSION {
            return Err(EntryError::Version { found: version });
        }
        let kind = EntryKind::from_byte(kind).ok_or(EntryError::Kind { found: kind })?;
        Ok(Self { kind, h: *h, t: *t })
    }

    /// The RFC 6962 hash of this entry as a leaf.
    #[must_use]
    pub fn leaf_hash(&self) -> Hash {
        leaf_hash(&self.encode())
    }
}

/// The 32 secret bytes that the decoys of one epoch come from.
///
/// Whoever has them can tell decoys from drops: they are wiped when dropped, cannot be cloned and
/// are not shown.
pub struct Seed(Zeroizing<[u8; SEED_SIZE_BYTES]>);

impl Seed {
    /// Takes the 32 bytes; the caller wipes its own copy.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; SEED_SIZE_BYTES]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// The 32 bytes, for the value log and for couriers.
    #[must_use]
    pub fn expose(&self) -> &[u8; SEED_SIZE_BYTES] {
        &self.0
    }
}

/// The decoy at `position` of the epoch that has this seed.
///
/// `h = HMAC-SHA-256(seed, "hafan/decoy/h/v1" || 00 || u32(position))`, `t` with the other label.
/// Source: docs/protocol.md section 5.
#[must_use]
pub fn decoy(seed: &Seed, position: u16) -> Entry {
    Entry {
        kind: EntryKind::Drop,
        h: decoy_half(seed, b"hafan/decoy/h/v1\0", position),
        t: decoy_half(seed, b"hafan/decoy/t/v1\0", position),
    }
}

fn decoy_half(seed: &Seed, label: &[u8], position: u16) -> [u8; 32] {
    let mut mac: Hmac<Sha256> =
        Hmac::new_from_slice(seed.expose()).expect("HMAC takes keys of every length");
    mac.update(label);
    mac.update(&u32::from(position).to_be_bytes());
    mac.finalize().into_bytes().into()
}
