//! From a form to a submission that is held: who reads it, the key of the day, the report, the seal, and the way to the server.

use std::sync::Arc;

use bytes::Bytes;
use hafan_directory::{Directory, Force};
use hafan_envelope::submission::Digest;
use hafan_report::{Language, Metadata, PackError, Packing, Pieces, ReportError, SealedTo, Thread};
use hafan_seal::Recipient;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rand::RngCore as _;
use rand::rngs::OsRng;
use sha2::{Digest as _, Sha256};

use crate::answers::{Circumstances, report};
use crate::config::{Place, Roots};
use crate::form::File;
use crate::questions::{Given, QuestionSet};
use crate::upstream::{self, Sent};

/// Why nothing was sent, or perhaps not. Each has a page: `web/build/gateway.mjs` names the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// An answer without which it cannot go anywhere is missing.
    Choices,
    /// Nothing is said of what happened.
    Nothing,
    /// More than a report can carry.
    Long,
    /// More files than a report can have.
    Files,
    /// Not the form that was given out.
    Changed,
    /// Too much is on its way at this moment.
    Busy,
    /// The server does not answer, or does not take it.
    Away,
    /// There is no directory that the force signed and that holds today.
    Closed,
    /// It went out, and no answer came.
    Maybe,
    /// The proxy in front passes on who asks.
    Setup,
}

impl Refusal {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::Choices,
        Self::Nothing,
        Self::Long,
        Self::Files,
        Self::Changed,
        Self::Busy,
        Self::Away,
        Self::Closed,
        Self::Maybe,
        Self::Setup,
    ];

    /// Its name in the address of its page.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Choices => "choices",
            Self::Nothing => "nothing",
            Self::Long => "long",
            Self::Files => "files",
            Self::Changed => "changed",
            Self::Busy => "busy",
            Self::Away => "away",
            Self::Closed => "closed",
            Self::Maybe => "maybe",
            Self::Setup => "setup",
        }
    }
}

/// Whom reports are sealed to, and who keeps them.
pub struct Keeper {
    /// The server.
    pub server: Place,
    /// The forces' pinned root keys.
    pub roots: Roots,
    /// The questions.
    pub questions: Arc<QuestionSet>,
}

/// Today, in UTC, as directories count days.
#[must_use]
pub fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

impl Keeper {
    /// A directory that the force's root key signed and that holds today.
    ///
    /// # Errors
    /// [`Refusal::Away`] when none came, [`Refusal::Closed`] when what came does not verify or does not hold.
    pub async fn directory(&self, force: &Force, today: Date) -> Result<Directory, Refusal> {
        let root = self.roots.get(force).ok_or(Refusal::Closed)?;
        let note = upstream::directory(&self.server, force)
            .await
            .ok_or(Refusal::Away)?;
        let directory = Directory::open(&note, root).map_err(|_| Refusal::Closed)?;
        directory.check_date(today).map_err(|_| Refusal::Closed)?;
        Ok(directory)
    }

    /// Makes the report of a form, seals it, and has the server hold it.
    ///
    /// # Errors
    /// [`Refusal`]; unless it is [`Refusal::Maybe`], nothing is held.
    pub async fn send(
        &self,
        given: &Arc<Given>,
        files: Vec<File>,
        language: Language,
    ) -> Result<(), Refusal> {
        if self.questions.lacks_choice(given) {
            return Err(Refusal::Choices);
        }
        if !self.questions.has_substance(given) {
            return Err(Refusal::Nothing);
        }
        let today = today();
        let directory = self.reader(given, today).await?;
        let force = directory.force().clone();
        let (questions, given) = (Arc::clone(&self.questions), Arc::clone(given));
        // Hashing and sealing take a second at most: not on the threads that answer others.
        let sealed = tokio::task::spawn_blocking(move || {
            seal(&questions, &given, files, language, &directory, today)
        })
        .await;
        let (h, submission) = sealed.map_err(|_| Refusal::Away)??;
        match upstream::put(&self.server, &force, &h, submission).await {
            Sent::Held => Ok(()),
            Sent::NotHeld => Err(Refusal::Away),
            Sent::Unknown => Err(Refusal::Maybe),
        }
    }

    /// The directory of the force that reads it: that of the place, or the one that it names for reports on its own people.
    async fn reader(&self, given: &Given, today: Date) -> Result<Directory, Refusal> {
        let place = self.questions.place(given).ok_or(Refusal::Choices)?;
        let place: Force = place.id.parse().map_err(|_| Refusal::Changed)?;
        let directory = self.directory(&place, today).await?;
        match &directory.contents().police_suspect {
            Some(other) if self.questions.is_police(given) => {
                let other = other.clone();
                self.directory(&other, today).await
            }
            Some(_) | None => Ok(directory),
        }
    }
}

fn seal(
    questions: &QuestionSet,
    given: &Given,
    files: Vec<File>,
    language: Language,
    directory: &Directory,
    today: Date,
) -> Result<(Digest, Bytes), Refusal> {
    let key = directory.intake_for(today).ok_or(Refusal::Closed)?;
    let recipient: Recipient = key
        .recipient
        .as_str()
        .parse()
        .map_err(|_| Refusal::Closed)?;
    let entries = files
        .iter()
        .map(|file| {
            file.data
                .describe(&file.name, &file.media_type, Metadata::Kept)
        })
        .collect();
    let mut thread = Thread([0; 16]);
    OsRng.fill_bytes(&mut thread.0);
    let circumstances = Circumstances {
        language,
        written_on: today.to_string().parse().map_err(|_| Refusal::Closed)?,
        thread,
        key: SealedTo {
            id: key.id.clone(),
            fingerprint: fingerprint(key.recipient.as_str()),
        },
        files: entries,
    };
    let report = report(questions, given, directory.force().as_str(), circumstances)
        .ok_or(Refusal::Closed)?;
    let files: Vec<Pieces> = files.into_iter().map(|file| file.data).collect();
    let packing = Packing::new(&report, files).map_err(|error| refused(&error))?;
    drop(report);
    let (h, submission) =
        hafan_seal::seal_submission(packing, &recipient).map_err(|_| Refusal::Away)?;
    Ok((h, submission.into()))
}

/// What is too long is the writer's to shorten; anything else in a report that we made ourselves came of another form.
const fn refused(error: &PackError) -> Refusal {
    match error {
        PackError::TooLarge { .. } | PackError::Report(ReportError::TooLong { .. }) => {
            Refusal::Long
        }
        PackError::Report(_)
        | PackError::Count { .. }
        | PackError::File { .. }
        | PackError::Contact
        | PackError::ContactSize { .. }
        | PackError::Archive(_) => Refusal::Changed,
    }
}

/// The first 16 bytes of SHA-256 over the recipient's text, as pages and officers show it: docs/protocol.md section 9.
fn fingerprint(recipient: &str) -> String {
    let digest = hex::encode(Sha256::digest(recipient));
    let groups: Vec<&str> = (0..8)
        .filter_map(|at| digest.get(at * 4..at * 4 + 4))
        .collect();
    groups.join(" ")
}
