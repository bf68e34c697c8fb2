//! `list`: one line a report. Opens each in memory, and lets go of it again.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use hafan_export::words::urgency;
use hafan_record::Event;
use hafan_report::{Language, Route};

use crate::access;
use crate::cli::List;
use crate::failure::{Failure, counted, print};
use crate::keyring::{Keyring, Opened, missing_weeks};
use crate::passphrase::Passphrases;
use crate::reference::Reference;
use crate::state::State;
use crate::vault::{Held, Vault};
use hafan_export::text;

/// Where the flags stand: the width of all columns before them.
const FLAGS_INDENT: usize = 56;

/// More of a report's flags than is known is cut.
const FLAGS_COLUMNS_MAX: usize = 240;

/// A row without a long flag is this wide at most.
const COLUMNS: usize = 80;

/// Below this many reports a thread costs more than it brings.
const REPORTS_A_THREAD: usize = 8;

/// What the list says of one report.
pub(crate) struct Row {
    /// Where it stands among the vault's.
    pub(crate) held: usize,
    pub(crate) reference: String,
    pub(crate) year: u16,
    pub(crate) index: u64,
    pub(crate) is_read: bool,
    /// What is known of it, or why it does not open.
    pub(crate) content: Result<Content, String>,
}

pub(crate) struct Content {
    pub(crate) week: String,
    pub(crate) route: &'static str,
    pub(crate) language: &'static str,
    /// Most urgent first.
    pub(crate) flags: Vec<String>,
    pub(crate) files: usize,
}

pub(crate) fn run(args: &List) -> Result<ExitCode, Failure> {
    let vault = Vault::open(&args.who.vault)?;
    let held = vault.held()?;
    let passphrases = Passphrases::from(args.who.passphrases.passphrase_file.as_deref())?;
    let keys = Keyring::unlock(&vault, &args.who.officer, &passphrases)?;
    let rows = rows(&vault, &keys, &held)?;
    let missing = missing(&vault)?;
    let weeks = missing_weeks(&vault)?;
    print(&if args.json {
        as_json(&rows, missing, &weeks)
    } else {
        as_text(&rows, missing, &weeks)
    })?;
    let whole = missing == 0 && weeks.is_empty() && rows.iter().all(|row| row.content.is_ok());
    Ok(if whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// Writes down that every report is opened for its line, and only then opens each, in memory: the most urgent flag
/// first, then what cannot be opened, then the newest.
pub(crate) fn rows(vault: &Vault, keys: &Keyring, held: &[Held]) -> Result<Vec<Row>, Failure> {
    let state = State::open(vault)?;
    if !held.is_empty() {
        let event = Event::Listed {
            reports: u64::try_from(held.len()).unwrap_or(u64::MAX),
            tree: vault.tree_sha256(),
        };
        access::note(vault, keys.signer(), event)?;
    }
    let references: Vec<Reference> = held.iter().map(Held::reference).collect();
    let mut rows: Vec<Row> = contents(keys, held)
        .into_iter()
        .zip(held)
        .map(|((at, content), held)| Row {
            held: at,
            reference: held.reference().among(references.iter()).to_string(),
            year: held.year,
            index: held.index,
            is_read: state.is_read(&held.h),
            content,
        })
        .collect();
    rows.sort_by_key(|row| (row.rank(), std::cmp::Reverse((row.year, row.index))));
    Ok(rows)
}

/// Opens each report on as many threads as there are cores, and lets go of it; in the order of `held`, numbered.
fn contents(keys: &Keyring, held: &[Held]) -> BTreeMap<usize, Result<Content, String>> {
    let next = AtomicUsize::new(0);
    let contents = Mutex::new(BTreeMap::new());
    hafan_open::share(held.len().div_ceil(REPORTS_A_THREAD), || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(held) = held.get(at) else { return };
            let content = keys.open(held).map(|opened| Content::of(&opened));
            let mut contents = contents.lock().unwrap_or_else(PoisonError::into_inner);
            contents.insert(at, content);
        }
    });
    contents
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
}

/// How many leaves the imports named as not whole.
fn missing(vault: &Vault) -> Result<u64, Failure> {
    let mut missing: u64 = 0;
    for name in vault.bundles() {
        let findings = vault.brought(name)?.findings.len();
        missing = missing.saturating_add(u64::try_from(findings).unwrap_or(u64::MAX));
    }
    Ok(missing)
}

impl Row {
    /// 0 stands first.
    fn rank(&self) -> usize {
        match &self.content {
            // Sorted: the first is the most urgent.
            Ok(content) => match content.flags.first() {
                Some(flag) => urgency(flag),
                None => usize::MAX,
            },
            Err(_) => usize::MAX.saturating_sub(1),
        }
    }

    fn state(&self) -> &'static str {
        if self.is_read { "read" } else { "new" }
    }
}

impl Content {
    fn of(opened: &Opened) -> Self {
        let mut flags = opened.report.flags.clone();
        flags.sort_by_key(|flag| urgency(flag));
        Self {
            week: opened.week.id(),
            route: route(opened.report.route),
            language: language(opened.report.language),
            flags,
            files: opened.files.len(),
        }
    }
}

fn route(route: Route) -> &'static str {
    match route {
        Route::Myself => "self",
        Route::Other => "other",
        Route::Witness => "witness",
        Route::Work => "work",
        Route::Addition => "addition",
    }
}

fn language(language: Language) -> &'static str {
    match language {
        Language::English => "en",
        Language::Welsh => "cy",
    }
}

fn as_text(rows: &[Row], missing: u64, weeks: &[String]) -> String {
    if rows.is_empty() && missing == 0 && weeks.is_empty() {
        return "No report in this vault yet.\n".to_owned();
    }
    let mut shown = String::from("REFERENCE       WEEK      ROUTE     LANG  STATE  FILES  FLAGS\n");
    for row in rows {
        shown.push_str(&format!("{:<14}  ", row.reference));
        match &row.content {
            Ok(content) => {
                let flags = text::line_cut(&content.flags.join(", "), FLAGS_COLUMNS_MAX);
                let flags = if flags.is_empty() { "-" } else { &flags };
                let flags = text::paragraph(flags, FLAGS_INDENT, COLUMNS);
                shown.push_str(&format!(
                    "{}  {:<8}  {:<4}  {:<5}  {:>5}  {}",
                    content.week,
                    content.route,
                    content.language,
                    row.state(),
                    content.files,
                    flags.trim_start_matches(' '),
                ));
            }
            Err(why) => {
                let why = text::paragraph(&format!("NOT OPENED: {why}"), 16, COLUMNS);
                shown.push_str(why.trim_start_matches(' '));
            }
        }
    }
    if !weeks.is_empty() {
        shown.push_str(&text::block(
            &format!(
                "\nMissing intake keys: {}. Reports of these weeks cannot be opened here. Put the \
                 files back into the vault's folder intake (such as {}.age) from its newest copy.",
                weeks.join(", "),
                weeks.first().map_or("", String::as_str)
            ),
            0,
            COLUMNS,
        ));
    }
    if missing > 0 {
        shown.push_str(&text::block(
            &format!(
                "\nNOT WHOLE: {} could not be taken in when the bundle came. Import that bundle again \
                 to see which, and what to do.",
                counted(missing, "report")
            ),
            0,
            COLUMNS,
        ));
    }
    shown
}

fn as_json(rows: &[Row], missing: u64, weeks: &[String]) -> String {
    let reports: Vec<serde_json::Value> = rows
        .iter()
        .map(|row| {
            let mut json = serde_json::json!({
                "reference": row.reference,
                "year": row.year,
                "index": row.index,
                "state": row.state(),
            });
            if let Some(json) = json.as_object_mut() {
                match &row.content {
                    Ok(content) => {
                        json.insert("week".to_owned(), content.week.clone().into());
                        json.insert("route".to_owned(), content.route.into());
                        json.insert("language".to_owned(), content.language.into());
                        json.insert("flags".to_owned(), content.flags.clone().into());
                        json.insert("files".to_owned(), content.files.into());
                    }
                    Err(why) => {
                        json.insert("error".to_owned(), why.clone().into());
                    }
                }
            }
            json
        })
        .collect();
    format!(
        "{}\n",
        serde_json::json!({ "reports": reports, "not_whole": missing, "missing_weeks": weeks })
    )
}
