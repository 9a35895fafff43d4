//! Before the start: what this experiment can see with the fleet at hand.
//!
//! A rollback needs harm that stands out from chance. How small a harm that is follows from the number of
//! cameras, their traffic and how much they differ, and it is better known before than after.

mod review;
mod splits;

use alloc::string::String;
use alloc::vec::Vec;

use tidegate_stats::detectable::{MetricVariation, STANDARD_ERRORS, Trials};
use tidegate_stats::range::{OutOfRange, within};

use crate::assignment::SplitMethod;
use crate::experiment::{Experiment, Gate};
use crate::fleet::PACE_ANSWERS_MIN;
use crate::guardrail::Guardrail;

pub use self::review::ReviewSight;
pub use self::splits::{HOURS_MAX, SplitSight};

/// Trials of each variant that any rollback needs, whatever `min_samples` says.
const TRIALS_MIN: u64 = 30;

/// What is known, or guessed, of the fleet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExpectedFleet {
    /// Cameras in the fleet.
    pub cameras: u64,
    /// Analyses of one camera on one day.
    pub analyses_per_day: f64,
    /// The share of analyses that people label.
    pub feedback_share: f64,
    /// False positives among labels.
    pub fp_rate: f64,
    /// Failed analyses among all.
    pub error_rate: f64,
    /// Missed threats among labels.
    pub missed_threat_rate: f64,
    /// Alerts among answers.
    pub alert_rate: f64,
    /// Spread of one camera's latencies over their mean.
    pub latency_cv: f64,
    /// How alike the events of one camera are: the intraclass correlation of the rates.
    pub correlation: f64,
    /// The part of the difference between cameras that is new every day.
    pub drift: f64,
    /// Events on which two prompts as good as each other disagree, for each alert of the control.
    pub disagreement: f64,
    /// The change in false alarms, for each alert of the control, that the owner cares about.
    pub false_alarm_change: Option<f64>,
}

/// What an experiment can see.
#[derive(Debug, Clone, PartialEq)]
pub struct Preflight {
    /// Cameras under control and under treatment; in a switchback every camera is both.
    pub cameras: [u64; 2],
    /// Labels of each variant in the whole test: the fewer.
    pub labels: u64,
    /// One line for each guardrail.
    pub sights: Vec<Sight>,
    /// What each split would see, that of the experiment among them.
    pub splits: Vec<SplitSight>,
    /// What a review would take to decide, with nobody exposed.
    pub reviews: Vec<ReviewSight>,
    /// What the owner should know, most important first.
    pub advice: Vec<String>,
}

/// The smallest harm that one guardrail finds by the end of the test, in about half of all rollouts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sight {
    /// The guardrail that finds it.
    pub guardrail: Guardrail,
    /// Trials of each variant: the fewer.
    pub trials: u64,
    /// The smallest harm, in points or percent.
    pub detectable: f64,
    /// The owner's limit in the same unit.
    pub limit: f64,
    /// `points` or `percent`.
    pub unit: &'static str,
}

impl ExpectedFleet {
    /// A fleet with the rates the reference simulations had: 60 % false positives among labels, 2 %
    /// errors, ρ = 0.1 with a fifth of it drifting, latencies spread by half their mean, 14 disagreements on 50 alerts.
    pub const fn new(cameras: u64, analyses_per_day: f64, feedback_share: f64) -> Self {
        Self {
            cameras,
            analyses_per_day,
            feedback_share,
            fp_rate: 0.6,
            error_rate: 0.02,
            missed_threat_rate: 0.01,
            alert_rate: 0.5,
            latency_cv: 0.5,
            correlation: 0.1,
            drift: 0.2,
            disagreement: 0.28,
            false_alarm_change: None,
        }
    }

    /// Those of the fleet that an experiment splits: its part of a group.
    fn in_group(self, experiment: &Experiment) -> Self {
        let Some(group) = &experiment.assignment.group else { return self };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let expected = (self.cameras as f64 * group.share() + 0.5) as u64;
        let listed = &experiment.assignment.cameras;
        let cameras = if listed.len() as u64 == self.cameras {
            listed.iter().filter(|camera| group.has(camera)).count() as u64
        } else {
            expected
        };
        Self { cameras: cameras.max(1), ..self }
    }

    fn check(&self) -> Result<(), OutOfRange> {
        let share = 0.0..=1.0;
        within("cameras", self.cameras as f64, &(1.0..=100_000.0))?;
        within("analyses per day", self.analyses_per_day, &(0.001..=1e7))?;
        within("feedback share", self.feedback_share, &share)?;
        within("false-positive rate", self.fp_rate, &share)?;
        within("error rate", self.error_rate, &share)?;
        within("missed-threat rate", self.missed_threat_rate, &share)?;
        within("alert rate", self.alert_rate, &share)?;
        within("coefficient of variation", self.latency_cv, &(0.0..=100.0))?;
        within("intraclass correlation", self.correlation, &(0.0..=0.99))?;
        within("drift share", self.drift, &share)?;
        within("disagreement", self.disagreement, &(0.0..=2.0))?;
        if let Some(change) = self.false_alarm_change {
            within("change in false alarms", change, &(-1.0..=1.0))?;
        }
        Ok(())
    }
}

impl Preflight {
    /// Looks ahead.
    ///
    /// # Errors
    /// [`OutOfRange`] naming the first expectation out of range.
    pub fn new(experiment: &Experiment, expected: &ExpectedFleet) -> Result<Self, OutOfRange> {
        expected.check()?;
        let expected = &expected.in_group(experiment);
        let plan = PlannedTest::new(experiment, expected);
        let sights = plan.sights()?;
        let labels = plan.fewer_trials(expected.feedback_share);
        let splits = SplitSight::all(experiment, expected)?;
        let reviews = ReviewSight::all(experiment, expected)?;
        let (cameras, advice) = (plan.cameras, Vec::new());
        let mut preflight = Self { cameras, labels, sights, splits, reviews, advice };
        preflight.advice = preflight.advise(experiment, &plan)?;
        Ok(preflight)
    }

    /// The split that sees most.
    pub fn best_split(&self) -> Option<&SplitSight> {
        splits::best(&self.splits)
    }

    fn advise(
        &self,
        experiment: &Experiment,
        plan: &PlannedTest<'_>,
    ) -> Result<Vec<String>, OutOfRange> {
        let mut advice = Vec::new();
        advice.extend(splits::advise(experiment.assignment.method, &self.splits));
        let fewest = self.cameras[0].min(self.cameras[1]);
        let [control, treatment] = self.cameras;
        if !plan.by_turns && fewest < 3 {
            advice.push(alloc::format!(
                "{control} control and {treatment} treatment cameras: no guardrail can roll back below 3 \
                 of each; only the fast path, alarms and a person decide. Use split = \"switchback\"."
            ));
        } else if !plan.by_turns && fewest < 10 {
            advice.push(alloc::format!(
                "{control} control and {treatment} treatment cameras are few: split = \"switchback\" \
                 compares each camera with itself and sees more."
            ));
        }
        let needed = experiment.guardrails.min_samples.max(TRIALS_MIN);
        for sight in &self.sights {
            let name = sight.guardrail.as_str();
            if sight.rolls_back() && sight.trials < needed {
                advice.push(alloc::format!(
                    "{name}: {} trials of a variant in the whole test, but {needed} are needed before a \
                     rollback (guardrails.min_samples).",
                    sight.trials
                ));
            } else if sight.detectable > sight.limit {
                let hours = splits::hours_needed(experiment, plan.expected, Some(sight.guardrail))?;
                let longer = match hours {
                    Some(hours) => alloc::format!("Test longer ({hours} h would do)"),
                    None => {
                        alloc::format!("Test longer (not even {} h would do)", splits::HOURS_MAX)
                    }
                };
                advice.push(alloc::format!(
                    "{name}: harm below {:.1} {} is likely to pass unseen, the limit is {:.1}. {longer}, \
                     with more cameras, or with more feedback.",
                    sight.detectable,
                    sight.unit,
                    sight.limit
                ));
            }
        }
        self.advise_on_few_cameras(plan, &mut advice);
        if self.labels < 100 {
            advice.push(alloc::format!(
                "{} labels of a variant in the whole test: a promotion needs 100 of each.",
                self.labels
            ));
        }
        if experiment.shadow.duration.is_zero() {
            advice.push(
                "no shadow: what is usual for each camera is unknown, slow answers are not watched, and \
                 the comparison sees less."
                    .into(),
            );
        }
        Ok(advice)
    }
}

impl Preflight {
    /// What too few cameras, or too little shadow, make impossible.
    fn advise_on_few_cameras(&self, plan: &PlannedTest<'_>, advice: &mut Vec<String>) {
        let fewest = self.cameras[0].min(self.cameras[1]);
        let shadow = plan.experiment.shadow;
        if fewest < 5 {
            advice.push(alloc::format!(
                "{fewest} cameras of a variant: a promotion needs 5 of each, so a person decides."
            ));
            if plan.experiment.review.is_none() {
                advice.push(
                    "A review ([review]) decides in shadow, by a few dozen answers of one person, with no camera exposed."
                        .into(),
                );
            }
        }
        let has_shadow = !shadow.duration.is_zero();
        if has_shadow && shadow.gate == Gate::Automatic && plan.expected.cameras < 2 {
            advice.push(
                "1 camera: the shadow's gate needs 2 to compare and stays shut. Use gate = \"manual\"."
                    .into(),
            );
        }
        let answers = plan.trials(1.0 - plan.expected.error_rate, shadow.duration.hours())
            * plan.expected.cameras as f64;
        let needed = PACE_ANSWERS_MIN as f64;
        if has_shadow && answers < needed {
            advice.push(alloc::format!(
                "slow_rate: about {answers:.0} answers in shadow, but {needed} are needed to know what is \
                 slow; until then it is not watched."
            ));
        }
    }
}

/// One guardrail as it will be watched.
struct Watched {
    /// Trials for each analysis.
    per_analysis: f64,
    /// The variance of one trial.
    event: f64,
    limit: f64,
    unit: &'static str,
    /// What a change is divided by to be in `unit`.
    scale: HarmScale,
}

enum HarmScale {
    Points,
    LogRatio,
    PercentOf(f64),
}

struct PlannedTest<'a> {
    experiment: &'a Experiment,
    expected: &'a ExpectedFleet,
    cameras: [u64; 2],
    by_turns: bool,
}

impl<'a> PlannedTest<'a> {
    fn new(experiment: &'a Experiment, expected: &'a ExpectedFleet) -> Self {
        let by_turns = experiment.assignment.method == SplitMethod::Switchback;
        let share = experiment.ab.share.value();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let treated = (expected.cameras as f64 * share + 0.5) as u64;
        let cameras = if by_turns {
            [expected.cameras; 2]
        } else {
            [expected.cameras.saturating_sub(treated), treated]
        };
        Self { experiment, expected, cameras, by_turns }
    }

    fn watched(&self) -> [(Guardrail, Watched); 6] {
        let ExpectedFleet { fp_rate, error_rate, missed_threat_rate, alert_rate, .. } =
            *self.expected;
        let feedback = self.expected.feedback_share;
        let limits = &self.experiment.guardrails;
        let rate = |per_analysis: f64, rate: f64, limit: f64| Watched {
            per_analysis,
            event: rate * (1.0 - rate),
            limit: limit * 100.0,
            unit: "points",
            scale: HarmScale::Points,
        };
        let cv = self.expected.latency_cv;
        let alerts = |limit: f64| Watched {
            limit,
            unit: "percent",
            scale: HarmScale::PercentOf(alert_rate),
            ..rate(1.0 - error_rate, alert_rate, 0.0)
        };
        [
            (Guardrail::FpRate, rate(feedback, fp_rate, limits.max_fp_rate_increase.value())),
            (Guardrail::ErrorRate, rate(1.0, error_rate, limits.max_error_rate_increase.value())),
            (
                Guardrail::Latency,
                Watched {
                    per_analysis: 1.0 - error_rate,
                    // The given spread lies within a camera; the correlation counts it among all.
                    event: cv * cv / (1.0 - self.expected.correlation),
                    limit: limits.max_latency_increase.value(),
                    unit: "percent",
                    scale: HarmScale::LogRatio,
                },
            ),
            (
                Guardrail::MissedThreatRate,
                rate(feedback, missed_threat_rate, limits.max_missed_threat_rate_increase.value()),
            ),
            (Guardrail::AlertDrop, alerts(limits.max_alert_rate_drop.value())),
            (Guardrail::AlertRise, alerts(limits.max_alert_rate_rise.value())),
        ]
    }

    /// What each guardrail would see, where the test has cameras and trials at all.
    fn sights(&self) -> Result<Vec<Sight>, OutOfRange> {
        let mut sights = Vec::new();
        for (guardrail, watched) in self.watched() {
            let trials = self.fewer_trials(watched.per_analysis);
            if let Some(detectable) = self.detectable(&watched)? {
                let Watched { limit, unit, .. } = watched;
                sights.push(Sight { guardrail, trials, detectable, limit, unit });
            }
        }
        Ok(sights)
    }

    /// Trials of one camera in a time.
    fn trials(&self, per_analysis: f64, hours: f64) -> f64 {
        self.expected.analyses_per_day * hours / 24.0 * per_analysis
    }

    /// Trials of the variant that has fewer.
    fn fewer_trials(&self, per_analysis: f64) -> u64 {
        let share = self.experiment.ab.share.value();
        let part = if self.by_turns { share.min(1.0 - share) } else { 1.0 };
        let fewest = self.cameras[0].min(self.cameras[1]) as f64;
        let trials = self.trials(per_analysis, self.experiment.ab.duration.hours());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        let count = (trials * fewest * part) as u64;
        count
    }

    /// The smallest harm, where the test has cameras and trials at all.
    fn detectable(&self, watched: &Watched) -> Result<Option<f64>, OutOfRange> {
        let ExpectedFleet { correlation, drift, .. } = *self.expected;
        let experiment = self.experiment;
        let trials = Trials {
            test: self.trials(watched.per_analysis, experiment.ab.duration.hours()),
            shadow: self.trials(watched.per_analysis, experiment.shadow.duration.hours()),
        };
        let share = experiment.ab.share.value();
        let [control, treatment] = self.cameras.map(|cameras| cameras as f64);
        if trials.test <= 0.0 || control < 1.0 || treatment < 1.0 || share <= 0.0 || share >= 1.0 {
            return Ok(None);
        }
        let variation = MetricVariation::new(watched.event, correlation, drift)?;
        let error = if self.by_turns {
            variation.within_error(trials, control, share)?
        } else {
            variation.between_error(trials, [control, treatment])?
        };
        let change = STANDARD_ERRORS * error;
        Ok(match watched.scale {
            HarmScale::Points => Some(change * 100.0),
            HarmScale::LogRatio => Some(libm::expm1(change) * 100.0),
            HarmScale::PercentOf(rate) => (rate > 0.0).then(|| change / rate * 100.0),
        })
    }
}
