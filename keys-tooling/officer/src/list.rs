//! `list`: one line a report. Opens each in memory, and lets go of it again.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::process::ExitCode;

use hafan_export::words::urgency;
use hafan_record::Event;
use hafan_report::{Language, Route};

use crate::access;
use crate::cli::List;
use crate::failure::{COLUMNS, Failure, counted, print};
use crate::keyring::{Keyring, Opened, missing_weeks};
use crate::passphrase::Passphrases;
use crate::reference::Reference;
use crate::state::State;
use crate::vault::{Held, Vault};
use hafan_export::text;

/// Where the flags stand: the width of all columns before them.
const FLAGS_INDENT: usize = 56;

/// Where what is said of a reference stands.
const REFERENCE_INDENT: usize = 16;

/// More of a report's flags than is known is cut.
const FLAGS_COLUMNS_MAX: usize = 240;

/// What the list says of one report.
pub(crate) struct Row {
    /// Where it stands among the vault's.
    pub(crate) held: usize,
    pub(crate) reference: String,
    pub(crate) year: u16,
    pub(crate) index: u64,
    pub(crate) is_read: bool,
    /// The reference of the report that this one adds to, when that one is here and opens.
    pub(crate) adds_to: Option<String>,
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
    /// What later additions name the report by.
    pub(crate) thread: String,
    /// The thread that it adds to.
    pub(crate) adds_to: Option<String>,
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
/// first, then what cannot be opened, then the newest; an addition stands behind its report, which is as urgent as it.
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
    let contents = keys.open_each(held, |opened| opened.map(|opened| Content::of(&opened)));
    let mut rows: Vec<Row> = contents
        .into_iter()
        .zip(held)
        .enumerate()
        .map(|(at, (content, held))| Row {
            held: at,
            reference: held.reference().among(references.iter()).to_string(),
            year: held.year,
            index: held.index,
            is_read: state.is_read(&held.h),
            adds_to: None,
            content,
        })
        .collect();
    order(&mut rows);
    Ok(rows)
}

/// Puts the most urgent first and additions behind the report that they add to, and names it in each. A report is as urgent
/// as the most urgent of what was added to it, and as new as the newest.
fn order(rows: &mut [Row]) {
    rows.sort_by_key(|row| (row.year, row.index));
    let mut firsts: BTreeMap<&str, &Row> = BTreeMap::new();
    let own_thread = |row: &&Row| row.thread().is_some_and(|(_, adds_to)| adds_to.is_none());
    let (reports, others): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(own_thread);
    // An addition whose report is not here stands first among those to the same.
    for row in reports.iter().chain(&others) {
        if let Some((thread, _)) = row.thread() {
            firsts.entry(thread).or_insert(row);
        }
    }
    let mut places: BTreeMap<usize, (usize, Reverse<(u16, u64)>)> = BTreeMap::new();
    let mut found: BTreeMap<usize, (usize, Option<String>)> = BTreeMap::new();
    for row in rows.iter() {
        let first = row.thread().filter(|(_, adds_to)| adds_to.is_some());
        let first = first.and_then(|(thread, _)| firsts.get(thread).copied());
        let known = first.filter(|first| own_thread(first));
        let leader = first.map_or(row.held, |first| first.held);
        found.insert(
            row.held,
            (leader, known.map(|first| first.reference.clone())),
        );
        let own = (row.rank(), Reverse((row.year, row.index)));
        let place = places.entry(leader).or_insert(own);
        *place = own.min(*place);
    }
    for row in rows.iter_mut() {
        row.adds_to = found.get(&row.held).and_then(|(_, first)| first.clone());
    }
    rows.sort_by_key(|row| {
        let leader = found.get(&row.held).map_or(row.held, |(leader, _)| *leader);
        (
            places.get(&leader).copied(),
            leader,
            row.held != leader,
            row.year,
            row.index,
        )
    });
}

/// How many leaves the imports named as not whole; a page of answers that is not ours is no report.
fn missing(vault: &Vault) -> Result<u64, Failure> {
    let mut missing: u64 = 0;
    for name in vault.bundles() {
        let findings = vault.brought(name)?.findings;
        let findings = findings.iter().filter(|finding| !finding.is_page).count();
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

    /// The thread that it belongs to, and the one that it adds to; `None` when it does not open.
    pub(crate) fn thread(&self) -> Option<(&str, Option<&str>)> {
        let content = self.content.as_ref().ok()?;
        let adds_to = content.adds_to.as_deref();
        Some((adds_to.unwrap_or(&content.thread), adds_to))
    }

    /// What an addition adds to, in words; `None` of what is no addition.
    pub(crate) fn adds_to_words(&self) -> Option<String> {
        self.thread()?.1?;
        Some(match &self.adds_to {
            Some(reference) => format!("adds to {reference}"),
            None => "adds to a report that is not here or does not open".to_owned(),
        })
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
            thread: opened.report.thread.to_string(),
            adds_to: opened.report.adds_to.as_ref().map(ToString::to_string),
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
                if let Some(words) = row.adds_to_words() {
                    shown.push_str(&text::paragraph(&words, REFERENCE_INDENT, COLUMNS));
                }
            }
            Err(why) => {
                let why = format!("NOT OPENED: {why}");
                let why = text::paragraph(&why, REFERENCE_INDENT, COLUMNS);
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
                        json.insert("adds_to".to_owned(), row.adds_to.clone().into());
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A report, or an addition to `adds_to`, at this leaf.
    fn row(index: u64, flags: &[&str], thread: &str, adds_to: Option<&str>) -> Row {
        Row {
            held: usize::try_from(index).unwrap(),
            reference: format!("r{index}"),
            year: 2026,
            index,
            is_read: false,
            adds_to: None,
            content: Ok(Content {
                week: "2026-W48".to_owned(),
                route: "self",
                language: "cy",
                flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
                files: 0,
                thread: thread.to_owned(),
                adds_to: adds_to.map(str::to_owned),
            }),
        }
    }

    fn ordered(mut rows: Vec<Row>) -> Vec<(u64, Option<String>)> {
        order(&mut rows);
        rows.into_iter()
            .map(|row| (row.index, row.adds_to))
            .collect()
    }

    #[test]
    fn what_was_added_stands_behind_its_report_which_is_as_urgent() {
        let rows = vec![
            row(0, &[], "a", None),
            row(1, &["child"], "b", None),
            row(2, &[], "x", Some("a")),
            row(3, &["danger"], "y", Some("a")),
            row(4, &[], "c", None),
        ];
        let of_a = || Some("r0".to_owned());
        let wanted = [(0, None), (2, of_a()), (3, of_a()), (1, None), (4, None)];
        assert_eq!(ordered(rows), wanted);
    }

    #[test]
    fn additions_to_what_is_not_here_stand_together_and_name_nothing() {
        let rows = vec![
            row(0, &[], "x", Some("gone")),
            row(1, &[], "b", None),
            row(2, &[], "y", Some("gone")),
        ];
        assert_eq!(ordered(rows), [(0, None), (2, None), (1, None)]);
    }

    #[test]
    fn reports_that_say_they_are_of_one_thread_stay_where_they_were() {
        let rows = vec![
            row(0, &[], "a", None),
            row(1, &[], "b", None),
            row(2, &[], "a", None),
            row(3, &[], "x", Some("a")),
        ];
        let wanted = [(0, None), (3, Some("r0".to_owned())), (2, None), (1, None)];
        assert_eq!(ordered(rows), wanted);
    }
}
