//! Whether bytes look like noise: a smoke alarm, and no proof.
//!
//! Each 512 bytes of what must be ciphertext are looked at: text, however it is encoded, leaves the high bit of its
//! bytes alone, and noise sets it in half of them. Of a part of them the bytes are counted too.

/// Bytes that are judged by themselves.
const WINDOW_SIZE_BYTES: usize = 512;

/// How far from the 256 high bits that are expected a window may be: over eight standard deviations.
const HIGH_BITS_OFF_MAX: u32 = 92;

/// One of so many windows is counted byte by byte.
const COUNTED_EVERY: usize = 16;

/// The most that the counts of bytes may stray, in standard deviations of chi-square with 255 degrees of freedom.
const CHI_SQUARE_DEVIATIONS_MAX: f64 = 12.0;

/// What was seen of bytes that must look like noise.
#[derive(Clone)]
pub struct Noise {
    /// Bytes that were looked at.
    pub bytes: u64,
    counts: [u64; 256],
}

impl Default for Noise {
    fn default() -> Self {
        Self {
            bytes: 0,
            counts: [0; 256],
        }
    }
}

impl Noise {
    /// Looks at bytes; gives the offset of the first window that is no noise.
    pub fn look(&mut self, bytes: &[u8]) -> Option<usize> {
        self.bytes += u64::try_from(bytes.len()).unwrap_or(0);
        let mut first = None;
        let windows = bytes.chunks_exact(WINDOW_SIZE_BYTES);
        for (number, window) in windows.enumerate() {
            let high = high_bits(window);
            if first.is_none() && high.abs_diff(256) > HIGH_BITS_OFF_MAX {
                first = Some(number * WINDOW_SIZE_BYTES);
            }
            if number % COUNTED_EVERY == 0 {
                self.count(window);
            }
        }
        // What is left over at the end is judged with what stands before it.
        let rest = bytes.len() % WINDOW_SIZE_BYTES;
        if first.is_none()
            && rest > 0
            && let Some(last) = bytes.last_chunk::<WINDOW_SIZE_BYTES>()
            && high_bits(last).abs_diff(256) > HIGH_BITS_OFF_MAX
        {
            first = Some(bytes.len() - WINDOW_SIZE_BYTES);
        }
        first
    }

    fn count(&mut self, window: &[u8]) {
        for byte in window {
            if let Some(count) = self.counts.get_mut(usize::from(*byte)) {
                *count += 1;
            }
        }
    }

    /// Adds what another has seen.
    pub fn add(&mut self, other: &Self) {
        self.bytes += other.bytes;
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
    }

    /// By how many standard deviations the counts of bytes stray from those of noise; nothing when there are too few.
    #[must_use]
    pub fn deviations(&self) -> Option<f64> {
        let total: u64 = self.counts.iter().sum();
        if total < 256 * 16 {
            return None;
        }
        let expected = real(total) / 256.0;
        let chi: f64 = self
            .counts
            .iter()
            .map(|count| (real(*count) - expected).powi(2) / expected)
            .sum();
        // Mean 255, variance twice that.
        Some((chi - 255.0) / 510f64.sqrt())
    }

    /// Whether the counts are those of noise, as far as they tell.
    #[must_use]
    pub fn is_even(&self) -> bool {
        self.deviations()
            .is_none_or(|found| found < CHI_SQUARE_DEVIATIONS_MAX)
    }
}

/// How many bytes of a window have their high bit set. In lanes that cannot overflow, since checked sums are slow here.
fn high_bits(window: &[u8]) -> u32 {
    let mut lanes = [0u8; 32];
    for block in window.chunks_exact(32) {
        for (lane, byte) in lanes.iter_mut().zip(block) {
            *lane = lane.wrapping_add(byte >> 7);
        }
    }
    lanes.iter().map(|lane| u32::from(*lane)).sum()
}

const _: () = assert!(WINDOW_SIZE_BYTES.is_multiple_of(32) && WINDOW_SIZE_BYTES / 32 < 256);

/// A count as a number to calculate with.
fn real(count: u64) -> f64 {
    let part = |bits: u64| u32::try_from(bits & 0xffff_ffff).map_or(0.0, f64::from);
    part(count >> 32) * 4_294_967_296.0 + part(count)
}

/// The offset of the first run of at least `least` characters of printable ASCII, alone or with a zero byte behind each.
///
/// Looks at the place where a run would end first, and from there back: most bytes of noise are never looked at.
#[must_use]
pub fn first_text(bytes: &[u8], least: usize) -> Option<usize> {
    let is_text = |at: usize| matches!(bytes.get(at), Some(b' '..=b'~'));
    let alone = first_run(bytes.len(), least, is_text);
    let wide = |phase: usize| {
        let characters = bytes.len().saturating_sub(phase) / 2;
        let is_wide = |n| is_text(phase + 2 * n) && bytes.get(phase + 2 * n + 1) == Some(&0);
        first_run(characters, least, is_wide).map(|first| phase + 2 * first)
    };
    alone.or_else(|| wide(0)).or_else(|| wide(1))
}

/// Where the first run of at least `least` begins, of `count` things.
fn first_run(count: usize, least: usize, is_one: impl Fn(usize) -> bool) -> Option<usize> {
    let mut first = 0;
    while least > 0 && count - first >= least {
        match (first..first + least).rev().find(|at| !is_one(*at)) {
            None => return Some(first),
            Some(other) => first = other + 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(size: usize) -> Vec<u8> {
        let mut state = 7u64;
        let step = |_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56).to_le_bytes()[0]
        };
        (0..size).map(step).collect()
    }

    #[test]
    fn noise_is_taken_for_noise_and_text_in_it_is_not() {
        let mut bytes = noise(1 << 20);
        let mut seen = Noise::default();
        assert_eq!(seen.look(&bytes), None);
        assert!(seen.is_even(), "{:?}", seen.deviations());
        for byte in &mut bytes[600_000..600_700] {
            *byte = b'a' + *byte % 26;
        }
        assert_eq!(Noise::default().look(&bytes), Some(600_064));
    }

    #[test]
    fn bytes_that_are_not_even_are_noticed_as_a_whole() {
        let mut seen = Noise::default();
        let hidden: Vec<u8> = noise(1 << 20).iter().map(|byte| byte & 0xf7).collect();
        seen.look(&hidden);
        assert!(!seen.is_even());
    }

    #[test]
    fn text_is_found_wherever_it_begins() {
        let text = b"\x00\x01she told us that it was dark\xff";
        assert_eq!(first_text(text, 20), Some(2));
        let wide: Vec<u8> = text.iter().flat_map(|byte| [*byte, 0]).collect();
        assert_eq!(first_text(&wide[1..], 20), Some(3));
        assert_eq!(first_text(&noise(100_000), 20), None);
    }

    #[test]
    fn the_first_run_is_found_that_is_long_enough_and_none_that_is_not() {
        for before in 0..50 {
            let runs = [
                &[7; 3][..],
                &vec![b'x'; before],
                b"\xff",
                &[b'y'; 20],
                b"\n",
            ]
            .concat();
            let wanted = if before < 20 { 4 + before } else { 3 };
            assert_eq!(first_text(&runs, 20), Some(wanted), "{before}");
            assert_eq!(
                first_text(&runs[..runs.len() - 2], 21),
                (before > 20).then_some(3)
            );
        }
        assert_eq!(first_text(&[b'x'; 19], 20), None);
        assert_eq!(first_text(&[b'x'; 20], 20), Some(0));
        assert_eq!(first_text(&b"x\0".repeat(20)[..39], 20), None);
        assert_eq!(first_text(&b"x\0".repeat(20), 20), Some(0));
    }
}
