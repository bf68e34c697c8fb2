//! The bundles that came on the stick: which reports each holds, and under which checkpoint. docs/protocol.md section 8.
//!
//! A report is in a bundle when its submission is: one that hashes to a leaf of the log that was signed. What is sealed in
//! it nobody here can open.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::archive;
use crate::checkpoint::{Checkpoint, decimal};
use crate::directory::{DIRECTORY_SIZE_BYTES_MAX, Directory};
use crate::entry::{ENTRY_SIZE_BYTES, Entry, Kind, parse_digest};
use crate::envelope;
use crate::failure::Failure;
use crate::files;
use crate::merkle::{Tree, leaf_hash};
use crate::note::{NOTE_SIZE_BYTES_MAX, Note, Vkey};
use crate::report::Report;

/// The largest part before the ciphertext: a year of 256 leaves a second would not fit, and 16 million leaves do.
const ENTRIES_SIZE_BYTES_MAX: usize = 1 << 30;

/// The largest submission has an envelope of 32 MiB and little more.
const BLOB_SIZE_BYTES_MAX: usize = 33 << 20;

/// The reports of the bundles that were given.
#[derive(Debug, Default)]
pub struct Bundles {
    /// Digests of the checkpoints of the bundles that hold a submission, by its h.
    leaves: HashMap<[u8; 32], Vec<[u8; 32]>>,
    checkpoints: HashSet<[u8; 32]>,
    /// The tree of each log at the end of each bundle that was read, by its name and size.
    trees: HashMap<String, BTreeMap<u64, Tree>>,
}

/// Why a bundle is none that can be believed.
enum Bad {
    Read(io::Error),
    Bundle(String),
}

impl From<io::Error> for Bad {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

fn bad(what: &str) -> Bad {
    Bad::Bundle(what.to_owned())
}

impl Bundles {
    /// Reads bundles, files or folders of them, of the force with this root key.
    ///
    /// # Errors
    /// One cannot be read.
    pub fn read(given: &[PathBuf], root: &Vkey, report: &mut Report) -> Result<Self, Failure> {
        let mut bundles = Self::default();
        let mut all = Vec::new();
        for path in given {
            all.extend(bundles_of(path)?);
        }
        // In the order of their leaves, so that each tree goes on from the one before.
        all.sort_by_cached_key(|path| place_of(path));
        for path in all {
            let place = files::name_of(&path);
            let failed = |error: io::Error| Failure::read(&path, error);
            let mut opened = BufReader::new(File::open(&path).map_err(failed)?);
            match bundles.add(&mut opened, &place, root, report) {
                Ok(()) => {}
                Err(Bad::Read(error)) => return Err(failed(error)),
                Err(Bad::Bundle(why)) => report.found("bad-bundle", place, why),
            }
        }
        report.looked_at("bundles", bundles.checkpoints.len().to_string());
        report.looked_at("submissions in bundles", bundles.leaves.len().to_string());
        Ok(bundles)
    }

    /// Digests of the checkpoints under which this report came.
    #[must_use]
    pub fn of(&self, h: &[u8; 32]) -> &[[u8; 32]] {
        self.leaves.get(h).map_or(&[], Vec::as_slice)
    }

    /// Whether a bundle with this checkpoint was given.
    #[must_use]
    pub fn has(&self, checkpoint: &[u8; 32]) -> bool {
        self.checkpoints.contains(checkpoint)
    }

    fn add(
        &mut self,
        from: &mut BufReader<File>,
        place: &str,
        root: &Vkey,
        report: &mut Report,
    ) -> Result<(), Bad> {
        let begins = || bad("it does not begin as a bundle does");
        let mut part = |name, size_max| member(from, name, size_max)?.ok_or_else(begins);
        let directory = part("directory", DIRECTORY_SIZE_BYTES_MAX)?;
        part("previous-checkpoint", NOTE_SIZE_BYTES_MAX)?;
        let note = part("checkpoint", NOTE_SIZE_BYTES_MAX)?;
        let data = part("entries", ENTRIES_SIZE_BYTES_MAX)?;
        part("epochs.json", ENTRIES_SIZE_BYTES_MAX)?;
        let (entries, []) = data.as_chunks::<ENTRY_SIZE_BYTES>() else {
            return Err(bad("its entries are not 66 bytes each"));
        };
        let (origin, head) = open(&directory, &note, root)?;
        self.tree(&origin, &head, entries, place, report)?;
        let checkpoint = Sha256::digest(&note).into();
        self.checkpoints.insert(checkpoint);
        let entries = entries.iter().filter_map(|entry| Entry::parse(entry).ok());
        let drops = entries.filter(|entry| entry.kind == Kind::Drop);
        let drops: HashSet<_> = drops.map(|entry| (entry.h, entry.t)).collect();
        while let Some((h, blob)) = next_blob(from)? {
            let shown = hex::encode(h);
            let submission = envelope::check_submission(&blob)
                .map_err(|why| Bad::Bundle(format!("blobs/{shown} is no submission: {why}")))?;
            if submission.h != h || !drops.contains(&(h, submission.t)) {
                let what = format!("blobs/{shown} is the submission of no leaf of it");
                return Err(Bad::Bundle(what));
            }
            self.leaves.entry(h).or_default().push(checkpoint);
        }
        Ok(())
    }

    /// The entries must be those of the log that was signed, where the bundles before reach to the first of them.
    fn tree(
        &mut self,
        origin: &str,
        head: &Checkpoint,
        entries: &[[u8; ENTRY_SIZE_BYTES]],
        place: &str,
        report: &mut Report,
    ) -> Result<(), Bad> {
        let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let first = head
            .size
            .checked_sub(count)
            .ok_or_else(|| bad("it has more entries than its checkpoint has leaves"))?;
        let trees = self.trees.entry(origin.to_owned()).or_default();
        let tree = match first {
            0 => Some(Tree::default()),
            _ => trees.get(&first).cloned(),
        };
        let Some(mut tree) = tree else {
            report.notice(format!(
                "{place} begins at leaf {first}, where no bundle that was given ends: that its leaves are those of the log cannot be checked"
            ));
            return Ok(());
        };
        for entry in entries {
            tree.push(leaf_hash(entry));
        }
        if tree.root() != head.root {
            return Err(bad(
                "its entries are not those that its checkpoint was signed over",
            ));
        }
        trees.insert(head.size, tree);
        Ok(())
    }
}

/// The checkpoint of a bundle, signed by the key that its directory names, and the name of its log.
fn open(directory: &[u8], note: &[u8], root: &Vkey) -> Result<(String, Checkpoint), Bad> {
    let wrong = |why: &dyn std::fmt::Display| Bad::Bundle(format!("its checkpoint: {why}"));
    let directory = Directory::open(directory, root)
        .map_err(|why| Bad::Bundle(format!("its directory: {why}")))?;
    let text = Note::parse(note, NOTE_SIZE_BYTES_MAX).map_err(|why| wrong(&why))?;
    let (origin, _) = Checkpoint::parse(text.text()).map_err(|why| wrong(&why))?;
    let year = origin.rsplit('/').next().and_then(decimal);
    let year = year.and_then(|year| u16::try_from(year).ok());
    let key = directory.log_key(year.ok_or_else(|| wrong(&"its log has no year"))?);
    let head = Checkpoint::open(note, &key).map_err(|why| wrong(&why))?;
    Ok((key.name().to_owned(), head))
}

/// A submission, and the digest in its name.
type Blob = ([u8; 32], Vec<u8>);

/// The next submission of a bundle, and the digest in its name; nothing at the end.
fn next_blob(from: &mut BufReader<File>) -> Result<Option<Blob>, Bad> {
    let ends = || bad("it ends within a member, or is no archive of the subset");
    let Some((name, data)) = next(from, BLOB_SIZE_BYTES_MAX)? else {
        return Err(ends());
    };
    if name.is_empty() {
        let mut rest = Vec::new();
        from.take(1024).read_to_end(&mut rest)?;
        let is_end = rest.len() == archive::BLOCK_SIZE_BYTES && rest.iter().all(|b| *b == 0);
        return if is_end { Ok(None) } else { Err(ends()) };
    }
    let h = name.strip_prefix("blobs/").and_then(parse_digest);
    let h = h.ok_or_else(|| bad("it has a member that a bundle has not"))?;
    Ok(Some((h, data)))
}

/// Year and first leaf in a bundle's name, `bundle-{year}-{first}-{last}.tar`; others come behind, by their names.
fn place_of(path: &Path) -> (u64, u64, PathBuf) {
    let name = files::name_of(path);
    let mut parts = name.strip_prefix("bundle-").unwrap_or_default().split('-');
    let mut number = || parts.next().and_then(decimal).unwrap_or(u64::MAX);
    (number(), number(), path.to_owned())
}

/// The next member, when it has this name and is not too large.
fn member(
    from: &mut BufReader<File>,
    wanted: &str,
    size_max: usize,
) -> io::Result<Option<Vec<u8>>> {
    let found = next(from, size_max)?;
    Ok(found
        .filter(|(name, _)| name == wanted)
        .map(|(_, data)| data))
}

/// The next member: its name, which is empty for a block of zeros, and its bytes; nothing when there is no whole one.
fn next(from: &mut BufReader<File>, size_max: usize) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut header = Vec::new();
    let block = u64::try_from(archive::BLOCK_SIZE_BYTES).unwrap_or(u64::MAX);
    from.take(block).read_to_end(&mut header)?;
    let Ok(header) = header.try_into() else {
        return Ok(None);
    };
    if header == [0; archive::BLOCK_SIZE_BYTES] {
        return Ok(Some((String::new(), Vec::new())));
    }
    let Some((name, size)) = archive::parse_header(&header).filter(|(_, size)| *size <= size_max)
    else {
        return Ok(None);
    };
    let padded = size.next_multiple_of(archive::BLOCK_SIZE_BYTES);
    let mut data = Vec::new();
    from.take(u64::try_from(padded).unwrap_or(u64::MAX))
        .read_to_end(&mut data)?;
    if data.len() < padded || data.iter().skip(size).any(|byte| *byte != 0) {
        return Ok(None);
    }
    data.truncate(size);
    Ok(Some((name.to_owned(), data)))
}

/// The file, or the bundles in the folder.
fn bundles_of(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |error: io::Error| Failure::read(path, error);
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let text = name.to_string_lossy().into_owned();
        if text.starts_with("bundle-") && text.ends_with(".tar") {
            found.push(path.join(name));
        }
    }
    Ok(found)
}
