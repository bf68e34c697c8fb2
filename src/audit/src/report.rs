//! What an audit found: a line a finding, what was looked at, what cannot be proven, and a verdict.
//!
//! Whatever comes from what is audited is shown as printable ASCII: it must not steer a terminal.

use serde_json::{Value, json};

use crate::failure::Failure;

/// The most findings that are kept; the rest are counted.
const FINDINGS_MAX: usize = 1_000;

/// Something that cannot be in a system that is as it says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What it is called: the same word each time, for scripts.
    pub name: &'static str,
    /// Where.
    pub place: String,
    /// What was found, and what was wanted.
    pub what: String,
}

/// Everything that one run has to say.
#[derive(Debug, Default)]
pub struct Report {
    /// What was found.
    pub findings: Vec<Finding>,
    /// Findings beyond those that are kept.
    pub more: u64,
    /// What honest use can leave, for a person to judge.
    pub notices: Vec<String>,
    /// What was looked at: a thing and how much of it.
    pub looked_at: Vec<(&'static str, String)>,
    /// What this command cannot prove.
    pub unproven: &'static [&'static str],
    /// Why it ended before everything was looked at.
    pub unfinished: Option<String>,
}

impl Report {
    /// A report that has found nothing yet.
    #[must_use]
    pub fn new(unproven: &'static [&'static str]) -> Self {
        Self {
            unproven,
            ..Self::default()
        }
    }

    /// Notes a finding.
    pub fn found(&mut self, name: &'static str, place: impl AsRef<str>, what: impl AsRef<str>) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding {
                name,
                place: shown(place.as_ref()),
                what: shown(what.as_ref()),
            });
        } else {
            self.more += 1;
        }
    }

    /// Takes the findings of another report, made beside this one.
    pub fn absorb(&mut self, other: Self) {
        for finding in other.findings {
            self.found(finding.name, finding.place, finding.what);
        }
        self.more += other.more;
        self.notices.extend(other.notices);
    }

    /// Notes what a person should judge.
    pub fn notice(&mut self, what: impl AsRef<str>) {
        if self.notices.len() < FINDINGS_MAX {
            self.notices.push(shown(what.as_ref()));
        }
    }

    /// Says what was looked at.
    pub fn looked_at(&mut self, what: &'static str, much: impl Into<String>) {
        self.looked_at.push((what, much.into()));
    }

    /// Notes that not everything could be looked at.
    pub fn unfinished(&mut self, why: &Failure) {
        self.unfinished = Some(shown(&why.to_string().replace("\n  ", "; ")));
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.more == 0
    }

    /// The exit code: 0 holds, 1 a finding, 3 not all could be looked at.
    #[must_use]
    pub fn code(&self) -> u8 {
        if !self.is_clean() {
            1
        } else if self.unfinished.is_some() {
            3
        } else {
            0
        }
    }

    fn count(&self) -> u64 {
        u64::try_from(self.findings.len())
            .unwrap_or(u64::MAX)
            .saturating_add(self.more)
    }

    /// For a person: a line a finding, and the verdict at the end.
    #[must_use]
    pub fn as_text(&self) -> String {
        let mut text = String::new();
        for Finding { name, place, what } in &self.findings {
            push(&mut text, format_args!("FINDING {name} {place}: {what}"));
        }
        if self.more > 0 {
            push(&mut text, format_args!("FINDING and {} more", self.more));
        }
        for notice in &self.notices {
            push(&mut text, format_args!("notice: {notice}"));
        }
        for (what, much) in &self.looked_at {
            push(&mut text, format_args!("looked at {what}: {much}"));
        }
        for unproven in self.unproven {
            push(&mut text, format_args!("cannot be proven here: {unproven}"));
        }
        if let Some(why) = &self.unfinished {
            push(
                &mut text,
                format_args!("not everything was looked at: {why}"),
            );
        }
        let verdict = match (self.count(), &self.unfinished) {
            (0, None) => "HOLDS: nothing was found that should not be".to_owned(),
            (0, Some(_)) => "NO ANSWER: not everything could be looked at".to_owned(),
            (1, _) => "DOES NOT HOLD: 1 finding".to_owned(),
            (count, _) => format!("DOES NOT HOLD: {count} findings"),
        };
        push(&mut text, format_args!("{verdict}"));
        text
    }

    /// For machines: one document.
    #[must_use]
    pub fn as_json(&self, verb: &str) -> String {
        let findings: Vec<Value> = self
            .findings
            .iter()
            .map(|found| json!({"name": found.name, "place": found.place, "what": found.what}))
            .collect();
        let looked_at: serde_json::Map<String, Value> = self
            .looked_at
            .iter()
            .map(|(what, much)| ((*what).to_owned(), json!(much)))
            .collect();
        let verdict = match (self.count(), &self.unfinished) {
            (0, None) => "holds",
            (0, Some(_)) => "no answer",
            (_, _) => "finding",
        };
        let document = json!({
            "command": verb, "verdict": verdict, "findings": findings, "more_findings": self.more,
            "notices": self.notices, "looked_at": looked_at, "cannot_be_proven": self.unproven,
            "unfinished": self.unfinished,
        });
        format!("{document}\n")
    }
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.push_str(&line.to_string());
    text.push('\n');
}

/// Text as printable ASCII, everything else by its number; at most 400 characters of it.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(400) {
        match c {
            ' '..='~' => out.push(c),
            _ => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
        }
    }
    if text.chars().nth(400).is_some() {
        out.push_str("...");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_audited_cannot_steer_the_terminal() {
        assert_eq!(shown("a\u{1b}[2J\u{202e}"), "a\\u{1b}[2J\\u{202e}");
    }

    #[test]
    fn only_a_whole_and_clean_run_holds() {
        let mut report = Report::new(&[]);
        assert_eq!(report.code(), 0);
        report.unfinished = Some("the line dropped".to_owned());
        assert_eq!(report.code(), 3);
        assert!(
            report
                .as_text()
                .ends_with("NO ANSWER: not everything could be looked at\n")
        );
        report.found("stray-file", "core", "is not known");
        assert_eq!(report.code(), 1);
        assert!(
            report
                .as_text()
                .starts_with("FINDING stray-file core: is not known\n")
        );
    }
}
