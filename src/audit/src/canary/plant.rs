//! Sends marked reports as a person does: through the page itself, in a real browser. What it relies on of the page stands at
//! the head of web/src/form.ts.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::Marks;
use super::browser::Browser;
use crate::access::html::Language;
use crate::failure::{Failure, Kind};
use crate::progress;

/// Sealing and sending on a slow machine, and the tries of a slow line.
const SENDING_MAX: Duration = Duration::from_secs(180);
/// Starting the page's worker.
const STARTING_MAX: Duration = Duration::from_secs(60);
/// More pages than any way through the form has.
const PAGES_MAX: usize = 100;

/// What is planted, and where.
pub struct Planting {
    /// The server's address, without a path.
    pub server: String,
    /// The force whose form is filled in.
    pub force: String,
    /// The language of the page.
    pub language: Language,
    /// How many reports.
    pub count: usize,
    /// The new file that the marks are written into.
    pub marks: PathBuf,
    /// The browser's program.
    pub browser: PathBuf,
}

/// The section that is shown.
const SHOWN: &str = "document.querySelector('[data-section]:not([hidden])')?.dataset.section ?? ''";

/// Whether the form can be filled in.
const READY: &str = "document.querySelector('#form')?.hidden === false";

/// Chooses in every group of the section in sight: what leads to a report on this way, or the first.
const CHOOSE: &str = r"(force) => {
  const wanted = { c1: 'none', length: 'full', 'p-more': 'no', r1: 'self', r2: force, r3: 'no', g7: 'adult' };
  const section = document.querySelector('[data-section]:not([hidden])');
  const seen = new Set();
  for (const radio of section.querySelectorAll('input[type=radio]')) {
    if (radio.offsetParent === null || seen.has(radio.name)) continue;
    seen.add(radio.name);
    const all = [...section.querySelectorAll('input[type=radio]')].filter(({ name }) => name === radio.name);
    (all.find(({ value }) => value === wanted[radio.name]) ?? radio).click();
  }
}";

/// Puts the focus into the next field for words that is empty; false when there is none.
const FOCUS: &str = r"(() => {
  const section = document.querySelector('[data-section]:not([hidden])');
  const next = [...section.querySelectorAll('textarea, input[type=text], input:not([type])')].find(
    (field) => field.offsetParent !== null && field.value === '' && field.closest('.govuk-date-input') === null,
  );
  next?.focus();
  return next !== undefined;
})()";

/// The files of the section in sight, if it asks for any and has none yet.
const FILES: &str = r#"document.querySelector('[data-section]:not([hidden]) input[type=file]') !== null &&
  document.querySelector('[data-section]:not([hidden]) [data-testid="files-remove"]') === null"#;
const FILE_INPUT: &str = "[data-section]:not([hidden]) input[type=file]";
const FILE_TAKEN: &str = r#"document.querySelector('[data-section]:not([hidden]) [data-testid="files-remove"]') !== null"#;

const PRESS: &str = r#"(name) => {
  const button = document.querySelector(`[data-testid="${name}"]`);
  if (button === null || button.hidden) return false;
  button.click();
  return true;
}"#;

/// Plants marked reports and returns the marks.
///
/// # Errors
/// The marks cannot be written, the browser does not start, or the page does not come to its end.
pub fn plant(planting: &Planting) -> Result<Marks, Failure> {
    let marks = Marks::draw(planting.count)?;
    marks.write(&planting.marks)?;
    let bar = progress::bar("reports", u64::try_from(planting.count).unwrap_or(u64::MAX));
    for mark in &marks.marks {
        send_one(planting, mark)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(marks)
}

fn send_one(planting: &Planting, mark: &str) -> Result<(), Failure> {
    let Planting { server, force, .. } = planting;
    let language = match planting.language {
        Language::En => "en",
        Language::Cy => "cy",
    };
    let mut browser = Browser::start(&planting.browser)?;
    browser.open(&format!(
        "{}/{force}/{language}/report/",
        server.trim_end_matches('/')
    ))?;
    if browser.value("document.querySelector('#form') !== null")? != Value::Bool(true) {
        return Err(stuck("a page without a form"));
    }
    if browser.value("window.isSecureContext")? != Value::Bool(true) {
        return Err(stuck("a page that came over no safe connection"));
    }
    browser.wait_for(READY, STARTING_MAX)?;
    for _ in 0..PAGES_MAX {
        let section = section(&mut browser)?;
        match section.as_str() {
            "check" => press(&mut browser, "continue")?,
            "before" => {
                press(&mut browser, "send")?;
                return arrive(&mut browser);
            }
            "failed" | "blocked" | "" => return Err(stuck(&section)),
            _ => {
                answer(&mut browser, force, mark)?;
                if !press_if(&mut browser, "continue")? {
                    return Err(stuck(&section));
                }
            }
        }
        let leaves = format!("({SHOWN}) !== {}", Value::from(section.as_str()));
        if browser.wait_for(&leaves, Duration::from_secs(10)).is_err() {
            // It wants something else than words: it can be left out, as anybody may.
            press(&mut browser, "skip").map_err(|_| stuck(&section))?;
            browser
                .wait_for(&leaves, Duration::from_secs(10))
                .map_err(|_| stuck(&section))?;
        }
    }
    Err(stuck("a page without end"))
}

fn answer(browser: &mut Browser, force: &str, mark: &str) -> Result<(), Failure> {
    browser.value(&format!("({CHOOSE})({})", Value::from(force)))?;
    // A choice can bring further fields into sight.
    for _ in 0..PAGES_MAX {
        if browser.value(FOCUS)? != Value::Bool(true) {
            break;
        }
        browser.type_text(mark)?;
    }
    if browser.value(FILES)? == Value::Bool(true) {
        let dir =
            tempfile::tempdir().map_err(|error| Failure::write(&std::env::temp_dir(), error))?;
        let path = dir.path().join(format!("{mark}.txt"));
        std::fs::write(&path, mark).map_err(|error| Failure::write(&path, error))?;
        browser.choose_file(FILE_INPUT, &path)?;
        browser.wait_for(FILE_TAKEN, STARTING_MAX)?;
        // Its bytes are read once more when the report is sealed: the file has to be there as long as the browser is.
        browser.keep(dir);
    }
    Ok(())
}

fn arrive(browser: &mut Browser) -> Result<(), Failure> {
    let over = format!("['sent', 'failed', 'blocked'].includes({SHOWN})");
    browser.wait_for(&over, SENDING_MAX)?;
    let section = section(browser)?;
    if section == "sent" {
        Ok(())
    } else {
        Err(stuck(&section))
    }
}

fn section(browser: &mut Browser) -> Result<String, Failure> {
    Ok(browser
        .value(SHOWN)?
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

fn press(browser: &mut Browser, name: &str) -> Result<(), Failure> {
    if press_if(browser, name)? {
        Ok(())
    } else {
        Err(stuck(name))
    }
}

fn press_if(browser: &mut Browser, name: &str) -> Result<bool, Failure> {
    let pressed = browser.value(&format!("({PRESS})({})", Value::from(name)))?;
    Ok(pressed == Value::Bool(true))
}

fn stuck(section: &str) -> Failure {
    let what = format!("the form did not come to its end: it stands at \"{section}\"");
    let advice = "open the page by hand and see what it says; the marks that were written stay valid for what was sent";
    Failure::new(Kind::Unreachable, what, advice)
}
