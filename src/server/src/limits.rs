//! The server's limits on what strangers send, each in one place with its reason. What an operator may change is in [`crate::config`].

use std::time::Duration;

/// The longest request head, 16 KiB: our own longest is a courier's signature, under 1 KiB; browsers send under 4 KiB.
pub const HEAD_SIZE_BYTES_MAX: usize = 16 * 1024;

/// The most header fields in a head: twice what browsers and proxies send.
pub const HEAD_FIELDS_MAX: usize = 64;

/// From accept to the first byte: a line that opens and says nothing holds a slot no longer.
pub const FIRST_BYTE_TIME_MAX: Duration = Duration::from_secs(5);

/// From the first byte of a head to its last: one round trip on the worst phone line is under 3 s.
pub const HEAD_TIME_MAX: Duration = Duration::from_secs(10);

/// Between two requests of a connection: long enough for a page's assets, short enough to free the slot.
pub const IDLE_TIME_MAX: Duration = Duration::from_secs(15);

/// Before a body's pace is judged: a phone that changes cell is silent for some seconds.
pub const BODY_GRACE: Duration = Duration::from_secs(10);

/// Before an answer's pace is judged.
pub const WRITE_GRACE: Duration = Duration::from_secs(15);

/// The slowest pace of a body and of an answer, bytes a second: a 2G line does more. It bounds the whole too:
/// the smallest submission is cut off after at most 18 s, the largest after 70 min.
pub const PACE_BYTES_PER_S_MIN: u64 = 8 * 1024;

/// What the kernel may hold of an answer that its peer does not take, as it is asked for (Linux doubles it): without a bound it is
/// 4 MiB a line, and a few hundred slow readers are so much that every line of the machine waits.
pub const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// After an answer that did not wait for the whole body, what the sender goes on to send is read and thrown away for
/// this long, so that the answer is not lost to a reset.
pub const LINGER_TIME_MAX: Duration = Duration::from_secs(5);

/// The most that is thrown away in that time: twice the largest submission.
pub const LINGER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// hyper's own limit on a head, a second line behind ours: longer than idle and head together.
pub const HEAD_TIME_BACKSTOP: Duration = Duration::from_secs(30);

/// Pages of answers of a force that wait for an epoch, at most: four days of a large force's answers; a courier that
/// brings more is told to come back.
pub const PAGES_WAITING_MAX: u64 = 64;

/// Submissions over this size go to an unnamed file as they come in, so that memory stays flat.
pub const IN_MEMORY_SIZE_BYTES_MAX: u64 = 1024 * 1024;

/// What a spilled submission holds in memory: its buffers on the way to the file.
pub const SPILL_MEMORY_BYTES: u64 = 128 * 1024;

/// `Retry-After` of a shed request: a batch takes a second, an upload of the smallest class under ten.
pub const RETRY_AFTER_S: u64 = 10;

/// A challenge holds for this span and the one after: the hardest work takes a slow phone under half of a span.
pub const WORK_SPAN: Duration = Duration::from_secs(120);

/// How often one proof is good: a page tries six times.
pub const WORK_PROOF_USES_MAX: u8 = 6;

/// Proofs of a span that are counted; more are told to come back. Each cost its maker over 100,000 tries.
pub const WORK_PROOFS_MAX: usize = 65_536;

/// From SIGTERM to the end of the connections that are still open: what came in whole is made durable well within it.
pub const DRAIN_TIME_MAX: Duration = Duration::from_secs(20);

/// At a stop, how long a line that was just taken may wait with its first byte: who was let in is answered.
pub const NEW_LINE_GRACE: Duration = Duration::from_secs(1);

/// The largest directory note, as in the design's limits.
pub const DIRECTORY_SIZE_BYTES_MAX: u64 = 256 * 1024;

/// Clock skew of a courier that is still accepted, either way.
pub const COURIER_SKEW_S_MAX: i64 = 300;

const _: () = assert!(
    HEAD_TIME_BACKSTOP.as_secs() > IDLE_TIME_MAX.as_secs() + HEAD_TIME_MAX.as_secs(),
    "hyper's limit must be behind ours"
);
const _: () = assert!(
    SPILL_MEMORY_BYTES < IN_MEMORY_SIZE_BYTES_MAX,
    "spilling must save memory"
);
