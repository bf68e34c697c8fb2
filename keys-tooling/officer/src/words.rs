//! Fingerprints that people read to each other and compare on paper.
//!
//! A fingerprint is the SHA-256 of a public key as it is printed (without a line feed): 64 hex digits,
//! and twelve words for its first 132 bits, 11 bits a word, from the English list of BIP 39 (2,048
//! words, no two with the same first four letters). There is no checksum word: this is not a mnemonic.

use sha2::{Digest, Sha256};

const WORDS: usize = 12;

/// The fingerprint of a public key.
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// `key` is the text of a vkey or an age recipient, without a line feed.
    pub(crate) fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// 64 digits in groups of four, two rows of eight groups apart by a line feed.
    pub(crate) fn hex(&self) -> String {
        let mut shown = String::new();
        for (at, pair) in self.0.chunks(2).enumerate() {
            if at == 8 {
                shown.push('\n');
            } else if at > 0 {
                shown.push(' ');
            }
            shown.push_str(&hex::encode(pair));
        }
        shown
    }

    /// Twelve words.
    pub(crate) fn words(&self) -> String {
        let list = bip39::Language::English.word_list();
        // At most ten bits wait for their word when the next eight come.
        let mut bits: u32 = 0;
        let mut held: u32 = 0;
        let mut words = Vec::with_capacity(WORDS);
        for byte in self.0 {
            bits = (bits << 8) | u32::from(byte);
            held += 8;
            if held >= 11 {
                held -= 11;
                let index = usize::try_from(bits >> held).unwrap_or(0);
                words.extend(list.get(index).copied());
                bits &= (1 << held) - 1;
            }
            if words.len() == WORDS {
                break;
            }
        }
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;

    #[test]
    fn zeros_and_ones_are_the_first_and_the_last_word() {
        assert_eq!(Fingerprint([0; 32]).words(), ["abandon"; 12].join(" "));
        assert_eq!(Fingerprint([0xff; 32]).words(), ["zoo"; 12].join(" "));
    }

    #[test]
    fn words_take_eleven_bits_each_from_the_left() {
        let mut digest = [0; 32];
        digest[1] = 0b0010_0000; // word 1 = 1
        digest[2] = 0b0000_1000; // word 2 = 2
        let words = Fingerprint(digest).words();
        assert!(words.starts_with("ability able abandon"), "{words}");
    }

    #[test]
    fn hex_is_the_digest_of_the_printed_key() {
        let shown = Fingerprint::of("abc").hex();
        assert!(shown.starts_with("ba78 16bf 8f01 cfea"), "{shown}");
        assert_eq!(shown.lines().count(), 2);
    }
}
