//! The vault: a folder on the offline workstation with a force's keys and sealed reports.
//!
//! ```text
//! force  root.vkey  directory        which force, its root key, the newest directory issued here
//! officers/officer-1.age  .pub       an officer's identity under a passphrase, and its recipient
//! intake/2026-W48.age  .retired      an intake key, sealed to every officer; that it was destroyed, and when
//! replies/                           the key for answers, what was told, and pages on their way: replies/mod.rs
//! contact-shares/<h>/                shares of a sealed contact, sealed again to an officer's successor
//! bundles/2026-0-128/                what one bundle brought: its parts, drops.json, submissions by h
//! tree.json                          how far each log has come; names the bundles that count
//! state.json                         which reports were read
//! access/  access.head               who opened what and why, and a copy of that record's newest head
//! ```
//!
//! `tree.json` is replaced last: a bundle that it does not name is not in the vault. Holds ciphertext
//! only. Must never write a word of a report.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use hafan_directory::{Directory, Force, root_key_name};
use hafan_envelope::bundle::{DIRECTORY_SIZE_BYTES_MAX, ENTRIES_SIZE_BYTES_MAX};
use hafan_envelope::submission::{Digest, TagDigest};
use hafan_envelope::{SUBMISSION_SIZE_BYTES_MAX, bundle::BundleName};
use hafan_open::bundle::check_submission;
use hafan_open::tree::VaultTree;
use hafan_record::Hex32;
use hafan_tlog::Verifier;
use jiff::civil::Date;
use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Kind};
use crate::files;
use crate::reference::Reference;

pub(crate) const FORCE: &str = "force";
pub(crate) const ROOT: &str = "root.vkey";
pub(crate) const DIRECTORY: &str = "directory";
pub(crate) const OFFICERS: &str = "officers";
pub(crate) const INTAKE: &str = "intake";
pub(crate) const BUNDLES: &str = "bundles";
pub(crate) const TREE: &str = "tree.json";
pub(crate) const DROPS: &str = "drops.json";

/// A short text: a force, a vkey, a key file.
pub(crate) const SMALL_SIZE_BYTES_MAX: u64 = 64 * 1024;
const JSON_SIZE_BYTES_MAX: u64 = 1 << 30;

/// An opened vault.
pub(crate) struct Vault {
    dir: PathBuf,
    force: Force,
    root: Verifier,
    tree: VaultTree,
    tree_sha256: Hex32,
}

/// What `drops.json` says of one bundle.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Brought {
    pub(crate) imported_on: Date,
    pub(crate) drops: Vec<BroughtDrop>,
    pub(crate) findings: Vec<BroughtFinding>,
    /// The leaves that stand for pages of answers which this vault made.
    #[serde(default)]
    pub(crate) pages: Vec<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BroughtDrop {
    pub(crate) index: u64,
    pub(crate) h: String,
    pub(crate) t: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BroughtFinding {
    pub(crate) index: u64,
    pub(crate) h: String,
    pub(crate) why: String,
    /// Whether it is a page of answers that this vault did not make; else a report may be missing.
    #[serde(default)]
    pub(crate) is_page: bool,
}

/// One sealed report in the vault.
pub(crate) struct Held {
    pub(crate) year: u16,
    pub(crate) index: u64,
    pub(crate) h: Digest,
    pub(crate) imported_on: Date,
    t: TagDigest,
    path: PathBuf,
}

impl Vault {
    /// Opens the vault in `dir` and checks that its parts belong together.
    pub(crate) fn open(dir: &Path) -> Result<Self, Failure> {
        let none = |what: &str| {
            Failure::new(
                Kind::Usage,
                format!("{} is not a vault: {what}", dir.display()),
                "give the vault folder that the ceremony made, after --vault",
            )
        };
        if !dir.join(TREE).is_file() {
            return Err(none("it has no tree.json"));
        }
        let force: Force = read_line(&dir.join(FORCE))?
            .parse()
            .map_err(|_| none("its file force does not name a force"))?;
        let root: Verifier = read_line(&dir.join(ROOT))?
            .parse()
            .map_err(|_| none("its root.vkey is no verification key"))?;
        let path = dir.join(TREE);
        let bytes = files::read(&path, JSON_SIZE_BYTES_MAX).map_err(|e| Failure::read(&path, e))?;
        let tree = VaultTree::parse(&bytes).map_err(|e| damaged(&path).because(e))?;
        if tree.force() != &force || root.name() != root_key_name(&force) {
            return Err(none("its parts are of different forces"));
        }
        Ok(Self {
            dir: dir.to_owned(),
            force,
            root,
            tree,
            tree_sha256: Hex32::sha256(&bytes),
        })
    }

    pub(crate) fn force(&self) -> &Force {
        &self.force
    }

    pub(crate) fn root(&self) -> &Verifier {
        &self.root
    }

    pub(crate) fn tree(&self) -> &VaultTree {
        &self.tree
    }

    /// The SHA-256 of `tree.json` as it was read: which reports this vault is about.
    pub(crate) const fn tree_sha256(&self) -> Hex32 {
        self.tree_sha256
    }

    pub(crate) fn path(&self, part: &str) -> PathBuf {
        self.dir.join(part)
    }

    /// Whether a folder, whose path is the true one, is the vault or lies in it.
    pub(crate) fn holds(&self, folder: &Path) -> Result<bool, Failure> {
        let own = self.dir.canonicalize();
        let own = own.map_err(|e| Failure::read(&self.dir, e))?;
        Ok(folder.starts_with(own))
    }

    /// The newest directory that was issued from this vault.
    pub(crate) fn directory(&self) -> Result<Directory, Failure> {
        Ok(self.directory_note()?.0)
    }

    /// The newest directory that was issued from this vault, and its note as it was signed.
    pub(crate) fn directory_note(&self) -> Result<(Directory, Vec<u8>), Failure> {
        let path = self.path(DIRECTORY);
        let mut note =
            files::read(&path, DIRECTORY_SIZE_BYTES_MAX).map_err(|e| Failure::read(&path, e))?;
        let directory = Directory::open(&note, &self.root);
        let directory = directory.map_err(|e| damaged(&path).because(e))?;
        Ok((directory, std::mem::take(&mut *note)))
    }

    /// Every directory that reports in the vault may have been sealed by: its own, and those that came
    /// with bundles.
    pub(crate) fn directories(&self) -> Result<Vec<Directory>, Failure> {
        let mut directories = vec![self.directory()?];
        for name in self.bundles() {
            let path = self.bundle_dir(name).join(DIRECTORY);
            let note = files::read(&path, DIRECTORY_SIZE_BYTES_MAX)
                .map_err(|e| Failure::read(&path, e))?;
            let directory = Directory::open(&note, &self.root);
            directories.push(directory.map_err(|e| damaged(&path).because(e))?);
        }
        Ok(directories)
    }

    /// Keeps others from changing the vault until the file is dropped.
    pub(crate) fn lock(&self) -> Result<File, Failure> {
        let path = self.path(".lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| Failure::write(&path, e))?;
        rustix::fs::flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive).map_err(|e| {
            Failure::new(
                Kind::Unreadable,
                "another hafan-keys is changing this vault",
                "wait until it has finished, then run the same command again",
            )
            .because(io::Error::from(e))
        })?;
        Ok(file)
    }

    /// The folder of one bundle.
    pub(crate) fn bundle_dir(&self, name: BundleName) -> PathBuf {
        let BundleName { year, first, last } = name;
        self.path(BUNDLES).join(format!("{year:04}-{first}-{last}"))
    }

    /// The bundles that count, in order of year and leaf.
    pub(crate) fn bundles(&self) -> Vec<BundleName> {
        let of = |(year, log): (u16, &hafan_open::tree::LogState)| {
            let imports = log.imports().iter();
            imports
                .map(|import| BundleName {
                    year,
                    first: import.first,
                    last: import.last,
                })
                .collect::<Vec<_>>()
        };
        self.tree.logs().flat_map(of).collect()
    }

    /// What one bundle brought.
    pub(crate) fn brought(&self, name: BundleName) -> Result<Brought, Failure> {
        let path = self.bundle_dir(name).join(DROPS);
        let bytes = files::read(&path, JSON_SIZE_BYTES_MAX).map_err(|e| Failure::read(&path, e))?;
        serde_json::from_slice(&bytes).map_err(|e| damaged(&path).because(e))
    }

    /// The entries of one bundle that counts, 66 bytes a leaf, as they were stored.
    pub(crate) fn entries(&self, name: BundleName) -> io::Result<Vec<u8>> {
        let path = self.bundle_dir(name).join("entries");
        Ok(std::mem::take(&mut *files::read(
            &path,
            ENTRIES_SIZE_BYTES_MAX,
        )?))
    }

    /// Every sealed report in the vault, in order of year and leaf.
    pub(crate) fn held(&self) -> Result<Vec<Held>, Failure> {
        let mut held = Vec::new();
        for name in self.bundles() {
            let dir = self.bundle_dir(name);
            let brought = self.brought(name)?;
            for drop in &brought.drops {
                let wrong = || damaged(&dir.join(DROPS));
                held.push(Held {
                    year: name.year,
                    index: drop.index,
                    h: drop.h.parse().map_err(|_| wrong())?,
                    t: drop.t.parse().map_err(|_| wrong())?,
                    imported_on: brought.imported_on,
                    path: dir.join(&drop.h),
                });
            }
        }
        Ok(held)
    }
}

impl Held {
    pub(crate) fn reference(&self) -> Reference {
        Reference::of(&self.h)
    }

    /// The submission, checked again against what its leaf says: disks rot.
    pub(crate) fn read(&self) -> Result<Vec<u8>, String> {
        let bytes = File::open(&self.path).and_then(|file| {
            let mut bytes = Vec::new();
            io::Read::read_to_end(
                &mut io::Read::take(file, SUBMISSION_SIZE_BYTES_MAX.saturating_add(1)),
                &mut bytes,
            )?;
            Ok(bytes)
        });
        let bytes = bytes.map_err(|e| format!("its file cannot be read: {e}"))?;
        check_submission(&bytes, &self.h, &self.t).map_err(|why| why.to_string())?;
        Ok(bytes)
    }
}

pub(crate) fn damaged(path: &Path) -> Failure {
    Failure::new(
        Kind::No,
        format!("{} is not as hafan-keys wrote it", path.display()),
        "do not repair it by hand; put the vault back from its newest copy, then import the \
         bundles since then",
    )
}

/// Reads a file of one line.
pub(crate) fn read_line(path: &Path) -> Result<String, Failure> {
    let bytes = files::read(path, SMALL_SIZE_BYTES_MAX).map_err(|e| Failure::read(path, e))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| damaged(path))?;
    Ok(text.trim_end().to_owned())
}
