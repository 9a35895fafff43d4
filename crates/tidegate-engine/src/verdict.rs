//! What the statistics of one guardrail say at one look, in numbers and in a sentence.

use core::fmt;

use tidegate_stats::evidence::EValue;

use crate::epoch::TestPart;
use crate::guardrail::Guardrail;
use crate::variant::ByVariant;

/// What a guardrail says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The treatment is within the limit, with 95 % confidence.
    Pass,
    /// Neither harm nor its absence is shown.
    Inconclusive,
    /// Signs of harm: warn and go no further.
    Alarm,
    /// Harm beyond the limit: roll back.
    Fail,
}

impl Verdict {
    /// Every verdict, the best first.
    pub const ALL: [Self; 4] = [Self::Pass, Self::Inconclusive, Self::Alarm, Self::Fail];

    /// The name in files and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Inconclusive => "inconclusive",
            Self::Alarm => "alarm",
            Self::Fail => "fail",
        }
    }
}

/// A verdict with all that it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// The guardrail, which names its metric.
    pub guardrail: Guardrail,
    /// What the numbers below amount to.
    pub verdict: Verdict,
    /// Over which part of the test the change is said: the whole, but where harm began late.
    pub part: TestPart,
    /// By how much the treatment is worse; unknown below two cameras in a variant.
    pub change: Option<Change>,
    /// How much worse it may be, in the unit of [`Change`].
    pub limit: f64,
    /// What a change and a limit of one are in the unit of the owner's setting.
    pub unit: ChangeUnit,
    /// The evidence against "no worse".
    pub evidence: EValue,
    /// The evidence that rolls back; nothing does where the guardrail only blocks.
    pub evidence_needed: Option<f64>,
    /// Trials of each variant.
    pub trials: ByVariant<u64>,
    /// Cameras with trials of each variant.
    pub cameras: ByVariant<u64>,
    /// Trials each variant needs before a rollback.
    pub trials_needed: u64,
}

/// By how much the treatment is worse than the control; negative where it is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The estimate: a difference of rates, or the logarithm of a ratio of means.
    pub estimate: f64,
    /// It is above this with 95 % confidence at this look.
    pub low: f64,
    /// It is below this with 95 % confidence at this look.
    pub high: f64,
    /// The variance of the estimate.
    pub variance: f64,
    /// The degrees of freedom of that variance.
    pub degrees: f64,
}

/// How a change reads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ChangeUnit {
    /// A difference of rates, in points.
    Points,
    /// The logarithm of a ratio, as the percentage by which the mean is higher.
    LogRatio,
    /// A change of a rate, as a percentage of the control's rate; in points where that is 0.
    PercentOf {
        /// The control's rate.
        control: f64,
    },
}

impl ChangeUnit {
    /// A change in points or percent.
    pub fn shown(self, change: f64) -> f64 {
        match self {
            Self::PercentOf { control } if control > 0.0 => change / control * 100.0,
            // Of nothing there are no percent.
            Self::Points | Self::PercentOf { .. } => change * 100.0,
            Self::LogRatio => libm::expm1(change) * 100.0,
        }
    }

    /// The word behind a number.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PercentOf { control } if control <= 0.0 => "points",
            Self::Points => "points",
            Self::LogRatio | Self::PercentOf { .. } => "percent",
        }
    }
}

impl Judgement {
    /// The change in points or percent; positive is worse.
    pub fn change_shown(&self) -> Option<f64> {
        self.change.map(|change| self.unit.shown(change.estimate))
    }

    /// The bounds of the change in points or percent.
    pub fn bounds_shown(&self) -> Option<(f64, f64)> {
        self.change.map(|change| (self.unit.shown(change.low), self.unit.shown(change.high)))
    }

    /// The limit in points or percent.
    pub fn limit_shown(&self) -> f64 {
        self.unit.shown(self.limit)
    }

    /// What is measured, and the words for more and for less of it where more is worse.
    const fn words(&self) -> (&'static str, &'static str, &'static str) {
        match self.guardrail {
            Guardrail::FpRate => ("False alarms", "rose", "fell"),
            Guardrail::ErrorRate => ("Errors", "rose", "fell"),
            Guardrail::Latency => ("Mean latency", "rose", "fell"),
            Guardrail::SlowRate => ("Slow answers", "rose", "fell"),
            Guardrail::MissedThreatRate => ("Missed threats", "rose", "fell"),
            Guardrail::AlertDrop => ("Alerts", "fell", "rose"),
            Guardrail::AlertRise => ("Alerts", "rose", "fell"),
            Guardrail::LabelShare => {
                ("The share of alerts that are labelled", "differs", "differs")
            }
            Guardrail::ThreatRetention => ("Alerts on confirmed threats", "fell", "rose"),
        }
    }

    const fn trials_name(&self) -> &'static str {
        match self.guardrail {
            Guardrail::FpRate | Guardrail::MissedThreatRate => "labels",
            Guardrail::ErrorRate => "analyses",
            Guardrail::Latency | Guardrail::SlowRate => "timed answers",
            Guardrail::AlertDrop | Guardrail::AlertRise => "scores",
            Guardrail::LabelShare => "alerts",
            Guardrail::ThreatRetention => "confirmed threats",
        }
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, worse, better) = self.words();
        let Some(change) = self.change else {
            let (trials, cameras) = (self.trials, self.cameras);
            return write!(
                f,
                "{what}: nothing to compare yet: {} against {} {} on {} against {} cameras \
                 (control, treatment)",
                trials.control,
                trials.treatment,
                self.trials_name(),
                cameras.control,
                cameras.treatment,
            );
        };
        let unit = self.unit.name();
        let shown = self.unit.shown(change.estimate);
        let (verb, sign) = if shown < 0.0 { (better, -1.0) } else { (worse, 1.0) };
        if shown * sign < 0.05 {
            write!(f, "{what} stayed the same")?;
        } else {
            write!(f, "{what} {verb} by {:.1} {unit}", shown * sign)?;
        }
        f.write_str(self.part.words())?;
        let [low, high] = [change.low, change.high].map(|bound| self.unit.shown(bound));
        // The bounds are said in the direction of harm, as the limit is.
        write!(f, " (95 % bounds [{low:+.1}, {high:+.1}]), limit {:.1}", self.limit_shown())?;
        self.say_verdict(f)
    }
}

impl Judgement {
    fn say_verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let evidence = FewDigits(self.evidence.value());
        match (self.verdict, self.evidence_needed) {
            (Verdict::Pass, _) => f.write_str(": within the limit"),
            (Verdict::Fail, needed) => {
                write!(
                    f,
                    "; evidence {evidence} ≥ {}: rolled back",
                    FewDigits(needed.unwrap_or(0.0))
                )
            }
            (Verdict::Alarm, Some(needed)) => {
                write!(f, "; evidence {evidence}, rolls back at {}: alarm", FewDigits(needed))?;
                self.say_missing(f)
            }
            (Verdict::Alarm, None) if self.guardrail == Guardrail::ThreatRetention => {
                f.write_str(": alarm")
            }
            (Verdict::Alarm, None) => write!(f, "; evidence {evidence}: alarm"),
            (Verdict::Inconclusive, Some(needed)) => {
                write!(f, "; evidence {evidence} < {}: undecided", FewDigits(needed))?;
                self.say_missing(f)
            }
            (Verdict::Inconclusive, None) => f.write_str(": undecided"),
        }
    }

    /// Says what a rollback still waits for, besides evidence.
    fn say_missing(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trials = self.trials.control.min(self.trials.treatment);
        if trials < self.trials_needed {
            write!(f, " ({trials} of {} {})", self.trials_needed, self.trials_name())?;
        }
        Ok(())
    }
}

/// A number from nothing to beyond counting, in a few digits.
struct FewDigits(f64);

impl fmt::Display for FewDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            small if small < 10.0 => write!(f, "{small:.1}"),
            large if large < 1e6 => write!(f, "{large:.0}"),
            huge => write!(f, "{huge:.0e}"),
        }
    }
}
