//! The harness of the whole-system proofs: starts the real programs on real files, and ends them.
//!
//! Every test gets folders and ports of its own, and every program that a test starts ends with it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, anyhow};
use hafan_envelope::submission::Digest;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use xtask::binaries::Binaries;
use xtask::demo::{Layout, Settings};
use xtask::http::{self, Answer};
use xtask::process::{Output, Running, guarded};

pub mod reports;
pub mod work;

/// One system call that fails: the `nth` of these calls that a thread makes, as strace injects it.
pub struct Failing<'a> {
    /// Names, with commas between them.
    pub calls: &'a str,
    /// The error's name, such as `EIO`.
    pub error: &'a str,
    /// Counted from 1.
    pub nth: u32,
    /// Where the calls are written, with `(INJECTED)` behind each that failed.
    pub trace: &'a Path,
}

impl Failing<'_> {
    /// Runs the program so that the call fails; arguments are added to what is given back. The program itself is the child.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let Self {
            calls, error, nth, ..
        } = self;
        let mut command = guarded("strace");
        command
            .args(["-D", "-f", "-qq", "-e", "signal=none", "-o"])
            .arg(self.trace)
            .args(["-e", &format!("trace={calls}")])
            .args(["-e", &format!("inject={calls}:error={error}:when={nth}")])
            .arg(program);
        command
    }

    /// Whether a call failed.
    ///
    /// # Errors
    /// The trace cannot be read.
    pub fn happened(&self) -> Result<bool> {
        let trace = fs::read_to_string(self.trace)
            .with_context(|| format!("cannot read {}", self.trace.display()))?;
        Ok(trace.contains("(INJECTED)"))
    }
}

/// A server of its own: keys, store, configuration, process. Gone when dropped.
pub struct TestServer {
    /// The folders. Before `scratch`, which holds them, and after the process, which uses them.
    layout: Layout,
    binaries: Binaries,
    running: Option<Running>,
    address: SocketAddr,
    /// What earlier processes of this server wrote.
    heard_before: Vec<u8>,
    _scratch: Option<TempDir>,
}

impl TestServer {
    /// Lays a system out in a temporary folder, starts its server on a port that the system chooses, and waits until it is ready.
    ///
    /// # Errors
    /// When a program does not build, refuses, or is not ready within 60 s.
    pub fn start(settings: &Settings) -> Result<Self> {
        let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
        let mut server = Self::start_in(&scratch.path().join("system"), settings)?;
        server._scratch = Some(scratch);
        Ok(server)
    }

    /// The same in a folder of the caller's, which stays: a mounted image, for one.
    ///
    /// # Errors
    /// As [`TestServer::start`].
    pub fn start_in(dir: &Path, settings: &Settings) -> Result<Self> {
        let binaries = Binaries::built()?;
        let layout = Layout::new(dir, 0);
        layout.make(&binaries, settings)?;
        write_site(&layout, PAGE)?;
        Self::serve(layout, binaries)
    }

    /// The same with the real site of the four forces, for a real browser.
    ///
    /// # Errors
    /// As [`TestServer::start`], or when the site does not build.
    pub fn start_with_site() -> Result<Self> {
        let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
        let binaries = Binaries::built()?;
        let layout = Layout::new(&scratch.path().join("system"), 0);
        let settings = Settings {
            forces: xtask::FORCES.map(str::to_owned).to_vec(),
            ..Settings::small()
        };
        layout.make(&binaries, &settings)?;
        xtask::tools::npm_ci()?;
        xtask::site::build_demo(&layout.site(), &layout.roots(), None)?;
        let mut server = Self::serve(layout, binaries)?;
        server._scratch = Some(scratch);
        Ok(server)
    }

    fn serve(layout: Layout, binaries: Binaries) -> Result<Self> {
        let (running, address) = layout.serve(&binaries, Output::Keep)?;
        Ok(Self {
            layout,
            binaries,
            running: Some(running),
            address,
            heard_before: Vec::new(),
            _scratch: None,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its folders.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The programs that it was started from.
    #[must_use]
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// The id of its process.
    ///
    /// # Errors
    /// When it does not run.
    pub fn process_id(&self) -> Result<u32> {
        Ok(self.running()?.id())
    }

    /// Everything that it wrote to both its streams, since the first start.
    #[must_use]
    pub fn heard(&self) -> Vec<u8> {
        let mut heard = self.heard_before.clone();
        if let Some(running) = &self.running {
            heard.extend(running.heard());
        }
        heard
    }

    /// Kills it at once, as a power cut would, but for what the kernel holds.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self) -> Result<()> {
        let mut running = self
            .running
            .take()
            .ok_or_else(|| anyhow!("the server does not run"))?;
        running.kill()?;
        self.heard_before.extend(running.heard());
        Ok(())
    }

    /// Asks it to end, and returns the status with which it does.
    ///
    /// # Errors
    /// When it does not run, or had to be killed after 15 s.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        let mut running = self
            .running
            .take()
            .ok_or_else(|| anyhow!("the server does not run"))?;
        let status = running.terminate()?;
        self.heard_before.extend(running.heard());
        Ok(status)
    }

    /// Starts it again after [`TestServer::kill`] or [`TestServer::terminate`], at a new port.
    ///
    /// # Errors
    /// When it runs already, ends before it is ready (the text holds what it wrote), or is not ready within 60 s.
    pub fn restart(&mut self) -> Result<()> {
        if self.running.is_some() {
            return Err(anyhow!("the server runs already"));
        }
        let (running, address) = self.layout.serve(&self.binaries, Output::Keep)?;
        self.running = Some(running);
        self.address = address;
        Ok(())
    }

    /// Its resident memory, in bytes.
    ///
    /// # Errors
    /// When it does not run.
    pub fn resident_bytes(&self) -> Result<u64> {
        resident_bytes(self.process_id()?)
    }

    /// Sends a submission and returns the answer.
    ///
    /// # Errors
    /// When no answer comes within 30 s.
    pub fn put(&self, force: &str, h: &Digest, submission: &[u8]) -> Result<Answer> {
        put(self.address, force, &h.to_string(), submission)
    }

    /// Asks for a path.
    ///
    /// # Errors
    /// When no answer comes within 30 s.
    pub fn get(&self, path: &str) -> Result<Answer> {
        http::get(self.address, path, &[])
    }

    /// The URL of the server, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn running(&self) -> Result<&Running> {
        self.running
            .as_ref()
            .ok_or_else(|| anyhow!("the server does not run"))
    }
}

/// The page of a test's site.
const PAGE: &str = "<!doctype html><html lang=\"en\"><title>Test</title>";

/// Writes a site of one page, with the manifest that the server wants.
///
/// # Errors
/// When it cannot be written.
pub fn write_site(layout: &Layout, page: &str) -> Result<()> {
    let headers = fs::read_to_string(xtask::root().join("web/headers.json"))?;
    let headers: serde_json::Value = serde_json::from_str(&headers)?;
    let manifest = serde_json::json!({
        "version": 1,
        "headers": headers,
        "files": {"/": {
            "sha256": hex::encode(Sha256::digest(page)),
            "content_type": "text/html; charset=utf-8",
            "encodings": {},
        }},
    });
    fs::write(layout.site().join("index.html"), page)?;
    fs::write(layout.site().join("manifest.json"), manifest.to_string())?;
    Ok(())
}

/// Sends a submission as docs/protocol.md section 4 wants it, `h` as text so that it may be wrong.
///
/// # Errors
/// When no answer comes within 30 s.
pub fn put(server: SocketAddr, force: &str, h: &str, submission: &[u8]) -> Result<Answer> {
    http::request(
        server,
        "PUT",
        &format!("/v1/forces/{force}/drops/{h}"),
        &[("Content-Type", "application/vnd.hafan.submission")],
        Some(submission),
    )
}

/// The resident memory of a process, in bytes.
///
/// # Errors
/// When there is no such process.
pub fn resident_bytes(id: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).context("no such process")?;
    let kib: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .ok_or_else(|| anyhow!("no VmRSS"))?
        .parse()?;
    Ok(kib * 1024)
}

/// Runs a command to its end: its status, standard output and standard error.
///
/// # Errors
/// When it cannot be started.
pub fn told(command: &mut Command) -> Result<(ExitStatus, String, String)> {
    let output = command
        .stdin(std::process::Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    Ok((
        output.status,
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    ))
}

/// The segments of the value log of a store, in order.
///
/// # Errors
/// When the folder cannot be read.
pub fn segments(store_dir: &Path) -> Result<Vec<PathBuf>> {
    Ok(xtask::search::files_under(&store_dir.join("segments"))?)
}
