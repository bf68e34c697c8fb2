//! The commands: making the key and the store, checking the configuration, and running the server from start to stop.
//!
//! `serve` never makes what is missing and never goes on after a doubt: every refusal names what was found and wanted.

use std::io::{self, Write as _};
use std::num::NonZero;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hafan_directory::Force;
use hafan_tlog::Signer;
use http::HeaderValue;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::accept::{self, Listener};
use crate::clock;
use crate::collected::Collected;
use crate::config::{Config, ConfigError};
use crate::confine::{self, Kept};
use crate::directories::Directories;
use crate::drafts::{self, Drafts};
use crate::handed::Handed;
use crate::headers::Headers;
use crate::keyfile;
use crate::limits::DRAIN_TIME_MAX;
use crate::process::raise_descriptors;
use crate::release;
use crate::router::{self, App};
use crate::sequencer;
use crate::shares::Shares;
use crate::signals::Signals;
use crate::site::Site;
use crate::store::{OpenProgress, OperatorLog, Publication, Store};
use crate::telemetry::{Event, log};
use crate::work::Work;

pub use refusal::StartError;

mod refusal;

/// Refuses a file system that cannot hold files without a name: large submissions go to them as they come in, and
/// one with a name would outlast a power cut.
fn check_unnamed_files(store_dir: &Path) -> Result<(), StartError> {
    let made = openat(
        CWD,
        store_dir,
        OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC,
        Mode::RUSR | Mode::WUSR,
    );
    let path = store_dir.to_owned();
    match made {
        Ok(_closed_and_gone) => Ok(()),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
            Err(StartError::NoUnnamedFiles { path })
        }
        Err(error) => Err(StartError::StoreDir {
            path,
            source: error.into(),
        }),
    }
}

/// The folder itself, or the one that it is to be made in.
fn existing_folder_of(dir: &Path) -> &Path {
    match dir.parent() {
        Some(parent) if !dir.exists() && parent != Path::new("") => parent,
        Some(_) if !dir.exists() => Path::new("."),
        Some(_) | None => dir,
    }
}

/// Makes the log key and returns its verification key, which is also written beside it.
///
/// # Errors
/// The key exists already or cannot be written.
pub fn log_key(out: &Path, log_name: &str) -> Result<String, StartError> {
    let signer = keyfile::make(out, log_name)?;
    write_verifier(out, &signer)
}

/// The verification key in `<key>.vkey`, for those who issue directories.
fn write_verifier(key_path: &Path, signer: &Signer) -> Result<String, StartError> {
    let vkey = signer.verifier().to_string();
    let mut path = key_path.as_os_str().to_owned();
    path.push(".vkey");
    let path = PathBuf::from(path);
    std::fs::File::create_new(&path)
        .and_then(|mut file| {
            // It is public, and `hafan backup` reads it as the service's user.
            file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
            file.write_all(vkey.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()
        })
        .map_err(|source| StartError::VerifierFile { path, source })?;
    Ok(vkey)
}

/// Makes the store and its folder of pins, and the log key unless it is there; returns the verification key.
///
/// # Errors
/// The configuration, or something in the way.
pub fn init(config_path: &Path) -> Result<String, StartError> {
    let config = Config::read(config_path)?;
    let forces: Vec<Force> = config.roots()?.into_keys().collect();
    check_unnamed_files(existing_folder_of(&config.store_dir))?;
    let key_path = &config.log_key_path;
    let (signer, made) = if key_path.exists() {
        (keyfile::read(key_path, &config.log_name)?, false)
    } else {
        (keyfile::make(key_path, &config.log_name)?, true)
    };
    if made {
        write_verifier(key_path, &signer)?;
    }
    drafts::make(&config.drafts_dir)?;
    Store::create(&config.store(forces), &signer, sequencer::year_utc())?;
    Ok(signer.verifier().to_string())
}

/// Refuses a clock that is over a year ahead of a log: the log could never follow it on its own.
fn check_years(store: &Store) -> Result<(), StartError> {
    let clock = sequencer::year_utc();
    for force in store.forces() {
        if let Some(newest) = store.latest_year(force)
            && sequencer::has_year_gap(clock, Some(newest))
        {
            let force = force.clone();
            return Err(StartError::YearGap {
                force,
                clock,
                newest,
            });
        }
    }
    Ok(())
}

/// Begins this year's log of each force after the server stood still for over a year; returns the year. What waits
/// goes into the new logs.
///
/// # Errors
/// The configuration, the store, or a log that cannot be begun.
pub fn begin_year(config_path: &Path) -> Result<u16, StartError> {
    let config = Config::read(config_path)?;
    let signer = keyfile::read(&config.log_key_path, &config.log_name)?;
    let forces: Vec<Force> = config.roots()?.into_keys().collect();
    let store = Store::open(&config.store(forces), &signer.verifier(), &tell)?;
    let year = sequencer::year_utc();
    let begun = store.forces().iter().try_for_each(|force| {
        store
            .begin_log(force, year, &signer)
            .map_err(|source| StartError::BeginYear {
                force: force.clone(),
                source,
            })
    });
    store.shutdown();
    begun.map(|()| year)
}

/// What the operator should know of a store that was not stopped cleanly.
fn tell(progress: OpenProgress) {
    match progress {
        OpenProgress::TornTailCut {
            segment,
            byte,
            bytes,
        } => log(&Event::TornTailCut {
            segment,
            byte,
            bytes,
        }),
        OpenProgress::RolledForward { force, year } => log(&Event::RolledForward {
            force: &force,
            year,
        }),
        OpenProgress::Scanning { .. } | OpenProgress::Indexing { .. } => {}
    }
}

/// All that a server needs besides its store, read and checked.
struct Ready {
    config: Config,
    signer: Arc<Signer>,
    directories: Directories,
    site: Site,
    release: Publication,
    headers: Headers,
    leave_url: HeaderValue,
}

fn read_all(config_path: &Path) -> Result<Ready, StartError> {
    let config = Config::read(config_path)?;
    let signer = keyfile::read(&config.log_key_path, &config.log_name)?;
    let roots = config.roots()?;
    let directories = Directories::read(&config.directories_dir, roots, signer.verifier())?;
    let site = Site::read(&config.site_dir)?;
    let release = release::read(&config.release_path, &config.release_verifiers()?, &site)?;
    let headers = Headers::compiled(config.hsts)?;
    let leave_url = HeaderValue::try_from(&config.leave_url).map_err(|_| ConfigError::Option {
        option: "leave_url".to_owned(),
        wanted: "wanted an https address".to_owned(),
    })?;
    Ok(Ready {
        config,
        signer: Arc::new(signer),
        directories,
        site,
        release,
        headers,
        leave_url,
    })
}

/// Reads the configuration and all that it names but the store and the drafts.
///
/// # Errors
/// The first thing that is wrong.
pub fn check_config(config_path: &Path) -> Result<(), StartError> {
    let ready = read_all(config_path)?;
    match ready.directories.lapsed(clock::today()).pop() {
        Some(lapsed) => Err(lapsed.into()),
        None => Ok(()),
    }
}

/// Runs the server until SIGTERM or SIGINT.
///
/// # Errors
/// The first thing that is wrong before it listens, or a log that cannot be continued.
pub fn serve(config_path: &Path) -> Result<(), StartError> {
    log(&Event::Starting);
    let ready = read_all(config_path)?;
    ready.directories.tell_lapsed(clock::today())?;
    raise_descriptors(ready.config.limits.connections_max)?;
    let forces = ready.directories.forces().cloned().collect();
    check_unnamed_files(&ready.config.store_dir)?;
    // Asked before the process is kept to its folders: the answer lies in others.
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    if confine::to_folders(&ready.config)? == Kept::NotWholly {
        log(&Event::FoldersOpen);
    }
    let store = Store::open(&ready.config.store(forces), &ready.signer.verifier(), &tell)?;
    log(&Event::StoreOpened);
    // Behind the store's lock: what another server is just writing is not taken for what an interrupted one left.
    let opened = check_years(&store).and_then(|()| open_beside(&ready));
    let (drafts, operator) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            store.shutdown();
            return Err(error);
        }
    };
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .map_err(StartError::Runtime)?
        .block_on(run(ready, store, drafts, operator))
}

/// Opens what lies beside the value log, and logs what is going to be handed out before it is.
fn open_beside(ready: &Ready) -> Result<(Drafts, OperatorLog), StartError> {
    let config = &ready.config;
    let drafts = open_drafts(config)?;
    let forces = ready.directories.forces().cloned().collect();
    let operator = OperatorLog::open(&config.store(forces), Arc::clone(&ready.signer))?;
    let mut publications = ready.directories.publications();
    publications.push(ready.release.clone());
    let leaves = operator.publish(&publications)?;
    if leaves > 0 {
        log(&Event::Published { leaves });
    }
    Ok((drafts, operator))
}

/// Drafts give way before reports do: they are refused while there is less than twice the room at which reports are.
fn open_drafts(config: &Config) -> Result<Drafts, StartError> {
    let limits = &config.limits;
    let free_bytes_min = limits.free_bytes_min.saturating_mul(2);
    let drafts = Drafts::open(&config.drafts_dir, limits.drafts_max, free_bytes_min)?;
    Ok(drafts)
}

async fn run(
    ready: Ready,
    store: Store,
    drafts: Drafts,
    operator: OperatorLog,
) -> Result<(), StartError> {
    let Ready {
        config,
        signer,
        directories,
        site,
        release,
        headers,
        leave_url,
    } = ready;
    let mut signals = Signals::new().map_err(StartError::Runtime)?;
    let mut handed = Handed::receive()?;
    let listener = Listener::open(&config.listen, &mut handed).await?;
    let admin = match &config.admin_listen {
        Some(listen) => Some((listen, Listener::open(listen, &mut handed).await?)),
        None => None,
    };
    let gateway = match &config.gateway_listen {
        Some(listen) => Some((listen, Listener::open(listen, &mut handed).await?)),
        None => None,
    };
    handed.finish()?;
    let shares = Shares::new(
        &config.limits,
        directories.forces().cloned(),
        gateway.is_some(),
    );
    let app = Arc::new(App {
        store: Arc::new(store),
        drafts: Arc::new(drafts),
        directories,
        operator,
        collected: Collected::default(),
        site,
        release: release.note,
        leave_url,
        started_on: clock::today(),
        leaves_per_epoch: config.leaves_per_epoch,
        epoch_s: config.epoch_s,
        limits: config.limits,
        shares,
        work: Work::new(),
        forwarded: config.forwarded,
    });
    let (stop, stopped) = watch::channel(false);
    let epoch = Duration::from_secs(config.epoch_s.into());
    let (stop_log, log_stopped) = watch::channel(false);
    let mut sequencer = tokio::spawn(sequencer::run(
        Arc::clone(&app.store),
        signer,
        epoch,
        sequencer::year_utc,
        log_stopped,
    ));
    tokio::spawn(drafts::retain(
        Arc::clone(&app.drafts),
        drafts::RETENTION_BEAT,
        clock::today,
        stopped.clone(),
    ));
    confine::to_answering()?;
    // Said before the addresses are, so that all of a start's lines are there before anybody can ask.
    log(&Event::Ready {
        forces: app.directories.forces().count(),
    });
    listener
        .announce("listening on", &config.listen)
        .map_err(StartError::Runtime)?;
    let headers = Arc::new(headers);
    let connections_max = config.limits.connections_max;
    let serve = |listener, router| {
        tokio::spawn(accept::serve(
            listener,
            router,
            Arc::clone(&headers),
            connections_max,
            stopped.clone(),
        ))
    };
    let mut serving = vec![serve(listener, router::public(Arc::clone(&app)))];
    if let Some((listen, listener)) = admin {
        listener
            .announce("admin listening on", listen)
            .map_err(StartError::Runtime)?;
        serving.push(serve(listener, router::admin(Arc::clone(&app))));
    }
    if let Some((listen, listener)) = gateway {
        listener
            .announce("gateway listening on", listen)
            .map_err(StartError::Runtime)?;
        serving.push(serve(listener, router::gateway(Arc::clone(&app))));
    }

    let ended_well = tokio::select! {
        () = signals.stop(&app.directories, &app.operator) => true,
        _ = &mut sequencer => false,
    };
    log(if ended_well {
        &Event::Draining
    } else {
        &Event::SequencerEnded
    });
    // Everybody who receives has the word, or is gone.
    let _nobody_left = stop.send(true);
    drain(serving).await;
    let _nobody_left = stop_log.send(true);
    if ended_well {
        ended(sequencer).await?;
    }
    let store = Arc::clone(&app.store);
    ended(tokio::task::spawn_blocking(move || store.shutdown())).await?;
    log(&Event::Stopped);
    if ended_well {
        Ok(())
    } else {
        Err(StartError::SequencerEnded)
    }
}

/// A task that panicked did not end well.
async fn ended<T>(task: JoinHandle<T>) -> Result<T, StartError> {
    task.await
        .map_err(|error| StartError::Runtime(io::Error::other(error)))
}

/// Lets open connections finish, for as long as [`DRAIN_TIME_MAX`].
async fn drain(serving: Vec<JoinHandle<()>>) {
    let all = async {
        for task in serving {
            // A listener that panicked has no connections left to wait for.
            let _ended = task.await;
        }
    };
    // What is cut off had no answer, so its sender sends it again.
    let _in_time = tokio::time::timeout(DRAIN_TIME_MAX, all).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_without_unnamed_files_is_refused_by_name() {
        let error = check_unnamed_files(Path::new("/proc")).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("the file system of store_dir /proc cannot hold files without a name"),
            "{error}"
        );
        assert_eq!(error.exit_code(), 4);
    }

    #[test]
    fn a_missing_folder_is_not_taken_for_a_file_system() {
        let dir = tempfile::tempdir().unwrap();
        let error = check_unnamed_files(&dir.path().join("store")).unwrap_err();
        assert!(matches!(error, StartError::StoreDir { .. }), "{error}");
        assert_eq!(error.exit_code(), 3);
        assert!(check_unnamed_files(dir.path()).is_ok());
    }
}
