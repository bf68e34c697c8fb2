//! From a configuration to a gateway that listens.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use http::HeaderValue;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};

use crate::config::{Config, ConfigError, Place};
use crate::connections::{self, Bound, ListenError};
use crate::harden::{self, HardenError};
use crate::headers::{self, HeadersError};
use crate::questions::{QuestionSet, QuestionsError};
use crate::router::Gateway;
use crate::sealing::{Keeper, Refusal};
use crate::site::{Site, SiteError};

/// Threads that answer; sealing has others.
const WORKERS: usize = 2;

/// For words whose files find no room: three of the longest forms at once, and a hundred of the usual ones.
const MEMORY_OF_WORDS_MIB: usize = 64;

/// Why the gateway does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The pages.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The questions.
    #[error(transparent)]
    Questions(#[from] QuestionsError),
    /// A force of the questions has no root key, so nothing could be sealed to it.
    #[error(
        "the pages name the force {0}, and the configuration has no root key of it: add [forces.{0}]"
    )]
    NoRoot(String),
    /// The headers.
    #[error(transparent)]
    Headers(#[from] HeadersError),
    /// The socket.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The process is not safe enough.
    #[error(transparent)]
    Harden(#[from] HardenError),
    /// The runtime.
    #[error("cannot start")]
    Runtime(#[source] io::Error),
}

impl StartError {
    /// 2 usage, 3 cannot read or reach, 4 refused for safety.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Config(ConfigError::Read { .. })
            | Self::Site(SiteError::Read { .. })
            | Self::Listen(ListenError::Bind { .. })
            | Self::Runtime(_) => 3,
            Self::Config(_) | Self::NoRoot(_) => 2,
            Self::Site(_)
            | Self::Questions(_)
            | Self::Headers(_)
            | Self::Listen(
                ListenError::NotASocket(_) | ListenError::Handed(_) | ListenError::Stray { .. },
            )
            | Self::Harden(_) => 4,
        }
    }
}

/// Reads the configuration and all that it names.
///
/// # Errors
/// [`StartError`]: what is missing or does not fit.
pub fn read(path: &Path) -> Result<(Config, Gateway), StartError> {
    let config = Config::read(path)?;
    let site = Site::read(&config.site_dir)?;
    let questions = QuestionSet::parse(site.form_data())?;
    let roots = config.roots()?;
    let named = |id: &str| id.parse().is_ok_and(|force| roots.contains_key(&force));
    if let Some(force) = questions.forces.iter().find(|force| !named(&force.id)) {
        return Err(StartError::NoRoot(force.id.clone()));
    }
    for force in &questions.forces {
        for language in ["en", "cy"] {
            check_pages(&site, &format!("/{}/{language}", force.id))?;
        }
    }
    let wrong = ConfigError::Value {
        name: "leave_url",
        wanted: "wanted an https address",
    };
    let gateway = Gateway {
        site,
        headers: headers::compiled(config.hsts)?,
        leave_url: HeaderValue::try_from(&config.leave_url).map_err(|_| wrong)?,
        memory: Semaphore::new(usize::try_from(config.limits.memory_mib).unwrap_or(usize::MAX)),
        memory_of_words: Semaphore::new(MEMORY_OF_WORDS_MIB),
        keeper: Keeper {
            server: config.server.clone(),
            roots,
            questions: Arc::new(questions),
        },
    };
    Ok((config, gateway))
}

/// Every address that is answered with is a page.
fn check_pages(site: &Site, place: &str) -> Result<(), SiteError> {
    let refusals = Refusal::ALL.iter().flat_map(|refusal| {
        ["not-sent", "again"].map(|folder| format!("{place}/{folder}/{}/", refusal.name()))
    });
    let pages = ["", "form/", "sent/"].map(|page| format!("{place}/{page}"));
    match pages
        .into_iter()
        .chain(refusals)
        .find(|address| site.page(address).is_none())
    {
        Some(address) => Err(SiteError::Missing(address)),
        None => Ok(()),
    }
}

/// Serves until SIGTERM or SIGINT. The process must be hardened, and have one thread.
///
/// # Errors
/// [`StartError`].
pub fn serve(path: &Path) -> Result<(), StartError> {
    let (config, gateway) = read(path)?;
    let bound = Bound::open(&config.listen)?;
    let place = bound.place(&config.listen);
    harden::places(match &config.server {
        Place::Tcp(address) => Some(*address),
        Place::Unix(_) => None,
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(StartError::Runtime)?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Runtime)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Runtime)?;
        let (tell, stop) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tell.send_replace(true);
            // Kept: nobody left to tell would mean to stop as well.
            tell.closed().await;
        });
        // The one line that it ever writes of itself.
        writeln!(io::stdout(), "listening on {place}").map_err(StartError::Runtime)?;
        connections::serve(
            bound,
            Arc::new(gateway),
            config.limits.connections_max,
            stop,
        )
        .await
        .map_err(StartError::Runtime)
    })
}
