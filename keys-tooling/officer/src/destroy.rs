//! Files whose bytes must not stay: written over before they go.
//!
//! On a disk that writes in place this leaves nothing. It promises nothing where a write goes elsewhere (SSDs, and file systems
//! that copy on write), nor for copies: the verbs that use it say so.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rand::RngCore as _;
use rand::rngs::OsRng;

use crate::files::{self, Access};

/// The unit in which disks are written: what is behind a file's end in its last one is written over too.
const BLOCK_SIZE_BYTES: u64 = 4096;

/// Said wherever something was destroyed.
pub(crate) const LIMITS: &str = "This reached the vault on this disk only. Copies of the vault, backups and snapshots may hold it \
still, and so may the disk itself if it is an SSD or its file system copies on write: destroy those copies too.";

/// Writes over a file, takes it away, and syncs both.
pub(crate) fn file(path: &Path) -> io::Result<()> {
    let old = open(path)?;
    overwrite(&old)?;
    fs::remove_file(path)?;
    files::sync_dir(files::parent(path))
}

/// Puts `bytes` under `path` in one step, as [`files::replace`] does, and then writes over what was there.
pub(crate) fn replaced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let old = open(path)?;
    files::replace(path, bytes, Access::Owner)?;
    overwrite(&old)
}

fn open(path: &Path) -> io::Result<File> {
    let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
    File::options()
        .write(true)
        .custom_flags(no_follow)
        .open(path)
}

fn overwrite(mut file: &File) -> io::Result<()> {
    let size = file.metadata()?.len();
    let blocks = size.div_ceil(BLOCK_SIZE_BYTES);
    for _ in 0..blocks {
        let mut noise = [0; 4096];
        OsRng.try_fill_bytes(&mut noise).map_err(io::Error::other)?;
        file.write_all(&noise)?;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_is_written_over_even_under_another_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let other = dir.path().join("link");
        fs::write(&path, [7; 5000]).unwrap();
        fs::hard_link(&path, &other).unwrap();
        replaced(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let old = fs::read(&other).unwrap();
        assert!(old.len() == 8192 && !old.windows(8).any(|eight| eight == [7; 8]));
        fs::hard_link(&path, dir.path().join("again")).unwrap();
        file(&path).unwrap();
        assert!(!path.exists());
        let old = fs::read(dir.path().join("again")).unwrap();
        assert!(old.len() == 4096 && !old.starts_with(b"new"));
    }

    #[test]
    fn a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        fs::write(&target, b"stays").unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(file(&link).is_err());
        assert_eq!(fs::read(&target).unwrap(), b"stays");
    }
}
