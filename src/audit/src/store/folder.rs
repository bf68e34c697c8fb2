//! Files and folders as such: names, kinds, permissions, links, times, attributes. Looks into no file of the store.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::report::Report;

/// The most attributes that are named of one file, in bytes of their names.
const ATTRIBUTES_SIZE_BYTES_MAX: usize = 64 * 1024;

const DAY_S: i64 = 24 * 60 * 60;

/// How fine the times of a file may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    /// Midnight UTC only.
    Days,
    /// As it comes: the time tells nothing that is not told elsewhere.
    Any,
}

/// What a name in a folder may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    File(Times),
    Folder(Times),
    Stray,
}

/// Lists a folder and judges each thing in it; gives the files that are known, in order.
pub(super) fn list(
    dir: &Path,
    shown_as: &str,
    known: &dyn Fn(&str) -> Known,
    report: &mut Report,
) -> Result<Vec<(String, PathBuf)>, Failure> {
    let failed = |error: io::Error| Failure::read(dir, error);
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let place = if shown_as.is_empty() {
            name.clone()
        } else {
            format!("{shown_as}/{name}")
        };
        let metadata = fs::symlink_metadata(&path).map_err(|e| Failure::read(&path, e))?;
        let wanted = known(&name);
        match wanted {
            Known::Stray => name_stray(&path, &place, &metadata, report)?,
            Known::File(times) => {
                if metadata.file_type().is_file() {
                    judge(&path, &place, &metadata, 0o600, times, report)?;
                    found.push((name, path));
                } else {
                    report.found(
                        "not-a-file",
                        &place,
                        "a link or a folder where a file should be",
                    );
                }
            }
            Known::Folder(times) => {
                if metadata.file_type().is_dir() {
                    judge(&path, &place, &metadata, 0o700, times, report)?;
                    found.push((name, path));
                } else {
                    report.found("not-a-folder", &place, "something where a folder should be");
                }
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Judges the folder itself, as a thing in the one above it.
pub(super) fn judge_root(
    dir: &Path,
    place: &str,
    times: Times,
    report: &mut Report,
) -> Result<(), Failure> {
    let metadata = fs::metadata(dir).map_err(|error| Failure::read(dir, error))?;
    judge(dir, place, &metadata, 0o700, times, report)
}

fn judge(
    path: &Path,
    place: &str,
    metadata: &Metadata,
    mode_max: u32,
    times: Times,
    report: &mut Report,
) -> Result<(), Failure> {
    let mode = metadata.mode() & 0o7777;
    if mode & !mode_max != 0 {
        let what = format!("its permissions are {mode:04o}, want at most {mode_max:04o}");
        report.found("open-permissions", place, what);
    }
    if metadata.is_file() && metadata.nlink() != 1 {
        let what = format!("it has {} names, want one", metadata.nlink());
        report.found("hard-link", place, what);
    }
    let is_midnight = metadata.mtime() % DAY_S == 0 && metadata.mtime_nsec() == 0;
    if times == Times::Days && !is_midnight {
        let what = "its time of last change is finer than a day; in a copy, make it with cp -a";
        report.found("fine-time", place, what);
    }
    attributes(path, place, report)
}

/// Extended attributes hold what no listing shows.
fn attributes(path: &Path, place: &str, report: &mut Report) -> Result<(), Failure> {
    let mut names = vec![0; ATTRIBUTES_SIZE_BYTES_MAX];
    let size = match rustix::fs::llistxattr(path, names.as_mut_slice()) {
        Ok(size) => size,
        // This file system has none.
        Err(rustix::io::Errno::OPNOTSUPP) => return Ok(()),
        Err(error) => return Err(Failure::read(path, error.into())),
    };
    let names = names.get(..size).unwrap_or_default();
    for name in names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        // The label that SELinux gives every file.
        if name != b"security.selinux" {
            let what = format!("it is called {}", String::from_utf8_lossy(name));
            report.found("extended-attribute", place, what);
        }
    }
    Ok(())
}

/// Names something that does not belong there, and what it looks like.
fn name_stray(
    path: &Path,
    place: &str,
    metadata: &Metadata,
    report: &mut Report,
) -> Result<(), Failure> {
    if metadata.file_type().is_symlink() {
        report.found(
            "stray-link",
            place,
            "a link, which the format does not know",
        );
        return Ok(());
    }
    if metadata.is_dir() {
        report.found(
            "stray-folder",
            place,
            "a folder that the format does not know",
        );
        return Ok(());
    }
    if !metadata.is_file() {
        report.found("stray-file", place, "a socket, pipe or device");
        return Ok(());
    }
    let failed = |error: io::Error| Failure::read(path, error);
    let file = File::open(path).map_err(failed)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_core_name = name == "core" || name.starts_with("core.") || name.ends_with(".core");
    let (name, what) = if is_core_name || is_core(&file).map_err(failed)? {
        ("core-file", "the memory of a process that crashed")
    } else if is_swap(file).map_err(failed)? {
        ("swap-file", "memory that was swapped out")
    } else {
        ("stray-file", "a file that the format does not know")
    };
    report.found(name, place, format!("{what}, {} bytes", metadata.len()));
    Ok(())
}

/// An ELF file of type `ET_CORE`.
fn is_core(file: &File) -> io::Result<bool> {
    let mut head = [0; 18];
    let read = file.read_at(&mut head, 0)?;
    let is_elf = head.starts_with(b"\x7fELF");
    let [.., low, high] = head;
    Ok(read == head.len() && is_elf && (low == 4 || high == 4))
}

/// The mark at the end of the first page of a swap area.
fn is_swap(mut file: File) -> io::Result<bool> {
    let mut mark = Vec::new();
    file.seek(SeekFrom::Start(4086))?;
    file.take(10).read_to_end(&mut mark)?;
    Ok(mark == b"SWAPSPACE2" || mark == b"SWAP-SPACE")
}
