//! Honest people beside hostile ones: `hafan serve` as it is built for the benchmarks, with a listener for the gateway. Each
//! storm lasts 15 s: Debian's slowhttptest in each of its modes, lines that say nothing, lines that are reset, and
//! submissions without work or with false work. Meanwhile a report comes each 50 ms: from the pages to the force that the
//! storm is for, to another force, and from the gateway. Before each storm the same is measured in calm.
//!
//! `HAFAN_STORM` names one storm by a part of its name. It fails when one honest report was not taken, when a storm did not come up, or when memory grew over its bound.
//! All of it stays on loopback and ends by itself.

mod honest;
mod hostile;
mod watched;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hafan_tests::{TestServer, write_site};
use honest::{Honest, Told};
use hostile::{Idle, Storm, Work};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use watched::Watch;
use xtask::demo::Settings;

const CALM: Duration = Duration::from_secs(4);
const STORM: Duration = Duration::from_secs(15);
/// Lines of a storm at once.
const LINES: usize = 2_000;
/// More than the server has slots for (`limits.connections_max`).
const LINES_OVER: usize = 6_000;
/// What a slow reader asks for.
const PAGE_SIZE_BYTES: usize = 1 << 20;

/// Memory of what is on its way in (`limits.in_flight_bytes_max`), of each line that the server can have
/// (`limits.connections_max` of 24 KiB: a head of at most 16 KiB, and its task), and of the index, whose cache is sled's.
const GROWTH_BYTES_MAX: u64 = (64 << 20) + 4096 * (24 << 10) + (32 << 20);

fn main() -> Result<()> {
    raise_descriptors()?;
    // On the disk that cargo builds on, since a temporary folder may be memory.
    let scratch = tempfile::tempdir_in(xtask::binaries::target_dir()?)?;
    let settings = Settings {
        forces: ["btp", "leicestershire"].map(str::to_owned).to_vec(),
        more: "gateway_listen = \"127.0.0.1:0\"".to_owned(),
        ..Settings::small()
    };
    let mut server = TestServer::start_in(&scratch.path().join("system"), &settings)?;
    server.terminate()?;
    write_site(
        server.layout(),
        &"<!doctype html>".repeat(PAGE_SIZE_BYTES / 15),
    )?;
    server.restart()?;
    let mut bench = Bench {
        runtime: tokio::runtime::Runtime::new()?,
        address: server.address(),
        watch: Watch::of(server.process_id()?),
        honest: Honest::new(server.address(), gateway_address(&server)?),
        failed: Vec::new(),
    };
    let reports = format!("{}/v1/forces/btp/drops/{}", server.url(), "0".repeat(64));
    let page = format!("{}/", server.url());
    let only = std::env::var("HAFAN_STORM").unwrap_or_default();
    for (name, storm) in storms(&page, &reports) {
        if name.contains(&only) {
            bench.measure(name, &storm)?;
        }
    }
    let failed = std::mem::take(&mut bench.failed);
    ensure!(server.terminate()?.success(), "the server failed");
    ensure!(failed.is_empty(), "{}", failed.join("; "));
    Ok(())
}

/// The last two belong together: work is asked for once enough came in without.
fn storms(page: &str, reports: &str) -> [(&'static str, Storm); 9] {
    let slow = |mode: &[&str], url: &str| Storm::slow(mode, url, STORM);
    [
        (
            "slow heads (slowhttptest -H)",
            slow(&["-H", "-i", "2"], page),
        ),
        (
            "slow bodies (-B)",
            slow(
                &[
                    "-B",
                    "-i",
                    "2",
                    "-t",
                    "PUT",
                    "-s",
                    "67243",
                    "-f",
                    "application/vnd.hafan.submission",
                ],
                reports,
            ),
        ),
        (
            "ranges (-R)",
            slow(&["-R", "-t", "GET", "-a", "5", "-b", "2000"], page),
        ),
        (
            "slow reads (-X)",
            slow(&["-X", "-w", "1", "-y", "64", "-n", "2", "-z", "16"], page),
        ),
        ("2,000 silent lines", Storm::Idle(Idle::Silent, LINES)),
        ("6,000 silent lines", Storm::Idle(Idle::Silent, LINES_OVER)),
        ("lines reset in a request", Storm::Idle(Idle::Reset, 64)),
        ("reports without work", Storm::Flood(Work::None)),
        ("reports with false work", Storm::Flood(Work::False)),
    ]
}

struct Bench {
    runtime: tokio::runtime::Runtime,
    address: SocketAddr,
    watch: Watch,
    honest: Honest,
    failed: Vec<String>,
}

impl Bench {
    fn measure(&mut self, name: &'static str, storm: &Storm) -> Result<()> {
        let Self {
            runtime,
            address,
            watch,
            honest,
            failed,
        } = self;
        let calm = runtime.block_on(honest.report_for(CALM));
        let rest = watch.begin()?;
        let (during, hostile) = runtime.block_on(async {
            let storm = storm.begin(*address);
            let (told, lines) = tokio::join!(honest.report_for(STORM), watch.lines_for(STORM));
            anyhow::Ok(((told, lines?), storm.end().await?))
        })?;
        let (told, lines) = during;
        let figure = Measured {
            name,
            calm,
            told,
            hostile,
            lines,
            rest,
            peak: watch.peak()?,
        };
        figure.print();
        failed.extend(figure.wrong());
        Ok(())
    }
}

/// What one storm came to.
struct Measured {
    name: &'static str,
    calm: Vec<Told>,
    told: Vec<Told>,
    /// What the storm counts of itself: requests or lines.
    hostile: u64,
    /// Lines that the server had at most.
    lines: usize,
    /// Resident memory, in bytes.
    rest: u64,
    peak: u64,
}

impl Measured {
    #[expect(
        clippy::print_stdout,
        reason = "the figures are what a benchmark is for"
    )]
    fn print(&self) {
        let (calm, storm) = (honest::times(&self.calm), honest::times(&self.told));
        let count = |told: fn(&Told) -> bool| self.told.iter().filter(|one| told(one)).count();
        let (sent, stored) = (self.told.len(), count(Told::is_stored));
        let (refused, worked) = (count(Told::is_refused), count(Told::has_worked));
        let mib = |bytes: u64| bytes >> 20;
        if std::env::args().any(|argument| argument == "--json") {
            let line = serde_json::json!({
                "figure": format!("storm: {}", self.name), "sent": sent, "stored": stored, "refused": refused,
                "unanswered": sent - stored - refused, "worked": worked,
                "ratio": storm.median / calm.median, "ratio_slowest": storm.slowest / calm.slowest,
                "median_s": storm.median, "slowest_s": storm.slowest,
                "calm_median_s": calm.median, "calm_slowest_s": calm.slowest,
                "hostile": self.hostile, "lines_most": self.lines,
                "resident_before_bytes": self.rest, "resident_most_bytes": self.peak,
            });
            println!("{line}");
            return;
        }
        println!(
            "{:<30} {stored} of {sent} stored, {refused} refused, {worked} after work; median {:.2} of calm ({:.0} ms), \
             slowest {:.2} ({:.0} ms); {} MiB of memory after {}; {} hostile, {} lines",
            self.name,
            storm.median / calm.median,
            storm.median * 1e3,
            storm.slowest / calm.slowest,
            storm.slowest * 1e3,
            mib(self.peak),
            mib(self.rest),
            self.hostile,
            self.lines,
        );
    }

    /// What must not be.
    fn wrong(&self) -> Vec<String> {
        let name = self.name;
        let mut wrong: Vec<String> = [("in calm", &self.calm), ("in the storm", &self.told)]
            .into_iter()
            .flat_map(|(when, told)| told.iter().map(move |one| (when, one)))
            .filter_map(|(when, told)| Some(format!("{name}, {when}: {}", told.complaint()?)))
            .collect();
        let growth = self.peak.saturating_sub(self.rest);
        if growth > GROWTH_BYTES_MAX {
            wrong.push(format!(
                "{name}: memory grew by {growth} bytes, at most {GROWTH_BYTES_MAX} wanted"
            ));
        }
        if self.hostile == 0 {
            wrong.push(format!("{name}: the storm did not come up"));
        }
        wrong
    }
}

/// Thousands of lines of our own.
fn raise_descriptors() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let wanted = u64::try_from(LINES_OVER * 2)?;
    let hard = limit.maximum.unwrap_or(u64::MAX);
    ensure!(
        hard >= wanted,
        "{hard} open files are allowed, wanted {wanted}: raise ulimit -Hn"
    );
    let raised = Rlimit {
        current: Some(limit.current.unwrap_or(hard).max(wanted)),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).context("cannot raise the number of open files")
}

fn gateway_address(server: &TestServer) -> Result<SocketAddr> {
    let heard = String::from_utf8(server.heard())?;
    let last = heard
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("gateway listening on "));
    last.context("it does not say where it listens for the gateway")?
        .parse()
        .context("its address")
}
