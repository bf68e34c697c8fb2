//! A terminal with a person at it, for programs that fill one: what the program writes, and what would be seen of it.

use std::num::NonZeroU16;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};
use std::{fs, io};

use pty_process::Size;
use pty_process::blocking::{Command, Pts, Pty, open};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, tcgetattr};
use vt100::Parser;

use crate::office::Office;

/// Long enough for a key that is unlocked on a busy machine, and for the shortest time without a key.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Terminal {
    pty: Pty,
    /// Kept open, so that what is left of the terminal can be looked at when the program has ended.
    pts: Pts,
    child: Child,
    parser: Parser,
    /// Every byte that the program wrote.
    pub(crate) written: Vec<u8>,
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).unwrap()
}

impl Terminal {
    /// Runs the program in the office, in a window of this size.
    pub(crate) fn run(office: &Office, args: &[&str], rows: u16, columns: u16) -> Self {
        let (pty, pts) = open().unwrap();
        pty.resize(Size::new(rows, columns)).unwrap();
        let mut command = Command::new(&office.program)
            .args(args)
            .current_dir(office.path(""))
            .env("TERM", "xterm");
        let child = command.spawn_borrowed(&pts).unwrap();
        Self {
            pty,
            pts,
            child,
            parser: Parser::new(cells(rows), cells(columns), 1000),
            written: Vec::new(),
        }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        io::Write::write_all(&mut self.pty, keys.as_bytes()).unwrap();
    }

    pub(crate) fn resize(&mut self, rows: u16, columns: u16) {
        self.parser.set_size(cells(rows), cells(columns));
        self.pty.resize(Size::new(rows, columns)).unwrap();
    }

    /// What is to be seen now.
    pub(crate) fn screen(&self) -> String {
        self.parser.screen().contents()
    }

    /// Waits until `wanted` is to be seen, and gives the whole screen.
    pub(crate) fn until(&mut self, wanted: &str) -> String {
        self.wait(wanted, |screen| screen.contains(wanted))
    }

    /// Waits until `unwanted` is no longer to be seen.
    pub(crate) fn until_gone(&mut self, unwanted: &str) -> String {
        self.wait(unwanted, |screen| !screen.contains(unwanted))
    }

    fn wait(&mut self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            if is_so(&screen) {
                return screen;
            }
            assert!(begun.elapsed() < PATIENCE, "waited for {what:?}:\n{screen}");
            self.take(Duration::from_millis(100));
        }
    }

    /// Takes what was written, waiting at most `time` for the first of it; whether there was some.
    fn take(&mut self, time: Duration) -> bool {
        let time = Timespec::try_from(time).unwrap();
        let mut waited = [PollFd::new(&self.pty, PollFlags::IN)];
        if poll(&mut waited, Some(&time)).unwrap() == 0 {
            return false;
        }
        let mut bytes = [0; 4096];
        let count = io::Read::read(&mut self.pty, &mut bytes).unwrap();
        self.written.extend_from_slice(&bytes[..count]);
        self.parser.process(&bytes[..count]);
        count > 0
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// What the program's memory holds of `words`, in how many places.
    pub(crate) fn in_memory(&self, words: &str) -> usize {
        let proc = format!("/proc/{}", self.child.id());
        let maps = fs::read_to_string(format!("{proc}/maps")).unwrap();
        let memory = fs::File::open(format!("{proc}/mem")).unwrap();
        let mut found = 0;
        for line in maps.lines().filter(|line| line.contains(" rw")) {
            let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
            let from = u64::from_str_radix(from, 16).unwrap();
            let to = u64::from_str_radix(to, 16).unwrap();
            let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
            if std::os::unix::fs::FileExt::read_exact_at(&memory, &mut bytes, from).is_ok() {
                found += bytes
                    .windows(words.len())
                    .filter(|window| *window == words.as_bytes())
                    .count();
            }
        }
        found
    }

    /// Waits for the end; the terminal must be as it was before, and show nothing.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let begun = Instant::now();
        let status = loop {
            self.take(Duration::from_millis(50));
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "{}", self.screen());
        };
        while self.take(Duration::from_millis(50)) {}
        let screen = self.parser.screen();
        assert!(!screen.alternate_screen());
        assert!(!screen.hide_cursor());
        assert_eq!(screen.scrollback_len(), 0);
        let modes = tcgetattr(&self.pts).unwrap().local_modes;
        assert!(modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG));
        // Cleared before it was left: the other way round, a terminal without a second screen keeps it.
        let written = String::from_utf8_lossy(&self.written);
        assert!(written.contains("\u{1b}[2J\u{1b}[H\u{1b}[?25h\u{1b}[?1049l"));
        status
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A test that failed leaves no program behind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
