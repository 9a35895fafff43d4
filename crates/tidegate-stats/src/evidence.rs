//! Evidence against "the treatment is no worse", valid at every look.

use libm::{exp, log, log1p, sqrt};

use crate::range::{FINITE, OutOfRange, within};
use crate::student::Estimate;

/// The alternatives a mixture bets on, in multiples of the margin, and how much on each.
const MULTIPLIERS: [f64; 5] = [1.0, 2.0, 4.0, 8.0, 16.0];
const WEIGHTS: [f64; 5] = [0.30, 0.25, 0.20, 0.15, 0.10];

/// A standard error below this part of the margin is not believed.
const ERROR_MIN: f64 = 1e-4;

/// A bet against the null hypothesis: what one unit of money has become. It exceeds `1/α` with a chance
/// of at most α when the hypothesis is true, however often one looks (Ville 1939).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct EValue {
    ln: f64,
}

impl EValue {
    /// No evidence at all.
    pub const ZERO: Self = Self { ln: f64::NEG_INFINITY };
    /// What the null hypothesis rules out has happened.
    pub const INFINITE: Self = Self { ln: f64::INFINITY };

    /// Its natural logarithm; minus infinity for [`Self::ZERO`], infinity for [`Self::INFINITE`].
    pub const fn ln(self) -> f64 {
        self.ln
    }

    /// The value, 0 to infinity.
    pub fn value(self) -> f64 {
        exp(self.ln)
    }

    /// The mixture over `Student`'s t: `E = Σ wₖ [(ν + T²) / (ν + (T - cₖ)²)]^((ν+1)/2)` with
    /// `T = D/√V`, `cₖ = k·margin/√V`, k = 1, 2, 4, 8, 16 and weights .30 .25 .20 .15 .10; zero where
    /// `D <= 0`.
    ///
    /// With infinite ν it is a mixture of Wald's likelihood ratios `exp(cₖT - cₖ²/2)` of a normal mean:
    /// of `k·margin` against 0 (Wald 1945; Robbins 1970), an e-process by Ville's inequality. With
    /// finite ν each is the likelihood ratio of a shifted t distribution, which is an approximation:
    /// validated by simulation, not proved. `T` is capped at `(c₁₆ + √(c₁₆² + 4ν)) / 2`, where the
    /// largest bet peaks, so that evidence does not fall as `D` grows beyond all bets. Between the peaks
    /// of two bets it can dip where ν is small: a heavy tail makes a `T` between them unlikely under both.
    ///
    /// # Errors
    /// [`OutOfRange`] for a margin that is not above zero or not finite.
    pub fn against_no_worse(estimate: &Estimate, margin: f64) -> Result<Self, OutOfRange> {
        let margin = within("margin", margin, &(f64::MIN_POSITIVE..=1e9))?;
        if estimate.value <= 0.0 {
            return Ok(Self::ZERO);
        }
        let error = sqrt(estimate.variance).max(ERROR_MIN * margin);
        let unit = margin / error;
        let nu = estimate.degrees.value();
        let t = estimate.value / error;
        let bets = MULTIPLIERS.map(|k| k * unit);
        let mut terms = [0.0; 5];
        if nu.is_infinite() {
            for (term, c) in terms.iter_mut().zip(bets) {
                *term = c * t - c * c / 2.0;
            }
        } else {
            let largest = bets[bets.len() - 1];
            let t = t.min(f64::midpoint(largest, sqrt(largest * largest + 4.0 * nu)));
            for (term, c) in terms.iter_mut().zip(bets) {
                let apart = t - c;
                *term = f64::midpoint(nu, 1.0) * log1p(c * (2.0 * t - c) / (nu + apart * apart));
            }
        }
        let greatest = terms.into_iter().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = terms.iter().zip(WEIGHTS).map(|(term, w)| w * exp(term - greatest)).sum();
        Ok(Self { ln: greatest + log(sum) })
    }

    /// The e-value with this natural logarithm, which is no NaN.
    pub(crate) const fn of_ln(ln: f64) -> Self {
        Self { ln }
    }

    /// What a purse has become that was divided over several bets: `Σ λ E`. It is an e-value where each is
    /// and the parts sum to at most one.
    pub fn of_parts(parts: impl Iterator<Item = (f64, Self)> + Clone) -> Self {
        let greatest = parts.clone().map(|(_, e)| e.ln).fold(f64::NEG_INFINITY, f64::max);
        if greatest == f64::NEG_INFINITY {
            return Self::ZERO;
        }
        let sum: f64 = parts.map(|(part, e)| part * exp(e.ln - greatest)).sum();
        Self { ln: greatest + log(sum) }
    }

    /// Takes the natural logarithm of an e-value that was computed elsewhere.
    ///
    /// # Errors
    /// [`OutOfRange`] where it is not finite.
    pub fn from_ln(ln: f64) -> Result<Self, OutOfRange> {
        within("logarithm of an e-value", ln, &FINITE).map(|ln| Self { ln })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_divided_purse_is_worth_the_sum_of_its_parts() {
        let of = |values: &[(f64, f64)]| {
            let parts =
                values.iter().map(|&(part, value)| (part, EValue::from_ln(log(value)).unwrap()));
            EValue::of_parts(parts).value()
        };
        assert!((of(&[(0.5, 100.0), (0.25, 8.0)]) - 52.0).abs() < 1e-9);
        assert_eq!(EValue::of_parts([(0.5, EValue::ZERO)].into_iter()), EValue::ZERO);
    }
}
