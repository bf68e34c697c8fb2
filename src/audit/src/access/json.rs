//! JSON in its one form, read from left to right: what is signed is compared with what it must be, not guessed at.

/// Why text is not what it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not in the one form that is right, at byte {at}")]
pub struct FormError {
    /// Where.
    pub at: usize,
}

/// Text, and how far it was read.
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Begins at the front.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    const fn failed(&self) -> FormError {
        FormError { at: self.at }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Takes exactly these characters.
    ///
    /// # Errors
    /// Others stand there.
    pub fn literal(&mut self, wanted: &str) -> Result<(), FormError> {
        if self.takes(wanted) {
            Ok(())
        } else {
            Err(self.failed())
        }
    }

    /// Takes these characters, if they stand there.
    pub fn takes(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len();
        }
        found
    }

    /// Takes a string.
    ///
    /// # Errors
    /// None stands there, or it is written in another way than it must be.
    pub fn string(&mut self) -> Result<String, FormError> {
        let rest = self.rest();
        let mut is_escaped = false;
        let end = rest.bytes().enumerate().skip(1).find(|(_, byte)| {
            let ends = *byte == b'"' && !is_escaped;
            is_escaped = *byte == b'\\' && !is_escaped;
            ends
        });
        let (end, _) = end.ok_or(self.failed())?;
        let written = rest.get(..=end).ok_or(self.failed())?;
        let text: String = serde_json::from_str(written).map_err(|_| self.failed())?;
        if serde_json::to_string(&text).ok().as_deref() != Some(written) {
            return Err(self.failed());
        }
        self.at += written.len();
        Ok(text)
    }

    /// Takes a number: digits without a sign or a leading zero.
    ///
    /// # Errors
    /// None stands there.
    pub fn number(&mut self) -> Result<u64, FormError> {
        let rest = self.rest();
        let end = rest.bytes().take_while(u8::is_ascii_digit).count();
        let digits = rest.get(..end).unwrap_or_default();
        let number = crate::checkpoint::decimal(digits).ok_or(self.failed())?;
        self.at += end;
        Ok(number)
    }

    /// Takes a list of what `one` takes.
    ///
    /// # Errors
    /// None stands there.
    pub fn list<T>(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Result<T, FormError>,
    ) -> Result<Vec<T>, FormError> {
        self.literal("[")?;
        let mut found = Vec::new();
        if self.takes("]") {
            return Ok(found);
        }
        loop {
            found.push(one(self)?);
            if self.takes("]") {
                return Ok(found);
            }
            self.literal(",")?;
        }
    }

    /// Whether all was taken.
    ///
    /// # Errors
    /// Something follows.
    pub fn end(&self) -> Result<(), FormError> {
        if self.rest().is_empty() {
            Ok(())
        } else {
            Err(self.failed())
        }
    }

    /// An error here, for what is written rightly and says what it cannot.
    ///
    /// # Errors
    /// Unless it is so.
    pub fn want(&self, is_so: bool) -> Result<(), FormError> {
        if is_so { Ok(()) } else { Err(self.failed()) }
    }
}
