//! Frames of the value log as bytes: header, trailer, alignment. No disk.
//!
//! `"hfn1" || kind u8 || 000000 || length u64 || crc32c(the 16 bytes before) u32 || payload || crc32c(payload) u32 ||
//! zeros to a multiple of 8`. Source: docs/protocol.md section 6. It trusts nothing: lengths are checked before use.

/// Size of a frame's header in bytes.
pub(crate) const HEADER_SIZE_BYTES: u64 = 20;

/// Size of a frame's trailer in bytes, without the zeros that align the next frame.
pub(crate) const TRAILER_SIZE_BYTES: u64 = 4;

/// Frames begin at multiples of this many bytes.
pub(crate) const ALIGNMENT_BYTES: u64 = 8;

/// The least that a frame takes.
pub(crate) const FRAME_SIZE_BYTES_MIN: u64 = HEADER_SIZE_BYTES + TRAILER_SIZE_BYTES;

const MAGIC: [u8; 4] = *b"hfn1";

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// 1: submissions that were acknowledged together.
    Intake,
    /// 2: the leaves and the checkpoint of one epoch.
    Epoch,
    /// 3: a page of answers.
    Page,
}

impl FrameKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Intake => 1,
            Self::Epoch => 2,
            Self::Page => 3,
        }
    }
}

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// What the frame holds.
    pub(crate) kind: FrameKind,
    /// Size of the payload in bytes.
    pub(crate) payload_size: u64,
}

impl Header {
    /// The 20 bytes before the payload.
    pub(crate) fn encode(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        let [a, b, c, d] = MAGIC;
        let [l0, l1, l2, l3, l4, l5, l6, l7] = self.payload_size.to_be_bytes();
        let head = [
            a,
            b,
            c,
            d,
            self.kind.byte(),
            0,
            0,
            0,
            l0,
            l1,
            l2,
            l3,
            l4,
            l5,
            l6,
            l7,
        ];
        let crc = crc32c::crc32c(&head).to_be_bytes();
        for (to, from) in bytes.iter_mut().zip(head.iter().chain(&crc)) {
            *to = *from;
        }
        bytes
    }

    /// Reads a header; nothing when its magic, kind, zeros or checksum are not right.
    pub(crate) fn parse(bytes: &[u8; 20]) -> Option<Self> {
        let (head, crc) = bytes.split_first_chunk::<16>()?;
        if crc != crc32c::crc32c(head).to_be_bytes() {
            return None;
        }
        let (magic, rest) = head.split_first_chunk::<4>()?;
        let (kind, length) = rest.split_first_chunk::<4>()?;
        let kind = match kind {
            [1, 0, 0, 0] => FrameKind::Intake,
            [2, 0, 0, 0] => FrameKind::Epoch,
            [3, 0, 0, 0] => FrameKind::Page,
            _ => return None,
        };
        let payload_size = u64::from_be_bytes(*length.first_chunk()?);
        (*magic == MAGIC).then_some(Self { kind, payload_size })
    }

    /// Size of the whole frame in bytes, aligned; nothing when it is beyond what a file can hold.
    pub(crate) fn frame_size(self) -> Option<u64> {
        self.payload_size
            .checked_add(FRAME_SIZE_BYTES_MIN)?
            .checked_next_multiple_of(ALIGNMENT_BYTES)
    }
}

/// The largest payload that a segment of this size can hold.
pub(crate) const fn payload_size_max(segment_size: u64) -> u64 {
    (segment_size - segment_size % ALIGNMENT_BYTES).saturating_sub(FRAME_SIZE_BYTES_MIN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn header_of_an_empty_epoch_has_the_bytes_of_the_protocol() {
        let header = Header {
            kind: FrameKind::Epoch,
            payload_size: 0,
        };
        let bytes = header.encode();
        assert_eq!(bytes[..16], *b"hfn1\x02\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(bytes[16..], crc32c::crc32c(&bytes[..16]).to_be_bytes());
        assert_eq!(header.frame_size(), Some(24));
    }

    #[test]
    fn crc32c_is_castagnoli() {
        // RFC 3720 appendix B.4: 32 bytes of zeros.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_refused() {
        let bytes = Header {
            kind: FrameKind::Intake,
            payload_size: 67_300,
        }
        .encode();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::parse(&flipped), None, "bit {bit}");
        }
    }

    #[test]
    fn a_length_beyond_all_files_has_no_frame_size() {
        let header = Header {
            kind: FrameKind::Intake,
            payload_size: u64::MAX,
        };
        assert_eq!(header.frame_size(), None);
    }

    #[test]
    fn the_largest_payload_fills_a_segment() {
        let payload_size = payload_size_max(65_536);
        let header = Header {
            kind: FrameKind::Intake,
            payload_size,
        };
        assert_eq!(header.frame_size(), Some(65_536));
        let header = Header {
            kind: FrameKind::Intake,
            payload_size: payload_size + 1,
        };
        assert_eq!(header.frame_size(), Some(65_544));
    }

    proptest! {
        #[test]
        fn headers_come_back(kind in 0..3_usize, payload_size: u64) {
            let kind = [FrameKind::Intake, FrameKind::Epoch, FrameKind::Page][kind];
            let header = Header { kind, payload_size };
            prop_assert_eq!(Header::parse(&header.encode()), Some(header));
        }

        #[test]
        fn what_parses_encodes_to_the_same_bytes(bytes: [u8; 20]) {
            if let Some(header) = Header::parse(&bytes) {
                prop_assert_eq!(header.encode(), bytes);
            }
        }
    }
}
