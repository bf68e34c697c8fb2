//! Looks for a text in bytes, in every form in which a program might have kept it.
//!
//! A search that finds nothing proves nothing until it has found what was put there: whoever uses this plants each form
//! in a copy of the place searched, and demands that each is found.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;

/// Bytes read at once; windows overlap by the longest needle.
const WINDOW_SIZE_BYTES: usize = 4 << 20;

/// How often the memory of a process that changes its ranges meanwhile is read.
const MEMORY_TRIES: u32 = 5;

/// One way of writing a text, and the bytes that it becomes.
#[derive(Clone)]
pub struct Form {
    /// What the form is called in a finding.
    pub name: &'static str,
    /// The bytes looked for.
    pub needle: Vec<u8>,
    /// The bytes to plant: the needle with what would stand around it.
    pub planted: Vec<u8>,
}

/// Where a form was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, or the memory range.
    pub place: String,
    /// The form.
    pub form: &'static str,
    /// The byte at which it begins.
    pub offset: u64,
}

/// The forms of one text: UTF-8, UTF-16 in both byte orders, hex in both cases, base64 and base64url at each of the three
/// offsets, percent-encoding (all bytes, or only those that a URL cannot hold), and JSON `\u` escapes.
///
/// A text of 12 bytes or more; shorter ones are found by chance.
#[must_use]
pub fn forms(text: &str) -> Vec<Form> {
    let bytes = text.as_bytes();
    let mut forms = vec![
        whole("UTF-8", bytes.to_vec()),
        whole(
            "UTF-16LE",
            text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ),
        whole(
            "UTF-16BE",
            text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        ),
        whole("hex", hex(bytes, "0123456789abcdef", "")),
        whole("HEX", hex(bytes, "0123456789ABCDEF", "")),
        whole("percent, every byte", hex(bytes, "0123456789ABCDEF", "%")),
        whole(
            "percent, every byte, lower case",
            hex(bytes, "0123456789abcdef", "%"),
        ),
        whole("percent", percent(bytes)),
        whole("JSON escapes", json_escapes(text)),
    ];
    for (offset, name, name_url) in [
        (0_usize, "base64, offset 0", "base64url, offset 0"),
        (1, "base64, offset 1", "base64url, offset 1"),
        (2, "base64, offset 2", "base64url, offset 2"),
    ] {
        forms.push(base64_form(name, &STANDARD_NO_PAD, bytes, offset));
        forms.push(base64_form(name_url, &URL_SAFE_NO_PAD, bytes, offset));
    }
    // An ASCII text is its own percent form, and so on: one needle is enough.
    let mut seen: Vec<Vec<u8>> = Vec::new();
    forms.retain(|form| {
        let new = !seen.contains(&form.needle);
        seen.push(form.needle.clone());
        new
    });
    forms
}

fn whole(name: &'static str, needle: Vec<u8>) -> Form {
    Form {
        name,
        planted: needle.clone(),
        needle,
    }
}

/// Base64 of the text behind `offset` other bytes, without the characters that depend on its neighbours.
fn base64_form(name: &'static str, engine: &impl Engine, bytes: &[u8], offset: usize) -> Form {
    let mut input = vec![0xa5; offset];
    input.extend_from_slice(bytes);
    let planted = engine.encode(&input).into_bytes();
    // Characters 0..=offset hold bits of what stands before; past the last whole group, of what stands behind.
    let from = if offset == 0 { 0 } else { offset + 1 };
    let to = input.len() / 3 * 4;
    Form {
        name,
        needle: planted.get(from..to).unwrap_or_default().to_vec(),
        planted,
    }
}

fn hex(bytes: &[u8], digits: &str, before: &str) -> Vec<u8> {
    let digits = digits.as_bytes();
    let mut out = Vec::new();
    for byte in bytes {
        out.extend_from_slice(before.as_bytes());
        for nibble in [byte >> 4, byte & 15] {
            out.extend(digits.get(usize::from(nibble)));
        }
    }
    out
}

/// As ECMAScript's `encodeURIComponent`.
fn percent(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(byte) {
            out.push(*byte);
        } else {
            out.extend(hex(&[*byte], "0123456789ABCDEF", "%"));
        }
    }
    out
}

fn json_escapes(text: &str) -> Vec<u8> {
    text.encode_utf16()
        .map(|unit| match u8::try_from(unit) {
            Ok(ascii @ 0x20..=0x7e) => char::from(ascii).to_string(),
            Ok(_) | Err(_) => format!("\\u{unit:04x}"),
        })
        .collect::<String>()
        .into_bytes()
}

/// Where bytes first stand in other bytes.
#[must_use]
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    memmem::find(bytes, needle)
}

/// Looks through bytes that are in memory already.
#[must_use]
pub fn search_bytes(place: &str, bytes: &[u8], forms: &[Form]) -> Vec<Finding> {
    forms
        .iter()
        .filter(|form| !form.needle.is_empty())
        .filter_map(|form| {
            let offset = memmem::find(bytes, &form.needle)?;
            Some(Finding {
                place: place.to_owned(),
                form: form.name,
                offset: u64::try_from(offset).unwrap_or(u64::MAX),
            })
        })
        .collect()
}

/// Looks through every file under a folder. Returns the findings and the number of bytes looked through.
///
/// # Errors
/// When a file cannot be read: a place that could not be searched is not a place where nothing was found.
pub fn search_dir(dir: &Path, forms: &[Form]) -> Result<(Vec<Finding>, u64)> {
    let mut findings = Vec::new();
    let mut searched = 0;
    for path in files_under(dir)? {
        let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        let size = file.metadata()?.len();
        let place = path.display().to_string();
        search_ranges(&place, 0, size, forms, &mut findings, |buffer, offset| {
            file.read_at(buffer, offset)
        })
        .with_context(|| format!("cannot read {}", path.display()))?;
        // A name can hold a text as well as a file can.
        findings.extend(search_bytes(
            &format!("the name of {place}"),
            place.as_bytes(),
            forms,
        ));
        searched += size;
    }
    Ok((findings, searched))
}

/// Looks through the readable memory of a process: every range of `/proc/PID/maps`.
///
/// # Errors
/// When the process is gone or may not be read. Ranges that the kernel itself keeps (`[vvar]`, `[vsyscall]`) are left out.
pub fn search_memory(id: u32, forms: &[Form]) -> Result<(Vec<Finding>, u64)> {
    // A process that runs may give a range back between the reading of its maps and of the range: then all is read again.
    for _ in 1..MEMORY_TRIES {
        if let Ok(done) = search_memory_once(id, forms) {
            return Ok(done);
        }
    }
    search_memory_once(id, forms)
}

fn search_memory_once(id: u32, forms: &[Form]) -> Result<(Vec<Finding>, u64)> {
    let maps = fs::read_to_string(format!("/proc/{id}/maps")).context("cannot read the maps")?;
    let mut memory = File::open(format!("/proc/{id}/mem")).context("cannot open the memory")?;
    let mut findings = Vec::new();
    let mut searched = 0;
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (Some(range), Some(rights)) = (fields.next(), fields.next()) else {
            continue;
        };
        if !rights.starts_with('r') || line.contains("[vvar") || line.contains("[vsyscall]") {
            continue;
        }
        let Some((from, to)) = range.split_once('-') else {
            continue;
        };
        let from = u64::from_str_radix(from, 16)?;
        let to = u64::from_str_radix(to, 16)?;
        let place = format!("memory of {id}: {line}");
        search_ranges(&place, from, to, forms, &mut findings, |buffer, offset| {
            memory.seek(SeekFrom::Start(offset))?;
            memory.read(buffer)
        })
        .with_context(|| place.clone())?;
        searched += to - from;
    }
    Ok((findings, searched))
}

fn search_ranges(
    place: &str,
    from: u64,
    to: u64,
    forms: &[Form],
    findings: &mut Vec<Finding>,
    mut read: impl FnMut(&mut [u8], u64) -> std::io::Result<usize>,
) -> Result<()> {
    let overlap = forms
        .iter()
        .map(|form| form.needle.len())
        .max()
        .unwrap_or(0);
    let mut buffer = vec![0; WINDOW_SIZE_BYTES + overlap];
    let mut offset = from;
    while offset < to {
        let want = usize::try_from(to - offset)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let mut filled = 0;
        while filled < want {
            let Some(rest) = buffer.get_mut(filled..want) else {
                break;
            };
            let at = offset + u64::try_from(filled)?;
            match read(rest, at)? {
                0 => break,
                n => filled += n,
            }
        }
        let window = buffer.get(..filled).unwrap_or_default();
        for mut finding in search_bytes(place, window, forms) {
            finding.offset += offset;
            findings.push(finding);
        }
        if filled < want {
            break;
        }
        offset += u64::try_from(want.min(WINDOW_SIZE_BYTES))?;
    }
    Ok(())
}

/// Every regular file under a folder, sorted.
///
/// # Errors
/// When a folder cannot be read.
pub fn files_under(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        let entries =
            fs::read_dir(&dir).with_context(|| format!("cannot list {}", dir.display()))?;
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                dirs.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    const TEXT: &str = "Canary: tŷ 🌧️ مرحبا, 'quoted' %";

    #[test]
    fn each_form_is_found_where_it_was_planted_at_every_alignment() {
        for form in forms(TEXT) {
            for before in 0..4 {
                let mut place = vec![b'.'; before];
                place.extend_from_slice(&form.planted);
                place.extend_from_slice(b"...");
                let found = search_bytes("scratch", &place, &forms(TEXT));
                assert!(found.iter().any(|f| f.form == form.name), "{}", form.name);
            }
        }
    }

    #[test]
    fn base64_of_a_text_with_neighbours_is_found_at_each_offset() {
        for offset in 0..3 {
            let mut input = vec![7; offset];
            input.extend_from_slice(TEXT.as_bytes());
            input.extend_from_slice(b"what follows");
            let encoded = STANDARD_NO_PAD.encode(&input);
            assert!(!search_bytes("", encoded.as_bytes(), &forms(TEXT)).is_empty());
        }
    }

    #[test]
    fn a_text_across_two_windows_of_a_file_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = vec![0; WINDOW_SIZE_BYTES - 5];
        bytes.extend_from_slice(TEXT.as_bytes());
        bytes.resize(2 * WINDOW_SIZE_BYTES + 300, 0);
        fs::write(dir.path().join("file"), &bytes).unwrap();
        let (findings, searched) = search_dir(dir.path(), &forms(TEXT)).unwrap();
        assert_eq!(searched, u64::try_from(bytes.len()).unwrap());
        assert!(findings.iter().any(
            |f| f.form == "UTF-8" && f.offset == u64::try_from(WINDOW_SIZE_BYTES - 5).unwrap()
        ));
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
        let (findings, _) = found.unwrap();
        assert!(findings.iter().any(|f| f.form == "UTF-8"));
    }
}
