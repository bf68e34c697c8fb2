//! The evidence package: every file of it with its name, and a manifest that `sha256sum -c` accepts.
//!
//! Made in memory; whoever calls writes it, after the access record says so. Must never write a file, and never opens what
//! a stranger sent.

use hafan_record::Hex32;
use hafan_report::{Attachment, Language, Report};
use zeroize::Zeroizing;

use crate::continuity::{self, Export, Named, Source};
use crate::kind::{Checked, check};
use crate::pdf::{About, PdfError, pdf};
use crate::rows::{blocks, print};
use crate::sheet::{Item, sheet};
use crate::{table, words};

/// The name of the manifest.
pub const MANIFEST: &str = "SHA256SUMS";

/// The name of the entry of the access record that names the manifest. It is written after the manifest, which does not name
/// it.
pub const ENTRY: &str = "access-record.json";

/// The columns of the plain text.
const COLUMNS: usize = 96;

/// One file of a package.
pub struct PackageFile<'a> {
    /// Below the package's folder: at most 93 bytes of `A-Z a-z 0-9 . _ - /`.
    pub path: String,
    content: Content<'a>,
}

enum Content<'a> {
    Made(Zeroizing<Vec<u8>>),
    Sent(&'a [u8]),
}

impl PackageFile<'_> {
    /// What is in it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Made(bytes) => bytes,
            Content::Sent(bytes) => bytes,
        }
    }
}

/// A package, whole.
pub struct Package<'a> {
    /// Every file but the entry of the access record; the manifest is the last.
    pub files: Vec<PackageFile<'a>>,
    /// SHA-256 of the manifest.
    pub manifest: Hex32,
    /// What was found of each file that the person sent.
    pub attachments: Vec<Checked>,
}

/// Why there is no package. It says nothing of the content.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// No document.
    #[error("the print-ready document cannot be made")]
    Pdf(#[from] PdfError),
    /// No table.
    #[error("the table of answers cannot be made")]
    Csv(#[from] csv::Error),
    /// No JSON.
    #[error("a JSON file cannot be made")]
    Json(#[from] serde_json::Error),
}

/// Puts a package together.
///
/// # Errors
/// [`PackageError`]; none depends on what a stranger wrote.
pub fn package<'a>(
    report: &'a Report,
    attachments: &'a [Attachment],
    source: &'a Source<'a>,
    export: &Export<'_>,
) -> Result<Package<'a>, PackageError> {
    let mut parts = Parts(Vec::new());
    let languages = [(Language::English, "en"), (Language::Welsh, "cy")];
    for (language, tag) in languages {
        let items = sheet(report, &source.place, language);
        let title = format!("{} {}", words::REPORT.of(language), source.place.reference);
        parts.made(
            format!("report-{tag}.pdf"),
            document(&items, &title, language, report, export)?,
        );
        let text = Zeroizing::new(print(&blocks(&items), COLUMNS));
        parts.made(
            format!("report-{tag}.txt"),
            Zeroizing::new(text.as_bytes().to_vec()),
        );
    }
    parts.made("report.json", report.encode());
    parts.made("answers.csv", table::csv(report, source.place.reference)?);
    parts.made("pole.json", table::pole(report, source.place.reference)?);
    let mut checked = Vec::new();
    for (number, (entry, file)) in (1..).zip(report.files.iter().zip(attachments)) {
        let found = check(number, entry, file.data());
        parts.sent(found.path.clone(), file.data());
        checked.push((entry.name.as_str(), found));
    }
    parts.sent("original/submission", source.submission);
    parts.sent("original/envelope.age", source.envelope);
    parts.sent("original/leaf.tlog-proof", source.proof);
    parts.sent("original/directory", source.directory);
    let read_me = words::READ_ME.as_bytes().to_vec();
    parts.made("README.txt", Zeroizing::new(read_me));
    let named = parts.named();
    let json = continuity::json(&report.force, source, export, &named)?;
    let mut sheets = Vec::new();
    for (language, tag) in languages {
        let items = continuity::sheet(&report.force, source, export, &named, &checked, language);
        let title = continuity::title(source.place.reference, language);
        let made = document(&items, &title, language, report, export)?;
        sheets.push((format!("continuity-{tag}.pdf"), made));
    }
    drop(named);
    parts.made("continuity.json", Zeroizing::new(json));
    for (path, made) in sheets {
        parts.made(path, made);
    }
    let manifest = parts.manifest();
    let digest = Hex32::sha256(manifest.as_bytes());
    parts.made(MANIFEST, Zeroizing::new(manifest.into_bytes()));
    let attachments = checked.into_iter().map(|(_, checked)| checked);
    Ok(Package {
        attachments: attachments.collect(),
        files: parts.0,
        manifest: digest,
    })
}

fn document(
    items: &[Item<'_>],
    title: &str,
    language: Language,
    report: &Report,
    export: &Export<'_>,
) -> Result<Zeroizing<Vec<u8>>, PdfError> {
    let about = About {
        title,
        language,
        told_in: report.language,
        made_on: export.on,
    };
    pdf(items, &about)
}

struct Parts<'a>(Vec<PackageFile<'a>>);

impl<'a> Parts<'a> {
    fn made(&mut self, path: impl Into<String>, bytes: Zeroizing<Vec<u8>>) {
        self.0.push(PackageFile {
            path: path.into(),
            content: Content::Made(bytes),
        });
    }

    fn sent(&mut self, path: impl Into<String>, bytes: &'a [u8]) {
        self.0.push(PackageFile {
            path: path.into(),
            content: Content::Sent(bytes),
        });
    }

    fn named(&self) -> Vec<Named<'_>> {
        let named = self.0.iter().map(|file| Named {
            path: &file.path,
            size: file.bytes().len(),
            sha256: Hex32::sha256(file.bytes()),
        });
        named.collect()
    }

    /// A line a file, as GNU coreutils' `sha256sum` writes it.
    fn manifest(&self) -> String {
        let lines = self.named();
        let lines = lines
            .iter()
            .map(|file| format!("{}  {}\n", file.sha256, file.path));
        lines.collect()
    }
}
