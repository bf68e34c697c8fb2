//! `cargo xtask demo`: the whole system on one machine, with demonstration keys.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::binaries::{BINARIES_DIR_VARIABLE, Binaries};
use crate::process::{Output, Running, guarded, say};
use crate::{root, site, tools};

mod journey;
mod layout;
mod release;

pub use journey::{Journey, type_and_send};
pub use layout::{LOG_NAME, Layout, Settings};

/// The folder of the demonstration when none is named.
const DIR_DEFAULT: &str = ".demo";

/// Sets the demonstration up, or goes on with it, and serves until Ctrl-C; with `once`, one report travels and it ends.
///
/// # Errors
/// When something is missing that cannot be installed, the port is taken, or a step fails.
pub fn run(dir: &Path, port: u16, once: bool) -> Result<()> {
    let dir = if dir == Path::new(DIR_DEFAULT) {
        root().join(dir)
    } else {
        absolute(dir)?
    };
    let browser: &[tools::Tool] = if once { tools::BROWSER } else { &[] };
    tools::ensure(&[tools::NODE, browser])?;
    check_port(port)?;
    let gateway_port = port
        .checked_add(1)
        .context("the gateway takes the port after --port; name a lower one")?;
    check_port(gateway_port)?;
    tools::npm_ci()?;
    let binaries = Binaries::built()?;
    let layout = Layout::new(&dir, port);
    let mut system = start(&layout, &binaries, gateway_port, !once)?;
    if once {
        journey::travel(&layout, &binaries, system.address)?;
        system.end()
    } else {
        explain(&layout, &binaries, system.address, system.gateway_address)?;
        let status = system.server.wait()?;
        say(&format!("The server ended with {status}."));
        end(system.gateway, "gateway")
    }
}

/// `demo --once` in a folder of the caller's, at a port that the system chooses.
///
/// # Errors
/// When a step fails, or what was read is not what was typed.
pub fn once_in(dir: &Path, binaries: &Binaries) -> Result<()> {
    let layout = Layout::new(dir, 0);
    let system = start(&layout, binaries, 0, false)?;
    journey::travel(&layout, binaries, system.address)?;
    system.end()
}

/// The browser's journeys (`tests/browser`) against a demonstration in a folder of the caller's.
///
/// # Errors
/// When the demonstration does not start, or a journey fails.
pub fn journeys_in(dir: &Path, binaries: &Binaries) -> Result<()> {
    let layout = Layout::new(dir, 0);
    let system = start(&layout, binaries, 0, false)?;
    let result = tools::npm_test("browser journeys", "tests/browser", |command| {
        command
            .env("HAFAN_URL", format!("http://{}", system.address))
            .env(
                "HAFAN_GATEWAY_URL",
                format!("http://{}", system.gateway_address),
            )
            .env("HAFAN_GATEWAY_PID", system.gateway.id().to_string())
            .env("HAFAN_DEMO_DIR", layout.dir())
            .env(BINARIES_DIR_VARIABLE, binaries.dir());
    });
    system.end()?;
    result
}

fn end(mut program: Running, name: &str) -> Result<()> {
    let status = program.terminate()?;
    anyhow::ensure!(status.success(), "the {name} ended with {status}");
    Ok(())
}

/// What runs, and where.
struct System {
    server: Running,
    address: SocketAddr,
    gateway: Running,
    gateway_address: SocketAddr,
}

impl System {
    fn end(self) -> Result<()> {
        end(self.gateway, "gateway")?;
        end(self.server, "server")
    }
}

fn start(layout: &Layout, binaries: &Binaries, gateway_port: u16, show: bool) -> Result<System> {
    let settings = Settings::demo();
    if layout.is_complete() {
        layout::say_resumed(layout);
        layout.write_config(&settings)?;
    } else {
        say(&format!(
            "» demonstration keys of the four forces, in {}",
            layout.dir().display()
        ));
        layout.make(binaries, &settings)?;
    }
    // The form names the gateway's address, so it is chosen before the pages are built.
    let gateway_port = if gateway_port == 0 {
        free_port()?
    } else {
        gateway_port
    };
    let gateway = site::GatewaySite {
        out: &layout.gateway_site(),
        url: &format!("http://127.0.0.1:{gateway_port}"),
    };
    site::build_demo(&layout.site(), &layout.roots(), Some(gateway))?;
    let show = if show { Output::Show } else { Output::Keep };
    say("» server");
    let (mut server, address) = layout.serve(binaries, show)?;
    let door = Layout::gateway_door(&mut server)?;
    say("» gateway");
    let command = guarded(binaries.gateway());
    let (gateway, gateway_address) =
        layout.serve_gateway(command, &settings, door, gateway_port, show)?;
    Ok(System {
        server,
        address,
        gateway,
        gateway_address,
    })
}

/// A port that nobody has at this moment.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

fn absolute(dir: &Path) -> Result<PathBuf> {
    std::path::absolute(dir).with_context(|| format!("cannot name {}", dir.display()))
}

fn check_port(port: u16) -> Result<()> {
    // Bound for a moment, so that a taken port is told of before minutes of building.
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map(drop)
        .with_context(|| format!("port {port} of 127.0.0.1 is taken; name another with --port"))
}

fn explain(
    layout: &Layout,
    binaries: &Binaries,
    address: SocketAddr,
    gateway: SocketAddr,
) -> Result<()> {
    let force = "btp";
    let shown = |path: PathBuf| {
        let here = std::env::current_dir().unwrap_or_default();
        path.strip_prefix(&here)
            .unwrap_or(&path)
            .display()
            .to_string()
    };
    let release_keys: Vec<String> = layout
        .release_vkeys()?
        .into_iter()
        .map(|key| format!("--release-key {}", shown(key)))
        .collect();
    say(&format!(
        "
Hafan is running, with demonstration keys. It is not a police service.

  Report      http://{address}/                 choose a force
              http://{address}/{force}/en/          in English
              http://{address}/{force}/cy/          in Welsh
              http://{gateway}/{force}/en/          without JavaScript
  The log     http://{address}/log/{force}/latest
  The keys    http://{address}/v1/forces/{force}/directory
  Published   http://{address}/log/operator/checkpoint   every directory and release

After sending a report, carry it to the officers (an epoch is 2 seconds):

  {courier} pull --server http://{address} --force {force} --key {key} --root {root} --out {stick}
  {keys} import {stick}/bundle-*.tar --vault {vault} --as officer-1 --passphrase-file {passphrases}
  {keys} list --vault {vault} --as officer-1 --passphrase-file {passphrases}
  {keys} read REF --reason exercise --vault {vault} --as officer-1 --passphrase-file {passphrases}
  {keys} reply REF --language cy --text-file ANSWER --vault {vault} --as officer-1 --passphrase-file {passphrases}
  {keys} replies export --to {stick} --vault {vault} --as officer-1 --passphrase-file {passphrases}
  {courier} push --server http://{address} --force {force} --key {key} --in {stick}
  {keys} export REF --reason exercise --out {evidence} --vault {vault} --as officer-1 --passphrase-file {passphrases}

What an auditor asks, from outside:

  {audit} log --server http://{address} --force {force} --root {root}
  {audit} site http://{address} --log-key {log_key} {release_keys}

The eight words that were shown after sending find report and answer again: http://{address}/{force}/en/return/
Each pull writes one more bundle; import takes them in their order. Look at what the server holds: {store}/segments
Ctrl-C ends it; the same command goes on where it was.
",
        audit = shown(binaries.audit()),
        release_keys = release_keys.join(" "),
        log_key = shown(layout.dir().join("log.key.vkey")),
        courier = shown(binaries.courier()),
        keys = shown(binaries.keys()),
        key = shown(layout.courier_key(force)),
        root = shown(layout.root_vkey(force)),
        stick = shown(layout.stick(force)),
        vault = shown(layout.vault(force)),
        passphrases = shown(layout.passphrases(force)),
        evidence = shown(layout.dir().join("evidence")),
        store = shown(layout.store()),
    ));
    Ok(())
}
