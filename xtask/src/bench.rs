//! `cargo xtask bench`: figures as ratios to a limit measured in the same run, so that they hold on any machine.

use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;

use xtask::binaries::{BINARIES_DIR_VARIABLE, cargo, target_dir};
use xtask::process::{guarded, run as run_command};
use xtask::{root, tools};

/// What can be measured.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Name {
    /// Durable submissions a second, against one file written and synced in batches of the same bytes
    Intake,
    /// The same over HTTP, against a plain synced append behind the same server; then as the store grows
    Ingest,
    /// Honest reports beside slow, silent and flooding lines, against the same in calm
    Storm,
    /// Sealing in Rust, against age's plain encryption of the same bytes
    Seal,
    /// A million leaves through the frontier, against SHA-256 over as many bytes
    Log,
    /// Listing 1,000 reports, against the bare primitives; large payloads, against the programs age and rage
    Open,
    /// Coming back with words in a browser, against fetching and hashing the same bytes there
    Words,
    /// A million leaves audited, against SHA-256 over their bytes; a store audited, against reading it
    Audit,
}

/// The version of rage that opening is measured against.
const RAGE: &str = "rage@0.12.1";

impl Name {
    fn target(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Ingest => "ingest",
            Self::Storm => "storm",
            Self::Seal => "seal",
            Self::Log => "log",
            Self::Open => "open",
            Self::Words => "words",
            Self::Audit => "audit",
        }
    }
}

/// Builds the benchmark optimised and runs it.
///
/// # Errors
/// When it does not build, or ends with an error.
pub(crate) fn run(name: Option<Name>, json: bool) -> Result<()> {
    let names = match name {
        Some(name) => vec![name],
        None => vec![
            Name::Intake,
            Name::Ingest,
            Name::Storm,
            Name::Seal,
            Name::Log,
            Name::Open,
            Name::Audit,
            Name::Words,
        ],
    };
    for name in names {
        if matches!(name, Name::Words) {
            measure_words(json)?;
            continue;
        }
        let mut command = cargo();
        command.args([
            "bench",
            "--locked",
            "--quiet",
            "--package=hafan-tests",
            "--bench",
        ]);
        command.arg(name.target());
        match name {
            Name::Open => prepare_open(&mut command)?,
            Name::Ingest => prepare_server(&mut command)?,
            Name::Storm => {
                tools::ensure(&[tools::STORM])?;
                prepare_server(&mut command)?;
            }
            Name::Intake | Name::Seal | Name::Log | Name::Words | Name::Audit => {}
        }
        command.arg("--");
        if json {
            command.arg("--json");
        }
        run_command(&format!("bench {}", name.target()), &mut command)?;
    }
    Ok(())
}

/// Runs the browser's own measurement.
fn measure_words(json: bool) -> Result<()> {
    tools::ensure(&[tools::NODE, tools::BROWSER])?;
    tools::npm_ci()?;
    let mut measure = guarded("node");
    measure.current_dir(root()).arg("tests/browser/words.mjs");
    if json {
        measure.arg("--json");
    }
    run_command("bench words", &mut measure)
}

/// Builds the programs as optimised as the benchmark.
fn prepare_server(bench: &mut Command) -> Result<()> {
    run_command(
        "cargo build (the programs, optimised)",
        cargo()
            .args(["build", "--locked", "--quiet", "--profile=bench", "--bins"])
            .args(["--package=hafan", "--package=hafan-keys"]),
    )?;
    bench.env(BINARIES_DIR_VARIABLE, target_dir()?.join("release"));
    Ok(())
}

/// Fetches age and rage, and builds the officers' tool as optimised as the benchmark.
fn prepare_open(bench: &mut Command) -> Result<()> {
    tools::ensure(&[tools::AGE])?;
    let target = target_dir()?;
    let tools = target.join("tools");
    run_command(
        "cargo install rage (once)",
        cargo()
            .args(["install", "--locked", "--quiet", RAGE, "--root"])
            .arg(&tools),
    )?;
    run_command(
        "cargo build (officers' tool, as released)",
        cargo()
            .args(["build", "--locked", "--quiet", "--profile=bench"])
            .args(["--package=hafan-keys", "--bins"]),
    )?;
    bench
        .env(BINARIES_DIR_VARIABLE, target.join("release"))
        .env("HAFAN_RAGE", tools.join("bin/rage"));
    Ok(())
}
