//! What an import says: how the vault stands to the leaves of a bundle once it was taken in.

use hafan_envelope::bundle::BundleName;
use hafan_export::text;

use crate::failure::{COLUMNS, counted};
use crate::reference::Reference;
use crate::replies::key::{MAKE_KEY, NO_KEY};
use crate::vault::{Brought, BroughtFinding};

/// What came of looking at new reports for a way back.
#[derive(Clone, Copy)]
pub(super) enum Collected {
    /// Nothing: the vault has no key that answers are signed with.
    NoKey,
    /// So many people are told that their report was collected.
    Told(u64),
}

/// How the vault stands to the leaves of a bundle once it was taken in.
pub(super) struct Outcome {
    pub(super) name: BundleName,
    pub(super) is_new: bool,
    pub(super) filled: u64,
    pub(super) reports: u64,
    pub(super) pages: u64,
    pub(super) findings: Vec<BroughtFinding>,
    pub(super) collected: Collected,
}

impl Outcome {
    /// Counts what one bundle brought within this bundle's leaves. (Both are of one year: `brought` of
    /// another has to be left out by the caller.)
    pub(super) fn add(&mut self, brought: Brought) {
        let leaves = self.name.first..self.name.last;
        let reports = brought.drops.iter().filter(|d| leaves.contains(&d.index));
        let reports = u64::try_from(reports.count()).unwrap_or(u64::MAX);
        self.reports = self.reports.saturating_add(reports);
        let pages = brought.pages.iter().filter(|index| leaves.contains(index));
        let pages = u64::try_from(pages.count()).unwrap_or(u64::MAX);
        self.pages = self.pages.saturating_add(pages);
        let findings = brought.findings.into_iter();
        self.findings
            .extend(findings.filter(|f| leaves.contains(&f.index)));
    }

    /// What is neither a report, a page of answers nor a finding was opened as a decoy when it came.
    fn decoys(&self) -> u64 {
        let findings = u64::try_from(self.findings.len()).unwrap_or(u64::MAX);
        self.name
            .last
            .saturating_sub(self.name.first)
            .saturating_sub(self.reports)
            .saturating_sub(self.pages)
            .saturating_sub(findings)
    }

    pub(super) fn as_text(&self) -> String {
        let mut text = String::new();
        if !self.is_new {
            text.push_str("These leaves were in the vault already. ");
            text.push_str(if self.filled == 0 {
                "Nothing was changed.\n"
            } else {
                "No report was changed.\n"
            });
        }
        if self.filled > 0 {
            text.push_str(&format!(
                "{} that had been missing or damaged: in place now.\n",
                counted(self.filled, "report")
            ));
        }
        let BundleName { year, first, last } = self.name;
        let count =
            |findings: &[&BroughtFinding]| u64::try_from(findings.len()).unwrap_or(u64::MAX);
        let (strange, missing): (Vec<_>, Vec<_>) =
            self.findings.iter().partition(|finding| finding.is_page);
        let pages = match self.pages {
            0 => String::new(),
            pages => format!("{} of answers, ", counted(pages, "page")),
        };
        text.push_str(&format!(
            "Leaves {first} to {last} of {year}: {}, {pages}{}, {} not whole.\n\
             Signatures, continuity, tree and every digest were checked.\n",
            counted(self.reports, "report"),
            counted(self.decoys(), "decoy"),
            count(&missing),
        ));
        text.push_str(&self.told());
        push_missing(&mut text, &missing);
        push_strange(&mut text, &strange);
        text
    }

    /// What goes back to the people who sent the new reports.
    fn told(&self) -> String {
        let words = match self.collected {
            Collected::Told(0) => return String::new(),
            Collected::NoKey if !self.is_new || self.reports == 0 => return String::new(),
            Collected::Told(told) => format!(
                "{} that a report was collected: in the outbox, for the next hafan-keys replies export.",
                counted(told, "message")
            ),
            Collected::NoKey => format!(
                "Nobody is told that a report was collected: {NO_KEY}. For that, {MAKE_KEY}."
            ),
        };
        text::paragraph(&words, 0, COLUMNS)
    }

    pub(super) fn as_json(&self) -> String {
        let findings: Vec<serde_json::Value> = self
            .findings
            .iter()
            .map(|finding| {
                serde_json::json!({"index": finding.index, "h": finding.h, "why": finding.why, "page": finding.is_page})
            })
            .collect();
        let json = serde_json::json!({
            "year": self.name.year,
            "first": self.name.first,
            "last": self.name.last,
            "new": self.is_new,
            "filled": self.filled,
            "reports": self.reports,
            "decoys": self.decoys(),
            "pages": self.pages,
            "told": match self.collected { Collected::Told(told) => told, Collected::NoKey => 0 },
            "findings": findings,
        });
        format!("{json}\n")
    }
}

fn push_missing(text: &mut String, missing: &[&BroughtFinding]) {
    for finding in missing {
        let reference = finding.h.parse().map(|h| Reference::of(&h).to_string());
        text.push_str(&format!(
            "NOT WHOLE  leaf {}  {}\n",
            finding.index,
            reference.unwrap_or_default()
        ));
        text.push_str(&text::paragraph(&finding.why, 4, COLUMNS));
    }
    if !missing.is_empty() {
        text.push_str(
            "\nEach of these may be a report that could not be taken in. Tell the operator and\n\
             the auditors today, and keep this bundle and the courier's medium as they are.\n\
             When the courier has pulled the same leaves again, import that bundle: it fills\n\
             in what it holds.\n",
        );
    }
}

fn push_strange(text: &mut String, strange: &[&BroughtFinding]) {
    for finding in strange {
        text.push_str(&format!(
            "NOT OURS  leaf {}: {}\n",
            finding.index, finding.why
        ));
    }
    if !strange.is_empty() {
        text.push_str(
            "\nNo report is missing for such a page. Unless another or an older copy of this vault\n\
             made it, somebody else gave the server a page in this force's name: tell the operator\n\
             and the auditors today. A browser believes no message that your key did not sign.\n",
        );
    }
}
