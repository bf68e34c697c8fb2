//! One line of an access record: a DSSE envelope, and the in-toto statement in it, with code of our own.
//!
//! Source: secure-systems-lab/dsse, version 1; in-toto Statement, version 1; docs/protocol.md section 10.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::civil::Date;

use super::events::{Event, KINDS, digest};
use super::json::{Cursor, FormError};
use crate::directory::date;
use crate::merkle::TreeHash;
use crate::note::Vkey;

/// The longest line in bytes, without its end.
pub const LINE_SIZE_BYTES_MAX: usize = 16 * 1024;

const TYPE: &str = "application/vnd.in-toto+json";

/// Why a line is none of this record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Longer than any line may be.
    #[error("it is {found} bytes, more than a line may have")]
    Size {
        /// Its size in bytes.
        found: usize,
    },
    /// No envelope in its one form.
    #[error("no DSSE envelope: {0}")]
    Envelope(FormError),
    /// No statement in its one form.
    #[error("what is signed is no statement of an access record: {0}")]
    Statement(FormError),
    /// The subject is not what the event is about.
    #[error("its subject says something else than its event")]
    Subject,
}

/// What was done, as far as it is known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// An event of the table.
    Known(Event),
    /// Another, by its name.
    Unknown(String),
}

/// An entry, with the signature under it not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Counts from 1.
    pub number: u64,
    /// The root of the entries before.
    pub before: TreeHash,
    /// Who, by the name of the key.
    pub officer: String,
    /// When, to the day.
    pub date: Date,
    /// The directory that names the key.
    pub directory: u64,
    /// The program.
    pub tool: String,
    /// What.
    pub done: Done,
    payload: Vec<u8>,
    keyid: String,
    signature: [u8; 64],
}

impl Line {
    /// Reads a line without its end.
    ///
    /// # Errors
    /// See [`LineError`].
    pub fn parse(line: &[u8]) -> Result<Self, LineError> {
        if line.len() > LINE_SIZE_BYTES_MAX {
            return Err(LineError::Size { found: line.len() });
        }
        let envelope = Envelope::parse(line).map_err(LineError::Envelope)?;
        statement(&envelope)
    }

    /// Who, without the force: `officer-N`.
    #[must_use]
    pub fn officer_name(&self) -> &str {
        self.officer.rsplit('/').next().unwrap_or_default()
    }

    /// Whether this key has signed it.
    #[must_use]
    pub fn is_by(&self, key: &Vkey) -> bool {
        let head = format!("DSSEv1 {} {TYPE} {} ", TYPE.len(), self.payload.len());
        let signed = [head.as_bytes(), &self.payload].concat();
        self.keyid == key.key_id() && key.verifies(&signed, &self.signature)
    }
}

struct Envelope {
    payload: Vec<u8>,
    keyid: String,
    signature: [u8; 64],
}

impl Envelope {
    fn parse(line: &[u8]) -> Result<Self, FormError> {
        let text = std::str::from_utf8(line).map_err(|error| FormError {
            at: error.valid_up_to(),
        })?;
        let mut from = Cursor::new(text);
        from.literal("{\"payload\":")?;
        let payload = base64(&mut from)?;
        from.literal(&format!(
            ",\"payloadType\":\"{TYPE}\",\"signatures\":[{{\"keyid\":"
        ))?;
        let keyid = from.string()?;
        from.literal(",\"sig\":")?;
        let signature = base64(&mut from)?.try_into();
        from.want(signature.is_ok())?;
        from.literal("}]}")?;
        from.end()?;
        Ok(Self {
            payload,
            keyid,
            signature: signature.unwrap_or([0; 64]),
        })
    }
}

fn base64(from: &mut Cursor<'_>) -> Result<Vec<u8>, FormError> {
    let bytes = BASE64_STANDARD.decode(from.string()?);
    from.want(bytes.is_ok())?;
    Ok(bytes.unwrap_or_default())
}

fn statement(envelope: &Envelope) -> Result<Line, LineError> {
    let text = std::str::from_utf8(&envelope.payload).map_err(|error| {
        LineError::Statement(FormError {
            at: error.valid_up_to(),
        })
    })?;
    let mut from = Cursor::new(text);
    let (subject, line) = fields(&mut from, envelope).map_err(LineError::Statement)?;
    if let Done::Known(event) = &line.done
        && event.subject() != Some(subject)
    {
        return Err(LineError::Subject);
    }
    Ok(line)
}

type Subject = (String, &'static str, [u8; 32]);

fn fields(from: &mut Cursor<'_>, envelope: &Envelope) -> Result<(Subject, Line), FormError> {
    from.literal("{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":")?;
    let name = from.string()?;
    from.literal(",\"digest\":{")?;
    let label = if from.takes("\"hafan-blob-v1\":") {
        "hafan-blob-v1"
    } else {
        from.literal("\"sha256\":")?;
        "sha256"
    };
    let subject = (name, label, digest(from)?);
    from.literal("}}],\"predicateType\":\"urn:hafan:access-record:v1\",\"predicate\":{\"entry\":")?;
    let number = from.number()?;
    from.literal(",\"before\":")?;
    let before = TreeHash::parse(&from.string()?);
    from.want(number > 0 && before.is_some())?;
    from.literal(",\"officer\":")?;
    let officer = from.string()?;
    from.literal(",\"date\":")?;
    let day = date(&from.string()?);
    from.want(day.is_some())?;
    from.literal(",\"directory\":")?;
    let directory = from.number()?;
    from.literal(",\"tool\":")?;
    let tool = from.string()?;
    let is_printable = tool.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    from.want((1..=64).contains(&tool.len()) && is_printable)?;
    from.literal(",\"event\":{\"type\":")?;
    let done = done(from)?;
    let line = Line {
        number,
        before: before.unwrap_or(TreeHash([0; 32])),
        officer,
        date: day.unwrap_or(Date::MIN),
        directory,
        tool,
        done,
        payload: envelope.payload.clone(),
        keyid: envelope.keyid.clone(),
        signature: envelope.signature,
    };
    Ok((subject, line))
}

/// The event and the end behind it; of one that is not known, its name.
fn done(from: &mut Cursor<'_>) -> Result<Done, FormError> {
    let name = from.string()?;
    let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else {
        return Ok(Done::Unknown(name));
    };
    let event = Event::parse(kind, from)?;
    from.literal("}}")?;
    from.end()?;
    Ok(Done::Known(event))
}
