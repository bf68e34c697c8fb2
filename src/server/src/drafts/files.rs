//! A draft's file and its folder, on the disk: written whole, synced, taken away, and with no time finer than the day. A
//! sync that fails ends the process.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use hafan_envelope::ENVELOPE_SIZE_BYTES_MIN;
use rustix::fs::{Mode, OFlags};

use crate::store::fail_stop::fail_stop;
use crate::store::folder::create_private;
use crate::store::times::set_to_midnight;

/// What a file that is being written has behind its name.
pub(super) const STAGED: &str = ".next";

pub(super) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

pub(super) fn entries(dir: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect()
}

/// The folder of a day, open, and made where it is missing.
///
/// What is changed in a folder is synced through a handle from before the change: a shortage of handles is met where
/// nothing has happened.
pub(super) fn day_folder(dir: &Path, path: &Path) -> io::Result<File> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => return opened,
    }
    let root = File::open(dir)?;
    DirBuilder::new().mode(0o700).create(path)?;
    sync_or_stop(&root);
    File::open(path)
}

/// Writes a file whole: under its name only once it is synced.
pub(super) fn write(path: &Path, folder: &File, bytes: &[u8]) -> io::Result<()> {
    let mut staged = path.as_os_str().to_owned();
    staged.push(STAGED);
    let staged = PathBuf::from(staged);
    let written = stage(&staged, bytes).and_then(|()| fs::rename(&staged, path));
    if let Err(error) = written {
        remove(&staged)?;
        set_to_midnight(folder)?;
        return Err(error);
    }
    sync_or_stop(folder);
    Ok(())
}

fn stage(staged: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create_private(staged)?;
    file.write_all(bytes)?;
    set_to_midnight(&file)?;
    if let Err(error) = file.sync_all() {
        fail_stop("cannot sync a draft", &error);
    }
    Ok(())
}

/// Opens a file so that reading it does not change the time of its last read: whoever takes the disk would see in it
/// when somebody came back. Only the file's owner can do so.
pub(super) fn open_untraced(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOATIME | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

pub(super) fn read_untraced(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_untraced(path)?
        .take(ENVELOPE_SIZE_BYTES_MIN)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Takes a file away, durably. One that is gone already is as wanted.
pub(super) fn take_away(path: &Path) -> io::Result<()> {
    let folder = match File::open(parent(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    remove(path)?;
    sync_or_stop(&folder);
    Ok(())
}

/// Takes a day away with all that is in it, what was left half written too. Goes on after an error.
pub(super) fn take_day_away(path: &Path) -> io::Result<()> {
    let folder = File::open(path)?;
    let mut done = Ok(());
    for file in entries(path)? {
        done = done.and(remove(&file));
    }
    sync_or_stop(&folder);
    done?;
    fs::remove_dir(path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

pub(super) fn sync(dir: &Path) -> io::Result<()> {
    let dir = File::open(dir)?;
    set_to_midnight(&dir)?;
    dir.sync_all()
}

/// Makes durable what was changed in a folder, and its time no finer than the day.
pub(super) fn sync_or_stop(folder: &File) {
    let synced = set_to_midnight(folder).and_then(|()| folder.sync_all());
    if let Err(error) = synced {
        fail_stop("cannot sync a folder of drafts", &error);
    }
}
