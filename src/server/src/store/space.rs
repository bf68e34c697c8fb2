//! Room on the disk: asked for before it is needed, so that a full disk is met where nothing is lost.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;

use super::disk::Disk;

/// There is no room; everything is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the disk has no room")]
pub(crate) struct Full;

/// Bytes that an ordinary user may still write to the file system of `path`.
pub(crate) fn free_bytes(path: &Path) -> io::Result<u64> {
    let stat = statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Whether an error says that something has run out that can come back: blocks, quota, inodes, file handles.
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    [
        Errno::NOSPC,
        Errno::DQUOT,
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOMEM,
    ]
    .iter()
    .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// Gives a file `size` bytes of blocks that read as zeros.
///
/// Where the file system has no `fallocate`, zeros are written.
pub(crate) fn preallocate(file: &File, size: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, size) {
        Ok(()) => Ok(()),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => write_zeros(file, 0, size),
        Err(errno) => Err(errno.into()),
    }
}

/// Gives a file blocks for `size` more bytes behind its end, without changing its length.
///
/// Where the file system has no `fallocate` nothing is kept, and the watermark is all there is.
pub(crate) fn keep_room_behind(file: &File, size: u64) -> io::Result<()> {
    let length = file.metadata()?.len();
    match fallocate(file, FallocateFlags::KEEP_SIZE, length, size) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Writes zeros over `offset .. offset + size`, in chunks.
pub(crate) fn write_zeros(disk: &impl Disk, offset: u64, size: u64) -> io::Result<()> {
    static ZEROS: [u8; 65_536] = [0; 65_536];
    let mut done = 0;
    while done < size {
        let left = usize::try_from(size - done).unwrap_or(usize::MAX);
        let chunk = ZEROS.get(..left).unwrap_or(&ZEROS);
        disk.write_all_at(chunk, offset + done)?;
        done += u64::try_from(chunk.len()).unwrap_or(0);
    }
    Ok(())
}
