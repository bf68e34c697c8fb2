//! `hafan-audit site`: does a server give every browser the site that was published?
//!
//! Fetches every file as browsers do, in each form that they ask for, and compares digests and headers with the
//! manifest of the release; then what must not be there. The release must be signed by those who release the site, and
//! the newest in the operator's log.

pub mod compare;
pub mod manifest;
mod released;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use indicatif::ProgressBar;
use sha2::{Digest as _, Sha256};

use self::compare::{Difference, text};
use self::manifest::{MANIFEST_SIZE_BYTES_MAX, Manifest};
use crate::client::{Answer, Client};
use crate::failure::{Failure, Kind};
use crate::files;
use crate::note::Vkey;
use crate::progress;
use crate::report::Report;
use crate::workers;

/// The largest answer that is read.
const ANSWER_SIZE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A server should not feel an audit.
const READERS: usize = 4;

const UNPROVEN: &[&str] = &[
    "that everybody is served the same: run it from several places, and as often as you like; one browser can be served something else",
    "that what was signed is what the published source builds: build the site yourself from the commit of the release, and give its manifest with --manifest (cargo xtask site)",
    "what a proxy or a network in between changes for others",
];

/// A browser: its name, what it says of itself, and its languages.
type Browser = (&'static str, &'static str, &'static str);

const BROWSERS: [Browser; 3] = [
    (
        "Chromium",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
        "en-GB,en;q=0.9,cy;q=0.8",
    ),
    (
        "Firefox",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "cy,en-GB;q=0.7,en;q=0.3",
    ),
    (
        "Safari",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
        "en-GB,en;q=0.9",
    ),
];

/// What is accepted, as it is said and as it is understood.
const ACCEPTS: [(&str, &[&str]); 4] = [
    ("identity", &[]),
    ("br", &["br"]),
    ("gzip", &["gzip"]),
    ("gzip, deflate, br, zstd", &["br", "gzip"]),
];

/// What a site without a manifest entry for it does not have: workers that stay, and what counts visits.
const NOT_THERE: [&str; 8] = [
    "/sw.js",
    "/service-worker.js",
    "/serviceworker.js",
    "/worker.js",
    "/analytics.js",
    "/gtm.js",
    "/assets/",
    "/nothing-of-this-name-0b9f1c",
];

/// What is asked.
pub struct Options {
    /// The server.
    pub client: Client,
    /// The manifest of a build of one's own, or of another source.
    pub manifest: Option<PathBuf>,
    /// The release that is to be served, and how it is checked.
    pub release: Option<Released>,
}

/// How a release is checked.
pub struct Released {
    /// The keys of those who release the site.
    pub keys: Vec<Vkey>,
    /// The key of the server's logs.
    pub log_key: Vkey,
}

/// Audits a site.
///
/// # Errors
/// The manifest cannot be read or is none, or the server cannot be reached at all.
pub fn audit(options: &Options) -> Result<Report, Failure> {
    let own = options.manifest.as_deref().map(own_manifest).transpose()?;
    Report::of(UNPROVEN, |report| {
        let served = match &options.release {
            Some(released) => released::manifest(&options.client, released, report)?,
            None => None,
        };
        // One's own build is the better witness; what it differs in is found file by file.
        let Some((bytes, manifest)) = own.or(served) else {
            return Ok(());
        };
        let site = Site {
            client: &options.client,
            manifest: &manifest,
        };
        site.published(&bytes, report)?;
        let requests = site.files(report);
        let others = site.others(report);
        let failures = [requests.as_ref().err(), others.as_ref().err()];
        for failure in failures.into_iter().flatten() {
            report.unfinished(failure);
        }
        report.looked_at("files", manifest.files.len().to_string());
        if let Ok(requests) = requests {
            report.looked_at("answers to browsers", requests.to_string());
        }
        report.looked_at("headers of each answer", manifest.headers.len().to_string());
        Ok(())
    })
}

/// A manifest and its bytes.
type Given = (Vec<u8>, Manifest);

fn own_manifest(path: &Path) -> Result<Given, Failure> {
    let bytes = files::read_needed(path, MANIFEST_SIZE_BYTES_MAX)?;
    let manifest = Manifest::parse(&bytes).map_err(|why| {
        let what = format!("{} is no manifest", path.display());
        let advice = "give manifest.json of the published release";
        Failure::new(Kind::Usage, what, advice).because(why)
    })?;
    Ok((bytes, manifest))
}

struct Site<'a> {
    client: &'a Client,
    manifest: &'a Manifest,
}

/// Findings by name, place and words, with the ways in which they were asked for.
type Found = BTreeMap<(&'static str, String, String), Vec<String>>;

impl Site<'_> {
    /// The manifest that is served must be the one that was published.
    fn published(&self, wanted: &[u8], report: &mut Report) -> Result<(), Failure> {
        self.as_each_browser("/manifest.json", report, |answer| {
            if answer.status == http::StatusCode::OK && answer.body == wanted {
                return Vec::new();
            }
            let what = format!(
                "status {}, and SHA-256 {}; that of the one given is {}",
                answer.status.as_u16(),
                hex::encode(Sha256::digest(&answer.body)),
                hex::encode(Sha256::digest(wanted))
            );
            vec![("other-manifest", what)]
        })
    }

    /// Every file, in each form, as each browser asks. Gives the number of requests.
    fn files(&self, report: &mut Report) -> Result<usize, Failure> {
        let mut jobs = Vec::new();
        for path in self.manifest.files.keys() {
            for accept in &ACCEPTS {
                jobs.extend(BROWSERS.iter().map(|browser| (path, accept, browser)));
            }
        }
        let count = u64::try_from(jobs.len()).unwrap_or(u64::MAX);
        let stop = AtomicBool::new(false);
        let found: Mutex<Found> = Mutex::new(Found::new());
        let bar: ProgressBar = progress::bar("answers", count);
        let asked = workers::each(0..count, READERS, &stop, |number| {
            let job = usize::try_from(number)
                .ok()
                .and_then(|number| jobs.get(number));
            let Some((path, accept, browser)) = job else {
                return Ok(());
            };
            bar.inc(1);
            let differences = self.look(path, accept, browser)?;
            let how = format!("{} as {}", accept.0, browser.0);
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            note(&mut found, path, &how, differences);
            Ok(())
        });
        bar.finish_and_clear();
        let all = ACCEPTS.len() * BROWSERS.len();
        let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        tell(found, all, report);
        asked.map(|()| jobs.len())
    }

    fn ask(&self, path: &str, accept: &str, browser: &Browser) -> Result<Answer, Failure> {
        let (_, agent, language) = browser;
        let fields = [
            ("accept", "*/*"),
            ("accept-encoding", accept),
            ("accept-language", *language),
            ("user-agent", *agent),
        ];
        self.client.ask(path, &fields, ANSWER_SIZE_BYTES_MAX)
    }

    fn look(
        &self,
        path: &str,
        (accept, accepts): &(&str, &[&str]),
        browser: &Browser,
    ) -> Result<Vec<Difference>, Failure> {
        let answer = self.ask(path, accept, browser)?;
        let Some(file) = self.manifest.files.get(path) else {
            return Ok(Vec::new());
        };
        Ok(compare::file(self.manifest, file, accepts, &answer))
    }

    /// The way out, and what must not be there, as each browser asks.
    fn others(&self, report: &mut Report) -> Result<(), Failure> {
        let mut exits = BTreeSet::new();
        let left = self.as_each_browser("/leave", report, |answer| {
            exits.extend(text(&answer.headers, "location"));
            leave(answer)
        });
        for exit in exits {
            report.looked_at("leaving leads to", exit);
        }
        left?;
        for path in NOT_THERE {
            if !self.manifest.files.contains_key(path) {
                self.as_each_browser(path, report, |answer| self.not_there(answer))?;
            }
        }
        Ok(())
    }

    /// Asks for a path as each browser does, and says what differs, in its headers too.
    fn as_each_browser(
        &self,
        path: &str,
        report: &mut Report,
        mut look: impl FnMut(&Answer) -> Vec<Difference>,
    ) -> Result<(), Failure> {
        let mut found = Found::new();
        let mut failed = Ok(());
        for browser in &BROWSERS {
            let answer = match self.ask(path, "identity", browser) {
                Ok(answer) => answer,
                Err(failure) => {
                    failed = Err(failure);
                    break;
                }
            };
            let mut differences = look(&answer);
            differences.extend(compare::headers(self.manifest, &answer.headers));
            note(&mut found, path, &format!("as {}", browser.0), differences);
        }
        tell(found, BROWSERS.len(), report);
        failed
    }

    fn not_there(&self, answer: &Answer) -> Vec<Difference> {
        let status = answer.status.as_u16();
        if status == 404 {
            return self.not_found(answer);
        }
        let what = format!("it is answered with status {status}, and the release does not have it");
        vec![("extra-file", what)]
    }

    /// A 404 has the release's page for it, if it has one.
    fn not_found(&self, answer: &Answer) -> Vec<Difference> {
        let Some(page) = self.manifest.files.get("/404.html") else {
            return Vec::new();
        };
        let found = hex::encode(Sha256::digest(&answer.body));
        if found == page.sha256 {
            return Vec::new();
        }
        let what = format!(
            "the page of a 404 has SHA-256 {found}, want {}",
            page.sha256
        );
        let mut differences = vec![("changed-file", what)];
        differences.extend(compare::scripts(self.manifest, &answer.body));
        differences
    }
}

/// Leaving goes elsewhere at once and has the browser forget.
fn leave(answer: &Answer) -> Vec<Difference> {
    let mut found = Vec::new();
    let leads_out = text(&answer.headers, "location").is_some_and(|to| to.starts_with("https://"));
    if answer.status.as_u16() != 303 || !leads_out {
        found.push((
            "wrong-status",
            "it does not lead to another site".to_owned(),
        ));
    }
    let wanted = "\"cache\", \"cookies\", \"storage\"";
    if text(&answer.headers, "clear-site-data").as_deref() != Some(wanted) {
        let what = "clear-site-data does not have all forgotten";
        found.push(("weaker-header", what.to_owned()));
    }
    found
}

fn note(found: &mut Found, path: &str, how: &str, differences: Vec<Difference>) {
    for (name, what) in differences {
        let key = (name, path.to_owned(), what);
        found.entry(key).or_default().push(how.to_owned());
    }
}

/// Reports each difference, and to whom it was shown unless that is all.
fn tell(found: Found, all: usize, report: &mut Report) {
    for ((name, path, what), how) in found {
        let what = if how.len() == all {
            what
        } else {
            format!("{what}; asked for {}", how.join(", "))
        };
        report.found(name, path, what);
    }
}
