//! Report and files as one archive, filled with zeros to a size class.

use hafan_ustar::{Member, ReadError, WriteError, archive_size_bytes};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::name::member_name;
use crate::report::{Report, ReportError, sha256_hex};

/// The longest `report.json`, in bytes: 1 MiB.
pub const REPORT_SIZE_BYTES_MAX: usize = 1 << 20;

/// How many files a report may have.
pub const FILES_MAX: usize = 64;

/// The longest `contact.age`, in bytes.
pub const CONTACT_SIZE_BYTES_MAX: usize = 16 * 1024;

/// The longest share of a sealed contact, in bytes.
pub const SHARE_SIZE_BYTES_MAX: usize = 8 * 1024;

/// How many shares a sealed contact may have.
pub const SHARES_MAX: usize = 20;

/// The sizes of a padded in bytes: 2^k, 64 KiB to 32 MiB.
pub const SIZE_CLASSES: [usize; 10] = [
    1 << 16,
    1 << 17,
    1 << 18,
    1 << 19,
    1 << 20,
    1 << 21,
    1 << 22,
    1 << 23,
    1 << 24,
    1 << 25,
];

pub(crate) const REPORT_NAME: &str = "report.json";
const CONTACT_NAME: &str = "contact.age";

fn share_name(number: usize) -> String {
    format!("contact-shares/{number:02}.age")
}

/// A sealed contact, still sealed: who the person is, and the shares of its key.
pub struct SealedContact {
    /// An age file, at most [`CONTACT_SIZE_BYTES_MAX`].
    pub contact: Vec<u8>,
    /// An age file for each officer, in the directory's order, each at most [`SHARE_SIZE_BYTES_MAX`].
    pub shares: Vec<Vec<u8>>,
}

/// What a padded holds.
pub struct Unpacked {
    /// The report.
    pub report: Report,
    /// What came of its `contact`.
    pub contact: Option<SealedContact>,
    /// The bytes of `report.files`, in the same order.
    pub files: Vec<Attachment>,
}

/// The bytes of one file of a report.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Attachment {
    data: Vec<u8>,
}

impl Attachment {
    /// Takes a file's bytes and wipes them when dropped.
    #[must_use]
    pub const fn new(data: Vec<u8>) -> Self {
        Self { data }
    }

    /// The file's bytes.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }
}

/// Why a report and its files do not make a padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// The report breaks a rule of its own.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The report names more or fewer files than there are.
    #[error("the report names {named} files, {found} are there")]
    Count {
        /// Files that the report names.
        named: usize,
        /// Files that were given.
        found: usize,
    },
    /// A file is not what the report says of it.
    #[error("file {number} is not of the size and SHA-256 that the report says")]
    File {
        /// Counted from 1.
        number: usize,
    },
    /// The report speaks of a sealed contact or of shares that are not there, or the other way round.
    #[error("the sealed contact is not of as many shares as the report says")]
    Contact,
    /// A part of the sealed contact is over its limit.
    #[error("a part of the sealed contact is {found} bytes, at most {wanted} wanted")]
    ContactSize {
        /// Its size in bytes.
        found: usize,
        /// The limit in bytes.
        wanted: usize,
    },
    /// Larger than the largest size class.
    #[error("report and files are {found} bytes packed, at most 33554432 wanted")]
    TooLarge {
        /// Size of the archive in bytes.
        found: u64,
    },
    /// A member's name is not allowed in an archive.
    #[error(transparent)]
    Archive(#[from] WriteError),
}

/// Why bytes are not of the size of a padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the padded is {found} bytes, a power of two from 65536 to 33554432 wanted")]
pub struct PaddedError {
    /// Their length in bytes.
    pub found: usize,
}

/// Why a padded does not hold a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    /// Not an archive of the strict subset.
    #[error(transparent)]
    Archive(#[from] ReadError),
    /// The first member is not `report.json`.
    #[error("the first member is not report.json")]
    NoReport,
    /// `report.json` is not as wanted.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The report names more or fewer files than there are.
    #[error("the report names {named} files, {found} are there")]
    Count {
        /// Files that the report names.
        named: usize,
        /// Members after `report.json` and the sealed contact.
        found: usize,
    },
    /// The members of the sealed contact are not those that the report speaks of.
    #[error("the sealed contact is not as the report says: member {number} after report.json")]
    Contact {
        /// Counted from 1.
        number: usize,
    },
    /// A part of the sealed contact is over its limit.
    #[error("a part of the sealed contact is {found} bytes, at most {wanted} wanted")]
    ContactSize {
        /// Its size in bytes.
        found: usize,
        /// The limit in bytes.
        wanted: usize,
    },
    /// A file's member is not named after the file, or not in its place.
    #[error("file {number} is not named as its member should be")]
    Name {
        /// Counted from 1.
        number: usize,
    },
    /// A file is not what the report says of it.
    #[error("file {number} is not of the size and SHA-256 that the report says")]
    File {
        /// Counted from 1.
        number: usize,
    },
    /// What fills the archive up to the size class is not all zero.
    #[error("the padding at byte {at} is not zero")]
    Padding {
        /// Offset of the first byte that is not zero.
        at: usize,
    },
    /// A smaller size class would have held the archive.
    #[error("the padded is {found} bytes, {wanted} would hold its archive")]
    Class {
        /// Its length in bytes.
        found: usize,
        /// The smallest size class that is large enough.
        wanted: usize,
    },
}

/// A report and its files, packed and filled up; its length is one of [`SIZE_CLASSES`].
pub struct Padded(Zeroizing<Vec<u8>>);

impl Padded {
    /// Packs a report, its sealed contact, and its files, which `report.files` describes in the same
    /// order.
    ///
    /// # Errors
    /// The report breaks a rule, a file is not what the report says, or all is too large.
    pub fn pack(
        report: &Report,
        contact: Option<&SealedContact>,
        files: &[Attachment],
    ) -> Result<Self, PackError> {
        let json = encoded(report)?;
        if report.files.len() != files.len() {
            return Err(PackError::Count {
                named: report.files.len(),
                found: files.len(),
            });
        }
        let contact = contact_members(report, contact)?;
        let sizes = files.iter().map(|file| file.data.len()).chain([json.len()]);
        let sizes = sizes.chain(contact.iter().map(|(_, data)| data.len()));
        let found = archive_size_bytes(sizes.map(|size| u64::try_from(size).unwrap_or(u64::MAX)));
        let class = usize::try_from(found).ok().and_then(size_class);
        let class = class.ok_or(PackError::TooLarge { found })?;

        // As large as the padded from the start, so that it never grows and leaves a copy behind.
        let mut archive = Zeroizing::new(Vec::with_capacity(class));
        hafan_ustar::append(&mut archive, REPORT_NAME, &json)?;
        for (name, data) in &contact {
            hafan_ustar::append(&mut archive, name, data)?;
        }
        for ((entry, file), number) in report.files.iter().zip(files).zip(1..) {
            if !matches(entry, &file.data) {
                return Err(PackError::File { number });
            }
            let name = Zeroizing::new(member_name(number, &entry.name));
            hafan_ustar::append(&mut archive, &name, &file.data)?;
        }
        hafan_ustar::end(&mut archive);
        archive.resize(class, 0);
        Ok(Self(archive))
    }

    /// Takes bytes for a padded by their length alone; [`Padded::unpack`] looks inside.
    ///
    /// # Errors
    /// The length is not one of [`SIZE_CLASSES`].
    pub fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Result<Self, PaddedError> {
        let found = bytes.len();
        if SIZE_CLASSES.contains(&found) {
            Ok(Self(bytes))
        } else {
            Err(PaddedError { found })
        }
    }

    /// The archive and the zeros after it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes the report and its files out and wipes the padded.
    ///
    /// # Errors
    /// Anything that [`Padded::pack`] would not have written. Nothing is given out then.
    pub fn unpack(self) -> Result<Unpacked, UnpackError> {
        let archive = hafan_ustar::members(&self.0)?;
        let (first, rest) = archive.members.split_first().ok_or(UnpackError::NoReport)?;
        if first.name != REPORT_NAME {
            return Err(UnpackError::NoReport);
        }
        let report = Report::parse(first.data)?;
        let (contact, files) = split_contact(&report, rest)?;
        if report.files.len() != files.len() {
            return Err(UnpackError::Count {
                named: report.files.len(),
                found: files.len(),
            });
        }
        for ((entry, member), number) in report.files.iter().zip(files).zip(1..) {
            let name = Zeroizing::new(member_name(number, &entry.name));
            if *name != member.name {
                return Err(UnpackError::Name { number });
            }
            if !matches(entry, member.data) {
                return Err(UnpackError::File { number });
            }
        }
        let padding = self.0.iter().skip(archive.end).position(|b| *b != 0);
        if let Some(i) = padding {
            return Err(UnpackError::Padding {
                at: archive.end + i,
            });
        }
        let found = self.0.len();
        match size_class(archive.end) {
            Some(wanted) if wanted != found => return Err(UnpackError::Class { found, wanted }),
            Some(_) | None => {}
        }
        let files = files
            .iter()
            .map(|member| Attachment::new(member.data.to_vec()))
            .collect();
        Ok(Unpacked {
            report,
            contact,
            files,
        })
    }
}

/// The members of the sealed contact, which the report must speak of.
fn contact_members<'a>(
    report: &Report,
    contact: Option<&'a SealedContact>,
) -> Result<Vec<(String, &'a [u8])>, PackError> {
    let shares = report.contact.as_ref().map(|seal| seal.shares.len());
    if shares != contact.map(|contact| contact.shares.len()) {
        return Err(PackError::Contact);
    }
    let Some(contact) = contact else {
        return Ok(Vec::new());
    };
    let mut members = vec![(CONTACT_NAME.to_owned(), contact.contact.as_slice())];
    for (share, number) in contact.shares.iter().zip(1..) {
        members.push((share_name(number), share));
    }
    for ((_, data), wanted) in members.iter().zip(contact_limits()) {
        if data.len() > wanted {
            let found = data.len();
            return Err(PackError::ContactSize { found, wanted });
        }
    }
    Ok(members)
}

/// The limit of `contact.age`, then those of the shares.
fn contact_limits() -> impl Iterator<Item = usize> {
    std::iter::once(CONTACT_SIZE_BYTES_MAX).chain(std::iter::repeat(SHARE_SIZE_BYTES_MAX))
}

/// Takes the sealed contact, if the report speaks of one, off the members after `report.json`.
fn split_contact<'a>(
    report: &Report,
    members: &'a [Member<'a>],
) -> Result<(Option<SealedContact>, &'a [Member<'a>]), UnpackError> {
    let Some(seal) = &report.contact else {
        return Ok((None, members));
    };
    let count = 1 + seal.shares.len();
    let (contact, files) = members
        .split_at_checked(count)
        .ok_or(UnpackError::Contact {
            number: members.len() + 1,
        })?;
    for ((member, wanted), number) in contact.iter().zip(contact_limits()).zip(0..) {
        let name = match number {
            0 => CONTACT_NAME.to_owned(),
            _ => share_name(number),
        };
        if member.name != name {
            return Err(UnpackError::Contact { number: number + 1 });
        }
        if member.data.len() > wanted {
            let found = member.data.len();
            return Err(UnpackError::ContactSize { found, wanted });
        }
    }
    let mut parts = contact.iter().map(|member| member.data.to_vec());
    let contact = SealedContact {
        contact: parts.next().unwrap_or_default(),
        shares: parts.collect(),
    };
    Ok((Some(contact), files))
}

/// `report.json`, of a report that breaks no rule.
pub(crate) fn encoded(report: &Report) -> Result<Zeroizing<Vec<u8>>, ReportError> {
    report.check()?;
    let json = report.encode();
    if json.len() > REPORT_SIZE_BYTES_MAX {
        return Err(ReportError::TooLong { found: json.len() });
    }
    Ok(json)
}

/// The smallest size class that holds an archive of `size` bytes.
pub(crate) fn size_class(size: usize) -> Option<usize> {
    SIZE_CLASSES.into_iter().find(|class| *class >= size)
}

fn matches(entry: &crate::FileEntry, data: &[u8]) -> bool {
    u64::try_from(data.len()) == Ok(entry.size) && sha256_hex(data) == entry.sha256
}
