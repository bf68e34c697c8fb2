//! How bytes of the value log get to the disk: in which order, and between which syncs.
//!
//! What a power cut can leave behind follows from this order alone, so it stands here by itself, over a file or over a
//! test's record of it. It decides nothing about what the bytes mean.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::Range;

use super::frame::{HEADER_SIZE_BYTES, Header};
use super::space::write_zeros;
use super::times::set_to_midnight;

/// Small parts of a frame are gathered to writes of this size; a submission, which is larger, is written as it is.
const BUFFER_SIZE_BYTES: usize = 32 * 1024;

/// A file that is written at positions and synced.
pub(crate) trait Disk {
    /// Fills the buffer from this position on.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes some of the bytes at this position; says how many.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Makes everything written so far durable.
    fn sync(&self) -> io::Result<()>;

    /// Writes all of the bytes at this position.
    fn write_all_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = match self.write_at(bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            bytes = bytes.get(written..).unwrap_or_default();
            offset += u64::try_from(written).map_err(io::Error::other)?;
        }
        Ok(())
    }
}

impl Disk for File {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::write_at(self, bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        // Before the sync, so that the time of the write is not what gets to the disk.
        set_to_midnight(self)?;
        self.sync_data()
    }
}

/// Writes one frame at `offset` and makes it durable; `fill` writes exactly the payload.
///
/// The header is durable before the first byte of the payload is written. So a frame that was interrupted either has
/// its header, which says how far it may reach, or has nothing beyond its header: whatever a sender put into the
/// payload is never looked at to find that out.
pub(crate) fn write_frame(
    disk: &impl Disk,
    offset: u64,
    header: Header,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    disk.write_all_at(&header.encode(), offset)?;
    disk.sync()?;
    let out = PositionedWriter {
        disk,
        offset: offset + HEADER_SIZE_BYTES,
        crc: 0,
        count: 0,
    };
    let mut out = BufWriter::with_capacity(BUFFER_SIZE_BYTES, out);
    fill(&mut out)?;
    out.flush()?;
    let (crc, count) = (out.get_ref().crc, out.get_ref().count);
    if count != header.payload_size {
        let wanted = header.payload_size;
        return Err(io::Error::other(format!(
            "the frame has {count} bytes, want {wanted}"
        )));
    }
    // What aligns the next frame is zero already.
    out.write_all(&crc.to_be_bytes())?;
    out.flush()?;
    disk.sync()
}

/// Makes zero what stands behind the last whole frame, from byte `end` to `size`, durably.
///
/// The place of a header goes last: while anything else of a torn frame is there, its header is there too. Zeros are
/// written again where there are zeros, because an earlier try may have failed to bring them to the disk.
pub(crate) fn cut_tail(disk: &impl Disk, end: u64, size: u64) -> io::Result<()> {
    let header_end = end.saturating_add(HEADER_SIZE_BYTES).min(size);
    write_zeros(disk, header_end, size.saturating_sub(header_end))?;
    disk.sync()?;
    write_zeros(disk, end, header_end.saturating_sub(end))?;
    disk.sync()
}

/// Writes bytes over themselves and makes them durable.
///
/// After a failed sync the kernel keeps what it could not write, but takes it for written: it reads well, and a later
/// sync has nothing to do. Only writing it again brings it to the disk.
pub(crate) fn write_again(disk: &impl Disk, range: Range<u64>) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_SIZE_BYTES];
    let mut at = range.start;
    while at < range.end {
        let left = usize::try_from(range.end - at)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let (chunk, _) = buffer.split_at_mut(left);
        disk.read_exact_at(chunk, at)?;
        disk.write_all_at(chunk, at)?;
        at += u64::try_from(left).map_err(io::Error::other)?;
    }
    disk.sync()
}

/// Writes at a position and keeps the checksum of what it wrote.
struct PositionedWriter<'a, D> {
    disk: &'a D,
    offset: u64,
    crc: u32,
    count: u64,
}

impl<D: Disk> Write for PositionedWriter<'_, D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.disk.write_at(bytes, self.offset)?;
        let taken = bytes.get(..written).unwrap_or(bytes);
        self.crc = crc32c::crc32c_append(self.crc, taken);
        let written_bytes = u64::try_from(written).map_err(io::Error::other)?;
        self.offset += written_bytes;
        self.count += written_bytes;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;
    use std::fs;

    use proptest::prelude::*;

    use super::super::frame::FrameKind;
    use super::super::scan::{End, Growth, ScanError, scan, segment_path};
    use super::*;

    const SIZE: usize = 16 * 1024;

    /// A disk with a cache: what a power cut may leave is, sector by sector, what was synced or what was written.
    struct Cached {
        state: RefCell<State>,
    }

    #[derive(Clone)]
    struct State {
        durable: Vec<u8>,
        cached: Vec<u8>,
        dirty: BTreeSet<usize>,
        /// Every sync fails.
        fails: bool,
        /// What both were before each sync.
        cuts: Vec<(Vec<u8>, Vec<u8>)>,
    }

    impl Cached {
        fn new(bytes: Vec<u8>) -> Self {
            let (durable, cached) = (bytes.clone(), bytes);
            let cuts = Vec::new();
            let state = RefCell::new(State {
                durable,
                cached,
                dirty: BTreeSet::new(),
                fails: false,
                cuts,
            });
            Self { state }
        }

        /// What a power cut right before sync number `sync` leaves when only the sectors of `kept` had got there.
        fn cut(&self, sync: usize, kept: &[bool]) -> Vec<u8> {
            let state = self.state.borrow();
            let (durable, cached) = &state.cuts[sync];
            let mut left = durable.clone();
            for (at, kept) in (0..SIZE).step_by(512).zip(kept) {
                if *kept {
                    left[at..at + 512].copy_from_slice(&cached[at..at + 512]);
                }
            }
            left
        }
    }

    impl Disk for Cached {
        fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
            let at = usize::try_from(offset).unwrap();
            buffer.copy_from_slice(&self.state.borrow().cached[at..at + buffer.len()]);
            Ok(())
        }

        fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
            let at = usize::try_from(offset).unwrap();
            // Not all at once, as a file may do.
            let bytes = &bytes[..bytes.len().min(700)];
            let mut state = self.state.borrow_mut();
            state.cached[at..at + bytes.len()].copy_from_slice(bytes);
            let sectors = at / 512..(at + bytes.len()).div_ceil(512);
            state.dirty.extend(sectors);
            Ok(bytes.len())
        }

        fn sync(&self) -> io::Result<()> {
            let mut state = self.state.borrow_mut();
            let cut = (state.durable.clone(), state.cached.clone());
            state.cuts.push(cut);
            let dirty = std::mem::take(&mut state.dirty);
            if state.fails {
                // As Linux does: what was not written is clean from now on.
                return Err(io::ErrorKind::Other.into());
            }
            for at in dirty.into_iter().map(|sector| sector * 512) {
                let sector = state.cached[at..at + 512].to_vec();
                state.durable[at..at + 512].copy_from_slice(&sector);
            }
            Ok(())
        }
    }

    fn judge(bytes: &[u8]) -> Result<End, ScanError> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(segment_path(dir.path(), 0), bytes).unwrap();
        scan(dir.path(), Growth::Still, |_, _| Ok(()), |_, _| {})
    }

    /// A disk with one whole frame, and where the next goes.
    fn begun(size: usize) -> (Cached, u64) {
        let disk = Cached::new(vec![0; SIZE]);
        let header = Header {
            kind: FrameKind::Epoch,
            payload_size: u64::try_from(size).unwrap(),
        };
        write_frame(&disk, 0, header, |out| out.write_all(&vec![0x5a; size])).unwrap();
        disk.state.borrow_mut().cuts.clear();
        (disk, header.frame_size().unwrap())
    }

    /// What a sender may make of a submission: whole frames, at every alignment, up to its end.
    fn crafted(size: usize) -> Vec<u8> {
        let (disk, end) = begun(40);
        let frame = disk.state.borrow().durable[..usize::try_from(end).unwrap()].to_vec();
        let mut bytes = vec![1; 5];
        while bytes.len() < size {
            bytes.extend(&frame);
            bytes.resize(bytes.len() + bytes.len() % 8, 1);
        }
        bytes.truncate(size);
        bytes
    }

    #[test]
    fn a_frame_whose_sync_failed_is_on_the_disk_after_the_start_that_took_it() {
        let (disk, at) = begun(700);
        let header = Header {
            kind: FrameKind::Intake,
            payload_size: 3000,
        };
        disk.sync().unwrap();
        let written = write_frame(&disk, at, header, |out| {
            disk.state.borrow_mut().fails = true;
            out.write_all(&[0xa5; 3000])
        });
        written.unwrap_err();
        disk.state.borrow_mut().fails = false;
        // The start reads what is cached.
        let cached = disk.state.borrow().cached.clone();
        let end = judge(&cached).unwrap();
        let last = at..at + header.frame_size().unwrap();
        assert_eq!((end.offset, end.last.clone()), (last.end, Some(last)));
        disk.sync().unwrap();
        assert_ne!(
            disk.state.borrow().durable,
            cached,
            "a sync alone does not mend it"
        );
        write_again(&disk, end.last.unwrap()).unwrap();
        assert_eq!(disk.state.borrow().durable, cached);
    }

    #[test]
    fn zeros_whose_sync_failed_are_on_the_disk_after_the_next_start() {
        let (disk, at) = begun(700);
        disk.write_all_at(&[0xa5; 900], at + 20).unwrap();
        disk.sync().unwrap();
        disk.state.borrow_mut().fails = true;
        let size = u64::try_from(SIZE).unwrap();
        cut_tail(&disk, at, size).unwrap_err();
        disk.state.borrow_mut().fails = false;
        cut_tail(&disk, at, size).unwrap();
        let state = disk.state.borrow();
        assert_eq!(state.durable, state.cached);
        assert!(
            state.durable[usize::try_from(at).unwrap()..]
                .iter()
                .all(|byte| *byte == 0)
        );
    }

    proptest! {
        #[test]
        fn a_power_cut_leaves_a_torn_tail_or_a_whole_frame_whatever_was_sent(
            before in 1..1200usize,
            size in 1..6000usize,
            hostile: bool,
            kept in prop::collection::vec(any::<bool>(), SIZE / 512),
            kept_of_cut in prop::collection::vec(any::<bool>(), SIZE / 512),
        ) {
            let (disk, at) = begun(before);
            let payload = if hostile { crafted(size) } else { vec![0xa5; size] };
            let header = Header { kind: FrameKind::Intake, payload_size: u64::try_from(size).unwrap() };
            write_frame(&disk, at, header, |out| out.write_all(&payload)).unwrap();
            let ends = [at, at + header.frame_size().unwrap()];
            for sync in 0..disk.state.borrow().cuts.len() {
                let left = disk.cut(sync, &kept);
                let end = judge(&left);
                prop_assert!(end.is_ok(), "sync {sync}: {}", end.unwrap_err());
                prop_assert!(ends.contains(&end.unwrap().offset));
                // The cutting of the tail may be interrupted too.
                let end = judge(&left).unwrap();
                let disk = Cached::new(left);
                cut_tail(&disk, end.offset, end.size).unwrap();
                for sync in 0..disk.state.borrow().cuts.len() {
                    let again = judge(&disk.cut(sync, &kept_of_cut));
                    prop_assert!(again.is_ok(), "cut at sync {sync}: {}", again.unwrap_err());
                    prop_assert_eq!(again.unwrap().offset, end.offset);
                }
                let state = disk.state.borrow();
                let offset = usize::try_from(end.offset).unwrap();
                prop_assert!(state.durable[offset..].iter().all(|byte| *byte == 0));
            }
        }
    }
}
