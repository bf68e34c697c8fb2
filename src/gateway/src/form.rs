//! Reads the form as a browser posts it, `multipart/form-data` (RFC 7578), against the question set. Trusts nothing of it.
//!
//! All that comes in is held in memory, within the bounds below, and nowhere else. What is no answer of this form refuses the whole:
//! an answer that was left out without a word would be worse than a form that is sent again. Files that are too large or too many
//! are read and thrown away, so that the words beside them can be given back.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use bytes::Bytes;
use hafan_report::Pieces;
use http::header::CONTENT_TYPE;
use http_body_util::BodyDataStream;
use hyper::body::Body;
use multer::Multipart;
use zeroize::Zeroizing;

use crate::questions::{Field, FieldKind, Given, QuestionSet, Value};

/// All files together: the largest padded, of which report and headers take a little.
pub const FILES_SIZE_BYTES_MAX: usize = 1 << 25;

/// All own words together: twice what `report.json` can be.
pub const TEXT_SIZE_BYTES_MAX: usize = 2 << 20;

/// The largest form: files, words, and the lines between them.
pub const FORM_SIZE_BYTES_MAX: usize = FILES_SIZE_BYTES_MAX + TEXT_SIZE_BYTES_MAX + (1 << 20);

/// The most parts of a form: all fields and files are fewer.
pub const PARTS_MAX: usize = 2048;

/// So much of files that cannot be taken is read on and thrown away: what phones take in some minutes. Whoever sends more gets
/// no page of ours, since browsers read no answer while they send.
pub const THROWN_AWAY_SIZE_BYTES_MAX: usize = 1 << 28;

/// Ticked when somebody wants what they wrote back if it cannot be sent.
pub const GIVE_BACK: &str = "give-back";

const DATE_PARTS: [&str; 3] = ["day", "month", "year"];

/// What came in.
pub struct Form {
    /// What was answered.
    pub given: Given,
    /// What was chosen to go with it, in order, or why it cannot go with it.
    pub files: Result<Vec<File>, FormError>,
    /// Whether what was written may be shown again when it cannot be sent.
    pub give_back: bool,
}

/// One file, as it was chosen.
pub struct File {
    /// As the device named it.
    pub name: Zeroizing<String>,
    /// As the browser said it; may be anything.
    pub media_type: String,
    /// Its bytes.
    pub data: Pieces,
}

/// What becomes of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// They are held, within [`FILES_SIZE_BYTES_MAX`].
    Held,
    /// There is no memory for them at this moment: they are thrown away as they come.
    ThrownAway,
}

/// Why a form cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// The body ended early, or the line broke.
    #[error("the form did not come in whole")]
    Line,
    /// Not the form of this question set.
    #[error("what came in is not the form that was given out")]
    Other,
    /// More words or larger files than a report can have.
    #[error("the form holds more than a report can")]
    Long,
    /// More files than a report can have.
    #[error("the form holds more files than a report can")]
    Files,
    /// There was no memory for its files.
    #[error("there is no room for the files of the form at this moment")]
    Busy,
}

impl From<multer::Error> for FormError {
    fn from(error: multer::Error) -> Self {
        // Its kinds are open: any but these two is another form than ours.
        if matches!(
            error,
            multer::Error::StreamReadFailed(_) | multer::Error::IncompleteStream
        ) {
            Self::Line
        } else {
            Self::Other
        }
    }
}

/// Reads a whole form.
///
/// # Errors
/// [`FormError`]; the body may not have been read to its end then.
pub async fn read<B>(
    body: B,
    content_type: &str,
    set: &QuestionSet,
    files: Files,
) -> Result<Form, FormError>
where
    B: Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn Error + Send + Sync>> + 'static,
{
    let boundary = multer::parse_boundary(content_type).map_err(|_| FormError::Other)?;
    let mut parts = Multipart::new(BodyDataStream::new(Box::pin(body)), boundary);
    let mut reading = Reading::new(set, files);
    let mut count = 0_usize;
    while let Some(part) = parts.next_field().await? {
        count += 1;
        if count > PARTS_MAX {
            return Err(FormError::Other);
        }
        reading.take(part).await?;
    }
    reading.finish()
}

struct Reading<'a> {
    /// Fields by the name of their control, and which part of a date it is.
    controls: BTreeMap<String, (&'a Field, usize)>,
    /// The forces that there are.
    forces: BTreeSet<&'a str>,
    given: Given,
    dates: BTreeMap<&'a str, [Option<Zeroizing<String>>; 3]>,
    files: Result<Vec<File>, FormError>,
    give_back: bool,
    text_left: usize,
    files_left: usize,
    thrown_away_left: usize,
}

impl<'a> Reading<'a> {
    fn new(set: &'a QuestionSet, files: Files) -> Self {
        let mut controls = BTreeMap::new();
        for field in set
            .pages
            .iter()
            .filter(|page| page.shown)
            .flat_map(|page| &page.fields)
        {
            if field.kind == FieldKind::Date {
                for (part, at) in DATE_PARTS.iter().zip(0..) {
                    controls.insert(format!("{}-{part}", field.id), (field, at));
                }
            } else {
                controls.insert(field.id.clone(), (field, 0));
            }
        }
        Self {
            controls,
            forces: set.forces.iter().map(|force| force.id.as_str()).collect(),
            given: Given::new(),
            dates: BTreeMap::new(),
            files: match files {
                Files::Held => Ok(Vec::new()),
                Files::ThrownAway => Err(FormError::Busy),
            },
            give_back: false,
            text_left: TEXT_SIZE_BYTES_MAX,
            files_left: FILES_SIZE_BYTES_MAX,
            thrown_away_left: THROWN_AWAY_SIZE_BYTES_MAX,
        }
    }

    async fn take(&mut self, part: multer::Field<'_>) -> Result<(), FormError> {
        let name = part.name().ok_or(FormError::Other)?.to_owned();
        if name == GIVE_BACK {
            self.give_back = *self.text(part).await? == "yes";
            return Ok(());
        }
        let (field, at) = *self.controls.get(&name).ok_or(FormError::Other)?;
        if field.kind == FieldKind::Files {
            return self.file(field, part).await;
        }
        let text = self.text(part).await?;
        self.answer(field, at, text)
    }

    fn answer(
        &mut self,
        field: &'a Field,
        at: usize,
        text: Zeroizing<String>,
    ) -> Result<(), FormError> {
        let is_option = field.options.iter().any(|option| option.value == *text);
        match field.kind {
            FieldKind::Text | FieldKind::Textarea => self.once(field, Value::Text(text)),
            FieldKind::Radios if is_option => self.once(field, Value::Text(text)),
            FieldKind::Forces if is_option || self.forces.contains(text.as_str()) => {
                self.once(field, Value::Text(text))
            }
            FieldKind::Checkboxes if is_option => match self
                .given
                .entry(field.id.clone())
                .or_insert_with(|| Value::Many(Vec::new()))
            {
                Value::Many(codes) if !codes.contains(&text) => {
                    codes.push(text);
                    Ok(())
                }
                Value::Many(_) | Value::Text(_) => Err(FormError::Other),
            },
            FieldKind::Date => {
                let parts = self.dates.entry(&field.id).or_default();
                match parts.get_mut(at) {
                    Some(place) if place.is_none() => {
                        *place = Some(text);
                        Ok(())
                    }
                    Some(_) | None => Err(FormError::Other),
                }
            }
            FieldKind::Radios | FieldKind::Forces | FieldKind::Checkboxes | FieldKind::Files => {
                Err(FormError::Other)
            }
        }
    }

    fn once(&mut self, field: &Field, value: Value) -> Result<(), FormError> {
        match self.given.insert(field.id.clone(), value) {
            None => Ok(()),
            Some(_) => Err(FormError::Other),
        }
    }

    /// Own words: UTF-8, and lines that end as they do in a browser's text field.
    async fn text(&mut self, mut part: multer::Field<'_>) -> Result<Zeroizing<String>, FormError> {
        let mut bytes = Zeroizing::new(Vec::new());
        while let Some(chunk) = part.chunk().await? {
            self.text_left = self
                .text_left
                .checked_sub(chunk.len())
                .ok_or(FormError::Long)?;
            bytes.extend_from_slice(&chunk);
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| FormError::Other)?;
        Ok(Zeroizing::new(text.replace("\r\n", "\n")))
    }

    async fn file(&mut self, field: &Field, mut part: multer::Field<'_>) -> Result<(), FormError> {
        let name = Zeroizing::new(chosen_name(part.file_name().ok_or(FormError::Other)?));
        let media_type = part
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or_default().to_owned();
        let mut data = Pieces::default();
        while let Some(chunk) = part.chunk().await? {
            if self.files.is_ok() {
                match self.files_left.checked_sub(chunk.len()) {
                    Some(left) => {
                        self.files_left = left;
                        data.push(&chunk);
                    }
                    None => self.throw_away(FormError::Long, &mut data),
                }
            } else {
                let left = self.thrown_away_left.checked_sub(chunk.len());
                self.thrown_away_left = left.ok_or(FormError::Long)?;
            }
        }
        // Where nothing was chosen, browsers send a file without a name.
        if name.is_empty() && data.size_bytes() == 0 {
            return Ok(());
        }
        let Ok(files) = &mut self.files else {
            return Ok(());
        };
        if files.len() == hafan_report::FILES_MAX {
            self.throw_away(FormError::Files, &mut data);
            return Ok(());
        }
        files.push(File {
            name: name.clone(),
            media_type,
            data,
        });
        let names = self
            .given
            .entry(field.id.clone())
            .or_insert_with(|| Value::Many(Vec::new()));
        match names {
            Value::Many(names) => {
                names.push(name);
                Ok(())
            }
            Value::Text(_) => Err(FormError::Other),
        }
    }

    /// Wipes the files so far, and holds none any more.
    fn throw_away(&mut self, why: FormError, present: &mut Pieces) {
        *present = Pieces::default();
        self.files = Err(why);
    }

    fn finish(self) -> Result<Form, FormError> {
        let Self {
            controls,
            mut given,
            dates,
            files,
            give_back,
            ..
        } = self;
        for (id, parts) in dates {
            let [day, month, year] = parts.map(Option::unwrap_or_default);
            if day.is_empty() && month.is_empty() && year.is_empty() {
                continue;
            }
            let written = format!("{}/{}/{}", *day, *month, *year);
            given.insert(id.to_owned(), Value::Text(Zeroizing::new(written)));
        }
        // In the order of the options, whatever order they came in.
        for (field, _) in controls.values() {
            if field.kind != FieldKind::Checkboxes {
                continue;
            }
            if let Some(Value::Many(codes)) = given.get_mut(&field.id) {
                codes.sort_by_key(|code| {
                    field
                        .options
                        .iter()
                        .position(|option| option.value == **code)
                });
            }
        }
        given.retain(|_, value| match value {
            Value::Text(text) => !text.is_empty(),
            Value::Many(many) => !many.is_empty(),
        });
        Ok(Form {
            given,
            files,
            give_back,
        })
    }
}

/// Three characters are written otherwise in a header, and nothing else is (HTML, "multipart/form-data encoding algorithm").
fn chosen_name(sent: &str) -> String {
    sent.replace("%0D", "\r")
        .replace("%0A", "\n")
        .replace("%22", "\"")
}
