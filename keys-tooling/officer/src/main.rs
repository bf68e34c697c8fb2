//! `hafan-keys`: the officers' offline tool.
//!
//! Makes a force's keys, takes sealed reports into the vault, opens them in memory. Must never open a socket, start a
//! program, or write a word of a report to the disk but where `export` is told to. Trusts the workstation and the officer
//! at it; nothing that comes on a stick.

mod access;
mod ceremony;
mod ceremony_record;
mod cli;
mod contact;
mod destroy;
mod export;
mod failure;
mod files;
mod harden;
mod import;
mod issue;
mod keyring;
mod keys;
mod list;
mod officers;
mod passphrase;
mod read;
mod reader;
mod record;
mod reference;
mod release;
mod replies;
mod retire;
mod rotate;
mod state;
mod tty;
mod vault;
mod weeks;
mod words;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::keys::Directory;
use crate::cli::{Cli, Verb};
use crate::failure::{Failure, say};
use crate::harden::{Folders, Memory};

/// Wipes whatever is freed: `serde_json` leaves scratch copies of the strings it unescapes, and growing
/// buffers leave their old selves behind, all of which may hold words of a report.
#[global_allocator]
static WIPING: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(failure) => {
            say(&failure.to_string());
            failure.exit_code()
        }
    }
}

fn run() -> Result<ExitCode, Failure> {
    // Before the arguments are read, which may come from anybody.
    let memory = harden::process()?;
    let cli = Cli::parse();
    if memory == Memory::MaySwap {
        say("note: this machine may write memory to its swap space. Switch it off: swapoff -a");
    }
    if harden::folders(&cli.verb.places())? == Folders::Open {
        say(
            "note: this system cannot keep the program to its folders (it has no Landlock, or an old one)",
        );
    }
    match &cli.verb {
        Verb::Ceremony(args) => ceremony::run(args),
        Verb::Contact(verb) => contact::run(verb),
        Verb::Directory(Directory::Issue(args)) => issue::run(args),
        Verb::Export(args) => export::run(args),
        Verb::Import(args) => import::run(args),
        Verb::List(args) => list::run(args),
        Verb::Officers(verb) => officers::run(verb),
        Verb::Read(args) => read::run(args),
        Verb::Reader(args) => reader::run(args),
        Verb::Record(verb) => record::run(verb),
        Verb::Release(verb) => release::run(verb),
        Verb::Reply(args) => replies::reply(args),
        Verb::Replies(verb) => replies::run(verb),
        Verb::Retire(args) => retire::run(args),
        Verb::Thread(args) => replies::thread(args),
    }
}
