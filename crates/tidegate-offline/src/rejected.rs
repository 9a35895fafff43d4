//! What was rejected of a recording or a data set, and when that is too much for a verdict.

use serde::Serialize;
use tidegate_engine::variant::Variant;

/// What is rejected is shown with its place up to so many; all others are counted.
pub(crate) const SHOWN_MAX: usize = 20;

/// What was rejected of something.
pub(crate) struct RejectedPart {
    pub(crate) rejected: u64,
    pub(crate) whole: u64,
    pub(crate) what: &'static str,
}

/// A count for each variant, and of what is of both or whose variant nobody knows.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ByVariantCount {
    pub(crate) control: u64,
    pub(crate) treatment: u64,
    pub(crate) unknown: u64,
}

impl ByVariantCount {
    pub(crate) const fn add(&mut self, variant: Option<Variant>, count: u64) {
        *match variant {
            Some(Variant::Control) => &mut self.control,
            Some(Variant::Treatment) => &mut self.treatment,
            None => &mut self.unknown,
        } += count;
    }

    pub(crate) const fn sum(self) -> u64 {
        self.control + self.treatment + self.unknown
    }

    /// For a person: `3 (control 1, treatment 2)`.
    pub(crate) fn shown(self) -> String {
        let parts: Vec<String> =
            [(self.control, "control"), (self.treatment, "treatment"), (self.unknown, "unknown")]
                .into_iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, name)| format!("{name} {count}"))
                .collect();
        format!("{} ({})", self.sum(), parts.join(", "))
    }
}

/// Why there is no verdict, where more than `max` percent of any part was rejected.
pub(crate) fn refusal(parts: &[RejectedPart], max: f64, mend: &str) -> Option<String> {
    let over: Vec<String> = parts
        .iter()
        .filter(|part| part.rejected as f64 * 100.0 > max * part.whole as f64)
        .map(|RejectedPart { rejected, whole, what }| {
            let percent = *rejected as f64 * 100.0 / (*whole).max(1) as f64;
            format!("{percent:.1} % of {what} ({rejected} of {whole})")
        })
        .collect();
    (!over.is_empty()).then(|| {
        format!(
            "no verdict, as too much was rejected: {}; allowed: {max} % (--rejected-max). {mend}",
            over.join(", ")
        )
    })
}
