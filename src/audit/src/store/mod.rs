//! `hafan-audit store`: is every byte that a server keeps one that the protocol knows?
//!
//! Accounts for the value log, the index, the operator's log, the pins and the drafts against a closed grammar, leaf by leaf and byte by
//! byte, and changes nothing. Holds a few segments in memory, and of what is kept its digests.

mod config;
mod folder;
mod index;
mod ledger;
mod operator;
mod places;
mod segments;
mod unbuffered;

pub mod frame;
pub mod payload;
pub mod statistics;
pub mod torn;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use self::config::Config;
use self::frame::Tail;
use self::ledger::{Keys, Ledger};
use self::segments::{Found, Place, Reader, SEGMENT_SIZE_BYTES};
use self::statistics::Noise;
use crate::directory::{Directory, today};
use crate::failure::{Failure, Kind};
use crate::files;
use crate::log::BeatChange;
use crate::note::Vkey;
use crate::progress;
use crate::report::Report;

const UNPROVEN: &[&str] = &[
    "that ciphertext is ciphertext: its bytes look like noise, and whoever hides something in noise is not seen",
    "that nothing was kept elsewhere: another disk, another machine, a copy of what went over the line",
    "when something came: the file system's times of birth and of the inode's change tell a beat and cannot be set; the time of the last read is not looked at, since looking changes it",
    "that what was deleted is off the disk: a solid-state disk and a journal keep old blocks",
    "what is in the free parts of sled's file but text: they are searched, not taken apart",
    "what is in the server's memory, swap and logs",
];

/// What is asked.
pub struct Options {
    /// A copy to look at; else the folders of the configuration.
    pub copy: Option<Copied>,
    /// The configuration that the server runs with.
    pub config: PathBuf,
    /// The key of the logs, where no directory names it.
    pub log_key: Option<Vkey>,
    /// Whether epochs of another size than those before are taken.
    pub beat: BeatChange,
}

/// The folders of a copy: what was copied at one time is looked at together.
pub struct Copied {
    /// Of the store.
    pub store: PathBuf,
    /// Of the pins.
    pub pinned: PathBuf,
    /// Of the drafts.
    pub drafts: PathBuf,
}

/// Audits a store.
///
/// # Errors
/// Something cannot be read, or a server has the store open, and nothing was found before.
pub fn audit(options: &Options) -> Result<Report, Failure> {
    let config = Config::read(&options.config)?;
    Report::of(UNPROVEN, |report| look(options, &config, report))
}

fn look(options: &Options, config: &Config, report: &mut Report) -> Result<(), Failure> {
    let (dir, pinned, drafts) = match &options.copy {
        Some(copy) => (&copy.store, &copy.pinned, &copy.drafts),
        None => (&config.store, &config.pinned, &config.drafts),
    };
    let _lock = lock(dir)?;
    let keys = find_keys(config, options.log_key.as_ref(), report)?;
    let files = places::list(dir, report)?;
    let mut ledger = Ledger::new(&keys, config.leaves, options.beat, &config.forces);
    let (end, mut noise) = read(&files.segments, &mut ledger, report)?;
    ledger.end(report);
    let stop = places::check(&files, end, report)?;
    index::check(&dir.join("index"), &ledger, stop, report)?;
    places::pins(pinned, &ledger, report)?;
    let published = operator::check(dir, pinned, config, &keys.log, report)?;
    let drafts = places::drafts(drafts, today(), &mut noise, report)?;
    statistics(&noise, report);
    say(&ledger, files.segments.len(), drafts, report);
    report.looked_at("directories and releases", published.to_string());
    Ok(())
}

/// Keeps a server from starting on the store while it is read; one that has it already is in the way.
fn lock(dir: &Path) -> Result<Option<File>, Failure> {
    if !dir.is_dir() {
        return Err(Failure::read(dir, std::io::ErrorKind::NotADirectory.into()));
    }
    let path = dir.join("lock");
    if !path.is_file() {
        // A copy may be without it.
        return Ok(None);
    }
    let file = File::open(&path).map_err(|error| Failure::read(&path, error))?;
    match file.try_lock_shared() {
        Ok(()) => Ok(Some(file)),
        Err(_) => Err(Failure::new(
            Kind::Unreachable,
            format!(
                "{} is open in a server, which changes it while it is read",
                dir.display()
            ),
            "stop the server, or look at a snapshot or a copy made with cp -a while it stood still",
        )),
    }
}

/// The key of the logs, which each force's directory names, and the keys for answers in it.
fn find_keys(config: &Config, given: Option<&Vkey>, report: &mut Report) -> Result<Keys, Failure> {
    let mut key = given.cloned();
    let mut replies = BTreeMap::new();
    for (force, root) in &config.forces {
        let path = config.directories.join(format!("{force}.directory"));
        let place = format!("directories/{force}.directory");
        let Some(note) = files::read(&path, crate::directory::DIRECTORY_SIZE_BYTES_MAX)
            .map_err(|error| Failure::read(&path, error))?
        else {
            report.notice(format!("{place} is not there"));
            continue;
        };
        match Directory::open(&note, root) {
            Err(why) => report.found("bad-directory", &place, why.to_string()),
            Ok(directory) => {
                let named = key.get_or_insert_with(|| directory.log.clone());
                if !named.is_same_key(&directory.log) || named.name() != config.log_name {
                    let what = "it names another key for the logs than the others, or another name";
                    report.found("bad-directory", &place, what);
                }
                replies.insert(force.clone(), directory.replies);
            }
        }
    }
    let log = key.ok_or_else(|| {
        let what = "no directory names the key of the logs";
        Failure::new(Kind::Unreachable, what, "give it with --log-key")
    })?;
    Ok(Keys { log, replies })
}

/// Reads all segments; gives where the value log ends, and what was seen of what must be noise.
fn read(
    segments: &[(u32, PathBuf)],
    ledger: &mut Ledger<'_>,
    report: &mut Report,
) -> Result<((u32, u64), Noise), Failure> {
    let mut total = 0;
    for (number, path) in segments {
        let size = std::fs::metadata(path)
            .map_err(|error| Failure::read(path, error))?
            .len();
        if size != SEGMENT_SIZE_BYTES {
            let what = format!("it is {size} bytes, want {SEGMENT_SIZE_BYTES}");
            report.found("segment-size", format!("segments/{number:06}.log"), what);
        }
        total += size;
    }
    let last = segments.last().map_or(0, |(number, _)| *number);
    let bar = progress::bar("bytes", total);
    let mut end = (last, 0);
    let mut torn: Option<Place> = None;
    let reader = Reader {
        segments,
        bar: &bar,
    };
    let noise = reader.run(|place, found| {
        // Whatever comes behind a frame that is not whole shows that it was no interrupted write.
        if !matches!(found, Found::Tail(Tail::Clean))
            && let Some(before) = torn.take()
        {
            let what = "a frame that is not whole, with others behind it";
            report.found("rotten", before.shown(0), what);
        }
        match found {
            Found::Frame(payload) => ledger.follow(place, payload, report),
            Found::Broken(why) => report.found("broken-frame", place.shown(0), why),
            Found::Tail(Tail::Clean) => end = (place.segment, end_of(place, torn)),
            Found::Stray(byte) => {
                let byte = u64::try_from(byte).unwrap_or(u64::MAX);
                report.found("plaintext", place.shown(byte), STRAY_IN_TORN);
                end = (place.segment, place.byte);
                torn = Some(place);
            }
            Found::Tail(Tail::Torn) if place.segment == last => {
                end = (place.segment, place.byte);
                torn = Some(place);
            }
            Found::Tail(Tail::Torn | Tail::Rotten) => {
                let what = "not a whole frame, and not what an interrupted write leaves";
                report.found("rotten", place.shown(0), what);
            }
        }
    });
    bar.finish_and_clear();
    if let Some(place) = torn {
        report.notice(format!(
            "the last write was interrupted, at {}: nothing of it was acknowledged",
            place.shown(0)
        ));
    }
    report.looked_at("bytes of the value log", total.to_string());
    Ok((end, noise?))
}

/// Of what an interrupted write left of a frame.
const STRAY_IN_TORN: &str =
    "the last frame is not whole, and from here on it is not what its header promises";

fn end_of(place: Place, torn: Option<Place>) -> u64 {
    torn.map_or(place.byte, |torn| torn.byte)
}

/// The smoke alarm over all that must be noise.
fn statistics(noise: &Noise, report: &mut Report) {
    let Some(deviations) = noise.deviations() else {
        return;
    };
    let text = format!(
        "{} bytes, {deviations:.1} standard deviations from noise",
        noise.bytes
    );
    if !noise.is_even() {
        report.found(
            "not-noise",
            "value log",
            format!("its ciphertexts taken together: {text}"),
        );
    }
    report.looked_at("ciphertext (a smoke alarm, no proof)", text);
}

fn say(ledger: &Ledger<'_>, segments: usize, drafts: u64, report: &mut Report) {
    let counts = &ledger.counts;
    report.looked_at("segments", segments.to_string());
    report.looked_at("submissions", counts.submissions.to_string());
    report.looked_at("pages of answers", counts.pages.to_string());
    report.looked_at("epochs", counts.epochs.to_string());
    let leaves = format!(
        "{}, of them {} decoys and {} tombstones",
        counts.leaves, counts.decoys, counts.tombstones
    );
    report.looked_at("leaves", leaves);
    report.looked_at("waiting for an epoch", ledger.pending().to_string());
    report.looked_at("drafts", drafts.to_string());
}
