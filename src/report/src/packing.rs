//! A padded that is written while it is sealed, so that it never lies in memory beside what it is made of.
//!
//! The bytes are those of [`Padded::pack`](crate::Padded::pack): `report.json` says of each file its size and digest and stands before all
//! of them, so that nothing can be written before the last file is there. From then on a file is wiped as soon as it is written.

use std::io::{self, Write};

use hafan_ustar::{BLOCK_SIZE_BYTES, END_SIZE_BYTES, Header, archive_size_bytes};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::name::member_name;
use crate::padded::{PackError, REPORT_NAME, encoded, size_class};
use crate::report::{Report, hex_of};
use crate::{FileEntry, Metadata};

/// The largest piece.
const PIECE_SIZE_BYTES_MAX: usize = 1 << 16;
/// The smallest, so that whoever sends a file byte by byte gains nothing by it.
const PIECE_SIZE_BYTES_MIN: usize = 1 << 10;

/// A file's bytes as they came in, in pieces that never grow: no byte of it is ever moved, and no copy left behind.
#[derive(Default)]
pub struct Pieces {
    pieces: Vec<Zeroizing<Vec<u8>>>,
    size_bytes: usize,
    hasher: Sha256,
}

impl Pieces {
    /// Takes what comes next.
    pub fn push(&mut self, mut bytes: &[u8]) {
        self.hasher.update(bytes);
        while !bytes.is_empty() {
            let room = self
                .pieces
                .last()
                .map_or(0, |piece| piece.capacity() - piece.len());
            if room == 0 {
                // As much again as there is: at most half of what is held is room.
                let size = self
                    .size_bytes
                    .clamp(PIECE_SIZE_BYTES_MIN, PIECE_SIZE_BYTES_MAX);
                self.pieces.push(Zeroizing::new(Vec::with_capacity(size)));
                continue;
            }
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            if let Some(piece) = self.pieces.last_mut() {
                piece.extend_from_slice(now);
            }
            self.size_bytes += now.len();
            bytes = later;
        }
    }

    /// How many bytes there are.
    #[must_use]
    pub const fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Describes the file as [`FileEntry::describe`] does.
    #[must_use]
    pub fn describe(&self, name: &str, media_type: &str, metadata: Metadata) -> FileEntry {
        let size = u64::try_from(self.size_bytes).unwrap_or(u64::MAX);
        FileEntry::of(name, media_type, metadata, size, self.sha256())
    }

    fn sha256(&self) -> String {
        hex_of(&self.hasher.clone().finalize())
    }

    fn is(&self, entry: &FileEntry) -> bool {
        u64::try_from(self.size_bytes) == Ok(entry.size) && self.sha256() == entry.sha256
    }
}

/// A report and its files, checked and ready to be written as a padded.
pub struct Packing {
    json: Zeroizing<Vec<u8>>,
    files: Vec<(Zeroizing<String>, Pieces)>,
    class: usize,
}

impl Packing {
    /// Checks a report without a sealed contact, and its files, which `report.files` describes in the same order.
    ///
    /// # Errors
    /// As [`Padded::pack`](crate::Padded::pack).
    pub fn new(report: &Report, files: Vec<Pieces>) -> Result<Self, PackError> {
        let json = encoded(report)?;
        if report.contact.is_some() {
            return Err(PackError::Contact);
        }
        if report.files.len() != files.len() {
            return Err(PackError::Count {
                named: report.files.len(),
                found: files.len(),
            });
        }
        let sizes = files.iter().map(Pieces::size_bytes).chain([json.len()]);
        let found = archive_size_bytes(sizes.map(|size| u64::try_from(size).unwrap_or(u64::MAX)));
        let class = usize::try_from(found).ok().and_then(size_class);
        let class = class.ok_or(PackError::TooLarge { found })?;
        let mut members = Vec::with_capacity(files.len());
        for ((entry, file), number) in report.files.iter().zip(files).zip(1..) {
            if !file.is(entry) {
                return Err(PackError::File { number });
            }
            members.push((Zeroizing::new(member_name(number, &entry.name)), file));
        }
        Ok(Self {
            json,
            files: members,
            class,
        })
    }

    /// Size of the padded in bytes: one of [`SIZE_CLASSES`](crate::SIZE_CLASSES).
    #[must_use]
    pub const fn size_bytes(&self) -> usize {
        self.class
    }

    /// Writes the padded, and wipes each part once it is written.
    ///
    /// # Errors
    /// Writing failed.
    pub fn write(self, to: &mut dyn Write) -> io::Result<()> {
        let mut left = Filling {
            to,
            left: self.class,
        };
        left.header(REPORT_NAME, self.json.len())?;
        left.bytes(&self.json)?;
        left.fill_up(self.json.len())?;
        drop(self.json);
        for (name, file) in self.files {
            let size = file.size_bytes;
            left.header(&name, size)?;
            for piece in file.pieces {
                left.bytes(&piece)?;
            }
            left.fill_up(size)?;
        }
        left.rest()
    }
}

/// Counts what a padded lacks.
struct Filling<'a> {
    to: &'a mut dyn Write,
    left: usize,
}

impl Filling<'_> {
    fn header(&mut self, name: &str, size: usize) -> io::Result<()> {
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        let header = Header::new(name, size).map_err(io::Error::other)?;
        self.bytes(&header.encode())
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.left = self
            .left
            .checked_sub(bytes.len())
            .ok_or_else(|| io::Error::other("more than the size class"))?;
        self.to.write_all(bytes)
    }

    fn fill_up(&mut self, size: usize) -> io::Result<()> {
        let zeros = [0; BLOCK_SIZE_BYTES];
        let (zeros, _) = zeros.split_at(size.next_multiple_of(BLOCK_SIZE_BYTES) - size);
        self.bytes(zeros)
    }

    /// The archive's two blocks of zeros, and zeros up to the class.
    fn rest(mut self) -> io::Result<()> {
        let zeros = [0; END_SIZE_BYTES];
        while self.left > 0 {
            let (some, _) = zeros.split_at(self.left.min(zeros.len()));
            self.bytes(some)?;
        }
        Ok(())
    }
}
