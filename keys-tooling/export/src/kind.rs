//! What a file that a stranger sent is, by its first bytes, and the name that it gets in a package.
//!
//! Nothing is opened, unpacked or shown. A name keeps its ending only when the content is what that ending says and is a
//! picture, a recording, a PDF or plain text; any other gets `.bin` behind it, so that no double click starts it.

use hafan_report::{FileEntry, member_name};
use infer::MatcherType;

/// What an officer should know before somebody opens a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// There is nothing in it.
    Empty,
    /// The content is not what the name's ending says, or is not known.
    OtherKind,
    /// A program, or a document that can hold one.
    Active,
    /// An archive: what is in it can be far larger, and of any kind.
    Archive,
}

/// A file that was looked at from outside.
pub struct Checked {
    /// `files/NN-name`: at most 93 bytes of `A-Z a-z 0-9 . _ - /`.
    pub path: String,
    /// The media type that its first bytes are of, if they are of one that is known.
    pub found: Option<&'static str>,
    /// What to know of it.
    pub concerns: Vec<Concern>,
}

/// Looks at file `number`, counted from 1.
#[must_use]
pub fn check(number: usize, entry: &FileEntry, data: &[u8]) -> Checked {
    let kind = infer::get(data);
    let mut path = member_name(number, &entry.name);
    let ending = path
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_ascii_lowercase());
    let ending = ending.unwrap_or_default();
    let (mut concerns, is_kept) = match &kind {
        None if data.is_empty() => (vec![Concern::Empty], false),
        None => (Vec::new(), ending == "txt" && is_text(data)),
        Some(kind) => {
            let is_usual = is_media(kind) || is_pdf(kind);
            let is_as_named = same_ending(&ending, kind.extension());
            (of_kind(kind), is_usual && is_as_named)
        }
    };
    if !is_kept {
        if !concerns.contains(&Concern::Empty) && !concerns.contains(&Concern::Archive) {
            concerns.push(Concern::OtherKind);
        }
        path.push_str(".bin");
    }
    Checked {
        path,
        found: kind.map(|kind| kind.mime_type()),
        concerns,
    }
}

fn of_kind(kind: &infer::Type) -> Vec<Concern> {
    if is_media(kind) {
        Vec::new()
    } else if kind.matcher_type() == MatcherType::Archive && !is_pdf(kind) {
        vec![Concern::Archive]
    } else {
        // PDF too, which the library counts among archives: what it can do is run what is in it.
        vec![Concern::Active]
    }
}

fn is_media(kind: &infer::Type) -> bool {
    matches!(
        kind.matcher_type(),
        MatcherType::Image | MatcherType::Audio | MatcherType::Video
    )
}

fn is_pdf(kind: &infer::Type) -> bool {
    kind.mime_type() == "application/pdf"
}

fn is_text(data: &[u8]) -> bool {
    !data.contains(&0) && std::str::from_utf8(data).is_ok()
}

/// Whether two endings name one kind.
fn same_ending(named: &str, found: &str) -> bool {
    let same: [&[&str]; 6] = [
        &["jpg", "jpeg"],
        &["tif", "tiff"],
        &["heic", "heif"],
        &["mp4", "m4a", "m4v", "mov"],
        &["ogg", "oga", "opus"],
        &["mid", "midi"],
    ];
    named == found
        || same
            .iter()
            .any(|group| group.contains(&named) && group.contains(&found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hafan_report::Metadata;

    fn checked(name: &str, data: &[u8]) -> Checked {
        let entry = FileEntry::describe(name, "image/jpeg", Metadata::Kept, data);
        check(1, &entry, data)
    }

    #[test]
    fn an_ending_stays_only_where_the_content_is_what_it_says() {
        let jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF";
        let cases: [(&str, &[u8], &str, &[Concern]); 12] = [
            ("photo.jpg", jpeg, "files/01-photo.jpg", &[]),
            ("photo.JPEG", jpeg, "files/01-photo.JPEG", &[]),
            (
                "photo.jpg.exe",
                jpeg,
                "files/01-photo.jpg.exe.bin",
                &[Concern::OtherKind],
            ),
            ("photo", jpeg, "files/01-photo.bin", &[Concern::OtherKind]),
            (
                "photo.jpg",
                b"MZ\x90\0",
                "files/01-photo.jpg.bin",
                &[Concern::Active, Concern::OtherKind],
            ),
            ("note.txt", "d\u{175}r".as_bytes(), "files/01-note.txt", &[]),
            (
                "note.txt",
                b"a\0b",
                "files/01-note.txt.bin",
                &[Concern::OtherKind],
            ),
            (
                "note.html",
                b"<!DOCTYPE html><script>",
                "files/01-note.html.bin",
                &[Concern::Active, Concern::OtherKind],
            ),
            (
                "all.zip",
                b"PK\x03\x04rest",
                "files/01-all.zip.bin",
                &[Concern::Archive],
            ),
            (
                "scan.pdf",
                b"%PDF-1.7",
                "files/01-scan.pdf",
                &[Concern::Active],
            ),
            (
                "photo.jpg",
                b"",
                "files/01-photo.jpg.bin",
                &[Concern::Empty],
            ),
            (
                ".bashrc",
                b"alias ls=rm",
                "files/01-.bashrc.bin",
                &[Concern::OtherKind],
            ),
        ];
        for (name, data, path, concerns) in cases {
            let checked = checked(name, data);
            assert_eq!(checked.path, path);
            assert_eq!(checked.concerns, concerns, "{name}");
        }
    }

    #[test]
    fn no_name_leads_out_of_the_folder_or_is_one_that_a_system_keeps() {
        for name in [
            "../../etc/passwd",
            "/etc/passwd",
            "..",
            ".",
            "C:\\con",
            "con",
            "nul.txt",
            "a\nb",
            "-rf",
            "\u{202e}gpj.exe",
            "a b;rm -rf ~",
            "$(id)",
            "dŵr.txt",
            "",
            " ",
            "a.",
            "x".repeat(300).as_str(),
        ] {
            let path = checked(name, b"text").path;
            let file = path.strip_prefix("files/01-").unwrap();
            assert!(
                file.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)),
                "{path}"
            );
            assert!(path.len() <= 93 && !path.ends_with('.'), "{path}");
        }
    }
}
