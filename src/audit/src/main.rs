//! `hafan-audit`: looks at a system from outside, and takes nobody's word.
//!
//! Changes nothing that it looks at, and holds no key. Never ends with 0 when something could not be read.

mod cli;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use hafan_audit::client::{Client, PlainHttp};
use hafan_audit::directory::is_force;
use hafan_audit::failure::{Failure, Kind};
use hafan_audit::log::{BeatChange, Options, Reading, Source};
use hafan_audit::note::Vkey;
use hafan_audit::report::Report;
use hafan_audit::{access, canary, files, log, site, store};
use serde_json::json;

use crate::cli::{
    AccessArgs, CanaryVerb, Cli, LogArgs, PlantArgs, ScanArgs, SiteArgs, StoreArgs, Verb,
};

fn main() -> ExitCode {
    let said = match Cli::parse().verb {
        Verb::Log(args) => verdict("log", args.json, log_verb(&args)),
        Verb::Store(args) => verdict("store", args.json, store_verb(&args)),
        Verb::Site(args) => verdict("site", args.json, site_verb(args)),
        Verb::Access(args) => verdict("access", args.json, access_verb(args)),
        Verb::Canary(CanaryVerb::Plant(args)) => plant_verb(args),
        Verb::Canary(CanaryVerb::Scan(args)) => verdict("canary scan", args.json, scan_verb(args)),
    };
    let said = said.and_then(
        |(text, code)| match io::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::write(Path::new("standard output"), error))
            }
            Ok(()) | Err(_) => Ok(code),
        },
    );
    match said {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            // Where nobody can be told, the exit code still says it.
            drop(writeln!(io::stderr(), "{failure}"));
            ExitCode::from(failure.code())
        }
    }
}

/// What a command says, and its exit code.
fn verdict(
    verb: &str,
    is_json: bool,
    found: Result<Report, Failure>,
) -> Result<(String, u8), Failure> {
    found.map(|report| {
        let text = if is_json {
            report.as_json(verb)
        } else {
            report.as_text()
        };
        (text, report.code())
    })
}

fn plain(is_allowed: bool) -> PlainHttp {
    if is_allowed {
        PlainHttp::Allowed
    } else {
        PlainHttp::LoopbackOnly
    }
}

fn site_verb(args: SiteArgs) -> Result<Report, Failure> {
    let release = match &args.log_key {
        Some(log_key) => Some(site::Released {
            keys: vkeys(&args.release_key)?,
            log_key: files::vkey(log_key)?,
        }),
        None => None,
    };
    site::audit(&site::Options {
        client: Client::new(&args.server, plain(args.allow_http))?,
        manifest: args.manifest,
        release,
    })
}

fn access_verb(args: AccessArgs) -> Result<Report, Failure> {
    access::audit(&access::Options {
        record: args.record,
        directory: args.directory,
        root: files::vkey(&args.root)?,
        against: args.against,
        bundles: args.bundle,
        html: args.html.map(|path| (path, args.language)),
    })
}

/// Sends marked reports and says so: whether they are anywhere, the scan says.
fn plant_verb(args: PlantArgs) -> Result<(String, u8), Failure> {
    check_force(&args.force)?;
    let (force, marks) = (args.force.clone(), args.marks.clone());
    let planted = canary::plant(&canary::Planting {
        server: args.server,
        force: args.force,
        language: args.language,
        count: usize::from(args.count),
        marks: args.marks,
        browser: args.browser,
    })?;
    let count = planted.marks.len();
    let text = if args.json {
        let document = json!({"command": "canary plant", "force": force, "sent": count, "marks": marks.display().to_string()});
        format!("{document}\n")
    } else {
        let what = if count == 1 {
            "1 report was"
        } else {
            &format!("{count} reports were")
        };
        format!(
            "{what} sent to {force}, with a mark each. The marks stand in {}.\nNow have the officers open them, and look for the marks: hafan-audit canary scan --help\n",
            marks.display()
        )
    };
    Ok((text, 0))
}

fn scan_verb(args: ScanArgs) -> Result<Report, Failure> {
    canary::scan(&canary::Options {
        marks: args.marks,
        places: args.places,
        processes: args.processes,
        opened: args.opened,
    })
}

fn store_verb(args: &StoreArgs) -> Result<Report, Failure> {
    let copy = (args.dir.clone(), args.pinned.clone(), args.drafts.clone());
    store::audit(&store::Options {
        copy: match copy {
            (Some(store), Some(pinned), Some(drafts)) => Some(store::Copied {
                store,
                pinned,
                drafts,
            }),
            // What can be typed has all of them or none.
            (_, _, _) => None,
        },
        config: args.config.clone(),
        log_key: args.log_key.as_deref().map(files::vkey).transpose()?,
        beat: beat(args.accept_beat),
    })
}

fn vkeys(given: &[String]) -> Result<Vec<Vkey>, Failure> {
    given.iter().map(|key| files::vkey(key)).collect()
}

fn beat(is_accepted: bool) -> BeatChange {
    if is_accepted {
        BeatChange::Accepted
    } else {
        BeatChange::Found
    }
}

fn check_force(force: &str) -> Result<(), Failure> {
    if is_force(force) {
        return Ok(());
    }
    let advice = "give one such as btp: a to z, 0 to 9 and -, 1 to 32 characters";
    Err(Failure::new(
        Kind::Usage,
        "that is no name of a force",
        advice,
    ))
}

fn log_verb(args: &LogArgs) -> Result<Report, Failure> {
    check_force(&args.force)?;
    let source = match (&args.server, &args.dir) {
        (Some(url), _) => Source::Server(Box::new(Client::new(url, plain(args.allow_http))?)),
        (None, dir) => {
            let dir = dir.as_deref().unwrap_or(Path::new(""));
            if !dir.is_dir() {
                return Err(Failure::read(dir, io::ErrorKind::NotADirectory.into()));
            }
            Source::folder(dir)
        }
    };
    log::audit(&Options {
        source,
        force: args.force.clone(),
        root: args.root.as_deref().map(files::vkey).transpose()?,
        former_roots: vkeys(&args.former_root)?,
        log_key: args.log_key.as_deref().map(files::vkey).transpose()?,
        state: args.state.clone(),
        year: args.year,
        leaves: args.leaves,
        reading: if args.new_only {
            Reading::NewOnly
        } else {
            Reading::All
        },
        beat: beat(args.accept_beat),
    })
}
