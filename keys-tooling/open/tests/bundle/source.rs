//! A log that grows, and bundles of it, without a server or a courier.

use std::io::Cursor;

use hafan_directory::{Contact, Contents, Directory, IntakeKey, root_key_name};
use hafan_envelope::bundle::{BundleWriter, Head};
use hafan_envelope::submission::{Digest, TagDigest, tag_digest};
use hafan_open::Identity;
use hafan_open::bundle::{BundleError, FindingKind, Validity, VerifiedBundle, verify};
use hafan_open::tree::VaultTree;
use hafan_tlog::{Checkpoint, Entry, Frontier, Seed, Signer, Verifier, decoy};
use jiff::civil::{Date, date};
use rand::rngs::OsRng;

pub(crate) const LOG_NAME: &str = "test.example/hafan";
pub(crate) const TODAY: Date = date(2026, 11, 25);
pub(crate) const EPOCH: u16 = 4;

pub(crate) type Bytes = Vec<u8>;
pub(crate) type Verified = Result<VerifiedBundle<Cursor<Bytes>>, BundleError>;

/// A server and a courier in one: a log that grows, and bundles of it.
pub(crate) struct Source {
    pub(crate) force: String,
    pub(crate) year: u16,
    pub(crate) directory: Bytes,
    pub(crate) log: Signer,
    pub(crate) root: Verifier,
    pub(crate) tree: Frontier,
    pub(crate) entries: Vec<Entry>,
    pub(crate) seeds: Vec<[u8; 32]>,
    pub(crate) blobs: Vec<(u64, Digest, Bytes)>,
    pub(crate) checkpoints: Vec<(u64, Bytes)>,
}

/// `h` and `t` of the only page of answers that the vault made.
pub(crate) const OWN_PAGE: ([u8; 32], [u8; 32]) = ([21; 32], [22; 32]);

pub(crate) fn own(h: &Digest, t: &TagDigest) -> bool {
    (h.0, t.0) == OWN_PAGE
}

pub(crate) fn signer(name: &str, seed: u8) -> Signer {
    Signer::from_seed(name, &[seed; 32]).unwrap()
}

impl Source {
    pub(crate) fn new(force: &str, year: u16, sequence: u64) -> Self {
        let root = signer(&root_key_name(&force.parse().unwrap()), 1);
        let log = signer(LOG_NAME, 2);
        let contents = Contents {
            force: force.parse().unwrap(),
            sequence,
            valid_from: date(2026, 11, 23),
            valid_until: date(2026, 11, 30),
            log: log.verifier(),
            intake: vec![IntakeKey {
                id: "2026-W48".to_owned(),
                recipient: Identity::generate(&mut OsRng)
                    .to_recipient()
                    .to_string()
                    .parse()
                    .unwrap(),
                from: date(2026, 11, 23),
                until: date(2026, 11, 30),
            }],
            contact: Contact {
                threshold: 0,
                recipients: Vec::new(),
            },
            officers: Vec::new(),
            replies: Vec::new(),
            couriers: Vec::new(),
            police_suspect: None,
        };
        let directory = Directory::new(contents).unwrap().sign(&root).unwrap();
        let (force, root) = (force.to_owned(), root.verifier());
        let (entries, seeds, blobs) = (Vec::new(), Vec::new(), Vec::new());
        let checkpoints = vec![(0, Vec::new())];
        Self {
            force,
            year,
            directory,
            log,
            root,
            tree: Frontier::new(),
            entries,
            seeds,
            blobs,
            checkpoints,
        }
    }

    /// Grows by one epoch with submissions at these positions.
    pub(crate) fn epoch(&mut self, drops: &[u16]) {
        let seed = [u8::try_from(self.seeds.len()).unwrap() + 10; 32];
        for position in 0..EPOCH {
            let entry = if drops.contains(&position) {
                let (h, blob) = submission();
                let t = tag_digest(blob[16..48].try_into().unwrap());
                self.blobs.push((self.tree.size(), h, blob));
                Entry::drop_of(h.0, t)
            } else {
                decoy(&Seed::from_bytes(&seed), position)
            };
            self.push(entry);
        }
        self.seeds.push(seed);
        self.sign();
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.tree.push(entry.leaf_hash());
        self.entries.push(entry);
    }

    pub(crate) fn sign(&mut self) {
        let origin = hafan_tlog::log_origin(LOG_NAME, &self.force, self.year);
        let note = Checkpoint::of(&origin, &self.tree).unwrap().sign(&self.log);
        self.checkpoints.push((self.tree.size(), note));
    }

    pub(crate) fn checkpoint(&self, size: u64) -> Bytes {
        self.checkpoints
            .iter()
            .rfind(|(of, _)| *of == size)
            .unwrap()
            .1
            .clone()
    }

    pub(crate) fn head(&self, first: u64, last: u64) -> Head {
        let epochs: Vec<String> = (first / 4..last / 4)
            .map(|number| {
                let seed = hex::encode(self.seeds[usize::try_from(number).unwrap()]);
                format!(r#"{{"first":{},"leaves":4,"seed":"{seed}"}}"#, number * 4)
            })
            .collect();
        let range = usize::try_from(first).unwrap()..usize::try_from(last).unwrap();
        Head {
            directory: self.directory.clone(),
            previous_checkpoint: self.checkpoint(first),
            checkpoint: self.checkpoint(last),
            entries: self.entries[range].iter().flat_map(Entry::encode).collect(),
            epochs: format!("[{}]", epochs.join(",")).into_bytes(),
        }
    }

    pub(crate) fn blobs(&self, first: u64, last: u64) -> Vec<(Digest, Bytes)> {
        let within = self
            .blobs
            .iter()
            .filter(|(index, ..)| (first..last).contains(index));
        within.map(|(_, h, blob)| (*h, blob.clone())).collect()
    }

    pub(crate) fn bundle(&self, first: u64, last: u64) -> Bytes {
        write(&self.head(first, last), &self.blobs(first, last))
    }

    pub(crate) fn vault(&self) -> VaultTree {
        VaultTree::new(self.force.parse().unwrap(), 1)
    }

    pub(crate) fn verify(&self, bytes: Bytes, vault: &VaultTree) -> Verified {
        self.verify_on(bytes, vault, Validity::On(TODAY))
    }

    /// The vault's stored entries are those of this log.
    pub(crate) fn verify_on(
        &self,
        bytes: Bytes,
        vault: &VaultTree,
        validity: Validity,
    ) -> Verified {
        verify(
            Cursor::new(bytes),
            vault,
            &self.root,
            validity,
            own,
            |name| Ok(self.head(name.first, name.last).entries),
        )
    }

    /// The vault's stored entries of any bundle are `entries`.
    pub(crate) fn verify_against(
        &self,
        bytes: Bytes,
        vault: &VaultTree,
        entries: &[u8],
    ) -> Verified {
        verify(
            Cursor::new(bytes),
            vault,
            &self.root,
            Validity::On(TODAY),
            own,
            |_| Ok(entries.to_vec()),
        )
    }
}

pub(crate) fn found(verified: &VerifiedBundle<Cursor<Bytes>>) -> Vec<(u64, FindingKind)> {
    let findings = verified.findings().iter();
    findings.map(|f| (f.index, f.kind)).collect()
}

pub(crate) fn write(head: &Head, blobs: &[(Digest, Bytes)]) -> Bytes {
    let mut writer = BundleWriter::begin(Vec::new(), head).unwrap();
    for (h, blob) in blobs {
        writer.append_blob(h, blob).unwrap();
    }
    writer.finish().unwrap()
}

pub(crate) fn submission() -> (Digest, Bytes) {
    let recipient = Identity::generate(&mut OsRng).to_recipient();
    let envelope = hafan_seal::seal_bytes(&vec![0; 65_536], &[recipient]).unwrap();
    hafan_seal::submission(&envelope)
}
