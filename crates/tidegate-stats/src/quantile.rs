//! Quantiles of latencies from counts in buckets, which add up exactly.

use alloc::vec::Vec;

/// Bits of a value kept below its highest one: 32 buckets for each power of two.
const BITS: u32 = 5;
/// How many buckets there are: values below 64 have their own, the octaves above 32 each.
const BUCKETS: u32 = (u32::BITS - BITS + 1) << BITS;

/// Why stored buckets are no sketch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSketch {
    /// The index of no bucket.
    #[error("bucket {index} does not exist, the last is {}", BUCKETS - 1)]
    NoSuchBucket {
        /// The index as it came.
        index: u32,
    },
    /// More values than can be counted.
    #[error("the counts of the buckets exceed 2^64")]
    TooMany,
}

/// Counts of latencies in buckets of a relative width of 1/32.
///
/// Each power of two is divided into 32 buckets of equal width, as in `HdrHistogram` (Tene 2012),
/// so a quantile is off by less than 1/64 of its value, the kind of promise `DDSketch` makes
/// (Masson, Rim and Lee 2019). Buckets are integers: merging adds them, in any order, to the same
/// sketch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QuantileSketch {
    /// By bucket; the last one is not zero, so equal contents are equal sketches.
    counts: Vec<u64>,
}

impl QuantileSketch {
    /// The sketch with these `buckets` of index and count, such as [`Self::buckets`] gave; counts
    /// of one index add up.
    ///
    /// # Errors
    /// [`NoSketch`] for an index of no bucket and for more than 2^64 values.
    pub fn from_buckets(buckets: impl IntoIterator<Item = (u32, u64)>) -> Result<Self, NoSketch> {
        let mut sketch = Self::default();
        let mut total: u64 = 0;
        for (index, count) in buckets {
            if index >= BUCKETS {
                return Err(NoSketch::NoSuchBucket { index });
            }
            total = total.checked_add(count).ok_or(NoSketch::TooMany)?;
            sketch.count_in(index as usize, count);
        }
        Ok(sketch)
    }

    /// Adds a latency in microseconds.
    pub fn add(&mut self, us: u32) {
        self.count_in(bucket_of(us), 1);
    }

    /// Adds all that `other` holds.
    pub fn merge(&mut self, other: &Self) {
        for (index, count) in other.counts.iter().enumerate() {
            self.count_in(index, *count);
        }
    }

    /// How many latencies there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The buckets that hold something, as index and count, in the order of their values.
    pub fn buckets(&self) -> impl Iterator<Item = (u32, u64)> {
        (0..).zip(self.counts.iter().copied()).filter(|(_, count)| *count > 0)
    }

    /// The latency in microseconds that a share `q` of all does not exceed.
    ///
    /// The middle of the bucket of the value with rank `max(1, ceil(q n))` among `n` in rising
    /// order: the inverse of the empirical distribution function (Hyndman and Fan 1996, type 1).
    /// `None` where there are none and for a `q` not between 0 and 1.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        if !(0.0..=1.0).contains(&q) {
            return None;
        }
        // As doubles: beyond 2^53 values the rank is as near as they come.
        let rank = libm::ceil(q * self.count() as f64).max(1.0);
        let mut below: u64 = 0;
        let mut last = None;
        for (index, count) in self.buckets() {
            below = below.saturating_add(count);
            last = Some(middle_of(index));
            if below as f64 >= rank {
                break;
            }
        }
        last
    }

    /// Adds `count` to a bucket; a count stays at its greatest rather than starting over.
    fn count_in(&mut self, index: usize, count: u64) {
        if count == 0 {
            return;
        }
        if self.counts.len() <= index {
            self.counts.resize(index + 1, 0);
        }
        if let Some(held) = self.counts.get_mut(index) {
            *held = held.saturating_add(count);
        }
    }
}

/// How many low bits of `us` its bucket leaves out.
const fn dropped_bits(us: u32) -> u32 {
    (u32::BITS - us.leading_zeros()).saturating_sub(BITS + 1)
}

const fn bucket_of(us: u32) -> usize {
    let dropped = dropped_bits(us);
    ((dropped << BITS) + (us >> dropped)) as usize
}

/// The middle of the least and the greatest value of a bucket.
fn middle_of(index: u32) -> f64 {
    // The first 64 buckets drop nothing; after them every 32 drop a bit more.
    let dropped = (index >> BITS).saturating_sub(1);
    let least = (index - (dropped << BITS)) << dropped;
    f64::from(least) + f64::from((1_u32 << dropped) - 1) / 2.0
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "what is compared is exact")]
mod tests {
    use super::*;

    /// Numbers spread over all octaves, by the generator of Knuth's MMIX.
    fn latencies(count: usize) -> Vec<u32> {
        let mut state: u64 = 42;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            u32::try_from(state >> 32).unwrap()
        };
        (0..count).map(|_| next() >> (next() % 32)).collect()
    }

    fn sketch(values: &[u32]) -> QuantileSketch {
        let mut sketch = QuantileSketch::default();
        for value in values {
            sketch.add(*value);
        }
        sketch
    }

    #[test]
    fn quantiles_are_off_by_less_than_a_64th() {
        let mut values = latencies(20_000);
        let sketch = sketch(&values);
        values.sort_unstable();
        for rank in 1..=values.len() {
            let q = (rank as f64 - 0.5) / values.len() as f64;
            let (got, exact) = (sketch.quantile(q).unwrap(), f64::from(values[rank - 1]));
            assert!((got - exact).abs() <= exact / 64.0, "{q}: {got} for {exact}");
        }
    }

    #[test]
    fn every_value_has_a_bucket_around_it() {
        let edges = (0..32).flat_map(|bit| [(1_u32 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        let mut before = 0;
        for us in edges.chain([u32::MAX]).chain(latencies(1000)) {
            let index = bucket_of(us);
            assert!(index < BUCKETS as usize);
            let middle = middle_of(u32::try_from(index).unwrap());
            assert!((middle - f64::from(us)).abs() <= f64::from(us) / 64.0, "{us}: {middle}");
            before = before.max(index);
        }
        assert_eq!(before, BUCKETS as usize - 1);
        assert!((0..1_000_000_u32).all(|us| bucket_of(us + 1) - bucket_of(us) <= 1));
    }

    #[test]
    fn small_values_are_exact_at_every_rank() {
        let sketch = sketch(&[10, 20, 30, 40]);
        let quantiles =
            [0.0, 0.25, 0.26, 0.5, 0.75, 0.76, 1.0].map(|q| sketch.quantile(q).unwrap());
        assert_eq!(quantiles, [10.0, 10.0, 20.0, 20.0, 30.0, 40.0, 40.0]);
    }

    #[test]
    fn merging_equals_adding() {
        let values = latencies(5000);
        for cut in [0, 1, 2500, 5000] {
            let mut merged = sketch(&values[..cut]);
            merged.merge(&sketch(&values[cut..]));
            assert_eq!(merged, sketch(&values));
            assert_eq!(merged.count(), 5000);
        }
    }

    #[test]
    fn a_sketch_survives_storing() {
        let sketch = sketch(&latencies(3000));
        assert_eq!(QuantileSketch::from_buckets(sketch.buckets()), Ok(sketch));
        let none = QuantileSketch::from_buckets([(5, 0), (BUCKETS - 1, 0)]);
        assert_eq!(none, Ok(QuantileSketch::default()));
    }

    #[test]
    fn buckets_that_are_none_are_refused() {
        let index = BUCKETS;
        let refused = QuantileSketch::from_buckets([(index, 1)]);
        assert_eq!(refused, Err(NoSketch::NoSuchBucket { index }));
        let refused = QuantileSketch::from_buckets([(3, u64::MAX), (4, 1)]);
        assert_eq!(refused, Err(NoSketch::TooMany));
    }

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(QuantileSketch::default().quantile(0.5), None);
        let sketch = sketch(&[1]);
        for q in [f64::NAN, -0.1, 1.1] {
            assert_eq!(sketch.quantile(q), None);
        }
    }
}
