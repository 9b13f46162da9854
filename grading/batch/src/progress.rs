//! Batch progress: a bar on a terminal, or else an occasional line.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// How often a line is written without a terminal.
const LINES: Duration = Duration::from_secs(10);

/// The progress of a batch.
pub struct Progress {
    bar: Option<ProgressBar>,
    total: u64,
    done: u64,
    /// The percentages of the graded submissions.
    percents: Vec<u64>,
    started: Instant,
    last_line: Instant,
    /// Whether there is progress since the last line.
    has_news: bool,
    /// What is slow now.
    slow: Option<String>,
    quiet: bool,
}

impl Progress {
    /// The progress of a batch of this size. `quiet` shows nothing.
    #[must_use]
    pub fn new(total: u64, quiet: bool) -> Self {
        let bar = (!quiet && io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(total);
            let style = ProgressStyle::with_template(
                "{bar:30.cyan/blue} {pos}/{len}  {rate}  {eta} left  {msg}",
            );
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            let rate = |state: &ProgressState, text: &mut dyn fmt::Write| {
                let _ = write!(text, "{:.1} a minute", state.per_sec() * 60.0);
            };
            bar.set_style(style.with_key("rate", rate));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        let now = Instant::now();
        Self {
            bar,
            total,
            done: 0,
            percents: Vec::new(),
            started: now,
            last_line: now,
            has_news: false,
            slow: None,
            quiet,
        }
    }

    /// Counts a finished submission. `percent` is its share of the points, if it has a grade.
    pub fn done(&mut self, percent: Option<u64>) {
        self.done += 1;
        self.percents.extend(percent);
        match &self.bar {
            Some(bar) => {
                bar.set_message(self.message());
                bar.inc(1);
            }
            None => {
                self.has_news = true;
                if self.done == self.total {
                    self.write_line();
                }
            }
        }
    }

    /// Notes what is slow now, if anything is.
    pub fn slow(&mut self, slow: Option<String>) {
        if self.slow == slow {
            return;
        }
        self.slow = slow;
        match &self.bar {
            Some(bar) => bar.set_message(self.message()),
            // It changes every second, so it waits for the next line.
            None => self.has_news |= self.slow.is_some(),
        }
    }

    /// The distribution so far, and what is slow now.
    fn message(&self) -> String {
        let distribution = distribution(&self.percents);
        match &self.slow {
            Some(slow) if distribution.is_empty() => slow.clone(),
            Some(slow) => format!("{distribution}  {slow}"),
            None => distribution,
        }
    }

    /// Called periodically. Without a terminal, prints a line if there is progress.
    pub fn tick(&mut self) {
        if self.has_news && self.last_line.elapsed() >= LINES {
            self.write_line();
        }
    }

    fn write_line(&mut self) {
        self.has_news = false;
        if self.quiet {
            return;
        }
        self.last_line = Instant::now();
        let elapsed = self.started.elapsed();
        let left = (elapsed.as_secs() * (self.total - self.done))
            .checked_div(self.done)
            .map(|left| format!(", about {left} s remaining"))
            .unwrap_or_default();
        let _ = writeln!(
            io::stderr(),
            "graded {} of {} in {} s{left}  {}",
            self.done,
            self.total,
            elapsed.as_secs(),
            self.message()
        );
    }

    /// Prints a message.
    pub fn say(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.println(what),
            None => drop(writeln!(io::stderr(), "{what}")),
        }
    }

    /// Ends the bar.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The distribution of the points so far, as ten small columns from 0 to 100 %.
fn distribution(percents: &[u64]) -> String {
    const COLUMNS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    if percents.is_empty() {
        return String::new();
    }
    let mut bins = [0_usize; 10];
    for percent in percents {
        bins[usize::try_from(percent / 10).unwrap_or(9).min(9)] += 1;
    }
    let most = bins.iter().copied().max().unwrap_or(1).max(1);
    let columns: String = bins.iter().map(|count| COLUMNS[(count * 8).div_ceil(most)]).collect();
    let mut sorted = percents.to_vec();
    sorted.sort_unstable();
    format!("0%[{columns}]100%  median {}%", sorted[(sorted.len() - 1) / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_fits_in_a_line() {
        assert_eq!(distribution(&[]), "");
        assert_eq!(distribution(&[0, 55, 95, 100, 100]), "0%[▃    ▃   █]100%  median 95%");
    }
}
