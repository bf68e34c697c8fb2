//! What people call a report: the first twelve digits of its `h`, as `3f2a-91bc-77d0`.
//!
//! The same digits stand in the public log, so a reference says nothing that is not public.

use std::fmt;

use hafan_envelope::submission::Digest;

/// How many digits are always shown.
const DIGITS: usize = 12;

/// The fewest digits that are taken for a reference.
const DIGITS_MIN: usize = 4;

/// A report's reference.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    /// All 64 digits.
    digits: String,
    shown: usize,
}

impl Reference {
    pub(crate) fn of(h: &Digest) -> Self {
        Self {
            digits: h.to_string(),
            shown: DIGITS,
        }
    }

    /// Shows as many digits more as it takes to be the only one among `others`.
    pub(crate) fn among<'a>(mut self, others: impl Iterator<Item = &'a Self>) -> Self {
        for other in others.filter(|other| other.digits != self.digits) {
            while self.shown < 64 && other.digits.starts_with(self.shown_digits()) {
                self.shown = self.shown.saturating_add(4);
            }
        }
        self
    }

    fn shown_digits(&self) -> &str {
        self.digits.get(..self.shown).unwrap_or(&self.digits)
    }

    /// Whether `typed` is the beginning of this reference; dashes and capitals do not matter.
    pub(crate) fn matches(&self, typed: &str) -> bool {
        let typed = typed.replace('-', "").to_ascii_lowercase();
        typed.len() >= DIGITS_MIN && self.digits.starts_with(&typed)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, digit) in self.shown_digits().chars().enumerate() {
            if at > 0 && at % 4 == 0 {
                f.write_str("-")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(first: [u8; 8]) -> Reference {
        let mut h = [0; 32];
        h[..8].copy_from_slice(&first);
        Reference::of(&Digest(h))
    }

    #[test]
    fn twelve_digits_in_groups_of_four() {
        let reference = of([0x3f, 0x2a, 0x91, 0xbc, 0x77, 0xd0, 1, 2]);
        assert_eq!(reference.to_string(), "3f2a-91bc-77d0");
        for typed in [
            "3f2a-91bc-77d0",
            "3F2A91BC77D0",
            "3f2a",
            "3f2a-91bc-77d0-0102",
        ] {
            assert!(reference.matches(typed), "{typed}");
        }
        for typed in ["", "3f2", "3f2b", "zzzz", "../.."] {
            assert!(!reference.matches(typed), "{typed}");
        }
    }

    #[test]
    fn two_that_begin_alike_are_shown_longer() {
        let (a, b) = (of([1, 1, 1, 1, 1, 1, 1, 1]), of([1, 1, 1, 1, 1, 1, 1, 2]));
        let all = [a.clone(), b.clone()];
        assert_eq!(a.among(all.iter()).to_string(), "0101-0101-0101-0101");
        assert_eq!(b.among(all.iter()).to_string(), "0101-0101-0101-0102");
        let alone = of([9; 8]);
        assert_eq!(alone.among(all.iter()).to_string(), "0909-0909-0909");
    }
}
