//! `cargo xtask device` and `screenshots`: what the scripts of `tests/browser` do outside the suite.

use std::path::Path;

use anyhow::{Context, Result};

use xtask::process::{guarded, run, say};
use xtask::{root, tools};

/// A browser that what is left on the device is measured in.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Browser {
    /// Debian's Chromium.
    Chromium,
    /// Debian's Firefox ESR.
    Firefox,
}

impl Browser {
    const fn name(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
        }
    }

    const fn tools(self) -> &'static [tools::Tool] {
        match self {
            Self::Chromium => tools::BROWSER,
            Self::Firefox => tools::FIREFOX,
        }
    }
}

/// Measures what one browser, or each, leaves on the disk.
///
/// # Errors
/// When something that was typed is found, when a control is not, or when a browser does not start.
pub(crate) fn device(only: Option<Browser>) -> Result<()> {
    let all = [Browser::Chromium, Browser::Firefox];
    let wanted = only.as_ref().map_or(&all[..], std::slice::from_ref);
    for browser in wanted {
        tools::ensure(&[tools::NODE, browser.tools()])?;
    }
    tools::npm_ci()?;
    for browser in wanted {
        say(&format!("» {}", browser.name()));
        let mut measure = guarded("node");
        measure
            .current_dir(root())
            .arg("tests/browser/leavings.mjs")
            .arg(browser.name());
        run(&format!("what {} leaves", browser.name()), &mut measure)?;
    }
    Ok(())
}

/// Takes the pictures into `out`, which is made.
///
/// # Errors
/// When a page is not as the script expects it, or `out` cannot be written.
pub(crate) fn screenshots(out: &Path) -> Result<()> {
    tools::ensure(&[tools::NODE, tools::BROWSER])?;
    tools::npm_ci()?;
    let out = std::path::absolute(out).context("cannot name the folder for the pictures")?;
    let mut look = guarded("node");
    look.current_dir(root())
        .arg("tests/browser/look.mjs")
        .arg(out);
    run("pictures", &mut look)
}
