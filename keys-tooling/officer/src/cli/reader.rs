//! The verb that fills the terminal: the list of reports, and one to read.

use clap::Args;
use hafan_record::ReasonCode;

use super::{Headings, Who};

pub(crate) const READER: &str = "Example:
  hafan-keys reader --vault ./vault --as officer-1

Shows the list of reports and reads them, on the whole terminal. The keys that can be pressed stand at the bottom. For each report it asks why you open it, and writes that to the access record before anything is opened; if that cannot be done, nothing is opened.
h hides the text at once, l locks. After 5 minutes without a key it locks by itself. When it ends, the screen is cleared.";

#[derive(Args)]
pub(crate) struct Reader {
    #[command(flatten)]
    pub(crate) who: Who,
    #[command(flatten)]
    pub(crate) headings: Headings,
    /// The reason that is offered first, as for read.
    #[arg(long, value_name = "REASON", default_value = "first-reading")]
    pub(crate) reason: ReasonCode,
    /// After how many seconds without a key it locks.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(30..=3600))]
    pub(crate) idle_s: u64,
}
