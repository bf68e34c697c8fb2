//! Makes and opens stores: reads every segment, follows every log, compares with the pins, finds or makes the index.
//!
//! It trusts nothing on the disk but the two keys it is given: frames are checked by checksum, epochs by signature and
//! by their place, the index by what the segments say. Nothing is written until the value log and the pins agree.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use hafan_directory::{FORCE_SIZE_BYTES_MAX, Force};
use hafan_envelope::reply::{PAGE_SIZE_BYTES, Page};
use hafan_tlog::{Checkpoint, Hash, Signer, Verifier, log_origin};

use super::epoch::empty_epoch;
use super::folder::{Folder, StagedFile, is_empty_dir, make_private_dir};
use super::frame::FrameKind;
use super::index::OPEN_TIME_MAX;
use super::operator;
use super::pin::Pins;
use super::record::{Epoch, RecordError, SubmissionAt, WalkError, parse_page, walk_batch};
use super::reindex::open_index;
use super::scan::{End, FrameAt, Growth, ScanError, scan, segment_path};
use super::segment::Segments;
use super::shared::Parts;
use super::view::LogView;
use super::{ConfigError, CreateError, EpochDamage, OpenError, OpenProgress, StoreConfig};

/// The least size of a segment: an epoch of 512 leaves or a submission of the smallest class fit.
const SEGMENT_SIZE_BYTES_MIN: u64 = 128 * 1024;

/// The largest epoch: 65,535 leaves and the largest checkpoint.
const EPOCH_SIZE_BYTES_MAX: u64 = 65_535 * 66 + 65_536 + 128;

/// The largest payload of a page frame: the longest name of a force, and a page that ends with no zero.
const PAGE_PAYLOAD_SIZE_BYTES_MAX: usize = 1 + FORCE_SIZE_BYTES_MAX + PAGE_SIZE_BYTES;

/// The first year that a log can have.
const YEAR_MIN: u16 = 2026;

/// A log as the segments say, while they are read.
pub(crate) struct ReplayedLog {
    pub(crate) view: LogView,
    pin: Option<Pin>,
}

pub(crate) struct Pin {
    checkpoint: Checkpoint,
    note: Vec<u8>,
    /// Root of the replayed log when it had the size of the pin.
    root: Option<Hash>,
}

pub(crate) type ReplayedLogs = BTreeMap<(Force, u16), ReplayedLog>;

pub(crate) fn check_config(config: &StoreConfig, key_name: &str) -> Result<(), ConfigError> {
    let epoch = u64::from(config.leaves_per_epoch) * 66 + 65_536;
    let wanted = SEGMENT_SIZE_BYTES_MIN.max(epoch.next_multiple_of(4096));
    let found = config.segment_size_bytes;
    if found < wanted || !found.is_multiple_of(4096) {
        return Err(ConfigError::SegmentSize { found, wanted });
    }
    if config.leaves_per_epoch == 0 {
        return Err(ConfigError::LeavesPerEpoch);
    }
    let mut forces = config.forces.clone();
    forces.sort();
    forces.dedup();
    if forces.is_empty() || forces.len() != config.forces.len() {
        return Err(ConfigError::Forces);
    }
    if key_name != config.log_name {
        return Err(ConfigError::LogName {
            found: key_name.to_owned(),
            wanted: config.log_name.clone(),
        });
    }
    Ok(())
}

/// Makes a store with a log for each force, each with a signed checkpoint of the empty tree.
pub(crate) fn create(config: &StoreConfig, signer: &Signer, year: u16) -> Result<(), CreateError> {
    check_config(config, signer.name())?;
    if year < YEAR_MIN {
        return Err(ConfigError::Year { found: year }.into());
    }
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| CreateError::Io { path, source }
    };
    let folder = Folder::new(&config.store_dir);
    if !is_empty_dir(folder.root()).map_err(failed(folder.root()))? {
        return Err(CreateError::NotEmpty {
            path: folder.root().to_path_buf(),
        });
    }
    let pins = Pins::new(&config.pinned_dir);
    for force in &config.forces {
        let path = pins.path(force, year);
        if path.exists() {
            return Err(CreateError::Pinned { path });
        }
    }
    let mut epochs = Vec::new();
    for force in &config.forces {
        let epoch = empty_epoch(&config.log_name, force, year, signer).map_err(|_| {
            CreateError::LogName {
                found: config.log_name.clone(),
            }
        })?;
        epochs.push(epoch);
    }
    for dir in [folder.root(), &folder.segments(), &config.pinned_dir] {
        make_private_dir(dir).map_err(failed(dir))?;
    }
    let end = End {
        segment: None,
        offset: 0,
        size: 0,
        last: None,
        torn: None,
    };
    let dir = folder.segments();
    let mut segments =
        Segments::open(&dir, config.segment_size_bytes, &end).map_err(failed(&dir))?;
    for epoch in &epochs {
        let payload = epoch.encode().map_err(failed(&dir))?;
        let size = u64::try_from(payload.len())
            .map_err(io::Error::other)
            .map_err(failed(&dir))?;
        segments
            .make_room(size)
            .map_err(|_| CreateError::Full { path: dir.clone() })?;
        segments.append(FrameKind::Epoch, size, |out| out.write_all(&payload));
        let staged = pins
            .stage(&epoch.force, year, &epoch.note)
            .map_err(failed(&config.pinned_dir))?;
        staged.commit().map_err(failed(&config.pinned_dir))?;
    }
    operator::create(config, signer)?;
    folder.write_format().map_err(failed(&folder.format()))
}

/// Refuses a folder that is no store, or one of another format.
pub(crate) fn check_format(folder: &Folder) -> Result<(), OpenError> {
    match folder.has_format().map_err(io_error(&folder.format()))? {
        Some(true) => Ok(()),
        Some(false) => Err(OpenError::Format {
            path: folder.format(),
        }),
        None => Err(OpenError::NotAStore {
            path: folder.root().to_path_buf(),
        }),
    }
}

/// What an opened store is made of: what is shared, and the end of the value log.
pub(crate) fn open(
    config: &StoreConfig,
    verifier: &Verifier,
    progress: &dyn Fn(OpenProgress),
) -> Result<(Parts, Segments), OpenError> {
    check_config(config, verifier.name())?;
    let folder = Folder::new(&config.store_dir);
    check_format(&folder)?;
    let lock = folder.lock().map_err(io_error(&folder.lock_path()))?;
    let lock = lock.ok_or_else(|| OpenError::Locked {
        path: folder.lock_path(),
    })?;
    let pins = Pins::new(&config.pinned_dir);
    let replay = Replay::read(config, verifier, &pins, &folder, Growth::Still, progress)?;
    let behind = replay.compare_with_pins(&pins)?;

    // The value log is whole and not older than what was published: from here on things are written.
    let dir = folder.segments();
    if let (Some(segment), Some(torn)) = (replay.end.segment, &replay.end.torn) {
        folder
            .keep_torn(segment, torn)
            .map_err(io_error(folder.root()))?;
        progress(OpenProgress::TornTailCut {
            segment,
            byte: torn.start,
            bytes: torn.end - torn.start,
        });
    }
    let segments =
        Segments::open(&dir, config.segment_size_bytes, &replay.end).map_err(io_error(&dir))?;
    for (force, year) in behind {
        if let Some(log) = replay.logs.get(&(force.clone(), year)) {
            let staged = pins.stage(&force, year, log.view.note());
            staged
                .and_then(StagedFile::commit)
                .map_err(io_error(&pins.path(&force, year)))?;
            progress(OpenProgress::RolledForward { force, year });
        }
    }
    let clean = folder
        .take_clean_mark(segments.end())
        .map_err(io_error(folder.root()))?;
    let (index, pending, pages) = open_index(&folder, clean, &replay, OPEN_TIME_MAX, progress)?;
    let logs = replay
        .logs
        .into_iter()
        .map(|(log, replayed)| (log, Arc::new(replayed.view)))
        .collect();
    let (config, verifier) = (config.clone(), verifier.clone());
    Ok((
        Parts {
            config,
            verifier,
            folder,
            pins,
            lock,
            index,
            logs,
            pending,
            pages,
        },
        segments,
    ))
}

pub(crate) fn io_error(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_path_buf();
    move |source| OpenError::Io { path, source }
}

impl From<ScanError> for OpenError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Io { path, source } => Self::Io { path, source },
            ScanError::Missing { wanted, found } => Self::SegmentMissing { wanted, found },
            ScanError::Damaged {
                segment,
                byte,
                damage,
            } => Self::Damaged {
                segment,
                byte,
                damage,
            },
        }
    }
}

/// Where the whole frames of each segment end.
#[derive(Default)]
struct Ends(BTreeMap<u32, u64>);

impl Ends {
    fn follow(&mut self, frame: &FrameAt) -> FrameKind {
        let end = frame.header.frame_size().unwrap_or(0) + frame.offset;
        self.0.insert(frame.segment, end);
        frame.header.kind
    }

    fn of_segments(&self, last: Option<u32>) -> Vec<u64> {
        let segments = last.map_or(0..0, |last| 0..last + 1);
        segments
            .map(|segment| self.0.get(&segment).copied().unwrap_or(0))
            .collect()
    }
}

/// What the segments say.
pub(crate) struct Replay {
    pub(crate) logs: ReplayedLogs,
    /// Submissions of each force.
    pub(crate) drops: BTreeMap<Force, u64>,
    /// Pages of answers of each force.
    pub(crate) pages: BTreeMap<Force, u64>,
    pub(crate) end: End,
    /// For each segment, from the first on, the byte behind its last whole frame.
    pub(crate) ends: Vec<u64>,
}

impl Replay {
    pub(crate) fn read(
        config: &StoreConfig,
        verifier: &Verifier,
        pins: &Pins,
        folder: &Folder,
        growth: Growth,
        progress: &dyn Fn(OpenProgress),
    ) -> Result<Self, OpenError> {
        let mut ends = Ends::default();
        let mut logs = ReplayedLogs::new();
        let mut drops: BTreeMap<Force, u64> = config
            .forces
            .iter()
            .map(|force| (force.clone(), 0))
            .collect();
        let mut pages = drops.clone();
        let dir = folder.segments();
        let end = scan::<OpenError>(
            &dir,
            growth,
            |file, frame| match ends.follow(&frame) {
                FrameKind::Intake => {
                    let count = |at: SubmissionAt| {
                        *drops.entry(at.force).or_default() += 1;
                        Ok::<(), Infallible>(())
                    };
                    walk_batch(
                        file,
                        frame.payload_offset(),
                        frame.header.payload_size,
                        count,
                    )
                    .map_err(|error| walk_error(&dir, &frame, error, |never| match never {}))
                }
                FrameKind::Page => read_page(&dir, file, &frame, |force, _| {
                    *pages.entry(force).or_default() += 1;
                }),
                FrameKind::Epoch => {
                    let epoch = read_epoch(&dir, file, &frame)?;
                    follow(&mut logs, pins, &config.log_name, verifier, epoch).map_err(|error| {
                        match error {
                            FollowError::Damage(reason) => OpenError::Epoch {
                                segment: frame.segment,
                                byte: frame.offset,
                                reason,
                            },
                            FollowError::Open(error) => error,
                        }
                    })
                }
            },
            |segment, segments| progress(OpenProgress::Scanning { segment, segments }),
        )?;
        Ok(Self {
            logs,
            drops,
            pages,
            ends: ends.of_segments(end.segment),
            end,
        })
    }

    /// Compares every log with its pin; gives the logs whose pin is behind.
    pub(crate) fn compare_with_pins(&self, pins: &Pins) -> Result<Vec<(Force, u16)>, OpenError> {
        for (force, year) in pins.list().map_err(io_error(pins.dir()))? {
            if !self.logs.contains_key(&(force.clone(), year)) {
                return Err(OpenError::PinAhead {
                    force,
                    year,
                    found: 0,
                    pinned: 0,
                });
            }
        }
        let mut behind = Vec::new();
        for ((force, year), log) in &self.logs {
            let (force, year) = (force.clone(), *year);
            let found = log.view.tree().size();
            let Some(pin) = &log.pin else {
                // The making of the log was interrupted between its first frame and its pin.
                if found == 0 {
                    behind.push((force, year));
                    continue;
                }
                return Err(OpenError::PinMissing {
                    path: pins.path(&force, year),
                });
            };
            let pinned = pin.checkpoint.size();
            if pinned > found {
                return Err(OpenError::PinAhead {
                    force,
                    year,
                    found,
                    pinned,
                });
            }
            if pin.root != Some(pin.checkpoint.root()) {
                return Err(OpenError::PinFork {
                    force,
                    year,
                    pinned,
                });
            }
            if pin.note != *log.view.note() {
                behind.push((force, year));
            }
        }
        Ok(behind)
    }
}

pub(crate) fn read_epoch(dir: &Path, file: &File, frame: &FrameAt) -> Result<Epoch, OpenError> {
    let (segment, byte) = (frame.segment, frame.offset);
    let size = frame.header.payload_size;
    if size > EPOCH_SIZE_BYTES_MAX {
        return Err(OpenError::Epoch {
            segment,
            byte,
            reason: EpochDamage::Size,
        });
    }
    let mut payload = vec![0; usize::try_from(size).unwrap_or(0)];
    file.read_exact_at(&mut payload, frame.payload_offset())
        .map_err(io_error(&segment_path(dir, segment)))?;
    Epoch::parse(&payload).map_err(|source| OpenError::Record {
        segment,
        byte,
        source,
    })
}

/// Gives the page of answers of a frame to `visit`.
pub(crate) fn read_page(
    dir: &Path,
    file: &File,
    frame: &FrameAt,
    visit: impl FnOnce(Force, Page<'_>),
) -> Result<(), OpenError> {
    let size = usize::try_from(frame.header.payload_size).unwrap_or(usize::MAX);
    if let Some(more @ 1..) = size.checked_sub(PAGE_PAYLOAD_SIZE_BYTES_MAX) {
        let found = u64::try_from(more).unwrap_or(u64::MAX);
        return Err(record_error(frame, RecordError::Long { found }));
    }
    let mut payload = vec![0; size];
    file.read_exact_at(&mut payload, frame.payload_offset())
        .map_err(io_error(&segment_path(dir, frame.segment)))?;
    let mut bytes = Vec::with_capacity(PAGE_SIZE_BYTES);
    let (force, page) =
        parse_page(&payload, &mut bytes).map_err(|source| record_error(frame, source))?;
    visit(force, page);
    Ok(())
}

enum FollowError {
    Damage(EpochDamage),
    Open(OpenError),
}

/// Lets a log grow by an epoch, when it follows from what was before and is signed.
fn follow(
    logs: &mut ReplayedLogs,
    pins: &Pins,
    log_name: &str,
    verifier: &Verifier,
    epoch: Epoch,
) -> Result<(), FollowError> {
    let damage = |reason| Err(FollowError::Damage(reason));
    let key = (epoch.force.clone(), epoch.year);
    let newest = logs
        .range((epoch.force.clone(), 0)..=(epoch.force.clone(), u16::MAX))
        .next_back();
    if let Some(((_, newest), _)) = newest
        && epoch.year < *newest
    {
        return damage(EpochDamage::Year {
            found: epoch.year,
            newest: *newest,
        });
    }
    let origin = log_origin(log_name, epoch.force.as_str(), epoch.year);
    let verifier = verifier
        .renamed(&origin)
        .map_err(|_| FollowError::Damage(EpochDamage::Checkpoint))?;
    let begins = !logs.contains_key(&key);
    if begins != epoch.leaves.is_empty() {
        return damage(EpochDamage::Beginning);
    }
    let log = match logs.entry(key) {
        std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
        std::collections::btree_map::Entry::Vacant(entry) => {
            let pin =
                read_pin(pins, &epoch.force, epoch.year, &verifier).map_err(FollowError::Open)?;
            entry.insert(ReplayedLog {
                view: LogView::empty(Vec::new().into()),
                pin,
            })
        }
    };
    let wanted = log.view.tree().size();
    if epoch.first != wanted {
        return damage(EpochDamage::First {
            found: epoch.first,
            wanted,
        });
    }
    log.view.grow(&epoch.leaves, |_| {});
    let (size, root) = (log.view.tree().size(), log.view.tree().root());
    let checkpoint = Checkpoint::open(&epoch.note, &verifier)
        .map_err(|_| FollowError::Damage(EpochDamage::Checkpoint))?;
    if checkpoint.size() != size || checkpoint.root() != root {
        return damage(EpochDamage::Root);
    }
    log.view.set_note(epoch.note.into());
    if let Some(pin) = &mut log.pin
        && pin.checkpoint.size() == size
    {
        pin.root = Some(root);
    }
    Ok(())
}

fn read_pin(
    pins: &Pins,
    force: &Force,
    year: u16,
    verifier: &Verifier,
) -> Result<Option<Pin>, OpenError> {
    let path = pins.path(force, year);
    let Some(note) = pins.read(force, year).map_err(io_error(&path))? else {
        return Ok(None);
    };
    let checkpoint =
        Checkpoint::open(&note, verifier).map_err(|_| OpenError::PinInvalid { path })?;
    Ok(Some(Pin {
        checkpoint,
        note,
        root: None,
    }))
}

pub(crate) fn walk_error<E>(
    dir: &Path,
    frame: &FrameAt,
    error: WalkError<E>,
    visit: impl FnOnce(E) -> OpenError,
) -> OpenError {
    match error {
        WalkError::Io(source) => OpenError::Io {
            path: segment_path(dir, frame.segment),
            source,
        },
        WalkError::Record(source) => record_error(frame, source),
        WalkError::Visit(error) => visit(error),
    }
}

const fn record_error(frame: &FrameAt, source: RecordError) -> OpenError {
    OpenError::Record {
        segment: frame.segment,
        byte: frame.offset,
        source,
    }
}
