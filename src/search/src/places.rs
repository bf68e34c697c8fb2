//! Looks through files, and through the memory of processes. What cannot be read is an error: a place that was not searched is
//! not a place where nothing was found.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::forms::{Form, Hit, needle_size_max, search_bytes};

/// What could not be read, so that nothing can be said of it.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {place}")]
pub struct Unreadable {
    /// The file, the folder, or `the memory of process N`.
    pub place: String,
    /// Why.
    pub source: io::Error,
}

impl Unreadable {
    fn file(path: &Path, source: io::Error) -> Self {
        let place = path.display().to_string();
        Self { place, source }
    }
}

/// Bytes read at once, besides the overlap.
const WINDOW_SIZE_BYTES: usize = 4 << 20;
/// Windows overlap by this or by the longest needle: so much of a compressed stream is in one window, wherever it begins.
const OVERLAP_SIZE_BYTES: usize = 256 << 10;

/// How often the memory of a process that changes its ranges meanwhile is read.
const MEMORY_TRIES: u32 = 5;

/// Looks through every file under a folder, or through one file, and their names. Returns what was found and the number of
/// bytes looked through.
///
/// # Errors
/// Something cannot be read: also a file that was there a moment ago.
pub fn search_files(path: &Path, forms: &[Form]) -> Result<(Vec<Hit>, u64), Unreadable> {
    let mut hits = Vec::new();
    let mut searched = 0;
    for path in files_under(path)? {
        let (found, size) = search_file(&path, forms)?;
        hits.extend(found);
        searched += size;
    }
    Ok((hits, searched))
}

/// Looks through one file and its name.
///
/// # Errors
/// It cannot be read.
pub fn search_file(path: &Path, forms: &[Form]) -> Result<(Vec<Hit>, u64), Unreadable> {
    let unreadable = |error| Unreadable::file(path, error);
    let file = File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    let place = path.display().to_string();
    let mut hits = Vec::new();
    let read = |buffer: &mut [u8], offset| file.read_at(buffer, offset);
    search_range(&place, 0, size, forms, &mut hits, read).map_err(unreadable)?;
    // A name can hold a text as well as a file can.
    let name = format!("the name of {place}");
    hits.extend(search_bytes(&name, place.as_bytes(), forms));
    Ok((hits, size))
}

/// Looks through the readable memory of a process: every range of `/proc/PID/maps`.
///
/// # Errors
/// The process is gone or may not be read. Ranges that the kernel itself keeps (`[vvar]`, `[vsyscall]`) are left out.
pub fn search_memory(id: u32, forms: &[Form]) -> Result<(Vec<Hit>, u64), Unreadable> {
    // A process that runs may give a range back between the reading of its maps and of the range: then all is read again.
    for _ in 1..MEMORY_TRIES {
        if let Ok(done) = search_memory_once(id, forms) {
            return Ok(done);
        }
    }
    search_memory_once(id, forms).map_err(|source| {
        let place = format!("the memory of process {id}");
        Unreadable { place, source }
    })
}

fn search_memory_once(id: u32, forms: &[Form]) -> io::Result<(Vec<Hit>, u64)> {
    let maps = fs::read_to_string(format!("/proc/{id}/maps"))?;
    let mut memory = File::open(format!("/proc/{id}/mem"))?;
    let mut hits = Vec::new();
    let mut searched = 0;
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (Some(range), Some(rights)) = (fields.next(), fields.next()) else {
            continue;
        };
        if !rights.starts_with('r') || line.contains("[vvar") || line.contains("[vsyscall]") {
            continue;
        }
        let ends = range.split_once('-').and_then(|(from, to)| {
            Some((
                u64::from_str_radix(from, 16).ok()?,
                u64::from_str_radix(to, 16).ok()?,
            ))
        });
        let (from, to) = ends.ok_or(io::ErrorKind::InvalidData)?;
        let place = format!("memory of {id}: {line}");
        search_range(&place, from, to, forms, &mut hits, |buffer, offset| {
            memory.seek(SeekFrom::Start(offset))?;
            memory.read(buffer)
        })?;
        searched += to - from;
    }
    Ok((hits, searched))
}

fn search_range(
    place: &str,
    from: u64,
    to: u64,
    forms: &[Form],
    hits: &mut Vec<Hit>,
    mut read: impl FnMut(&mut [u8], u64) -> io::Result<usize>,
) -> io::Result<()> {
    let overlap = needle_size_max(forms).max(OVERLAP_SIZE_BYTES);
    let size = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
    let mut buffer = vec![0; size.min(WINDOW_SIZE_BYTES + overlap)];
    let mut offset = from;
    while offset < to {
        let want = usize::try_from(to - offset)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let mut filled = 0;
        while filled < want {
            let at = offset + bytes(filled);
            match read(buffer.get_mut(filled..want).unwrap_or_default(), at)? {
                0 => break,
                n => filled += n,
            }
        }
        let window = buffer.get(..filled).unwrap_or_default();
        for mut hit in search_bytes(place, window, forms) {
            hit.offset += offset;
            // What stands in the overlap is found by both windows.
            if !hits.contains(&hit) {
                hits.push(hit);
            }
        }
        // A file became shorter meanwhile.
        if filled < want {
            break;
        }
        offset += bytes(want.min(WINDOW_SIZE_BYTES));
    }
    Ok(())
}

fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Every regular file under a folder, sorted; a file itself. Links are not followed.
///
/// # Errors
/// A folder cannot be read.
pub fn files_under(path: &Path) -> Result<Vec<PathBuf>, Unreadable> {
    let metadata = fs::symlink_metadata(path).map_err(|error| Unreadable::file(path, error))?;
    if !metadata.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    let mut dirs = vec![path.to_owned()];
    while let Some(dir) = dirs.pop() {
        let list = || -> io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
            let (mut files, mut dirs) = (Vec::new(), Vec::new());
            for entry in fs::read_dir(&dir)? {
                let entry = entry?;
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    dirs.push(entry.path());
                } else if kind.is_file() {
                    files.push(entry.path());
                }
            }
            Ok((files, dirs))
        };
        let (found, below) = list().map_err(|error| Unreadable::file(&dir, error))?;
        files.extend(found);
        dirs.extend(below);
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;
    use crate::forms::forms;

    const TEXT: &str = "Canary: tŷ 🌧️ مرحبا, 'quoted' %";

    #[test]
    fn a_text_across_two_windows_of_a_file_is_found_once() {
        let dir = tempfile::tempdir().unwrap();
        for before in [
            WINDOW_SIZE_BYTES - 5,
            WINDOW_SIZE_BYTES + OVERLAP_SIZE_BYTES - 5,
        ] {
            let mut bytes = vec![0; before];
            bytes.extend_from_slice(TEXT.as_bytes());
            bytes.resize(2 * WINDOW_SIZE_BYTES + 300, 0);
            fs::write(dir.path().join("file"), &bytes).unwrap();
            let (hits, searched) = search_files(dir.path(), &forms(TEXT)).unwrap();
            assert_eq!(searched, u64::try_from(bytes.len()).unwrap());
            let found: Vec<(&str, u64)> = hits.iter().map(|hit| (hit.form, hit.offset)).collect();
            assert_eq!(found, [("UTF-8", u64::try_from(before).unwrap())]);
        }
    }

    #[test]
    fn the_memory_of_a_process_holds_a_text_that_it_was_given() {
        let secret = format!("only in its environment: {}", std::process::id());
        // It waits for a line that does not come, so that its memory stands still.
        let mut child = Command::new("sh")
            .args(["-c", "echo ready; read -r line"])
            .env("HAFAN_SCRATCH", &secret)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 6];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut ready)
            .unwrap();
        let found = search_memory(child.id(), &forms(&secret));
        child.kill().unwrap();
        child.wait().unwrap();
        let (hits, _) = found.unwrap();
        assert!(hits.iter().any(|hit| hit.form == "UTF-8"));
    }

    #[test]
    fn what_is_not_there_is_an_error_and_a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        assert!(search_files(&dir.path().join("none"), &forms(TEXT)).is_err());
        assert!(search_memory(u32::MAX, &forms(TEXT)).is_err());
        std::os::unix::fs::symlink("/", dir.path().join("link")).unwrap();
        assert_eq!(search_files(dir.path(), &forms(TEXT)).unwrap().1, 0);
    }
}
