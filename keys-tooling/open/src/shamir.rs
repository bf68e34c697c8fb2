//! Shamir's secret sharing over GF(2^8): k of n shares give the secret, fewer say nothing of it.
//!
//! Each byte is shared by itself, by a random polynomial of degree k − 1 whose value at 0 is the byte. A share is its values
//! and then its x, never zero: as npm `shamir-secret-sharing` writes it. The field is that of AES, x⁸ + x⁴ + x³ + x + 1.
//!
//! Time and memory access depend on lengths and counts only: no branch and no table is looked up by a secret byte. Shares are
//! wiped when dropped, and no error says anything of one. Whether a share is the one that was dealt cannot be seen here:
//! combining a forged one gives another secret. That is what the digests in `report.json` are for.
//!
//! Source: docs/protocol.md section 2, sealed contact; A. Shamir, "How to share a secret" (1979).

use rand::{CryptoRng, RngCore};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The most shares that a secret can have: as many as x can have values.
pub const SHARES_MAX: usize = 255;

/// The longest secret, in bytes. An identity has 77.
pub const SECRET_SIZE_BYTES_MAX: usize = 4096;

/// The low byte of the field's polynomial.
const POLYNOMIAL: u8 = 0x1b;

/// One share: the values, then x.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Share(Vec<u8>);

/// Why bytes are not a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// Too short to hold a value and its x, or too long.
    #[error("a share is {found} bytes, want 2 to 4097")]
    Size {
        /// Its length in bytes.
        found: usize,
    },
    /// Its x is zero: its value would be the secret itself.
    #[error("the last byte of a share is zero, want its x")]
    Zero,
}

/// Why a secret is not shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// Nothing, or too much.
    #[error("the secret is {found} bytes, want 1 to {SECRET_SIZE_BYTES_MAX}")]
    Secret {
        /// Its length in bytes.
        found: usize,
    },
    /// Not at least two shares, or more needed than there are.
    #[error("{threshold} of {count} shares, want at least 2 and at most all")]
    Threshold {
        /// How many would give the secret.
        threshold: u8,
        /// How many there would be.
        count: u8,
    },
    /// The operating system gave no randomness.
    #[error("there is no randomness to share with")]
    Random,
}

/// Why shares give no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CombineError {
    /// Fewer than two, or more than there can be.
    #[error("{found} shares, want 2 to {SHARES_MAX}")]
    Count {
        /// How many there are.
        found: usize,
    },
    /// Two shares have different lengths: they are of different secrets.
    #[error("share {at} is {found} bytes, want {wanted} as the first")]
    Size {
        /// Counted from 0.
        at: usize,
        /// Its length in bytes.
        found: usize,
        /// Length of the first share in bytes.
        wanted: usize,
    },
    /// Two shares have the same x: one share twice, or one of them is forged.
    #[error("share {at} has the x of share {before}")]
    Twice {
        /// Counted from 0.
        at: usize,
        /// The earlier one, counted from 0.
        before: usize,
    },
}

impl Share {
    /// Takes the bytes of a share, which are wiped with it.
    ///
    /// # Errors
    /// Their number is not that of a share, or the x is zero; the bytes are wiped then too.
    pub fn from_bytes(mut bytes: Zeroizing<Vec<u8>>) -> Result<Self, ShareError> {
        let found = bytes.len();
        if !(2..=SECRET_SIZE_BYTES_MAX + 1).contains(&found) {
            return Err(ShareError::Size { found });
        }
        if bytes.last() == Some(&0) {
            return Err(ShareError::Zero);
        }
        Ok(Self(std::mem::take(&mut *bytes)))
    }

    /// The values, then x.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Where the polynomials were evaluated: never zero, and no secret.
    #[must_use]
    pub fn x(&self) -> u8 {
        self.0.last().copied().unwrap_or_default()
    }

    fn values(&self) -> &[u8] {
        self.0.split_last().map_or(&[], |(_, values)| values)
    }
}

/// Shares `secret` so that any `threshold` of the `count` shares give it. Give it the operating system's generator.
///
/// # Errors
/// See [`SplitError`].
pub fn split(
    secret: &[u8],
    threshold: u8,
    count: u8,
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<Vec<Share>, SplitError> {
    let found = secret.len();
    if !(1..=SECRET_SIZE_BYTES_MAX).contains(&found) {
        return Err(SplitError::Secret { found });
    }
    if threshold < 2 || threshold > count {
        return Err(SplitError::Threshold { threshold, count });
    }
    // Reserved whole, so that no share is left behind by growing.
    let mut shares: Vec<Share> = (0..count)
        .map(|_| Share(Vec::with_capacity(found + 1)))
        .collect();
    let xs = coordinates(count, rng)?;
    let mut coefficients = Zeroizing::new(vec![0; usize::from(threshold) - 1]);
    for byte in secret {
        rng.try_fill_bytes(&mut coefficients)
            .map_err(|_| SplitError::Random)?;
        for (share, x) in shares.iter_mut().zip(&xs) {
            share.0.push(evaluate(*byte, &coefficients, *x));
        }
    }
    for (share, x) in shares.iter_mut().zip(xs) {
        share.0.push(x);
    }
    Ok(shares)
}

/// Gives the secret of these shares, when they are all of it and as many as it takes; otherwise other bytes.
///
/// # Errors
/// See [`CombineError`].
pub fn combine(shares: &[Share]) -> Result<Zeroizing<Vec<u8>>, CombineError> {
    let found = shares.len();
    let (Some(first), true) = (shares.first(), (2..=SHARES_MAX).contains(&found)) else {
        return Err(CombineError::Count { found });
    };
    for (at, share) in shares.iter().enumerate() {
        let (found, wanted) = (share.0.len(), first.0.len());
        if found != wanted {
            return Err(CombineError::Size { at, found, wanted });
        }
        let before = shares
            .iter()
            .take(at)
            .position(|other| other.x() == share.x());
        if let Some(before) = before {
            return Err(CombineError::Twice { at, before });
        }
    }
    let mut secret = Zeroizing::new(vec![0; first.values().len()]);
    for (at, share) in shares.iter().enumerate() {
        let weight = weight(shares, at, share.x());
        for (byte, value) in secret.iter_mut().zip(share.values()) {
            *byte ^= multiply(*value, weight);
        }
    }
    Ok(secret)
}

/// Lagrange's basis polynomial of one share, at 0: the product of `x_j / (x_j − x_i)` over all others.
fn weight(shares: &[Share], at: usize, x: u8) -> u8 {
    let others = shares.iter().enumerate().filter(|(j, _)| *j != at);
    others.fold(1, |product, (_, other)| {
        multiply(product, multiply(other.x(), invert(other.x() ^ x)))
    })
}

/// The polynomial with this value at 0 and these further coefficients, lowest first, at `x`: Horner's rule.
fn evaluate(at_zero: u8, coefficients: &[u8], x: u8) -> u8 {
    let high = coefficients.iter().rev();
    high.fold(0, |sum, coefficient| multiply(sum ^ coefficient, x)) ^ at_zero
}

/// `count` different values from 1 to 255 in random order: a shuffle of Fisher and Yates, drawn without bias.
fn coordinates(count: u8, rng: &mut (impl RngCore + CryptoRng)) -> Result<Vec<u8>, SplitError> {
    let mut left: Vec<u8> = (1..=u8::MAX).collect();
    let mut drawn = Vec::with_capacity(usize::from(count));
    while drawn.len() < usize::from(count) {
        let mut byte = [0];
        rng.try_fill_bytes(&mut byte)
            .map_err(|_| SplitError::Random)?;
        // Bytes beyond the largest multiple of what is left would make some more likely than others.
        let fair = 256 - 256 % left.len();
        let at = usize::from(byte[0]);
        if at < fair {
            drawn.push(left.swap_remove(at % left.len()));
        }
    }
    Ok(drawn)
}

/// The product in the field: eight steps whatever the factors are.
const fn multiply(a: u8, b: u8) -> u8 {
    let (mut shifted, mut rest, mut product) = (a, b, 0);
    let mut step = 0;
    while step < 8 {
        product ^= mask(rest & 1) & shifted;
        let carry = mask(shifted >> 7);
        shifted = (shifted << 1) ^ (carry & POLYNOMIAL);
        rest >>= 1;
        step += 1;
    }
    product
}

/// The inverse, `a^254`; 0 for 0, which is never asked for.
const fn invert(a: u8) -> u8 {
    // 254 = 2 + 4 + … + 128.
    let (mut power, mut product) = (a, 1);
    let mut step = 0;
    while step < 7 {
        power = multiply(power, power);
        product = multiply(product, power);
        step += 1;
    }
    product
}

/// All ones for 1, all zeros for 0.
const fn mask(bit: u8) -> u8 {
    0_u8.wrapping_sub(bit)
}

#[cfg(test)]
mod tests {
    use super::{invert, multiply};

    #[test]
    fn products_are_those_of_fips_197() {
        // FIPS 197, 4.2 and 4.2.1.
        assert_eq!(multiply(0x57, 0x83), 0xc1);
        assert_eq!(multiply(0x57, 0x13), 0xfe);
        assert_eq!(multiply(0x57, 0x02), 0xae);
    }

    #[test]
    fn the_field_is_one() {
        for a in 0..=u8::MAX {
            assert_eq!((multiply(a, 0), multiply(a, 1)), (0, a));
            assert_eq!(multiply(a, invert(a)), u8::from(a != 0));
            for b in 0..=u8::MAX {
                assert_eq!(multiply(a, b), multiply(b, a));
                assert_eq!(multiply(a, b) == 0, a == 0 || b == 0);
                assert_eq!(multiply(a, b ^ 0x1d), multiply(a, b) ^ multiply(a, 0x1d));
            }
        }
    }
}
