//! The index, read from a copy: every tree, key and value against what the segments say.
//!
//! sled writes when it is opened, and may panic or hang on what it finds; so it opens a copy, on a thread of its own,
//! and what it leaves unsaid of its own file is searched as bytes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::folder::{self, Known as Allowed, Times};
use super::ledger::{Known, Ledger, Log};
use super::statistics::first_text;
use crate::directory::is_force;
use crate::entry::Kind;
use crate::envelope;
use crate::failure::{Failure, Kind as FailureKind};
use crate::report::Report;

/// As the server sets it; sled refuses another.
const SLED_SEGMENT_SIZE_BYTES: usize = 2 * 1024 * 1024;

/// How long sled may take to open.
const OPEN_TIME_MAX: Duration = Duration::from_secs(120);

/// Characters of text in a row that no key, value or name of a force makes.
const TEXT_CHARACTERS_MIN: usize = 40;

const CHUNK_SIZE_BYTES: usize = 1 << 20;

/// A row's key behind its force, and its value; what is wrong with it, if anything is.
type Check = fn(&Ledger<'_>, &str, &[u8], &[u8]) -> Option<&'static str>;

/// Every kind of row that there is: its letter, what it is, and how it is checked. A new one is one line.
const ROWS: [(u8, &str, Check); 8] = [
    (b'D', "where a submission is", check_place),
    (b'L', "which leaf a submission is", check_leaf),
    (b'R', "where a page of answers is", check_page),
    (b'Q', "which leaf a page of answers is", check_page_leaf),
    (b'A', "which page of answers a leaf is", check_leaf_page),
    (b'T', "a tile", check_tile),
    (b'P', "an epoch", check_epoch),
    (b'S', "the head of a log", check_head),
];

/// Whether the last stop was clean: then the index says everything.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Clean,
    Unclean,
}

/// Looks at the index in `dir`.
pub(super) fn check(
    dir: &Path,
    ledger: &Ledger<'_>,
    stop: Stop,
    report: &mut Report,
) -> Result<(), Failure> {
    if !dir.is_dir() {
        report.notice("there is no index: the next start makes it anew");
        return Ok(());
    }
    let known = |name: &str| match name {
        "db" | "conf" => Allowed::File(Times::Any),
        "blobs" => Allowed::Folder(Times::Any),
        _ if name.strip_prefix("snap.").is_some_and(is_number) => Allowed::File(Times::Any),
        _ => Allowed::Stray,
    };
    let files = folder::list(dir, "index", &known, report)?;
    folder::list(
        &dir.join("blobs"),
        "index/blobs",
        &|_| Allowed::Stray,
        report,
    )
    .or_else(|failure| {
        if dir.join("blobs").exists() {
            Err(failure)
        } else {
            Ok(Vec::new())
        }
    })?;
    let copy = tempfile::tempdir().map_err(|error| Failure::write(&std::env::temp_dir(), error))?;
    for (name, path) in &files {
        if path.is_file() {
            search(name, path, report)?;
            fs::copy(path, copy.path().join(name)).map_err(|error| Failure::read(path, error))?;
        }
    }
    // sled makes it at its first start, and wants it.
    fs::create_dir_all(copy.path().join("blobs"))
        .map_err(|error| Failure::write(copy.path(), error))?;
    let Some(db) = open(copy.path()) else {
        if stop == Stop::Clean {
            report.found(
                "bad-index",
                "index",
                "it does not open, though the last stop was clean",
            );
        } else {
            unread("the index does not open", report);
        }
        return Ok(());
    };
    match rows(&db, ledger, report) {
        Ok(counts) => compare(ledger, &counts, stop, report),
        Err(_) => report.found("bad-index", "index", "it cannot be read to its end"),
    }
    Ok(())
}

/// The number of a snapshot of sled's: 16 upper-case hex characters.
fn is_number(text: &str) -> bool {
    text.len() == 16
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b))
}

/// After an unclean stop sled may not get at its rows; what it does not show is not looked at.
fn unread(what: &str, report: &mut Report) {
    let what = format!("{what}, so its rows were not read");
    let advice = "have the server started and stopped, which makes it anew, and look again";
    report.unfinished(&Failure::new(FailureKind::Unreachable, what, advice));
}

fn open(dir: &Path) -> Option<sled::Db> {
    let (sender, receiver) = mpsc::channel();
    let path = dir.to_path_buf();
    std::thread::spawn(move || {
        let opened = catch_unwind(AssertUnwindSafe(|| {
            sled::Config::new()
                .path(&path)
                .segment_size(SLED_SEGMENT_SIZE_BYTES)
                .flush_every_ms(None)
                .open()
        }));
        // When nobody waits any more the database is dropped with the message.
        drop(sender.send(opened));
    });
    receiver.recv_timeout(OPEN_TIME_MAX).ok()?.ok()?.ok()
}

/// Checks every row of every tree; gives how many of each kind there are.
fn rows(
    db: &sled::Db,
    ledger: &Ledger<'_>,
    report: &mut Report,
) -> Result<BTreeMap<u8, u64>, sled::Error> {
    for tree in db.tree_names() {
        if tree != "__sled__default" {
            let name = String::from_utf8_lossy(&tree).into_owned();
            report.found(
                "unknown-tree",
                format!("index tree {name}"),
                "the format has no such tree",
            );
        }
    }
    let mut counts = BTreeMap::new();
    for row in db.iter() {
        let (key, value) = row?;
        let place = || format!("index row {}", hex::encode(key.get(..48).unwrap_or(&key)));
        let Some((letter, force, rest)) = split_key(&key) else {
            report.found(
                "unknown-row",
                place(),
                "its key is none that the format knows",
            );
            continue;
        };
        let found = ROWS.iter().find(|(known, _, _)| *known == letter);
        let Some((_, what, check)) = found else {
            report.found(
                "unknown-row",
                place(),
                "its key is none that the format knows",
            );
            continue;
        };
        *counts.entry(letter).or_insert(0) += 1;
        if let Some(why) = check(ledger, force, rest, &value) {
            report.found("wrong-row", place(), format!("it says {what}: {why}"));
        }
    }
    Ok(counts)
}

/// `letter force 00 rest`.
fn split_key(key: &[u8]) -> Option<(u8, &str, &[u8])> {
    let (letter, rest) = key.split_first()?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    let (force, rest) = rest.split_at_checked(end)?;
    let force = std::str::from_utf8(force)
        .ok()
        .filter(|force| is_force(force))?;
    Some((*letter, force, rest.get(1..)?))
}

/// After a clean stop each row is there.
fn compare(ledger: &Ledger<'_>, counts: &BTreeMap<u8, u64>, stop: Stop, report: &mut Report) {
    let sum = |of: fn(&Log) -> usize| ledger.logs.values().map(of).sum();
    let held = |kind| ledger.held.values().filter(move |known| known.kind == kind);
    let leaves = |kind| held(kind).filter(|known| known.leaf.is_some()).count();
    let wanted = [
        (b'D', held(Kind::Drop).count()),
        (b'L', leaves(Kind::Drop)),
        (b'R', held(Kind::Page).count()),
        (b'Q', leaves(Kind::Page)),
        (b'A', leaves(Kind::Page)),
        (b'T', sum(|log| log.tiles.len())),
        (b'P', sum(|log| log.epochs.len())),
        (b'S', ledger.logs.len()),
    ];
    if stop == Stop::Unclean {
        let all: usize = wanted.iter().map(|(_, wanted)| wanted).sum();
        let found: u64 = counts.values().sum();
        if found == 0 && all > 0 {
            unread("the index opens as an empty one", report);
        } else {
            report.notice(format!(
                "the index has {found} rows of {all}: the next start makes it anew"
            ));
        }
        return;
    }
    for (letter, wanted) in wanted {
        let found = counts.get(&letter).copied().unwrap_or(0);
        // One too many is a row that was named already.
        if u64::try_from(wanted).is_ok_and(|wanted| found < wanted) {
            let what = ROWS.iter().find(|(known, _, _)| *known == letter);
            let what = what.map_or("", |(_, what, _)| what);
            let what = format!("{found} rows say {what}, want {wanted}");
            report.found("missing-row", "index", what);
        }
    }
}

const SHAPE: Option<&str> = Some("key or value is not of the right length");
const STRAY: Option<&str> = Some("the segments have no such thing");
const OTHER: Option<&str> = Some("the segments say something else");

fn agree(is_so: bool) -> Option<&'static str> {
    if is_so { None } else { OTHER }
}

fn check_place(ledger: &Ledger<'_>, force: &str, key: &[u8], value: &[u8]) -> Option<&'static str> {
    match held(ledger, force, key, Kind::Drop) {
        Err(why) => why,
        Ok(known) => agree(value == place_of(known)),
    }
}

/// What is held under this `h`, when it is of this kind; or what is wrong with the row.
fn held<'a>(
    ledger: &'a Ledger<'_>,
    force: &str,
    h: &[u8],
    kind: Kind,
) -> Result<&'a Known, Option<&'static str>> {
    let h = <[u8; 32]>::try_from(h).map_err(|_| SHAPE)?;
    let known = ledger.held.get(&(force.to_owned(), h));
    known.filter(|known| known.kind == kind).ok_or(STRAY)
}

/// Segment, byte, size and `t`: 48 bytes.
fn place_of(known: &Known) -> Vec<u8> {
    let size = u32::try_from(known.size).unwrap_or(u32::MAX).to_be_bytes();
    let segment = known.segment.to_be_bytes();
    [&segment[..], &known.offset.to_be_bytes(), &size, &known.t].concat()
}

/// The place of a page, and its index part, whose digest is the `t` of its leaf.
fn check_page(ledger: &Ledger<'_>, force: &str, key: &[u8], value: &[u8]) -> Option<&'static str> {
    let known = match held(ledger, force, key, Kind::Page) {
        Err(why) => return why,
        Ok(known) => known,
    };
    let Some((place, part)) = value.split_at_checked(48) else {
        return SHAPE;
    };
    let digest = Sha256::new()
        .chain_update(envelope::INDEX_LABEL)
        .chain_update(part)
        .finalize();
    agree(place == place_of(known) && digest.as_slice() == known.t)
}

fn check_leaf(ledger: &Ledger<'_>, force: &str, key: &[u8], value: &[u8]) -> Option<&'static str> {
    check_leaf_of(held(ledger, force, key, Kind::Drop), value)
}

fn check_page_leaf(
    ledger: &Ledger<'_>,
    force: &str,
    key: &[u8],
    value: &[u8],
) -> Option<&'static str> {
    check_leaf_of(held(ledger, force, key, Kind::Page), value)
}

fn check_leaf_of(
    known: Result<&Known, Option<&'static str>>,
    value: &[u8],
) -> Option<&'static str> {
    match known.map(|known| known.leaf) {
        Err(why) => why,
        Ok(None) => STRAY,
        Ok(Some((year, index))) => {
            agree(value == [year.to_be_bytes().as_slice(), &index.to_be_bytes()].concat())
        }
    }
}

/// The other way about: the key is year and leaf, the value the `h` of the page.
fn check_leaf_page(
    ledger: &Ledger<'_>,
    force: &str,
    key: &[u8],
    value: &[u8],
) -> Option<&'static str> {
    check_leaf_of(held(ledger, force, value, Kind::Page), key)
}

/// The log of a key that goes on with its year, and what follows that.
fn log<'a, 'k>(ledger: &'a Ledger<'_>, force: &str, key: &'k [u8]) -> Option<(&'a Log, &'k [u8])> {
    let (year, rest) = key.split_first_chunk::<2>()?;
    let name = (force.to_owned(), u16::from_be_bytes(*year));
    Some((ledger.logs.get(&name)?, rest))
}

fn check_tile(ledger: &Ledger<'_>, force: &str, key: &[u8], value: &[u8]) -> Option<&'static str> {
    let Some((log, rest)) = log(ledger, force, key) else {
        return STRAY;
    };
    let Some((level, number)) = rest.split_first() else {
        return SHAPE;
    };
    let Ok(number) = number.try_into().map(u64::from_be_bytes) else {
        return SHAPE;
    };
    match log.tiles.get(&(*level, number)) {
        None => STRAY,
        Some(digest) => agree(Sha256::digest(value).as_slice() == digest),
    }
}

fn check_epoch(ledger: &Ledger<'_>, force: &str, key: &[u8], value: &[u8]) -> Option<&'static str> {
    let Some((log, first)) = log(ledger, force, key) else {
        return STRAY;
    };
    let Ok(first) = first.try_into().map(u64::from_be_bytes) else {
        return SHAPE;
    };
    match log.epochs.get(&first) {
        None => STRAY,
        Some((leaves, seed)) => agree(value == [leaves.to_be_bytes().as_slice(), seed].concat()),
    }
}

fn check_head(ledger: &Ledger<'_>, force: &str, key: &[u8], value: &[u8]) -> Option<&'static str> {
    let Some((log, [])) = log(ledger, force, key) else {
        return STRAY;
    };
    let Ok(value) = <[u8; 40]>::try_from(value) else {
        return SHAPE;
    };
    let (size, root) = value.split_at(8);
    let size = size.try_into().map(u64::from_be_bytes).unwrap_or(u64::MAX);
    // Behind by some epochs after an unclean stop; never of a tree that there was not.
    agree(log.heads.get(&size).is_some_and(|known| known.0 == root))
}

/// Searches a file of sled's own for text, byte by byte: old versions of pages stay in it, and no reader shows them.
fn search(name: &str, path: &Path, report: &mut Report) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::read(path, error);
    let mut file = File::open(path).map_err(failed)?;
    if name == "conf" {
        let mut bytes = Vec::new();
        file.take(4096).read_to_end(&mut bytes).map_err(failed)?;
        if !is_conf(&bytes) {
            report.found(
                "bad-index",
                "index/conf",
                "it is not what sled writes there",
            );
        }
        return Ok(());
    }
    let mut chunk = Vec::new();
    let mut at = 0u64;
    loop {
        // The end of the chunk before, so that no run is cut in two.
        let kept = chunk.len().min(2 * TEXT_CHARACTERS_MIN);
        chunk.drain(..chunk.len() - kept);
        let limit = u64::try_from(CHUNK_SIZE_BYTES).unwrap_or(u64::MAX);
        let read = (&mut file)
            .take(limit)
            .read_to_end(&mut chunk)
            .map_err(failed)?;
        if read == 0 {
            return Ok(());
        }
        if let Some(found) = first_text(&chunk, TEXT_CHARACTERS_MIN) {
            let begin = at.saturating_sub(u64::try_from(kept).unwrap_or(0));
            let byte = begin + u64::try_from(found).unwrap_or(0);
            let what = format!("{TEXT_CHARACTERS_MIN} characters of text or more");
            report.found("plaintext", format!("index/{name} byte {byte}"), what);
            return Ok(());
        }
        at += u64::try_from(read).unwrap_or(0);
    }
}

/// Lines of sled's settings, and a checksum of four bytes.
fn is_conf(bytes: &[u8]) -> bool {
    let Some((lines, _)) = bytes.split_last_chunk::<4>() else {
        return false;
    };
    let lines = std::str::from_utf8(lines).unwrap_or_default();
    lines
        == format!(
            "segment_size: {SLED_SEGMENT_SIZE_BYTES}\nuse_compression: false\nversion: 0.34\n"
        )
}
