//! `cargo xtask test`: everything that is checked, in the order of what fails soonest.
//!
//! A step that fails does not stop those behind it, so that one run tells all. Cargo's tests come last and so their
//! summary closes the run.

use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};

use xtask::binaries::{BINARIES_DIR_VARIABLE, cargo, target_dir};
use xtask::process::{run as run_command, say};
use xtask::{demo, site, tools};

/// One step's name and why it failed.
struct Failure {
    step: &'static str,
    reason: String,
}

/// Runs the steps that are wanted, all of them or those whose name holds a text, and gathers what failed.
struct Suite<'a> {
    only: Option<&'a str>,
    names: Vec<&'static str>,
    failures: Vec<Failure>,
}

impl Suite<'_> {
    fn wants(&self, step: &str) -> bool {
        self.only.is_none_or(|text| step.contains(text))
    }

    fn step(&mut self, step: &'static str, check: impl FnOnce() -> Result<()>) -> bool {
        self.names.push(step);
        // What runs the programs needs them built, so that step is never left out.
        if !self.wants(step) && step != BUILD {
            return true;
        }
        let start = Instant::now();
        let result = check();
        let seconds = start.elapsed().as_secs();
        match result {
            Ok(()) => {
                say(&format!("✓ {step} ({seconds} s)"));
                true
            }
            Err(error) => {
                let reason = format!("{error:#}");
                say(&format!("✗ {step} ({seconds} s): {reason}"));
                self.failures.push(Failure { step, reason });
                false
            }
        }
    }

    fn command(&mut self, step: &'static str, command: &mut Command) -> bool {
        self.step(step, || run_command(step, command))
    }
}

/// For each fuzz target: what a change broke shows at once. `cargo xtask fuzz --seconds 3600` is the long run.
const FUZZ_SECONDS: u32 = 2;

/// The name of the step that those behind it need.
const BUILD: &str = "build";

/// Runs every check, or the steps whose name holds `only`.
///
/// # Errors
/// When one of them failed, the text names each; or when no step's name holds `only`.
pub(crate) fn run(only: Option<&str>) -> Result<()> {
    // Without these nothing else can be told, so they end the run.
    tools::ensure(&[tools::NODE, tools::BROWSER, tools::TESTS])?;
    tools::npm_ci()?;

    let mut suite = Suite {
        only,
        names: Vec::new(),
        failures: Vec::new(),
    };
    suite.command("format", cargo().args(["fmt", "--all", "--check"]));
    suite.command(
        "site: lints and types",
        tools::npm().args(["run", "lint", "--workspace", "web"]),
    );
    suite.step("site: unit tests", || {
        tools::npm_test("unit tests of the site", "web", |_| {})
    });
    suite.step(
        "site: two builds give the same bytes",
        site::is_reproducible,
    );
    suite.command(
        "lints",
        cargo()
            .args([
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--quiet",
            ])
            .args(["--", "-D", "warnings"]),
    );
    // One build for all that follows: programs and tests with the same features, so nothing is compiled twice.
    let built = suite.command(
        BUILD,
        cargo().args([
            "build",
            "--workspace",
            "--bins",
            "--tests",
            "--locked",
            "--quiet",
        ]),
    );
    let binaries = target_dir()?.join("debug");
    if built {
        suite.step("browser: one report from form to officer", || {
            let dir = tempfile_dir("demo-once")?;
            demo::once_in(&dir, &xtask::binaries::Binaries::in_dir(&binaries))
        });
        suite.step("browser: journeys and accessibility", || {
            let dir = tempfile_dir("journeys")?;
            demo::journeys_in(&dir, &xtask::binaries::Binaries::in_dir(&binaries))
        });
    }
    suite.step("fuzz: each target shortly, from its seeds", || {
        crate::fuzz::run(None, FUZZ_SECONDS)
    });
    suite.command(
        "cargo test",
        cargo()
            .args(["test", "--workspace", "--locked", "--no-fail-fast"])
            .env(BINARIES_DIR_VARIABLE, &binaries),
    );
    if !suite.names.iter().any(|name| suite.wants(name)) {
        bail!(
            "no step is named like that; the steps are\n  {}",
            suite.names.join("\n  ")
        );
    }
    if suite.failures.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = suite
        .failures
        .iter()
        .map(|failure| format!("{}: {}", failure.step, failure.reason))
        .collect();
    bail!("{} steps failed\n  {}", named.len(), named.join("\n  "))
}

/// An empty folder under the target folder, for one run.
fn tempfile_dir(name: &str) -> Result<std::path::PathBuf> {
    let dir = target_dir()?.join("suite").join(name);
    if dir.exists() {
        std::fs::remove_dir_all(&dir)?;
    }
    std::fs::create_dir_all(&dir)?;
    Ok(dir)
}
