//! From what came on a stick to what may be opened: signatures, continuity, tree, digests.
//!
//! [`verify`] reads a whole bundle and believes nothing of it: the directory is signed by the force's
//! root key, both checkpoints by the log key that the directory names; the bundle goes on exactly where
//! the vault ends, or says again what the vault has and then goes on; the vault's tree and the entries give the signed root; each leaf is a submission
//! that matches it, or a decoy that its epoch's seed opens, or else it is named. Nothing is decrypted
//! here and no key is held. A [`VerifiedBundle`] cannot be made in another way.
//!
//! Source: docs/protocol.md section 8.

use std::io::{self, Read, Seek, SeekFrom};

use hafan_directory::{DateError, Directory, Force};
use hafan_envelope::bundle::{BundleName, BundleReadError, BundleReader, Head};
use hafan_envelope::submission::{Digest, Submission, TagDigest};
use hafan_tlog::checkpoint::CheckpointError;
use hafan_tlog::entry::EntryError;
use hafan_tlog::{Checkpoint, ENTRY_SIZE_BYTES, Frontier, Verifier};
use jiff::civil::Date;

use crate::leaves::{Epoch, Matching, classify};
use crate::overlap;
use crate::tree::{Import, VaultTree};

/// Whether the directory has to hold today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// It has to hold on this day (UTC).
    On(Date),
    /// A person has said that this bundle may be older than its directory.
    AnyDay,
}

/// Why a bundle is refused as a whole.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Not a bundle.
    #[error("the file is not a bundle")]
    Read(#[from] BundleReadError),
    /// The directory is not signed by the root key of the vault.
    #[error("the directory in the bundle does not verify")]
    Directory(#[from] hafan_directory::OpenError),
    /// The directory is another force's.
    #[error("the bundle is of the force {found}, the vault of {wanted}")]
    OtherForce {
        /// The directory's force.
        found: Force,
        /// The vault's.
        wanted: Force,
    },
    /// The directory is older than one that the vault has seen.
    #[error("the directory in the bundle has sequence {found}, and the vault has seen {seen}")]
    DirectoryOlder {
        /// Its sequence number.
        found: u64,
        /// The newest that the vault has seen.
        seen: u64,
    },
    /// The directory does not hold today.
    #[error(transparent)]
    Date(#[from] DateError),
    /// The checkpoint is not of a log of this force.
    #[error("the {which} is not of a log of this force")]
    Origin {
        /// `checkpoint` or `previous-checkpoint`.
        which: &'static str,
    },
    /// A checkpoint is not signed by the log key, or not a checkpoint.
    #[error("the {which} does not verify")]
    Checkpoint {
        /// `checkpoint` or `previous-checkpoint`.
        which: &'static str,
        /// What is wrong.
        source: CheckpointError,
    },
    /// The bundle begins behind what the vault holds: a bundle between is missing.
    #[error("the bundle begins at leaf {found} of {year}, and the vault ends at {wanted}")]
    Skipped {
        /// Year of the log.
        year: u16,
        /// Index of its first leaf.
        found: u64,
        /// Number of leaves in the vault.
        wanted: u64,
    },
    /// The vault's own entries, which a bundle that overlaps them is held against, cannot be read.
    #[error("the vault's own entries cannot be read")]
    History(#[source] io::Error),
    /// The vault's own entries do not give the roots in its tree.
    #[error("the vault's own entries of leaves {first} to {last} of {year} are damaged")]
    HistoryDamaged {
        /// Year of the log.
        year: u16,
        /// Index of the first leaf.
        first: u64,
        /// Index after the last leaf.
        last: u64,
    },
    /// Another history than the one that the vault holds.
    #[error("the log of {year} was rewritten: at leaf {size} its root is not the vault's")]
    Forked {
        /// Year of the log.
        year: u16,
        /// Size at which they differ.
        size: u64,
    },
    /// The vault's tree and the entries do not give the signed root.
    #[error("the entries do not lead to the checkpoint's root at leaf {size} of {year}")]
    Root {
        /// Year of the log.
        year: u16,
        /// Size of the checkpoint.
        size: u64,
    },
    /// The number of entries is not what the checkpoints say, or there is none.
    #[error("the bundle has {found} entries, {wanted} wanted")]
    EntryCount {
        /// Entries in the bundle.
        found: u64,
        /// Size of the checkpoint less that of the previous one.
        wanted: u64,
    },
    /// An entry is not one.
    #[error("the entry at leaf {index} is not one")]
    Entry {
        /// Index of its leaf.
        index: u64,
        /// What is wrong.
        source: EntryError,
    },
    /// `epochs.json` is not what it must be, or does not cover the leaves exactly.
    #[error("the epochs of the bundle are not written as wanted or do not cover its leaves")]
    Epochs,
    /// A submission in the bundle belongs to no leaf of it, or is doubled or out of order.
    #[error("the bundle holds a submission at byte {at} that belongs to no leaf there")]
    Stray {
        /// Offset of its first byte.
        at: u64,
    },
    /// The file could not be gone back in.
    #[error("the bundle could not be read")]
    Io(#[from] io::Error),
}

/// What is wrong with one leaf or its submission; the others are not touched by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Index of the leaf.
    pub index: u64,
    /// What the leaf says its submission is called.
    pub h: Digest,
    /// What is wrong.
    pub kind: FindingKind,
}

/// What can be wrong with one leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindingKind {
    /// No submission in the bundle, and no decoy by the epoch's seed.
    #[error("withheld: it is no decoy, and its submission is not in the bundle")]
    Withheld,
    /// A kind of leaf that this version does not know how to check.
    #[error("of a kind that this version of hafan-keys does not know")]
    Kind,
    /// A page of answers that is not one of the vault's own: no report is missing.
    #[error("a page of answers that this vault did not make")]
    Page,
    /// The submission's size is not that of any.
    #[error("its submission has a size that none can have")]
    Size,
    /// The submission is not what the leaf stands for.
    #[error("its submission is damaged: the digest is another")]
    Digest,
    /// The submission's tag is not what the leaf stands for.
    #[error("its submission is damaged: the tag digest is another")]
    Tag,
    /// The digests are right, and yet what was sealed is not an envelope.
    #[error("its submission holds no envelope of the right structure")]
    Structure,
}

/// A submission that matches its leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedDrop {
    /// Index of its leaf.
    pub index: u64,
    /// What it is called.
    pub h: Digest,
    /// Digest of its tag.
    pub t: TagDigest,
    /// Its size in bytes.
    pub size: u64,
    pub(crate) offset: u64,
}

/// A bundle that was verified from its first byte to its last.
pub struct VerifiedBundle<R> {
    name: BundleName,
    taken: Option<BundleName>,
    directory: Directory,
    head: Head,
    tree: VaultTree,
    drops: Vec<VerifiedDrop>,
    again: Vec<VerifiedDrop>,
    findings: Vec<Finding>,
    decoys: u64,
    pages: Vec<u64>,
    from: R,
}

impl<R> VerifiedBundle<R> {
    /// Which leaves of which log it holds.
    #[must_use]
    pub const fn name(&self) -> BundleName {
        self.name
    }

    /// The directory in it.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Those of its leaves that the vault does not have yet; `None` when it has all of them.
    #[must_use]
    pub const fn taken(&self) -> Option<BundleName> {
        self.taken
    }

    /// Its notes, entries and epochs: as they came when all leaves are new, and otherwise those of the
    /// new leaves, as a bundle of them alone would hold them.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// What the vault's tree is once this bundle is in it.
    #[must_use]
    pub const fn tree(&self) -> &VaultTree {
        &self.tree
    }

    /// The submissions that match their leaves, in order; those of new leaves.
    #[must_use]
    pub fn drops(&self) -> &[VerifiedDrop] {
        &self.drops
    }

    /// The submissions that match leaves which the vault has already, in order.
    #[must_use]
    pub fn again(&self) -> &[VerifiedDrop] {
        &self.again
    }

    /// The new leaves that are neither decoys, nor have a submission that matches, nor are pages that this vault made, in order.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How many of the new leaves stand for nothing.
    #[must_use]
    pub const fn decoys(&self) -> u64 {
        self.decoys
    }

    /// The indices of those new leaves that stand for pages of answers which the vault made, in order.
    #[must_use]
    pub fn pages(&self) -> &[u64] {
        &self.pages
    }
}

impl<R: Read + Seek> VerifiedBundle<R> {
    /// Reads one submission again, and checks it again: a stick may give other bytes than before.
    ///
    /// # Errors
    /// It cannot be read, or ([`io::ErrorKind::InvalidData`]) is no longer what was verified.
    pub fn read_drop(&mut self, drop: &VerifiedDrop) -> io::Result<Vec<u8>> {
        self.from.seek(SeekFrom::Start(drop.offset))?;
        let mut bytes = Vec::new();
        self.from.by_ref().take(drop.size).read_to_end(&mut bytes)?;
        match check_submission(&bytes, &drop.h, &drop.t) {
            Ok(()) => Ok(bytes),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the bundle changed while it was read",
            )),
        }
    }
}

/// Checks that a submission is the one that a leaf stands for.
///
/// # Errors
/// The first of digest, tag digest and structure that is not right.
pub fn check_submission(bytes: &[u8], h: &Digest, t: &TagDigest) -> Result<(), FindingKind> {
    // Digests first: only what the leaf stands for is taken apart any further.
    let (salt, rest) = bytes.split_first_chunk().ok_or(FindingKind::Size)?;
    let (tag, envelope) = rest.split_first_chunk().ok_or(FindingKind::Size)?;
    if hafan_envelope::submission::digest(salt, envelope) != *h {
        return Err(FindingKind::Digest);
    }
    if hafan_envelope::submission::tag_digest(tag) != t.0 {
        return Err(FindingKind::Tag);
    }
    Submission::parse(bytes).map_err(|_| FindingKind::Structure)?;
    Ok(())
}

/// Verifies a whole bundle against what the vault holds. Decrypts nothing and writes nothing.
///
/// `from` should be buffered and stand at the bundle's first byte; it is read twice: here, and by
/// [`VerifiedBundle::read_drop`]. `history` gives the entries of one import, 66 bytes a leaf, as the
/// vault keeps them; it is asked only when the bundle begins before the vault's end, and what it gives
/// has to lead to the roots in the vault's tree.
///
/// `is_own_page` says whether the vault made the page of answers with this `h` and `t`: one that it did not make is a
/// [`Finding`].
///
/// The directory's date and sequence do not matter for a bundle that brings no new leaf.
///
/// # Errors
/// The first thing that makes the bundle as a whole not believable. What is wrong with one leaf only is
/// a [`Finding`].
pub fn verify<R: Read + Seek>(
    mut from: R,
    vault: &VaultTree,
    root: &Verifier,
    validity: Validity,
    is_own_page: impl Fn(&Digest, &TagDigest) -> bool,
    mut history: impl FnMut(BundleName) -> io::Result<Vec<u8>>,
) -> Result<VerifiedBundle<R>, BundleError> {
    let (mut head, mut blobs) = BundleReader::open(&mut from)?;
    let directory = open_directory(&head.directory, vault, root)?;
    let (year, checkpoint) = open_checkpoint("checkpoint", &head.checkpoint, &directory)?;
    let before = open_previous(&head.previous_checkpoint, year, &directory)?;
    let name = BundleName {
        year,
        first: before.size(),
        last: checkpoint.size(),
    };
    let size = vault.frontier(year).size();
    let is_new = name.last > size || name.first >= size;
    if is_new {
        check_fresh(&directory, vault, validity)?;
    }
    let ends = (&before, &checkpoint);
    let frontier = overlap::grow(vault, name, &head.entries, ends, &mut history)?;
    let mut leaves = classify(name, &head, is_own_page)?;
    let mut open = Matching::begin(leaves.open, leaves.findings);
    while let Some(blob) = blobs.next_blob()? {
        open.take(blob, &mut blobs)?;
    }
    let (drops, mut findings) = open.finish();
    findings.retain(|finding| finding.index >= size);
    let (again, drops) = drops.into_iter().partition(|drop| drop.index < size);
    let taken = is_new.then_some(BundleName {
        first: size,
        ..name
    });
    let mut tree = vault.clone();
    if let Some(taken) = taken {
        if taken != name {
            keep_new(&mut head, name, taken, vault)?;
        }
        let import = Import {
            first: taken.first,
            last: taken.last,
            root: checkpoint.root(),
        };
        let note = head.checkpoint.clone();
        tree = vault.grown(year, frontier, note, import, directory.sequence());
    }
    leaves.pages.retain(|index| *index >= size);
    let decoys = leaves.decoys.iter().filter(|index| **index >= size).count();
    Ok(VerifiedBundle {
        name,
        taken,
        directory,
        head,
        tree,
        drops,
        again,
        findings,
        decoys: u64::try_from(decoys).unwrap_or(u64::MAX),
        pages: leaves.pages,
        from,
    })
}

/// Cuts off what the vault has already; the vault ends where an epoch ends.
fn keep_new(
    head: &mut Head,
    name: BundleName,
    taken: BundleName,
    vault: &VaultTree,
) -> Result<(), BundleError> {
    let mut epochs: Vec<Epoch> =
        serde_json::from_slice(&head.epochs).map_err(|_| BundleError::Epochs)?;
    epochs.retain(|epoch| epoch.first >= taken.first);
    if epochs.first().map(|epoch| epoch.first) != Some(taken.first) {
        return Err(BundleError::Epochs);
    }
    head.epochs = serde_json::to_vec(&epochs).map_err(|_| BundleError::Epochs)?;
    let known = usize::try_from(taken.first.saturating_sub(name.first)).unwrap_or(usize::MAX);
    let known = known.saturating_mul(ENTRY_SIZE_BYTES);
    head.entries = head.entries.get(known..).unwrap_or_default().to_vec();
    if let Some(log) = vault.log(name.year) {
        head.previous_checkpoint = log.checkpoint().to_vec();
    }
    Ok(())
}

fn open_directory(
    note: &[u8],
    vault: &VaultTree,
    root: &Verifier,
) -> Result<Directory, BundleError> {
    let directory = Directory::open(note, root)?;
    if directory.force() != vault.force() {
        return Err(BundleError::OtherForce {
            found: directory.force().clone(),
            wanted: vault.force().clone(),
        });
    }
    Ok(directory)
}

fn check_fresh(
    directory: &Directory,
    vault: &VaultTree,
    validity: Validity,
) -> Result<(), BundleError> {
    if directory.sequence() < vault.sequence() {
        return Err(BundleError::DirectoryOlder {
            found: directory.sequence(),
            seen: vault.sequence(),
        });
    }
    match validity {
        Validity::On(today) => directory.check_date(today)?,
        Validity::AnyDay => {}
    }
    Ok(())
}

/// The year is read before the signature is checked, but only to find the key name that the signature
/// has to be under: the origin is part of what is signed.
fn open_checkpoint(
    which: &'static str,
    note: &[u8],
    directory: &Directory,
) -> Result<(u16, Checkpoint), BundleError> {
    let origin = || BundleError::Origin { which };
    let line = note.split(|b| *b == b'\n').next().unwrap_or_default();
    let line = std::str::from_utf8(line).map_err(|_| origin())?;
    let (_, year) = line.rsplit_once('/').ok_or_else(origin)?;
    let year: u16 = year.parse().map_err(|_| origin())?;
    if directory.log_origin(year) != line {
        return Err(origin());
    }
    let verifier = directory.log_verifier(year).map_err(|_| origin())?;
    let checkpoint = Checkpoint::open(note, &verifier)
        .map_err(|source| BundleError::Checkpoint { which, source })?;
    Ok((year, checkpoint))
}

/// The first bundle of a year has no note before it: the server's of size 0 is long replaced when a
/// courier first comes, and every log begins empty.
fn open_previous(note: &[u8], year: u16, directory: &Directory) -> Result<Checkpoint, BundleError> {
    const WHICH: &str = "previous-checkpoint";
    let origin = || BundleError::Origin { which: WHICH };
    if note.is_empty() {
        return Checkpoint::of(&directory.log_origin(year), &Frontier::new()).map_err(|_| origin());
    }
    let (found, checkpoint) = open_checkpoint(WHICH, note, directory)?;
    if found == year {
        Ok(checkpoint)
    } else {
        Err(origin())
    }
}
