//! Closes an epoch: exactly K leaves, pages of answers, drops and decoys alike, and the checkpoint over them.
//!
//! Order, each step durable before the next: the new pin beside the old one; the epoch frame; the new pin in the place
//! of the old one; then index and memory. A stop between two of them is finished at the next start. What a full disk
//! can refuse comes before the frame, so that it leaves everything as it was.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};

use bytes::Bytes;
use hafan_directory::Force;
use hafan_tlog::{Checkpoint, Entry, EntryKind, Frontier, Seed, Signer, decoy, log_origin};
use rand::RngCore as _;
use rand::rngs::OsRng;
use rand::seq::SliceRandom as _;
use zeroize::Zeroizing;

use super::EpochError;
use super::fail_stop::fail_stop;
use super::folder::StagedFile;
use super::index::{Changes, Kept};
use super::record::Epoch;
use super::shared::{Pending, Shared};
use super::space::is_shortage;
use super::view::LogView;
use super::writer::Command;

/// Begins the log of a force and year with a signed checkpoint of the empty tree, when it has not begun.
pub(crate) fn begin(
    shared: &Shared,
    commands: &Sender<Command>,
    force: &Force,
    year: u16,
    signer: &Signer,
) -> Result<(), EpochError> {
    let _one = shared.lock_epoch();
    check(shared, force, year, signer)?;
    match shared.log(force, year) {
        Some(_) => Ok(()),
        None => append(shared, commands, begun(shared, force, year, signer)?),
    }
}

/// Closes one epoch of a force's log, which begins first when it has not begun.
pub(crate) fn close(
    shared: &Shared,
    commands: &Sender<Command>,
    force: &Force,
    year: u16,
    signer: &Signer,
) -> Result<(), EpochError> {
    let _one = shared.lock_epoch();
    check(shared, force, year, signer)?;
    if shared.log(force, year).is_none() {
        append(shared, commands, begun(shared, force, year, signer)?)?;
    }
    let old = shared.log(force, year).ok_or(EpochError::ShuttingDown)?;
    let leaves = usize::from(shared.config.leaves_per_epoch);
    // Pages come first, so that a flood of submissions holds no answer up; half is left, rounded down, so that no courier
    // holds reports up: with one leaf an epoch, where a page takes it, reports wait.
    let pages = oldest(shared, Kept::Page, force, leaves.div_ceil(2));
    let drops = oldest(shared, Kept::Drop, force, leaves - pages.len());
    let seed = fresh_seed();
    let waiting: Vec<Waiting> = [(Kept::Page, &pages), (Kept::Drop, &drops)]
        .into_iter()
        .flat_map(|(kept, oldest)| oldest.iter().map(move |pending| (kept, *pending)))
        .collect();
    let slots = draw_positions(&waiting, leaves);
    let step = grown(shared, force, year, signer, old, seed, &slots)?;
    append(shared, commands, step)?;
    for (kept, taken) in [(Kept::Page, pages), (Kept::Drop, drops)] {
        if let Some(queue) = shared.pending(kept).get_mut(force) {
            queue.drain(..taken.len());
        }
    }
    Ok(())
}

/// What takes a place in an epoch.
type Waiting = (Kept, Pending);

/// The oldest of what waits, at most `count`.
fn oldest(shared: &Shared, kept: Kept, force: &Force, count: usize) -> Vec<Pending> {
    let queues = shared.pending(kept);
    let queue = queues.get(force).into_iter().flatten();
    queue.take(count).copied().collect()
}

/// One durable step of a log.
struct Step {
    epoch: Epoch,
    /// The log before, when it had begun.
    old: Option<Arc<LogView>>,
    new: LogView,
    changes: Changes,
}

fn check(shared: &Shared, force: &Force, year: u16, signer: &Signer) -> Result<(), EpochError> {
    if shared.is_stopping() {
        return Err(EpochError::ShuttingDown);
    }
    if !shared.config.forces.contains(force) {
        return Err(EpochError::NoSuchForce);
    }
    if signer.verifier().key() != shared.verifier.key() {
        return Err(EpochError::Key);
    }
    match shared.latest_year(force) {
        Some(newest) if year < newest => Err(EpochError::YearWentBack {
            found: year,
            newest,
        }),
        _ => Ok(()),
    }
}

/// The frame that begins a log: no leaf, and the checkpoint of the empty tree.
pub(crate) fn empty_epoch(
    log_name: &str,
    force: &Force,
    year: u16,
    signer: &Signer,
) -> Result<Epoch, EpochError> {
    let note = signed(log_name, force, year, &Frontier::new(), signer)?;
    Ok(Epoch {
        force: force.clone(),
        year,
        first: 0,
        seed: fresh_seed(),
        leaves: Vec::new(),
        note: note.to_vec(),
    })
}

fn begun(shared: &Shared, force: &Force, year: u16, signer: &Signer) -> Result<Step, EpochError> {
    let epoch = empty_epoch(&shared.config.log_name, force, year, signer)?;
    let new = LogView::empty(epoch.note.clone().into());
    let mut changes = Changes::default();
    changes.put_head(force, year, 0, &new.tree().root());
    Ok(Step {
        epoch,
        old: None,
        new,
        changes,
    })
}

fn grown(
    shared: &Shared,
    force: &Force,
    year: u16,
    signer: &Signer,
    old: Arc<LogView>,
    seed: Seed,
    slots: &[Option<Waiting>],
) -> Result<Step, EpochError> {
    let first = old.tree().size();
    let mut leaves = Vec::with_capacity(slots.len());
    let mut changes = Changes::default();
    for (position, slot) in (0..=u16::MAX).zip(slots) {
        leaves.push(match slot {
            None => decoy(&seed, position),
            Some((kept, Pending { h, t })) => {
                changes.put_leaf(*kept, force, h, year, first + u64::from(position));
                match kept {
                    Kept::Drop => Entry::drop_of(*h, *t),
                    Kept::Page => Entry {
                        kind: EntryKind::ReplyPage,
                        h: *h,
                        t: *t,
                    },
                }
            }
        });
    }
    let mut new = LogView::clone(&old);
    new.grow(&leaves, |tile| {
        changes.put_tile(force, year, tile.kind, tile.number, tile.bytes);
    });
    let note = signed(&shared.config.log_name, force, year, new.tree(), signer)?;
    new.set_note(note.clone());
    changes.put_epoch(force, year, first, shared.config.leaves_per_epoch, &seed);
    changes.put_head(force, year, new.tree().size(), &new.tree().root());
    let epoch = Epoch {
        force: force.clone(),
        year,
        first,
        seed,
        leaves,
        note: note.to_vec(),
    };
    Ok(Step {
        epoch,
        old: Some(old),
        new,
        changes,
    })
}

/// Makes a step durable, pins it, and publishes it.
fn append(shared: &Shared, commands: &Sender<Command>, step: Step) -> Result<(), EpochError> {
    let Step {
        epoch,
        old,
        new,
        changes,
    } = step;
    let (force, year) = (&epoch.force, epoch.year);
    let payload = epoch.encode().map_err(|error| EpochError::Form {
        reason: error.to_string(),
    })?;
    check_pin(shared, force, year, old.as_deref())?;
    shared
        .keep_index_room()
        .map_err(|_| EpochError::StoreFull)?;
    let staged = shared
        .pins
        .stage(force, year, new.note())
        .map_err(|error| pin_error(shared, force, year, error))?;
    let (reply, answer) = mpsc::sync_channel(1);
    commands
        .send(Command::Epoch { payload, reply })
        .map_err(|_| EpochError::ShuttingDown)?;
    answer
        .recv()
        .map_err(|_| EpochError::ShuttingDown)?
        .map_err(|_| EpochError::StoreFull)?;
    // The epoch is durable: from here on there is no way back, and a start would finish what is left.
    commit_pin(shared, staged, force, year, old.as_deref());
    shared.index_or_stop("cannot write the index", |index| index.apply(changes));
    shared
        .logs_mut()
        .insert((force.clone(), year), Arc::new(new));
    Ok(())
}

/// The pin must be the checkpoint that the step is built on.
fn check_pin(
    shared: &Shared,
    force: &Force,
    year: u16,
    old: Option<&LogView>,
) -> Result<(), EpochError> {
    let found = shared
        .pins
        .read(force, year)
        .map_err(|error| pin_error(shared, force, year, error))?;
    let wanted = old.map(|old| old.note().as_ref());
    if found.as_deref() == wanted {
        Ok(())
    } else {
        Err(EpochError::PinMoved {
            path: shared.pins.path(force, year),
        })
    }
}

fn commit_pin(
    shared: &Shared,
    staged: StagedFile,
    force: &Force,
    year: u16,
    old: Option<&LogView>,
) {
    if let Err(error) = check_pin(shared, force, year, old) {
        fail_stop(
            "a checkpoint was pinned by another while an epoch was written",
            &error,
        );
    }
    if let Err(error) = staged.commit() {
        fail_stop(
            &format!(
                "cannot pin the checkpoint {}",
                shared.pins.path(force, year).display()
            ),
            &error,
        );
    }
}

fn pin_error(shared: &Shared, force: &Force, year: u16, source: io::Error) -> EpochError {
    if is_shortage(&source) {
        return EpochError::StoreFull;
    }
    EpochError::Pin {
        path: shared.pins.path(force, year),
        source,
    }
}

fn signed(
    log_name: &str,
    force: &Force,
    year: u16,
    tree: &Frontier,
    signer: &Signer,
) -> Result<Bytes, EpochError> {
    let origin = log_origin(log_name, force.as_str(), year);
    let checkpoint = Checkpoint::of(&origin, tree).map_err(|error| EpochError::Form {
        reason: error.to_string(),
    })?;
    Ok(checkpoint.sign(signer).into())
}

fn fresh_seed() -> Seed {
    let mut bytes = Zeroizing::new([0; 32]);
    OsRng.fill_bytes(bytes.as_mut());
    Seed::from_bytes(&bytes)
}

/// `leaves` positions, what waits among them at random.
fn draw_positions(waiting: &[Waiting], leaves: usize) -> Vec<Option<Waiting>> {
    let mut slots: Vec<Option<Waiting>> = waiting.iter().copied().map(Some).collect();
    slots.resize(leaves, None);
    slots.shuffle(&mut OsRng);
    slots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_drawn_over_all_positions_and_none_is_lost() {
        let pending = |n| Pending {
            h: [n; 32],
            t: [n; 32],
        };
        let drops: Vec<Waiting> = (0..3).map(|n| (Kept::Drop, pending(n))).collect();
        let mut seen = [0; 8];
        for _ in 0..2_000 {
            let slots = draw_positions(&drops, 8);
            assert_eq!(slots.len(), 8);
            let mut found: Vec<u8> = slots.iter().flatten().map(|(_, drop)| drop.h[0]).collect();
            found.sort_unstable();
            assert_eq!(found, [0, 1, 2]);
            for (count, slot) in seen.iter_mut().zip(&slots) {
                *count += usize::from(slot.is_some());
            }
        }
        // 750 each on average, standard deviation 22: nine of them either way.
        assert!(
            seen.iter().all(|count| (550..950).contains(count)),
            "{seen:?}"
        );
    }
}
