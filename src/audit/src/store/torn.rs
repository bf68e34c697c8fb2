//! What an interrupted write left of a frame: whatever of it is there must be of the frame that its header promises.
//!
//! A write leaves out the end, or whole sectors, which are zeros. Where a length is left out nobody can tell what follows
//! it; then only what a header takes may be other than noise.

use super::frame::{self, FrameKind};
use super::statistics::{Noise, first_text};
use crate::directory::is_force;
use crate::entry::ENTRY_SIZE_BYTES;
use crate::envelope::{self, HEADER_SIZE_BYTES, PREFIX_SIZE_BYTES, RECORD_SIZE_BYTES};

const SECTOR_SIZE_BYTES: usize = 512;

/// Trailer of a frame, and what aligns the next one.
const END_SIZE_BYTES: usize = 12;

/// Sectors that a header touches.
const HEADER_SECTORS_MAX: usize = 5;

/// Characters of text in a row that leaves, seeds and digests do not make.
const TEXT_CHARACTERS_MIN: usize = 32;

/// The first byte of a torn frame that no interrupted write of it leaves; `at` is where the frame begins in its segment.
#[must_use]
pub fn first_stray(at: u64, frame: &[u8]) -> Option<usize> {
    let (header, payload) = frame.split_first_chunk::<20>()?;
    let (kind, size) = frame::parse_header(header)?;
    let last = payload.iter().rposition(|byte| *byte != 0)?;
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let torn = Torn {
        at: at + 20,
        bytes: payload.get(..=last)?,
    };
    let stray = match kind {
        _ if last >= size.saturating_add(END_SIZE_BYTES) => Some(size),
        FrameKind::Intake => torn.batch(),
        FrameKind::Page => torn.page(),
        FrameKind::Epoch => torn.epoch(),
    };
    stray.map(|stray| stray + 20)
}

/// A payload as far as it was written.
struct Torn<'a> {
    /// Where it begins in its segment.
    at: u64,
    bytes: &'a [u8],
}

/// What stands at a place.
enum Field<T> {
    /// It is whole.
    There(T),
    /// It was not written, or not all of it.
    Absent,
    /// It is what it cannot be.
    Stray,
}

impl Torn<'_> {
    /// Whether the byte at this offset was written: its sector is not all zeros.
    fn is_there(&self, offset: usize) -> bool {
        let at = usize::try_from(self.at).unwrap_or(0) + offset;
        let inside = at % SECTOR_SIZE_BYTES;
        let first = offset.saturating_sub(inside);
        let end = offset + SECTOR_SIZE_BYTES - inside;
        let sector = self.bytes.get(first..end.min(self.bytes.len()));
        sector.is_some_and(|sector| sector.iter().any(|byte| *byte != 0))
    }

    fn field<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let whole = (offset..offset + N).all(|at| self.is_there(at));
        let bytes = self.bytes.get(offset..)?.first_chunk::<N>()?;
        whole.then_some(*bytes)
    }

    /// A force and its size with the byte before it.
    fn force(&self, offset: usize) -> Field<usize> {
        let Some([size]) = self.field(offset) else {
            return Field::Absent;
        };
        let size = usize::from(size);
        let Some(name) = self.bytes.get(offset + 1..offset + 1 + size) else {
            return Field::Absent;
        };
        if !(offset + 1..offset + 1 + size).all(|at| self.is_there(at)) {
            return Field::Absent;
        }
        match std::str::from_utf8(name) {
            Ok(name) if is_force(name) => Field::There(1 + size),
            Ok(_) | Err(_) => Field::Stray,
        }
    }

    fn batch(&self) -> Option<usize> {
        let Some(count) = self.field(0) else {
            return self.lost(0);
        };
        let mut at = 2;
        for _ in 0..u16::from_be_bytes(count) {
            if at >= self.bytes.len() {
                return None;
            }
            let force = match self.force(at) {
                Field::There(size) => size,
                Field::Absent => return self.lost(at),
                Field::Stray => return Some(at),
            };
            let Some(size) = self.field(at + force) else {
                return self.lost(at + force);
            };
            at += force + 4;
            let size = usize::try_from(u32::from_be_bytes(size)).unwrap_or(usize::MAX);
            let is_known = size
                .checked_sub(PREFIX_SIZE_BYTES)
                .is_some_and(envelope::is_envelope_size);
            if !is_known {
                return Some(at);
            }
            let file = at + PREFIX_SIZE_BYTES;
            let prefix = self.bytes.get(at..file).unwrap_or_default();
            if first_text(prefix, TEXT_CHARACTERS_MIN).is_some() {
                return Some(at);
            }
            if let Some(stray) = self.file(file, size - PREFIX_SIZE_BYTES) {
                return Some(stray);
            }
            at += size;
        }
        self.end(at)
    }

    fn page(&self) -> Option<usize> {
        let force = match self.force(0) {
            Field::There(size) => size,
            Field::Absent => return self.lost(0),
            Field::Stray => return Some(0),
        };
        for record in 0..envelope::RECORDS {
            let at = force + record * RECORD_SIZE_BYTES;
            if let Some(stray) = self.file(at + 2, RECORD_SIZE_BYTES - 2) {
                return Some(stray);
            }
        }
        let seen = force + envelope::RECORDS * RECORD_SIZE_BYTES;
        self.end(seen + envelope::SEEN_SIZE_BYTES)
    }

    fn epoch(&self) -> Option<usize> {
        let force = match self.force(0) {
            Field::There(size) => size,
            Field::Absent => return self.lost(0),
            Field::Stray => return Some(0),
        };
        // Year, first leaf, count and seed, then the leaves, and the checkpoint with its size.
        let Some(count) = self.field(force + 10) else {
            return self.lost(0);
        };
        let leaves = usize::from(u16::from_be_bytes(count)) * ENTRY_SIZE_BYTES;
        let end = force + 44 + leaves;
        let sealed = self
            .bytes
            .get(..end.min(self.bytes.len()))
            .unwrap_or_default();
        first_text(sealed, TEXT_CHARACTERS_MIN).or_else(|| self.end(end + 4 + 1024))
    }

    /// An age file: its header byte for byte, and behind it noise.
    fn file(&self, at: usize, size: usize) -> Option<usize> {
        let there = self.bytes.len();
        let header_end = at + HEADER_SIZE_BYTES;
        let header = self
            .bytes
            .get(at.min(there)..header_end.min(there))
            .unwrap_or_default();
        let wrong = envelope::wrong_in_part(header, |offset| self.is_there(at + offset));
        if let Some(offset) = wrong {
            return Some(at + offset);
        }
        let sealed = header_end.min(there)..(at + size).min(there);
        let first = sealed.start;
        let written: Vec<u8> = sealed
            .filter(|offset| self.is_there(*offset))
            .filter_map(|offset| self.bytes.get(offset).copied())
            .collect();
        Noise::default().look(&written).map(|offset| first + offset)
    }

    /// Behind a length that was left out: no more in a row that is no noise than a header takes.
    fn lost(&self, at: usize) -> Option<usize> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let mut run = 0;
        for (number, sector) in rest.chunks(SECTOR_SIZE_BYTES).enumerate() {
            let is_text = first_text(sector, TEXT_CHARACTERS_MIN).is_some();
            run = if is_text { run + 1 } else { 0 };
            if run > HEADER_SECTORS_MAX {
                return Some(at + number * SECTOR_SIZE_BYTES);
            }
        }
        first_text(rest, HEADER_SIZE_BYTES).map(|text| at + text)
    }

    /// Nothing but the trailer stands behind what it says it holds.
    fn end(&self, at: usize) -> Option<usize> {
        (self.bytes.len() > at + END_SIZE_BYTES).then_some(at)
    }
}
