//! Starts other programs, and ends those and no others.
//!
//! A child is ended through its own handle, never by name. Should this process itself be killed, the kernel ends the
//! child: every program is started by `setpriv --pdeathsig` (util-linux), which asks for that and then becomes it.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a program has to end by itself once asked, before it is killed.
const TERMINATION_GRACE: Duration = Duration::from_secs(15);

/// Says one line to the person who typed the command.
#[expect(
    clippy::print_stdout,
    reason = "what a developer command has to say goes to its terminal"
)]
pub fn say(line: &str) {
    println!("{line}");
}

/// A command that the kernel ends when the thread that started it ends.
#[must_use]
pub fn guarded(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "TERM", "--"])
        .arg(program.as_ref());
    command
}

/// Runs a command to its end with its output on the terminal.
///
/// # Errors
/// When it cannot be started, or ends with a status other than 0.
pub fn run(what: &str, command: &mut Command) -> Result<()> {
    say(&format!("» {what}"));
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start: {what}"))?;
    check(what, status)
}

/// Runs a command to its end and returns what it wrote to its standard output, at most 64 MiB.
///
/// # Errors
/// When it cannot be started, or ends with a status other than 0; the text holds what it wrote to its standard error.
pub fn output(what: &str, command: &mut Command) -> Result<Vec<u8>> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start: {what}"))?;
    if !output.status.success() {
        bail!(
            "{what} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(output.stdout)
}

fn check(what: &str, status: ExitStatus) -> Result<()> {
    if status.success() {
        Ok(())
    } else {
        bail!("{what} ended with {status}")
    }
}

/// A program that runs beside this one. Dropping it asks it to end (SIGTERM), waits, and then kills it.
pub struct Running {
    name: String,
    child: Child,
    heard: Arc<Heard>,
}

/// Everything that a running program wrote, both streams, as lines come in.
#[derive(Default)]
pub struct Heard {
    bytes: Mutex<Vec<u8>>,
}

impl Heard {
    /// A copy of everything heard so far.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Running {
    /// Starts a program; its output is kept for [`Running::heard`], and shown too when `show` is [`Output::Show`].
    ///
    /// It is started from a thread that lives as long as this process, since the kernel ties a child to the thread.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &str, mut command: Command, output: Output) -> Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = spawn(command).with_context(|| format!("cannot start {name}"))?;
        let heard = Arc::new(Heard::default());
        if let Some(stream) = child.stdout.take() {
            listen(stream, Arc::clone(&heard), output);
        }
        if let Some(stream) = child.stderr.take() {
            listen(stream, Arc::clone(&heard), output);
        }
        Ok(Self {
            name: name.to_owned(),
            child,
            heard,
        })
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that the program wrote so far, both streams.
    #[must_use]
    pub fn heard(&self) -> Vec<u8> {
        self.heard.bytes()
    }

    /// What is heard, to be asked while this is waited for.
    #[must_use]
    pub fn listener(&self) -> Arc<Heard> {
        Arc::clone(&self.heard)
    }

    /// The status with which it ended, or `None` while it runs.
    ///
    /// # Errors
    /// When the operating system will not say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .with_context(|| format!("cannot ask after {}", self.name))
    }

    /// Waits until `ready` says so, asking every 50 ms.
    ///
    /// # Errors
    /// When the program ends before, or `limit` passes; the text holds the last of what it wrote.
    pub fn wait_until(&mut self, limit: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let start = Instant::now();
        loop {
            if ready() {
                return Ok(());
            }
            if let Some(status) = self.ended()? {
                bail!(
                    "{} ended with {status}; it wrote:\n{}",
                    self.name,
                    self.last_lines()
                );
            }
            if start.elapsed() > limit {
                bail!(
                    "{} was not ready after {} s; it wrote:\n{}",
                    self.name,
                    limit.as_secs(),
                    self.last_lines()
                );
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// When the operating system will not say.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        self.child
            .wait()
            .with_context(|| format!("cannot wait for {}", self.name))
    }

    /// Asks it to end (SIGTERM), and kills it when it has not within 15 s.
    ///
    /// # Errors
    /// When it had to be killed, or the operating system will not say.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.ended()? {
            return Ok(status);
        }
        self.signal(rustix::process::Signal::TERM)?;
        let start = Instant::now();
        while start.elapsed() < TERMINATION_GRACE {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.kill()?;
        bail!(
            "{} did not end within {} s of SIGTERM and was killed",
            self.name,
            TERMINATION_GRACE.as_secs()
        )
    }

    /// Kills it at once (SIGKILL) and waits until it is gone.
    ///
    /// # Errors
    /// When the operating system will not.
    pub fn kill(&mut self) -> Result<()> {
        self.child
            .kill()
            .with_context(|| format!("cannot kill {}", self.name))?;
        self.wait()?;
        Ok(())
    }

    /// Sends a signal to this child, which has not been waited for, so its id cannot be another's.
    ///
    /// # Errors
    /// When the operating system will not.
    pub fn signal(&self, signal: rustix::process::Signal) -> Result<()> {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal)
            .with_context(|| format!("cannot signal {}", self.name))
    }

    fn last_lines(&self) -> String {
        let heard = self.heard();
        let text = String::from_utf8_lossy(&heard);
        let mut last: VecDeque<&str> = VecDeque::new();
        for line in text.lines() {
            if last.len() == 20 {
                last.pop_front();
            }
            last.push_back(line);
        }
        Vec::from(last).join("\n")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.terminate() {
            say(&format!("! {error:#}"));
        }
    }
}

/// Whether a running program's output goes to the terminal as well.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Kept only.
    Keep,
    /// Kept, and shown line by line.
    Show,
}

fn listen(stream: impl Read + Send + 'static, heard: Arc<Heard>, output: Output) {
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        // A read error here means that the program is gone, which its owner hears from `wait`.
        while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            if output == Output::Show {
                say(String::from_utf8_lossy(&line).trim_end());
            }
            heard
                .bytes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .append(&mut line);
        }
    });
}

type Order = (Command, Sender<std::io::Result<Child>>);

/// Starts a command from the one thread that lives as long as this process.
fn spawn(command: Command) -> Result<Child> {
    static SPAWNER: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in inbox {
                if answer.send(command.spawn()).is_err() {
                    break;
                }
            }
        });
        Mutex::new(orders)
    });
    let (answer, child) = mpsc::channel();
    spawner
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .send((command, answer))
        .context("the thread that starts programs is gone")?;
    Ok(child
        .recv()
        .context("the thread that starts programs is gone")??)
}
