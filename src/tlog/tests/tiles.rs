//! Names and bytes of tiles: both ways, and what is refused.

use std::collections::BTreeMap;

use hafan_tlog::entry::EntryError;
use hafan_tlog::proof::{self, HashReader as _};
use hafan_tlog::tile::{self, TileError, TileKind, TilePathError, TileReader};
use hafan_tlog::{Entry, Hash, TilePath, leaf_hash};
use proptest::prelude::*;

fn leaves(count: u32) -> Vec<Hash> {
    (0..count)
        .map(|index| leaf_hash(&index.to_be_bytes()))
        .collect()
}

fn entries(count: u8) -> Vec<Entry> {
    (0..count)
        .map(|index| Entry::drop_of([index; 32], [!index; 32]))
        .collect()
}

#[test]
fn names_are_those_of_c2sp_tlog_tiles() {
    let hashes = |level, number, width| TilePath::new(TileKind::Hashes { level }, number, width);
    let entries = |number, width| TilePath::new(TileKind::Entries, number, width);
    let names = [
        ("tile/0/000", hashes(0, 0, 256)),
        ("tile/4/x001/x234/067", hashes(4, 1_234_067, 256)),
        ("tile/4/x001/x234/067.p/8", hashes(4, 1_234_067, 8)),
        ("tile/0/x273/x004", None),
        ("tile/63/999.p/255", hashes(63, 999, 255)),
        ("tile/1/x001/000", hashes(1, 1_000, 256)),
        ("tile/entries/x001/x000/000", entries(1_000_000, 256)),
        ("tile/entries/012.p/1", entries(12, 1)),
    ];
    for (name, path) in names {
        assert_eq!(name.parse::<TilePath>().ok(), path, "{name}");
        assert_eq!(
            path.map_or_else(|| name.to_owned(), |path| path.to_string()),
            name
        );
    }
}

#[test]
fn names_in_any_other_form_are_refused_for_what_is_wrong() {
    let form = [
        "",
        "tile",
        "tile/0",
        "/tile/0/000",
        "Tile/0/000",
        "checkpoint",
        "tile/entries",
    ];
    let level = [
        "tile//000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/data/000",
        "tile/999/000",
    ];
    let number = [
        "tile/0/",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/x01/002",
        "tile/0/X001/002",
        "tile/0/+01",
        "tile/0/000/",
        "tile/0/../000",
        "tile/0/000.p",
        "tile/0/x001/x002/x003/x004/x005/x006/007",
        "tile/0/000%2e",
        "tile/0/x999/x999/x999/x999/x999/999",
    ];
    let width = [
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p/1/",
        "tile/0/000.p/+1",
        "tile/0/000.p/1000",
    ];
    let found = |name: &str| name.parse::<TilePath>().err();
    assert!(
        form.iter()
            .all(|name| found(name) == Some(TilePathError::Form))
    );
    for name in level {
        assert_eq!(found(name), Some(TilePathError::Level), "{name}");
    }
    for name in number {
        assert_eq!(found(name), Some(TilePathError::Number), "{name}");
    }
    for name in width {
        assert_eq!(found(name), Some(TilePathError::Width), "{name}");
    }
}

#[test]
fn a_tile_is_within_a_log_that_has_all_of_it() {
    let path = |name: &str| name.parse::<TilePath>().unwrap();
    assert!(path("tile/0/001.p/1").is_within(257));
    assert!(!path("tile/0/001.p/2").is_within(257));
    assert!(!path("tile/0/001").is_within(257));
    assert!(path("tile/1/000.p/1").is_within(511));
    assert!(!path("tile/1/000.p/2").is_within(511));
    assert!(path("tile/1/000.p/2").is_within(512));
    assert!(!path("tile/8/000.p/1").is_within(1 << 62));
    assert!(!path("tile/63/000.p/1").is_within(u64::MAX));
    assert_eq!(path("tile/0/001.p/1").full(), path("tile/0/001"));
}

#[test]
fn entry_bundles_are_read_back_and_every_damage_is_named() {
    let bundled = tile::encode_entries(&entries(200));
    assert_eq!(bundled.len(), 200 * 68);
    assert_eq!(tile::decode_entries(&bundled), Ok(entries(200)));
    let size = |found| Err(TileError::Size { found, unit: 68 });
    assert_eq!(tile::decode_entries(&[]), size(0));
    assert_eq!(tile::decode_entries(&bundled[1..]), size(200 * 68 - 1));
    assert_eq!(tile::decode_entries(&bundled.repeat(2)), size(400 * 68));
    let mut wrong = bundled.clone();
    wrong[68] = 1;
    let length = TileError::Length {
        at: 1,
        found: 256 + 66,
    };
    assert_eq!(tile::decode_entries(&wrong), Err(length));
    let mut wrong = bundled;
    wrong[68 * 2 + 3] = 1;
    let entry = TileError::Entry {
        at: 2,
        source: EntryError::Kind { found: 1 },
    };
    assert_eq!(tile::decode_entries(&wrong), Err(entry));
}

#[test]
fn tiles_of_hashes_have_1_to_256_whole_hashes() {
    let size = |found| Err(TileError::Size { found, unit: 32 });
    assert_eq!(tile::decode_hashes(&[]), size(0));
    assert_eq!(tile::decode_hashes(&[0; 33]), size(33));
    assert_eq!(tile::decode_hashes(&[0; 257 * 32]), size(257 * 32));
    assert_eq!(tile::decode_hashes(&[7; 64]), Ok(vec![Hash([7; 32]); 2]));
}

#[test]
fn a_reader_of_tiles_gives_the_hashes_of_the_leaves() {
    let leaves = leaves(70_000);
    for size in [1_u32, 255, 256, 257, 65_535, 65_536, 65_793, 70_000] {
        let held = &leaves[..usize::try_from(size).unwrap()];
        let size = u64::from(size);
        let files: BTreeMap<String, Vec<u8>> = tile::new_tiles(0, size)
            .filter_map(|path| Some((path.to_string(), tile::from_leaf_hashes(&path, held)?)))
            .collect();
        let reader = TileReader::new(size, |path: &TilePath| {
            files.get(&path.to_string()).cloned()
        });
        for (index, old) in [(0, 1), (size / 2, size / 3 + 1), (size - 1, size)] {
            assert_eq!(
                proof::inclusion(&reader, index, size),
                proof::inclusion(held, index, size)
            );
            assert_eq!(
                proof::consistency(&reader, old, size),
                proof::consistency(held, old, size)
            );
        }
        assert_eq!(reader.subtree(0, size), None);
        assert_eq!(reader.subtree(63, 0), None);
        assert_eq!(reader.subtree(0, u64::MAX), None);
    }
}

#[test]
fn a_reader_refuses_a_tile_of_another_width() {
    let short = TileReader::new(3, |_: &TilePath| Some(vec![0; 64]));
    assert_eq!(short.subtree(0, 0), None);
    let missing = TileReader::new(3, |_: &TilePath| None);
    assert_eq!(missing.subtree(0, 0), None);
}

proptest! {
    #[test]
    fn a_name_is_read_back_from_its_text(
        level in prop::option::of(0_u8..64), number in 0_u64..1 << 54, width in 1_u16..=256,
    ) {
        let kind = level.map_or(TileKind::Entries, |level| TileKind::Hashes { level });
        let path = TilePath::new(kind, number, width).unwrap();
        prop_assert_eq!(path.to_string().parse::<TilePath>(), Ok(path));
    }

    #[test]
    fn a_name_that_is_read_is_the_only_one_of_its_tile(
        name in "tile/(entries|[0-9]{1,2})/(x[0-9]{3}/){0,3}[0-9]{3}(\\.p/[0-9]{1,3})?",
    ) {
        if let Ok(path) = name.parse::<TilePath>() {
            prop_assert_eq!(path.to_string(), name);
        }
    }

    #[test]
    fn names_from_the_network_never_panic(name in "\\PC{0,60}") {
        if let Ok(path) = name.parse::<TilePath>() {
            prop_assert_eq!(path.to_string(), name);
        }
    }

    /// The tiles of a log are the same however it grew, save partial ones that were outgrown.
    #[test]
    fn a_log_that_grows_publishes_every_tile(old in 0_u64..200_000, grown in 0_u64..70_000) {
        let new = old + grown;
        let mut published: Vec<TilePath> = tile::new_tiles(0, old).collect();
        published.extend(tile::new_tiles(old, new));
        for path in tile::new_tiles(0, new) {
            prop_assert!(path.is_within(new));
            prop_assert!(published.contains(&path), "{}", path);
        }
        for path in tile::new_tiles(old, new) {
            prop_assert!(!path.is_within(old), "{}", path);
        }
    }

    #[test]
    fn entries_are_read_back(kind in 0_u8..8, h: [u8; 32], t: [u8; 32]) {
        let bytes = [&[1, kind][..], &h, &t].concat();
        if let Ok(entry) = Entry::parse(&bytes) {
            prop_assert_eq!(entry.encode().to_vec(), bytes);
            prop_assert_eq!(tile::decode_entries(&tile::encode_entries(&[entry])), Ok(vec![entry]));
        } else {
            prop_assert!(kind == 1 || kind == 7);
        }
    }
}
