//! Every developer command: `cargo xtask demo | test | bench | site | device | screenshots | fuzz | deb | deps`.
//!
//! Each installs what it needs itself, says what it does, and ends only the programs that it started.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::process::say;
use xtask::{deb, demo, deps, site};

mod bench;
mod browsers;
mod fuzz;
mod suite;

const EXAMPLES: &str = "\
Examples:
  cargo xtask demo --once     one report from a real browser to an officer's screen, compared
  cargo xtask test            every test there is
  cargo xtask demo            the same system, to try by hand

Longer than `cargo xtask test` has it:
  HAFAN_POWER_CUTS=300 cargo test -p hafan-tests --test power_cut -- --nocapture
  HAFAN_HOSTILE_REQUESTS=10000 cargo test -p hafan-tests --test openapi -- --nocapture
  cargo xtask fuzz --seconds 3600";

const DEMO_EXAMPLES: &str = "\
Examples:
  cargo xtask demo                                      serves on 127.0.0.1:8080 until Ctrl-C; run again, it goes on
  cargo xtask demo --once                               one report through the whole system
  cargo xtask demo --port 9000 --dir /tmp/hafan-demo    beside another one";

const TEST_EXAMPLES: &str = "\
Examples:
  cargo xtask test                                      everything; needs root once, for Debian's packages
  cargo xtask test --only browser                       one step of it, or some
  cargo test -p hafan-tests --test flow                 one test of the whole system
  HAFAN_POWER_CUTS=300 cargo test -p hafan-tests --test power_cut -- --nocapture
                                                        300 power cuts instead of 30; needs root";

const BENCH_EXAMPLES: &str = "\
Examples:
  cargo xtask bench                 all seven
  cargo xtask bench intake --json   one, a line of JSON a figure";

const SITE_EXAMPLES: &str = "\
Example:
  cargo xtask site    web/dist, with the root keys of forces/*.toml";

const DEVICE_EXAMPLES: &str = "\
Examples:
  cargo xtask device                       Chromium and Firefox ESR, one after the other: about 5 minutes
  cargo xtask device --browser firefox     one of them

docs/device.md has what was measured.";

const SCREENSHOTS_EXAMPLES: &str = "\
Example:
  cargo xtask screenshots --out /tmp/pictures    then open /tmp/pictures/index.html";

const FUZZ_EXAMPLES: &str = "\
Examples:
  cargo xtask fuzz                          each target for a minute
  cargo xtask fuzz ustar --seconds 600      one target for ten";

const DEB_EXAMPLES: &str = "\
Example:
  cargo xtask deb && dpkg-deb --contents target/debian/hafan_*.deb";

const DEPS_EXAMPLES: &str = "\
Example:
  cargo xtask deps && git diff tests/deps    what a changed Cargo.lock brings into each program";

/// Every developer command of Hafan.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", version, about, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Sets up demonstration keys for the four forces and runs the server until Ctrl-C
    #[command(after_help = DEMO_EXAMPLES)]
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
    #[command(after_help = TEST_EXAMPLES)]
    Test {
        /// Only the steps whose name holds this text (and the build that they need)
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
    },
    /// Measures, each figure as a ratio to a limit measured in the same run
    #[command(after_help = BENCH_EXAMPLES)]
    Bench {
        /// Only this one
        #[arg(value_enum)]
        name: Option<bench::Name>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Builds web/dist and its manifest
    #[command(after_help = SITE_EXAMPLES)]
    Site,
    /// Searches a browser's whole profile for what was typed, after each way in which a visit can end
    #[command(after_help = DEVICE_EXAMPLES)]
    Device {
        /// Only this one
        #[arg(long, value_enum)]
        browser: Option<browsers::Browser>,
    },
    /// Takes pictures of every page, section and state of the site, in both languages, narrow and wide
    #[command(after_help = SCREENSHOTS_EXAMPLES)]
    Screenshots {
        /// Where the pictures go
        #[arg(long, default_value = "pictures")]
        out: PathBuf,
    },
    /// Feeds the parsers of hostile input with hostile input
    #[command(after_help = FUZZ_EXAMPLES)]
    Fuzz {
        /// Only this target
        target: Option<String>,
        /// How long for each target
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// Builds the server's Debian package
    #[command(after_help = DEB_EXAMPLES)]
    Deb,
    /// Writes the lists of crates that each program links (tests/deps) anew
    #[command(after_help = DEPS_EXAMPLES)]
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
        Command::Test { only } => suite::run(only.as_deref()),
        Command::Bench { name, json } => bench::run(name, json),
        Command::Site => {
            let dir = site::build()?;
            say(&format!("The site is in {}.", dir.display()));
            Ok(())
        }
        Command::Device { browser } => browsers::device(browser),
        Command::Screenshots { out } => browsers::screenshots(&out),
        Command::Fuzz { target, seconds } => fuzz::run(target.as_deref(), seconds),
        Command::Deb => {
            for package in deb::build()? {
                say(&format!("A package is {}.", package.display()));
            }
            Ok(())
        }
        Command::Deps => deps::write_lists(),
    }
}

#[expect(clippy::print_stderr, reason = "a command says why it failed")]
fn complain(text: &str) {
    eprintln!("error: {text}");
}
