//! Starts the oracles that verify a log with code that is not ours: Go's `x/mod/sumdb` and the Python
//! package `tlog-scales`; an access record, with `securesystemslib` besides; and an evidence package, with `pypdf`.
//!
//! A test includes this file with `#[path = "../oracles/mod.rs"] mod oracles;`. When a tool is
//! missing it fails and says what to install; it never passes over. It needs the package index once,
//! for the Python packages.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What each oracle says: the line it printed, or why it refused.
#[derive(Debug)]
pub(crate) struct Verdicts {
    /// Go: `golang.org/x/mod/sumdb/tlog` and `note`.
    pub(crate) go: Result<String, String>,
    /// Python: `tlog-scales`.
    pub(crate) python: Result<String, String>,
}

/// Has both oracles verify the log in `log_dir`, which holds `checkpoint` and `tile/`.
///
/// `vkey` is named as the log's origin. `older` are paths of signed checkpoints that the log must be
/// consistent with; `proofs` is a file of proofs of ours, as `go/verify_log.go` describes it.
pub(crate) fn verify_log(
    vkey: &str,
    log_dir: &Path,
    older: &[PathBuf],
    proofs: Option<&Path>,
) -> Verdicts {
    let oracles = Oracles::build();
    let mut arguments: Vec<PathBuf> = Vec::new();
    if let Some(proofs) = proofs {
        arguments.extend([PathBuf::from("--proofs"), proofs.to_owned()]);
    }
    arguments.extend([PathBuf::from(vkey), log_dir.to_owned()]);
    arguments.extend_from_slice(older);
    let mut go = Command::new(&oracles.go_path);
    let mut python = Command::new(&oracles.python_path);
    python.arg(source_dir().join("python/verify_log.py"));
    Verdicts {
        go: verdict(go.args(&arguments)),
        python: verdict(python.args(&arguments)),
    }
}

/// Has Python's `securesystemslib` and `tlog-scales` verify an access record: a file of tests/vectors/record, or an export.
pub(crate) fn verify_record(record: &Path) -> Result<String, String> {
    let mut python = Command::new(&Oracles::build().python_path);
    verdict(
        python
            .arg(source_dir().join("python/verify_record.py"))
            .arg(record),
    )
}

/// Has Python read an evidence package: its manifest, log proof and access entry, and what stands in its documents and tables,
/// the last with `pypdf`.
pub(crate) fn verify_package(package: &Path, root_vkey: &Path) -> Result<String, String> {
    let mut python = Command::new(&Oracles::build().python_path);
    verdict(
        python
            .arg(source_dir().join("python/verify_package.py"))
            .arg(package)
            .arg(root_vkey),
    )
}

/// Has Python's `argon2-cffi` derive the vectors of tests/vectors/words anew.
pub(crate) fn derive_words(vectors: &Path) -> Result<String, String> {
    let mut python = Command::new(&Oracles::build().python_path);
    verdict(
        python
            .arg(source_dir().join("python/derive_words.py"))
            .arg(vectors),
    )
}

/// Has Python's `schemathesis` send hostile requests to a server, so many for each operation at least, drawn from a seed.
/// Says how many it sent, or what was answered that is not described.
pub(crate) fn hostile_api(
    url: &str,
    examples: u32,
    seed: u32,
    scratch: &Path,
) -> Result<String, String> {
    let mut python = Command::new(&Oracles::build().python_path);
    verdict(
        python
            .arg(source_dir().join("python/hostile_api.py"))
            .args([url, &examples.to_string(), &seed.to_string()])
            .arg(scratch),
    )
}

/// The two programs, ready to run.
struct Oracles {
    go_path: PathBuf,
    python_path: PathBuf,
}

impl Oracles {
    /// Builds what is not built yet, under the target folder; one process at a time.
    fn build() -> Self {
        let build_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oracles");
        fs::create_dir_all(&build_dir).expect("target folder can be written");
        let lock = File::create(build_dir.join("lock")).expect("target folder can be written");
        lock.lock().expect("target folder can be locked");
        Self {
            go_path: build_go(&build_dir),
            python_path: build_python(&build_dir),
        }
    }
}

/// Builds the Go oracle offline, from the packages that Debian installs as source.
fn build_go(build_dir: &Path) -> PathBuf {
    let go_path = build_dir.join("verify_log");
    let build = Command::new("go")
        .args(["build", "-o"])
        .arg(&go_path)
        .arg(source_dir().join("go/verify_log.go"))
        .envs([
            ("GO111MODULE", "off"),
            ("GOPATH", "/usr/share/gocode"),
            ("GOFLAGS", ""),
        ])
        .env("GOCACHE", build_dir.join("go-cache"))
        .output();
    succeed(
        build,
        "the Go oracle cannot be built: install Debian's golang-go and golang-golang-x-mod-dev",
    );
    go_path
}

/// Makes a virtual environment with the packages of python/requirements.txt, once for each version
/// of that file.
fn build_python(build_dir: &Path) -> PathBuf {
    let venv_dir = build_dir.join("venv");
    let python_path = venv_dir.join("bin/python");
    let requirements_path = source_dir().join("python/requirements.txt");
    let wanted = fs::read_to_string(&requirements_path).expect("requirements.txt can be read");
    let complete_path = venv_dir.join("complete");
    if fs::read_to_string(&complete_path).is_ok_and(|found| found == wanted) {
        return python_path;
    }
    succeed(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&venv_dir)
            .output(),
        "the Python oracle has no virtual environment: install Debian's python3-venv",
    );
    succeed(
        Command::new(&python_path)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "-r",
            ])
            .arg(&requirements_path)
            .output(),
        "the Python oracle's packages cannot be installed: is there a network? \
         See tests/oracles/python/requirements.txt",
    );
    fs::write(&complete_path, wanted).expect("target folder can be written");
    python_path
}

fn succeed(output: std::io::Result<Output>, instruction: &str) {
    let failure = match output {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Some(error.to_string()),
    };
    assert_eq!(failure, None, "{instruction}");
}

fn verdict(oracle: &mut Command) -> Result<String, String> {
    let output = oracle
        .output()
        .expect("an oracle that was built can be started");
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn source_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("oracles")
}
