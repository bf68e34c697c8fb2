//! The end of the value log: the segment that frames are appended to.
//!
//! One writer owns it. A frame is written whole and synced before anybody hears of it (`disk` says in which order); a
//! write or sync that fails ends the process. It never changes a byte of a whole frame.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::disk::{cut_tail, write_again, write_frame};
use super::fail_stop::fail_stop;
use super::frame::{FrameKind, Header, payload_size_max};
use super::scan::{End, segment_path};
use super::space::{Full, is_shortage, preallocate};
use super::times::set_to_midnight;

/// Where a frame's payload was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) segment: u32,
    pub(crate) payload_offset: u64,
}

/// The segment being filled, and where.
pub(crate) struct Segments {
    dir: PathBuf,
    segment_size: u64,
    current: Option<Current>,
}

struct Current {
    number: u32,
    file: File,
    offset: u64,
    size: u64,
}

impl Segments {
    /// Opens the value log for writing at its end, as a scan found it: brings the last frame to the disk, cuts a torn
    /// tail off, and finishes a segment whose making was interrupted.
    pub(crate) fn open(dir: &Path, segment_size: u64, end: &End) -> io::Result<Self> {
        let mut segments = Self {
            dir: dir.to_path_buf(),
            segment_size,
            current: None,
        };
        let Some(number) = end.segment else {
            return Ok(segments);
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(segment_path(dir, number))?;
        let mut size = end.size;
        if end.offset == 0 && size < segment_size {
            preallocate(&file, segment_size)?;
            size = segment_size;
        }
        // The last frame may be one whose sync failed, or was never asked for: what the scan saw becomes durable here,
        // before anything is built on it. Every frame before it was synced before it was begun.
        if let Some(last) = &end.last {
            write_again(&file, last.clone())?;
        }
        cut_tail(&file, end.offset, size)?;
        file.sync_all()?;
        let folder = File::open(dir)?;
        set_to_midnight(&folder)?;
        folder.sync_all()?;
        segments.current = Some(Current {
            number,
            file,
            offset: end.offset,
            size,
        });
        Ok(segments)
    }

    /// The largest payload of a frame.
    pub(crate) const fn payload_size_max(&self) -> u64 {
        payload_size_max(self.segment_size)
    }

    /// Segment and byte at which the next frame goes.
    pub(crate) fn end(&self) -> (u32, u64) {
        self.current
            .as_ref()
            .map_or((0, 0), |current| (current.number, current.offset))
    }

    /// Whether a frame with a payload of this size needs a new segment.
    pub(crate) fn needs_segment(&self, payload_size: u64) -> bool {
        // The kind does not change the size.
        let frame = Header {
            kind: FrameKind::Intake,
            payload_size,
        }
        .frame_size();
        self.current.as_ref().is_none_or(|current| {
            frame
                .and_then(|frame| current.offset.checked_add(frame))
                .is_none_or(|end| end > current.size)
        })
    }

    /// Makes sure that a frame with a payload of this size has a place, with a new segment where there is none.
    pub(crate) fn make_room(&mut self, payload_size: u64) -> Result<(), Full> {
        if !self.needs_segment(payload_size) {
            return Ok(());
        }
        let number = self
            .current
            .as_ref()
            .map_or(0, |current| current.number + 1);
        let path = segment_path(&self.dir, number);
        let file = match create_segment(&self.dir, &path, self.segment_size) {
            Ok(file) => file,
            Err(error) if is_shortage(&error) => return Err(Full),
            Err(error) => fail_stop(&format!("cannot make segment {}", path.display()), &error),
        };
        self.current = Some(Current {
            number,
            file,
            offset: 0,
            size: self.segment_size,
        });
        Ok(())
    }

    /// Writes one frame and syncs it: when this returns, the frame is durable.
    ///
    /// [`Self::make_room`] has been asked for this size; `fill` writes exactly `payload_size` bytes.
    pub(crate) fn append(
        &mut self,
        kind: FrameKind,
        payload_size: u64,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Written {
        let Some(current) = self.current.as_mut() else {
            fail_stop(
                "cannot append to the value log",
                &"no segment was made for the frame",
            );
        };
        let header = Header { kind, payload_size };
        match current.write(header, fill) {
            Ok(written) => written,
            Err(error) => fail_stop(
                &format!("cannot write or sync segment {:06}", current.number),
                &error,
            ),
        }
    }
}

impl Current {
    fn write(
        &mut self,
        header: Header,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<Written> {
        let frame_size = header.frame_size().unwrap_or(u64::MAX);
        if self
            .offset
            .checked_add(frame_size)
            .is_none_or(|end| end > self.size)
        {
            return Err(io::Error::other(
                "the frame is longer than the room that was made for it",
            ));
        }
        write_frame(&self.file, self.offset, header, fill)?;
        let offset = self.offset;
        self.offset += frame_size;
        let payload_offset = offset + super::frame::HEADER_SIZE_BYTES;
        Ok(Written {
            segment: self.number,
            payload_offset,
        })
    }
}

/// Makes an empty segment that survives a power cut, or leaves nothing behind.
///
/// Only what comes before its first sync may fail without harm: a failed sync ends the process.
fn create_segment(dir: &Path, path: &Path, size: u64) -> io::Result<File> {
    // Before the file is made: when handles have run out there must be no file.
    let folder = File::open(dir)?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    if let Err(error) = preallocate(&file, size) {
        fs::remove_file(path)?;
        return Err(error);
    }
    let synced = [&file, &folder]
        .into_iter()
        .try_for_each(|made| set_to_midnight(made).and_then(|()| made.sync_all()));
    if let Err(error) = synced {
        fail_stop(&format!("cannot sync segment {}", path.display()), &error);
    }
    Ok(file)
}
