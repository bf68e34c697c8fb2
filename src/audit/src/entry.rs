//! Log entries, decoys, entry bundles and the names of tiles, with code of our own.
//!
//! Source: docs/protocol.md sections 4 and 5; C2SP tlog-tiles.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// Size of an entry in bytes.
pub const ENTRY_SIZE_BYTES: usize = 66;

/// Hashes or entries of a full tile.
pub const TILE_WIDTH: u64 = 256;

/// Size in bytes of an entry in a bundle: its length in two bytes and itself.
const BUNDLED_SIZE_BYTES: usize = 2 + ENTRY_SIZE_BYTES;

/// The largest tile or bundle in bytes.
pub const TILE_SIZE_BYTES_MAX: usize = 256 * BUNDLED_SIZE_BYTES;

/// What a leaf stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// 00: a drop, or a decoy.
    Drop,
    /// 02: the head of an access record.
    Access,
    /// 03: a directory.
    Directory,
    /// 04: a release.
    Release,
    /// 05: a page of answers.
    Page,
    /// 06: a tombstone.
    Tombstone,
}

impl Kind {
    const ALL: [(u8, Self); 6] = [
        (0, Self::Drop),
        (2, Self::Access),
        (3, Self::Directory),
        (4, Self::Release),
        (5, Self::Page),
        (6, Self::Tombstone),
    ];

    fn byte(self) -> u8 {
        let found = Self::ALL.iter().find(|(_, kind)| *kind == self);
        found.map_or(0, |(byte, _)| *byte)
    }

    fn of(byte: u8) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == byte);
        found.map(|(_, kind)| *kind)
    }
}

/// An entry, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it stands for.
    pub kind: Kind,
    /// The digest.
    pub h: [u8; 32],
    /// The digest of the tag.
    pub t: [u8; 32],
}

/// Why 66 bytes are no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Of another version.
    #[error("its first byte is {found:02x}, want 01")]
    Version {
        /// The byte.
        found: u8,
    },
    /// Of no kind that there is.
    #[error("its kind is {found:02x}, which the protocol does not know")]
    Kind {
        /// The byte.
        found: u8,
    },
}

impl Entry {
    /// Reads an entry.
    ///
    /// # Errors
    /// See [`EntryError`].
    pub fn parse(bytes: &[u8; ENTRY_SIZE_BYTES]) -> Result<Self, EntryError> {
        let [version, kind, digests @ ..] = bytes;
        if *version != 1 {
            return Err(EntryError::Version { found: *version });
        }
        let kind = Kind::of(*kind).ok_or(EntryError::Kind { found: *kind })?;
        let (mut h, mut t) = ([0; 32], [0; 32]);
        for (to, from) in h.iter_mut().chain(&mut t).zip(digests) {
            *to = *from;
        }
        Ok(Self { kind, h, t })
    }
}

impl Entry {
    /// The bytes of an entry.
    #[must_use]
    pub fn encode(&self) -> [u8; ENTRY_SIZE_BYTES] {
        let mut entry = [0; ENTRY_SIZE_BYTES];
        let bytes = [1, self.kind.byte()]
            .into_iter()
            .chain(self.h)
            .chain(self.t);
        for (to, from) in entry.iter_mut().zip(bytes) {
            *to = from;
        }
        entry
    }
}

/// A digest as 64 lower-case hex characters.
#[must_use]
pub fn parse_digest(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    (hex::encode(bytes) == text).then_some(bytes)
}

/// The decoy at a position of an epoch with this seed: its entry's bytes.
#[must_use]
pub fn decoy(seed: &[u8; 32], position: u16) -> [u8; ENTRY_SIZE_BYTES] {
    let mut entry = [0; ENTRY_SIZE_BYTES];
    let h = labelled(seed, b"hafan/decoy/h/v1\0", position);
    let t = labelled(seed, b"hafan/decoy/t/v1\0", position);
    let bytes = [1, 0].into_iter().chain(h).chain(t);
    for (to, from) in entry.iter_mut().zip(bytes) {
        *to = from;
    }
    entry
}

fn labelled(seed: &[u8; 32], label: &[u8], position: u16) -> [u8; 32] {
    // A key of 32 bytes is never refused: HMAC takes any length.
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(seed) else {
        return [0; 32];
    };
    let position = u32::from(position).to_be_bytes();
    let mac = mac.chain_update(label).chain_update(position);
    mac.finalize().into_bytes().into()
}

/// Why bytes are no bundle of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Not a whole number of entries, or too many.
    #[error("{found} bytes are no whole number of entries from 1 to 256")]
    Size {
        /// Size in bytes.
        found: usize,
    },
    /// An entry that says that it is of another length.
    #[error("entry {at} of it is not 66 bytes")]
    Length {
        /// Which, from 0.
        at: usize,
    },
}

/// The entries of a bundle: each with its two bytes of length taken off. Their kinds are the caller's to judge.
///
/// # Errors
/// See [`BundleError`].
pub fn entries(bundle: &[u8]) -> Result<Vec<&[u8; ENTRY_SIZE_BYTES]>, BundleError> {
    let size = BundleError::Size {
        found: bundle.len(),
    };
    if bundle.is_empty()
        || bundle.len() > TILE_SIZE_BYTES_MAX
        || !bundle.len().is_multiple_of(BUNDLED_SIZE_BYTES)
    {
        return Err(size);
    }
    let mut entries = Vec::with_capacity(bundle.len() / BUNDLED_SIZE_BYTES);
    for (at, bytes) in bundle.chunks_exact(BUNDLED_SIZE_BYTES).enumerate() {
        let entry = bytes.strip_prefix(&[0, 66]);
        let entry: Option<&[u8; ENTRY_SIZE_BYTES]> = entry.and_then(|e| e.try_into().ok());
        entries.push(entry.ok_or(BundleError::Length { at })?);
    }
    Ok(entries)
}

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// Entries.
    Entries,
    /// Hashes of this level.
    Level(u8),
}

/// The name of a tile of this width, 1 to 256: `tile/0/x001/067.p/12`.
#[must_use]
pub fn tile_name(row: Row, number: u64, width: u64) -> String {
    let mut groups = vec![format!("{:03}", number % 1000)];
    let mut rest = number / 1000;
    while rest > 0 {
        groups.push(format!("x{:03}", rest % 1000));
        rest /= 1000;
    }
    groups.reverse();
    let row = match row {
        Row::Entries => "entries".to_owned(),
        Row::Level(level) => level.to_string(),
    };
    let name = format!("tile/{row}/{}", groups.join("/"));
    if width < TILE_WIDTH {
        format!("{name}.p/{width}")
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_named_as_c2sp_names_them() {
        assert_eq!(tile_name(Row::Level(0), 0, 256), "tile/0/000");
        assert_eq!(
            tile_name(Row::Entries, 1_234_067, 256),
            "tile/entries/x001/x234/067"
        );
        assert_eq!(tile_name(Row::Level(1), 1_234, 12), "tile/1/x001/234.p/12");
    }
}
