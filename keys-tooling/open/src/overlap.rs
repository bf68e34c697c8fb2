//! A bundle against the history that the vault holds: it goes on where the vault ends, or begins
//! before that and says the same again, leaf for leaf.
//!
//! A courier that lost its state begins anew at leaf 0, and a submission that was withheld once may be
//! in a later bundle of the same leaves. Both are taken, and neither can change what the vault has.
//! Trusts the roots in the vault's tree; its stored entries only once they give those roots.

use std::io;

use hafan_envelope::bundle::BundleName;
use hafan_tlog::{Checkpoint, ENTRY_SIZE_BYTES, Frontier, leaf_hash};

use crate::bundle::BundleError;
use crate::tree::{Import, VaultTree};

/// The year's tree once the bundle's leaves are in it; the vault's own when none is new.
///
/// `history` gives the stored entries of one import, 66 bytes a leaf. It is asked only when the bundle
/// begins before the vault's end.
pub(crate) fn grow(
    vault: &VaultTree,
    name: BundleName,
    entries: &[u8],
    (before, after): (&Checkpoint, &Checkpoint),
    history: &mut dyn FnMut(BundleName) -> io::Result<Vec<u8>>,
) -> Result<Frontier, BundleError> {
    let (year, mut frontier) = (name.year, vault.frontier(name.year));
    let size = frontier.size();
    if name.first > size {
        return Err(BundleError::Skipped {
            year,
            found: name.first,
            wanted: size,
        });
    }
    let found = u64::try_from(entries.len() / ENTRY_SIZE_BYTES).unwrap_or(u64::MAX);
    let wanted = name.last.saturating_sub(name.first);
    if name.first == size && before.root() != frontier.root() {
        return Err(BundleError::Forked { year, size });
    }
    if found != wanted || found == 0 {
        return Err(BundleError::EntryCount { found, wanted });
    }
    let mut leaves = entries.chunks_exact(ENTRY_SIZE_BYTES);
    if name.first < size {
        let mut retrace = Retrace {
            year,
            checkpoints: [before, after],
            tree: Frontier::new(),
        };
        for import in vault.log(year).map_or(&[][..], |log| log.imports()) {
            retrace.import(import, &mut leaves, history)?;
        }
    }
    for entry in leaves {
        frontier.push(leaf_hash(entry));
    }
    if name.last >= size && frontier.root() != after.root() {
        return Err(BundleError::Root {
            year,
            size: name.last,
        });
    }
    Ok(frontier)
}

/// Builds the vault's tree anew from its stored entries, and holds the bundle against it.
struct Retrace<'a> {
    year: u16,
    checkpoints: [&'a Checkpoint; 2],
    tree: Frontier,
}

impl Retrace<'_> {
    fn import(
        &mut self,
        import: &Import,
        leaves: &mut std::slice::ChunksExact<'_, u8>,
        history: &mut dyn FnMut(BundleName) -> io::Result<Vec<u8>>,
    ) -> Result<(), BundleError> {
        let [before, after] = self.checkpoints;
        let Import { first, last, root } = *import;
        let stored = history(BundleName {
            year: self.year,
            first,
            last,
        })
        .map_err(BundleError::History)?;
        for entry in stored.chunks(ENTRY_SIZE_BYTES) {
            let index = self.tree.size();
            self.check_root(before)?;
            if index >= before.size() && leaves.next().is_some_and(|in_bundle| in_bundle != entry) {
                return Err(self.forked());
            }
            self.tree.push(leaf_hash(entry));
            self.check_root(after)?;
        }
        if (self.tree.size(), self.tree.root()) == (last, root) {
            Ok(())
        } else {
            Err(BundleError::HistoryDamaged {
                year: self.year,
                first,
                last,
            })
        }
    }

    fn check_root(&self, checkpoint: &Checkpoint) -> Result<(), BundleError> {
        if checkpoint.size() == self.tree.size() && checkpoint.root() != self.tree.root() {
            return Err(self.forked());
        }
        Ok(())
    }

    const fn forked(&self) -> BundleError {
        BundleError::Forked {
            year: self.year,
            size: self.tree.size(),
        }
    }
}
