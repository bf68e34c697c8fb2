//! What the process takes from itself before a stranger can reach it: capabilities, folders that it does not need, and,
//! once it listens, the system calls that a server of this kind never makes.
//!
//! Whoever finds a hole in it then holds ciphertext and public keys, and a process that can open no connection, start no
//! program and read no other file. It holds however the service is started; the unit in `deploy/` holds it besides.

pub mod filter;

use std::io;
use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, NetPort,
    PathBeneath, PathFd, PathFdError, Ruleset, RulesetAttr as _, RulesetCreated,
    RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

use self::filter::FilterError;
use crate::config::{Config, Listen};

/// The newest of what Landlock can keep from a program that this program asks for; an older system keeps less.
const ABI_WANTED: ABI = ABI::V6;

/// Why the process is not confined.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// Capabilities stay.
    #[error("cannot give up capabilities")]
    Capabilities(#[source] io::Error),
    /// The system has Landlock and refuses.
    #[error("the system did not keep the server to its folders")]
    Folders(#[from] RulesetError),
    /// A folder that it is to be kept to cannot be opened.
    #[error("cannot keep the server to the folders of the configuration: {0}")]
    Path(PathFdError),
    /// The system takes no filter.
    #[error("the system did not take system calls from the server: run it on Linux with seccomp")]
    Calls(#[from] FilterError),
}

/// Whether the process is kept to its folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It can read and write nowhere else.
    ToItsFolders,
    /// The system has no Landlock, or an old one that does not keep everything.
    NotWholly,
}

/// Gives up every capability, and all folders but those that the configuration names for running: reads and writes in
/// the store, its pins and the drafts, reads in the directories, and, for a Unix socket, making it. To be called when all
/// else is read and before any thread is started: a thread takes over what its maker is kept to.
///
/// # Errors
/// [`ConfineError`]: then no stranger should be let in.
pub fn to_folders(config: &Config) -> Result<Kept, ConfineError> {
    no_capabilities().map_err(|errno| ConfineError::Capabilities(errno.into()))?;
    let all = AccessFs::from_all(ABI_WANTED) & !AccessFs::Execute;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI_WANTED))?
        .handle_access(AccessNet::from_all(ABI_WANTED))?
        .scope(Scope::from_all(ABI_WANTED))?
        .create()?;
    for (dir, access) in [
        (&config.store_dir, all),
        (&config.pinned_dir, all),
        (&config.drafts_dir, all),
        (&config.directories_dir, read),
    ] {
        rules = match PathFd::new(dir) {
            Ok(dir) => rules.add_rule(PathBeneath::new(dir, access))?,
            // Who needs it says so next, and in which way it is wanted.
            Err(PathFdError::OpenCall { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                rules
            }
            Err(error) => return Err(ConfineError::Path(error)),
        };
    }
    for listen in config.listens() {
        rules = may_listen(rules, listen)?;
    }
    Ok(match rules.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Kept::ToItsFolders,
        RulesetStatus::PartiallyEnforced | RulesetStatus::NotEnforced => Kept::NotWholly,
    })
}

/// A service that was given none is not even let make the call.
fn no_capabilities() -> Result<(), rustix::io::Errno> {
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    if capabilities(None)? == none {
        return Ok(());
    }
    set_capabilities(None, none)
}

/// What it takes to listen: the port, or to put a socket in the place of one that a killed server left.
fn may_listen(rules: RulesetCreated, listen: &Listen) -> Result<RulesetCreated, ConfineError> {
    match listen {
        Listen::Tcp(address) => {
            Ok(rules.add_rule(NetPort::new(address.port(), AccessNet::BindTcp))?)
        }
        Listen::Unix(path) => {
            let dir = match path.parent() {
                Some(dir) if dir != Path::new("") => dir,
                Some(_) | None => Path::new("."),
            };
            let make: BitFlags<AccessFs> = AccessFs::MakeSock | AccessFs::RemoveFile;
            let dir = PathFd::new(dir).map_err(ConfineError::Path)?;
            Ok(rules.add_rule(PathBeneath::new(dir, make))?)
        }
    }
}

/// Takes from all threads, now and to come, what only starting needed. To be called when everything listens.
///
/// # Errors
/// [`ConfineError::Calls`]: then no stranger should be let in.
pub fn to_answering() -> Result<(), ConfineError> {
    Ok(filter::install_for_all_threads()?)
}
