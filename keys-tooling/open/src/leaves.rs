//! The leaves of a bundle: which are decoys, and which submission belongs to which of the others.
//!
//! Whoever wrote the bundle is not trusted: a decoy is one only when the epoch's seed opens it, and a
//! submission is one only when its digests are those of its leaf. Source: docs/protocol.md sections 5 and 8.

use std::io::Read;

use hafan_envelope::bundle::{BlobHeader, BundleName, BundleReader, Head};
use hafan_envelope::submission::{Digest, TagDigest};
use hafan_envelope::{ENVELOPE_SIZE_BYTES_MIN, SUBMISSION_SIZE_BYTES_MAX};
use hafan_tlog::{ENTRY_SIZE_BYTES, Entry, EntryKind, Seed, decoy};
use serde::{Deserialize, Serialize};

use crate::bundle::{BundleError, Finding, FindingKind, VerifiedDrop, check_submission};

/// One member of `epochs.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Epoch {
    pub(crate) first: u64,
    leaves: u16,
    seed: String,
}

/// One leaf that is no decoy.
pub(crate) struct OpenLeaf {
    index: u64,
    entry: Entry,
}

pub(crate) struct Leaves {
    pub(crate) open: Vec<OpenLeaf>,
    pub(crate) findings: Vec<Finding>,
    /// Their indices.
    pub(crate) decoys: Vec<u64>,
    /// The indices of the pages of answers that the vault made.
    pub(crate) pages: Vec<u64>,
}

/// Tells decoys and the vault's own pages of answers from what has to have a submission.
pub(crate) fn classify(
    name: BundleName,
    head: &Head,
    is_own_page: impl Fn(&Digest, &TagDigest) -> bool,
) -> Result<Leaves, BundleError> {
    let epochs = parse_epochs(&head.epochs, name)?;
    let mut leaves = Leaves {
        open: Vec::new(),
        findings: Vec::new(),
        decoys: Vec::new(),
        pages: Vec::new(),
    };
    let mut entries = head.entries.chunks_exact(ENTRY_SIZE_BYTES);
    for (first, count, seed) in epochs {
        for (position, bytes) in (0..count).zip(entries.by_ref()) {
            let index = first.saturating_add(u64::from(position));
            let entry =
                Entry::parse(bytes).map_err(|source| BundleError::Entry { index, source })?;
            let (h, t) = (Digest(entry.h), TagDigest(entry.t));
            let mut find = |kind| leaves.findings.push(Finding { index, h, kind });
            match entry.kind {
                EntryKind::Drop if entry == decoy(&seed, position) => leaves.decoys.push(index),
                EntryKind::Drop => leaves.open.push(OpenLeaf { index, entry }),
                EntryKind::ReplyPage if is_own_page(&h, &t) => leaves.pages.push(index),
                EntryKind::ReplyPage => find(FindingKind::Page),
                EntryKind::Access
                | EntryKind::Directory
                | EntryKind::Release
                | EntryKind::Tombstone => find(FindingKind::Kind),
            }
        }
    }
    Ok(leaves)
}

/// The epochs: first leaf, number of leaves, seed. They cover the bundle's leaves without gap.
fn parse_epochs(json: &[u8], name: BundleName) -> Result<Vec<(u64, u16, Seed)>, BundleError> {
    let parsed: Vec<Epoch> = serde_json::from_slice(json).map_err(|_| BundleError::Epochs)?;
    let mut epochs = Vec::with_capacity(parsed.len());
    let mut canonical = String::from("[");
    let mut next = name.first;
    for Epoch {
        first,
        leaves,
        seed,
    } in &parsed
    {
        let mut bytes = [0; hafan_tlog::entry::SEED_SIZE_BYTES];
        hex::decode_to_slice(seed, &mut bytes).map_err(|_| BundleError::Epochs)?;
        if *first != next || *leaves == 0 {
            return Err(BundleError::Epochs);
        }
        let separator = if epochs.is_empty() { "" } else { "," };
        canonical.push_str(&format!(
            r#"{separator}{{"first":{first},"leaves":{leaves},"seed":"{}"}}"#,
            hex::encode(bytes)
        ));
        next = next
            .checked_add(u64::from(*leaves))
            .ok_or(BundleError::Epochs)?;
        epochs.push((*first, *leaves, Seed::from_bytes(&bytes)));
    }
    canonical.push(']');
    // One spelling: what is not signed could otherwise carry something.
    if next != name.last || canonical.as_bytes() != json {
        return Err(BundleError::Epochs);
    }
    Ok(epochs)
}

/// Walks leaves and submissions side by side: both are in the order of leaf index.
pub(crate) struct Matching {
    leaves: std::vec::IntoIter<OpenLeaf>,
    drops: Vec<VerifiedDrop>,
    findings: Vec<Finding>,
}

impl Matching {
    /// Begins with what [`classify`] left open.
    pub(crate) fn begin(open: Vec<OpenLeaf>, findings: Vec<Finding>) -> Self {
        Self {
            leaves: open.into_iter(),
            drops: Vec::new(),
            findings,
        }
    }

    pub(crate) fn take<R: Read>(
        &mut self,
        blob: BlobHeader,
        blobs: &mut BundleReader<R>,
    ) -> Result<(), BundleError> {
        let leaf = loop {
            let leaf = self
                .leaves
                .next()
                .ok_or(BundleError::Stray { at: blob.offset })?;
            if leaf.entry.h == blob.h.0 {
                break leaf;
            }
            self.find(&leaf, FindingKind::Withheld);
        };
        if !(48 + ENVELOPE_SIZE_BYTES_MIN..=SUBMISSION_SIZE_BYTES_MAX).contains(&blob.size) {
            self.find(&leaf, FindingKind::Size);
            return Ok(());
        }
        let bytes = blobs.read_blob()?;
        let t = TagDigest(leaf.entry.t);
        match check_submission(&bytes, &blob.h, &t) {
            Ok(()) => self.drops.push(VerifiedDrop {
                index: leaf.index,
                h: blob.h,
                t,
                size: blob.size,
                offset: blob.offset,
            }),
            Err(kind) => self.find(&leaf, kind),
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> (Vec<VerifiedDrop>, Vec<Finding>) {
        while let Some(leaf) = self.leaves.next() {
            self.find(&leaf, FindingKind::Withheld);
        }
        self.findings.sort_by_key(|finding| finding.index);
        (self.drops, self.findings)
    }

    fn find(&mut self, leaf: &OpenLeaf, kind: FindingKind) {
        self.findings.push(Finding {
            index: leaf.index,
            h: Digest(leaf.entry.h),
            kind,
        });
    }
}
