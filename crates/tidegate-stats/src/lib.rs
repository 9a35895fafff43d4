//! The statistics of camera-aware, sequential rollout decisions: pure mathematics.
//!
//! Nothing here knows of rollouts. Inputs are checked where they enter, so NaN and infinities never
//! reach a formula; every formula names its source. Logarithms and exponentials come from `libm`, and
//! sums run in a fixed order, so that the same data give the same bits on every machine.
//!
//! `docs/statistics.md` tells why these and no others. No decision rests on [`cuped`], [`ratio`] or [`sample_size`] yet; they are
//! here because the required reference vectors hold them.
#![no_std]

extern crate alloc;

pub mod arm;
pub mod baseline;
pub mod beta;
pub mod cuped;
pub mod cusum;
pub mod detectable;
pub mod evidence;
pub mod holm;
pub mod moments;
pub mod paired;
pub mod paired_share;
pub mod proportion;
pub mod quantile;
pub mod range;
pub mod ratio;
pub mod review;
pub mod sample_ratio;
pub mod sample_size;
pub mod strata;
pub mod student;
pub mod switchback;
pub mod welch;
