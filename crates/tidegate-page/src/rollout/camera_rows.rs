//! Cameras as rows of a table, sorted by links.

use tidegate_spec::api::{CameraReport, CameraSort, Cameras, SortOrder, VariantMetrics};

/// The columns that can be sorted by, with what stands above them.
const COLUMNS: [(CameraSort, &str); 13] = [
    (CameraSort::CameraId, "camera"),
    (CameraSort::Variant, "has now"),
    (CameraSort::Analyses, "analyses"),
    (CameraSort::ErrorRateDifference, "errors, worse by"),
    (CameraSort::LatencyMsMeanDifference, "latency, worse by"),
    (CameraSort::FpRateDifference, "false alarms, worse by"),
    (CameraSort::AlertRateDifference, "alerts, more by"),
    (CameraSort::ScoreMeanDifference, "score, more by"),
    (CameraSort::ErrorRate, "errors"),
    (CameraSort::LatencyMsMean, "latency"),
    (CameraSort::FpRate, "false alarms"),
    (CameraSort::AlertRate, "alerts"),
    (CameraSort::ScoreMean, "score"),
];

/// A page of cameras, in an order.
#[derive(Debug, Clone)]
pub struct CameraPage {
    /// The cameras.
    pub cameras: Cameras,
    /// By what they are sorted.
    pub sort: CameraSort,
    /// Which come first.
    pub order: SortOrder,
}

/// Whether it is said from which ramp step on a camera has the treatment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepsShown {
    /// It is.
    Yes,
    /// All steps are over.
    No,
}

/// The head of a column.
#[derive(Debug)]
pub(super) struct ColumnHead {
    pub(super) title: &'static str,
    /// The query that sorts by it, the other way round where it does already.
    pub(super) query: String,
    /// What it says to who does not see the arrow.
    pub(super) aria_sort: &'static str,
    pub(super) arrow: &'static str,
}

impl CameraPage {
    pub(super) fn heads(&self) -> Vec<ColumnHead> {
        let head = |(sort, title): (CameraSort, &'static str)| {
            let is_sorted = sort == self.sort;
            let (aria_sort, arrow) = match (is_sorted, self.order) {
                (false, _) => ("none", ""),
                (true, SortOrder::Ascending) => ("ascending", " ▲"),
                (true, SortOrder::Descending) => ("descending", " ▼"),
            };
            // Names are looked for from A on, all else from what is worst.
            let is_name = sort == CameraSort::CameraId;
            let first = if is_name { SortOrder::Ascending } else { SortOrder::Descending };
            let order = match (is_sorted, first == self.order, first) {
                (true, true, SortOrder::Ascending) => SortOrder::Descending,
                (true, true, SortOrder::Descending) => SortOrder::Ascending,
                (true, false, _) | (false, _, _) => first,
            };
            let query = format!("sort={}&order={}", sort.as_str(), order.as_str());
            ColumnHead { title, query, aria_sort, arrow }
        };
        COLUMNS.map(head).into()
    }

    /// The query of the next page.
    pub(super) fn next(&self) -> Option<String> {
        let after = self.cameras.next.as_ref()?;
        Some(format!("sort={}&order={}&after={after}", self.sort.as_str(), self.order.as_str()))
    }
}

/// The cells of a camera behind its id.
pub(super) fn cells(camera: &CameraReport, steps: StepsShown) -> [String; 13] {
    let side = shown_side(camera);
    let difference = &camera.difference;
    let none = || "–".to_owned();
    let points = |rate: Option<f64>| {
        rate.map_or_else(none, |rate| format!("{:+.1}\u{a0}points", rate * 100.0))
    };
    let number = |number: Option<f64>, unit: &str| {
        number.map_or_else(none, |number| format!("{number:+.1}{unit}"))
    };
    let share = |of: u64, rate: f64| {
        if of == 0 { none() } else { format!("{:.1}\u{a0}%", rate * 100.0) }
    };
    let mean =
        |mean: Option<f64>, unit: &str| mean.map_or_else(none, |mean| format!("{mean:.1}{unit}"));
    let labels = side.labels.total;
    let labelled = match labels {
        0 => none(),
        _ => format!("{:.1}\u{a0}% of {labels}", side.fp_rate * 100.0),
    };
    let variants = &camera.variants;
    let step = camera.step.filter(|_| steps == StepsShown::Yes);
    let step = step.map_or_else(String::new, |step| format!(" (treatment from step {step} on)"));
    [
        format!("{}{step}", camera.variant),
        camera.measured().unwrap_or("–").to_owned(),
        (variants.control.analyses + variants.treatment.analyses).to_string(),
        points(difference.error_rate),
        number(difference.latency_ms_mean, "\u{a0}ms"),
        points(difference.fp_rate),
        points(difference.alert_rate),
        number(difference.score_mean, ""),
        share(side.analyses, side.error_rate),
        mean(side.latency_ms_mean, "\u{a0}ms"),
        labelled,
        share(side.scored, side.alert_rate),
        mean(side.score_mean, ""),
    ]
}

/// The treatment's sums where the camera ran it, as it is sorted by.
const fn shown_side(camera: &CameraReport) -> &VariantMetrics {
    let variants = &camera.variants;
    if variants.treatment.analyses > 0 { &variants.treatment } else { &variants.control }
}
