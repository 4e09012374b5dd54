//! One line on standard error while a calibration runs; nothing when it is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

use crate::calibrate::Campaign;

/// The line.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub fn new() -> Progress {
        let bar = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}");
        Progress(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner())))
    }

    /// Cells, requests, dollars, half widths, and what is left of this batch.
    pub fn show(&self, campaign: &Campaign) {
        let sampler = &campaign.sampler;
        let (spent, reserved) = campaign.money();
        let groups = sampler.groups();
        let widest = groups.iter().map(|group| sampler.known(group).total.relative()).fold(0.0, f64::max);
        let width =
            if widest.is_finite() { format!("±{:.1} %", widest * 100.0) } else { "± unknown".into() };
        let behind: u64 = sampler
            .tallies
            .iter()
            .filter(|tally| tally.stopped.is_none())
            .map(|tally| tally.target.saturating_sub(tally.count()))
            .sum();
        let answers = campaign.counts.answers;
        let seconds = self.0.elapsed().as_secs_f64();
        let pace = if answers > 0 { seconds / answers as f64 } else { 0.0 };
        self.0.set_message(format!(
            "{} cells, {} requests, ${:.2} spent, ${:.2} reserved, widest {width}; {behind} to go in this batch, {:.0} s",
            sampler.cells.len(),
            campaign.counts.sent,
            spent.to_f64(),
            reserved.to_f64(),
            behind as f64 * pace,
        ));
        self.0.tick();
    }

    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
