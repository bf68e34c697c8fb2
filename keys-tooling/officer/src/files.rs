//! Files on the workstation: whole or not at all, synced, and readable by their owner only.
//!
//! Must never leave half a file under its final name. Trusts the local file system.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Who may read a new file.
#[derive(Clone, Copy)]
pub(crate) enum Access {
    /// 0600: keys, ciphertext, the state of the vault.
    Owner,
    /// 0644: what is meant to be given away.
    Everyone,
}

/// Writes a file that must not be there yet, and syncs it.
pub(crate) fn write_new(path: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    let mut file = create_new(path, access)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Opens a file that must not be there yet.
pub(crate) fn create_new(path: &Path, access: Access) -> io::Result<File> {
    let mode = match access {
        Access::Owner => 0o600,
        Access::Everyone => 0o644,
    };
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
}

/// Puts `bytes` under `path` in one step: whoever looks sees the old file or the new, never a part.
pub(crate) fn replace(path: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    let partial = beside(path, ".partial");
    remove_if_there(&partial)?;
    write_new(&partial, bytes, access)?;
    fs::rename(&partial, path)?;
    sync_dir(parent(path))
}

/// Makes a folder, mode 0700, that must not be there yet.
pub(crate) fn create_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Makes a folder, mode 0700, if it is not there yet.
pub(crate) fn make_dir(path: &Path) -> io::Result<()> {
    match create_dir(path) {
        Ok(()) => sync_dir(parent(path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Syncs the names in a folder.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Syncs a folder and everything below it.
pub(crate) fn sync_tree(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_dir(path)
}

/// The path with `suffix` put behind its last part and a dot before it.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(suffix);
    path.with_file_name(name)
}

/// The folder that `path` lies in.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        Some(_) | None => Path::new("."),
    }
}

pub(crate) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(crate) fn remove_dir_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Reads a whole file of at most `size_max` bytes into memory that is wiped afterwards.
///
/// # Errors
/// [`io::ErrorKind::FileTooLarge`] when it is longer.
pub(crate) fn read(path: &Path, size_max: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    if size > size_max {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    // Room for all of it at once, so that no shorter copy of a secret is left behind by growing.
    let room = usize::try_from(size).unwrap_or(0).saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(size_max.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > size_max {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

/// Whether nobody but the owner may read or write the file.
pub(crate) fn is_private(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.mode() & 0o077 == 0)
}
