//! The true rates of a fleet: beta distributed over cameras.

use tidegate_stats::beta;
use tidegate_stats::range::OutOfRange;

/// Places at which the quantile function is kept.
const KNOTS: u32 = 2_048;

/// One rate of every camera of a fleet: `Beta(pκ, (1-p)κ)` with `κ = (1-ρ)/ρ`, so that events of one camera
/// have the intraclass correlation ρ.
///
/// A camera is a place between 0 and 1 in the fleet; its rate is the quantile there. A change adds the same
/// points to every camera, as far as 0 and 1 allow, such that the fleet's mean changes by exactly the change.
#[derive(Debug, Clone)]
pub(crate) struct Rates {
    /// Quantiles at the middle of equal parts, with exactly the mean.
    knots: Vec<f64>,
    mean: f64,
}

impl Rates {
    /// Rates with a mean and an intraclass correlation, each 0 to 1.
    pub(crate) fn new(mean: f64, icc: f64) -> Result<Self, OutOfRange> {
        let alike = icc <= 0.0 || mean <= 0.0 || mean >= 1.0;
        if alike {
            return Ok(Self { knots: vec![mean], mean });
        }
        let kappa = (1.0 - icc) / icc;
        let shape = |part: f64| (part * kappa).max(*beta::SHAPES.start());
        let (a, b) = (shape(mean), shape(1.0 - mean));
        let place = |knot: u32| (f64::from(knot) + 0.5) / f64::from(KNOTS);
        let knots: Result<Vec<f64>, _> =
            (0..KNOTS).map(|knot| beta::quantile(a, b, place(knot))).collect();
        let mut rates = Self { knots: knots?, mean };
        // What the middles leave out of the tails is given back, so that the mean is the one asked for.
        let shift = rates.shift(0.0);
        for knot in &mut rates.knots {
            *knot = (*knot + shift).clamp(0.0, 1.0);
        }
        Ok(rates)
    }

    /// The rate of the camera at a place from 0 to 1.
    pub(crate) fn at(&self, place: f64) -> f64 {
        let last = self.knots.len() - 1;
        let position = place * self.knots.len() as f64 - 0.5;
        if position <= 0.0 {
            return self.knots[0];
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
        let below = (position as usize).min(last);
        let above = (below + 1).min(last);
        let part = (position - below as f64).min(1.0);
        self.knots[below] + (self.knots[above] - self.knots[below]) * part
    }

    /// The points to add to every camera so that the mean changes by `change`.
    pub(crate) fn shift(&self, change: f64) -> f64 {
        let wanted = self.mean + change;
        let (mut low, mut high) = (-1.0, 1.0);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            let moved = self.knots.iter().map(|rate| (rate + middle).clamp(0.0, 1.0));
            if moved.sum::<f64>() / (self.knots.len() as f64) < wanted {
                low = middle;
            } else {
                high = middle;
            }
        }
        f64::midpoint(low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(rates: &Rates, shift: f64) -> (f64, f64) {
        let places = (0..10_000).map(|i| (f64::from(i) + 0.5) / 10_000.0);
        let values: Vec<f64> = places.map(|u| (rates.at(u) + shift).clamp(0.0, 1.0)).collect();
        let mean = values.iter().sum::<f64>() / 10_000.0;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 10_000.0;
        (mean, variance)
    }

    #[test]
    fn rates_have_the_mean_and_the_correlation_asked_for() {
        for (mean, icc) in [(0.6, 0.1), (0.2, 0.2), (0.02, 0.1), (0.02, 0.01), (0.5, 0.5)] {
            let rates = Rates::new(mean, icc).unwrap();
            let (found, variance) = moments(&rates, 0.0);
            assert!((found / mean - 1.0).abs() < 2e-3, "{mean} {icc}: {found}");
            let correlation = variance / (mean * (1.0 - mean));
            assert!((correlation / icc - 1.0).abs() < 0.03, "{mean} {icc}: {correlation}");
        }
    }

    #[test]
    fn a_change_moves_the_mean_by_exactly_that() {
        for (mean, icc, change) in
            [(0.6, 0.1, 0.2), (0.02, 0.1, 0.1), (0.6, 0.2, -0.3), (0.02, 0.1, -0.02)]
        {
            let rates = Rates::new(mean, icc).unwrap();
            let (found, _) = moments(&rates, rates.shift(change));
            assert!((found - mean - change).abs() < 1e-4, "{mean} {icc} {change}: {found}");
        }
    }

    #[test]
    fn without_correlation_all_cameras_are_alike() {
        let rates = Rates::new(0.3, 0.0).unwrap();
        assert_eq!((rates.at(0.01), rates.at(0.99)), (0.3, 0.3));
    }
}
