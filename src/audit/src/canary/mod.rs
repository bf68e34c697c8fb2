//! Canaries: marked reports go through the real page, and nothing of them may be anywhere but with the officers.
//!
//! A mark is 26 characters of random letters and digits. `plant` writes the marks down and has a browser type one into each
//! report; `scan` looks for them, in every form of [`hafan_search::forms`], in files and in the memory of processes. A scan is void unless
//! it finds each form where it planted it itself, and each mark in what the officers opened.

mod browser;
mod plant;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use hafan_search::{Form, Hit, Unreadable, files_under, forms, search_file, search_memory};
pub use plant::{Planting, plant};

use crate::failure::{Failure, Kind};
use crate::files;
use crate::progress;
use crate::report::Report;

const UNPROVEN: &[&str] = &[
    "that nothing was kept and taken away before the scan: look while the service runs, soon after planting",
    "that nothing is kept in a form that is not looked for: encrypted to another key, cut in pieces, raw deflate without a header",
    "that other machines, disks and people keep nothing",
];

/// Characters of a mark: 130 bits.
const MARK_SIZE_BYTES: usize = 26;
const MARKS_MAX: usize = 100;
const MARKS_FILE_SIZE_MAX: usize = 64 << 10;
const OPENED_SIZE_MAX: usize = 64 << 20;
/// Letters and digits that look like no other, in 5 bits each.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// What a form is planted in: noise, with the form in the middle.
const NOISE_SIZE_BYTES: usize = 16 << 10;

/// What `plant` writes and `scan` reads.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Marks {
    /// The marks, in the order of the reports.
    pub marks: Vec<String>,
}

impl Marks {
    /// New random marks.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn draw(count: usize) -> Result<Self, Failure> {
        let mut marks = Vec::new();
        for _ in 0..count {
            let mut bytes = [0; MARK_SIZE_BYTES];
            rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).map_err(
                |error| {
                    let what = "the system gives no random bytes";
                    Failure::new(Kind::Unreachable, what, "nothing was planted").because(error)
                },
            )?;
            let mark = bytes
                .iter()
                .filter_map(|byte| ALPHABET.get(usize::from(byte & 31)));
            marks.push(mark.map(|byte| char::from(*byte)).collect());
        }
        Ok(Self { marks })
    }

    /// Writes them into a new file, before anything is planted: a mark that nobody knows can never be looked for.
    ///
    /// # Errors
    /// The file is there already, or cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let write = || -> io::Result<()> {
            let mut file = fs::File::create_new(path)?;
            file.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()
        };
        write().map_err(|error| Failure::write(path, error))
    }

    /// Reads what `write` wrote.
    ///
    /// # Errors
    /// It cannot be read, or holds no marks.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = files::read_needed(path, MARKS_FILE_SIZE_MAX)?;
        let refuse = |why: &str| {
            let what = format!("{} holds no marks: {why}", path.display());
            Failure::new(Kind::Usage, what, "give the file that `canary plant` wrote")
        };
        let read: Self =
            serde_json::from_slice(&bytes).map_err(|error| refuse(&error.to_string()))?;
        if read.marks.is_empty() || read.marks.len() > MARKS_MAX {
            return Err(refuse("want 1 to 100 of them"));
        }
        let is_mark = |mark: &String| {
            mark.len() == MARK_SIZE_BYTES && mark.bytes().all(|byte| ALPHABET.contains(&byte))
        };
        if !read.marks.iter().all(is_mark) {
            return Err(refuse("want 26 characters each"));
        }
        Ok(read)
    }
}

/// What a scan looks through.
pub struct Options {
    /// The file of marks.
    pub marks: PathBuf,
    /// Folders and files: the store, logs, temporary folders, what strace wrote.
    pub places: Vec<PathBuf>,
    /// Processes whose memory is looked through.
    pub processes: Vec<u32>,
    /// What officers opened, as their tool wrote it: each mark has to be in one of these.
    pub opened: Vec<PathBuf>,
}

/// Looks for the marks.
///
/// # Errors
/// Something cannot be read, or the scan misses what it planted itself: then it is void.
pub fn scan(options: &Options) -> Result<Report, Failure> {
    if options.places.is_empty() && options.processes.is_empty() {
        let advice = "name at least one folder, file or process to look through";
        return Err(Failure::new(
            Kind::Usage,
            "there is nothing to look through",
            advice,
        ));
    }
    let Marks { marks } = Marks::read(&options.marks)?;
    let wanted: Vec<Form> = marks.iter().flat_map(|mark| forms(mark)).collect();
    find_what_is_planted(&wanted)?;
    Report::of(UNPROVEN, |report| {
        report.looked_at("marks", marks.len().to_string());
        report.looked_at(
            "forms of them, each found where it was planted",
            wanted.len().to_string(),
        );
        read_all(report, options, &wanted)?;
        arrived(report, &marks, &options.opened)
    })
}

/// Whether each mark is in what the officers opened.
fn arrived(report: &mut Report, marks: &[String], opened: &[PathBuf]) -> Result<(), Failure> {
    if opened.is_empty() {
        report.notice("--opened was not given: that the marked reports arrived was not shown");
    } else if let Some(number) = lost(marks, opened)? {
        let what = format!(
            "mark {number} is in nothing that the officers opened, so its report never arrived"
        );
        let advice =
            "plant again, have the officers open what came, and give what their tool wrote";
        report.unfinished(&Failure::new(Kind::Unreachable, what, advice));
    }
    Ok(())
}

fn read_all(report: &mut Report, options: &Options, wanted: &[Form]) -> Result<(), Failure> {
    let count = options.places.len() + options.processes.len();
    let bar = progress::bar("places", u64::try_from(count).unwrap_or(u64::MAX));
    let (mut files_bytes, mut memory_bytes) = (0_u64, 0_u64);
    let own = own_files(options);
    for place in &options.places {
        for path in files_under(place)? {
            if own.contains(&real(&path)) {
                continue;
            }
            match search_file(&path, wanted) {
                Ok((hits, searched)) => {
                    files_bytes += searched;
                    note(report, &hits);
                }
                // What runs takes files away.
                Err(error) if error.source.kind() == io::ErrorKind::NotFound => {
                    let what = format!("{} was gone before it could be read", path.display());
                    report.notice(what);
                }
                Err(error) => return Err(error.into()),
            }
        }
        bar.inc(1);
    }
    for id in &options.processes {
        let (hits, searched) = search_memory(*id, wanted)?;
        memory_bytes += searched;
        note(report, &hits);
        bar.inc(1);
    }
    bar.finish_and_clear();
    report.looked_at("bytes of files", files_bytes.to_string());
    report.looked_at("bytes of memory", memory_bytes.to_string());
    Ok(())
}

/// The files in which the marks stand by right.
fn own_files(options: &Options) -> Vec<PathBuf> {
    let opened = options.opened.iter().map(PathBuf::as_path);
    opened.chain([options.marks.as_path()]).map(real).collect()
}

/// Without links, so that one file has one name; as it is where it is gone.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The mark itself is not said: what a report says lies about, and would be a find of the next scan.
fn note(report: &mut Report, hits: &[Hit]) {
    for hit in hits {
        let what = format!(
            "a mark stands here as {}, from byte {}",
            hit.form, hit.offset
        );
        report.found("mark", &hit.place, what);
    }
}

/// Finds each form in a file of noise, and the first in this process's own memory.
///
/// # Errors
/// One is not found: then the scan is void.
fn find_what_is_planted(wanted: &[Form]) -> Result<(), Failure> {
    let void = |what: String| {
        let advice = "nothing was concluded: this program is broken; tell its developers";
        Failure::new(
            Kind::Unreachable,
            format!("the scan is void: {what}"),
            advice,
        )
    };
    let dir = tempfile::tempdir().map_err(|error| Failure::write(&std::env::temp_dir(), error))?;
    let path = dir.path().join("planted");
    for (number, form) in wanted.iter().enumerate() {
        let mut bytes = noise(number);
        let at = NOISE_SIZE_BYTES / 2 + number % 7;
        if let Some(room) = bytes.get_mut(at..at + form.planted.len()) {
            room.copy_from_slice(&form.planted);
        }
        fs::write(&path, &bytes).map_err(|error| Failure::write(&path, error))?;
        let (hits, _) = search_file(&path, std::slice::from_ref(form))?;
        if hits.is_empty() {
            return Err(void(format!(
                "a mark as {} is not found where it was planted",
                form.name
            )));
        }
    }
    // The needles are in this process's memory as they are looked for.
    let (hits, _) = search_memory(std::process::id(), wanted.get(..1).unwrap_or_default())?;
    if hits.is_empty() {
        return Err(void(
            "a mark is not found in this process's own memory".to_owned(),
        ));
    }
    Ok(())
}

impl From<Unreadable> for Failure {
    fn from(error: Unreadable) -> Self {
        let advice =
            "check that it is there and that you may read it (as root); nothing was concluded";
        Self::new(Kind::Unreachable, error.to_string(), advice).because(error.source)
    }
}

fn noise(number: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(NOISE_SIZE_BYTES);
    let mut block = Sha256::digest(format!("noise {number}"));
    while bytes.len() < NOISE_SIZE_BYTES {
        bytes.extend_from_slice(&block);
        block = Sha256::digest(block);
    }
    bytes
}

/// The number of a mark, from 1, that is in none of the files.
fn lost(marks: &[String], opened: &[PathBuf]) -> Result<Option<usize>, Failure> {
    let mut texts = Vec::new();
    for path in opened {
        let bytes = files::read_needed(path, OPENED_SIZE_MAX)?;
        texts.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    let is_lost = |mark: &String| !texts.iter().any(|text| text.contains(mark));
    Ok(marks.iter().position(is_lost).map(|at| at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(place: &Path, marks: &Marks, opened: &str) -> Report {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("marks.json");
        marks.write(&file).unwrap();
        let read = dir.path().join("read.txt");
        fs::write(&read, opened).unwrap();
        scan(&Options {
            marks: file,
            places: vec![place.to_owned()],
            processes: Vec::new(),
            opened: vec![read],
        })
        .unwrap()
    }

    #[test]
    fn each_form_of_each_mark_is_a_finding_that_does_not_say_the_mark() {
        let marks = Marks::draw(2).unwrap();
        let opened = marks.marks.join(" ");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("server.log");
        fs::write(&file, b"nothing").unwrap();
        let clean = scanned(dir.path(), &marks, &opened);
        assert_eq!(clean.code(), 0, "{}", clean.as_text());
        for mark in &marks.marks {
            for form in forms(mark) {
                fs::write(
                    &file,
                    [b"{\"line\":\"", form.planted.as_slice(), b"\"}"].concat(),
                )
                .unwrap();
                let found = scanned(dir.path(), &marks, &opened);
                assert_eq!(found.code(), 1, "{}", form.name);
                assert!(!found.as_text().contains(mark.as_str()));
            }
        }
        fs::write(&file, b"").unwrap();
        fs::rename(&file, dir.path().join(&marks.marks[1])).unwrap();
        assert_eq!(scanned(dir.path(), &marks, &opened).code(), 1, "a name");
    }

    #[test]
    fn the_files_in_which_marks_stand_by_right_are_no_finding() {
        let marks = Marks::draw(1).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (file, read) = (dir.path().join("marks.json"), dir.path().join("read.txt"));
        marks.write(&file).unwrap();
        fs::write(&read, &marks.marks[0]).unwrap();
        let options = |opened: &Path| Options {
            marks: file.clone(),
            places: vec![dir.path().to_owned()],
            processes: Vec::new(),
            opened: vec![opened.to_owned()],
        };
        assert_eq!(scan(&options(&read)).unwrap().code(), 0);
        let copy = dir.path().join("copy.txt");
        fs::copy(&read, &copy).unwrap();
        assert_eq!(scan(&options(&read)).unwrap().code(), 1);
        // What was found is told, though what was opened cannot be read.
        let unread = scan(&options(&dir.path().join("none"))).unwrap();
        assert_eq!(unread.code(), 1);
        assert!(unread.unfinished.is_some());
    }

    #[test]
    fn a_mark_that_never_reached_the_officers_is_no_answer() {
        let marks = Marks::draw(2).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let report = scanned(dir.path(), &marks, &marks.marks[0]);
        assert_eq!(report.code(), 3);
        assert!(report.as_text().contains("mark 2"), "{}", report.as_text());
    }

    #[test]
    fn marks_are_written_once_and_what_is_no_file_of_marks_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("marks.json");
        let marks = Marks::draw(3).unwrap();
        marks.write(&path).unwrap();
        assert_eq!(Marks::read(&path).unwrap().marks, marks.marks);
        assert!(
            Marks::draw(3).unwrap().write(&path).is_err(),
            "kept, not overwritten"
        );
        for wrong in [
            "",
            "{}",
            r#"{"marks":[]}"#,
            r#"{"marks":["short"]}"#,
            r#"{"marks":[],"more":1}"#,
        ] {
            fs::write(&path, wrong).unwrap();
            assert!(Marks::read(&path).is_err(), "{wrong}");
        }
    }
}
