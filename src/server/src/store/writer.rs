//! The one thread that appends to the value log.
//!
//! It gathers submissions until the beat, never less, shuffles all of them once, writes them as one frame or several,
//! and only when the last is synced answers all of them together: neither the disk nor an answer tells an order or a
//! time finer than the beat. A beat that comes while the one before is written is late: it takes what came until then.
//! What waits is bounded by the permits of the queue, pages of answers too. Epochs and pages come between batches. What
//! it is given was checked by the caller: `h` is the digest of the body.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use hafan_directory::Force;
use hafan_envelope::submission::Digest;
use rand::rngs::OsRng;
use rand::seq::SliceRandom as _;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::fail_stop::{StopOnPanic, fail_stop};
use super::frame::FrameKind;
use super::index::{Changes, Index, IndexError, Kept, Place};
use super::record::{
    BATCH_COUNT_MAX, BATCH_HEAD_SIZE_BYTES, item_head_size, page_head_size, write_item_head,
    write_page,
};
use super::segment::Segments;
use super::shared::{Pending, Shared};
use super::space::{Full, free_bytes};
use super::write_behind::WriteBehind;
use super::{Accepted, Body, SubmitError};

/// A frame's payload is at most this long, so that a frame is soon synced. A larger submission has one of its own.
const BATCH_SIZE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Spilled submissions are copied in chunks of this size.
const COPY_SIZE_BYTES: usize = 256 * 1024;

/// How often room is looked for while the disk is full and nobody asks.
const FULL_RETRY: Duration = Duration::from_secs(1);

/// What the writer is asked.
pub(crate) enum Command {
    Submit(Job),
    /// Append a page of answers; the answer comes when it is durable.
    Page(PageJob),
    /// Append an epoch frame; the answer comes when it is durable.
    Epoch {
        payload: Vec<u8>,
        reply: SyncSender<Result<(), Full>>,
    },
    Stop,
}

/// A submission on its way to the disk.
pub(crate) struct Job {
    pub(crate) force: Force,
    pub(crate) h: Digest,
    pub(crate) t: [u8; 32],
    pub(crate) body: Body,
    pub(crate) size: u32,
    pub(crate) reply: oneshot::Sender<Result<Accepted, SubmitError>>,
    /// The memory that it takes until it is answered.
    pub(crate) permit: OwnedSemaphorePermit,
}

/// A page of answers on its way to the disk.
pub(crate) struct PageJob {
    pub(crate) force: Force,
    pub(crate) h: Digest,
    pub(crate) t: [u8; 32],
    pub(crate) index_part: Vec<u8>,
    /// The page without the zeros that it ends with.
    pub(crate) stored: Vec<u8>,
    pub(crate) reply: oneshot::Sender<Result<Accepted, SubmitError>>,
    /// The memory that it takes until it is answered.
    pub(crate) permit: OwnedSemaphorePermit,
}

impl Job {
    fn frame_share(&self) -> u64 {
        item_head_size(&self.force) + u64::from(self.size)
    }

    fn answer(self, answer: Result<Accepted, SubmitError>) {
        // Whoever went away meanwhile sends the submission again and hears that it is there.
        let _gone = self.reply.send(answer);
        drop(self.permit);
    }
}

/// The writer's own state.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    segments: Segments,
    commands: Receiver<Command>,
    batch: Vec<Job>,
    deadline: Option<Instant>,
    started: Instant,
    /// Since when the beat that was written last takes no more; nothing once all that came meanwhile was taken.
    written_since: Option<Instant>,
    write_behind: WriteBehind,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        segments: Segments,
        commands: Receiver<Command>,
    ) -> io::Result<Self> {
        Ok(Self {
            write_behind: WriteBehind::start(Arc::clone(&shared))?,
            shared,
            segments,
            commands,
            batch: Vec::new(),
            deadline: None,
            started: Instant::now(),
            written_since: None,
        })
    }

    /// Works until it is told to stop or nobody can ask any more; gives segment and byte at which the value log ends.
    pub(crate) fn run(mut self) -> (u32, u64) {
        let _guard = StopOnPanic("the writer of the store ended");
        loop {
            match self.next_command() {
                Ok(Command::Submit(job)) => self.take(job),
                Ok(Command::Page(job)) => {
                    let answer = self.append_page(&job);
                    // A courier that went away sends the page again and hears that it is there.
                    let _gone = job.reply.send(answer);
                    drop(job.permit);
                }
                Ok(Command::Epoch { payload, reply }) => {
                    if reply.send(self.append_epoch(&payload)).is_err() {
                        // The next epoch would be built on a log without this one: a start finishes it instead.
                        fail_stop(
                            "an epoch was written for nobody",
                            &"a defect in the program",
                        );
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.flush(),
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => {
                    self.flush();
                    self.write_behind.end();
                    return self.segments.end();
                }
            }
        }
    }

    fn next_command(&mut self) -> Result<Command, RecvTimeoutError> {
        // The beat takes what is there when it comes. No flood puts it off for long: no more comes than there are permits.
        if let Ok(command) = self.commands.try_recv() {
            return Ok(command);
        }
        if self.deadline.is_none() {
            self.written_since = None;
        }
        let wait = match self.deadline {
            Some(deadline) => deadline.saturating_duration_since(Instant::now()),
            None if self.shared.is_full() => FULL_RETRY,
            None => {
                return self
                    .commands
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected);
            }
        };
        if wait.is_zero() {
            return Err(RecvTimeoutError::Timeout);
        }
        self.commands.recv_timeout(wait)
    }

    fn take(&mut self, job: Job) {
        self.batch.push(job);
        if self.deadline.is_none() {
            let since = self.written_since.unwrap_or_else(Instant::now);
            let beat = self.shared.config.intake_batch;
            self.deadline = Some(beat_after(self.started, beat, since));
        }
    }

    /// Makes what was gathered durable and answers all of it.
    fn flush(&mut self) {
        self.deadline = None;
        self.written_since = Some(Instant::now());
        let mut jobs = std::mem::take(&mut self.batch);
        jobs.shuffle(&mut OsRng);
        let standings = self.standings(&jobs);
        let fresh: Vec<&Job> = jobs
            .iter()
            .zip(&standings)
            .filter(|(_, standing)| **standing == Standing::Fresh)
            .map(|(job, _)| job)
            .collect();
        let written = self.write_fresh(&fresh);
        // A repeat is durable only when the submission that it repeats is.
        let refused: BTreeSet<_> = fresh
            .iter()
            .zip(&written)
            .filter(|(_, written)| written.is_err())
            .map(|(job, _)| (job.force.clone(), job.h))
            .collect();
        for (job, standing) in jobs.into_iter().zip(standings) {
            let refused = !refused.is_empty() && refused.contains(&(job.force.clone(), job.h));
            let answer = match standing {
                Standing::Durable => Ok(Accepted::Already),
                Standing::Fresh | Standing::Repeat if refused => Err(SubmitError::StoreFull),
                Standing::Fresh => Ok(Accepted::Created),
                Standing::Repeat => Ok(Accepted::Already),
            };
            job.answer(answer);
        }
    }

    /// Writes the submissions in the order given, in as many frames as they need; says which found room.
    ///
    /// Only these are asked room for: one that is durable already needs none.
    fn write_fresh(&mut self, fresh: &[&Job]) -> Vec<Result<(), Full>> {
        if fresh.is_empty() && self.shared.is_full() {
            let full = self.room_for_intake(BATCH_HEAD_SIZE_BYTES).is_err();
            self.shared.set_full(full);
        }
        let payload_size_max = BATCH_SIZE_BYTES_MAX.min(self.segments.payload_size_max());
        let mut done = Vec::with_capacity(fresh.len());
        let mut rest = fresh;
        while !rest.is_empty() {
            let (frame, payload_size) = frame_of(rest, payload_size_max);
            let room = self.room_for_intake(payload_size);
            self.shared.set_full(room.is_err());
            if room.is_ok() {
                self.write_batch(frame);
            }
            done.extend(frame.iter().map(|_| room));
            rest = rest.get(frame.len()..).unwrap_or_default();
        }
        done
    }

    /// Which of the submissions are neither durable already nor earlier among these.
    fn standings(&self, jobs: &[Job]) -> Vec<Standing> {
        let mut seen = BTreeSet::new();
        jobs.iter()
            .map(|job| {
                if self
                    .look_up(|index| index.drop_place(&job.force, &job.h))
                    .is_some()
                {
                    Standing::Durable
                } else if seen.insert((&job.force, job.h)) {
                    Standing::Fresh
                } else {
                    Standing::Repeat
                }
            })
            .collect()
    }

    /// Asks the index, without which nothing can be told to be new.
    fn look_up<T>(&self, ask: impl FnOnce(&Index) -> Result<T, IndexError>) -> T {
        self.shared
            .index_or_stop("cannot look something up in the index", ask)
    }

    /// Writes, syncs, and lets the index and the next epoch know.
    fn write_batch(&mut self, jobs: &[&Job]) {
        let payload_size = jobs
            .iter()
            .fold(BATCH_HEAD_SIZE_BYTES, |sum, job| sum + job.frame_share());
        let written = self
            .segments
            .append(FrameKind::Intake, payload_size, |out| write_jobs(out, jobs));
        let mut offset = written.payload_offset + BATCH_HEAD_SIZE_BYTES;
        let places = jobs.iter().map(|job| {
            offset += item_head_size(&job.force);
            let place = Place {
                segment: written.segment,
                offset,
                size: job.size,
                t: job.t,
            };
            offset += u64::from(job.size);
            (&job.force, &job.h, place)
        });
        self.shared
            .index_or_stop("cannot change the index", |index| {
                index.hold_drops(places);
                Ok(())
            });
        self.write_behind.note();
        let mut pending = self.shared.pending(Kept::Drop);
        for job in jobs {
            let drop = Pending {
                h: job.h.0,
                t: job.t,
            };
            pending
                .entry(job.force.clone())
                .or_default()
                .push_back(drop);
        }
    }

    /// Writes a page of answers, syncs it, and lets the index and the next epoch know; nothing when it is there.
    fn append_page(&mut self, job: &PageJob) -> Result<Accepted, SubmitError> {
        let (force, stored) = (&job.force, &job.stored);
        if self.look_up(|index| index.page(force, &job.h.0)).is_some() {
            return Ok(Accepted::Already);
        }
        let size = u64::try_from(stored.len()).unwrap_or(u64::MAX);
        let payload_size = page_head_size(force).saturating_add(size);
        self.room_for_intake(payload_size)
            .map_err(|Full| SubmitError::StoreFull)?;
        let written = self.segments.append(FrameKind::Page, payload_size, |out| {
            write_page(out, force, stored)
        });
        let mut changes = Changes::default();
        let at = (written.segment, written.payload_offset);
        let place = page_place(at, force, stored, job.t);
        changes.put_page(force, &job.h, &place, &job.index_part);
        self.shared
            .index_or_stop("cannot write the index", |index| index.apply(changes));
        let page = Pending {
            h: job.h.0,
            t: job.t,
        };
        let mut pages = self.shared.pending(Kept::Page);
        pages.entry(force.clone()).or_default().push_back(page);
        Ok(Accepted::Created)
    }

    fn append_epoch(&mut self, payload: &[u8]) -> Result<(), Full> {
        let size = u64::try_from(payload.len()).map_err(|_| Full)?;
        self.segments.make_room(size)?;
        self.segments
            .append(FrameKind::Epoch, size, |out| out.write_all(payload));
        Ok(())
    }

    /// Room for a batch: above the watermark, in a segment, and for the index.
    fn room_for_intake(&mut self, payload_size: u64) -> Result<(), Full> {
        let root = self.shared.folder.root();
        let free = free_bytes(root)
            .unwrap_or_else(|error| fail_stop("cannot ask for the disk's free room", &error));
        let config = &self.shared.config;
        let new_segment = if self.segments.needs_segment(payload_size) {
            config.segment_size_bytes
        } else {
            0
        };
        if free < config.free_bytes_min.saturating_add(new_segment) {
            return Err(Full);
        }
        self.segments.make_room(payload_size)?;
        self.shared.keep_index_room()
    }
}

/// Where a page is in the frame whose payload begins at this segment and byte.
pub(crate) fn page_place(
    (segment, payload_offset): (u32, u64),
    force: &Force,
    stored: &[u8],
    t: [u8; 32],
) -> Place {
    Place {
        segment,
        offset: payload_offset + page_head_size(force),
        size: u32::try_from(stored.len()).unwrap_or(u32::MAX),
        t,
    }
}

/// The first beat behind a time. Beats are counted from the start and not from an arrival, so that a file's time tells
/// no arrival.
fn beat_after(started: Instant, beat: Duration, time: Instant) -> Instant {
    let past = time.saturating_duration_since(started).as_nanos();
    let Some(into) = past.checked_rem(beat.as_nanos()) else {
        return time;
    };
    let wait = u64::try_from(beat.as_nanos() - into).unwrap_or(u64::MAX);
    time.checked_add(Duration::from_nanos(wait)).unwrap_or(time)
}

/// How a submission stands before its beat is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Durable since an earlier beat.
    Durable,
    /// To be written.
    Fresh,
    /// Once more in this beat.
    Repeat,
}

/// The submissions from the first on that make the next frame, at least one, and the size of its payload.
fn frame_of<'a, 'b>(jobs: &'a [&'b Job], payload_size_max: u64) -> (&'a [&'b Job], u64) {
    let mut payload_size = BATCH_HEAD_SIZE_BYTES;
    let mut count = 0;
    for job in jobs.iter().take(BATCH_COUNT_MAX) {
        let grown = payload_size.saturating_add(job.frame_share());
        if count > 0 && grown > payload_size_max {
            break;
        }
        payload_size = grown;
        count += 1;
    }
    (jobs.get(..count).unwrap_or(jobs), payload_size)
}

fn write_jobs(out: &mut dyn Write, jobs: &[&Job]) -> io::Result<()> {
    let count = u16::try_from(jobs.len()).map_err(io::Error::other)?;
    out.write_all(&count.to_be_bytes())?;
    for job in jobs {
        write_item_head(out, &job.force, job.size)?;
        match &job.body {
            Body::Memory(bytes) => out.write_all(bytes)?,
            Body::Spilled(file, size) => {
                let mut chunk = vec![0; COPY_SIZE_BYTES];
                let mut at = 0;
                while at < *size {
                    let left = usize::try_from(size - at)
                        .unwrap_or(usize::MAX)
                        .min(chunk.len());
                    let (chunk, _) = chunk.split_at_mut(left);
                    file.read_exact_at(chunk, at)?;
                    out.write_all(chunk)?;
                    at += u64::try_from(left).map_err(io::Error::other)?;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_is_behind_its_time_and_at_a_multiple_from_the_start() {
        let started = Instant::now();
        let ms = Duration::from_millis;
        for (time, wanted) in [(0, 10), (1, 10), (9, 10), (10, 20), (25, 30)] {
            let found = beat_after(started, ms(10), started + ms(time));
            assert_eq!(found, started + ms(wanted), "after {time} ms");
        }
        assert_eq!(
            beat_after(started, Duration::ZERO, started + ms(7)),
            started + ms(7)
        );
    }
}
