//! The auditor: a million leaves read and derived anew from a folder, against SHA-256 over their bytes in one pass; and a
//! store of reports of 64 KiB, against reading its segments from the disk one after the other.
//!
//! `HAFAN_AUDIT_REPORTS` says how many reports; 20,000 unless it does.

mod common;

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use common::{Figure, timed};
use hafan::store::{Body, Store, StoreConfig};
use hafan_audit::log::{self, BeatChange, Reading, Source};
use hafan_audit::{note::Vkey, store};
use hafan_directory::Force;
use hafan_tests::reports::{entries, shaped};
use hafan_tlog::tile::{self, TileKind};
use hafan_tlog::{Checkpoint, Entry, Frontier, Signer};
use sha2::{Digest as _, Sha256};

const LOG_NAME: &str = "bench.invalid/hafan";
const LEAVES: u32 = 1_000_000;
const ROUNDS: usize = 5;
/// The most that an epoch may have, so that all reports are leaves.
const LEAVES_PER_EPOCH: u16 = 256;
/// Submissions that wait at once.
const SUBMITTERS: usize = 32;

fn main() -> Result<()> {
    // As the server does: what it makes is its own alone.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    // On the disk that cargo builds on, since a temporary folder may be memory.
    let scratch = tempfile::tempdir_in(xtask::binaries::target_dir()?)?;
    log_of_a_million(&scratch.path().join("log"))?;
    store_of_reports(&scratch.path().join("system"))
}

fn log_of_a_million(dir: &Path) -> Result<()> {
    let entries = entries(LEAVES);
    write_log(dir, &entries)?;
    let bytes: Vec<u8> = entries.iter().flat_map(Entry::encode).collect();
    let key = Signer::from_seed(LOG_NAME, &[7; 32])?
        .verifier()
        .to_string();
    let options = log::Options {
        source: Source::folder(dir),
        force: "btp".to_owned(),
        root: None,
        former_roots: Vec::new(),
        log_key: Some(Vkey::parse(&key)?),
        state: None,
        year: None,
        leaves: Some(8),
        reading: Reading::All,
        beat: BeatChange::Found,
    };
    let name = |limit: &str| format!("audit log: a million leaves, against {limit}");
    let mut one_pass = Figure::new(name("one SHA-256"), "leaves/s");
    let mut each = Figure::new(name("SHA-256 of each"), "leaves/s");
    for _ in 0..ROUNDS {
        let (report, ours) = timed(|| log::audit(&options));
        let report = report?;
        ensure!(report.code() == 0, "{}", report.as_text());
        let (digest, limit) = timed(|| Sha256::digest(&bytes));
        std::hint::black_box(digest);
        one_pass.round(f64::from(LEAVES), ours, limit);
        let (digest, limit) = timed(|| {
            let leaves = entries.iter().map(|entry| Sha256::digest(entry.encode()));
            leaves.fold(0, |all, digest| all ^ digest.first().copied().unwrap_or(0))
        });
        std::hint::black_box(digest);
        each.round(f64::from(LEAVES), ours, limit);
    }
    one_pass.print();
    each.print();
    Ok(())
}

fn write_log(dir: &Path, entries: &[Entry]) -> Result<()> {
    let hashes: Vec<_> = entries.iter().map(Entry::leaf_hash).collect();
    for path in tile::new_tiles(0, u64::try_from(entries.len())?) {
        let bytes = match path.kind() {
            TileKind::Entries => {
                let first = usize::try_from(path.first())?;
                let bundle = entries.get(first..first + usize::from(path.width()));
                tile::encode_entries(bundle.context("a bundle within the log")?)
            }
            TileKind::Hashes { .. } => {
                tile::from_leaf_hashes(&path, &hashes).context("a tile within the log")?
            }
        };
        let path = dir.join(path.to_string());
        fs::create_dir_all(path.parent().context("a tile is in a folder")?)?;
        fs::write(path, bytes)?;
    }
    let origin = format!("{LOG_NAME}/btp/2026");
    let signer = Signer::from_seed(&origin, &[7; 32])?;
    let tree: Frontier = hashes.into_iter().collect();
    fs::write(
        dir.join("checkpoint"),
        Checkpoint::of(&origin, &tree)?.sign(&signer),
    )?;
    Ok(())
}

fn store_of_reports(dir: &Path) -> Result<()> {
    let reports = std::env::var("HAFAN_AUDIT_REPORTS");
    let reports: u64 = reports.map_or(Ok(20_000), |number| number.parse())?;
    fs::create_dir_all(dir)?;
    let key = fill(dir, reports)?;
    let segments: Vec<PathBuf> = hafan_tests::segments(&dir.join("store"))?;
    let options = store::Options {
        copy: None,
        config: dir.join("config.toml"),
        log_key: Some(Vkey::parse(&key)?),
        beat: BeatChange::Found,
    };
    let name = format!("audit store: {reports} reports, against reading");
    let mut figure = Figure::new(name, "MB/s");
    for _ in 0..ROUNDS {
        forget(&segments)?;
        let (read, limit) = timed(|| read_all(&segments));
        let bytes = read?;
        forget(&segments)?;
        let (report, ours) = timed(|| store::audit(&options));
        let report = report?;
        ensure!(report.code() == 0, "{}", report.as_text());
        let megabytes = f64::from(u32::try_from(bytes >> 20)?) * 1.048_576;
        figure.round(megabytes, ours, limit);
    }
    figure.print();
    Ok(())
}

/// Makes a store with as many reports, all of them leaves; gives the key of its log.
fn fill(dir: &Path, reports: u64) -> Result<String> {
    let force: Force = "btp".parse()?;
    let signer = Signer::from_seed(LOG_NAME, &[7; 32])?;
    let config = StoreConfig {
        store_dir: dir.join("store"),
        pinned_dir: dir.join("pinned"),
        intake_batch: Duration::from_millis(1),
        free_bytes_min: 0,
        segment_size_bytes: 64 << 20,
        leaves_per_epoch: LEAVES_PER_EPOCH,
        log_name: LOG_NAME.to_owned(),
        forces: vec![force.clone()],
    };
    Store::create(&config, &signer, 2026)?;
    let store = Arc::new(Store::open(&config, &signer.verifier(), &|_| {})?);
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..reports {
            if tasks.len() >= SUBMITTERS {
                tasks.join_next().await.context("a task")???;
            }
            let (store, force) = (Arc::clone(&store), force.clone());
            tasks.spawn(async move {
                let report = shaped(number, 0);
                let body = Body::Memory(report.submission);
                store.submit(&force, report.h, body).await.map(drop)
            });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        anyhow::Ok(())
    })?;
    while store.backlog(&force) > 0 {
        store.close_epoch(&force, 2026, &signer)?;
    }
    store.shutdown();
    let root = Signer::from_seed("hafan/btp/root", &[1; 32])?.verifier();
    let releaser = Signer::from_seed("hafan-release/alys", &[1; 32])?.verifier();
    let text = format!(
        "log_name = \"{LOG_NAME}\"\nstore_dir = \"store\"\npinned_dir = \"pinned\"\n\
         directories_dir = \"directories\"\ndrafts_dir = \"drafts\"\nleaves_per_epoch = {LEAVES_PER_EPOCH}\n\
         release_path = \"release\"\nrelease_keys = [\"{releaser}\"]\n\
         [forces.btp]\nroot = \"{root}\"\n"
    );
    fs::write(dir.join("config.toml"), text)?;
    Ok(signer.verifier().to_string())
}

/// Has the kernel forget what it holds of the files, so that they are read from the disk.
fn forget(files: &[PathBuf]) -> Result<()> {
    for path in files {
        let file = File::open(path)?;
        file.sync_all()?;
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    }
    Ok(())
}

fn read_all(files: &[PathBuf]) -> Result<u64> {
    let mut buffer = vec![0; 4 << 20];
    let mut total = 0;
    for path in files {
        let mut file = File::open(path)?;
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            total += u64::try_from(read)?;
        }
    }
    Ok(total)
}
