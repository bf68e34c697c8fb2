//! `hafan-gateway`: the door without JavaScript.
//!
//! Exit codes: 0 done, 2 usage or configuration, 3 cannot reach or read what it needs, 4 refused for safety.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hafan_gateway::harden;
use hafan_gateway::start::{self, StartError};

/// Wipes whatever is freed: buffers of the network, of the parser and of JSON hold what people write.
#[global_allocator]
static WIPING: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

const EXIT_CODES: &str = "Exit codes:
  0  done
  2  wrong usage or configuration
  3  cannot reach, read or write what it needs
  4  refused for safety";

/// Takes a report as a plain form, seals it at once and passes it on; keeps nothing.
#[derive(Parser)]
#[command(name = "hafan-gateway", version, arg_required_else_help = true, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the gateway until SIGTERM
    Serve {
        /// The configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Reads the configuration and all that it names, and says what is wrong
    CheckConfig {
        /// The configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

fn main() -> ExitCode {
    let done =
        harden::process()
            .map_err(StartError::from)
            .and_then(|()| match Cli::parse().command {
                Command::Serve { config } => start::serve(&config).map(|()| None),
                Command::CheckConfig { config } => {
                    start::read(&config).map(|_| Some("the configuration can be used"))
                }
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

/// Says the error and its causes on stderr.
fn say(error: &StartError) {
    let mut line = format!("hafan-gateway: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    // Nobody is left to tell when stderr is closed.
    let _closed = writeln!(std::io::stderr(), "{}", line.trim_end());
}
