//! One log in memory: its checkpoint and its right edge. Everything left of the edge is full tiles, in the index.

use bytes::Bytes;
use hafan_tlog::tile::{TILE_WIDTH, TileKind, encode_entries};
use hafan_tlog::{Entry, Frontier, HASH_SIZE_BYTES, Hash, TilePath};

/// Size in bytes of an entry in a bundle: its length and its 66 bytes.
const BUNDLED_ENTRY_SIZE_BYTES: usize = 68;

/// A tile that has become full and will never change.
pub(crate) struct FullTile {
    pub(crate) kind: TileKind,
    pub(crate) number: u64,
    pub(crate) bytes: Vec<u8>,
}

/// A log as it is published: readers see one of these or the next, nothing between.
#[derive(Clone)]
pub(crate) struct LogView {
    tree: Frontier,
    /// The checkpoint as signed.
    note: Bytes,
    /// The last entry bundle while it is not full.
    bundle: Vec<u8>,
    /// For each level the last tile of hashes while it is not full.
    tiles: Vec<Vec<u8>>,
}

/// Where to find a tile.
pub(crate) enum TileSource {
    /// In the view itself.
    Edge(Bytes),
    /// Beginning of the full tile with this name, in the index.
    Full(TilePath),
    /// The log is not that long.
    Beyond,
}

impl LogView {
    /// A log without leaves.
    pub(crate) const fn empty(note: Bytes) -> Self {
        Self {
            tree: Frontier::new(),
            note,
            bundle: Vec::new(),
            tiles: Vec::new(),
        }
    }

    pub(crate) const fn tree(&self) -> &Frontier {
        &self.tree
    }

    pub(crate) const fn note(&self) -> &Bytes {
        &self.note
    }

    pub(crate) fn set_note(&mut self, note: Bytes) {
        self.note = note;
    }

    /// Adds leaves at the right; tiles that become full are given to `full`.
    pub(crate) fn grow(&mut self, entries: &[Entry], mut full: impl FnMut(FullTile)) {
        for entry in entries {
            let number = self.tree.size() / u64::from(TILE_WIDTH);
            self.bundle
                .extend(encode_entries(std::slice::from_ref(entry)));
            if self.bundle.len() == usize::from(TILE_WIDTH) * BUNDLED_ENTRY_SIZE_BYTES {
                let bytes = std::mem::take(&mut self.bundle);
                full(FullTile {
                    kind: TileKind::Entries,
                    number,
                    bytes,
                });
            }
            let leaf = entry.leaf_hash();
            self.push_hash(leaf, number, &mut full);
            self.tree.push(leaf);
        }
    }

    /// Adds a leaf hash to the tiles; `number` is that of its tile.
    fn push_hash(&mut self, leaf: Hash, mut number: u64, full: &mut impl FnMut(FullTile)) {
        let mut hash = leaf;
        for level in 0..=7 {
            let at = usize::from(level);
            if self.tiles.len() <= at {
                self.tiles.push(Vec::new());
            }
            let Some(tile) = self.tiles.get_mut(at) else {
                return;
            };
            tile.extend(hash.as_bytes());
            if tile.len() < usize::from(TILE_WIDTH) * HASH_SIZE_BYTES {
                return;
            }
            let bytes = std::mem::take(tile);
            hash = bytes
                .as_chunks()
                .0
                .iter()
                .map(|hash| Hash(*hash))
                .collect::<Frontier>()
                .root();
            full(FullTile {
                kind: TileKind::Hashes { level },
                number,
                bytes,
            });
            number /= u64::from(TILE_WIDTH);
        }
    }

    /// Where the tile with this name is. The width may be any that the log reaches.
    pub(crate) fn find(&self, path: &TilePath) -> TileSource {
        if !path.is_within(self.tree.size()) {
            return TileSource::Beyond;
        }
        if path.full().is_within(self.tree.size()) {
            return TileSource::Full(path.full());
        }
        let (edge, unit) = match path.kind() {
            TileKind::Entries => (Some(&self.bundle), BUNDLED_ENTRY_SIZE_BYTES),
            TileKind::Hashes { level } => (self.tiles.get(usize::from(level)), HASH_SIZE_BYTES),
        };
        let bytes = edge.and_then(|edge| edge.get(..usize::from(path.width()) * unit));
        bytes.map_or(TileSource::Beyond, |bytes| {
            TileSource::Edge(Bytes::copy_from_slice(bytes))
        })
    }

    /// The entries of the last bundle while it is not full, as bundled.
    pub(crate) fn bundle_edge(&self) -> &[u8] {
        &self.bundle
    }
}

/// The first `width` hashes or entries of a full tile; nothing when it is not full.
pub(crate) fn truncate(path: &TilePath, full: &[u8]) -> Option<Bytes> {
    let unit = match path.kind() {
        TileKind::Entries => BUNDLED_ENTRY_SIZE_BYTES,
        TileKind::Hashes { .. } => HASH_SIZE_BYTES,
    };
    let whole = full.len() == usize::from(TILE_WIDTH) * unit;
    let bytes = full
        .get(..usize::from(path.width()) * unit)
        .filter(|_| whole);
    bytes.map(Bytes::copy_from_slice)
}
