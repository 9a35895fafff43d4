//! How much an estimate moves with the scenarios that happen to be in the data set.

use std::ops::RangeInclusive;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::metric::MetricInterval;

/// How many resamples may be drawn.
pub const RESAMPLES: RangeInclusive<u32> = 100..=1_000_000;
/// Resamples unless told otherwise.
pub const RESAMPLES_DEFAULT: u32 = 10_000;
/// The seed unless told otherwise.
pub const SEED_DEFAULT: u64 = 1;

/// What the cases of one scenario add up to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct ScenarioSums {
    /// Sum of treatment less control.
    pub(crate) difference_sum: f64,
    /// Pairs, at least one.
    pub(crate) pairs: f64,
}

/// The cluster bootstrap: whole scenarios are drawn with replacement, as many as there are, and the mean
/// difference over their pairs is taken; the ends are percentiles of all those means.
///
/// Davison and Hinkley (1997), section 3.8, and Field and Welsh (2007), "Bootstrapping clustered data"; the percentile
/// interval is Efron's (1979), with quantiles between neighbours interpolated (Hyndman and Fan 1996, type 7). `stream`
/// keeps the draws of one metric apart from those of others. `None` below two scenarios.
pub(crate) fn interval(
    clusters: &[ScenarioSums],
    resamples: u32,
    seed: u64,
    stream: u64,
    alpha: f64,
) -> Option<MetricInterval> {
    let count = u32::try_from(clusters.len()).ok().filter(|count| *count >= 2)?;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(stream);
    let mut means: Vec<f64> = (0..resamples)
        .map(|_| {
            let (mut sum, mut pairs) = (0.0, 0.0);
            for _ in 0..count {
                let ScenarioSums { difference_sum, pairs: more } =
                    clusters[random.random_range(0..count) as usize];
                sum += difference_sum;
                pairs += more;
            }
            sum / pairs
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let low = quantile(&means, alpha / 2.0)?;
    Some(MetricInterval { low, high: quantile(&means, 1.0 - alpha / 2.0)? })
}

/// The quantile of sorted values by Hyndman and Fan's seventh definition.
fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let place = q * (sorted.len().checked_sub(1)?) as f64;
    let below = libm::floor(place);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place of the list"
    )]
    let index = below as usize;
    let low = sorted.get(index)?;
    let high = sorted.get(index + 1).unwrap_or(low);
    Some(low + (place - below) * (high - low))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(difference_sum: f64, pairs: f64) -> ScenarioSums {
        ScenarioSums { difference_sum, pairs }
    }

    #[test]
    fn quantiles_are_interpolated() {
        let values = [1.0, 2.0, 4.0, 8.0, 16.0];
        for (q, expected) in [(0.0, 1.0), (0.25, 2.0), (0.5, 4.0), (0.625, 6.0), (1.0, 16.0)] {
            assert_eq!(quantile(&values, q), Some(expected));
        }
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[3.0], 0.975), Some(3.0));
    }

    #[test]
    fn ends_are_those_of_all_possible_resamples() {
        // Two scenarios of unequal size: of four equally likely draws one has the mean 0, two 2/5, one 1.
        let clusters = [cluster(0.0, 3.0), cluster(2.0, 2.0)];
        let found = |alpha| interval(&clusters, 20_000, 7, 0, alpha).unwrap();
        assert_eq!(found(0.05), MetricInterval { low: 0.0, high: 1.0 });
        // A quarter lies at either end, so that what cuts off 30 % lies in the middle.
        assert_eq!(found(0.6), MetricInterval { low: 0.4, high: 0.4 });
    }

    #[test]
    fn scenarios_that_agree_leave_no_width() {
        let clusters = [cluster(1.0, 4.0), cluster(2.0, 8.0), cluster(0.25, 1.0)];
        assert_eq!(
            interval(&clusters, 500, 1, 0, 0.05),
            Some(MetricInterval { low: 0.25, high: 0.25 })
        );
    }

    #[test]
    fn seed_and_stream_fix_every_draw() {
        let clusters: Vec<ScenarioSums> =
            (0..30).map(|i| cluster(f64::from(i * i % 11), f64::from(1 + i % 4))).collect();
        let found = |seed, stream| interval(&clusters, 1_000, seed, stream, 0.05);
        assert_eq!(found(1, 2), found(1, 2));
        assert_ne!(found(1, 2), found(2, 2));
        assert_ne!(found(1, 2), found(1, 3));
    }

    #[test]
    fn one_scenario_says_nothing_of_scenarios() {
        assert_eq!(interval(&[cluster(1.0, 9.0)], 500, 1, 0, 0.05), None);
        assert_eq!(interval(&[], 500, 1, 0, 0.05), None);
    }
}
