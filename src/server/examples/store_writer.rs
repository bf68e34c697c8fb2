//! Load for the tests of the store: writes submissions to one store from several sides at once until it is ended.
//!
//! Says on standard output `open` once the store is open, and then `FORCE DIGEST` for each submission, only after the
//! store has said that it is durable; each line is flushed by itself, so that what a reader of the lines has seen was
//! promised. `full` says that the store refused for want of room. Never for anything but tests: its key is no secret.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use clap::Parser;
use hafan::store::{Accepted, Body, EpochError, Store, StoreConfig, SubmitError};
use hafan_directory::Force;
use hafan_envelope::reply::{
    PAGE_SIZE_BYTES, RECORDS, SEALED_SIZE_BYTES, VIEW_TAG_SIZE_BYTES, page_digest,
};
use hafan_envelope::submission::{Digest, digest};
use hafan_envelope::{SIZE_CLASSES, envelope_size_bytes};
use hafan_tlog::Signer;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng as _};

/// The same as in `tests/tests/store_disk`.
const LOG_NAME: &str = "test.example/hafan";
const SIGNER_SEED: [u8; 32] = [7; 32];
const YEAR: u16 = 2026;
const FORCES: [&str; 2] = ["btp", "merseyside"];

#[derive(Parser)]
struct Arguments {
    /// The folder in which `store` and `pinned` are, or are made.
    dir: PathBuf,
    /// Size class of the envelopes, from 0 (64 KiB); 4 is 1 MiB.
    #[arg(long, default_value_t = 0)]
    class: usize,
    /// How many hand in at once.
    #[arg(long, default_value_t = 6)]
    submitters: u64,
    /// Numbers of the submissions: another one each time, or they are there already.
    #[arg(long)]
    seed: u32,
    /// Milliseconds between two epochs of both forces.
    #[arg(long, default_value_t = 50)]
    epoch_ms: u64,
}

fn config(arguments: &Arguments) -> Result<StoreConfig> {
    Ok(StoreConfig {
        store_dir: arguments.dir.join("store"),
        pinned_dir: arguments.dir.join("pinned"),
        intake_batch: Duration::from_millis(5),
        free_bytes_min: 1 << 20,
        segment_size_bytes: 4 << 20,
        leaves_per_epoch: 8,
        log_name: LOG_NAME.to_owned(),
        forces: forces()?,
    })
}

fn forces() -> Result<Vec<Force>> {
    let forces: Result<Vec<Force>, _> = FORCES.iter().map(|name| name.parse()).collect();
    forces.context("the forces are not names of forces")
}

/// A submission with the structure of docs/protocol.md section 3 and noise where ciphertext would be.
fn submission(number: u64, class: usize) -> Result<(Digest, Vec<u8>)> {
    let mut noise = StdRng::seed_from_u64(number);
    let (mut salt, mut tag) = ([0; 16], [0; 32]);
    noise.fill_bytes(&mut salt);
    noise.fill_bytes(&mut tag);
    let padded = SIZE_CLASSES.get(class).context("no such size class")?;
    let size = usize::try_from(envelope_size_bytes(*padded))?;
    let envelope = age_file(&mut noise, size);
    let h = digest(&salt, &envelope);
    Ok((h, [salt.as_slice(), &tag, &envelope].concat()))
}

/// A page of answers with the structure of section 14, likewise.
fn page(number: u64) -> Vec<u8> {
    let mut noise = StdRng::seed_from_u64(number);
    let mut bytes = Vec::with_capacity(PAGE_SIZE_BYTES);
    for _ in 0..RECORDS {
        let mut tag = [0; VIEW_TAG_SIZE_BYTES];
        noise.fill_bytes(&mut tag);
        bytes.extend(tag);
        bytes.extend(age_file(&mut noise, SEALED_SIZE_BYTES));
    }
    bytes.extend(b"seen\n");
    bytes.resize(PAGE_SIZE_BYTES, 0);
    bytes
}

fn age_file(noise: &mut StdRng, size: usize) -> Vec<u8> {
    let mut base64 = |size| {
        let mut bytes = vec![0; size];
        noise.fill_bytes(&mut bytes);
        STANDARD_NO_PAD.encode(bytes)
    };
    let mut file = format!(
        "age-encryption.org/v1\n-> mlkem768x25519 {}\n{}\n--- {}\n",
        base64(1120),
        base64(32),
        base64(32)
    )
    .into_bytes();
    let mut rest = vec![0; size.saturating_sub(file.len())];
    noise.fill_bytes(&mut rest);
    file.append(&mut rest);
    file
}

/// One line, whole and at once.
fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Hands in one submission after the other, for both forces in turn, every seventh twice, and with every eleventh a page of answers.
async fn submit(store: Arc<Store>, first: u64, step: u64, class: usize) -> Result<()> {
    let forces = forces()?;
    let mut number = first;
    for force in forces.iter().cycle() {
        let (h, body) = submission(number, class)?;
        if number.is_multiple_of(11) {
            submit_page(&store, force, number).await?;
        }
        let wanted = if number.is_multiple_of(7) { 2 } else { 1 };
        let mut done = 0;
        while done < wanted {
            match store.submit(force, h, Body::Memory(body.clone())).await {
                Ok(Accepted::Created | Accepted::Already) => {
                    say(&format!("{force} {h}"))?;
                    done += 1;
                }
                Err(SubmitError::StoreFull) => {
                    say("full")?;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        number += step;
    }
    Ok(())
}

async fn submit_page(store: &Store, force: &Force, number: u64) -> Result<()> {
    let bytes = page(number);
    let h = page_digest(&bytes);
    match store.submit_page(force, bytes).await {
        Ok(Accepted::Created | Accepted::Already) => Ok(say(&format!("{force} page-{h}"))?),
        Err(SubmitError::StoreFull) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Closes an epoch of each force again and again.
fn sequence(store: &Store, signer: &Signer, beat: Duration) -> Result<()> {
    loop {
        std::thread::sleep(beat);
        for force in store.forces() {
            match store.close_epoch(force, YEAR, signer) {
                Ok(()) | Err(EpochError::StoreFull) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    let config = config(&arguments)?;
    let signer = Signer::from_seed(LOG_NAME, &SIGNER_SEED)?;
    if !config.store_dir.join("format").exists() {
        Store::create(&config, &signer, YEAR)?;
    }
    let store = Arc::new(Store::open(&config, &signer.verifier(), &|_| {})?);
    say("open")?;
    let mut tasks = tokio::task::JoinSet::new();
    for submitter in 0..arguments.submitters {
        let first = (u64::from(arguments.seed) << 32) + submitter;
        let store = Arc::clone(&store);
        tasks.spawn(submit(store, first, arguments.submitters, arguments.class));
    }
    let beat = Duration::from_millis(arguments.epoch_ms);
    tasks.spawn_blocking(move || sequence(&store, &signer, beat));
    match tasks.join_next().await {
        Some(ended) => ended?,
        None => bail!("nobody hands anything in"),
    }
}

#[expect(
    clippy::print_stderr,
    reason = "a program for tests; the sequencer's thread is not waited for"
)]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build();
    let ended = runtime
        .context("cannot start the runtime")
        .and_then(|runtime| runtime.block_on(async { run(arguments).await }));
    if let Err(error) = ended {
        eprintln!("store_writer: {error:#}");
        std::process::exit(3);
    }
    ExitCode::SUCCESS
}
