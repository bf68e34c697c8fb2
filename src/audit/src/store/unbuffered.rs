//! Reads a file past the kernel's cache into memory that is used again: no byte is copied, and what is judged is what the
//! disk gives. Where a file system cannot do that, the file is read as any other.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::{Advice, Mode, OFlags, fadvise, open};
use rustix::io::Errno;

/// What disks want of offsets, sizes and places in memory: 512 or 4,096.
const ALIGNMENT_BYTES: usize = 4096;

/// What is read at once.
const CHUNK_SIZE_BYTES: usize = 4 * 1024 * 1024;

const _: () = assert!(CHUNK_SIZE_BYTES.is_multiple_of(ALIGNMENT_BYTES));

/// Memory that a file is read to, at an address that a disk can write to.
#[derive(Default)]
pub(super) struct Buffer {
    memory: Vec<u8>,
    start: usize,
    size: usize,
}

impl Buffer {
    /// What was read.
    pub(super) fn bytes(&self) -> &[u8] {
        let bytes = self.memory.get(self.start..self.start + self.size);
        bytes.unwrap_or_default()
    }

    /// Reads the first `size` bytes of a file, in the place of what was read before.
    ///
    /// # Errors
    /// It cannot be read, or is shorter.
    pub(super) fn fill(&mut self, path: &Path, size: usize) -> io::Result<()> {
        let room = size.next_multiple_of(ALIGNMENT_BYTES);
        if self.memory.len() < room + ALIGNMENT_BYTES {
            self.memory = vec![0; room + ALIGNMENT_BYTES];
        }
        // At most one alignment away; what could not say so is read as any other file.
        self.start = self.memory.as_ptr().align_offset(ALIGNMENT_BYTES);
        let is_aligned = self.start < ALIGNMENT_BYTES;
        if !is_aligned {
            self.start = 0;
        }
        self.size = size;
        let (_, aligned) = self.memory.split_at_mut(self.start);
        let (aligned, _) = aligned.split_at_mut(room);
        if is_aligned && read_past_cache(path, aligned, size)? {
            return Ok(());
        }
        let (wanted, _) = aligned.split_at_mut(size);
        read_as_any(path, wanted)
    }
}

fn read_as_any(path: &Path, wanted: &mut [u8]) -> io::Result<()> {
    let file = File::open(path)?;
    // Only advice: without it the same is read, later.
    let _advised = fadvise(&file, 0, None, Advice::Sequential);
    file.read_exact_at(wanted, 0)
}

/// Whether the file was read; it was not where its file system or its size does not allow it.
fn read_past_cache(path: &Path, aligned: &mut [u8], size: usize) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECT;
    let file = match open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let mut at = 0;
    while at < size {
        let end = (at + CHUNK_SIZE_BYTES).min(aligned.len());
        let chunk = aligned.get_mut(at..end).unwrap_or_default();
        let offset = u64::try_from(at).map_err(io::Error::other)?;
        match file.read_at(chunk, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => at += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(false),
            Err(error) => return Err(error),
        }
        // Only the last part of a file is no multiple, and nothing follows it.
        if at < size && !at.is_multiple_of(ALIGNMENT_BYTES) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_any_size_is_read_to_the_size_that_is_asked_for_and_again_into_the_same_memory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("segment");
        let bytes: Vec<u8> = (0..=250).cycle().take(9 * 1024 * 1024 + 17).collect();
        std::fs::write(&path, &bytes).unwrap();
        let mut buffer = Buffer::default();
        for size in [bytes.len(), 5000, 4096, 1, 0, CHUNK_SIZE_BYTES + 1] {
            buffer.fill(&path, size).unwrap();
            assert!(buffer.bytes() == &bytes[..size], "{size}");
            let mut as_any = vec![0; size];
            read_as_any(&path, &mut as_any).unwrap();
            assert!(as_any == bytes[..size], "{size}");
        }
    }

    #[test]
    fn a_file_that_is_shorter_or_away_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("segment");
        let away = Buffer::default().fill(&path, 1).unwrap_err();
        assert_eq!(away.kind(), io::ErrorKind::NotFound);
        for size in [0, 1, 4096, 5000] {
            std::fs::write(&path, vec![7; size]).unwrap();
            let short = Buffer::default().fill(&path, size + 1).unwrap_err();
            assert_eq!(short.kind(), io::ErrorKind::UnexpectedEof, "{size}");
        }
    }
}
