//! Reads the segments from the first byte to the last, a frame at a time: one thread reads, others hash and judge.
//!
//! Holds a few frames in memory and never more; gives them out in the order in which they were written.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, mpsc};

use indicatif::ProgressBar;

use super::frame::{self, FrameKind, Tail};
use super::payload::{self, Payload};
use super::statistics::Noise;
use super::torn;
use crate::failure::Failure;

/// Size of each segment in bytes.
pub(super) const SEGMENT_SIZE_BYTES: u64 = 64 * 1024 * 1024;

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
    /// From the frame's header on, in a buffer that may be longer.
    bytes: Vec<u8>,
    size: usize,
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
        let (jobs, waiting) = mpsc::sync_channel::<Job>(2);
        let (done, results) = mpsc::channel();
        let (give_back, buffers) = mpsc::channel::<Vec<u8>>();
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
                        drop(give_back.send(job.bytes));
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
        jobs: &mpsc::SyncSender<Job>,
        buffers: &mpsc::Receiver<Vec<u8>>,
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
        path: &PathBuf,
        number: &mut u64,
        jobs: &mpsc::SyncSender<Job>,
        buffers: &mpsc::Receiver<Vec<u8>>,
    ) -> io::Result<()> {
        let file = File::open(path)?;
        // Only advice: without it the same is read, later.
        let _advised = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Sequential);
        let size = file.metadata()?.len().min(SEGMENT_SIZE_BYTES);
        let mut byte = 0;
        let mut is_end = false;
        while !is_end {
            let place = Place { segment, byte };
            let left = size - byte;
            let mut header = [0; 20];
            let mut kind = None;
            let mut taken = left;
            if left >= frame::FRAME_SIZE_BYTES_MIN {
                file.read_exact_at(&mut header, byte)?;
                if let Some((found, payload)) = frame::parse_header(&header)
                    && let Some(frame) = frame::frame_size(payload).filter(|size| *size <= left)
                {
                    kind = Some(found);
                    taken = frame;
                }
            }
            is_end = kind.is_none();
            let size = usize::try_from(taken).map_err(io::Error::other)?;
            let mut bytes = buffers.try_recv().unwrap_or_default();
            if bytes.len() < size {
                bytes.resize(size, 0);
            }
            let (buffer, _) = bytes.split_at_mut(size);
            file.read_exact_at(buffer, byte)?;
            byte += taken;
            self.bar.inc(taken);
            let job = Job {
                number: *number,
                place,
                kind,
                bytes,
                size,
            };
            *number += 1;
            if jobs.send(job).is_err() {
                return Err(io::Error::other("nobody looks at what is read"));
            }
        }
        Ok(())
    }
}

fn look(job: &Job, noise: &mut Noise) -> Found {
    let bytes = job.bytes.get(..job.size).unwrap_or_default();
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
