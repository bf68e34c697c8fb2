//! Hands submissions and pages of answers to the writer, and waits until they are durable. What waits is bounded by the
//! memory that it takes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use hafan_directory::Force;
use hafan_envelope::reply::{Page, index_digest};
use hafan_envelope::submission::{Digest, tag_digest};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::writer::{Command, Job, PageJob};
use super::{Store, SubmitError, frame, record};

/// Memory of submissions and pages of answers that wait for the writer: beyond it, submitting waits.
const QUEUE_SIZE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// One permit of the queue.
const QUEUE_UNIT_BYTES: u64 = 4096;

/// A submission as it was received: `salt || τ || envelope`.
#[derive(Debug)]
pub enum Body {
    /// In memory.
    Memory(Vec<u8>),
    /// In a file from [`Store::spill_file`], from its first byte, this many bytes.
    Spilled(File, u64),
}

impl Body {
    fn size(&self) -> u64 {
        match self {
            Self::Memory(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::Spilled(_, size) => *size,
        }
    }

    /// Bytes of memory that it takes while it waits.
    fn memory(&self) -> u64 {
        match self {
            Self::Memory(_) => self.size(),
            Self::Spilled(..) => QUEUE_UNIT_BYTES,
        }
    }

    /// τ, which stands behind the salt.
    fn tag(&self) -> io::Result<[u8; 32]> {
        let mut tag = [0; 32];
        match self {
            Self::Memory(bytes) => {
                let found = bytes.get(16..48).ok_or(io::ErrorKind::UnexpectedEof)?;
                tag.copy_from_slice(found);
            }
            Self::Spilled(file, size) => {
                if file.metadata()?.len() < *size {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                file.read_exact_at(&mut tag, 16)?;
            }
        }
        Ok(tag)
    }
}

/// How a submission is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Since now: 201.
    Created,
    /// It was before: 200.
    Already,
}

/// The permits of all that may wait.
pub(crate) fn queue() -> Arc<Semaphore> {
    let permits = usize::try_from(QUEUE_SIZE_BYTES_MAX / QUEUE_UNIT_BYTES).unwrap_or(usize::MAX);
    Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)))
}

impl Store {
    /// Hands a submission in. Resolves when it is durable, and never before.
    ///
    /// The caller has checked that `h` is its digest and that its envelope has the structure of one. When the caller
    /// goes away the submission may be durable or not; sending it again is always right.
    ///
    /// # Errors
    ///
    /// The store is full or shutting down, or it is not a submission for one of its forces.
    pub async fn submit(
        &self,
        force: &Force,
        h: Digest,
        body: Body,
    ) -> Result<Accepted, SubmitError> {
        if !self.shared.config.forces.contains(force) {
            return Err(SubmitError::NoSuchForce);
        }
        let found = body.size();
        let wanted = frame::payload_size_max(self.shared.config.segment_size_bytes)
            .saturating_sub(record::BATCH_HEAD_SIZE_BYTES + record::item_head_size(force));
        let size = u32::try_from(found).ok();
        let size = size.filter(|_| (record::SUBMISSION_SIZE_BYTES_MIN..=wanted).contains(&found));
        let size = size.ok_or(SubmitError::TooLarge)?;
        let t = tag_digest(&body.tag().map_err(SubmitError::Spilled)?);
        let permit = self.wait_in_queue(body.memory()).await?;
        let (reply, answer) = oneshot::channel();
        let job = Job {
            force: force.clone(),
            h,
            t,
            body,
            size,
            reply,
            permit,
        };
        self.commands
            .send(Command::Submit(job))
            .map_err(|_| SubmitError::ShuttingDown)?;
        answer.await.unwrap_or(Err(SubmitError::ShuttingDown))
    }

    /// Waits until there is memory for one more that waits for the writer.
    async fn wait_in_queue(&self, memory: u64) -> Result<OwnedSemaphorePermit, SubmitError> {
        let units = u32::try_from(memory.div_ceil(QUEUE_UNIT_BYTES)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.queue).acquire_many_owned(units).await;
        permit.map_err(|_| SubmitError::ShuttingDown)
    }

    /// Hands a page of answers in. Resolves when it is durable, and never before.
    ///
    /// # Errors
    ///
    /// The store is full or shutting down, or it is no page, or not for one of its forces.
    pub async fn submit_page(&self, force: &Force, page: Vec<u8>) -> Result<Accepted, SubmitError> {
        if !self.shared.config.forces.contains(force) {
            return Err(SubmitError::NoSuchForce);
        }
        let parsed = Page::parse(&page).map_err(|_| SubmitError::NoPage)?;
        let (h, index_part) = (parsed.digest(), parsed.index_part());
        let t = index_digest(&index_part).0;
        let size = record::without_zeros(&parsed).len();
        let mut stored = page;
        stored.truncate(size);
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        let wanted = frame::payload_size_max(self.shared.config.segment_size_bytes);
        if record::page_head_size(force).saturating_add(size) > wanted {
            return Err(SubmitError::TooLarge);
        }
        let permit = self.wait_in_queue(size).await?;
        let (reply, answer) = oneshot::channel();
        let job = PageJob {
            force: force.clone(),
            h,
            t,
            index_part,
            stored,
            reply,
            permit,
        };
        self.commands
            .send(Command::Page(job))
            .map_err(|_| SubmitError::ShuttingDown)?;
        answer.await.unwrap_or(Err(SubmitError::ShuttingDown))
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD_NO_PAD as BASE64;
    use hafan_envelope::reply::{PAGE_SIZE_BYTES, RECORD_SIZE_BYTES, RECORDS};

    use std::time::Duration;

    use hafan_tlog::Signer;

    use super::super::StoreConfig;
    use super::*;

    fn page() -> Vec<u8> {
        let [enc, body] = [&[1; 1120][..], &[2; 32]].map(|bytes| BASE64.encode(bytes));
        let header =
            format!("age-encryption.org/v1\n-> mlkem768x25519 {enc}\n{body}\n--- {body}\n");
        let mut record = [b"ta", header.as_bytes()].concat();
        record.resize(RECORD_SIZE_BYTES, 3);
        let mut page = record.repeat(RECORDS);
        page.extend(b"seen\n");
        page.resize(PAGE_SIZE_BYTES, 0);
        page
    }

    #[tokio::test]
    async fn a_page_waits_while_what_waits_for_the_writer_fills_its_memory() {
        let dir = tempfile::tempdir().unwrap();
        let btp: Force = "btp".parse().unwrap();
        let config = StoreConfig {
            store_dir: dir.path().join("store"),
            pinned_dir: dir.path().join("pinned"),
            intake_batch: Duration::ZERO,
            free_bytes_min: 0,
            segment_size_bytes: 1 << 20,
            leaves_per_epoch: 8,
            log_name: "test.example/hafan".to_owned(),
            forces: vec![btp.clone()],
        };
        let signer = Signer::from_seed(&config.log_name, &[7; 32]).unwrap();
        Store::create(&config, &signer, 2026).unwrap();
        let store = Store::open(&config, &signer.verifier(), &|_| {}).unwrap();
        let units = u32::try_from(store.queue.available_permits()).unwrap();
        let others = store.queue.acquire_many(units).await.unwrap();
        let mut answer = std::pin::pin!(store.submit_page(&btp, page()));
        let early = tokio::time::timeout(Duration::from_millis(100), &mut answer).await;
        assert!(early.is_err(), "it was handed to the writer");
        drop(others);
        assert_eq!(answer.await.unwrap(), Accepted::Created);
    }
}
