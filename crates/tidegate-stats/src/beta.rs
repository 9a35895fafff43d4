//! The incomplete beta function and its inverse, with a bounded amount of work.

use core::ops::RangeInclusive;

use libm::{ceil, exp, fabs, lgamma, log, log1p, sqrt};

use crate::range::{CHANCE, OutOfRange, within};

/// The shapes [`quantile`] takes.
pub const SHAPES: RangeInclusive<f64> = 1e-3..=1e9;

/// The `x` with `P(X <= x) = chance` for `X` of Beta(`a`, `b`); `chance` strictly between 0 and 1.
///
/// # Errors
/// [`OutOfRange`] for a shape outside [`SHAPES`] and for any other `chance`.
pub fn quantile(a: f64, b: f64, chance: f64) -> Result<f64, OutOfRange> {
    let a = within("first shape of a beta distribution", a, &SHAPES)?;
    let b = within("second shape of a beta distribution", b, &SHAPES)?;
    let chance = within("chance", chance, &CHANCE)?;
    Ok(if chance <= 0.5 {
        lower_quantile(a, b, chance)
    } else {
        1.0 - lower_quantile(b, a, 1.0 - chance)
    })
}

/// `ln(2 pi)`.
const LN_TAU: f64 = 1.837_877_066_409_345_3;
/// No more terms of the continued fraction than this: enough up to a billion trials.
const MOST_TERMS: f64 = 2e5;
/// No more steps of the inverse than this; bisection alone needs about 60 of them.
const MOST_STEPS: u32 = 200;

/// `P(X <= x)` for `X` of Beta(`a`, `b`), with `y = 1 - x` given apart to keep its digits.
///
/// The continued fraction of Didonato and Morris (1992), summed as Lentz (1976) does; its terms
/// grow with the square root of `a + b`, so statrs' fixed 140 are too few for the counts met here.
pub(crate) fn lower_tail(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if x <= 0.0 {
        0.0
    } else if y <= 0.0 {
        1.0
    } else if x * (a + b + 2.0) <= a + 1.0 {
        power(a, b, x, y) / a * fraction(a, b, x)
    } else {
        1.0 - power(b, a, y, x) / b * fraction(b, a, y)
    }
}

/// The `x` with `P(X <= x) = tail` for `X` of Beta(`a`, `b`), for `0 < tail <= 0.5`.
///
/// Newton's steps on the logarithm of the tail over that of `x`, where it is concave and nearly
/// straight for small `x`; bisection wherever a step leaves the bracket.
pub(crate) fn lower_quantile(a: f64, b: f64, tail: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    let mut x = a / (a + b);
    for _ in 0..MOST_STEPS {
        let y = 1.0 - x;
        let chance = lower_tail(a, b, x, y);
        if chance < tail {
            low = x;
        } else {
            high = x;
        }
        let slope = power(a, b, x, y) / (y * chance);
        let newton = x * exp(-log(chance / tail) / slope);
        let next = if low < newton && newton < high { newton } else { f64::midpoint(low, high) };
        if fabs(next - x) <= 1e-15 * x {
            return next;
        }
        x = next;
    }
    x
}

/// `ln P(X = k)` for the binomial distribution with success chance `p` and failure chance `q`.
///
/// Loader (2000): by the deviance, so that nothing cancels however many trials there are.
pub(crate) fn ln_binomial(successes: f64, failures: f64, p: f64, q: f64) -> f64 {
    if successes == 0.0 {
        failures * log_of(q, p)
    } else if failures == 0.0 {
        successes * log_of(p, q)
    } else {
        let trials = successes + failures;
        ln_power(successes, failures, p, q) + log(trials / (successes * failures))
    }
}

/// `ln x`, where `rest = 1 - x`.
fn log_of(x: f64, rest: f64) -> f64 {
    if x < 0.5 { log(x) } else { log1p(-rest) }
}

/// `x^a * y^b / B(a, b)` with `y = 1 - x`.
fn power(a: f64, b: f64, x: f64, y: f64) -> f64 {
    exp(ln_power(a, b, x, y))
}

/// The logarithm of [`power`], by Stirling's series for `B` and the deviance of `x` from `a / (a +
/// b)`.
fn ln_power(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let both = a + b;
    let apart = x * b - y * a;
    let deviance =
        a * log_less(x * (both / a), apart / a) + b * log_less(y * (both / b), -apart / b);
    let rest = stirling_rest(both) - stirling_rest(a) - stirling_rest(b);
    deviance + 0.5 * (log(a / both * b) - LN_TAU) + rest
}

/// `ln(ratio) - excess` with `excess = ratio - 1`, without loss of digits where the ratio is near 1.
fn log_less(ratio: f64, excess: f64) -> f64 {
    if fabs(excess) > 0.1 {
        return log(ratio) - excess;
    }
    let mut sum = 0.0;
    for k in (2..20).rev() {
        sum = 1.0 / f64::from(k) - excess * sum;
    }
    -excess * excess * sum
}

/// `ln Gamma(z) - (z - 1/2) ln z + z - ln(2 pi) / 2`: what Stirling's formula leaves (Loader 2000).
fn stirling_rest(z: f64) -> f64 {
    if z < 16.0 {
        return lgamma(z) - (z - 0.5) * log(z) + z - 0.5 * LN_TAU;
    }
    let square = z * z;
    let series = [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0];
    series.iter().rev().fold(0.0, |sum, term| term + sum / square) / z
}

/// The continued fraction of the incomplete beta function, for `x <= (a + 1) / (a + b + 2)`.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let away = |value: f64| if fabs(value) < 1e-300 { 1e-300 } else { value };
    let both = a + b;
    let most = ceil(200.0 + 20.0 * sqrt(both)).min(MOST_TERMS);
    let (mut above, mut below) = (1.0, 1.0 / away(1.0 - both * x / (a + 1.0)));
    let mut product = below;
    let mut m = 1.0;
    while m <= most {
        let twice = a + 2.0 * m;
        let even = m * (b - m) * x / ((twice - 1.0) * twice);
        below = 1.0 / away(1.0 + even * below);
        above = away(1.0 + even / above);
        product *= below * above;
        let odd = -(a + m) * (both + m) * x / (twice * (twice + 1.0));
        below = 1.0 / away(1.0 + odd * below);
        above = away(1.0 + odd / above);
        let step = below * above;
        product *= step;
        if fabs(step - 1.0) <= 1e-16 {
            break;
        }
        m += 1.0;
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a, b, x, P(X <= x)` from scipy 1.17.1.
    const TAILS: [(f64, f64, f64, f64); 6] = [
        (0.5, 0.5, 0.3, 0.369_010_119_565_545_36),
        (2.5, 1000.5, 0.001, 0.151_339_655_315_967_9),
        (50001.0, 50000.0, 0.501, 0.735_422_181_603_384_1),
        (900_000.0, 100_001.0, 0.8995, 0.048_246_737_948_985_01),
        (40.0, 3.0, 0.5, 2.055_458_026_006_817_8e-10),
        (300_000_000.0, 700_000_000.0, 0.29999, 0.245_077_995_564_955_27),
    ];

    #[test]
    fn tails_are_those_of_scipy() {
        for (a, b, x, expected) in TAILS {
            let tail = lower_tail(a, b, x, 1.0 - x);
            assert!(fabs(tail / expected - 1.0) < 1e-9, "{a} {b} {x}: {tail} for {expected}");
        }
    }

    #[test]
    fn the_quantile_undoes_the_tail() {
        for a in [0.5, 1.0, 3.5, 80.0, 4e4, 1e7] {
            for b in [0.5, 1.0, 7.5, 300.0, 1e5, 1e9] {
                for tail in [1e-100, 1e-12, 0.005, 0.025, 0.2, 0.5] {
                    let x = lower_quantile(a, b, tail);
                    let back = lower_tail(a, b, x, 1.0 - x);
                    // One bit of x next to 1 is all that separates neighbouring tails.
                    let slack = 1e-8 + 1e-15 * power(a, b, x, 1.0 - x) / ((1.0 - x) * tail);
                    assert!(
                        x >= 1.0 || fabs(back / tail - 1.0) < slack,
                        "{a} {b} {tail}: {x} {back}"
                    );
                }
            }
        }
    }

    #[test]
    fn outcomes_of_a_binomial_sum_to_one() {
        let sum: f64 =
            (0..=50).map(|k| exp(ln_binomial(f64::from(k), f64::from(50 - k), 0.3, 0.7))).sum();
        assert!(fabs(sum - 1.0) < 1e-14, "{sum}");
    }
}
