//! What officers do, as the access record has it: one table, a row a kind. docs/protocol.md section 10.

use sha2::{Digest as _, Sha256};

use super::json::{Cursor, FormError};
use crate::directory::date;
use crate::entry::parse_digest;

/// What a member of an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// The h of a report.
    Report,
    /// Another digest.
    Digest,
    /// How many of something, or which of many.
    Number,
    /// N of an officer.
    Officer,
    /// Several.
    Officers,
    /// The number of an earlier entry.
    Entry,
    /// A code, and words or none.
    Reason,
    /// An ISO week.
    Week,
    /// `en` or `cy`.
    Language,
    /// Several h.
    Digests,
}

/// What the subject of the statement repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The report, by its h.
    Report,
    /// The vault, by the digest of its tree.
    Vault,
    /// Weeks, by the digest of their names.
    Weeks,
    /// An officer, by the digest of the key.
    Officer,
    /// A week, by the digest of its recipient.
    Week,
    /// A bundle, by the digest of its checkpoint.
    Bundle,
    /// A directory, by the digest of its note.
    Directory,
    /// Pages of answers, by the digest of their h one after the other.
    Pages,
}

/// A kind of event: its name, its subject, and its members in order.
pub struct Kind {
    /// As it is written.
    pub name: &'static str,
    /// What it is about.
    pub subject: Subject,
    /// Names and kinds, in order.
    pub members: &'static [(&'static str, Member)],
}

const fn kind(
    name: &'static str,
    subject: Subject,
    members: &'static [(&'static str, Member)],
) -> Kind {
    Kind {
        name,
        subject,
        members,
    }
}

const REPORT: (&str, Member) = ("report", Member::Report);
const REASON: (&str, Member) = ("reason", Member::Reason);
const REPORTS: (&str, Member) = ("reports", Member::Number);
const TREE: (&str, Member) = ("tree", Member::Digest);

/// Every kind that there is. A new one is one row.
#[rustfmt::skip]
pub const KINDS: [Kind; 16] = [
    kind("opened", Subject::Report, &[REPORT, REASON]),
    kind("listed", Subject::Vault, &[REPORTS, TREE]),
    kind("exported", Subject::Report, &[REPORT, REASON, ("manifest", Member::Digest)]),
    kind("contact-requested", Subject::Report, &[REPORT, REASON]),
    kind("contact-approved", Subject::Report, &[REPORT, REASON, ("request", Member::Entry)]),
    kind("contact-opened", Subject::Report, &[REPORT, ("request", Member::Entry), ("approved_by", Member::Officers)]),
    kind("share-resealed", Subject::Report, &[REPORT, ("from", Member::Officer), ("to", Member::Officer)]),
    kind("rotated", Subject::Weeks, &[("first", Member::Week), ("last", Member::Week)]),
    kind("officer-added", Subject::Officer, &[("number", Member::Officer), ("vkey", Member::Digest)]),
    kind("officer-removed", Subject::Officer, &[("number", Member::Officer), ("vkey", Member::Digest)]),
    kind("retired", Subject::Week, &[("week", Member::Week), ("recipient", Member::Digest), REPORTS, ("unread", Member::Number)]),
    kind("imported", Subject::Bundle, &[("year", Member::Number), ("first", Member::Number), ("last", Member::Number), ("checkpoint", Member::Digest)]),
    kind("directory-issued", Subject::Directory, &[("sequence", Member::Number), ("note", Member::Digest)]),
    kind("collected", Subject::Vault, &[REPORTS, TREE]),
    kind("replied", Subject::Report, &[REPORT, ("language", Member::Language), ("text", Member::Digest)]),
    kind("replies-exported", Subject::Pages, &[("records", Member::Number), ("pages", Member::Digests)]),
];

/// Codes of reasons: a closed list.
const REASONS: [&str; 9] = [
    "first-reading",
    "safeguarding",
    "investigation",
    "disclosure",
    "asked",
    "review",
    "audit",
    "exercise",
    "other",
];

const WORDS_CHARACTERS_MAX: usize = 300;

/// What a member says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A digest.
    Digest([u8; 32]),
    /// Several.
    Digests(Vec<[u8; 32]>),
    /// A number.
    Number(u64),
    /// Officers by number.
    Officers(Vec<u64>),
    /// A week or a language.
    Text(String),
    /// Why: a code of the closed list, and words.
    Reason(String, Option<String>),
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The name of its kind.
    pub name: &'static str,
    values: Vec<(&'static str, Value)>,
}

impl Event {
    /// Takes an event whose type was read already, to its closing brace.
    ///
    /// # Errors
    /// A member is not what it must be.
    pub fn parse(kind: &'static Kind, from: &mut Cursor<'_>) -> Result<Self, FormError> {
        let mut values = Vec::new();
        for (name, member) in kind.members {
            from.literal(&format!(",\"{name}\":"))?;
            values.push((*name, value(*member, from)?));
        }
        from.literal("}")?;
        Ok(Self {
            name: kind.name,
            values,
        })
    }

    /// What a member says.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        let found = self.values.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value)
    }

    /// The report that it is about.
    #[must_use]
    pub fn report(&self) -> Option<[u8; 32]> {
        self.digest("report")
    }

    /// A member that is a digest.
    #[must_use]
    pub fn digest(&self, name: &str) -> Option<[u8; 32]> {
        match self.get(name) {
            Some(Value::Digest(digest)) => Some(*digest),
            Some(_) | None => None,
        }
    }

    /// A member that is a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.get(name) {
            Some(Value::Number(number)) => Some(*number),
            Some(_) | None => None,
        }
    }

    /// Why, where that is asked for: the code, and words behind it.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        match self.get("reason")? {
            Value::Reason(code, Some(words)) => Some(format!("{code}: {words}")),
            Value::Reason(code, None) => Some(code.clone()),
            Value::Digest(_)
            | Value::Digests(_)
            | Value::Number(_)
            | Value::Officers(_)
            | Value::Text(_) => None,
        }
    }

    /// Everything that it says besides reason and report, for a person.
    #[must_use]
    pub fn details(&self) -> String {
        let shown = self.values.iter().filter_map(|(name, value)| {
            let text = match value {
                Value::Reason(..) => return None,
                Value::Digest(_) if *name == "report" => return None,
                Value::Digest(digest) => hex::encode(digest),
                Value::Digests(all) => all.iter().map(hex::encode).collect::<Vec<_>>().join(" "),
                Value::Number(number) => number.to_string(),
                Value::Officers(all) => {
                    let all: Vec<String> = all.iter().map(u64::to_string).collect();
                    all.join(" ")
                }
                Value::Text(text) => text.clone(),
            };
            Some(format!("{name} {text}"))
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    /// The subject that the statement of this event must have: name, label and digest.
    #[must_use]
    pub fn subject(&self) -> Option<(String, &'static str, [u8; 32])> {
        let kind = KINDS.iter().find(|kind| kind.name == self.name)?;
        let text = |name: &str| match self.get(name) {
            Some(Value::Text(text)) => Some(text.clone()),
            Some(_) | None => None,
        };
        let hashed = |name: String| {
            let digest = Sha256::digest(&name).into();
            (name, "sha256", digest)
        };
        Some(match kind.subject {
            Subject::Report => ("report".to_owned(), "hafan-blob-v1", self.report()?),
            Subject::Vault => ("vault".to_owned(), "sha256", self.digest("tree")?),
            Subject::Weeks => hashed(format!("weeks {} to {}", text("first")?, text("last")?)),
            Subject::Officer => {
                let name = format!("officer-{}", self.number("number")?);
                (name, "sha256", self.digest("vkey")?)
            }
            Subject::Week => {
                let name = format!("week {}", text("week")?);
                (name, "sha256", self.digest("recipient")?)
            }
            Subject::Bundle => {
                let number = |name| self.number(name);
                let (year, first, last) = (number("year")?, number("first")?, number("last")?);
                let name = format!("bundle-{year:04}-{first}-{last}");
                (name, "sha256", self.digest("checkpoint")?)
            }
            Subject::Directory => {
                let name = format!("directory {}", self.number("sequence")?);
                (name, "sha256", self.digest("note")?)
            }
            Subject::Pages => self.pages()?,
        })
    }

    fn pages(&self) -> Option<(String, &'static str, [u8; 32])> {
        let Some(Value::Digests(pages)) = self.get("pages") else {
            return None;
        };
        let digest = Sha256::digest(pages.concat()).into();
        Some(("pages of answers".to_owned(), "sha256", digest))
    }
}

fn value(member: Member, from: &mut Cursor<'_>) -> Result<Value, FormError> {
    Ok(match member {
        Member::Report | Member::Digest => Value::Digest(digest(from)?),
        Member::Digests => Value::Digests(from.list(digest)?),
        Member::Number | Member::Entry => Value::Number(from.number()?),
        Member::Officer => Value::Number(officer(from)?),
        Member::Officers => Value::Officers(from.list(officer)?),
        Member::Reason => reason(from)?,
        Member::Week => {
            let text = from.string()?;
            from.want(is_week(&text))?;
            Value::Text(text)
        }
        Member::Language => {
            let text = from.string()?;
            from.want(text == "en" || text == "cy")?;
            Value::Text(text)
        }
    })
}

/// 64 lower-case hex characters.
pub(super) fn digest(from: &mut Cursor<'_>) -> Result<[u8; 32], FormError> {
    let digest = parse_digest(&from.string()?);
    from.want(digest.is_some())?;
    Ok(digest.unwrap_or_default())
}

fn officer(from: &mut Cursor<'_>) -> Result<u64, FormError> {
    let number = from.number()?;
    from.want(number <= 65_535)?;
    Ok(number)
}

fn reason(from: &mut Cursor<'_>) -> Result<Value, FormError> {
    from.literal("{\"code\":")?;
    let code = from.string()?;
    from.literal(",\"words\":")?;
    let words = if from.takes("null") {
        None
    } else {
        Some(from.string()?)
    };
    from.literal("}")?;
    from.want(REASONS.contains(&code.as_str()))?;
    let is_line = |words: &String| {
        let hidden = |c: char| c.is_control() || "\u{2028}\u{2029}".contains(c);
        words.chars().count() <= WORDS_CHARACTERS_MAX
            && !words.trim().is_empty()
            && !words.chars().any(hidden)
    };
    from.want(words.as_ref().is_none_or(is_line))?;
    from.want(code != "other" || words.is_some())?;
    Ok(Value::Reason(code, words))
}

fn is_week(text: &str) -> bool {
    let Some((year, week)) = text.split_once("-W") else {
        return false;
    };
    let number = |text: &str, size: usize| {
        (text.len() == size && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse::<u16>().ok())
            .flatten()
    };
    let is_year = date(&format!("{year}-01-01")).is_some();
    is_year && number(week, 2).is_some_and(|week| (1..=53).contains(&week))
}
