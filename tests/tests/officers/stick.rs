//! Sticks with bundles whose every byte can be chosen: what an operator, a courier or a finder could write.

use hafan_envelope::bundle::Head;
use hafan_envelope::submission::{Digest, tag_digest};
use hafan_report::Padded;
use hafan_tlog::{Checkpoint, Entry, Frontier, Seed, Signer, decoy, log_origin};
use hafan_ustar::{BLOCK_SIZE_BYTES, Header};

use crate::office::Office;

pub(crate) const LOG_NAME: &str = "office.example/hafan";
pub(crate) const YEAR: u16 = 2026;
const SEED: [u8; 32] = [5; 32];

/// A log of a force, from its first leaf.
pub(crate) struct Stick {
    directory: Vec<u8>,
    intake: hafan_seal::Recipient,
    entries: Vec<Entry>,
    blobs: Vec<(u64, Digest, Vec<u8>)>,
    epochs: Vec<(u64, u64)>,
}

/// One member of an archive, its header as it will lie there.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) header: [u8; BLOCK_SIZE_BYTES],
    pub(crate) data: Vec<u8>,
}

pub(crate) fn log_key() -> Signer {
    Signer::from_seed(LOG_NAME, &[3; 32]).unwrap()
}

impl Stick {
    /// An empty log under the office's newest directory.
    pub(crate) fn new(office: &Office) -> Self {
        let intake = office.directory().intake[0].recipient.as_str().parse();
        Self {
            directory: office.read("vault/directory"),
            intake: intake.unwrap(),
            entries: Vec::new(),
            blobs: Vec::new(),
            epochs: Vec::new(),
        }
    }

    pub(crate) fn size(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap()
    }

    /// Adds an epoch with these reports, and decoys up to eight leaves; gives their `h`.
    pub(crate) fn epoch(&mut self, reports: &[Padded]) -> Vec<Digest> {
        let first = self.size();
        let leaves = u16::try_from(reports.len().max(8)).unwrap();
        for position in 0..leaves {
            let entry = match reports.get(usize::from(position)) {
                None => decoy(&Seed::from_bytes(&SEED), position),
                Some(padded) => {
                    let envelope = hafan_seal::seal(padded, &self.intake).unwrap();
                    let (h, submission) = hafan_seal::submission(&envelope);
                    let t = tag_digest(submission[16..48].try_into().unwrap());
                    self.blobs.push((self.size(), h, submission));
                    Entry::drop_of(h.0, t)
                }
            };
            self.entries.push(entry);
        }
        self.epochs.push((first, u64::from(leaves)));
        self.blobs(first, self.size())
            .into_iter()
            .map(|(h, _)| h)
            .collect()
    }

    pub(crate) fn checkpoint(&self, size: u64) -> Checkpoint {
        let count = usize::try_from(size).unwrap();
        let tree: Frontier = self.entries[..count].iter().map(Entry::leaf_hash).collect();
        Checkpoint::of(&log_origin(LOG_NAME, "btp", YEAR), &tree).unwrap()
    }

    pub(crate) fn head(&self, first: u64, last: u64) -> Head {
        let range = usize::try_from(first).unwrap()..usize::try_from(last).unwrap();
        let seed = hex::encode(SEED);
        let epochs = self
            .epochs
            .iter()
            .filter(|(at, _)| (first..last).contains(at));
        let epochs = epochs
            .map(|(at, leaves)| format!(r#"{{"first":{at},"leaves":{leaves},"seed":"{seed}"}}"#));
        Head {
            directory: self.directory.clone(),
            previous_checkpoint: if first == 0 {
                Vec::new()
            } else {
                self.checkpoint(first).sign(&log_key())
            },
            checkpoint: self.checkpoint(last).sign(&log_key()),
            entries: self.entries[range].iter().flat_map(Entry::encode).collect(),
            epochs: format!("[{}]", epochs.collect::<Vec<_>>().join(",")).into_bytes(),
        }
    }

    pub(crate) fn blobs(&self, first: u64, last: u64) -> Vec<(Digest, Vec<u8>)> {
        let within = self
            .blobs
            .iter()
            .filter(|(at, _, _)| (first..last).contains(at));
        within.map(|(_, h, blob)| (*h, blob.clone())).collect()
    }

    /// Everything, as the courier would write it.
    pub(crate) fn members(&self) -> Vec<Member> {
        members(&self.head(0, self.size()), &self.blobs(0, self.size()))
    }
}

pub(crate) fn member(name: &str, data: &[u8]) -> Member {
    let size = u64::try_from(data.len()).unwrap();
    Member {
        header: Header::new(name, size).unwrap().encode(),
        data: data.to_vec(),
    }
}

pub(crate) fn members(head: &Head, blobs: &[(Digest, Vec<u8>)]) -> Vec<Member> {
    let parts = [
        ("directory", &head.directory),
        ("previous-checkpoint", &head.previous_checkpoint),
        ("checkpoint", &head.checkpoint),
        ("entries", &head.entries),
        ("epochs.json", &head.epochs),
    ];
    let head = parts.into_iter().map(|(name, data)| member(name, data));
    head.chain(
        blobs
            .iter()
            .map(|(h, blob)| member(&format!("blobs/{h}"), blob)),
    )
    .collect()
}

/// The archive of these members.
pub(crate) fn pack(members: &[Member]) -> Vec<u8> {
    let mut archive = Vec::new();
    for Member { header, data } in members {
        archive.extend_from_slice(header);
        archive.extend_from_slice(data);
        archive.resize(archive.len().next_multiple_of(BLOCK_SIZE_BYTES), 0);
    }
    archive.resize(archive.len() + 2 * BLOCK_SIZE_BYTES, 0);
    archive
}

/// Writes over a field of a header and makes its sum right again, as a real archive's would be.
pub(crate) fn set_field(header: &mut [u8; BLOCK_SIZE_BYTES], at: usize, bytes: &[u8]) {
    header[at..at + bytes.len()].copy_from_slice(bytes);
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}
