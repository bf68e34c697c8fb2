//! Opening: `hafan-keys list` over 1,000 reports, against the hybrid decapsulations and the AEAD alone; and payloads of 32 MiB
//! and 1 GiB, against the programs age and rage with a classic X25519 file of the same plaintext.
//!
//! The primitives run on one thread and with their keys ready. What the list takes is its time less that of a list of an empty
//! vault: the rest is the officer's passphrase, which is slow on purpose.

mod common;
#[path = "../tests/keys/office.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of tests, of which this is a part"
)]
mod office;
#[path = "../tests/officers/stick.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a helper of tests, of which this is a part"
)]
mod stick;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use chacha20poly1305::aead::{AeadInPlace as _, KeyInit as _};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use common::{Figure, timed};
use hafan_open::Identity;
use hafan_seal::hybrid::{
    ENCAPSULATED_SIZE_BYTES, ML_KEM_CIPHERTEXT_SIZE_BYTES, combine, key_schedule,
};
use hafan_tests::reports::Noise;
use ml_kem::kem::Decapsulate as _;
use ml_kem::{KemCore as _, MlKem768};
use office::{Office, PLAIN, by, pack as padded};
use rand::rngs::OsRng;
use stick::{Stick, pack};
use x25519_dalek::{PublicKey, StaticSecret};

const REPORTS: u32 = 1000;
/// The plaintext of a small report's envelope: one chunk.
const CHUNK_SIZE_BYTES: usize = 65_536;
const ROUNDS: usize = 5;
/// As fast as the limit, or faster.
const EQUAL: f64 = 1.0;
/// Time may be 1.5 times that of the limit.
const LIST_RATIO_MIN: f64 = 1.0 / 1.5;

fn main() -> Result<()> {
    let scratch = tempfile::tempdir_in(xtask::binaries::target_dir()?)?;
    let mut slow = Vec::new();
    slow.extend(list()?);
    for (mib, rounds) in [(32_usize, 7), (1024, 3)] {
        slow.extend(payload(scratch.path(), mib, rounds)?);
    }
    ensure!(slow.is_empty(), "slower than wanted: {}", slow.join("; "));
    Ok(())
}

/// Prints a figure, and gives its name when it is below what is wanted.
fn judge(figure: &Figure, name: &str, wanted: f64) -> Option<String> {
    (figure.print() < wanted).then(|| format!("{name} (at least {wanted:.2} wanted)"))
}

fn list() -> Result<Option<String>> {
    let (empty, full) = (Office::new(2, 2), Office::new(2, 2));
    let contents = full.directory();
    let told: Vec<_> = (0..REPORTS).map(|_| padded(&PLAIN, &contents)).collect();
    let mut stick = Stick::new(&full);
    stick.epoch(&told);
    full.write("stick.tar", &pack(&stick.members()));
    full.ok(&by("officer-1", &["import", "stick.tar"]));
    let args = by("officer-1", &["list", "--json"]);
    let listed = full.run(&args).stdout;
    let listed: serde_json::Value = serde_json::from_slice(&listed)?;
    let count = listed
        .get("reports")
        .and_then(|reports| reports.as_array())
        .map(Vec::len);
    ensure!(
        count == Some(usize::try_from(REPORTS)?),
        "not every report is listed"
    );
    let raw = Raw::new()?;
    let name = "open: list of 1,000, against the primitives";
    let mut figure = Figure::new(name.to_owned(), "reports/s");
    for _ in 0..ROUNDS {
        let (_, unlocking) = timed(|| empty.ok(&args));
        let (_, all) = timed(|| full.ok(&args));
        let (opened, limit) = timed(|| (0..REPORTS).try_for_each(|_| raw.open()));
        opened?;
        let ours = all
            .checked_sub(unlocking)
            .unwrap_or(Duration::from_micros(1));
        figure.round(f64::from(REPORTS), ours, limit);
    }
    Ok(judge(&figure, name, LIST_RATIO_MIN))
}

/// What no opening of a report can do without, with its keys ready.
struct Raw {
    ml_kem: <MlKem768 as ml_kem::KemCore>::DecapsulationKey,
    x25519: StaticSecret,
    public: PublicKey,
    encapsulated: [u8; ENCAPSULATED_SIZE_BYTES],
    cipher: ChaCha20Poly1305,
    sealed_key: Vec<u8>,
    sealed: Vec<u8>,
}

impl Raw {
    fn new() -> Result<Self> {
        let (ml_kem, _) = MlKem768::generate(&mut OsRng);
        let x25519 = StaticSecret::random_from_rng(OsRng);
        let mut encapsulated = [0; ENCAPSULATED_SIZE_BYTES];
        Noise::new(3).fill(&mut encapsulated);
        let cipher = ChaCha20Poly1305::new(&[7; 32].into());
        let seal = |size| {
            let mut bytes = vec![1; size];
            cipher
                .encrypt_in_place(&Nonce::default(), b"", &mut bytes)
                .map_err(|_| anyhow!("it does not seal"))?;
            anyhow::Ok(bytes)
        };
        Ok(Self {
            sealed_key: seal(16)?,
            sealed: seal(CHUNK_SIZE_BYTES)?,
            public: PublicKey::from(&x25519),
            ml_kem,
            x25519,
            encapsulated,
            cipher,
        })
    }

    fn open(&self) -> Result<()> {
        let (from_m, from_x) = self.encapsulated.split_at(ML_KEM_CIPHERTEXT_SIZE_BYTES);
        let ct_m = ml_kem::Ciphertext::<MlKem768>::try_from(from_m)?;
        let ss_m = self
            .ml_kem
            .decapsulate(&ct_m)
            .map_err(|()| anyhow!("no secret"))?;
        let ct_x: [u8; 32] = from_x.try_into()?;
        let ss_x = self.x25519.diffie_hellman(&PublicKey::from(ct_x));
        let ss_m: &[u8; 32] = ss_m.as_slice().try_into()?;
        let shared = combine(ss_m, ss_x.as_bytes(), &ct_x, self.public.as_bytes());
        std::hint::black_box(key_schedule(&shared));
        for sealed in [&self.sealed_key, &self.sealed] {
            let mut bytes = sealed.clone();
            self.cipher
                .decrypt_in_place(&Nonce::default(), b"", &mut bytes)
                .map_err(|_| anyhow!("it does not open"))?;
            std::hint::black_box(bytes);
        }
        Ok(())
    }
}

/// A sealed file that was read, as a submission is before its digest is checked, to its plaintext in memory; against programs
/// that read their file from the system's memory and write to nowhere.
fn payload(dir: &Path, mib: usize, rounds: usize) -> Result<Vec<String>> {
    let [plain, key, classic, hybrid] =
        ["plain", "key", "classic.age", "hybrid.age"].map(|name| dir.join(name));
    let identity = Identity::generate(&mut OsRng);
    let mut bytes = vec![0; mib << 20];
    Noise::new(5).fill(&mut bytes);
    fs::write(&plain, &bytes)?;
    fs::write(
        &hybrid,
        hafan_seal::seal_bytes(&bytes, &[identity.to_recipient()])?,
    )?;
    drop(bytes);
    let secret = age::x25519::Identity::generate();
    let text = secret.to_string();
    fs::write(&key, secrecy::ExposeSecret::expose_secret(&text))?;
    let mut seal = Command::new("age");
    seal.arg("-r")
        .arg(secret.to_public().to_string())
        .arg("-o")
        .arg(&classic)
        .arg(&plain);
    run(&mut seal)?;
    fs::remove_file(&plain)?;
    let rage = std::env::var_os("HAFAN_RAGE").context("run this by cargo xtask bench open")?;
    let mut slow = Vec::new();
    for (name, program) in [("age", "age".into()), ("rage", rage)] {
        let name = format!("open: {mib} MiB, against {name}");
        let mut figure = Figure::new(name.clone(), "MiB/s");
        for _ in 0..rounds {
            let sealed = fs::read(&hybrid)?;
            // What was opened is wiped behind the measurement: the programs wipe nothing.
            let (opened, ours) = timed(|| hafan_open::open_owned(sealed, &[&identity]));
            ensure!(opened?.len() == mib << 20, "not all of it was opened");
            let mut program = Command::new(&program);
            program
                .arg("-d")
                .arg("-i")
                .arg(&key)
                .args(["-o", "/dev/null"])
                .arg(&classic);
            let (ended, theirs) = timed(|| run(&mut program));
            ended?;
            figure.round(f64::from(u32::try_from(mib)?), ours, theirs);
        }
        slow.extend(judge(&figure, &name, EQUAL));
    }
    for file in [key, classic, hybrid] {
        fs::remove_file(file)?;
    }
    Ok(slow)
}

fn run(program: &mut Command) -> Result<()> {
    let status = program.stdin(Stdio::null()).status()?;
    ensure!(status.success(), "{program:?} ended with {status}");
    Ok(())
}
