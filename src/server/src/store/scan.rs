//! Reads segments from the first byte to the last: which frames are whole, where the log ends, and whether what
//! follows is a torn tail or damage.
//!
//! It never writes. It trusts no byte: every frame's checksums are computed before its payload is looked at.
//!
//! A frame's header is synced before its payload is written. A power cut leaves of the one frame that was being written
//! its header, or part of that and nothing else, and of what follows any of its 512-byte sectors, the others being zeros
//! as the segment was made; a killed process leaves a beginning of it. Whatever is not whole and lacks nothing in that
//! way is damage, even at the very end: an acknowledged batch with one rotten byte is never taken for a torn tail.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::frame::{FRAME_SIZE_BYTES_MIN, HEADER_SIZE_BYTES, Header, TRAILER_SIZE_BYTES};

/// Drives write whole sectors of this size or none of them.
const SECTOR_SIZE_BYTES: u64 = 512;

/// Bytes read at a time.
const CHUNK_SIZE_BYTES: usize = 256 * 1024;

/// A whole frame: both checksums are right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameAt {
    pub(crate) segment: u32,
    /// Byte of the segment at which the header begins.
    pub(crate) offset: u64,
    pub(crate) header: Header,
}

impl FrameAt {
    /// Byte of the segment at which the payload begins.
    pub(crate) const fn payload_offset(&self) -> u64 {
        self.offset + HEADER_SIZE_BYTES
    }
}

/// What is wrong with a place in the value log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Neither a frame nor what an interrupted write leaves.
    #[error("not a whole frame, and not what an interrupted write leaves")]
    Rotten,
    /// A frame that is not whole has others behind it.
    #[error("a frame that is not whole, with others behind it")]
    NotLast,
    /// A frame says that it is longer than its segment.
    #[error("a frame that runs beyond the end of its segment: the file was cut")]
    Cut,
}

/// Whether something may be appending while the segments are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Growth {
    /// The reader holds the store's lock.
    Still,
    /// A server may be writing: a last frame that is not whole may be one that is just being written. It was not
    /// acknowledged when the reading began.
    Growing,
}

/// How long what looks damaged at the end of a value log that grows is given to become whole: a write takes less.
const GROWING_TIME_MAX: Duration = Duration::from_secs(10);

/// Between two looks at it.
const GROWING_PAUSE: Duration = Duration::from_millis(50);

/// Why the segments cannot be read through.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScanError {
    #[error("cannot read {path}")]
    Io { path: PathBuf, source: io::Error },
    #[error("segment {wanted:06} is missing, {found:06} is there")]
    Missing { wanted: u32, found: u32 },
    #[error("segment {segment:06} is damaged at byte {byte}: {damage}")]
    Damaged {
        segment: u32,
        byte: u64,
        damage: Damage,
    },
}

/// Where the value log ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Number of the last segment, if there is one.
    pub(crate) segment: Option<u32>,
    /// Byte of it at which the next frame goes.
    pub(crate) offset: u64,
    /// Size of its file in bytes.
    pub(crate) size: u64,
    /// The last whole frame in it, when it has one.
    pub(crate) last: Option<Range<u64>>,
    /// Bytes of it that a torn frame left behind and that must be made zero before the next frame is written.
    pub(crate) torn: Option<Range<u64>>,
}

/// The file of a segment.
pub(crate) fn segment_path(dir: &Path, segment: u32) -> PathBuf {
    dir.join(format!("{segment:06}.log"))
}

/// The number of segments; each from 0 on must be there.
pub(crate) fn count_segments(dir: &Path) -> Result<u32, ScanError> {
    let failed = |source| ScanError::Io {
        path: dir.to_path_buf(),
        source,
    };
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let number = name
            .to_str()
            .and_then(|name| name.strip_suffix(".log")?.parse::<u32>().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    for (wanted, found) in (0..).zip(&numbers) {
        if wanted != *found {
            return Err(ScanError::Missing {
                wanted,
                found: *found,
            });
        }
    }
    u32::try_from(numbers.len()).map_err(|error| failed(io::Error::other(error)))
}

/// Reads all segments and shows each whole frame to `visit`, in order.
pub(crate) fn scan<E: From<ScanError>>(
    dir: &Path,
    growth: Growth,
    mut visit: impl FnMut(&File, FrameAt) -> Result<(), E>,
    mut progress: impl FnMut(u32, u32),
) -> Result<End, E> {
    let segments = count_segments(dir)?;
    let mut end = End {
        segment: None,
        offset: 0,
        size: 0,
        last: None,
        torn: None,
    };
    for segment in 0..segments {
        progress(segment, segments);
        let path = segment_path(dir, segment);
        let failed = |source| ScanError::Io {
            path: path.clone(),
            source,
        };
        let file = File::open(&path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let mut offset = 0;
        let mut last = None;
        let may_grow = growth == Growth::Growing && segment + 1 == segments;
        let start = Instant::now();
        let tail = loop {
            while let Some(frame) = whole_frame(&file, size, segment, offset).map_err(failed)? {
                visit(&file, frame)?;
                offset += frame.header.frame_size().unwrap_or(size);
                last = Some(frame.offset..offset);
            }
            let tail = judge_tail(&file, size, offset).map_err(failed)?;
            // Read while it is written, a frame may look like anything.
            let is_settled = !may_grow || !matches!(tail, Tail::Damaged(_));
            if is_settled || start.elapsed() > GROWING_TIME_MAX {
                break tail;
            }
            thread::sleep(GROWING_PAUSE);
        };
        let damaged = |damage| ScanError::Damaged {
            segment,
            byte: offset,
            damage,
        };
        let torn = match tail {
            Tail::Clean => None,
            Tail::Torn(_) if segment + 1 < segments => return Err(damaged(Damage::NotLast).into()),
            Tail::Torn(end) => Some(offset..end),
            Tail::Damaged(damage) => return Err(damaged(damage).into()),
        };
        end = End {
            segment: Some(segment),
            offset,
            size,
            last,
            torn,
        };
    }
    Ok(end)
}

/// The frame at `offset`, when it is whole.
fn whole_frame(file: &File, size: u64, segment: u32, offset: u64) -> io::Result<Option<FrameAt>> {
    let Some(header) = header_at(file, size, offset)? else {
        return Ok(None);
    };
    let Some(end) = header
        .frame_size()
        .and_then(|frame| offset.checked_add(frame))
    else {
        return Ok(None);
    };
    if end > size {
        return Ok(None);
    }
    let payload_end = offset + HEADER_SIZE_BYTES + header.payload_size;
    let crc = crc_of(file, offset + HEADER_SIZE_BYTES..payload_end)?;
    let mut trailer = [0; 12];
    let (trailer, _) =
        trailer.split_at_mut(usize::try_from(end - payload_end).unwrap_or(0).min(12));
    file.read_exact_at(trailer, payload_end)?;
    let whole = trailer
        .split_first_chunk::<4>()
        .is_some_and(|(stored, padding)| {
            *stored == crc.to_be_bytes() && padding.iter().all(|byte| *byte == 0)
        });
    Ok(whole.then_some(FrameAt {
        segment,
        offset,
        header,
    }))
}

fn header_at(file: &File, size: u64, offset: u64) -> io::Result<Option<Header>> {
    if size.saturating_sub(offset) < FRAME_SIZE_BYTES_MIN {
        return Ok(None);
    }
    let mut bytes = [0; 20];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(Header::parse(&bytes))
}

/// What stands behind the last whole frame.
#[derive(Debug, PartialEq, Eq)]
enum Tail {
    /// Zeros to the end of the segment.
    Clean,
    /// The remains of one frame, up to this byte.
    Torn(u64),
    Damaged(Damage),
}

fn judge_tail(file: &File, size: u64, at: u64) -> io::Result<Tail> {
    let Some(end) = nonzero_end(file, at..size)? else {
        return Ok(Tail::Clean);
    };
    match header_at(file, size, at)? {
        Some(header) => judge_with_header(file, size, at, header, end),
        None => Ok(judge_without_header(size, at, end)),
    }
}

/// The header at `at` is right, the frame is not whole; `end` is behind the last byte that is not zero.
fn judge_with_header(
    file: &File,
    size: u64,
    at: u64,
    header: Header,
    end: u64,
) -> io::Result<Tail> {
    let Some(frame_end) = header
        .frame_size()
        .and_then(|frame| at.checked_add(frame))
        .filter(|end| *end <= size)
    else {
        return Ok(Tail::Damaged(Damage::Cut));
    };
    if end > frame_end {
        return Ok(Tail::Damaged(Damage::NotLast));
    }
    let payload = at + HEADER_SIZE_BYTES..at + HEADER_SIZE_BYTES + header.payload_size;
    if end <= payload.end {
        // Not even one byte of the trailer: the writing stopped before it.
        return Ok(Tail::Torn(end));
    }
    let written = usize::try_from(end - payload.end).unwrap_or(usize::MAX);
    if written < 4 {
        // Stopped within the trailer: then the payload is whole and the trailer begins rightly.
        let wanted = crc_of(file, payload.clone())?.to_be_bytes();
        let mut found = [0; 4];
        file.read_exact_at(&mut found, payload.end)?;
        if found.get(..written) == wanted.get(..written) {
            return Ok(Tail::Torn(end));
        }
    }
    // The sector in which the header ends may be there as it was when the header alone was synced.
    let boundary = payload.start.next_multiple_of(SECTOR_SIZE_BYTES);
    let whole = payload.end + TRAILER_SIZE_BYTES;
    let lacks = lacks_a_sector(file, payload.start..boundary.min(whole))?
        || lacks_a_sector(file, boundary..whole)?;
    Ok(if lacks {
        Tail::Torn(end)
    } else {
        Tail::Damaged(Damage::Rotten)
    })
}

/// There is no header at `at`; `end` is behind the last byte that is not zero.
///
/// The header is durable before anything behind it is written: without one, nothing else can be there.
const fn judge_without_header(size: u64, at: u64, end: u64) -> Tail {
    if size.saturating_sub(at) < FRAME_SIZE_BYTES_MIN || end > at + HEADER_SIZE_BYTES {
        Tail::Damaged(Damage::Rotten)
    } else {
        Tail::Torn(end)
    }
}

/// Whether one of the sectors, or the part of the last one before the end, has nothing but zeros.
fn lacks_a_sector(file: &File, range: Range<u64>) -> io::Result<bool> {
    let mut lacking = false;
    each_chunk(file, range, |chunk| {
        for sector in chunk.chunks(512) {
            lacking |= sector.iter().all(|byte| *byte == 0);
        }
    })?;
    Ok(lacking)
}

/// The byte behind the last one in the range that is not zero.
fn nonzero_end(file: &File, range: Range<u64>) -> io::Result<Option<u64>> {
    let mut at = range.start;
    let mut end = None;
    each_chunk(file, range, |chunk| {
        if let Some(last) = chunk.iter().rposition(|byte| *byte != 0) {
            end = Some(at + u64::try_from(last).unwrap_or(0) + 1);
        }
        at += u64::try_from(chunk.len()).unwrap_or(0);
    })?;
    Ok(end)
}

fn crc_of(file: &File, range: Range<u64>) -> io::Result<u32> {
    let mut crc = 0;
    each_chunk(file, range, |chunk| crc = crc32c::crc32c_append(crc, chunk))?;
    Ok(crc)
}

/// Reads a range of a file in chunks; all but the last have a multiple of the sector size.
pub(crate) fn each_chunk(
    file: &File,
    range: Range<u64>,
    mut visit: impl FnMut(&[u8]),
) -> io::Result<()> {
    let size = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
    let mut buffer = vec![0; size.min(CHUNK_SIZE_BYTES)];
    let mut at = range.start;
    while at < range.end {
        let left = usize::try_from(range.end - at)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let (chunk, _) = buffer.split_at_mut(left);
        file.read_exact_at(chunk, at)?;
        visit(chunk);
        at += u64::try_from(left).unwrap_or(0);
    }
    Ok(())
}
