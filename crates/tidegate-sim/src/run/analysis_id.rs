//! Ids of simulated analyses.

use tidegate_engine::id::AnalysisId;

/// The number in digits. Written by hand, as it is done for every analysis that is labelled.
pub(super) fn analysis_id(number: u64) -> AnalysisId {
    let mut digits = [0_u8; 20];
    let mut left = number;
    let mut start = digits.len();
    while left > 0 {
        start -= 1;
        digits[start] = b'0' + u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
    }
    let text = core::str::from_utf8(&digits[start..]).unwrap_or_default();
    text.parse().expect("digits are an id")
}
