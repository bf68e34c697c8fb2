//! `hafan-audit log`: is the public log of a force the one that was signed, whole, regular, and the one seen before? And is
//! the directory that is served in the operator's log?
//!
//! Every tile is derived anew from the entries, so that inclusion of each leaf and consistency with what was kept follow
//! from the root alone. docs/protocol.md section 5.

mod judge;
mod one;
mod operator;
mod source;
mod state;
mod walk;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

pub use source::Source;

use self::one::Audit;
use self::source::{Log, Name};
use self::state::{Kept, StateFile};
use crate::checkpoint::decimal;
use crate::directory::Directory;
use crate::failure::{Failure, Kind};
use crate::note::Vkey;
use crate::report::Report;

/// The first year that a log can have.
const YEAR_MIN: u16 = 2026;

const UNPROVEN: &[&str] = &[
    "that a leaf's submission is still held: `hafan-audit store` looks at that, and the force's import",
    "that others are shown the same log: compare the newest checkpoint with theirs",
    "that a directory in the operator's log is one that others were given: compare its checkpoint with theirs too",
    "which leaves are reports and which are decoys: nobody outside can tell, and that is meant",
];

/// What is asked.
pub struct Options {
    /// Where the log is.
    pub source: Source,
    /// Whose it is.
    pub force: String,
    /// The force's root key, whose directory names the key of the logs.
    pub root: Option<Vkey>,
    /// Root keys that the force had before, whose directories are in the operator's log.
    pub former_roots: Vec<Vkey>,
    /// The key of the logs itself, where there is no directory.
    pub log_key: Option<Vkey>,
    /// The file in which checkpoints are kept.
    pub state: Option<PathBuf>,
    /// Only this year.
    pub year: Option<u16>,
    /// Leaves of an epoch, where no beat is served.
    pub leaves: Option<u64>,
    /// Whether only what is new is read.
    pub reading: Reading,
    /// Whether another beat than the one kept is taken from now on.
    pub beat: BeatChange,
}

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Everything.
    All,
    /// What came since the kept checkpoint.
    NewOnly,
}

/// What a changed beat is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeatChange {
    /// A finding.
    Found,
    /// Announced before, and taken from now on.
    Accepted,
}

/// Audits the logs of a force.
///
/// # Errors
/// The source or the state cannot be read, and nothing was found before.
pub fn audit(options: &Options) -> Result<Report, Failure> {
    Report::of(UNPROVEN, |report| look(options, report))
}

fn look(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let state = options.state.as_deref();
    let mut state = state
        .map(|path| StateFile::read(path, &options.force))
        .transpose()?;
    let mut kept = state.as_ref().map(StateFile::kept).unwrap_or_default();
    let looked = logs(options, &mut kept, state.as_mut(), report);
    if let Some(state) = &state {
        if !report.is_clean() {
            state.put_back()?;
        } else if looked.is_ok() && report.code() == 0 {
            state.replace(&kept)?;
        }
    }
    looked
}

fn logs(
    options: &Options,
    kept: &mut Kept,
    mut state: Option<&mut StateFile>,
    report: &mut Report,
) -> Result<(), Failure> {
    let log_key = find_key(options, kept, report)?.ok_or_else(|| {
        let what = "no key to check the log with";
        Failure::new(Kind::Unreachable, what, "see the findings")
    })?;
    kept.log = log_key.to_string();
    let beat = find_beat(options, kept, report)?;
    for year in years(options, kept)? {
        let name = Name::Year {
            force: &options.force,
            year,
        };
        let looked =
            audit_of(options, &log_key, name, beat).run(kept, state.as_deref_mut(), report);
        if let Err(failure) = looked {
            report.unfinished(&failure);
            return Ok(());
        }
    }
    if matches!(options.source, Source::One(_)) {
        return Ok(());
    }
    let operator = audit_of(options, &log_key, Name::Operator, None);
    if let Err(failure) = operator::look(&operator, options, kept, state, report) {
        report.unfinished(&failure);
    }
    Ok(())
}

fn audit_of<'a>(
    options: &'a Options,
    log_key: &Vkey,
    name: Name<'a>,
    beat: Option<(u64, u64)>,
) -> Audit<'a> {
    let origin = format!("{}/{}", log_key.name(), name.path());
    Audit {
        log: Log {
            source: &options.source,
            name,
        },
        key: log_key.renamed(&origin),
        beat,
        reading: options.reading,
        now: now(),
    }
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs())
}

/// The key of the logs: from the directory that the root key signed, or as given.
fn find_key(
    options: &Options,
    kept: &mut Kept,
    report: &mut Report,
) -> Result<Option<Vkey>, Failure> {
    let mut key = options.log_key.clone();
    if let Some(root) = &options.root {
        let path = format!("v1/forces/{}/directory", options.force);
        let note = options.source.get(&path)?.ok_or_else(|| {
            let what = format!("there is no directory of {}", options.force);
            Failure::new(
                Kind::Unreachable,
                what,
                "check the name of the force; or give --log-key",
            )
        })?;
        match Directory::open(&note, root) {
            Err(why) => report.found("bad-directory", &path, why.to_string()),
            Ok(directory) if directory.force != options.force => {
                report.found("bad-directory", &path, "it is that of another force");
            }
            Ok(directory) => {
                if directory.sequence < kept.directory {
                    let what = format!(
                        "directory {} is served, and {} was seen before",
                        directory.sequence, kept.directory
                    );
                    report.found("directory-rolled-back", &path, what);
                }
                kept.directory = kept.directory.max(directory.sequence);
                key = Some(directory.log);
            }
        }
    }
    if let (Some(found), Ok(before)) = (&key, Vkey::parse(&kept.log))
        && *found != before
    {
        let what = format!("it is {found}, and was {before} when the log was last looked at");
        report.found("log-key-changed", "directory", what);
    }
    Ok(key)
}

/// Seconds of an epoch and its leaves.
fn find_beat(
    options: &Options,
    kept: &mut Kept,
    report: &mut Report,
) -> Result<Option<(u64, u64)>, Failure> {
    let path = format!("log/{}/beat", options.force);
    let beat = match options.leaves {
        Some(leaves) => Some((0, leaves)),
        None => {
            let served = options.source.get(&path)?;
            let beat = served.as_deref().and_then(parse_beat);
            if beat.is_none() {
                report.found(
                    "bad-beat",
                    &path,
                    "wanted seconds, a space, leaves and a line end",
                );
            }
            beat
        }
    };
    let (Some(found), Some(before)) = (beat, kept.beat) else {
        kept.beat = beat.or(kept.beat);
        return Ok(beat);
    };
    // With --leaves no seconds are known: those that were seen before go on.
    let found = match found {
        (0, leaves) if leaves == before.1 => before,
        (_, _) => found,
    };
    if is_other(found, before) {
        if options.beat == BeatChange::Found {
            let what = format!(
                "an epoch has {} leaves, and had {}; it takes {} s, and took {} s (0: not known): if that was announced, give --accept-beat",
                found.1, before.1, found.0, before.0
            );
            report.found("irregular-epoch", &path, what);
        } else {
            for year in kept.years.values_mut() {
                year.beat_since = u64::MAX;
            }
        }
    }
    kept.beat = Some(found);
    Ok(Some(found))
}

/// Whether a beat, seconds and leaves, is another one; 0 seconds are not known.
fn is_other(found: (u64, u64), before: (u64, u64)) -> bool {
    let known = found.0 != 0 && before.0 != 0;
    found.1 != before.1 || (known && found.0 != before.0)
}

fn parse_beat(bytes: &[u8]) -> Option<(u64, u64)> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
    let (seconds, leaves) = text.split_once(' ')?;
    let (seconds, leaves) = (decimal(seconds)?, decimal(leaves)?);
    ((1..=86_400).contains(&seconds) && (1..=256).contains(&leaves)).then_some((seconds, leaves))
}

/// The years whose logs are looked at, the oldest first: those that there are, and those that were kept.
fn years(options: &Options, kept: &Kept) -> Result<Vec<u16>, Failure> {
    if let Some(year) = options.year {
        return Ok(vec![year]);
    }
    let newest = match &options.source {
        Source::One(_) => one_year(options)?,
        Source::Server(_) | Source::Mirror(_) => latest(options)?,
    };
    let mut years: Vec<u16> = kept.years.keys().copied().collect();
    years.push(newest);
    if !matches!(options.source, Source::One(_)) {
        for year in (YEAR_MIN..newest).rev() {
            let path = format!("log/{}/{year}/checkpoint", options.force);
            // A year in which no server ran may lie between two logs.
            if options.source.get(&path)?.is_some() {
                years.push(year);
            }
        }
    }
    years.sort_unstable();
    years.dedup();
    Ok(years)
}

fn latest(options: &Options) -> Result<u16, Failure> {
    let path = format!("log/{}/latest", options.force);
    let served = options.source.get(&path)?;
    let text = served
        .as_deref()
        .and_then(|bytes| std::str::from_utf8(bytes).ok());
    let year = text.and_then(|text| decimal(text.strip_suffix('\n')?));
    year.and_then(|year| u16::try_from(year).ok())
        .filter(|year| (YEAR_MIN..=9999).contains(year))
        .ok_or_else(|| {
            let what = format!("{path} names no year");
            Failure::new(
                Kind::Unreachable,
                what,
                "check the name of the force; or give --year",
            )
        })
}

/// The year in the origin of the one log of a folder.
fn one_year(options: &Options) -> Result<u16, Failure> {
    let note = options
        .source
        .get("log/force/year/checkpoint")?
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&note);
    let origin = text.lines().next().unwrap_or_default();
    let year = origin.rsplit('/').next().and_then(|year| year.parse().ok());
    year.ok_or_else(|| {
        let what = "the checkpoint of the folder names no year";
        Failure::new(Kind::Unreachable, what, "give --year")
    })
}
