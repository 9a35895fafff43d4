//! Running sums: what is kept of observations, per camera and variant, and merged by addition.
//!
//! All sums are integers, so the order in which observations come never changes a result.

mod analyses;
mod pairs;

pub use self::analyses::{Cuts, Tally};
pub use self::pairs::{Alerted, Pairs, Warned};
