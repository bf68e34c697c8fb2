//! Frames of the value log as bytes, with code of our own. docs/protocol.md section 6.

/// Size of a frame's header in bytes.
pub(super) const HEADER_SIZE_BYTES: u64 = 20;

/// The least that a frame takes, in bytes.
pub(super) const FRAME_SIZE_BYTES_MIN: u64 = 24;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// 1: submissions.
    Intake,
    /// 2: an epoch.
    Epoch,
    /// 3: a page of answers.
    Page,
}

/// A frame's header: its kind, and the size of its payload in bytes.
#[must_use]
pub fn parse_header(bytes: &[u8; 20]) -> Option<(FrameKind, u64)> {
    let (head, crc) = bytes.split_first_chunk::<16>()?;
    if crc != crc32c::crc32c(head).to_be_bytes() {
        return None;
    }
    let [b'h', b'f', b'n', b'1', kind, 0, 0, 0, length @ ..] = head else {
        return None;
    };
    let kind = match kind {
        1 => FrameKind::Intake,
        2 => FrameKind::Epoch,
        3 => FrameKind::Page,
        _ => return None,
    };
    Some((kind, u64::from_be_bytes(*length)))
}

/// Size in bytes of the whole frame, with what aligns the next one.
pub(super) fn frame_size(payload: u64) -> Option<u64> {
    payload
        .checked_add(FRAME_SIZE_BYTES_MIN)?
        .checked_next_multiple_of(8)
}

/// What stands behind the last whole frame of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Zeros.
    Clean,
    /// What an interrupted write leaves.
    Torn,
    /// Anything else.
    Rotten,
}

/// Judges the bytes of a segment from `at` on, where no whole frame begins.
#[must_use]
pub fn judge_tail(at: u64, rest: &[u8]) -> Tail {
    let Some(last) = rest.iter().rposition(|byte| *byte != 0) else {
        return Tail::Clean;
    };
    let header = rest.first_chunk::<20>().and_then(parse_header);
    let Some((_, payload)) = header else {
        let fits = rest.len() >= 24;
        return if fits && last < 20 {
            Tail::Torn
        } else {
            Tail::Rotten
        };
    };
    let bound = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
    let Some(size) = frame_size(payload)
        .map(bound)
        .filter(|size| *size <= rest.len())
    else {
        return Tail::Rotten;
    };
    let payload_end = bound(HEADER_SIZE_BYTES + payload);
    if last >= size {
        return Tail::Rotten;
    }
    if last < payload_end {
        return Tail::Torn;
    }
    let body = rest.get(20..payload_end).unwrap_or_default();
    let crc = crc32c::crc32c(body).to_be_bytes();
    let written = last + 1 - payload_end;
    let trailer = rest.get(payload_end..last + 1).unwrap_or_default();
    if written < 4 && crc.starts_with(trailer) {
        return Tail::Torn;
    }
    // A drive writes whole sectors or none of them; the one in which the header ends was written with the header.
    let whole = rest.get(20..payload_end + 4).unwrap_or_default();
    let first = bound((at + 20).next_multiple_of(512) - (at + 20)).min(whole.len());
    let (begun, others) = whole.split_at(first);
    let is_zero = |sector: &[u8]| !sector.is_empty() && sector.iter().all(|byte| *byte == 0);
    if is_zero(begun) || others.chunks(512).any(is_zero) {
        Tail::Torn
    } else {
        Tail::Rotten
    }
}
