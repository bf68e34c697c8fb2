//! What the entries of a whole record must say of each other: nothing opened that was not taken in, no contact opened
//! by fewer than it takes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::civil::Date;
use sha2::{Digest as _, Sha256};

use super::bundles::Bundles;
use super::events::{Event, Value};
use super::line::{Done, Line};
use super::record::{Chain, Parts};
use crate::report::Report;

/// How long a request for a contact can be used.
const REQUEST_DAYS_MAX: i32 = 28;

/// Why, by whom and when a sealed contact was opened: for the report.
#[derive(Debug)]
pub struct ContactOpened {
    /// The entry that opened it.
    pub entry: u64,
    /// Which report.
    pub report: [u8; 32],
    /// The entry that asked, who asked, and why.
    pub request: Option<(u64, String, String)>,
    /// The entries that approved, by whom, and why.
    pub approvals: Vec<(u64, String, String)>,
}

struct Request<'a> {
    report: [u8; 32],
    officer: &'a str,
    date: Date,
    reason: String,
}

struct Approval<'a> {
    entry: u64,
    report: [u8; 32],
    request: u64,
    officer: &'a str,
    reason: String,
}

/// What was taken in so far.
#[derive(Default)]
struct Imports {
    /// The leaf behind the last, by year.
    ends: BTreeMap<u64, u64>,
    /// Checkpoints by digest.
    checkpoints: BTreeSet<[u8; 32]>,
}

/// Judges every entry by those before it.
pub fn judge(
    chain: &Chain,
    parts: &Parts<'_>,
    bundles: Option<&Bundles>,
    report: &mut Report,
) -> Vec<ContactOpened> {
    let mut rules = Rules {
        chain,
        parts,
        bundles,
        imports: Imports::default(),
        requests: HashMap::new(),
        approvals: Vec::new(),
        contacts: Vec::new(),
        newest: 0,
    };
    for line in &chain.lines {
        rules.still_there(line, report);
        match &line.done {
            Done::Known(event) => rules.entry(line, event, report),
            Done::Unknown(name) => {
                let what = format!("an event that is not known here, {name}: it was not judged");
                report.found("unknown-event", place(line), what);
            }
        }
    }
    rules.contacts
}

struct Rules<'a> {
    chain: &'a Chain,
    parts: &'a Parts<'a>,
    bundles: Option<&'a Bundles>,
    imports: Imports,
    requests: HashMap<u64, Request<'a>>,
    approvals: Vec<Approval<'a>>,
    contacts: Vec<ContactOpened>,
    /// The newest directory that an entry named so far.
    newest: u64,
}

fn place(line: &Line) -> String {
    format!("entry {}", line.number)
}

impl<'a> Rules<'a> {
    fn entry(&mut self, line: &'a Line, event: &Event, report: &mut Report) {
        if let Some(directory) = self.chain.directories.get(&line.directory)
            && !(directory.valid_from..directory.valid_until).contains(&line.date)
        {
            report.notice(format!(
                "{} is of a day on which directory {} does not hold",
                place(line),
                line.directory
            ));
        }
        if event.report().is_some() {
            self.taken_in(line, event, report);
        }
        match event.name {
            "imported" => self.imported(line, event, report),
            "contact-requested" => self.requested(line, event),
            "contact-approved" => self.approved(line, event, report),
            "contact-opened" => self.opened(line, event, report),
            "directory-issued" => self.issued(line, event, report),
            "officer-added" | "officer-removed" => self.officers(line, event, report),
            _ => {}
        }
    }

    /// Who is no officer of the newest directory has left: an older one that names the key does not bring them back.
    fn still_there(&mut self, line: &Line, report: &mut Report) {
        let key_in = |directory: u64| {
            let directory = self.chain.directories.get(&directory)?;
            let mut officers = directory.officers.iter();
            officers.find(|key| key.name() == line.officer)
        };
        self.newest = self.newest.max(line.directory);
        let is_there = match (key_in(line.directory), key_in(self.newest)) {
            (Some(then), Some(now)) => then.is_same_key(now),
            (_, _) => false,
        };
        if !is_there {
            let what = format!(
                "{} signed it under directory {}, and is no officer of directory {}, which an entry before it names",
                line.officer, line.directory, self.newest
            );
            report.found("former-officer", place(line), what);
        }
    }

    /// A report is in a bundle that was taken in before.
    fn taken_in(&self, line: &Line, event: &Event, report: &mut Report) {
        if self.imports.ends.is_empty() {
            let what = "nothing was imported before it";
            report.found("opened-before-import", place(line), what);
            return;
        }
        let (Some(bundles), Some(h)) = (self.bundles, event.report()) else {
            return;
        };
        let is_there = bundles
            .of(&h)
            .iter()
            .any(|checkpoint| self.imports.checkpoints.contains(checkpoint));
        if !is_there {
            let what = format!(
                "report {} is in no bundle that was imported before it, of those given",
                hex::encode(h)
            );
            report.found("not-imported", place(line), what);
        }
    }

    fn imported(&mut self, line: &Line, event: &Event, report: &mut Report) {
        let number = |name| event.number(name).unwrap_or(0);
        let (year, first, last) = (number("year"), number("first"), number("last"));
        let end = self.imports.ends.entry(year).or_insert(0);
        if first > *end || first >= last {
            let what = format!(
                "leaves {first} to {last} of {year} were taken in, and those before end at {end}"
            );
            report.found("import-gap", place(line), what);
        }
        *end = last.max(*end);
        let checkpoint = event.digest("checkpoint").unwrap_or_default();
        self.imports.checkpoints.insert(checkpoint);
        let Some(bundles) = self.bundles else { return };
        if !bundles.has(&checkpoint) {
            report.notice(format!("the bundle of {} was not given", place(line)));
        }
    }

    fn requested(&mut self, line: &'a Line, event: &Event) {
        let request = Request {
            report: event.report().unwrap_or_default(),
            officer: line.officer_name(),
            date: line.date,
            reason: event.reason().unwrap_or_default(),
        };
        self.requests.insert(line.number, request);
    }

    fn approved(&mut self, line: &'a Line, event: &Event, report: &mut Report) {
        let number = event.number("request").unwrap_or(0);
        let of = event.report().unwrap_or_default();
        if self
            .requests
            .get(&number)
            .is_none_or(|request| request.report != of)
        {
            let what = format!("entry {number} does not ask for the contact of this report");
            report.found("approval-without-request", place(line), what);
        }
        self.approvals.push(Approval {
            entry: line.number,
            report: of,
            request: number,
            officer: line.officer_name(),
            reason: event.reason().unwrap_or_default(),
        });
    }

    fn opened(&mut self, line: &'a Line, event: &Event, report: &mut Report) {
        let number = event.number("request").unwrap_or(0);
        let of = event.report().unwrap_or_default();
        let request = self
            .requests
            .get(&number)
            .filter(|request| request.report == of);
        match request {
            None => {
                let what = format!("entry {number} does not ask for the contact of this report");
                report.found("opening-without-request", place(line), what);
            }
            Some(request) if request.officer != line.officer_name() => {
                let what = format!(
                    "{} asked, and {} opened",
                    request.officer,
                    line.officer_name()
                );
                report.found("opened-by-another", place(line), what);
            }
            Some(request) => {
                let age = line.date.since(request.date).map(|age| age.get_days());
                if !age.is_ok_and(|days| (0..=REQUEST_DAYS_MAX).contains(&days)) {
                    let what = format!(
                        "the request of entry {number} was over {REQUEST_DAYS_MAX} days old"
                    );
                    report.found("stale-request", place(line), what);
                }
            }
        }
        let approvals = self.approvals_of(line, event, (number, of), report);
        self.enough(line, approvals.len(), report);
        self.contacts.push(ContactOpened {
            entry: line.number,
            report: of,
            request: request.map(|r| (number, r.officer.to_owned(), r.reason.clone())),
            approvals,
        });
    }

    /// The approvals that an opening names, those that are there.
    fn approvals_of(
        &self,
        line: &Line,
        event: &Event,
        (number, of): (u64, [u8; 32]),
        report: &mut Report,
    ) -> Vec<(u64, String, String)> {
        let by = match event.get("approved_by") {
            Some(Value::Officers(by)) => by.clone(),
            Some(_) | None => Vec::new(),
        };
        let mut approvals = Vec::new();
        for (at, number_of) in by.iter().enumerate() {
            let name = format!("officer-{number_of}");
            if by.iter().take(at).any(|other| other == number_of) {
                report.found(
                    "approval-twice",
                    place(line),
                    format!("{name} is counted twice"),
                );
                continue;
            }
            let found = self
                .approvals
                .iter()
                .find(|a| a.officer == name && a.request == number && a.report == of);
            match found {
                Some(approval) => {
                    let reason = approval.reason.clone();
                    approvals.push((approval.entry, name, reason));
                }
                None => {
                    let what = format!("no entry before it says that {name} approved");
                    report.found("approval-missing", place(line), what);
                }
            }
        }
        approvals
    }

    /// As many as it takes. A report's own number is that of the directory of its day, which nobody outside knows: the
    /// least of any directory so far is what is asked for.
    fn enough(&self, line: &Line, found: usize, report: &mut Report) {
        let until = self.chain.directories.range(..=line.directory);
        let least = until.map(|(_, directory)| directory.threshold).min();
        let Some(least) = least else { return };
        if found < usize::from(least) {
            let what = format!("{found} officers approved, and it takes {least}");
            report.found("too-few-approvals", place(line), what);
        }
    }

    fn issued(&self, line: &Line, event: &Event, report: &mut Report) {
        let sequence = event.number("sequence").unwrap_or(0);
        let Some(note) = self.parts.directories.get(&sequence) else {
            return;
        };
        if event.digest("note") != Some(Sha256::digest(note).into()) {
            let what =
                format!("the directory {sequence} with the record is another than the one issued");
            report.found("directory-fork", place(line), what);
        }
    }

    fn officers(&self, line: &Line, event: &Event, report: &mut Report) {
        let name = format!("officer-{}", event.number("number").unwrap_or(0));
        let wanted = event.digest("vkey");
        let mut officers = self.chain.directories.values().flat_map(|d| &d.officers);
        let is_known = officers.any(|key| {
            key.name().rsplit('/').next() == Some(name.as_str())
                && wanted == Some(Sha256::digest(key.to_string()).into())
        });
        if !is_known {
            report.notice(format!(
                "{} is about {name} with a key that no directory with the record names",
                place(line)
            ));
        }
    }
}
