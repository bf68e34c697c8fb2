//! Hostile clients. Each storm goes on until it is ended, with as many lines again as the server closes.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hafan_tests::reports::shaped;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use xtask::http::{Answer, read_answer};
use xtask::process::guarded;

use crate::honest::head;

/// Lines that slowhttptest opens.
const LINES_A_RUN: u64 = 2_000;
/// Lines of a flood at once.
const FLOODERS: u64 = 32;
/// After a line that was refused, and before a next one that is reset.
const PAUSE: Duration = Duration::from_millis(5);

/// What lines do that send no whole request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Idle {
    /// They say nothing.
    Silent,
    /// They begin a request and reset the line, again and again.
    Reset,
}

/// What a flood sends for work.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Work {
    None,
    /// Of the right form and of now; no body follows.
    False,
}

/// A storm that can be begun.
pub(crate) enum Storm {
    /// slowhttptest with its arguments, again when it ends before its time.
    Slow(Vec<String>, Duration),
    Idle(Idle, usize),
    Flood(Work),
}

/// A storm under way.
pub(crate) enum Blowing {
    Program(thread::JoinHandle<Result<u64>>),
    Lines(JoinSet<()>, Arc<AtomicU64>),
}

impl Storm {
    /// slowhttptest in one of its modes.
    pub(crate) fn slow(mode: &[&str], url: &str, time: Duration) -> Self {
        let lines = LINES_A_RUN.to_string();
        let rest = ["-c", &lines, "-r", "1000", "-p", "2", "-u", url];
        let all = mode.iter().chain(&rest);
        Self::Slow(all.map(|one| (*one).to_owned()).collect(), time)
    }

    pub(crate) fn begin(&self, server: SocketAddr) -> Blowing {
        let count = Arc::new(AtomicU64::new(0));
        let mut lines = JoinSet::new();
        match self {
            Self::Slow(arguments, time) => {
                let (arguments, time) = (arguments.clone(), *time);
                return Blowing::Program(thread::spawn(move || slow(&arguments, time)));
            }
            Self::Idle(kind, number) => {
                for _ in 0..*number {
                    lines.spawn(idle(*kind, server, Arc::clone(&count)));
                }
            }
            Self::Flood(work) => {
                for number in 0..FLOODERS {
                    lines.spawn(flood(*work, server, number << 32, Arc::clone(&count)));
                }
            }
        }
        Blowing::Lines(lines, count)
    }
}

impl Blowing {
    /// Ends it: how many lines or requests it was.
    pub(crate) async fn end(self) -> Result<u64> {
        match self {
            Self::Program(thread) => tokio::task::spawn_blocking(|| thread.join())
                .await?
                .map_err(|_| anyhow!("slowhttptest's thread failed"))?,
            Self::Lines(mut lines, count) => {
                lines.shutdown().await;
                Ok(count.load(Ordering::Relaxed))
            }
        }
    }
}

/// Runs the program for so long: how many lines it had.
fn slow(arguments: &[String], time: Duration) -> Result<u64> {
    let until = Instant::now() + time;
    let mut lines = 0;
    loop {
        let left = until.saturating_duration_since(Instant::now()).as_secs();
        if left == 0 {
            return Ok(lines);
        }
        let output = guarded("slowhttptest")
            .args(arguments)
            .args(["-l", &left.to_string()])
            .stdin(Stdio::null())
            .output()
            .context("cannot start slowhttptest")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let told = said_lines(&said).with_context(|| format!("slowhttptest said: {said}"))?;
        // It tells each 5 s only; before its time it ends when none of its lines is left.
        let ended = if Instant::now() < until {
            LINES_A_RUN
        } else {
            0
        };
        lines += told.max(ended);
    }
}

/// The most lines that it says it had: open and closed, each figure with colours about it.
fn said_lines(said: &str) -> Option<u64> {
    let figures = |name: &str| -> Vec<u64> {
        let lines = said.lines().filter_map(|line| line.split_once(name));
        let figures = lines.filter_map(|(_, rest)| rest.split_whitespace().last()?.parse().ok());
        figures.collect()
    };
    let both = figures("connected:").into_iter().zip(figures("closed:"));
    both.map(|(connected, closed)| connected + closed).max()
}

async fn idle(kind: Idle, server: SocketAddr, count: Arc<AtomicU64>) {
    loop {
        if let Ok(mut stream) = TcpStream::connect(server).await {
            count.fetch_add(1, Ordering::Relaxed);
            match kind {
                Idle::Silent => {
                    // Until the server closes it.
                    let _closed = stream.read(&mut [0]).await;
                }
                Idle::Reset => {
                    let begun = b"PUT /v1/forces/btp/drops/ HTTP/1.1\r\nHost: x\r\nContent-Le";
                    let _closed = stream.write_all(begun).await;
                    let _reset = stream.set_zero_linger();
                    continue;
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn flood(work: Work, server: SocketAddr, first: u64, count: Arc<AtomicU64>) {
    let mut report = shaped(first, 0);
    let mut proof = String::new();
    for number in first + 1.. {
        let mut request = head("btp", &report, &proof).into_bytes();
        if matches!(work, Work::None) {
            request.extend_from_slice(&report.submission);
            report = shaped(number, 0);
        }
        match send(server, &request).await {
            Ok(answer) => {
                count.fetch_add(1, Ordering::Relaxed);
                if matches!(work, Work::False) {
                    proof = false_proof(&answer).unwrap_or(proof);
                }
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// What is asked for, with nonces that are none.
fn false_proof(answer: &Answer) -> Option<String> {
    let problem = answer.json().ok()?;
    let (span, bits) = (problem.get("span")?, problem.get("bits")?);
    let nonces = BASE64_URL_SAFE_NO_PAD.encode([0; 64]);
    Some(format!("Hafan-Work: {span}.{bits}.{nonces}\r\n"))
}

async fn send(server: SocketAddr, request: &[u8]) -> Result<Answer> {
    let mut stream = TcpStream::connect(server).await?;
    // A server that has answered need not read on.
    let _sent = stream.write_all(request).await;
    let _no_more = stream.shutdown().await;
    let mut answer = Vec::new();
    let _reset_after_it = stream.read_to_end(&mut answer).await;
    read_answer(&mut answer.as_slice())
}
