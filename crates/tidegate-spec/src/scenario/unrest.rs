//! What a world does that no plain fleet does: rates that move, bursts, retries, outages of some cameras.

use tidegate_engine::limits;

use super::ranges::{HOURS, SHARE};
use crate::fields::Fields;

/// What makes a world restless, whichever prompt runs. All of it is off where nothing is set.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Unrest {
    /// Rates and latencies that are others for some cameras or at some hours.
    pub shifts: Vec<Shift>,
    /// Random walks of every camera's rates and latency.
    pub walk: Option<Walk>,
    /// Stretches of alike events at one camera.
    pub bursts: Option<AlikeBursts>,
    /// Cameras that try a failed analysis again and again.
    pub retries: Option<Retries>,
    /// Outages that hit some cameras only.
    pub group_outages: Option<GroupOutages>,
    /// Stretches in which the prompts disagree more often, at all cameras.
    pub shocks: Option<Shocks>,
    /// Standard deviation, over days, of the logarithm of the treatment's false alarms.
    pub day_log_sd: f64,
}

/// Stretches in which the prompts disagree more often, at all cameras: rain, say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shocks {
    /// On a day.
    pub per_day: f64,
    /// How long one lasts.
    pub hours: f64,
    /// How many times as often.
    pub factor: f64,
}

/// A rate or latency that is another for some cameras, or at some hours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// What moves.
    pub of: Shifted,
    /// By how much: points of a rate, percent of latency.
    pub change: f64,
    /// The share of cameras it concerns, drawn camera by camera.
    pub camera_share: f64,
    /// Standard deviation over cameras of the change, in its unit.
    pub camera_sd: f64,
    /// How it comes and goes.
    pub course: Course,
}

/// What a [`Shift`] moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shifted {
    /// False positives among labels.
    FpRate,
    /// Missed threats among labels.
    MissedThreatRate,
    /// Failed analyses.
    ErrorRate,
    /// The latency of an answer.
    Latency,
}

/// How a [`Shift`] comes and goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Course {
    /// It is there from the beginning.
    Always,
    /// It begins at an hour of the A/B test, and is whole at another.
    From {
        /// The hour at which it begins.
        hour: f64,
        /// The hour at which it is whole, after growing evenly.
        until_hour: f64,
    },
    /// It swings as a sine of this many hours, from the start of the rollout.
    Swing {
        /// The length of a whole swing.
        period_hours: f64,
    },
}

impl Course {
    /// How much of the change is there, -1 to 1, at an hour of the rollout and of its A/B test.
    pub fn strength(self, hour: f64, ab_hour: Option<f64>) -> f64 {
        match self {
            Self::Always => 1.0,
            Self::Swing { period_hours } => (hour / period_hours * std::f64::consts::TAU).sin(),
            Self::From { hour, until_hour } => match ab_hour {
                None => 0.0,
                Some(now) if now >= until_hour => 1.0,
                Some(now) => ((now - hour) / (until_hour - hour)).max(0.0),
            },
        }
    }
}

/// How far a camera's rates and latency wander in a day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Walk {
    /// Standard deviation, over a day, of the logarithm of a rate's odds.
    pub log_odds_sd: f64,
    /// Standard deviation, over a day, of the logarithm of the latency.
    pub latency_log_sd: f64,
}

/// Stretches in which one camera reports many events that are alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlikeBursts {
    /// Bursts of a camera on a day.
    pub per_camera_day: f64,
    /// Events in one.
    pub events: u32,
    /// How long one lasts.
    pub minutes: f64,
    /// The chance that an event of a burst fails and is labelled as the others of it.
    pub alike: f64,
    /// The share of bursts in which everything fails.
    pub failed_share: f64,
}

/// Cameras that try a failed analysis again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retries {
    /// How many cameras do, the first of the fleet.
    pub cameras: u32,
    /// How often.
    pub times: u32,
    /// Seconds between two tries.
    pub seconds: f64,
    /// The chance that a try fails again.
    pub failed_share: f64,
}

/// Outages of some cameras, such as those behind one switch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupOutages {
    /// Outages on a day, of the whole fleet.
    pub per_day: f64,
    /// How long one lasts.
    pub minutes: f64,
    /// How many cameras one hits, drawn anew each time.
    pub cameras: u32,
    /// Which prompt's analyses fail.
    pub of: Hit,
}

/// Which analyses an outage hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hit {
    /// Whatever runs on the cameras.
    Both,
    /// The treatment's alone, as where its cameras share a switch.
    Treatment,
}

pub(super) fn read(fields: &mut Fields<'_>) -> Unrest {
    Unrest {
        shifts: fields.tables("shifts", read_shift).unwrap_or_default(),
        walk: optional(fields, "walk", |fields| Walk {
            log_odds_sd: fields.real("log_odds_sd", &(0.0..=5.0)).unwrap_or(0.0),
            latency_log_sd: fields.real("latency_log_sd", &(0.0..=3.0)).unwrap_or(0.0),
        }),
        bursts: optional(fields, "bursts", |fields| AlikeBursts {
            per_camera_day: fields.real("per_camera_day", &(0.0..=100.0)).unwrap_or(1.0),
            events: count(fields, "events", 1..=10_000, 100),
            minutes: fields.real("minutes", &(0.1..=1_440.0)).unwrap_or(10.0),
            alike: fields.real("alike", &SHARE).unwrap_or(1.0),
            failed_share: fields.real("failed_share", &SHARE).unwrap_or(0.0),
        }),
        retries: optional(fields, "retries", |fields| Retries {
            cameras: count(fields, "cameras", 1..=limits::CAMERAS_MAX as u64, 1),
            times: count(fields, "times", 1..=1_000, 20),
            seconds: fields.real("seconds", &(0.001..=3_600.0)).unwrap_or(5.0),
            failed_share: fields.real("failed_share", &SHARE).unwrap_or(1.0),
        }),
        group_outages: optional(fields, "group_outages", |fields| GroupOutages {
            per_day: fields.real("per_day", &(0.0..=1_000.0)).unwrap_or(1.0),
            minutes: fields.real("minutes", &(0.1..=10_000.0)).unwrap_or(30.0),
            cameras: count(fields, "cameras", 1..=limits::CAMERAS_MAX as u64, 1),
            of: fields
                .choice("of", &[("both", Hit::Both), ("treatment", Hit::Treatment)])
                .unwrap_or(Hit::Both),
        }),
        shocks: optional(fields, "shocks", |fields| Shocks {
            per_day: fields.real("per_day", &(0.0..=100.0)).unwrap_or(1.0),
            hours: fields.real("hours", &(0.01..=1_000.0)).unwrap_or(2.0),
            factor: fields.real("factor", &(0.0..=1_000.0)).unwrap_or(2.0),
        }),
        day_log_sd: fields.real("day_log_sd", &(0.0..=3.0)).unwrap_or(0.0),
    }
}

fn optional<T>(
    fields: &mut Fields<'_>,
    key: &'static str,
    read: impl FnOnce(&mut Fields<'_>) -> T,
) -> Option<T> {
    fields.value(key).is_some().then(|| fields.table(key, read))
}

fn count(
    fields: &mut Fields<'_>,
    key: &'static str,
    range: std::ops::RangeInclusive<u64>,
    usual: u32,
) -> u32 {
    fields.count(key, range).and_then(|count| u32::try_from(count).ok()).unwrap_or(usual)
}

const SHIFTED: [(&str, Shifted); 4] = [
    ("fp_rate", Shifted::FpRate),
    ("missed_threat_rate", Shifted::MissedThreatRate),
    ("error_rate", Shifted::ErrorRate),
    ("latency", Shifted::Latency),
];

fn read_shift(fields: &mut Fields<'_>) -> Shift {
    if fields.value("of").is_none() {
        fields.fault(
            "of",
            "is missing, allowed: fp_rate | missed_threat_rate | error_rate | latency",
        );
    }
    let of = fields.choice("of", &SHIFTED).unwrap_or(Shifted::FpRate);
    let change = if of == Shifted::Latency { -99.0..=10_000.0 } else { -1.0..=1.0 };
    let sd = if of == Shifted::Latency { 0.0..=1_000.0 } else { 0.0..=1.0 };
    let from = fields.real("from_hour", &HOURS);
    let until = fields.real("until_hour", &HOURS);
    let period = fields.real("period_hours", &(0.01..=*HOURS.end()));
    let course = match (from, until, period) {
        (None, None, None) => Course::Always,
        (None, None, Some(period_hours)) => Course::Swing { period_hours },
        (Some(hour), until, None) => {
            let until_hour = until.unwrap_or(hour);
            if until_hour < hour {
                let problem = format!("is {until_hour}, allowed: from from_hour {hour}");
                fields.fault("until_hour", problem);
            }
            Course::From { hour, until_hour }
        }
        (None, Some(_), _) => {
            fields.fault("until_hour", "is set, allowed: only with from_hour");
            Course::Always
        }
        (Some(_), _, Some(_)) => {
            fields.fault("period_hours", "is set, allowed: only without from_hour");
            Course::Always
        }
    };
    Shift {
        of,
        change: fields.real("change", &change).unwrap_or(0.0),
        camera_share: fields.real("camera_share", &SHARE).unwrap_or(1.0),
        camera_sd: fields.real("camera_sd", &sd).unwrap_or(0.0),
        course,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_is_there_as_its_course_says() {
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found}");
        let grows = Course::From { hour: 24.0, until_hour: 28.0 };
        near(grows.strength(80.0, None), 0.0);
        near(grows.strength(0.0, Some(23.0)), 0.0);
        near(grows.strength(0.0, Some(25.0)), 0.25);
        near(grows.strength(0.0, Some(30.0)), 1.0);
        let steps = Course::From { hour: 24.0, until_hour: 24.0 };
        near(steps.strength(0.0, Some(23.9)), 0.0);
        near(steps.strength(0.0, Some(24.0)), 1.0);
        let swings = Course::Swing { period_hours: 24.0 };
        near(swings.strength(6.0, None), 1.0);
        near(swings.strength(18.0, Some(1.0)), -1.0);
        near(Course::Always.strength(7.0, None), 1.0);
    }
}
