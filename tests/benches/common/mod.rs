//! What the benchmarks share: rounds, medians, one line a figure.

use std::time::{Duration, Instant};

/// How long a piece of work takes.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed())
}

/// One ratio, from rounds in which ours and the limit were measured one after the other.
pub(crate) struct Figure {
    name: String,
    unit: &'static str,
    ours: Vec<f64>,
    limit: Vec<f64>,
}

impl Figure {
    /// `unit` is of both measures, more being better.
    pub(crate) fn new(name: String, unit: &'static str) -> Self {
        Self {
            name,
            unit,
            ours: Vec::new(),
            limit: Vec::new(),
        }
    }

    /// One round: how much of the unit's work was done, and how long ours and the limit took for it.
    pub(crate) fn round(&mut self, work: f64, ours: Duration, limit: Duration) {
        self.ours.push(work / ours.as_secs_f64());
        self.limit.push(work / limit.as_secs_f64());
    }

    /// Prints the median ratio, and between which ratios the rounds lay; gives the median.
    #[expect(
        clippy::print_stdout,
        reason = "the figures are what a benchmark is for"
    )]
    pub(crate) fn print(&self) -> f64 {
        let mut ratios: Vec<f64> = self
            .ours
            .iter()
            .zip(&self.limit)
            .map(|(ours, limit)| ours / limit)
            .collect();
        ratios.sort_by(f64::total_cmp);
        let ratio = median(&ratios);
        let least = ratios.first().copied().unwrap_or(f64::NAN);
        let most = ratios.last().copied().unwrap_or(f64::NAN);
        let (ours, limit) = (median(&self.ours), median(&self.limit));
        if std::env::args().any(|argument| argument == "--json") {
            let line = serde_json::json!({
                "figure": self.name, "ratio": ratio, "ratio_least": least, "ratio_most": most,
                "ours": ours, "limit": limit, "unit": self.unit, "rounds": ratios.len(),
            });
            println!("{line}");
        } else {
            println!(
                "{:<42} {ratio:.3} of the limit ({least:.3} to {most:.3}); {ours:.1} of {limit:.1} {}",
                self.name, self.unit
            );
        }
        ratio
    }
}

/// The middle one.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
