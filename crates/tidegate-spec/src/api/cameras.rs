//! Each camera by itself: harm to one that the mean of all hides.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use tidegate_engine::exposure::Window;
use tidegate_engine::fleet::sides::CameraSides;
use tidegate_engine::id::{CameraId, ExperimentKey};
use tidegate_engine::rollout::Rollout;
use tidegate_engine::tally::{Pairs, Tally};
use tidegate_engine::variant::{ByVariant, Variant};

use super::history::window_name;
#[cfg(feature = "openapi")]
use super::schema;
use super::{ByVariantMetrics, shown};

/// `GET /v1/experiments/{key}/cameras`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Cameras {
    /// The experiment's key.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Id))]
    pub experiment: String,
    /// The run, from 1.
    pub run: u32,
    /// Which sums.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Window))]
    pub window: String,
    /// Cameras that were seen, on all pages together.
    pub total: u64,
    /// One page of them.
    pub cameras: Vec<CameraReport>,
    /// The `after` of the next page; none where this is the last.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub next: Option<String>,
}

/// What one camera is served and what it showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CameraReport {
    /// The camera.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::CameraId))]
    pub camera_id: String,
    /// What it is served now.
    #[cfg_attr(feature = "openapi", schema(value_type = schema::Variant))]
    pub variant: String,
    /// Why, as an assignment says it.
    pub reason: String,
    /// The ramp step, from 1, from which the split gives it the treatment; none with an override, in a switchback, and where no
    /// step does.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub step: Option<u32>,
    /// When it reported last, whatever it reported.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub heard_at: String,
    /// What it showed in the window; in a release without held-back cameras, the control's is its past.
    pub variants: ByVariantMetrics,
    /// What the difference is taken from: `itself` where both variants ran on it, else `fleet`, the other variant's mean; none
    /// where neither ran.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub compared_with: Option<String>,
    /// How far it differs from that.
    pub difference: CameraDifference,
}

impl CameraReport {
    /// Which variant the difference is of: `treatment`, `control`, or `both` where it is taken on the camera itself.
    pub fn measured(&self) -> Option<&'static str> {
        let (control, treatment) =
            (self.variants.control.analyses, self.variants.treatment.analyses);
        match self.compared_with.as_deref()? {
            "itself" => Some("both"),
            _ if treatment > control => Some("treatment"),
            _ => Some("control"),
        }
    }
}

/// Treatment less control on the camera itself, in shadow pair by pair; else the camera less the other variant's mean over the
/// fleet. More is worse, but of scores and alerts, which are more or fewer.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CameraDifference {
    /// Of the error rates, -1 to 1.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub error_rate: Option<f64>,
    /// Of the mean latencies, in milliseconds.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub latency_ms_mean: Option<f64>,
    /// Of the mean scores, -100 to 100.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub score_mean: Option<f64>,
    /// Of the alerts among the scored, -1 to 1.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub alert_rate: Option<f64>,
    /// Of the false positives among the labels, -1 to 1; unknown in shadow, where both share their labels.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub fp_rate: Option<f64>,
}

/// Which cameras are asked for, and in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CamerasQuery {
    /// Which sums; those that are compared now unless told otherwise.
    pub window: Option<Window>,
    /// By what they are sorted.
    pub sort: CameraSort,
    /// Which come first.
    pub order: SortOrder,
    /// How many to pass over.
    pub after: usize,
    /// How many at most.
    pub limit: usize,
}

/// Which come first; what is not known comes last in either order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortOrder {
    /// The least.
    #[default]
    Ascending,
    /// The greatest.
    Descending,
}

impl SortOrder {
    /// Either order.
    pub const ALL: [Self; 2] = [Self::Ascending, Self::Descending];

    /// The name in requests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ascending => "asc",
            Self::Descending => "desc",
        }
    }
}

macro_rules! camera_sorts {
    ($(#[doc = $doc:literal] $sort:ident = $name:literal,)*) => {
        /// By what cameras are sorted. A metric is the treatment's where the camera ran it, else the control's; by a difference,
        /// those that ran the control alone come last.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub enum CameraSort {
            #[default]
            $(#[doc = $doc] $sort,)*
        }

        impl CameraSort {
            /// Every column.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$sort),*];

            /// The name in requests.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$sort => $name,)*
                }
            }
        }
    };
}

camera_sorts! {
    /// Its id.
    CameraId = "camera_id",
    /// What it is served now: control first.
    Variant = "variant",
    /// Analyses of both variants.
    Analyses = "analyses",
    /// Failed analyses among all.
    ErrorRate = "error_rate",
    /// Mean latency.
    LatencyMsMean = "latency_ms_mean",
    /// Mean score.
    ScoreMean = "score_mean",
    /// Alerts among the scored.
    AlertRate = "alert_rate",
    /// False positives among the labels.
    FpRate = "fp_rate",
    /// The difference of the error rates.
    ErrorRateDifference = "error_rate_difference",
    /// The difference of the mean latencies.
    LatencyMsMeanDifference = "latency_ms_mean_difference",
    /// The difference of the mean scores.
    ScoreMeanDifference = "score_mean_difference",
    /// The difference of the alerts among the scored.
    AlertRateDifference = "alert_rate_difference",
    /// The difference of the false positives among the labels.
    FpRateDifference = "fp_rate_difference",
}

/// What a camera's difference is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ComparedWith {
    Itself,
    /// The other variant over the fleet; this one ran on the camera.
    Fleet(Variant),
}

/// An analysis in so many may be of the other variant: it was under way when the camera changed over.
const STRAY_ONE_IN: u64 = 10;

impl ComparedWith {
    fn of(sides: &ByVariant<Tally>) -> Option<Self> {
        let (control, treatment) = (sides.control.analyses, sides.treatment.analyses);
        match control.min(treatment) * STRAY_ONE_IN > control + treatment {
            true => Some(Self::Itself),
            false if treatment > control => Some(Self::Fleet(Variant::Treatment)),
            false if control > 0 => Some(Self::Fleet(Variant::Control)),
            false => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Itself => "itself",
            Self::Fleet(_) => "fleet",
        }
    }
}

impl Cameras {
    /// One page of the cameras of a run. `serve` says what a camera is served now and why.
    pub fn new(
        experiment: &ExperimentKey,
        run: u32,
        rollout: &Rollout,
        serve: impl Fn(&CameraId) -> (Variant, &'static str),
        query: &CamerasQuery,
    ) -> Self {
        let window = query.window.unwrap_or_else(|| rollout.shown_window());
        let fleet = rollout.fleet_sides(window);
        let seen: Vec<CameraSides<'_>> = rollout.camera_sides(window).collect();
        let places = sorted(&seen, &fleet, &serve, query);
        let page = places.iter().skip(query.after).take(query.limit);
        let cameras: Vec<CameraReport> = page
            .map(|place| {
                let seen = &seen[*place];
                let (variant, reason) = serve(seen.camera);
                let compared_with = ComparedWith::of(&seen.sides);
                let step = rollout.treated_from_step(seen.camera);
                CameraReport {
                    camera_id: seen.camera.to_string(),
                    variant: variant.as_str().to_owned(),
                    reason: reason.to_owned(),
                    step: step.and_then(|step| u32::try_from(step + 1).ok()),
                    heard_at: shown(seen.heard_at),
                    variants: ByVariantMetrics {
                        control: (&seen.sides.control).into(),
                        treatment: (&seen.sides.treatment).into(),
                    },
                    compared_with: compared_with.map(|with| with.as_str().to_owned()),
                    difference: CameraDifference::of(seen, &fleet),
                }
            })
            .collect();
        let end = query.after.saturating_add(cameras.len());
        Self {
            experiment: experiment.to_string(),
            run,
            window: window_name(window).to_owned(),
            total: places.len() as u64,
            next: (end < places.len()).then(|| end.to_string()),
            cameras,
        }
    }
}

/// The places of all cameras in the order that is asked for; of equals, by their ids.
fn sorted(
    seen: &[CameraSides<'_>],
    fleet: &ByVariant<Tally>,
    serve: &impl Fn(&CameraId) -> (Variant, &'static str),
    query: &CamerasQuery,
) -> Vec<usize> {
    let number = |seen: &CameraSides<'_>| query.sort.number(seen, fleet, serve);
    let keys: Vec<Option<f64>> = seen.iter().map(number).collect();
    let by_id = |a: &usize, b: &usize| seen[*a].camera.as_str().cmp(seen[*b].camera.as_str());
    let towards = |ordering: Ordering| match query.order {
        SortOrder::Ascending => ordering,
        SortOrder::Descending => ordering.reverse(),
    };
    let mut places: Vec<usize> = (0..seen.len()).collect();
    places.sort_unstable_by(|a, b| match (keys[*a], keys[*b]) {
        (Some(one), Some(other)) => towards(one.total_cmp(&other)).then_with(|| by_id(a, b)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) if query.sort == CameraSort::CameraId => towards(by_id(a, b)),
        (None, None) => by_id(a, b),
    });
    places
}

impl CameraSort {
    /// The number to sort by, where it is known; an id is none.
    fn number(
        self,
        seen: &CameraSides<'_>,
        fleet: &ByVariant<Tally>,
        serve: &impl Fn(&CameraId) -> (Variant, &'static str),
    ) -> Option<f64> {
        let ByVariant { control, treatment } = &seen.sides;
        let ran = if treatment.analyses > 0 { treatment } else { control };
        // A camera that ran the control alone says nothing of what the treatment does.
        let ran_treatment = seen.pairs.is_some()
            || ComparedWith::of(&seen.sides) != Some(ComparedWith::Fleet(Variant::Control));
        let difference = || {
            if ran_treatment {
                CameraDifference::of(seen, fleet)
            } else {
                CameraDifference::default()
            }
        };
        match self {
            Self::CameraId => None,
            Self::Variant => match serve(seen.camera).0 {
                Variant::Control => Some(0.0),
                Variant::Treatment => Some(1.0),
            },
            Self::Analyses => Some((control.analyses + treatment.analyses) as f64),
            Self::ErrorRate => error_rate(ran),
            Self::LatencyMsMean => ran.latency_ms_mean(),
            Self::ScoreMean => ran.score_mean(),
            Self::AlertRate => alert_rate(ran),
            Self::FpRate => fp_rate(ran),
            Self::ErrorRateDifference => difference().error_rate,
            Self::LatencyMsMeanDifference => difference().latency_ms_mean,
            Self::ScoreMeanDifference => difference().score_mean,
            Self::AlertRateDifference => difference().alert_rate,
            Self::FpRateDifference => difference().fp_rate,
        }
    }
}

fn error_rate(tally: &Tally) -> Option<f64> {
    (tally.analyses > 0).then(|| tally.error_rate())
}

fn alert_rate(tally: &Tally) -> Option<f64> {
    (tally.scored > 0).then(|| tally.alert_rate())
}

fn fp_rate(tally: &Tally) -> Option<f64> {
    (tally.feedback() > 0).then(|| tally.fp_rate())
}

impl CameraDifference {
    fn of(seen: &CameraSides<'_>, fleet: &ByVariant<Tally>) -> Self {
        if let Some(pairs) = seen.pairs {
            return Self::paired(pairs);
        }
        match ComparedWith::of(&seen.sides) {
            None => Self::default(),
            Some(ComparedWith::Itself) => Self::less(&seen.sides.treatment, &seen.sides.control),
            Some(ComparedWith::Fleet(Variant::Control)) => {
                Self::less(&seen.sides.control, &fleet.treatment)
            }
            Some(ComparedWith::Fleet(Variant::Treatment)) => {
                Self::less(&seen.sides.treatment, &fleet.control)
            }
        }
    }

    /// Of comparisons, event by event.
    fn paired(pairs: &Pairs) -> Self {
        let rate = |treatment: u64, control: u64, of: u64| {
            (of > 0).then(|| (treatment as f64 - control as f64) / of as f64)
        };
        Self {
            error_rate: rate(pairs.treatment_failed, pairs.control_failed, pairs.comparisons()),
            latency_ms_mean: pairs.latency_ms_diff_mean(),
            score_mean: pairs.score_diff_mean(),
            alert_rate: rate(pairs.treatment_alerted, pairs.control_alerted, pairs.scored),
            fp_rate: None,
        }
    }

    fn less(one: &Tally, other: &Tally) -> Self {
        let less = |of: fn(&Tally) -> Option<f64>| Some(of(one)? - of(other)?);
        Self {
            error_rate: less(error_rate),
            latency_ms_mean: less(Tally::latency_ms_mean),
            score_mean: less(Tally::score_mean),
            alert_rate: less(alert_rate),
            fp_rate: less(fp_rate),
        }
    }
}
