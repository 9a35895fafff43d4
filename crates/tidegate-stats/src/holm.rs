//! Several tests at once, by the method of Holm (1979).

use alloc::vec::Vec;

use crate::range::{OutOfRange, within};

/// The p values adjusted for how many there are, in the order given.
///
/// The `i`-th smallest of `m` counts `m - i + 1` times, is at least as large as the one before it, and at most 1. To
/// refuse each hypothesis whose adjusted value is at most alpha errs anywhere with a chance of at most alpha,
/// however the tests depend on each other.
///
/// # Errors
/// [`OutOfRange`] where a value is not within 0 and 1.
pub fn adjusted(values: &[f64]) -> Result<Vec<f64>, OutOfRange> {
    let mut order = Vec::with_capacity(values.len());
    for (place, value) in values.iter().enumerate() {
        order.push((within("p value", *value, &(0.0..=1.0))?, place));
    }
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut adjusted = alloc::vec![0.0; values.len()];
    let mut least: f64 = 0.0;
    for (rank, (value, place)) in order.into_iter().enumerate() {
        least = least.max(value * (values.len() - rank) as f64).min(1.0);
        if let Some(slot) = adjusted.get_mut(place) {
            *slot = least;
        }
    }
    Ok(adjusted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_adjusted_by_hand() {
        // Ordered: .01 x 4, .03 x 3, .04 x 2 = .08 raised to .09, .3 x 1.
        let adjusted = adjusted(&[0.04, 0.01, 0.3, 0.03]).unwrap();
        for (got, expected) in adjusted.iter().zip([0.09, 0.04, 0.3, 0.09]) {
            assert!((got - expected).abs() < 1e-15, "{got} for {expected}");
        }
    }

    #[test]
    fn nothing_is_adjusted_beyond_a_chance() {
        assert_eq!(adjusted(&[]).unwrap(), []);
        assert_eq!(adjusted(&[0.2]).unwrap(), [0.2]);
        assert_eq!(adjusted(&[0.6, 0.7, 1.0]).unwrap(), [1.0, 1.0, 1.0]);
        for value in [f64::NAN, -0.1, 1.1] {
            assert!(adjusted(&[0.5, value]).is_err());
        }
    }
}
