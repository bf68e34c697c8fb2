//! The entries of a log, from its tiles (C2SP tlog-tiles).

use hafan_directory::Force;
use hafan_envelope::bundle::BundleName;
use hafan_tlog::tile::{TILE_WIDTH, TileKind, decode_entries};
use hafan_tlog::{Entry, TilePath};

use crate::client::{Access, Client};
use crate::failure::Failure;
use crate::progress::Progress;

/// 256 entries of two bytes of length and 66 of entry.
const TILE_SIZE_BYTES_MAX: usize = 256 * 68;

/// Fetches the entries of the leaves [first, last).
pub(crate) async fn fetch(
    client: &Client,
    force: &Force,
    name: BundleName,
    progress: &Progress,
) -> Result<Vec<Entry>, Failure> {
    let width = u64::from(TILE_WIDTH);
    let tiles = name.first / width..name.last.div_ceil(width);
    let bar = progress.bar(
        "tiles",
        usize::try_from(tiles.end.saturating_sub(tiles.start)).unwrap_or(0),
    );
    let mut entries = Vec::new();
    for number in tiles {
        let before = number.saturating_mul(width);
        let held = name.last.saturating_sub(before).min(width);
        let tile = u16::try_from(held)
            .ok()
            .and_then(|held| TilePath::new(TileKind::Entries, number, held))
            .ok_or_else(|| Failure::unbelievable(format!("the log claims {} leaves", name.last)))?;
        let mut found = fetch_tile(client, force, name.year, &tile).await?;
        // The tile may hold leaves that were carried before, and ones that came since.
        found.truncate(usize::try_from(held).unwrap_or(usize::MAX));
        let skip = usize::try_from(name.first.saturating_sub(before)).unwrap_or(usize::MAX);
        entries.extend(found.into_iter().skip(skip));
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(entries)
}

async fn fetch_tile(
    client: &Client,
    force: &Force,
    year: u16,
    tile: &TilePath,
) -> Result<Vec<Entry>, Failure> {
    // A partial tile may be gone once the full one is there.
    for tile in [*tile, tile.full()] {
        let path = format!("/log/{force}/{year}/{tile}");
        if let Some(bytes) = client
            .get(&path, TILE_SIZE_BYTES_MAX, Access::Public)
            .await?
        {
            return decode_entries(&bytes).map_err(|source| {
                Failure::unbelievable(format!("{path} is no bundle of entries")).because(source)
            });
        }
    }
    Err(Failure::unbelievable(format!(
        "the server has no {tile} of the log of {year}"
    )))
}
