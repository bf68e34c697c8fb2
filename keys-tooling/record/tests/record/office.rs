//! A force, its root key, its officers, and a record in a folder of its own.

use std::path::PathBuf;

use hafan_directory::{Contact, Contents, Directory, Force, IntakeKey, Recipient};
use hafan_record::{
    Context, Event, Hex32, Material, Place, Reason, ReasonCode, Record, RecordError, Verification,
    verify,
};
use hafan_tlog::Signer;
use jiff::civil::{Date, date};
use tempfile::TempDir;

pub(crate) struct Office {
    pub(crate) force: Force,
    pub(crate) root: Signer,
    pub(crate) officers: Vec<Signer>,
    pub(crate) directory: Directory,
    pub(crate) note: Vec<u8>,
    pub(crate) dir: TempDir,
}

pub(crate) const TODAY: Date = date(2026, 11, 24);

pub(crate) fn signer(name: &str, seed: u8) -> Signer {
    Signer::from_seed(name, &[seed; 32]).unwrap()
}

fn recipient(byte: u8) -> Recipient {
    Recipient::from_key(&[byte; 1216]).unwrap()
}

/// A directory of this sequence, with officers of these numbers.
pub(crate) fn directory(sequence: u64, officers: &[&Signer]) -> Directory {
    let count = u8::try_from(officers.len()).unwrap();
    Directory::new(Contents {
        force: "btp".parse().unwrap(),
        sequence,
        valid_from: date(2026, 11, 23),
        valid_until: date(2026, 11, 30),
        log: signer("reports.example.org/hafan", 200).verifier(),
        intake: vec![IntakeKey {
            id: "2026-W48".to_owned(),
            recipient: recipient(100),
            from: date(2026, 11, 23),
            until: date(2026, 11, 30),
        }],
        contact: Contact {
            threshold: 2,
            recipients: (1..=count).map(recipient).collect(),
        },
        officers: officers.iter().map(|officer| officer.verifier()).collect(),
        replies: Vec::new(),
        couriers: vec![signer("hafan/btp/courier-1", 201).verifier()],
        police_suspect: None,
    })
    .unwrap()
}

impl Office {
    pub(crate) fn new() -> Self {
        let root = signer("hafan/btp/root", 1);
        let officers: Vec<Signer> = (1..=3)
            .map(|n| signer(&format!("hafan/btp/officer-{n}"), 10 + n))
            .collect();
        let directory = directory(1, &officers.iter().collect::<Vec<_>>());
        Self {
            force: "btp".parse().unwrap(),
            note: directory.sign(&root).unwrap(),
            root,
            officers,
            directory,
            dir: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn path(&self, part: &str) -> PathBuf {
        self.dir.path().join("access").join(part)
    }

    pub(crate) fn place(&self) -> Place {
        Place {
            dir: self.dir.path().join("access"),
            pin: self.dir.path().join("access.head"),
        }
    }

    pub(crate) fn open(&self) -> Result<Record, RecordError> {
        Record::open(self.place(), &self.force, &self.root.verifier())
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            directory: &self.directory,
            note: &self.note,
            today: TODAY,
            tool: "hafan-record tests",
        }
    }

    /// Appends one entry by officer N.
    pub(crate) fn append(&self, officer: usize) -> Result<u64, RecordError> {
        let signer = self.officers.get(officer - 1).unwrap();
        let mut record = self.open()?;
        let event = opened(u8::try_from(record.size() % 200).unwrap());
        let appended = record.append(signer, &self.context(), event)?;
        Ok(appended.number)
    }

    /// Appends entries by the officers in turn.
    pub(crate) fn fill(&self, count: usize) {
        for at in 0..count {
            self.append(at % 3 + 1).unwrap();
        }
    }

    pub(crate) fn material(&self) -> Material {
        Material::of_dir(&self.place().dir).unwrap()
    }

    /// What an auditor who knows no earlier head says of `material`.
    pub(crate) fn judge(&self, material: &Material) -> Verification {
        verify(material, &self.force, &self.root.verifier(), &[])
    }

    pub(crate) fn lines(&self) -> Vec<Vec<u8>> {
        let entries = self.material().entries;
        let mut lines: Vec<Vec<u8>> = entries.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
        assert_eq!(lines.pop(), Some(Vec::new()));
        lines
    }
}

pub(crate) fn opened(byte: u8) -> Event {
    Event::Opened {
        report: Hex32([byte; 32]),
        reason: Reason::new(ReasonCode::FirstReading, None).unwrap(),
    }
}

pub(crate) fn joined(lines: &[Vec<u8>]) -> Vec<u8> {
    lines
        .iter()
        .flat_map(|line| [line.as_slice(), b"\n"].concat())
        .collect()
}
