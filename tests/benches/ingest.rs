//! Reports of 64 KiB handed in over HTTP, each acknowledged once it is durable: `hafan serve` as it is built for the
//! benchmarks, against a server that only appends. That one is hyper behind the same accept loop, reads each body whole,
//! and has one thread that writes whatever waits to the end of a file, syncs it once, and answers.
//!
//! Both are programs of their own, asked by the same client, a connection for each report. The beat is the shortest that the
//! configuration allows: a beat of a second, which hides when a report came, is waited for on purpose.
//!
//! Then the store is filled, and at five sizes measured again. `HAFAN_INGEST_REPORTS` says how far; 20,000 unless it does.

mod common;

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, mpsc};

use anyhow::{Context, Result, bail, ensure};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::routing::put;
use common::{Figure, timed};
use hafan::accept::{Listener, serve};
use hafan::config::Listen;
use hafan::headers::Headers;
use hafan_tests::TestServer;
use hafan_tests::reports::{Prepared, shaped};
use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use xtask::demo::Settings;
use xtask::process::guarded;

/// Connections at once.
const CONCURRENCY: [usize; 4] = [1, 8, 32, 128];
/// Of these the store is looked at as it grows.
const FILLING: usize = 32;
const ROUNDS: usize = 5;
/// Reports that are handed in one after the other, in a round: enough that a round takes a good part of a second.
const EACH: usize = 128;
/// The most in a round, which lie in memory.
const ROUND_MAX: usize = 2048;
/// Sizes of the store at which it is measured.
const STEPS: u64 = 5;
/// What makes this program the one that only appends.
const PLAIN: &str = "--plain-append";
const BODY_SIZE_BYTES_MAX: usize = 1 << 20;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip_while(|argument| argument != PLAIN);
    if let (Some(_), Some(path)) = (arguments.next(), arguments.next()) {
        return append_only(Path::new(&path));
    }
    // On the disk that cargo builds on, since a temporary folder may be memory.
    let scratch = tempfile::tempdir_in(xtask::binaries::target_dir()?)?;
    let settings = Settings {
        intake_batch_ms: 1,
        // The most that an epoch may have: what is handed in becomes leaves meanwhile.
        leaves_per_epoch: 256,
        // Far more comes in than that: the store is filled, it is not flooded.
        more: "[limits]\nbacklog_epochs_max = 100000\n".to_owned(),
        ..Settings::small()
    };
    let mut ours = TestServer::start_in(&scratch.path().join("system"), &settings)?;
    let plain = Plain::start(&scratch.path().join("plain"))?;
    let mut bench = Bench {
        runtime: tokio::runtime::Runtime::new()?,
        ours: ours.address(),
        limit: plain.address,
        handed_in: 0,
    };
    for connections in CONCURRENCY {
        let name = format!("ingest: 64 KiB over HTTP, {connections} at once");
        bench.measure(name, connections)?;
    }
    let reports = std::env::var("HAFAN_INGEST_REPORTS");
    let reports: u64 = reports.map_or(Ok(20_000), |number| number.parse())?;
    for step in 1..=STEPS {
        bench.fill(reports * step / STEPS)?;
        let name = format!("ingest: {FILLING} at once, {} held", bench.handed_in);
        bench.measure(name, FILLING)?;
    }
    ensure!(ours.terminate()?.success(), "the server failed");
    Ok(())
}

struct Bench {
    runtime: tokio::runtime::Runtime,
    ours: SocketAddr,
    limit: SocketAddr,
    handed_in: u64,
}

impl Bench {
    fn measure(&mut self, name: String, connections: usize) -> Result<()> {
        let mut figure = Figure::new(name, "reports/s");
        for _ in 0..ROUNDS {
            let count = ROUND_MAX.min(connections * EACH);
            let work = self.prepare(count);
            let count = f64::from(u32::try_from(count)?);
            let (appended, limit) = timed(|| self.hand_in(self.limit, &work, connections));
            appended?;
            let (taken, ours) = timed(|| self.hand_in(self.ours, &work, connections));
            taken?;
            figure.round(count, ours, limit);
        }
        figure.print();
        Ok(())
    }

    fn fill(&mut self, until: u64) -> Result<()> {
        while self.handed_in < until {
            let work = self.prepare(ROUND_MAX);
            self.hand_in(self.ours, &work, FILLING)?;
        }
        Ok(())
    }

    fn prepare(&mut self, count: usize) -> Vec<Arc<[u8]>> {
        (0..count)
            .map(|_| {
                self.handed_in += 1;
                request(&shaped(self.handed_in, 0))
            })
            .collect()
    }

    /// Hands everything in, over so many connections at once; each report waits for the answer to the one before it.
    fn hand_in(&self, server: SocketAddr, work: &[Arc<[u8]>], connections: usize) -> Result<()> {
        let each = work.len().div_ceil(connections);
        self.runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for part in work.chunks(each) {
                let part = part.to_vec();
                tasks.spawn(async move {
                    for request in part {
                        // The line of a submission is used once: the server closes it.
                        let mut stream = TcpStream::connect(server).await?;
                        stream.set_nodelay(true)?;
                        stream.write_all(&request).await?;
                        read_created(&mut stream).await?;
                    }
                    anyhow::Ok(())
                });
            }
            while let Some(done) = tasks.join_next().await {
                done??;
            }
            Ok(())
        })
    }
}

/// A submission as it goes over the line.
fn request(report: &Prepared) -> Arc<[u8]> {
    let head = format!(
        "PUT /v1/forces/btp/drops/{} HTTP/1.1\r\nHost: bench.invalid\r\n\
         Content-Type: application/vnd.hafan.submission\r\nContent-Length: {}\r\n\r\n",
        report.h,
        report.submission.len()
    );
    [head.as_bytes(), &report.submission].concat().into()
}

/// Reads the head of an answer, which must be 201 with no body.
async fn read_created(stream: &mut TcpStream) -> Result<()> {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut answer).await? == 0 {
            bail!("the connection ended: {}", String::from_utf8_lossy(&answer));
        }
    }
    let created = answer.starts_with(b"HTTP/1.1 201 ");
    ensure!(created, "{}", String::from_utf8_lossy(&answer));
    Ok(())
}

/// The server that only appends, as a process of its own; ended with this.
struct Plain {
    process: Child,
    address: SocketAddr,
}

impl Plain {
    fn start(path: &Path) -> Result<Self> {
        let mut process = guarded(std::env::current_exe()?)
            .arg(PLAIN)
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut said = BufReader::new(process.stdout.take().context("its output")?);
        let mut line = String::new();
        said.read_line(&mut line)?;
        let port: u16 = line.trim().parse().context("it said no port")?;
        let address = (Ipv4Addr::LOCALHOST, port).into();
        Ok(Self { process, address })
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _ended_already = self.process.wait();
    }
}

type Waiting = (axum::body::Bytes, oneshot::Sender<()>);

#[expect(
    clippy::print_stdout,
    reason = "the port, for the process that started this one"
)]
fn append_only(path: &Path) -> Result<()> {
    let file = File::create(path)?;
    file.sync_all()?;
    let (send, waiting) = mpsc::channel::<Waiting>();
    std::thread::spawn(move || append(&file, &waiting));
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = Listener::bind(&Listen::Tcp((Ipv4Addr::LOCALHOST, 0).into())).await?;
        println!("{}", listener.port().context("it listens on TCP")?);
        let router = Router::new()
            .route("/v1/forces/{force}/drops/{h}", put(take))
            .with_state(send);
        let headers = Arc::new(Headers::compiled(false)?);
        let (_stop, stopped) = watch::channel(false);
        serve(listener, router, headers, 4096, stopped).await;
        Ok(())
    })
}

async fn take(State(send): State<mpsc::Sender<Waiting>>, request: Request<Body>) -> StatusCode {
    let Ok(body) = to_bytes(request.into_body(), BODY_SIZE_BYTES_MAX).await else {
        return StatusCode::BAD_REQUEST;
    };
    let (done, durable) = oneshot::channel();
    match send.send((body, done)) {
        Ok(()) if durable.await.is_ok() => StatusCode::CREATED,
        Ok(()) | Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Writes what waits, syncs once, and answers all of it; ends, so that nothing is answered, when that fails.
fn append(file: &File, waiting: &mpsc::Receiver<Waiting>) {
    let mut at = 0_u64;
    while let Ok(first) = waiting.recv() {
        let mut answers = Vec::new();
        for (body, done) in std::iter::once(first).chain(waiting.try_iter()) {
            let Ok(size) = u64::try_from(body.len()) else {
                return;
            };
            if file.write_all_at(&body, at).is_err() {
                return;
            }
            at += size;
            answers.push(done);
        }
        if file.sync_data().is_err() {
            return;
        }
        for done in answers {
            // A client that went away needs no answer.
            let _gone = done.send(());
        }
    }
}
