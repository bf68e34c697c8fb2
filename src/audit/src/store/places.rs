//! What lies beside the value log: format, lock, mark of a clean stop, torn tails, pins and drafts.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use super::folder::{self, Known, Times};
use super::frame;
use super::index::Stop;
use super::ledger::{Ledger, Log};
use super::operator;
use super::payload;
use super::statistics::Noise;
use super::torn as torn_tail;
use crate::checkpoint::Checkpoint;
use crate::directory::{date, is_force};
use crate::entry::parse_digest;
use crate::envelope;
use crate::failure::Failure;
use crate::files;
use crate::note::NOTE_SIZE_BYTES_MAX;
use crate::report::Report;

const FORMAT: &[u8] = b"hafan store 1\n";

/// A torn tail that is being kept, until it is whole.
const TORN_NEXT: &str = "torn.next";

/// Days after which a draft is deleted.
const DRAFT_DAYS: i32 = 30;

/// The files of a store's folder, by what they are.
#[derive(Default)]
pub(super) struct Files {
    pub(super) segments: Vec<(u32, PathBuf)>,
    torn: Vec<(String, PathBuf)>,
    clean: Option<PathBuf>,
}

/// Lists the folder of a store and the segments in it.
pub(super) fn list(dir: &Path, report: &mut Report) -> Result<Files, Failure> {
    folder::judge_root(dir, ".", Times::Any, report)?;
    let known = |name: &str| match name {
        "format" | "lock" | "clean" => Known::File(Times::Any),
        "index" => Known::Folder(Times::Any),
        "operator" => Known::Folder(Times::Days),
        "segments" => Known::Folder(Times::Days),
        _ if torn(name).is_some() => Known::File(Times::Days),
        // Its times are set after its bytes are written.
        TORN_NEXT => Known::File(Times::Any),
        _ => Known::Stray,
    };
    let mut files = Files::default();
    let listed = folder::list(dir, "", &known, report)?;
    for needed in ["format", "segments"] {
        if !listed.iter().any(|(name, _)| name == needed) {
            report.found("missing-file", needed, "a store has it");
        }
    }
    for (name, path) in listed {
        match name.as_str() {
            "format" => whole(&path, &name, FORMAT, report)?,
            "lock" => whole(&path, &name, b"", report)?,
            "clean" => files.clean = Some(path),
            "segments" => files.segments = segments(&path, report)?,
            _ if name == TORN_NEXT || torn(&name).is_some() => files.torn.push((name, path)),
            _ => {}
        }
    }
    Ok(files)
}

/// A file that can say one thing only.
fn whole(path: &Path, name: &str, wanted: &[u8], report: &mut Report) -> Result<(), Failure> {
    let found = files::read(path, 64).unwrap_or(None);
    if found.as_deref() != Some(wanted) {
        report.found(
            "changed-file",
            name,
            "it holds something else than the format says",
        );
    }
    Ok(())
}

fn segments(dir: &Path, report: &mut Report) -> Result<Vec<(u32, PathBuf)>, Failure> {
    let number = |name: &str| -> Option<u32> {
        let number: u32 = name.strip_suffix(".log")?.parse().ok()?;
        (format!("{number:06}.log") == name).then_some(number)
    };
    let known = |name: &str| match number(name) {
        Some(_) => Known::File(Times::Days),
        None => Known::Stray,
    };
    let listed = folder::list(dir, "segments", &known, report)?;
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for (name, path) in listed {
        found.extend(number(&name).map(|number| (number, path)));
    }
    found.sort();
    for ((number, _), wanted) in found.iter().zip(0..) {
        if *number != wanted {
            let what = "the segments are numbered from 0 without a gap";
            report.found("missing-segment", format!("segments/{wanted:06}.log"), what);
            break;
        }
    }
    Ok(found)
}

/// `torn-NNNNNN-B` and `-n` behind it: segment and byte.
fn torn(name: &str) -> Option<(u32, u64)> {
    let rest = name.strip_prefix("torn-")?;
    let mut parts = rest.split('-');
    let (segment, byte) = (parts.next()?, parts.next()?);
    let number = |text: &str| crate::checkpoint::decimal(text);
    if let Some(again) = parts.next() {
        number(again).filter(|again| *again >= 2)?;
    }
    let segment = segment
        .parse()
        .ok()
        .filter(|number: &u32| format!("{number:06}") == segment)?;
    (parts.next().is_none()).then_some((segment, number(byte)?))
}

/// Looks at the mark of a clean stop and the torn tails. `end` is where the value log ends.
pub(super) fn check(files: &Files, end: (u32, u64), report: &mut Report) -> Result<Stop, Failure> {
    for (name, path) in &files.torn {
        // One that was being kept when the machine stopped is of the tail that is still there.
        let place = if name == TORN_NEXT {
            end
        } else {
            torn(name).unwrap_or_default()
        };
        let size = usize::try_from(super::segments::SEGMENT_SIZE_BYTES).unwrap_or(usize::MAX);
        let bytes = files::read_needed(path, size)?;
        if place >= end && name != TORN_NEXT {
            report.found(
                "changed-file",
                name,
                "it is of a place that the value log has not reached",
            );
        }
        let tail = frame::judge_tail(place.1, &padded(&bytes));
        let is_begun = name == TORN_NEXT && tail == frame::Tail::Clean;
        if tail != frame::Tail::Torn && !is_begun {
            report.found(
                "changed-file",
                name,
                "it is not what an interrupted write leaves",
            );
        }
        if let Some(byte) = torn_tail::first_stray(place.1, &bytes) {
            let what = format!("from byte {byte} on it is not what its header promises");
            report.found("plaintext", name, what);
        }
    }
    let Some(path) = &files.clean else {
        report.notice("the last stop was not clean, or the store is a copy of one that runs");
        return Ok(Stop::Unclean);
    };
    let wanted = format!("value log ends at segment {:06} byte {}\n", end.0, end.1);
    whole(path, "clean", wanted.as_bytes(), report)?;
    Ok(Stop::Clean)
}

/// A torn tail as it lay in its segment: with the zeros behind it.
fn padded(bytes: &[u8]) -> Vec<u8> {
    let header = bytes.first_chunk::<20>().and_then(frame::parse_header);
    let size = header.and_then(|(_, payload)| frame::frame_size(payload));
    let size = size.filter(|size| *size <= super::segments::SEGMENT_SIZE_BYTES);
    let size = size
        .and_then(|size| usize::try_from(size).ok())
        .unwrap_or(24);
    let mut all = bytes.to_vec();
    all.resize(size.max(all.len()), 0);
    all
}

/// Compares each log with its pin.
pub(super) fn pins(dir: &Path, ledger: &Ledger<'_>, report: &mut Report) -> Result<(), Failure> {
    folder::judge_root(dir, "pinned", Times::Days, report)?;
    let is_operators = |name: &str| name.strip_suffix(".next").unwrap_or(name) == operator::PIN;
    let known = |name: &str| match pin(name) {
        Some(_) => Known::File(Times::Days),
        None if is_operators(name) => Known::File(Times::Days),
        None => Known::Stray,
    };
    let mut seen = BTreeSet::new();
    for (name, path) in folder::list(dir, "pinned", &known, report)? {
        let Some((force, year, is_next)) = pin(&name) else {
            continue;
        };
        let place = format!("pinned/{name}");
        let note = files::read_needed(&path, NOTE_SIZE_BYTES_MAX)?;
        let origin = format!("{}/{force}/{year}", ledger.keys.log.name());
        let head = match Checkpoint::open(&note, &ledger.keys.log.renamed(&origin)) {
            Ok(head) => head,
            // One that was being written when the machine stopped.
            Err(_) if is_next && is_beginning(&note, &origin) => {
                report.notice(format!("{place} was being written"));
                continue;
            }
            Err(why) => {
                report.found("bad-checkpoint", &place, why.to_string());
                continue;
            }
        };
        if is_next {
            // The epoch that it is of may not have been written.
            let log = ledger.logs.get(&(force, year));
            let root = log.and_then(|log| log.heads.get(&head.size));
            if root.is_some_and(|root| *root != head.root) {
                report.found("fork", &place, OTHER_TREE);
            }
            let size = log.map_or(0, |log| log.tree.size());
            if head.size > size.saturating_add(ledger.leaves_max()) {
                let what = format!(
                    "it is of {} leaves, more than one epoch beyond the {size} of the value log",
                    head.size
                );
                report.found("rolled-back", &place, what);
            }
            continue;
        }
        compare(
            &place,
            &head,
            ledger.logs.get(&(force.clone(), year)),
            report,
        );
        seen.insert((force, year));
    }
    for ((force, year), log) in &ledger.logs {
        if log.tree.size() > 0 && !seen.contains(&(force.clone(), *year)) {
            let place = format!("pinned/{force}-{year}.checkpoint");
            report.found("missing-pin", place, "the log has leaves, and no pin");
        }
    }
    Ok(())
}

/// A literal, and how many bytes of which kind follow it at most.
type Part<'a> = (&'a str, usize, fn(&u8) -> bool);

/// Whether bytes are what an interrupted write leaves of a checkpoint of this log: its beginning, and zeros.
pub(super) fn is_beginning(bytes: &[u8], origin: &str) -> bool {
    let end = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    let (mut rest, _) = bytes.split_at(end);
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let head = format!("{origin}\n");
    let line = format!("\n\n\u{2014} {origin} ");
    let parts: [Part<'_>; 4] = [
        (&head, 15, is_digit),
        ("\n", 44, is_base64),
        (&line, 92, is_base64),
        ("\n", 0, is_digit),
    ];
    for (literal, most, is_known) in parts {
        let literal = literal.as_bytes();
        if literal.starts_with(rest) {
            return true;
        }
        let Some(after) = rest.strip_prefix(literal) else {
            return false;
        };
        let count = after.iter().take(most).take_while(|b| is_known(b)).count();
        (_, rest) = after.split_at(count);
    }
    false
}

const OTHER_TREE: &str = "it is of another tree than the value log has";

/// Compares what was published with what the value log has.
fn compare(place: &str, head: &Checkpoint, log: Option<&Log>, report: &mut Report) {
    let size = log.map_or(0, |log| log.tree.size());
    let root = log.and_then(|log| log.heads.get(&head.size));
    if head.size > size || log.is_none() {
        let what = format!(
            "{} leaves were published, and the value log has {size}: it was set back or cut",
            head.size
        );
        report.found("rolled-back", place, what);
    } else if root != Some(&head.root) {
        report.found("fork", place, OTHER_TREE);
    } else if head.size < size {
        let behind = size - head.size;
        report.notice(format!(
            "{place} is behind the value log by {behind} leaves"
        ));
    }
}

/// `{force}-{year}.checkpoint`, or the one beside it while that is replaced.
fn pin(name: &str) -> Option<(String, u16, bool)> {
    let (name, is_next) = match name.strip_suffix(".next") {
        Some(name) => (name, true),
        None => (name, false),
    };
    let (force, year) = name.strip_suffix(".checkpoint")?.rsplit_once('-')?;
    let year = year
        .parse()
        .ok()
        .filter(|number: &u16| format!("{number:04}") == year)?;
    is_force(force).then(|| (force.to_owned(), year, is_next))
}

/// Looks at the drafts: nothing but envelopes of the first class, under days that are not over. Gives their number.
pub(super) fn drafts(
    dir: &Path,
    today: Date,
    noise: &mut Noise,
    report: &mut Report,
) -> Result<u64, Failure> {
    // Of the name itself: a link that leads nowhere is something else than nothing.
    if let Err(error) = std::fs::symlink_metadata(dir) {
        if error.kind() != std::io::ErrorKind::NotFound {
            return Err(Failure::read(dir, error));
        }
        report.notice(format!(
            "there are no drafts: {} is not there",
            dir.display()
        ));
        return Ok(0);
    }
    folder::judge_root(dir, "drafts", Times::Days, report)?;
    let known = |name: &str| match date(name) {
        Some(_) => Known::Folder(Times::Days),
        None => Known::Stray,
    };
    let is_id = |name: &str| parse_digest(name).is_some();
    let mut count = 0;
    for (day, path) in folder::list(dir, "drafts", &known, report)? {
        let age = date(&day).and_then(|day| today.since(day).ok());
        match age.map(|age| age.get_days()) {
            Some(0..DRAFT_DAYS) => {}
            Some(DRAFT_DAYS..) => {
                let what = "drafts of this day should be deleted";
                report.found("overdue-draft", format!("drafts/{day}"), what);
            }
            Some(_) | None => {
                report.found(
                    "overdue-draft",
                    format!("drafts/{day}"),
                    "a day that is to come",
                );
            }
        }
        let known = |name: &str| {
            if is_id(name) {
                Known::File(Times::Days)
            } else {
                Known::Stray
            }
        };
        let shown = format!("drafts/{day}");
        for (name, path) in folder::list(&path, &shown, &known, report)? {
            count += 1;
            let place = format!("{shown}/{name}");
            draft(&place, &read_draft(&path)?, noise, report);
        }
    }
    Ok(count)
}

fn draft(place: &str, bytes: &[u8], noise: &mut Noise, report: &mut Report) {
    match envelope::check_envelope(bytes) {
        Ok((header, sealed)) if bytes.len() == envelope::DRAFT_SIZE_BYTES => {
            if payload::keys_are_text(header) {
                let what = "what its header encodes has 512 bytes that are no key";
                report.found("plaintext", place, what);
            }
            if let Some(at) = noise.look(sealed) {
                let at = at + envelope::HEADER_SIZE_BYTES;
                let what = format!("from byte {at} on are 512 bytes that are no ciphertext");
                report.found("plaintext", place, what);
            }
        }
        Ok(_) => report.found("not-a-draft", place, "it is larger than a draft"),
        Err(why) => report.found("not-a-draft", place, why.to_string()),
    }
}

/// A draft, or the beginning of what is too large for one.
fn read_draft(path: &Path) -> Result<Vec<u8>, Failure> {
    let limit = u64::try_from(envelope::DRAFT_SIZE_BYTES).unwrap_or(u64::MAX) + 1;
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|error| Failure::read(path, error))?;
    Ok(bytes)
}
