//! Two contestants at the same work, taking turns, so that a noisy machine is noisy to both.
//!
//! It knows rounds, medians and percentiles. It does not know what is measured.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::Result;

/// How many turns each contestant gets.
pub(super) const ROUNDS: u32 = 5;
/// No round keeps more samples than this, however fast it is.
const SAMPLES_MAX: usize = 1_000_000;

/// What a figure counts, and which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Seconds for one; less is better.
    Seconds,
    /// How many in a second; more is better.
    PerSecond,
    /// Bytes in a second; more is better.
    BytesPerSecond,
    /// A share of the whole, from 0 to 1.
    Share,
}

/// One of the figures that a round yields.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    /// What ours should be as a multiple of the floor: at most, or for rates at least.
    pub(super) goal: Option<f64>,
}

/// Somebody who can do the work for a while, and again.
pub(super) trait Contestant: Send {
    /// Works for about this long; one value for each figure, in their order.
    fn round(&mut self, length: Duration) -> impl Future<Output = Result<Vec<f64>>> + Send;
}

/// A figure of both contestants.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) work: &'static str,
    pub(super) figure: Figure,
    pub(super) floor: f64,
    pub(super) ours: Option<f64>,
}

impl Row {
    /// Ours as a multiple of the floor.
    pub(super) fn ratio(&self) -> Option<f64> {
        let comparable = self.figure.unit != Unit::Share && self.floor > 0.0;
        self.ours.filter(|_| comparable).map(|ours| ours / self.floor)
    }
}

/// Lets both work in turns, after a warm-up of each; `seconds` of work for each in all.
pub(super) async fn compare<F: Contestant, O: Contestant>(
    work: &'static str,
    figures: &[Figure],
    seconds: f64,
    floor: &mut F,
    ours: &mut Option<O>,
) -> Result<Vec<Row>> {
    let length = Duration::from_secs_f64(seconds / f64::from(ROUNDS));
    let (mut floor_rounds, mut our_rounds) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let is_warm_up = round == 0;
        let of_floor = floor.round(length).await?;
        let of_ours = match ours {
            Some(ours) => Some(ours.round(length).await?),
            None => None,
        };
        if !is_warm_up {
            floor_rounds.push(of_floor);
            our_rounds.extend(of_ours);
        }
    }
    let row = |(number, figure): (usize, &Figure)| Row {
        work,
        figure: *figure,
        floor: median_of(&floor_rounds, number).unwrap_or(0.0),
        ours: median_of(&our_rounds, number),
    };
    Ok(figures.iter().enumerate().map(row).collect())
}

/// The median of one figure over all rounds.
pub(super) fn median_of(rounds: &[Vec<f64>], figure: usize) -> Option<f64> {
    let mut values: Vec<f64> =
        rounds.iter().filter_map(|round| round.get(figure).copied()).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// How long single pieces of work took.
#[derive(Debug)]
pub(super) struct Samples {
    end: Instant,
    taken: Vec<Duration>,
}

impl Samples {
    /// Room for the samples of one round.
    pub(super) fn new(length: Duration) -> Self {
        Self { end: Instant::now() + length, taken: Vec::with_capacity(4096) }
    }

    /// Is there time for more? There always is for a first one.
    pub(super) fn wants_more(&self) -> bool {
        self.taken.is_empty() || Instant::now() < self.end && self.taken.len() < SAMPLES_MAX
    }

    /// One more.
    pub(super) fn push(&mut self, start: Instant) {
        self.taken.push(start.elapsed());
    }

    /// More that were taken elsewhere.
    pub(super) fn add(&mut self, taken: Vec<Duration>) {
        self.taken.extend(taken);
    }

    /// The median and the 99th percentile, in seconds.
    pub(super) fn p50_and_p99(mut self) -> Vec<f64> {
        self.taken.sort_unstable();
        let at = |percent: usize| {
            let index = (self.taken.len() * percent / 100).min(self.taken.len().saturating_sub(1));
            self.taken.get(index).map_or(0.0, Duration::as_secs_f64)
        };
        vec![at(50), at(99)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_per_figure() {
        let rounds = [vec![3.0, 1.0], vec![1.0, 5.0], vec![2.0, 3.0]];
        assert_eq!(median_of(&rounds, 0), Some(2.0));
        assert_eq!(median_of(&rounds, 1), Some(3.0));
        assert_eq!(median_of(&[], 0), None);
    }

    #[test]
    fn percentiles_are_taken_from_sorted_samples() {
        let mut samples = Samples::new(Duration::ZERO);
        samples.taken = (1..=100).rev().map(Duration::from_secs).collect();
        assert_eq!(samples.p50_and_p99(), [51.0, 100.0]);
    }
}
