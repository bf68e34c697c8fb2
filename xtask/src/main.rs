//! Every developer command: `cargo xtask demo | test | bench | site | fuzz | deps`.
//!
//! Each installs what it needs itself, says what it does, and ends only the programs that it started.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::process::say;
use xtask::{demo, deps, site};

mod bench;
mod fuzz;
mod suite;

/// Every developer command of Hafan.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Sets up demonstration keys for the four forces and runs the server until Ctrl-C
    Demo {
        /// Send one report with a real browser, carry it, open it, compare, and end
        #[arg(long)]
        once: bool,
        /// Where everything of the demonstration is kept
        #[arg(long, default_value = ".demo")]
        dir: PathBuf,
        /// The port on 127.0.0.1
        #[arg(long, default_value_t = 8080)]
        port: u16,
    },
    /// Runs every test there is, and tells of every failure at the end
    Test,
    /// Measures, each figure as a ratio to a limit measured in the same run
    Bench {
        /// Only this one
        #[arg(value_enum)]
        name: Option<bench::Name>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Builds web/dist and its manifest
    Site,
    /// Feeds the parsers of hostile input with hostile input
    Fuzz {
        /// Only this target
        target: Option<String>,
        /// How long for each target
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// Writes the lists of crates that each program links (tests/deps) anew
    Deps,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Demo { once, dir, port } => demo::run(&dir, port, once),
        Command::Test => suite::run(),
        Command::Bench { name, json } => bench::run(name, json),
        Command::Site => {
            let dir = site::build()?;
            say(&format!("The site is in {}.", dir.display()));
            Ok(())
        }
        Command::Fuzz { target, seconds } => fuzz::run(target.as_deref(), seconds),
        Command::Deps => deps::write_lists(),
    }
}

#[expect(clippy::print_stderr, reason = "a command says why it failed")]
fn complain(text: &str) {
    eprintln!("error: {text}");
}
