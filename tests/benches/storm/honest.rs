//! Honest clients: a report each 50 ms, with as much work as is asked for, as the page does it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use hafan_tests::reports::{Prepared, shaped};
use hafan_tests::work::solve;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{interval, timeout};
use xtask::http::{Answer, read_answer};

const BEAT: Duration = Duration::from_millis(50);
/// Nobody waits longer for an answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);
/// As the page tries.
const TRIES: usize = 6;
/// Numbers of reports, apart from those of the storm.
const FIRST: u64 = 1 << 40;

/// By which way an honest report comes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Door {
    /// From the pages, to the force that the storm is for.
    Stormed,
    /// From the pages, to another one.
    Other,
    /// From the gateway, to the first.
    Gateway,
}

impl Door {
    /// In turn.
    const ALL: [Self; 3] = [Self::Stormed, Self::Other, Self::Gateway];
}

/// What became of an honest report.
#[derive(Debug)]
pub(crate) enum Told {
    /// It is durable; how long the answers took, without the client's own work.
    Stored { waited: Duration, worked: bool },
    /// The server cannot take it now, and said so.
    Refused(Door, String),
    /// There was no answer.
    Nothing(Door, String),
}

impl Told {
    pub(crate) fn is_stored(&self) -> bool {
        matches!(self, Self::Stored { .. })
    }

    pub(crate) fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(..))
    }

    pub(crate) fn has_worked(&self) -> bool {
        matches!(self, Self::Stored { worked: true, .. })
    }

    pub(crate) fn complaint(&self) -> Option<String> {
        match self {
            Self::Stored { .. } => None,
            Self::Refused(door, answer) => Some(format!("{door:?} was refused: {answer}")),
            Self::Nothing(door, error) => Some(format!("{door:?} had no answer: {error}")),
        }
    }
}

/// Seconds.
pub(crate) struct Times {
    pub(crate) median: f64,
    pub(crate) slowest: f64,
}

/// How long those took that were taken.
pub(crate) fn times(told: &[Told]) -> Times {
    let mut all: Vec<f64> = told
        .iter()
        .filter_map(|one| match one {
            Told::Stored { waited, .. } => Some(waited.as_secs_f64()),
            Told::Refused(..) | Told::Nothing(..) => None,
        })
        .collect();
    all.sort_by(f64::total_cmp);
    Times {
        median: all.get(all.len() / 2).copied().unwrap_or(f64::NAN),
        slowest: all.last().copied().unwrap_or(f64::NAN),
    }
}

/// Who reports.
pub(crate) struct Honest {
    pages: SocketAddr,
    gateway: SocketAddr,
    sent: u64,
}

impl Honest {
    pub(crate) fn new(pages: SocketAddr, gateway: SocketAddr) -> Self {
        Self {
            pages,
            gateway,
            sent: FIRST,
        }
    }

    /// Sends at the steady rate, and waits for every answer.
    pub(crate) async fn report_for(&mut self, time: Duration) -> Vec<Told> {
        let until = Instant::now() + time;
        let mut beat = interval(BEAT);
        let mut under_way = JoinSet::new();
        for door in Door::ALL.into_iter().cycle() {
            beat.tick().await;
            if Instant::now() >= until {
                break;
            }
            self.sent += 1;
            let report = shaped(self.sent, 0);
            let (address, force) = match door {
                Door::Stormed => (self.pages, "btp"),
                Door::Other => (self.pages, "leicestershire"),
                Door::Gateway => (self.gateway, "btp"),
            };
            under_way.spawn(async move {
                let told = report_one(door, address, force, &report).await;
                told.unwrap_or_else(|error| Told::Nothing(door, format!("{error:#}")))
            });
        }
        let mut told = Vec::new();
        while let Some(one) = under_way.join_next().await {
            told.push(one.unwrap_or_else(|error| Told::Nothing(Door::Other, error.to_string())));
        }
        told
    }
}

async fn report_one(
    door: Door,
    address: SocketAddr,
    force: &str,
    report: &Prepared,
) -> Result<Told> {
    let mut waited = Duration::ZERO;
    let mut proof = String::new();
    for _ in 0..TRIES {
        let start = Instant::now();
        let answer = timeout(ANSWER_TIME_MAX, put(address, force, report, &proof)).await??;
        waited += start.elapsed();
        if matches!(answer.status, 200 | 201) {
            return Ok(Told::Stored {
                waited,
                worked: !proof.is_empty(),
            });
        }
        let is_asked = answer.json().is_ok_and(|problem| {
            problem
                .get("type")
                .is_some_and(|kind| kind == "/problems/work")
        });
        if !is_asked {
            return Ok(Told::Refused(
                door,
                format!("{} {}", answer.status, answer.text()),
            ));
        }
        let h = report.h.to_string();
        let done = spawn_blocking(move || solve(&answer, &h)).await??;
        proof = format!("Hafan-Work: {done}\r\n");
    }
    bail!("work was asked for {TRIES} times")
}

/// Sends the report, and reads the answer; a server that answers before it has read everything may close.
async fn put(address: SocketAddr, force: &str, report: &Prepared, fields: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let head = head(force, report, fields);
    let sent = async {
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&report.submission).await
    };
    let sent = sent.await;
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer).await;
    if answer.is_empty() {
        sent?;
        read?;
    }
    read_answer(&mut answer.as_slice())
}

/// The head of a submission; `fields` are further ones, each with its line end.
pub(crate) fn head(force: &str, report: &Prepared, fields: &str) -> String {
    format!(
        "PUT /v1/forces/{force}/drops/{} HTTP/1.1\r\nHost: bench.invalid\r\n\
         Content-Type: application/vnd.hafan.submission\r\nContent-Length: {}\r\n{fields}\r\n",
        report.h,
        report.submission.len()
    )
}
