//! Compares one answer with what the manifest says of it.

use http::HeaderMap;
use sha2::{Digest as _, Sha256};

use super::manifest::{File, Manifest};
use crate::client::Answer;

/// A difference: the finding's name, and words.
pub type Difference = (&'static str, String);

/// Headers that an answer may have besides the manifest's. docs/protocol.md section 9; the last are those of a proxy.
const ALLOWED: [&str; 13] = [
    "allow",
    "clear-site-data",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "location",
    "retry-after",
    "strict-transport-security",
    "date",
    "keep-alive",
    "transfer-encoding",
    "via",
];

/// Compares the answer for a file with what a browser must get that accepts these encodings.
#[must_use]
pub fn file(
    manifest: &Manifest,
    file: &File,
    accepts: &[&str],
    answer: &Answer,
) -> Vec<Difference> {
    let status = answer.status.as_u16();
    if status == 404 {
        return vec![("missing-file", "it is not there".to_owned())];
    }
    if status != 200 {
        return vec![(
            "wrong-status",
            format!("it is answered with status {status}, want 200"),
        )];
    }
    let mut found = headers(manifest, &answer.headers);
    let (digest, encoding) = file.for_browser(accepts);
    let served = text(&answer.headers, "content-encoding");
    if served.as_deref() != encoding {
        let what = format!(
            "it comes as {}, want {}",
            served.as_deref().unwrap_or("it is"),
            encoding.unwrap_or("it is")
        );
        found.push(("wrong-encoding", what));
    }
    let media_type = text(&answer.headers, "content-type").unwrap_or_default();
    if media_type != file.content_type {
        let what = format!("its type is {media_type}, want {}", file.content_type);
        found.push(("wrong-type", what));
    }
    let ours = hex::encode(Sha256::digest(&answer.body));
    if ours != digest {
        let what = format!("its SHA-256 is {ours}, want {digest}");
        found.push(("changed-file", what));
        found.extend(scripts(manifest, &answer.body));
    }
    found
}

/// Compares the headers of any answer with the manifest's.
#[must_use]
pub fn headers(manifest: &Manifest, served: &HeaderMap) -> Vec<Difference> {
    let mut found = Vec::new();
    for (name, wanted) in &manifest.headers {
        let values: Vec<_> = served.get_all(name.as_str()).iter().collect();
        match values.as_slice() {
            [] => found.push(("weaker-header", format!("{name} is missing"))),
            [value] if value.as_bytes() == wanted.as_bytes() => {}
            [value] => {
                let value = String::from_utf8_lossy(value.as_bytes());
                let what = format!("{name} is \"{value}\", want \"{wanted}\"");
                found.push(("weaker-header", what));
            }
            _ => found.push((
                "weaker-header",
                format!("{name} is there {} times", values.len()),
            )),
        }
    }
    for name in served.keys() {
        let times = served.get_all(name).iter().count();
        let name = name.as_str();
        // Each proxy on the way adds its own `via`.
        if ALLOWED.contains(&name) && name != "via" && times > 1 {
            found.push(("extra-header", format!("{name} is there {times} times")));
        }
        if !manifest.headers.contains_key(name) && !ALLOWED.contains(&name) {
            found.push((
                "extra-header",
                format!("{name} is sent, which the release does not have"),
            ));
        }
    }
    found
}

/// What a header says; one that is there twice is a finding of [`headers`].
pub(super) fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Scripts that a changed page names and the release does not have.
#[must_use]
pub fn scripts(manifest: &Manifest, page: &[u8]) -> Vec<Difference> {
    let page = String::from_utf8_lossy(page);
    let lower = page.to_ascii_lowercase();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = lower.get(at..).and_then(|rest| rest.find("<script")) {
        at += next + "<script".len();
        let rest = page.get(at..).unwrap_or_default();
        let end = rest.find('>').unwrap_or(rest.len());
        let tag = rest.get(..end).unwrap_or_default();
        match source(tag) {
            Some(source) if manifest.files.contains_key(source) => {}
            Some(source) => {
                let what = format!("it loads {source}, which the release does not have");
                found.push(("extra-script", what));
            }
            None => found.push((
                "extra-script",
                "it has a script of its own in it".to_owned(),
            )),
        }
    }
    found
}

/// The `src` of a tag.
fn source(tag: &str) -> Option<&str> {
    let at = tag.to_ascii_lowercase().find("src=")?;
    let value = tag.get(at + 4..)?;
    match value.chars().next()? {
        quote @ ('"' | '\'') => value.get(1..)?.split(quote).next(),
        _ => value.split_whitespace().next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_found_however_they_are_written() {
        for (tag, found) in [
            (" src=\"/a.js\" defer", Some("/a.js")),
            (" SRC='https://x/a.js'", Some("https://x/a.js")),
            (" src=/a.js defer", Some("/a.js")),
            ("", None),
        ] {
            assert_eq!(source(tag), found, "{tag}");
        }
    }
}
