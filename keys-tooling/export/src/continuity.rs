//! The continuity sheet: what was exported, from where, by whom and why, and what anybody can check.

use hafan_record::{Hex32, Reason};
use hafan_report::Language;
use jiff::civil::Date;
use serde::Serialize;

use crate::kind::{Checked, Concern};
use crate::sheet::{Item, Place};
use crate::words;

/// Where a report comes from, as the vault knows it.
pub struct Source<'a> {
    /// Where it stands.
    pub place: Place<'a>,
    /// The submission's h.
    pub h: Hex32,
    /// The day that its bundle was imported.
    pub imported_on: Date,
    /// As it was sent: `salt[16] || τ[32] || envelope`.
    pub submission: &'a [u8],
    /// The age file in it.
    pub envelope: &'a [u8],
    /// The signed directory that names the log's key.
    pub directory: &'a [u8],
    /// That its leaf is in the log, as of a checkpoint in it: C2SP tlog-proof.
    pub proof: &'a [u8],
    /// The log's origin.
    pub origin: &'a str,
    /// How many leaves that checkpoint counts.
    pub size: u64,
}

/// Who exports it, when and why.
pub struct Export<'a> {
    /// Such as `officer-1`.
    pub officer: &'a str,
    /// The verification key that the officer's entries in the access record are signed with.
    pub key: &'a str,
    /// Today, in UTC.
    pub on: Date,
    /// Why.
    pub reason: &'a Reason,
    /// The program and its version.
    pub tool: &'a str,
}

/// A file of the package that the sheet names.
pub(crate) struct Named<'a> {
    pub(crate) path: &'a str,
    pub(crate) size: usize,
    pub(crate) sha256: Hex32,
}

/// The members of `continuity.json`, in order.
#[derive(Serialize)]
struct Json<'a> {
    version: u8,
    reference: &'a str,
    report: String,
    force: &'a str,
    log: &'a str,
    leaf: u64,
    checkpoint_size: u64,
    intake_key: &'a str,
    imported_on: Date,
    exported_on: Date,
    officer: &'a str,
    officer_key: &'a str,
    reason: &'a Reason,
    tool: &'a str,
    files: Vec<JsonFile<'a>>,
}

#[derive(Serialize)]
struct JsonFile<'a> {
    path: &'a str,
    size: usize,
    sha256: String,
}

pub(crate) fn json(
    force: &str,
    source: &Source<'_>,
    export: &Export<'_>,
    named: &[Named<'_>],
) -> Result<Vec<u8>, serde_json::Error> {
    let files = named.iter().map(|file| JsonFile {
        path: file.path,
        size: file.size,
        sha256: file.sha256.to_string(),
    });
    let json = Json {
        version: 1,
        reference: source.place.reference,
        report: source.h.to_string(),
        force,
        log: source.origin,
        leaf: source.place.index,
        checkpoint_size: source.size,
        intake_key: source.place.week,
        imported_on: source.imported_on,
        exported_on: export.on,
        officer: export.officer,
        officer_key: export.key,
        reason: export.reason,
        tool: export.tool,
        files: files.collect(),
    };
    let mut bytes = serde_json::to_vec_pretty(&json)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The sheet in one language.
pub(crate) fn sheet<'a>(
    force: &str,
    source: &Source<'_>,
    export: &Export<'_>,
    named: &[Named<'_>],
    attachments: &'a [(&'a str, Checked)],
    language: Language,
) -> Vec<Item<'a>> {
    let say = |phrase: words::Phrase| phrase.of(language).to_owned();
    let mut items = vec![
        Item::Title(title(source.place.reference, language)),
        Item::Note(say(words::CONTINUITY_NOTE)),
    ];
    let mut facts = |heading: words::Phrase, facts: Vec<(words::Phrase, String)>| {
        items.push(Item::Heading(say(heading)));
        let facts = facts.into_iter();
        items.extend(facts.map(|(name, value)| Item::Fact(say(name), value)));
    };
    let reason = words::reason(export.reason.code(), language);
    let mut who = vec![
        (words::EXPORTED_BY, export.officer.to_owned()),
        (words::SIGNS_AS, export.key.to_owned()),
        (words::FORCE, force.to_owned()),
        (words::EXPORTED_ON, format!("{} (UTC)", export.on)),
        (words::REASON, format!("{}: {reason}", export.reason.code())),
    ];
    if let Some(added) = export.reason.words() {
        who.push((words::IN_WORDS, added.as_str().to_owned()));
    }
    who.push((words::PROGRAM, export.tool.to_owned()));
    facts(words::WHO, who);
    let Place {
        week, year, index, ..
    } = source.place;
    let from = vec![
        (words::DIGEST, source.h.to_string()),
        (words::LOG, source.origin.to_owned()),
        (words::LEAF, words::leaf(year, index, language)),
        (words::CHECKPOINT, words::leaves(source.size, language)),
        (words::KEY, week.to_owned()),
        (words::IMPORTED_ON, source.imported_on.to_string()),
        (
            words::SEALED_DIGEST,
            Hex32::sha256(source.envelope).to_string(),
        ),
    ];
    facts(words::FROM, from);
    items.push(Item::Heading(say(words::IN_PACKAGE)));
    for file in named {
        let bytes = words::BYTES.of(language);
        let value = format!("{} {bytes}, SHA-256 {}", file.size, file.sha256);
        items.push(Item::Fact(file.path.to_owned(), value));
    }
    push_attachments(&mut items, attachments, language);
    items.push(Item::Heading(say(words::CHECK)));
    for step in words::CHECK_STEPS {
        items.push(Item::Note(say(step)));
    }
    items.push(Item::Heading(say(words::HANDED_ON)));
    for _ in 0..4 {
        for name in [words::HANDED_BY, words::RECEIVED_BY, words::WHEN_AND_WHY] {
            items.push(Item::Fact(say(name), "_".repeat(58)));
        }
        items.push(Item::Note(String::new()));
    }
    items
}

/// The title of the sheet.
pub(crate) fn title(reference: &str, language: Language) -> String {
    format!("{} {reference}", words::CONTINUITY.of(language))
}

fn push_attachments<'a>(
    items: &mut Vec<Item<'a>>,
    attachments: &'a [(&'a str, Checked)],
    language: Language,
) {
    if attachments.is_empty() {
        return;
    }
    items.push(Item::Heading(words::SENT_FILES.of(language).to_owned()));
    items.push(Item::Alert(words::SENT_FILES_NOTE.of(language).to_owned()));
    for (number, (name, checked)) in (1..).zip(attachments) {
        let found = checked.found.unwrap_or(words::UNKNOWN.of(language));
        let mut about = format!("{}; {}: {found}", checked.path, words::FOUND.of(language));
        for concern in &checked.concerns {
            about.push_str("; ");
            about.push_str(concern_words(*concern, language));
        }
        items.push(Item::File(number, name, about));
    }
}

/// What to know of a file, in words.
#[must_use]
pub const fn concern_words(concern: Concern, language: Language) -> &'static str {
    match concern {
        Concern::Empty => words::EMPTY_FILE,
        Concern::OtherKind => words::OTHER_KIND,
        Concern::Active => words::ACTIVE,
        Concern::Archive => words::ARCHIVE,
    }
    .of(language)
}
