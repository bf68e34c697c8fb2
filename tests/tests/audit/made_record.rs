//! Access records that tests write line by line, signed by officers whose keys they have.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hafan_tlog::{Checkpoint, Frontier, Signer, leaf_hash, note};
use hafan_ustar::Header;
use sha2::{Digest as _, Sha256};

use crate::made::{log_key, root};

pub(crate) fn officer(number: u16) -> Signer {
    let seed = [u8::try_from(number).unwrap() + 50; 32];
    Signer::from_seed(&format!("hafan/btp/officer-{number}"), &seed).unwrap()
}

/// A directory of as many officers, of whom `quorum` open a contact.
pub(crate) fn directory(sequence: u64, officers: u16, quorum: u16) -> Vec<u8> {
    let officers: Vec<Signer> = (1..=officers).map(officer).collect();
    directory_of(sequence, &officers, quorum)
}

/// The same of these officers.
pub(crate) fn directory_of(sequence: u64, officers: &[Signer], quorum: u16) -> Vec<u8> {
    let log = log_key(7).verifier();
    let quoted = |texts: Vec<String>| format!("\"{}\"", texts.join("\",\""));
    let keys = quoted(
        officers
            .iter()
            .map(|key| key.verifier().to_string())
            .collect(),
    );
    let recipients = (1..=officers.len()).map(|number| format!("age1pq{number}"));
    let recipients = quoted(recipients.collect());
    let text = format!(
        "hafan directory v1\n{{\"force\":\"btp\",\"sequence\":{sequence},\"valid_from\":\"2026-11-23\",\
         \"valid_until\":\"2027-12-14\",\"log\":\"{log}\",\"intake\":[],\"contact\":{{\"threshold\":{quorum},\
         \"recipients\":[{recipients}]}},\"officers\":[{keys}],\"replies\":null,\"couriers\":[],\
         \"police_suspect\":null}}\n"
    );
    note::sign(&text, &[&root()]).unwrap()
}

pub(crate) fn h(number: u8) -> String {
    hex::encode([number; 32])
}

/// One entry, as it is to be written.
#[derive(Clone)]
pub(crate) struct MadeEntry {
    pub(crate) officer: u16,
    pub(crate) date: &'static str,
    pub(crate) directory: u64,
    pub(crate) event: String,
    pub(crate) subject: (String, &'static str, String),
    /// Instead of the number that is right.
    pub(crate) number: Option<u64>,
    /// Instead of the officer's key.
    pub(crate) key: Option<u16>,
}

impl MadeEntry {
    fn new(officer: u16, subject: (&str, &'static str, &str), event: String) -> Self {
        Self {
            officer,
            date: "2026-11-26",
            directory: 1,
            event,
            subject: (subject.0.to_owned(), subject.1, subject.2.to_owned()),
            number: None,
            key: None,
        }
    }

    /// About report number `of`; `rest` is what follows the member `report`.
    pub(crate) fn report(officer: u16, name: &str, of: u8, rest: &str) -> Self {
        Self::about(officer, name, &h(of), rest)
    }

    /// The same about the report with this h.
    pub(crate) fn about(officer: u16, name: &str, h: &str, rest: &str) -> Self {
        let event = format!("{{\"type\":\"{name}\",\"report\":\"{h}\"{rest}}}");
        Self::new(officer, ("report", "hafan-blob-v1", h), event)
    }

    pub(crate) fn imported(officer: u16, first: u64, last: u64) -> Self {
        let note = [first, last].map(u64::to_be_bytes).concat();
        Self::imported_under(officer, first, last, &note)
    }

    /// A bundle that ends with this checkpoint.
    pub(crate) fn imported_under(officer: u16, first: u64, last: u64, note: &[u8]) -> Self {
        let digest = hex::encode(Sha256::digest(note));
        let event = format!(
            "{{\"type\":\"imported\",\"year\":2026,\"first\":{first},\"last\":{last},\"checkpoint\":\"{digest}\"}}"
        );
        let name = format!("bundle-2026-{first}-{last}");
        Self::new(officer, (&name, "sha256", &digest), event)
    }

    pub(crate) fn listed(officer: u16) -> Self {
        let event = format!(
            "{{\"type\":\"listed\",\"reports\":2,\"tree\":\"{}\"}}",
            h(9)
        );
        Self::new(officer, ("vault", "sha256", &h(9)), event)
    }

    pub(crate) fn issued(officer: u16, sequence: u64, note: &[u8]) -> Self {
        let digest = hex::encode(Sha256::digest(note));
        let event = format!(
            "{{\"type\":\"directory-issued\",\"sequence\":{sequence},\"note\":\"{digest}\"}}"
        );
        let name = format!("directory {sequence}");
        Self::new(officer, (&name, "sha256", &digest), event)
    }

    pub(crate) fn other(officer: u16, event: &str) -> Self {
        Self::new(officer, ("vault", "sha256", &h(9)), event.to_owned())
    }

    fn line(&self, number: u64, before: &str) -> Vec<u8> {
        let (name, label, digest) = &self.subject;
        let number = self.number.unwrap_or(number);
        let payload = format!(
            "{{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{{\"name\":\"{name}\",\"digest\":{{\
             \"{label}\":\"{digest}\"}}}}],\"predicateType\":\"urn:hafan:access-record:v1\",\"predicate\":{{\
             \"entry\":{number},\"before\":\"{before}\",\"officer\":\"hafan/btp/officer-{}\",\"date\":\"{}\",\
             \"directory\":{},\"tool\":\"hafan-keys 0.1.0\",\"event\":{}}}}}",
            self.officer, self.date, self.directory, self.event
        );
        let kind = "application/vnd.in-toto+json";
        let pae = format!("DSSEv1 {} {kind} {} {payload}", kind.len(), payload.len());
        let key = officer(self.key.unwrap_or(self.officer));
        let verifier = officer(self.officer).verifier();
        let keyid = format!("{}+{}", verifier.name(), verifier.id());
        let signature = BASE64_STANDARD.encode(key.sign_bytes(pae.as_bytes()));
        let payload = BASE64_STANDARD.encode(payload);
        format!(
            "{{\"payload\":\"{payload}\",\"payloadType\":\"{kind}\",\"signatures\":[{{\"keyid\":\"{keyid}\",\
             \"sig\":\"{signature}\"}}]}}"
        )
        .into_bytes()
    }
}

/// A record in the making.
#[derive(Clone)]
pub(crate) struct MadeRecord {
    pub(crate) directories: Vec<(u64, Vec<u8>)>,
    pub(crate) lines: Vec<Vec<u8>>,
    pub(crate) head: Option<Vec<u8>>,
}

impl MadeRecord {
    pub(crate) fn of(entries: &[MadeEntry]) -> Self {
        let mut record = Self {
            directories: vec![(1, directory(1, 3, 2))],
            lines: Vec::new(),
            head: None,
        };
        for entry in entries {
            record.append(entry);
        }
        record.sign(1);
        record
    }

    pub(crate) fn append(&mut self, entry: &MadeEntry) {
        let number = u64::try_from(self.lines.len()).unwrap() + 1;
        let before = self.tree().root().to_string();
        self.lines.push(entry.line(number, &before));
    }

    fn tree(&self) -> Frontier {
        self.lines.iter().map(|line| leaf_hash(line)).collect()
    }

    /// Signs the head over all lines.
    pub(crate) fn sign(&mut self, by: u16) {
        self.sign_as(by, "hafan/btp/access");
    }

    pub(crate) fn sign_as(&mut self, by: u16, origin: &str) {
        let head = Checkpoint::of(origin, &self.tree()).unwrap().encode();
        self.head = Some(note::sign(&head, &[&officer(by)]).unwrap());
    }

    /// The file that `hafan-keys record export` writes.
    pub(crate) fn export(&self) -> Vec<u8> {
        let mut members: Vec<(String, &[u8])> = Vec::new();
        if let Some(head) = &self.head {
            members.push(("head".to_owned(), head));
        }
        for (sequence, note) in &self.directories {
            members.push((format!("directories/{sequence}"), note));
        }
        let lines: Vec<u8> = self
            .lines
            .iter()
            .flat_map(|line| [line, &b"\n"[..]].concat())
            .collect();
        members.push(("entries".to_owned(), &lines));
        archive(&members)
    }
}

/// An archive of these members.
pub(crate) fn archive(members: &[(String, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, bytes) in members {
        let size = u64::try_from(bytes.len()).unwrap();
        archive.extend(Header::new(name, size).unwrap().encode());
        archive.extend(*bytes);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}
