//! Sums as they are kept.

use serde::{Deserialize, Serialize};
use tidegate_engine::number::RiskScore;
use tidegate_engine::tally::{Pairs, Tally};
use tidegate_engine::variant::ByVariant;

use crate::record::Unreadable;

/// Declares the kept shape of sums: the same names, so that none is forgotten.
macro_rules! kept {
    ($kept:ident of $sums:ident { $($field:ident: $type:ty),* $(,)? }) => {
        #[derive(Debug, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $kept { $($field: $type),* }

        impl From<&$sums> for $kept {
            fn from(sums: &$sums) -> Self {
                let $sums { $($field),* } = sums;
                Self { $($field: Kept::keep($field)),* }
            }
        }

        impl $kept {
            pub(super) fn sums(self) -> Result<$sums, Unreadable> {
                Ok($sums { $($field: Kept::restore(self.$field)?),* })
            }
        }
    };
}

/// A field of sums, and what is kept of it.
pub(super) trait Kept<T>: Sized {
    fn keep(field: &T) -> Self;
    fn restore(self) -> Result<T, Unreadable>;
}

macro_rules! kept_as_it_is {
    ($($type:ty),*) => {$(
        impl Kept<$type> for $type {
            fn keep(field: &$type) -> Self { *field }
            fn restore(self) -> Result<$type, Unreadable> { Ok(self) }
        }
    )*};
}
kept_as_it_is!(u64, i64, u128, [u64; 4]);

impl Kept<Option<RiskScore>> for Option<u8> {
    fn keep(field: &Option<RiskScore>) -> Self {
        field.map(RiskScore::value)
    }

    fn restore(self) -> Result<Option<RiskScore>, Unreadable> {
        Ok(self.map(|score| RiskScore::new(f64::from(score))).transpose()?)
    }
}

impl Kept<ByVariant<Tally>> for (KeptTally, KeptTally) {
    fn keep(field: &ByVariant<Tally>) -> Self {
        ((&field.control).into(), (&field.treatment).into())
    }

    fn restore(self) -> Result<ByVariant<Tally>, Unreadable> {
        Ok(ByVariant { control: self.0.sums()?, treatment: self.1.sums()? })
    }
}

kept! { KeptTally of Tally {
    analyses: u64, errors: u64, timed: u64, latency_us_sum: u64, latency_us_square_sum: u128,
    paced: u64, slow: u64, scored: u64, score_sum: u64, score_square_sum: u64,
    score_min: Option<u8>, score_max: Option<u8>, alerts: u64, labels: [u64; 4],
} }

kept! { KeptPairs of Pairs {
    sides: (KeptTally, KeptTally), control_failed: u64, treatment_failed: u64, both_failed: u64,
    scored: u64, lower: u64, same: u64, higher: u64, score_diff_sum: i64, score_diff_abs_sum: u64,
    score_diff_square_sum: u64, timed: u64, control_latency_us_sum: u64, latency_us_diff_sum: i64,
    latency_us_diff_square_sum: u128, paced: u64, control_slow: u64, treatment_slow: u64,
    control_alerted: u64, treatment_alerted: u64, confirmed: u64, retained: u64,
    latency_warnings: u64,
} }
