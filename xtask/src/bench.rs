//! `cargo xtask bench`: figures as ratios to a limit measured in the same run, so that they hold on any machine.

use anyhow::Result;
use clap::ValueEnum;

use xtask::binaries::cargo;
use xtask::process::run as run_command;

/// What can be measured.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Name {
    /// Durable submissions a second, against one file written and synced in batches of the same bytes
    Intake,
    /// Sealing in Rust, against age's plain encryption of the same bytes
    Seal,
    /// A million leaves through the frontier, against SHA-256 over as many bytes
    Log,
}

impl Name {
    fn target(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Seal => "seal",
            Self::Log => "log",
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
        None => vec![Name::Intake, Name::Seal, Name::Log],
    };
    for name in names {
        let mut command = cargo();
        command.args([
            "bench",
            "--locked",
            "--quiet",
            "--package=hafan-tests",
            "--bench",
        ]);
        command.arg(name.target()).arg("--");
        if json {
            command.arg("--json");
        }
        run_command(&format!("bench {}", name.target()), &mut command)?;
    }
    Ok(())
}
