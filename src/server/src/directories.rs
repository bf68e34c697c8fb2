//! The signed directories that the server hands out, read from `directories_dir` at start and on SIGHUP.
//!
//! Only what a force's root key signed is taken, and nothing is handed out that is not in the operator's log, which never
//! goes back.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use hafan_directory::operator::Published;
use hafan_directory::{DIRECTORY_SIZE_BYTES_MAX, DateError, Directory, Force, OpenError};
use hafan_tlog::Verifier;
use jiff::civil::Date;

use crate::config::Roots;
use crate::store::{OperatorError, OperatorLog, Publication};
use crate::telemetry::{Event, log};

/// Why a directory cannot be handed out.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// It cannot be read.
    #[error("cannot read the directory {path} of {force}: `hafan-keys` issues it; copy it there")]
    Read {
        /// Whose.
        force: Force,
        /// The file.
        path: PathBuf,
        /// From the operating system.
        source: io::Error,
    },
    /// Too large.
    #[error("the directory of {force} is over {DIRECTORY_SIZE_BYTES_MAX} bytes")]
    Size {
        /// Whose.
        force: Force,
    },
    /// Not signed by the root key of the configuration, or not sound.
    #[error("the directory of {force} is refused")]
    Open {
        /// Whose.
        force: Force,
        /// Why.
        source: Box<OpenError>,
    },
    /// For another force.
    #[error("the directory in the place of {wanted} is that of {found}")]
    Force {
        /// Whose it is.
        found: Force,
        /// Whose was wanted.
        wanted: Force,
    },
    /// Its dates do not hold today.
    #[error(
        "the directory of {force} does not hold today: issue a new one with `hafan-keys directory issue`"
    )]
    Date {
        /// Whose.
        force: Force,
        /// Which way.
        source: DateError,
    },
    /// It names another log key.
    #[error(
        "the directory of {force} names the log key {found}, and this server signs with {wanted}: \
         every officer would refuse its log; issue the directory for this server's key"
    )]
    LogKey {
        /// Whose.
        force: Force,
        /// As the directory has it.
        found: Box<Verifier>,
        /// This server's.
        wanted: Box<Verifier>,
    },
    /// The operator's log does not take it: it is older than what was given out, or the disk refuses.
    #[error("the directory of {force} cannot be given out")]
    Log {
        /// Whose.
        force: Force,
        /// Why.
        source: Box<OperatorError>,
    },
}

/// A directory and the note as it was signed.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) note: Bytes,
    pub(crate) directory: Directory,
}

impl Issued {
    fn publication(&self) -> Publication {
        Publication {
            note: self.note.clone(),
            published: Published::Directory(Box::new(self.directory.clone())),
        }
    }

    fn check_date(&self, today: Date) -> Result<(), DirectoryError> {
        self.directory
            .check_date(today)
            .map_err(|source| DirectoryError::Date {
                force: self.directory.force().clone(),
                source,
            })
    }
}

/// The directories of all forces.
#[derive(Debug)]
pub struct Directories {
    dir: PathBuf,
    log: Verifier,
    roots: Roots,
    issued: RwLock<BTreeMap<Force, Arc<Issued>>>,
}

impl Directories {
    /// Reads the directory of each force.
    ///
    /// Dates are not looked at: see [`Self::lapsed`].
    ///
    /// # Errors
    /// The first that is missing or refused.
    pub fn read(dir: &Path, roots: Roots, log: Verifier) -> Result<Self, DirectoryError> {
        let mut issued = BTreeMap::new();
        for (force, root) in &roots {
            issued.insert(force.clone(), Arc::new(read_one(dir, force, root, &log)?));
        }
        Ok(Self {
            dir: dir.to_owned(),
            log,
            roots,
            issued: RwLock::new(issued),
        })
    }

    /// Those that do not hold on `today`: nothing can be sealed to their forces.
    #[must_use]
    pub fn lapsed(&self, today: Date) -> Vec<DirectoryError> {
        let issued = self.issued.read().unwrap_or_else(PoisonError::into_inner);
        issued
            .values()
            .filter_map(|issued| issued.check_date(today).err())
            .collect()
    }

    /// Writes down those that do not hold on `today`. Their forces' couriers and reporters hear of it when they ask; the
    /// other forces are served all the same, so that one that forgot does not close the door of all.
    ///
    /// # Errors
    /// The last of them, when it is every one.
    pub fn tell_lapsed(&self, today: Date) -> Result<(), DirectoryError> {
        let mut lapsed = self.lapsed(today);
        if lapsed.len() == self.forces().count()
            && let Some(last) = lapsed.pop()
        {
            return Err(last);
        }
        for why in &lapsed {
            log(&Event::DirectoryLapsed { why });
        }
        Ok(())
    }

    /// All of them, for the operator's log: what is given out is in it before.
    #[must_use]
    pub fn publications(&self) -> Vec<Publication> {
        let issued = self.issued.read().unwrap_or_else(PoisonError::into_inner);
        issued.values().map(|issued| issued.publication()).collect()
    }

    /// Reads them again, and logs what is new; one that is refused leaves the one before it in place. Returns the refusals.
    pub fn read_again(&self, today: Date, log: &OperatorLog) -> Vec<(Force, DirectoryError)> {
        let mut refused = Vec::new();
        for (force, root) in &self.roots {
            if let Err(error) = self.replace(force, root, today, log) {
                refused.push((force.clone(), error));
            }
        }
        refused
    }

    fn replace(
        &self,
        force: &Force,
        root: &Verifier,
        today: Date,
        log: &OperatorLog,
    ) -> Result<(), DirectoryError> {
        let read = read_one(&self.dir, force, root, &self.log)?;
        read.check_date(today)?;
        log.publish(&[read.publication()])
            .map_err(|source| DirectoryError::Log {
                force: force.clone(),
                source: Box::new(source),
            })?;
        let mut issued = self.issued.write().unwrap_or_else(PoisonError::into_inner);
        issued.insert(force.clone(), Arc::new(read));
        Ok(())
    }

    /// The directory of a force, if it is one of ours.
    pub(crate) fn of(&self, force: &Force) -> Option<Arc<Issued>> {
        self.issued
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(force)
            .cloned()
    }

    /// The forces served here.
    pub fn forces(&self) -> impl Iterator<Item = &Force> {
        self.roots.keys()
    }
}

fn read_one(
    dir: &Path,
    force: &Force,
    root: &Verifier,
    log: &Verifier,
) -> Result<Issued, DirectoryError> {
    let path = dir.join(format!("{force}.directory"));
    let failed = |source| DirectoryError::Read {
        force: force.clone(),
        path: path.clone(),
        source,
    };
    let most = u64::try_from(DIRECTORY_SIZE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut note = Vec::new();
    File::open(&path)
        .map_err(failed)?
        .take(most.saturating_add(1))
        .read_to_end(&mut note)
        .map_err(failed)?;
    if note.len() > DIRECTORY_SIZE_BYTES_MAX {
        return Err(DirectoryError::Size {
            force: force.clone(),
        });
    }
    let directory = Directory::open(&note, root).map_err(|source| DirectoryError::Open {
        force: force.clone(),
        source: Box::new(source),
    })?;
    if directory.force() != force {
        return Err(DirectoryError::Force {
            found: directory.force().clone(),
            wanted: force.clone(),
        });
    }
    let found = &directory.contents().log;
    if found != log {
        return Err(DirectoryError::LogKey {
            force: force.clone(),
            found: Box::new(found.clone()),
            wanted: Box::new(log.clone()),
        });
    }
    Ok(Issued {
        note: note.into(),
        directory,
    })
}
