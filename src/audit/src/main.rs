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
use hafan_audit::report::Report;
use hafan_audit::{access, files, log, site, store};

use crate::cli::{AccessArgs, Cli, LogArgs, SiteArgs, StoreArgs, Verb};

fn main() -> ExitCode {
    let (verb, json, found) = match Cli::parse().verb {
        Verb::Log(args) => ("log", args.json, log_verb(&args)),
        Verb::Store(args) => ("store", args.json, store_verb(&args)),
        Verb::Site(args) => ("site", args.json, site_verb(args)),
        Verb::Access(args) => ("access", args.json, access_verb(args)),
    };
    let said = found.and_then(|report| {
        let text = if json {
            report.as_json(verb)
        } else {
            report.as_text()
        };
        match io::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::write(Path::new("standard output"), error))
            }
            Ok(()) | Err(_) => Ok(report.code()),
        }
    });
    match said {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            // Where nobody can be told, the exit code still says it.
            drop(writeln!(io::stderr(), "{failure}"));
            ExitCode::from(failure.code())
        }
    }
}

fn plain(is_allowed: bool) -> PlainHttp {
    if is_allowed {
        PlainHttp::Allowed
    } else {
        PlainHttp::LoopbackOnly
    }
}

fn site_verb(args: SiteArgs) -> Result<Report, Failure> {
    site::audit(&site::Options {
        client: Client::new(&args.server, plain(args.allow_http))?,
        manifest: args.manifest,
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

fn beat(is_accepted: bool) -> BeatChange {
    if is_accepted {
        BeatChange::Accepted
    } else {
        BeatChange::Found
    }
}

fn log_verb(args: &LogArgs) -> Result<Report, Failure> {
    if !is_force(&args.force) {
        let advice = "give one such as btp: a to z, 0 to 9 and -, 1 to 32 characters";
        return Err(Failure::new(
            Kind::Usage,
            "that is no name of a force",
            advice,
        ));
    }
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
