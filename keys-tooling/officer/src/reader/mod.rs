//! `reader`: the list of reports and one to read, on the whole terminal.
//!
//! Opens a report only after the access record says who reads it and why. What is opened lies in memory until the reader
//! locks, by key or by itself after a time without one, or ends. Must never write a word of a report to the disk, or leave
//! one on the terminal.

mod app;
mod backend;
mod desk;
mod draw;
mod sheet;
mod terminal;
#[cfg(test)]
mod tests;

use std::process::ExitCode;
use std::time::Duration;

use hafan_report::Language;
use rustix::time::{ClockId, clock_gettime};

use self::app::{App, Ask, View};
use self::desk::Desk;
use self::terminal::{Screen, Woken};
use crate::cli::reader::Reader;
use crate::failure::Failure;
use crate::passphrase::Passphrases;
use crate::vault::Vault;

/// How long it waits for a key before it looks at the clock and the window.
const BEAT: Duration = Duration::from_millis(250);

/// One run of the reader.
struct Run<'a> {
    vault: &'a Vault,
    officer: &'a str,
    /// Of headings.
    language: Language,
    screen: Screen,
    app: App,
    /// There while unlocked.
    desk: Option<Desk<'a>>,
}

pub(crate) fn run(args: &Reader) -> Result<ExitCode, Failure> {
    let vault = Vault::open(&args.who.vault)?;
    let officer = args.who.officer.as_str();
    let from_file = args.who.passphrases.passphrase_file.as_deref();
    let from_file = from_file.map(|path| Passphrases::from(Some(path)));
    let from_file = from_file.transpose()?;
    let app = App::new(vault.force().to_string(), officer.to_owned(), args.reason);
    let mut run = Run {
        vault: &vault,
        officer,
        language: args.headings.language(),
        screen: Screen::enter()?,
        app,
        desk: None,
    };
    if let Some(passphrases) = from_file {
        run.unlock(&passphrases)?;
    }
    run.until_left(Duration::from_secs(args.idle_s))?;
    Ok(ExitCode::SUCCESS)
}

impl Run<'_> {
    fn until_left(&mut self, idle: Duration) -> Result<(), Failure> {
        let mut last_key = now();
        loop {
            self.show()?;
            let keys = match self.screen.wait(BEAT)? {
                Woken::Ended => return Ok(()),
                Woken::Keys(keys) => keys,
            };
            if now().saturating_sub(last_key) >= idle {
                last_key = now();
                self.lock("It locked by itself: no key was pressed for a while. Nothing is open any more.")?;
                // Whoever pressed this did not see what it would do.
                continue;
            }
            for key in keys {
                last_key = now();
                if let Some(ask) = self.app.key(key) {
                    match ask {
                        Ask::Leave => return Ok(()),
                        Ask::Lock => self.lock("Nothing is open any more.")?,
                        Ask::Unlock(passphrase) => {
                            self.unlock(&Passphrases::Typed(passphrase))?;
                        }
                        Ask::Open(at, reason) => self.open(at, reason),
                    }
                }
            }
        }
    }

    fn show(&mut self) -> Result<(), Failure> {
        let app = &mut self.app;
        self.screen.draw(|frame| draw::draw(frame, app))
    }

    /// Lets go of the keys and of all that was opened, and takes it off the screen.
    fn lock(&mut self, said: &str) -> Result<(), Failure> {
        self.desk = None;
        self.app.lock(said);
        self.screen.clear()?;
        self.show()
    }

    /// A key that does not open is said on the screen.
    fn unlock(&mut self, passphrases: &Passphrases) -> Result<(), Failure> {
        self.app.view = View::locked("Unlocking, one moment ...");
        self.show()?;
        let unlocked = Desk::unlock(self.vault, self.officer, passphrases, self.language);
        let listed = unlocked.and_then(|mut desk| Ok((desk.list()?, desk)));
        match listed {
            Ok((entries, desk)) => {
                self.desk = Some(desk);
                self.app.unlocked(entries);
            }
            Err(why) => self.app.view = View::locked(&why.to_string()),
        }
        // Notes of other parts may stand across the screen.
        self.screen.clear()
    }

    /// If it cannot be recorded, nothing opens and the screen says so.
    fn open(&mut self, at: usize, reason: hafan_record::Reason) {
        let (Some(desk), Some(entry)) = (&mut self.desk, self.app.entries.get(at)) else {
            return;
        };
        match desk.open(entry, reason) {
            Ok(read) => {
                self.app.opened(at, read.sheet);
                if !read.notes.is_empty() {
                    self.app.tell(read.notes.join("\n\n"));
                }
            }
            Err(why) => self.app.tell(why.to_string()),
        }
    }
}

/// A clock that goes on while the machine sleeps.
fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}
