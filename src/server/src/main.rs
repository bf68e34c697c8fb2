//! `hafan`: the server's commands.
//!
//! Exit codes: 0 done, 2 usage or configuration, 3 cannot reach or read what it needs, 4 refused for safety.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hafan::start::{self, StartError};
use hafan::{keep, process, telemetry};

const EXIT_CODES: &str = "Exit codes:
  0  done
  2  wrong usage or configuration
  3  cannot reach, read or write what it needs
  4  refused for safety";

const BACKUP: &str = "\
It holds no key, draft or configuration: keep those apart, and pinned_dir too.

Example:
  hafan backup --config /etc/hafan/config.toml --log-vkey /etc/hafan/log.key.vkey \\
      /var/backups/hafan/hafan-2026-11-26.tar";

const RESTORE: &str = "\
The pins decide: a backup that is behind them is refused, since a log that went on
from it would be a fork.

Example:
  hafan restore --config /etc/hafan/config.toml --log-vkey /etc/hafan/log.key.vkey \\
      /var/backups/hafan/hafan-2026-11-26.tar";

/// Takes sealed reports, keeps them, and publishes the log.
#[derive(Parser)]
#[command(name = "hafan", version, arg_required_else_help = true, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes the key that signs the logs, and prints its verification key
    LogKey {
        /// File to make, mode 0600; it must not exist yet. The verification key goes to the same name with .vkey
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Log name, as in the configuration: <host>/hafan
        #[arg(long, value_name = "NAME")]
        log_name: String,
    },
    /// Makes the store, the folders of its pins and of drafts and, when it is missing, the log key; prints the verification key
    Init {
        /// The configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Runs the server until SIGTERM; makes nothing that is missing
    Serve {
        /// The configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Begins this year's logs, after the server stood still for over a year
    BeginYear {
        /// The configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Writes all that the store holds, which is ciphertext already, to one new file; the server may run meanwhile
    #[command(after_help = BACKUP)]
    Backup {
        /// The configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The verification key of the logs, where the log key itself is not at hand
        #[arg(long, value_name = "FILE")]
        log_vkey: Option<PathBuf>,
        /// File to make, mode 0600; it must not exist yet
        #[arg(value_name = "OUT")]
        out: PathBuf,
    },
    /// Puts a store back from a backup that is not older than what was published; the server must be stopped
    #[command(after_help = RESTORE)]
    Restore {
        /// The configuration; its `store_dir` must be empty, its log key and `pinned_dir` in their places
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The verification key of the logs, where the log key itself is not at hand
        #[arg(long, value_name = "FILE")]
        log_vkey: Option<PathBuf>,
        /// A checkpoint that is known to have been published, for a log whose pin was lost too; once for each log
        #[arg(long, value_name = "FILE")]
        published: Vec<PathBuf>,
        /// The backup
        #[arg(value_name = "ARCHIVE")]
        archive: PathBuf,
    },
    /// Reads the configuration and all that it names but the store, and says what is wrong
    CheckConfig {
        /// The configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

fn main() -> ExitCode {
    telemetry::start();
    let cli = Cli::parse();
    let done = process::harden()
        .map_err(StartError::from)
        .and_then(|()| match &cli.command {
            Command::LogKey { out, log_name } => start::log_key(out, log_name).map(Some),
            Command::Init { config } => start::init(config).map(Some),
            Command::Serve { config } => start::serve(config).map(|()| None),
            Command::BeginYear { config } => {
                start::begin_year(config).map(|year| Some(format!("the logs of {year} have begun")))
            }
            Command::Backup {
                config,
                log_vkey,
                out,
            } => keep::backup(config, log_vkey.as_deref(), out).map(Some),
            Command::Restore {
                config,
                log_vkey,
                published,
                archive,
            } => keep::restore(config, log_vkey.as_deref(), archive, published).map(Some),
            Command::CheckConfig { config } => start::check_config(config)
                .map(|()| Some("the configuration can be used".to_owned())),
        });
    match done {
        Ok(line) => match line.map_or(Ok(()), |line| writeln!(std::io::stdout(), "{line}")) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_closed) => ExitCode::from(3),
        },
        Err(error) => {
            say(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Says the error and its causes on stderr: one line, and more where a place in the configuration is shown.
fn say(error: &StartError) {
    let mut line = format!("hafan: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    // Nobody is left to tell when stderr is closed.
    let _closed = writeln!(std::io::stderr(), "{}", line.trim_end());
}
