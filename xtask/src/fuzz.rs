//! `cargo xtask fuzz`: libFuzzer on the stable toolchain.
//!
//! `cargo fuzz` would want a nightly toolchain and minutes to be compiled itself; all that it adds is the handful of
//! compiler flags below. `RUSTC_BOOTSTRAP` is set for the fuzz targets alone and never for a shipped program.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, bail};

use xtask::binaries::cargo;
use xtask::process::{guarded, run as run_command, say};
use xtask::{root, tools};

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What `cargo fuzz build` passes, without the address sanitizer: there is no `unsafe` in the workspace for it to watch.
const RUSTFLAGS: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Ccodegen-units=1 \
    -Cdebug-assertions \
    --cfg fuzzing";

/// No input is larger than the largest thing parsed in one piece, but for the bundle; larger ones find nothing new.
const INPUT_SIZE_BYTES_MAX: u32 = 256 << 10;

/// Runs one target, or all of them one after the other.
///
/// # Errors
/// When a target does not exist or build, or found an input that panics, hangs for over a second, or takes over 64 MiB
/// in one allocation; libFuzzer's own output names the file with that input.
pub(crate) fn run(target: Option<&str>, seconds: u32) -> Result<()> {
    let targets = targets()?;
    let chosen: Vec<String> = match target {
        None => targets.into_iter().collect(),
        Some(name) if targets.contains(name) => vec![name.to_owned()],
        Some(name) => {
            let names: Vec<_> = targets.into_iter().collect();
            bail!(
                "no fuzz target is called {name}; there are: {}",
                names.join(", ")
            )
        }
    };
    tools::ensure(&[tools::NODE, tools::FUZZ])?;
    let fuzz_dir = root().join("fuzz");
    run_command(
        "cargo build (fuzz targets)",
        cargo()
            .current_dir(&fuzz_dir)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", RUSTFLAGS)
            .env_remove("CARGO_TARGET_DIR")
            .args([
                "build",
                "--release",
                "--locked",
                "--bins",
                "--target",
                TARGET,
            ]),
    )?;
    let seeds_dir = fuzz_dir.join("target/seeds");
    if seeds_dir.exists() {
        fs::remove_dir_all(&seeds_dir)?;
    }
    run_command(
        "seeds from tests/vectors",
        guarded("node")
            .arg(fuzz_dir.join("seeds.mjs"))
            .arg(&seeds_dir),
    )?;
    let mut failed = Vec::new();
    for name in &chosen {
        let corpus = fuzz_dir.join("corpus").join(name);
        let seeds = seeds_dir.join(name);
        let artifacts = fuzz_dir.join("artifacts").join(name);
        fs::create_dir_all(&corpus)?;
        fs::create_dir_all(&artifacts)?;
        let mut command = guarded(
            fuzz_dir
                .join("target")
                .join(TARGET)
                .join("release")
                .join(name),
        );
        command
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={INPUT_SIZE_BYTES_MAX}"))
            .args(["-timeout=1", "-malloc_limit_mb=64", "-rss_limit_mb=1024"])
            .args(["-print_final_stats=1", "-verbosity=1"])
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .arg(&corpus)
            .arg(&seeds);
        if let Err(error) = run_command(&format!("fuzz {name} for {seconds} s"), &mut command) {
            say(&format!("✗ {name}: {error:#}"));
            failed.push(name.clone());
        }
    }
    if failed.is_empty() {
        say(&format!("{} targets, no finding", chosen.len()));
        Ok(())
    } else {
        bail!(
            "findings in {}; the inputs are in fuzz/artifacts/",
            failed.join(", ")
        )
    }
}

/// The names of the targets: the files of `fuzz/fuzz_targets/`.
fn targets() -> Result<BTreeSet<String>> {
    let dir = root().join("fuzz/fuzz_targets");
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let path = entry?.path();
        if let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) {
            names.insert(stem.to_owned());
        }
    }
    Ok(names)
}
