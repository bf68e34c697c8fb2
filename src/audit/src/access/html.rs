//! The report that a person reads, prints and attaches: one page, in English or Welsh, without a script.

use std::collections::BTreeMap;

use super::line::Done;
use super::record::Chain;
use super::rules::ContactOpened;
use crate::report::Report;

/// The language of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// English.
    En,
    /// Welsh.
    Cy,
}

impl Language {
    const fn words(self) -> &'static Words {
        match self {
            Self::En => &ENGLISH,
            Self::Cy => &WELSH,
        }
    }
}

/// What stands on the page, in one language.
struct Words {
    lang: &'static str,
    title: &'static str,
    holds: &'static str,
    does_not_hold: &'static str,
    made: &'static str,
    head: &'static str,
    findings: &'static str,
    no_findings: &'static str,
    notices: &'static str,
    contacts: &'static str,
    no_contacts: &'static str,
    asked: &'static str,
    approved: &'static str,
    counts: &'static str,
    entries: &'static str,
    unproven: &'static str,
    columns: [&'static str; 7],
}

const ENGLISH: Words = Words {
    lang: "en",
    title: "Access record of",
    holds: "This record holds: nothing was found that should not be.",
    does_not_hold: "This record does not hold. What was found stands below.",
    made: "Looked at on",
    head: "Entries, and the root of the head",
    findings: "Findings",
    no_findings: "None.",
    notices: "For a person to judge",
    contacts: "Sealed contacts that were opened",
    no_contacts: "None was opened.",
    asked: "asked",
    approved: "approved",
    counts: "How often each officer did what",
    entries: "Every entry",
    unproven: "What this does not show",
    columns: ["Entry", "Day", "Officer", "What", "Report", "Why", "More"],
};

// status = "unreviewed"
const WELSH: Words = Words {
    lang: "cy",
    title: "Cofnod mynediad",
    holds: "Mae'r cofnod hwn yn dal: ni chafwyd dim na ddylai fod yno.",
    does_not_hold: "Nid yw'r cofnod hwn yn dal. Mae'r hyn a gafwyd isod.",
    made: "Edrychwyd arno ar",
    head: "Cofnodion, a gwraidd y pen",
    findings: "Yr hyn a gafwyd",
    no_findings: "Dim.",
    notices: "I rywun ei farnu",
    contacts: "Manylion cyswllt dan sêl a agorwyd",
    no_contacts: "Ni chafodd dim eu hagor.",
    asked: "gofynnodd",
    approved: "cymeradwyodd",
    counts: "Pa mor aml y gwnaeth pob swyddog beth",
    entries: "Pob cofnod",
    unproven: "Yr hyn nad yw hyn yn ei ddangos",
    columns: [
        "Cofnod",
        "Dydd",
        "Swyddog",
        "Beth",
        "Adroddiad",
        "Pam",
        "Rhagor",
    ],
};

const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 1em}\
table{border-collapse:collapse;width:100%}td,th{border:1px solid #999;padding:.25em .5em;text-align:left;\
vertical-align:top;overflow-wrap:anywhere}th{background:#eee}.verdict{border:3px solid #000;padding:1em;font-weight:bold}";

/// The page.
#[must_use]
pub fn page(
    language: Language,
    force: &str,
    day: &str,
    chain: &Chain,
    contacts: &[ContactOpened],
    report: &Report,
) -> String {
    let words = language.words();
    let mut page = Page::default();
    let Words { lang, title, .. } = words;
    let force = escaped(force);
    page.put(&format!(
        "<!doctype html>\n<html lang=\"{lang}\">\n<meta charset=\"utf-8\">\n<title>{title} {force}</title>\n\
         <style>{STYLE}</style>\n<h1>{title} {force}</h1>"
    ));
    let verdict = if report.code() == 0 {
        words.holds
    } else {
        words.does_not_hold
    };
    page.tag("p class=\"verdict\"", "p", verdict);
    page.tag(
        "p",
        "p",
        &format!(
            "{} {day}. hafan-audit {}",
            words.made,
            env!("CARGO_PKG_VERSION")
        ),
    );
    if let Some(head) = &chain.head {
        page.tag(
            "p",
            "p",
            &format!("{}: {}, {}", words.head, head.size, head.root),
        );
    }
    page.tag("h2", "h2", words.findings);
    let findings = report.findings.iter();
    let findings = findings.map(|f| format!("{} {}: {}", f.name, f.place, f.what));
    let more = (report.more > 0).then(|| format!("+ {}", report.more));
    page.list(findings.chain(more), words.no_findings);
    if !report.notices.is_empty() {
        page.tag("h2", "h2", words.notices);
        let more = (report.more_notices > 0).then(|| format!("+ {}", report.more_notices));
        page.list(report.notices.iter().cloned().chain(more), "");
    }
    page.tag("h2", "h2", words.contacts);
    page.list(
        contacts.iter().map(|contact| told(contact, words)),
        words.no_contacts,
    );
    counts(&mut page, chain, words);
    entries(&mut page, chain, words);
    page.tag("h2", "h2", words.unproven);
    page.list(report.unproven.iter().map(|text| (*text).to_owned()), "");
    page.put("</html>");
    page.text
}

fn told(contact: &ContactOpened, words: &Words) -> String {
    let mut text = format!("{}: {}", contact.entry, hex::encode(contact.report));
    let asked = contact.request.iter().map(|request| (words.asked, request));
    let approved = contact
        .approvals
        .iter()
        .map(|approval| (words.approved, approval));
    for (did, (entry, officer, reason)) in asked.chain(approved) {
        text.push_str(&format!("; {officer} {did} ({entry}; {reason})"));
    }
    text
}

fn counts(page: &mut Page, chain: &Chain, words: &Words) {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for line in &chain.lines {
        let name = match &line.done {
            Done::Known(event) => event.name,
            Done::Unknown(name) => name,
        };
        *counts.entry((&line.officer, name)).or_default() += 1;
    }
    page.tag("h2", "h2", words.counts);
    let lines = counts
        .iter()
        .map(|((officer, name), count)| format!("{officer}: {name} {count}"));
    page.list(lines, words.no_findings);
}

fn entries(page: &mut Page, chain: &Chain, words: &Words) {
    page.tag("h2", "h2", words.entries);
    page.put("<table>");
    page.row("th", &words.columns.map(str::to_owned));
    for line in &chain.lines {
        let (name, report, reason, details) = match &line.done {
            Done::Known(event) => (
                event.name.to_owned(),
                event.report().map(hex::encode).unwrap_or_default(),
                event.reason().unwrap_or_default(),
                event.details(),
            ),
            Done::Unknown(name) => (name.clone(), String::new(), String::new(), String::new()),
        };
        let officer = line.officer_name().to_owned();
        let (number, date) = (line.number.to_string(), line.date.to_string());
        page.row(
            "td",
            &[number, date, officer, name, report, reason, details],
        );
    }
    page.put("</table>");
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn put(&mut self, html: &str) {
        self.text.push_str(html);
        self.text.push('\n');
    }

    fn tag(&mut self, open: &str, close: &str, text: &str) {
        self.put(&format!("<{open}>{}</{close}>", escaped(text)));
    }

    fn list(&mut self, lines: impl Iterator<Item = String>, none: &str) {
        let mut lines = lines.peekable();
        if lines.peek().is_none() {
            self.tag("p", "p", none);
            return;
        }
        self.put("<ul>");
        for line in lines {
            self.tag("li", "li", &line);
        }
        self.put("</ul>");
    }

    fn row(&mut self, cell: &str, cells: &[String]) {
        self.text.push_str("<tr>");
        for text in cells {
            self.text
                .push_str(&format!("<{cell}>{}</{cell}>", escaped(text)));
        }
        self.put("</tr>");
    }
}

/// Text that a page shows as it is: no markup, and nothing that changes the direction of what is read.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let hides = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ if hides || c.is_control() => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            _ => out.push(c),
        }
    }
    out
}
