//! The record of a ceremony: what was made, with fingerprints, and what the people present check.
//!
//! Holds public keys only. `record.html` is one page of its own, without a script or anything from
//! elsewhere; everything in it is made here or has a strict grammar, and is escaped all the same.

use std::path::Path;

use hafan_directory::Directory;
use hafan_tlog::Verifier;
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::words::Fingerprint;

const CHECKLIST: [&str; 12] = [
    "This machine has no network, and its clock shows the right date.",
    "Everyone named below was present from beginning to end.",
    "Each holder typed their own passphrase, unseen, and has written it down nowhere near this machine.",
    "The log key's words were read out by the operator over another way and are the same.",
    "root.age is on two media, sealed, in two safes; it is nowhere else.",
    "Each courier key is on its courier's machine, readable by its owner only; it is nowhere else.",
    "The vault is on the offline workstation, and a copy of it is in a safe.",
    "Each officer has opened their own key once on the workstation (hafan-keys list --as officer-N).",
    "If another force reads reports on this force's own people: that force knows, and its own directory is published.",
    "The directory was given to the operator, and the root key's words to whoever prints leaflets and builds the site.",
    "The date to issue the next directory is in two calendars.",
    "This page is signed below by everyone present, and kept with root.age.",
];

/// One key of the record.
struct Key {
    what: String,
    name: String,
    fingerprint: Fingerprint,
}

/// The record of a ceremony.
pub(crate) struct Record {
    force: String,
    made_on: Date,
    quorum: u16,
    officers: Vec<String>,
    police_suspect: Option<String>,
    first_week: String,
    last_week: String,
    valid_until: Date,
    root: String,
    keys: Vec<Key>,
}

impl Record {
    /// The record of the ceremony that made this directory.
    pub(crate) fn new(directory: &Directory, root: &Verifier, made_on: Date) -> Self {
        let contents = directory.contents();
        let key = |what: &str, name: String, text: &str| Key {
            what: what.to_owned(),
            name,
            fingerprint: Fingerprint::of(text),
        };
        let mut keys = vec![key("Root key", root.name().to_owned(), &root.to_string())];
        let log = &contents.log;
        keys.push(key(
            "Log key of the server",
            log.name().to_owned(),
            &log.to_string(),
        ));
        for courier in &contents.couriers {
            keys.push(key(
                "Courier",
                courier.name().to_owned(),
                &courier.to_string(),
            ));
        }
        let officers: Vec<String> = contents.officers.iter().map(officer_name).collect();
        for ((name, officer), recipient) in officers
            .iter()
            .zip(&contents.officers)
            .zip(&contents.contact.recipients)
        {
            keys.push(key("Officer, to open", name.clone(), recipient.as_str()));
            keys.push(key("Officer, to sign", name.clone(), &officer.to_string()));
        }
        for reply in &contents.replies {
            let name = reply.name().to_owned();
            keys.push(key("Answers, to sign", name, &reply.to_string()));
        }
        for intake in &contents.intake {
            keys.push(key(
                "Intake key",
                intake.id.clone(),
                intake.recipient.as_str(),
            ));
        }
        let week = |key: Option<&hafan_directory::IntakeKey>| {
            key.map_or_else(String::new, |key| key.id.clone())
        };
        Self {
            force: contents.force.to_string(),
            made_on,
            quorum: contents.contact.threshold,
            officers,
            police_suspect: contents.police_suspect.as_ref().map(ToString::to_string),
            first_week: week(contents.intake.first()),
            last_week: week(contents.intake.last()),
            valid_until: contents.valid_until,
            root: root.to_string(),
            keys,
        }
    }

    /// What the terminal shows at the end.
    pub(crate) fn summary(&self, out: &Path, vault: &Path) -> String {
        let root = self
            .keys
            .first()
            .map_or_else(String::new, |key| key.fingerprint.words());
        format!(
            "Done: {} and the vault {}.\nThe directory holds until {} (first day on which it no longer does).\n\
             The root key in words:\n  {root}\nNow print {} and go through its checklist.\n",
            out.display(),
            vault.display(),
            self.valid_until,
            out.join("record.html").display(),
        )
    }

    /// For machines.
    pub(crate) fn json(&self) -> String {
        let keys: Vec<Value> = self
            .keys
            .iter()
            .map(|key| {
                json!({
                    "what": key.what,
                    "name": key.name,
                    "sha256": key.fingerprint.hex().replace(['\n', ' '], ""),
                    "words": key.fingerprint.words(),
                })
            })
            .collect();
        let record = json!({
            "version": 1,
            "force": self.force,
            "made_on": self.made_on.to_string(),
            "officers": self.officers.len(),
            "quorum": self.quorum,
            "police_suspect": self.police_suspect,
            "valid_until": self.valid_until.to_string(),
            "root": self.root,
            "word_list": "BIP 39, English; 11 bits a word, the first 132 bits of the SHA-256",
            "keys": keys,
        });
        format!("{record:#}\n")
    }

    /// To print.
    pub(crate) fn html(&self) -> String {
        let mut rows = String::new();
        for key in &self.keys {
            rows.push_str(&format!(
                "<tr><th scope=\"row\">{}<br>{}</th><td>{}</td><td><code>{}</code></td></tr>\n",
                escape(&key.what),
                escape(&key.name),
                escape(&key.fingerprint.words()),
                escape(&key.fingerprint.hex()).replace('\n', "<br>"),
            ));
        }
        let checks: String = CHECKLIST
            .iter()
            .map(|check| format!("<li><span class=\"box\"></span>{}</li>\n", escape(check)))
            .collect();
        let people: String = std::iter::once("Leads the ceremony".to_owned())
            .chain(self.officers.iter().cloned())
            .chain(["Witness".to_owned(), "Witness".to_owned()])
            .map(|role| {
                format!(
                    "<tr><th scope=\"row\">{}</th><td></td><td></td></tr>\n",
                    escape(&role)
                )
            })
            .collect();
        let police_suspect = self.police_suspect.as_ref().map_or_else(
            || "No other force reads reports that involve this force's own people.".to_owned(),
            |other| format!("Reports that involve this force's own people are read by {other}."),
        );
        PAGE.replace("{force}", &escape(&self.force))
            .replace("{made_on}", &self.made_on.to_string())
            .replace("{officers}", &self.officers.len().to_string())
            .replace("{police_suspect}", &escape(&police_suspect))
            .replace("{quorum}", &self.quorum.to_string())
            .replace("{first_week}", &escape(&self.first_week))
            .replace("{last_week}", &escape(&self.last_week))
            .replace("{valid_until}", &self.valid_until.to_string())
            .replace("{rows}", &rows)
            .replace("{checks}", &checks)
            .replace("{people}", &people)
    }
}

/// `officer-3` of `hafan/btp/officer-3`.
fn officer_name(officer: &Verifier) -> String {
    let name = officer.name();
    name.rsplit_once('/')
        .map_or(name, |(_, name)| name)
        .to_owned()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Key ceremony of {force}, {made_on}</title>
<style>
body { font: 11pt/1.4 sans-serif; margin: 2em auto; max-width: 48em; color: #000; }
table { border-collapse: collapse; width: 100%; margin: 0.5em 0 1.5em; }
th, td { border: 1px solid #000; padding: 0.3em 0.5em; text-align: left; vertical-align: top; }
tr, li { break-inside: avoid; }
code { font: 9pt/1.3 monospace; white-space: nowrap; }
ol { list-style: none; padding: 0; }
li { margin: 0.5em 0; padding-left: 1.7em; text-indent: -1.7em; }
.box { display: inline-block; width: 0.9em; height: 0.9em; border: 1px solid #000; margin-right: 0.6em; text-indent: 0; }
.people td { height: 2.2em; width: 35%; }
</style>
</head>
<body>
<h1>Key ceremony of {force}</h1>
<p>Made on {made_on} (UTC) by hafan-keys. {officers} officers, of whom {quorum} together may open a sealed contact. Intake keys from {first_week} to {last_week}; the directory holds until {valid_until}, the first day on which it no longer does. {police_suspect}</p>
<p>This page holds public keys only. A fingerprint is the SHA-256 of a key as it is printed: all of it in hexadecimal digits, and its first 132 bits in twelve words of the English list of BIP 39.</p>
<h2>Checklist</h2>
<ol>
{checks}</ol>
<h2>Fingerprints</h2>
<table>
<thead><tr><th scope="col">Key</th><th scope="col">In words</th><th scope="col">SHA-256</th></tr></thead>
<tbody>
{rows}</tbody>
</table>
<h2>Present</h2>
<table class="people">
<thead><tr><th scope="col">As</th><th scope="col">Name</th><th scope="col">Signature and date</th></tr></thead>
<tbody>
{people}</tbody>
</table>
</body>
</html>
"#;
