//! Reads the segments from the first byte to the last: one thread reads, others hash and judge a frame each.
//!
//! Holds a few segments in memory and never more; gives the frames out in the order in which they were written.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};

use indicatif::ProgressBar;

use super::frame::{self, FrameKind, Tail};
use super::payload::{self, Payload};
use super::statistics::Noise;
use super::torn;
use super::unbuffered::Buffer;
use crate::failure::Failure;

/// Size of each segment in bytes.
pub(super) const SEGMENT_SIZE_BYTES: u64 = 64 * 1024 * 1024;

/// Segments in memory: one that is read, and two that are looked at.
const BUFFERS: usize = 3;

/// Where a frame, or what is none, begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) segment: u32,
    pub(super) byte: u64,
}

impl Place {
    pub(super) fn shown(self, more: u64) -> String {
        format!("segments/{:06}.log byte {}", self.segment, self.byte + more)
    }
}

/// What was found at a place.
pub(super) enum Found {
    /// A whole frame.
    Frame(Payload),
    /// A whole frame whose payload is not what its kind promises.
    Broken(payload::Fault),
    /// Behind the last frame of a segment.
    Tail(Tail),
    /// A frame that is not whole, and from this byte of it on is none at all.
    Stray(usize),
}

struct Job {
    number: u64,
    place: Place,
    /// `None`: the rest of the segment, where no frame begins.
    kind: Option<FrameKind>,
    segment: Arc<Buffer>,
    /// From the frame's header on.
    bytes: Range<usize>,
}

/// Reads segments in order.
pub(super) struct Reader<'a> {
    pub(super) segments: &'a [(u32, PathBuf)],
    pub(super) bar: &'a ProgressBar,
}

impl Reader<'_> {
    /// Shows everything to `visit`, in order, and gives what was seen of what must be noise.
    pub(super) fn run(&self, mut visit: impl FnMut(Place, Found)) -> Result<Noise, Failure> {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let (jobs, waiting) = mpsc::channel::<Job>();
        let (done, results) = mpsc::channel();
        let (give_back, buffers) = mpsc::channel::<Buffer>();
        for _ in 0..BUFFERS {
            // Nothing is read before there is somewhere to read it to.
            drop(give_back.send(Buffer::default()));
        }
        let waiting = Mutex::new(waiting);
        let noise = Mutex::new(Noise::default());
        let mut read = Ok(());
        std::thread::scope(|scope| {
            let reading = scope.spawn(move || self.read(&jobs, &buffers));
            for _ in 0..workers {
                let (done, give_back) = (done.clone(), give_back.clone());
                let (waiting, noise) = (&waiting, &noise);
                scope.spawn(move || {
                    let mut seen = Noise::default();
                    loop {
                        let job = match waiting.lock() {
                            Ok(waiting) => waiting.recv(),
                            Err(_) => break,
                        };
                        let Ok(job) = job else { break };
                        let found = look(&job, &mut seen);
                        // The one who collects is there until all are done.
                        drop(done.send((job.number, job.place, found)));
                        // Whoever looked at a segment last gives it back.
                        if let Some(buffer) = Arc::into_inner(job.segment) {
                            drop(give_back.send(buffer));
                        }
                    }
                    if let Ok(mut noise) = noise.lock() {
                        noise.add(&seen);
                    }
                });
            }
            drop((done, give_back));
            let mut early = BTreeMap::new();
            let mut wanted = 0;
            for (number, place, found) in results {
                early.insert(number, (place, found));
                while let Some((place, found)) = early.remove(&wanted) {
                    visit(place, found);
                    wanted += 1;
                }
            }
            read = reading.join().unwrap_or_else(|_| {
                let error = io::Error::other("the reader of the segments ended early");
                Err(Failure::read(&PathBuf::from("segments"), error))
            });
        });
        read?;
        Ok(noise.into_inner().unwrap_or_default())
    }

    fn read(
        &self,
        jobs: &mpsc::Sender<Job>,
        buffers: &mpsc::Receiver<Buffer>,
    ) -> Result<(), Failure> {
        let mut number = 0;
        for (segment, path) in self.segments {
            self.read_segment(*segment, path, &mut number, jobs, buffers)
                .map_err(|error| Failure::read(path, error))?;
        }
        Ok(())
    }

    fn read_segment(
        &self,
        segment: u32,
        path: &Path,
        number: &mut u64,
        jobs: &mpsc::Sender<Job>,
        buffers: &mpsc::Receiver<Buffer>,
    ) -> io::Result<()> {
        let nobody = |_| io::Error::other("nobody looks at what is read");
        let mut buffer = buffers.recv().map_err(|error| nobody(error.to_string()))?;
        let size = std::fs::metadata(path)?.len().min(SEGMENT_SIZE_BYTES);
        buffer.fill(path, usize::try_from(size).map_err(io::Error::other)?)?;
        self.bar.inc(size);
        let shared = Arc::new(buffer);
        let mut at = 0;
        let mut is_end = false;
        while !is_end {
            let (kind, end) = next_frame(shared.bytes(), at);
            is_end = kind.is_none();
            let job = Job {
                number: *number,
                place: Place {
                    segment,
                    byte: u64::try_from(at).map_err(io::Error::other)?,
                },
                kind,
                segment: Arc::clone(&shared),
                bytes: at..end,
            };
            *number += 1;
            at = end;
            jobs.send(job).map_err(|error| nobody(error.to_string()))?;
        }
        Ok(())
    }
}

/// What the frame at `at` is, and where it ends; nothing and the end of the segment, when none begins there.
fn next_frame(segment: &[u8], at: usize) -> (Option<FrameKind>, usize) {
    let rest = segment.get(at..).unwrap_or_default();
    let header = rest.first_chunk::<20>().and_then(frame::parse_header);
    let frame = header.and_then(|(kind, payload)| {
        let size = usize::try_from(frame::frame_size(payload)?).ok()?;
        (size <= rest.len()).then_some((Some(kind), at + size))
    });
    frame.unwrap_or((None, segment.len()))
}

fn look(job: &Job, noise: &mut Noise) -> Found {
    let bytes = job.segment.bytes().get(job.bytes.clone());
    let bytes = bytes.unwrap_or_default();
    let tail = |tail| match (tail, torn::first_stray(job.place.byte, bytes)) {
        (Tail::Torn, Some(stray)) => Found::Stray(stray),
        (tail, _) => Found::Tail(tail),
    };
    let Some(kind) = job.kind else {
        return tail(frame::judge_tail(job.place.byte, bytes));
    };
    let Some(payload) = whole(bytes) else {
        // Zeros stand behind it when nothing else follows: that is judged where the rest is known.
        return tail(match frame::judge_tail(job.place.byte, bytes) {
            Tail::Clean | Tail::Rotten => Tail::Rotten,
            Tail::Torn => Tail::Torn,
        });
    };
    match payload::parse(kind, payload, noise) {
        Ok(payload) => Found::Frame(payload),
        Err(why) => Found::Broken(why),
    }
}

/// The payload of a frame whose trailer and padding are right.
fn whole(frame: &[u8]) -> Option<&[u8]> {
    let header = frame.first_chunk::<20>()?;
    let (_, size) = frame::parse_header(header)?;
    let rest = frame.get(20..)?;
    let (payload, rest) = rest.split_at_checked(usize::try_from(size).ok()?)?;
    let (crc, padding) = rest.split_first_chunk::<4>()?;
    let is_whole = *crc == crc32c::crc32c(payload).to_be_bytes();
    (is_whole && padding.iter().all(|byte| *byte == 0)).then_some(payload)
}
