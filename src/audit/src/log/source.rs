//! Where a log is read: from a server, a mirror of what a server answers, or a folder with one log.

use std::path::{Path, PathBuf};

use crate::client::Client;
use crate::entry::{Row, TILE_WIDTH, tile_name};
use crate::failure::Failure;
use crate::files;

/// The most that is read of anything but a directory.
const ANSWER_SIZE_BYTES_MAX: usize = 256 * 1024;

/// A place to read from.
pub enum Source {
    /// A server.
    Server(Box<Client>),
    /// A folder with what a server answers, by path: `log/{force}/{year}/…`, `v1/forces/{force}/directory`.
    Mirror(PathBuf),
    /// A folder with the checkpoint and tiles of one log.
    One(PathBuf),
}

impl Source {
    /// A folder of either shape.
    #[must_use]
    pub fn folder(dir: &Path) -> Self {
        if dir.join("checkpoint").is_file() {
            Self::One(dir.to_owned())
        } else {
            Self::Mirror(dir.to_owned())
        }
    }

    /// What is at an address, without its first slash; `None` when there is nothing.
    ///
    /// # Errors
    /// It cannot be reached or read.
    pub(super) fn get(&self, path: &str) -> Result<Option<Vec<u8>>, Failure> {
        match self {
            Self::Server(client) => {
                let body = client.get(&format!("/{path}"), ANSWER_SIZE_BYTES_MAX)?;
                Ok(body.map(Vec::from))
            }
            Self::Mirror(dir) => read(&dir.join(path)),
            Self::One(dir) => {
                // log/{force}/{year}/ is the folder itself.
                let name = path.splitn(4, '/').nth(3).unwrap_or(path);
                read(&dir.join(name))
            }
        }
    }

    /// How many may read at once.
    #[must_use]
    pub(super) fn readers(&self) -> usize {
        match self {
            // A server should not feel an audit.
            Self::Server(_) => 4,
            Self::Mirror(_) | Self::One(_) => {
                std::thread::available_parallelism().map_or(1, usize::from)
            }
        }
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    files::read(path, ANSWER_SIZE_BYTES_MAX).map_err(|error| Failure::read(path, error))
}

/// Which of a server's logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name<'a> {
    /// That of a force and year.
    Year {
        /// Whose.
        force: &'a str,
        /// Of which year.
        year: u16,
    },
    /// That of directories and releases.
    Operator,
}

impl Name<'_> {
    /// Where it lies among the logs, and what follows the server's name in its origin.
    #[must_use]
    pub(super) fn path(self) -> String {
        match self {
            Self::Year { force, year } => format!("{force}/{year}"),
            Self::Operator => "operator".to_owned(),
        }
    }

    /// Of what the log is, for people.
    #[must_use]
    pub(super) fn of(self) -> String {
        match self {
            Self::Year { year, .. } => year.to_string(),
            Self::Operator => "the operator".to_owned(),
        }
    }
}

/// One log at a source.
#[derive(Clone, Copy)]
pub(super) struct Log<'a> {
    /// Where.
    pub(super) source: &'a Source,
    /// Which.
    pub(super) name: Name<'a>,
}

impl Log<'_> {
    /// Something of this log.
    ///
    /// # Errors
    /// It cannot be reached or read.
    pub(super) fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let path = self.name.path();
        self.source.get(&format!("log/{path}/{name}"))
    }

    /// A tile, at this width or at its full width: a partial one may be gone once the full one is there. With the width of
    /// the name under which it was found, of which it must have exactly so many.
    ///
    /// # Errors
    /// It cannot be reached or read.
    pub(super) fn tile(
        &self,
        row: Row,
        number: u64,
        width: u64,
    ) -> Result<Option<(Vec<u8>, u64)>, Failure> {
        let found = self.get(&tile_name(row, number, width))?;
        if found.is_some() || width == TILE_WIDTH {
            return Ok(found.map(|tile| (tile, width)));
        }
        let full = self.get(&tile_name(row, number, TILE_WIDTH))?;
        Ok(full.map(|tile| (tile, TILE_WIDTH)))
    }
}
