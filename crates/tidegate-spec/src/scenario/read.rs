//! Reads a scenario setting by setting.

use std::ops::RangeInclusive;

use tidegate_engine::assignment::SplitMethod;
use tidegate_engine::experiment::Definition;
use tidegate_engine::limits;
use toml::Value;

use super::ranges::{HOURS, SHARE};
use super::world::{
    Bursts, ClockJump, Control, Effect, FeedbackSettings, FleetSettings, LogNormal, Outage,
    Scenario, Treatment, WorldFaults,
};
use super::{check, expectation, reviewers, unrest};
use crate::experiment::{ExperimentFile, read_experiment};
use crate::fields::Fields;
use crate::preset::Preset;

/// Most runs of one scenario.
pub const RUNS_MAX: u64 = 1_000_000;
const LOG_SD: RangeInclusive<f64> = 0.0..=3.0;
const ICC: RangeInclusive<f64> = 0.0..=0.9;
const FACTOR: RangeInclusive<f64> = 0.0..=1_000.0;

pub(super) fn scenario(fields: &mut Fields<'_>) -> Option<Scenario> {
    let name = fields.text("name").unwrap_or("scenario").to_owned();
    let description = fields.text("description").unwrap_or_default().to_owned();
    let runs = fields.count("runs", 1..=RUNS_MAX).and_then(|runs| u32::try_from(runs).ok());
    let seed = fields.count("seed", 0..=i64::MAX as u64).unwrap_or(0);
    let fleet = fields.table("fleet", read_fleet);
    fields.table("shadow", |fields| fields.real("hours", &(0.0..=limits::DURATION_HOURS_MAX)));
    if fields.value("experiment").is_none() {
        fields
            .fault("experiment", "is missing, allowed: an experiment, or preset = \"production\"");
    }
    let experiment = fields.table("experiment", |fields| {
        fields.choice("preset", &Preset::ALL);
        let (mut experiment, evaluation) = read_experiment(fields);
        let rules = &mut experiment.assignment;
        if rules.method == SplitMethod::Balanced && rules.cameras.is_empty() {
            rules.cameras = fleet.camera_ids().collect();
        }
        match Definition::new(experiment) {
            Ok(definition) => Some(ExperimentFile { definition, evaluation }),
            Err(disagreements) => {
                fields.disagreements(&disagreements);
                None
            }
        }
    });
    let control = fields.table("control", read_control);
    let treatment = fields.table("treatment", |fields| read_treatment(fields, &control));
    let feedback = fields.table("feedback", read_feedback);
    let faults = fields.table("faults", read_faults);
    let unrest = fields.table("unrest", unrest::read);
    let reviewers =
        fields.value("reviewers").is_some().then(|| fields.table("reviewers", reviewers::read));
    let release_hour = fields.table("owner", |fields| fields.real("release_hour", &HOURS));
    let expect = fields.table("expect", expectation::read);
    // Read before all else, and known here for who looks for it.
    fields.value("grid");
    check::labels(fields, &control, &treatment, &feedback);
    let experiment = experiment?;
    if reviewers.is_some() {
        reviewers::check(fields, experiment.definition.experiment());
    }
    check::size(fields, &fleet, &unrest, experiment.definition.experiment());
    Some(Scenario {
        name,
        description,
        runs: runs.unwrap_or(200),
        seed,
        experiment,
        fleet,
        control,
        treatment,
        feedback,
        reviewers,
        faults,
        unrest,
        release_hour,
        expect,
    })
}

fn read_fleet(fields: &mut Fields<'_>) -> FleetSettings {
    let cameras = fields.count("cameras", 1..=limits::CAMERAS_MAX as u64);
    let cameras = cameras.and_then(|cameras| u32::try_from(cameras).ok()).unwrap_or(50);
    let per_day = fields.real("analyses_per_camera_day", &(0.01..=100_000.0));
    let traffic_log_sd = fields.real("traffic_log_sd", &LOG_SD);
    let icc = fields.real("icc", &ICC).unwrap_or(0.1);
    let error_icc = fields.real("error_icc", &ICC);
    let bursts = fields.value("bursts").is_some().then(|| {
        fields.table("bursts", |fields| Bursts {
            per_camera_day: fields.real("per_camera_day", &(0.0..=100.0)).unwrap_or(1.0),
            minutes: fields.real("minutes", &(0.1..=1_440.0)).unwrap_or(10.0),
            factor: fields.real("factor", &(1.0..=1_000.0)).unwrap_or(10.0),
        })
    });
    FleetSettings {
        cameras,
        analyses_per_camera_day: per_day.unwrap_or(200.0),
        traffic_log_sd: traffic_log_sd.unwrap_or(0.5),
        busiest_share: fields.real("busiest_share", &(0.0..=0.99)),
        icc,
        error_icc: error_icc.unwrap_or(icc),
        drift_share: fields.real("drift_share", &SHARE).unwrap_or(0.2),
        latency_log_sd: fields.real("latency_log_sd", &LOG_SD).unwrap_or(0.2),
        diurnal_amplitude: fields.real("diurnal_amplitude", &SHARE).unwrap_or(0.6),
        start_hour: fields.real("start_hour", &(0.0..=24.0)).unwrap_or(6.0),
        bursts,
    }
}

fn log_normal(
    fields: &mut Fields<'_>,
    key: &'static str,
    default: LogNormal,
    median_max: f64,
) -> LogNormal {
    if let Some(value) = fields.value(key).filter(|value| !value.is_table()) {
        fields.not_allowed(key, value, "a table such as { median = 45, log_sd = 1.2 }");
        return default;
    }
    fields.table(key, |fields| LogNormal {
        median: fields.real("median", &(0.001..=median_max)).unwrap_or(default.median),
        log_sd: fields.real("log_sd", &LOG_SD).unwrap_or(default.log_sd),
    })
}

fn read_control(fields: &mut Fields<'_>) -> Control {
    let control = Control {
        fp_rate: fields.real("fp_rate", &SHARE).unwrap_or(0.6),
        missed_threat_rate: fields.real("missed_threat_rate", &(0.0..=0.99)).unwrap_or(0.0),
        error_rate: fields.real("error_rate", &SHARE).unwrap_or(0.02),
        alert_rate: fields.real("alert_rate", &(0.001..=0.999)),
        latency_ms: log_normal(
            fields,
            "latency_ms",
            LogNormal { median: 900.0, log_sd: 0.5 },
            limits::LATENCY_MS_MAX,
        ),
        slow_share: fields.real("slow_share", &SHARE).unwrap_or(0.0),
        slow_factor: fields.real("slow_factor", &(1.0..=1_000.0)).unwrap_or(5.0),
    };
    let labelled = control.fp_rate + control.missed_threat_rate;
    if labelled > 1.0 {
        let problem = format!("and missed_threat_rate are {labelled} together, allowed: up to 1");
        fields.fault("fp_rate", problem);
    }
    control
}

fn read_treatment(fields: &mut Fields<'_>, control: &Control) -> Treatment {
    let points = -1.0..=1.0;
    let treatment = Treatment {
        fp_rate: effect(fields, "fp_rate_change", &points),
        missed_threat_rate: effect(fields, "missed_threat_rate_change", &points),
        error_rate: effect(fields, "error_rate_change", &points),
        latency_pct: effect(fields, "latency_change_pct", &(-100.0..=10_000.0)),
        alert_rate_pct: effect(fields, "alert_rate_change_pct", &(-100.0..=1_000.0)),
        slow_share: effect(fields, "slow_share_change", &points),
        disagreement: fields.real("disagreement", &SHARE).unwrap_or(0.0),
    };
    for (key, is_set) in [
        ("alert_rate_change_pct", treatment.alert_rate_pct.change != 0.0),
        ("disagreement", treatment.disagreement > 0.0),
    ] {
        if is_set && control.alert_rate.is_none() {
            let problem =
                "is set, allowed: only with control.alert_rate, as no scores are drawn without";
            fields.fault(key, problem);
        }
    }
    for (key, rate, effect) in [
        ("fp_rate_change", control.fp_rate, treatment.fp_rate),
        ("missed_threat_rate_change", control.missed_threat_rate, treatment.missed_threat_rate),
        ("error_rate_change", control.error_rate, treatment.error_rate),
        ("slow_share_change", control.slow_share, treatment.slow_share),
    ] {
        let whole = rate + effect.change;
        if !(-1e-9..=1.0 + 1e-9).contains(&whole) {
            let allowed = format!("from {} to {}", -rate, 1.0 - rate);
            let problem =
                format!("is {}, which leads to {whole}; allowed: {allowed}", effect.change);
            fields.fault(key, problem);
        }
    }
    treatment
}

/// A change as a number, or as a table with hours.
fn effect(fields: &mut Fields<'_>, key: &'static str, range: &RangeInclusive<f64>) -> Effect {
    if !fields.value(key).is_some_and(Value::is_table) {
        let change = fields.real(key, range).unwrap_or(0.0);
        return Effect { change, from_hour: None, until_hour: None };
    }
    fields.table(key, |fields| {
        if fields.value("change").is_none() {
            fields.fault("change", "is missing, allowed: a number");
        }
        let change = fields.real("change", range).unwrap_or(0.0);
        let from_hour = fields.real("from_hour", &HOURS);
        let until_hour = fields.real("until_hour", &HOURS);
        match (from_hour, until_hour) {
            (None, Some(_)) => fields.fault("until_hour", "is set, allowed: only with from_hour"),
            (Some(from), Some(until)) if until <= from => {
                fields.fault("until_hour", format!("is {until}, allowed: above from_hour {from}"));
            }
            _ => {}
        }
        Effect { change, from_hour, until_hour }
    })
}

fn read_feedback(fields: &mut Fields<'_>) -> FeedbackSettings {
    FeedbackSettings {
        share: fields.real("share", &SHARE).unwrap_or(0.075),
        delay_minutes: log_normal(
            fields,
            "delay_minutes",
            LogNormal { median: 45.0, log_sd: 1.2 },
            100_000.0,
        ),
        false_positive_factor: fields.real("false_positive_factor", &FACTOR).unwrap_or(1.0),
        treatment_factor: fields.real("treatment_factor", &FACTOR).unwrap_or(1.0),
        treatment_false_positive_factor: fields
            .real("treatment_false_positive_factor", &FACTOR)
            .unwrap_or(1.0),
    }
}

fn read_faults(fields: &mut Fields<'_>) -> WorldFaults {
    let outages = fields.tables("outages", |fields| Outage {
        from_hour: fields.real("from_hour", &HOURS).unwrap_or(0.0),
        hours: fields.real("hours", &HOURS).unwrap_or(1.0),
    });
    let clock_jumps = fields.tables("clock_jumps", |fields| ClockJump {
        hour: fields.real("hour", &HOURS).unwrap_or(0.0),
        minutes: fields.real("minutes", &(-10_000.0..=10_000.0)).unwrap_or(0.0),
    });
    WorldFaults {
        daemon_restart_hours: fields.reals("daemon_restart_hours", &HOURS).unwrap_or_default(),
        duplicate_share: fields.real("duplicate_share", &SHARE).unwrap_or(0.0),
        lost_share: fields.real("lost_share", &SHARE).unwrap_or(0.0),
        late_share: fields.real("late_share", &SHARE).unwrap_or(0.0),
        dead_camera_share: fields.real("dead_camera_share", &SHARE).unwrap_or(0.0),
        outages: outages.unwrap_or_default(),
        clock_jumps: clock_jumps.unwrap_or_default(),
    }
}
