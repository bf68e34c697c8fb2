//! A record as bytes: read from its folder, or from the one file that it is exported to.
//!
//! An export is an archive of the strict ustar (docs/protocol.md section 2): `head`, then `directories/{sequence}`
//! in order, then `entries`. Nothing read here is believed; [`crate::verify`] judges it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use hafan_directory::DIRECTORY_SIZE_BYTES_MAX;
use hafan_tlog::note::NOTE_SIZE_BYTES_MAX;
use hafan_ustar::stream::{Reader, StreamReadError, StreamWriteError, Writer};

use crate::RECORD_SIZE_BYTES_MAX;

pub(crate) const ENTRIES: &str = "entries";
pub(crate) const HEAD: &str = "head";
pub(crate) const DIRECTORIES: &str = "directories";

/// The most directories that are read: over 1,000 years of one a quarter.
const DIRECTORIES_MAX: usize = 4096;

/// A record as it lies somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Material {
    /// The head's note; `None` when there is none.
    pub head: Option<Vec<u8>>,
    /// Directory notes by the sequence that their name gives.
    pub directories: BTreeMap<u64, Vec<u8>>,
    /// The lines.
    pub entries: Vec<u8>,
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    /// A file that is not there, cannot be read or is too large.
    #[error("{what} of the access record cannot be read")]
    Io {
        /// Which part.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// A part with a name that a record does not have, or out of order.
    #[error("the access record has a part that does not belong to it")]
    Stray,
    /// Not an archive of the strict subset.
    #[error("this is not an exported access record")]
    Archive(#[from] StreamReadError),
    /// Writing the archive failed.
    #[error("the access record could not be written out")]
    Write(#[from] StreamWriteError),
}

impl Material {
    /// Reads the folder of a record.
    ///
    /// # Errors
    /// A part cannot be read, is over its bound, or does not belong there.
    pub fn of_dir(dir: &Path) -> Result<Self, MaterialError> {
        let entries = read_part(&dir.join(ENTRIES), RECORD_SIZE_BYTES_MAX, ENTRIES)?;
        let head = read_part(&dir.join(HEAD), bound(NOTE_SIZE_BYTES_MAX), HEAD)?;
        Ok(Self {
            head,
            directories: directories(&dir.join(DIRECTORIES))?,
            entries: entries.unwrap_or_default(),
        })
    }

    /// Reads an exported record.
    ///
    /// # Errors
    /// It is not an archive as [`Self::export`] writes it.
    pub fn of_export(from: impl Read) -> Result<Self, MaterialError> {
        let mut reader = Reader::new(from);
        let mut material = Self::default();
        let mut is_whole = false;
        while let Some(member) = reader.next_member()? {
            let name = member.name();
            if is_whole {
                return Err(MaterialError::Stray);
            }
            if name == HEAD && material.head.is_none() && material.directories.is_empty() {
                material.head = Some(reader.read_data(bound(NOTE_SIZE_BYTES_MAX))?);
            } else if let Some(sequence) = name.strip_prefix("directories/") {
                let sequence = parse_sequence(sequence).ok_or(MaterialError::Stray)?;
                let newest = material.directories.last_key_value();
                if newest.is_some_and(|(last, _)| *last >= sequence)
                    || material.directories.len() >= DIRECTORIES_MAX
                {
                    return Err(MaterialError::Stray);
                }
                let note = reader.read_data(bound(DIRECTORY_SIZE_BYTES_MAX))?;
                material.directories.insert(sequence, note);
            } else if name == ENTRIES {
                material.entries = reader.read_data(RECORD_SIZE_BYTES_MAX)?;
                is_whole = true;
            } else {
                return Err(MaterialError::Stray);
            }
        }
        if is_whole {
            Ok(material)
        } else {
            Err(MaterialError::Stray)
        }
    }

    /// Writes the record as one file, which [`Self::of_export`] reads.
    ///
    /// # Errors
    /// Writing failed.
    pub fn export<W: Write>(&self, to: W) -> Result<W, MaterialError> {
        let mut writer = Writer::new(to);
        let mut put = |name: &str, bytes: &[u8]| {
            let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            writer.append(name, size, bytes)
        };
        if let Some(head) = &self.head {
            put(HEAD, head)?;
        }
        for (sequence, note) in &self.directories {
            put(&format!("{DIRECTORIES}/{sequence}"), note)?;
        }
        put(ENTRIES, &self.entries)?;
        Ok(writer.finish()?)
    }
}

pub(crate) fn bound(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

pub(crate) fn parse_sequence(text: &str) -> Option<u64> {
    text.parse()
        .ok()
        .filter(|sequence: &u64| sequence.to_string() == text)
}

fn directories(dir: &Path) -> Result<BTreeMap<u64, Vec<u8>>, MaterialError> {
    let failed = |source| MaterialError::Io {
        what: DIRECTORIES.to_owned(),
        source,
    };
    let mut found = BTreeMap::new();
    let listing = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        listing => listing.map_err(failed)?,
    };
    for item in listing {
        let name = item.map_err(failed)?.file_name();
        let Some(name) = name.to_str() else {
            return Err(MaterialError::Stray);
        };
        // What an interrupted write left.
        if name.starts_with('.') {
            continue;
        }
        let sequence = parse_sequence(name).ok_or(MaterialError::Stray)?;
        if found.len() >= DIRECTORIES_MAX {
            return Err(MaterialError::Stray);
        }
        let what = format!("{DIRECTORIES}/{sequence}");
        let note = read_part(&dir.join(name), bound(DIRECTORY_SIZE_BYTES_MAX), &what)?;
        found.insert(sequence, note.unwrap_or_default());
    }
    Ok(found)
}

/// A part's bytes; `None` when it is not there.
pub(crate) fn read_part(
    path: &Path,
    size_max: u64,
    what: &str,
) -> Result<Option<Vec<u8>>, MaterialError> {
    let read = || -> io::Result<Vec<u8>> {
        let file = File::open(path)?;
        let mut bytes = Vec::new();
        file.take(size_max.saturating_add(1))
            .read_to_end(&mut bytes)?;
        if bound(bytes.len()) > size_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes)
    };
    match read() {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(MaterialError::Io {
            what: what.to_owned(),
            source,
        }),
    }
}
