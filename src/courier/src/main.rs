//! `hafan-courier`: carries sealed reports from the server to a removable medium, and sealed answers back.
//!
//! Verifies everything that it carries and can open none of it. Must never hold a key that opens a
//! report; holds one key, which signs its requests. Does not trust the server.

mod cli;
mod client;
mod entries;
mod failure;
mod keyfile;
mod progress;
mod pull;
mod push;
mod state;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use hafan_tlog::Signer;

use crate::cli::{Cli, PullArgs, PushArgs, ServerArgs, Verb};
use crate::client::{Client, PlainHttp, Put};
use crate::failure::{Failure, Kind};
use crate::progress::Progress;
use crate::pull::{Pull, Written};
use crate::push::{Push, Pushed};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let done = match &Cli::parse().verb {
        Verb::Pull(args) => pull(args).await,
        Verb::Push(args) => push(args).await,
    };
    match done {
        Ok(code) => code,
        Err(failure) => {
            // Where nobody can be told, the exit code still says it.
            drop(writeln!(io::stderr(), "{failure}"));
            failure.exit_code()
        }
    }
}

async fn pull(args: &PullArgs) -> Result<ExitCode, Failure> {
    if !args.out.is_dir() {
        return Err(Failure::new(
            Kind::Usage,
            format!("{} is no folder", args.out.display()),
            "put in the medium, or make the folder",
        ));
    }
    let (client, key) = connect(&args.at)?;
    let pull = Pull {
        client,
        key,
        force: args.at.force.clone(),
        root: keyfile::verifier(&args.root)?,
        out: &args.out,
        year: args.year,
        progress: Progress::for_person(),
    };
    let written = pull.run().await?;
    let report = if args.json {
        as_json(&written)
    } else {
        as_text(&written)
    };
    print(&report)?;
    let whole = written.iter().all(|bundle| bundle.missing.is_empty());
    Ok(if whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

async fn push(args: &PushArgs) -> Result<ExitCode, Failure> {
    if !args.from.is_dir() {
        return Err(Failure::new(
            Kind::Usage,
            format!("{} is no folder", args.from.display()),
            "put in the medium that hafan-keys replies export wrote to",
        ));
    }
    let (client, key) = connect(&args.at)?;
    let push = Push {
        client,
        key,
        force: args.at.force.clone(),
        from: &args.from,
        progress: Progress::for_person(),
    };
    let pushed = push.run().await?;
    print(&if args.json {
        pushed_json(&pushed)
    } else {
        pushed_text(&pushed)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn connect(at: &ServerArgs) -> Result<(Client, Signer), Failure> {
    let plain = if at.allow_http {
        PlainHttp::Allowed
    } else {
        PlainHttp::LoopbackOnly
    };
    Ok((
        Client::new(&at.server, plain)?,
        keyfile::read(&at.key, &at.force)?,
    ))
}

fn print(report: &str) -> Result<(), Failure> {
    match io::stdout().write_all(report.as_bytes()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::write("standard output".as_ref(), e))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn pushed_text(pushed: &[Pushed]) -> String {
    if pushed.is_empty() {
        return "There is no page of answers in the folder: nothing was brought.\n".to_owned();
    }
    let lines = pushed.iter().map(|page| {
        let how = match page.put {
            Put::Created => "brought",
            Put::Already => "was there already",
        };
        format!("{}  {how}\n", page.path.display())
    });
    lines.collect()
}

fn pushed_json(pushed: &[Pushed]) -> String {
    let pages: Vec<serde_json::Value> = pushed
        .iter()
        .map(|Pushed { path, h, put }| {
            serde_json::json!({
                "path": path.display().to_string(),
                "h": h.to_string(),
                "new": *put == Put::Created,
            })
        })
        .collect();
    format!("{}\n", serde_json::json!({ "pages": pages }))
}

fn as_text(written: &[Written]) -> String {
    if written.is_empty() {
        return "Nothing new.\n".to_owned();
    }
    let mut text = String::new();
    for bundle in written {
        let leaves = bundle.name.last.saturating_sub(bundle.name.first);
        text.push_str(&format!(
            "{}\n  {leaves} leaves. Reports: {}. Decoys: {}. Pages of answers: {}. Missing: {}.\n",
            bundle.path.display(),
            bundle.drops,
            bundle.decoys,
            bundle.pages,
            bundle.missing.len()
        ));
        for missing in &bundle.missing {
            text.push_str(&format!(
                "  MISSING leaf {}: {}\n",
                missing.index, missing.why
            ));
        }
    }
    text
}

fn as_json(written: &[Written]) -> String {
    let bundles: Vec<serde_json::Value> = written
        .iter()
        .map(|bundle| {
            let missing: Vec<serde_json::Value> = bundle
                .missing
                .iter()
                .map(|leaf| serde_json::json!({"index": leaf.index, "why": leaf.why}))
                .collect();
            // Whoever reads this may stand in another folder.
            let path = std::path::absolute(&bundle.path).unwrap_or_else(|_| bundle.path.clone());
            serde_json::json!({
                "path": path.display().to_string(),
                "year": bundle.name.year,
                "first": bundle.name.first,
                "last": bundle.name.last,
                "drops": bundle.drops,
                "decoys": bundle.decoys,
                "pages": bundle.pages,
                "missing": bundle.missing.len(),
                "missing_leaves": missing,
            })
        })
        .collect();
    format!("{}\n", serde_json::json!({ "bundles": bundles }))
}
