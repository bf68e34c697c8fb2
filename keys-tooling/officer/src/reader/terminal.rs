//! The terminal while it is the reader's: raw keys in, an alternate screen out, and both given back on every way out.
//!
//! What is shown lies on the alternate screen only, which has no scrollback, and is cleared before it is left: on an
//! ordinary end, on a signal, and when the program fails. Trusts no byte that is typed.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::backend::Backend as _;
use ratatui::{Frame, Terminal};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::stdio::{stdin, stdout};
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcsetattr};
use termion::event::{Event, Key, parse_event};
use zeroize::Zeroizing;

use super::backend::{Quiet, write_all};
use crate::failure::{Failure, Kind};

/// Alternate screen, its cursor hidden.
const ENTER: &str = "\x1b[?1049h\x1b[2J\x1b[?25l";
/// All attributes off, the alternate screen empty and left, the cursor back.
const LEAVE: &[u8] = b"\x1b[0m\x1b[2J\x1b[H\x1b[?25h\x1b[?1049l";
/// The most bytes of keys that are taken at once.
const KEYS_SIZE_BYTES: usize = 1024;

/// Whether the alternate screen is on, for the hook of panics.
static IS_ON: AtomicBool = AtomicBool::new(false);

/// What came while the reader waited.
pub(super) enum Woken {
    /// Keys, in order; none after the time was over or the window's size changed.
    Keys(Vec<Key>),
    /// The program is asked to end, or its terminal is gone.
    Ended,
}

/// The terminal, as the reader has it.
pub(super) struct Screen {
    terminal: Terminal<Quiet>,
    before: Termios,
    ended: Arc<AtomicBool>,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn enter() -> Result<Self, Failure> {
        if !isatty(stdin()) || !isatty(stdout()) {
            return Err(Failure::new(
                Kind::Usage,
                "the reader fills a terminal, and here is none",
                "run it in a terminal, with nothing behind it on the line; for scripts there is hafan-keys read",
            ));
        }
        let ended = Arc::new(AtomicBool::new(false));
        let signals = [
            signal_hook::consts::SIGTERM,
            signal_hook::consts::SIGHUP,
            signal_hook::consts::SIGINT,
            signal_hook::consts::SIGQUIT,
        ];
        for signal in signals {
            signal_hook::flag::register(signal, Arc::clone(&ended)).map_err(failed)?;
        }
        // That it came is enough: it wakes whoever waits, and drawing looks at the size.
        let resized = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(signal_hook::consts::SIGWINCH, resized).map_err(failed)?;
        let terminal = Terminal::new(Quiet::new()).map_err(failed)?;
        let before = tcgetattr(stdin()).map_err(|errno| failed(errno.into()))?;
        hook_panics();
        let mut raw = before.clone();
        raw.make_raw();
        let mut screen = Self {
            terminal,
            before,
            ended,
        };
        tcsetattr(stdin(), OptionalActions::Flush, &raw).map_err(|errno| failed(errno.into()))?;
        IS_ON.store(true, Ordering::SeqCst);
        write_all(ENTER.as_bytes()).map_err(failed)?;
        screen.clear()?;
        Ok(screen)
    }

    /// Forgets what is on the screen, so that the next drawing is whole.
    pub(super) fn clear(&mut self) -> Result<(), Failure> {
        self.terminal.clear().map_err(failed)
    }

    /// Draws, at the size that the window has now.
    pub(super) fn draw(&mut self, show: impl FnOnce(&mut Frame<'_>)) -> Result<(), Failure> {
        self.terminal.draw(show).map_err(failed)?;
        self.terminal.backend_mut().flush().map_err(failed)
    }

    /// Waits for keys, at most `time`.
    pub(super) fn wait(&self, time: Duration) -> Result<Woken, Failure> {
        if self.ended.load(Ordering::SeqCst) {
            return Ok(Woken::Ended);
        }
        let keyboard = stdin();
        let mut waited = [PollFd::new(&keyboard, PollFlags::IN)];
        let time = Timespec::try_from(time).ok();
        match poll(&mut waited, time.as_ref()) {
            Ok(0) | Err(Errno::INTR) => return Ok(self.nothing()),
            Ok(_) => {}
            Err(errno) => return Err(failed(errno.into())),
        }
        let mut bytes = Zeroizing::new([0; KEYS_SIZE_BYTES]);
        match rustix::io::read(keyboard, bytes.as_mut_slice()) {
            // The window was closed.
            Ok(0) | Err(Errno::IO) => Ok(Woken::Ended),
            Ok(count) => Ok(Woken::Keys(keys(bytes.get(..count).unwrap_or_default()))),
            Err(Errno::INTR) => Ok(self.nothing()),
            Err(errno) => Err(failed(errno.into())),
        }
    }

    fn nothing(&self) -> Woken {
        if self.ended.load(Ordering::SeqCst) {
            Woken::Ended
        } else {
            Woken::Keys(Vec::new())
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
        // Nobody is left to be told; the shell sets its own when it can.
        let _gone = tcsetattr(stdin(), OptionalActions::Flush, &self.before);
    }
}

/// Clears and leaves the alternate screen, once.
fn leave() {
    if IS_ON.swap(false, Ordering::SeqCst) {
        // A terminal that is gone shows nothing any more.
        drop(write_all(LEAVE));
    }
}

/// Leaves the screen before anything is said of a panic, whose own words could hold words of a report.
fn hook_panics() {
    std::panic::set_hook(Box::new(|panic| {
        leave();
        let place = panic.location().map(ToString::to_string);
        let place = place.unwrap_or_default();
        crate::failure::say(&format!(
            "error: the reader stopped by a fault of its own, at {place}. Nothing was written to the disk. Report it.\r"
        ));
    }));
}

/// The keys in what was typed. What is no key is left out.
fn keys(bytes: &[u8]) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut rest = bytes.iter().map(|byte| Ok(*byte)).peekable();
    while let Some(Ok(byte)) = rest.next() {
        if byte == 0x1b && rest.peek().is_none() {
            keys.push(Key::Esc);
        } else if let Ok(Event::Key(key)) = parse_event(byte, &mut rest) {
            keys.push(key);
        }
    }
    keys
}

fn failed(why: io::Error) -> Failure {
    Failure::new(
        Kind::Unreadable,
        "the terminal does not do what it is asked",
        "close the window, open another, and run the same command again",
    )
    .because(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart_and_nonsense_is_left_out() {
        assert_eq!(keys(b"\x1b"), [Key::Esc]);
        assert_eq!(keys(b"\x1b[A\x1b[B"), [Key::Up, Key::Down]);
        assert_eq!(
            keys(b"a\rb"),
            [Key::Char('a'), Key::Char('\n'), Key::Char('b')]
        );
        assert_eq!(keys("ŵ".as_bytes()), [Key::Char('ŵ')]);
        assert_eq!(keys(b"\x03"), [Key::Ctrl('c')]);
        assert_eq!(keys(b"\xff\xfe"), []);
    }
}
