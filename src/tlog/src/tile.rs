//! Tiles of 256 hashes and entry bundles: names and bytes. Source: C2SP tlog-tiles.
//!
//! Names come from the network: there is one way to write each, and all others are refused.

use std::fmt;
use std::str::FromStr;

use crate::entry::{ENTRY_SIZE_BYTES, Entry, EntryError};
use crate::hash::{HASH_SIZE_BYTES, Hash};
use crate::proof::{HashReader, perfect_root};

/// Hashes or entries in a full tile.
pub const TILE_WIDTH: u16 = 256;

/// Levels of the tree that one tile spans: 2^8 = 256.
const TILE_HEIGHT: u32 = 8;

/// Highest level of tiles that a name can have. Source: C2SP tlog-tiles.
const LEVEL_MAX: u8 = 63;

/// Tile numbers are below this, so that first leaf and end cannot overflow.
const NUMBER_MAX: u64 = 1 << 54;

/// Size in bytes of one entry in an entry bundle: its length in two bytes and the entry.
const BUNDLED_ENTRY_SIZE_BYTES: usize = 2 + ENTRY_SIZE_BYTES;

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// Log entries: `tile/entries/…`.
    Entries,
    /// Hashes of subtrees of 256^level leaves: `tile/{level}/…`.
    Hashes {
        /// 0 for leaf hashes.
        level: u8,
    },
}

/// The name of a tile: what it holds, its number, and how wide it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TilePath {
    kind: TileKind,
    number: u64,
    width: u16,
}

/// Why text is not the name of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TilePathError {
    /// Not `tile/{level or entries}/{number}` with or without `.p/{width}`.
    #[error("not the name of a tile: want tile, a level or entries, and a number")]
    Form,
    /// The level is not a decimal number of at most 63 without leading zeros.
    #[error("level of the tile is not a decimal number of 0 to {LEVEL_MAX} without leading zeros")]
    Level,
    /// The number is not in groups of three digits, `x` before all but the last.
    #[error("number of the tile is not in groups of three digits below {NUMBER_MAX}")]
    Number,
    /// The width of a partial tile is not 1 to 255.
    #[error("width of a partial tile is not a decimal number of 1 to 255 without leading zeros")]
    Width,
}

/// Why bytes are not the tile that they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Not a whole number of hashes or entries from 1 to 256.
    #[error("tile is {found} bytes, want 1 to {TILE_WIDTH} times {unit}")]
    Size {
        /// Size in bytes.
        found: usize,
        /// Size in bytes of one hash or entry.
        unit: usize,
    },
    /// The length before an entry is not 66.
    #[error("entry {at} of the bundle is said to be {found} bytes, want {ENTRY_SIZE_BYTES}")]
    Length {
        /// Number of the entry in the bundle, from 0.
        at: usize,
        /// The length said.
        found: u16,
    },
    /// One of the entries is not one.
    #[error("entry {at} of the bundle is not a log entry")]
    Entry {
        /// Number of the entry in the bundle, from 0.
        at: usize,
        /// What is wrong with it.
        source: EntryError,
    },
}

impl TilePath {
    /// The tile of this kind, number and width (1 to 256), or nothing when out of bounds.
    #[must_use]
    pub const fn new(kind: TileKind, number: u64, width: u16) -> Option<Self> {
        let level_fits = match kind {
            TileKind::Entries => true,
            TileKind::Hashes { level } => level <= LEVEL_MAX,
        };
        if level_fits && number < NUMBER_MAX && width >= 1 && width <= TILE_WIDTH {
            Some(Self {
                kind,
                number,
                width,
            })
        } else {
            None
        }
    }

    /// What the tile holds.
    #[must_use]
    pub const fn kind(&self) -> TileKind {
        self.kind
    }

    /// How many full tiles stand left of it in its level.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// How many hashes or entries it holds, 1 to 256.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// Number of the first hash or entry of the tile in its level.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.number * u64::from(TILE_WIDTH)
    }

    /// Number behind the last hash or entry of the tile in its level.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first() + u64::from(self.width)
    }

    /// Whether a log of this many leaves has all that this tile holds.
    #[must_use]
    pub fn is_within(&self, size: u64) -> bool {
        self.end() <= level_size(self.kind, size)
    }

    /// The full tile with the same number.
    #[must_use]
    pub const fn full(&self) -> Self {
        Self {
            width: TILE_WIDTH,
            ..*self
        }
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Entries => f.write_str("tile/entries/")?,
            TileKind::Hashes { level } => write!(f, "tile/{level}/")?,
        }
        let digits = format!("{:03}", self.number);
        // Groups of three from the right: the first is filled up with zeros.
        let missing = (3 - digits.len() % 3) % 3;
        let digits = format!("{}{digits}", "0".repeat(missing));
        let groups = digits.len() / 3;
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && at % 3 == 0 {
                f.write_str("/")?;
            }
            if at % 3 == 0 && at / 3 + 1 < groups {
                f.write_str("x")?;
            }
            write!(f, "{digit}")?;
        }
        if self.width < TILE_WIDTH {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

impl FromStr for TilePath {
    type Err = TilePathError;

    fn from_str(text: &str) -> Result<Self, TilePathError> {
        let (level, rest) = text
            .strip_prefix("tile/")
            .and_then(|rest| rest.split_once('/'))
            .ok_or(TilePathError::Form)?;
        let kind = if level == "entries" {
            TileKind::Entries
        } else {
            let level = decimal(level, 2).and_then(|level| u8::try_from(level).ok());
            let level = level
                .filter(|level| *level <= LEVEL_MAX)
                .ok_or(TilePathError::Level)?;
            TileKind::Hashes { level }
        };
        let (number, width) = match rest.split_once(".p/") {
            None => (rest, TILE_WIDTH),
            Some((number, width)) => {
                let width = decimal(width, 3).and_then(|width| u16::try_from(width).ok());
                let width = width.filter(|width| (1..TILE_WIDTH).contains(width));
                (number, width.ok_or(TilePathError::Width)?)
            }
        };
        let number = parse_number(number).ok_or(TilePathError::Number)?;
        Self::new(kind, number, width).ok_or(TilePathError::Number)
    }
}

/// The tiles and entry bundles that a log must publish when it grows from `old` to `new` leaves:
/// all those not full before, at their new width.
///
/// From 0 it is every tile of the log. Source: C2SP tlog-tiles.
pub fn new_tiles(old: u64, new: u64) -> impl Iterator<Item = TilePath> {
    let levels = (0..=LEVEL_MAX).map(|level| TileKind::Hashes { level });
    std::iter::once(TileKind::Entries)
        .chain(levels)
        .take_while(move |kind| level_size(*kind, new) > 0)
        .filter(move |kind| level_size(*kind, new) > level_size(*kind, old))
        .flat_map(move |kind| {
            let width = u64::from(TILE_WIDTH);
            let size = level_size(kind, new);
            (level_size(kind, old) / width..size.div_ceil(width)).filter_map(move |number| {
                let held = (size - number * width).min(width);
                TilePath::new(kind, number, u16::try_from(held).ok()?)
            })
        })
}

/// The bytes of a tile of hashes, 32 for each, or nothing when the leaves do not reach that far.
///
/// `leaves` are the leaf hashes of the log from leaf 0. For a tile of entries: [`encode_entries`].
#[must_use]
pub fn from_leaf_hashes(path: &TilePath, leaves: &[Hash]) -> Option<Vec<u8>> {
    from_reader(path, leaves)
}

/// The bytes of a tile of hashes, 32 for each, or nothing when the reader lacks one of them.
pub fn from_reader<R: HashReader + ?Sized>(path: &TilePath, reader: &R) -> Option<Vec<u8>> {
    let TileKind::Hashes { level } = path.kind else {
        return None;
    };
    let mut bytes = Vec::with_capacity(usize::from(path.width) * HASH_SIZE_BYTES);
    for index in path.first()..path.end() {
        bytes.extend_from_slice(&reader.subtree(u32::from(level) * TILE_HEIGHT, index)?.0);
    }
    Some(bytes)
}

/// The hashes in a tile of hashes.
///
/// # Errors
///
/// Not 1 to 256 times 32 bytes.
pub fn decode_hashes(bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
    check_size(bytes, HASH_SIZE_BYTES)?;
    Ok(bytes.as_chunks().0.iter().map(|hash| Hash(*hash)).collect())
}

/// The bytes of an entry bundle: for each entry its length in two bytes and its 66 bytes.
///
/// At most 256 entries make a bundle; the caller cuts them.
#[must_use]
pub fn encode_entries(entries: &[Entry]) -> Vec<u8> {
    // 66 in two bytes, big-endian.
    const LENGTH: [u8; 2] = [0, 66];
    const _: () = assert!(ENTRY_SIZE_BYTES == 66);
    let mut bytes = Vec::with_capacity(entries.len() * BUNDLED_ENTRY_SIZE_BYTES);
    for entry in entries {
        bytes.extend_from_slice(&LENGTH);
        bytes.extend_from_slice(&entry.encode());
    }
    bytes
}

/// The entries in an entry bundle.
///
/// # Errors
///
/// Not 1 to 256 entries, or one of them is not a log entry of ours.
pub fn decode_entries(bytes: &[u8]) -> Result<Vec<Entry>, TileError> {
    check_size(bytes, BUNDLED_ENTRY_SIZE_BYTES)?;
    let mut entries = Vec::with_capacity(bytes.len() / BUNDLED_ENTRY_SIZE_BYTES);
    for (at, [high, low, entry @ ..]) in bytes
        .as_chunks::<BUNDLED_ENTRY_SIZE_BYTES>()
        .0
        .iter()
        .enumerate()
    {
        let found = u16::from_be_bytes([*high, *low]);
        if usize::from(found) != ENTRY_SIZE_BYTES {
            return Err(TileError::Length { at, found });
        }
        let entry = Entry::parse(entry).map_err(|source| TileError::Entry { at, source })?;
        entries.push(entry);
    }
    Ok(entries)
}

/// Reads subtree hashes out of the tiles of a log of `size` leaves.
///
/// `read` gives the bytes of a tile, by its name at that size, or nothing. The bytes are not
/// trusted: a proof made from them must be verified against a signed root.
pub struct TileReader<F> {
    size: u64,
    read: F,
}

impl<F: Fn(&TilePath) -> Option<Vec<u8>>> TileReader<F> {
    /// A reader of the tiles of a log of `size` leaves.
    pub const fn new(size: u64, read: F) -> Self {
        Self { size, read }
    }
}

impl<F: Fn(&TilePath) -> Option<Vec<u8>>> HashReader for TileReader<F> {
    fn subtree(&self, level: u32, index: u64) -> Option<Hash> {
        // The tile whose hashes stand at this level or up to seven levels below it.
        let kind = TileKind::Hashes {
            level: u8::try_from(level / TILE_HEIGHT).ok()?,
        };
        let height = level % TILE_HEIGHT;
        let first = index.checked_mul(1 << height)?;
        let end = first.checked_add(1 << height)?;
        let width = u64::from(TILE_WIDTH);
        let number = first / width;
        let held = level_size(kind, self.size)
            .checked_sub(number * width)?
            .min(width);
        let path = TilePath::new(kind, number, u16::try_from(held).ok()?)?;
        if end > path.end() {
            return None;
        }
        let hashes = decode_hashes(&(self.read)(&path)?).ok()?;
        if hashes.len() != usize::from(path.width) {
            return None;
        }
        let from = usize::try_from(first - path.first()).ok()?;
        let to = usize::try_from(end - path.first()).ok()?;
        perfect_root(hashes.get(from..to)?)
    }
}

/// How many hashes or entries a level of a log of `size` leaves has.
fn level_size(kind: TileKind, size: u64) -> u64 {
    match kind {
        TileKind::Entries => size,
        TileKind::Hashes { level } => size
            .checked_shr(u32::from(level) * TILE_HEIGHT)
            .unwrap_or(0),
    }
}

fn check_size(bytes: &[u8], unit: usize) -> Result<(), TileError> {
    let most = unit * usize::from(TILE_WIDTH);
    if bytes.is_empty() || bytes.len() > most || !bytes.len().is_multiple_of(unit) {
        return Err(TileError::Size {
            found: bytes.len(),
            unit,
        });
    }
    Ok(())
}

/// A decimal number of at most `digits_max` digits without leading zeros.
fn decimal(text: &str, digits_max: usize) -> Option<u64> {
    let canonical = !text.is_empty()
        && text.len() <= digits_max
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

/// A tile number in groups of three digits, `x` before all but the last, at most six groups.
fn parse_number(text: &str) -> Option<u64> {
    let groups: Vec<&str> = text.splitn(7, '/').collect();
    let (last, before) = groups.split_last()?;
    if before.len() > 5 {
        return None;
    }
    let mut digits = String::new();
    for group in before {
        digits.push_str(group.strip_prefix('x').filter(|group| group.len() == 3)?);
    }
    digits.push_str(last);
    let whole = digits.len() == groups.len() * 3
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        // A first group of zeros would be a second way to write the same number.
        && (before.is_empty() || !digits.starts_with("000"));
    if whole {
        digits.parse().ok().filter(|number| *number < NUMBER_MAX)
    } else {
        None
    }
}
