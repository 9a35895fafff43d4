//! The scenario file: a simulated world for an experiment, and what is expected of it.

mod expectation;
pub mod unrest;
mod vary;

use tidegate_engine::assignment::SplitMethod;
use tidegate_engine::experiment::{Definition, Experiment};
use tidegate_engine::id::CameraId;
use tidegate_engine::limits;
use toml::{Table, Value};

pub use self::expectation::{Bound, Expectation, Measure, Quantile};
use self::unrest::Unrest;
pub use self::vary::{InvalidVariation, Setting, Variation, cells};
use crate::document::{self, ParseError};
use crate::experiment::{ExperimentFile, read_experiment};
use crate::fields::{Faults, Fields};
use crate::preset::Preset;

/// Most runs of one scenario.
pub const RUNS_MAX: u64 = 1_000_000;
/// Most analyses one run may be expected to have.
pub const ANALYSES_MAX: f64 = 1e8;
/// Most scenarios one file may stand for.
pub const CELLS_MAX: usize = 1_000;

/// A scenario file as it was written; with a grid it stands for several scenarios.
#[derive(Debug, Clone)]
pub struct ScenarioFile {
    table: Table,
    grid: Vec<Variation>,
}

/// One simulated world, the experiment that runs in it, and what is expected.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name; a scenario of a grid has its settings behind it.
    pub name: String,
    /// What it is about, in a sentence.
    pub description: String,
    /// How many independent rollouts are simulated.
    pub runs: u32,
    /// Fixes every random number of every run.
    pub seed: u64,
    /// The experiment, exactly as the daemon would take it.
    pub experiment: ExperimentFile,
    /// The cameras and their traffic.
    pub fleet: Fleet,
    /// What the control does.
    pub control: Control,
    /// What the treatment does otherwise.
    pub treatment: Treatment,
    /// What people say, and when.
    pub feedback: Feedback,
    /// What goes wrong around the engine.
    pub faults: WorldFaults,
    /// What makes the world restless, whichever prompt runs.
    pub unrest: Unrest,
    /// What must come true.
    pub expect: Vec<Expectation>,
}

/// The cameras and their traffic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fleet {
    /// Cameras.
    pub cameras: u32,
    /// Analyses of an average camera on a day.
    pub analyses_per_camera_day: f64,
    /// Standard deviation of the logarithm of a camera's traffic.
    pub traffic_log_sd: f64,
    /// Intraclass correlation of all rates: true rates are beta distributed over cameras with this.
    pub icc: f64,
    /// The same for errors alone.
    pub error_icc: f64,
    /// The part of the difference between cameras that is new every day.
    pub drift_share: f64,
    /// Standard deviation of the logarithm of a camera's usual latency.
    pub latency_log_sd: f64,
    /// Traffic is `1 + amplitude * sin` of the hour of the day: least at midnight, most at noon.
    pub diurnal_amplitude: f64,
    /// The hour of the day at which the rollout starts.
    pub start_hour: f64,
    /// Stretches in which one camera sees far more than usual.
    pub bursts: Option<Bursts>,
}

/// Stretches in which one camera sees far more than usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bursts {
    /// Bursts of an average camera on a day.
    pub per_camera_day: f64,
    /// How long one lasts.
    pub minutes: f64,
    /// How many times the camera's usual traffic.
    pub factor: f64,
}

/// A log-normal distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogNormal {
    /// The median, in the unit its key names.
    pub median: f64,
    /// Standard deviation of the logarithm.
    pub log_sd: f64,
}

/// What the control does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Control {
    /// False positives among labels.
    pub fp_rate: f64,
    /// Missed threats among labels.
    pub missed_threat_rate: f64,
    /// Failed analyses among all.
    pub error_rate: f64,
    /// Alerts among answers; without it no scores are drawn.
    pub alert_rate: Option<f64>,
    /// Latency in milliseconds of an average camera.
    pub latency_ms: LogNormal,
    /// The share of answers that are slower by a factor.
    pub slow_share: f64,
    /// That factor, for both variants.
    pub slow_factor: f64,
}

/// What the treatment does otherwise than the control.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Treatment {
    /// Points added to the false-positive rate of every camera.
    pub fp_rate: Effect,
    /// Points added to the missed-threat rate of every camera.
    pub missed_threat_rate: Effect,
    /// Points added to the error rate of every camera.
    pub error_rate: Effect,
    /// Percent added to every latency.
    pub latency_pct: Effect,
    /// Percent by which the treatment alerts more often, on threats and on all else alike.
    pub alert_rate_pct: Effect,
    /// Points added to the share of slow answers.
    pub slow_share: Effect,
}

/// A change that may begin later, at once or by degrees.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Effect {
    /// The whole change.
    pub change: f64,
    /// The hour of the A/B test at which it begins; without one it is there in shadow too.
    pub from_hour: Option<f64>,
    /// The hour at which it is complete, after growing evenly; without one it begins whole.
    pub until_hour: Option<f64>,
}

impl Effect {
    /// How much of the change is there, 0 to 1, at an hour of the A/B test; `None` is before the test.
    pub fn strength(&self, ab_hour: Option<f64>) -> f64 {
        match (self.from_hour, self.until_hour, ab_hour) {
            (None, _, _) => 1.0,
            (Some(_), _, None) => 0.0,
            (Some(from), None, Some(hour)) => f64::from(u8::from(hour >= from)),
            (Some(from), Some(until), Some(hour)) => {
                ((hour - from) / (until - from)).clamp(0.0, 1.0)
            }
        }
    }
}

impl Treatment {
    /// The effects that do harm; growth of alerts is judged by its false positives.
    pub fn harms(&self) -> impl Iterator<Item = &Effect> {
        let worse_above = [
            &self.fp_rate,
            &self.missed_threat_rate,
            &self.error_rate,
            &self.latency_pct,
            &self.slow_share,
        ];
        let alerts = Some(&self.alert_rate_pct).filter(|effect| effect.change < 0.0);
        worse_above.into_iter().filter(|effect| effect.change > 0.0).chain(alerts)
    }
}

/// What people say, and when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Feedback {
    /// Labels for each analysis, on average under the control.
    pub share: f64,
    /// Minutes from the analysis to its label.
    pub delay_minutes: LogNormal,
    /// How many times likelier a false alarm is labelled than anything else.
    pub false_positive_factor: f64,
    /// How many times likelier an analysis of the treatment is labelled.
    pub treatment_factor: f64,
    /// How many times likelier a false alarm of the treatment is labelled than one of the control.
    pub treatment_false_positive_factor: f64,
}

/// What goes wrong around the engine. Hours count from the start of the rollout.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WorldFaults {
    /// The daemon is killed and takes up its last snapshot and what was journalled since.
    pub daemon_restart_hours: Vec<f64>,
    /// The part of reports that come twice.
    pub duplicate_share: f64,
    /// The part of reports that never arrive.
    pub lost_share: f64,
    /// The part of reports that arrive late, out of order.
    pub late_share: f64,
    /// The part of cameras that never report.
    pub dead_camera_share: f64,
    /// Stretches in which both variants fail.
    pub outages: Vec<Outage>,
    /// Moments at which the shell's clock jumps.
    pub clock_jumps: Vec<ClockJump>,
}

/// A stretch in which both variants fail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outage {
    /// When it begins.
    pub from_hour: f64,
    /// How long it lasts.
    pub hours: f64,
}

/// A moment at which the shell's clock jumps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClockJump {
    /// When.
    pub hour: f64,
    /// By how much; backwards below zero.
    pub minutes: f64,
}

impl ScenarioFile {
    /// Reads a scenario in TOML or JSON.
    ///
    /// # Errors
    /// Every fault at once, with path, value and what is allowed.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut table = document::table(text)?;
        if table.contains_key("key") && !table.contains_key("experiment") {
            let problem =
                "belongs to an experiment file, allowed: a scenario with it under [experiment]";
            return Err(ParseError::Faults(Faults::one("key", problem)));
        }
        let grid = table.remove("grid").unwrap_or_else(|| Value::Table(Table::new()));
        let alone = Table::from_iter([("grid".to_owned(), grid)]);
        let grid = document::read_table(&alone, |fields| {
            let entries = fields.entries("grid")?;
            Some(
                entries
                    .iter()
                    .filter_map(|(path, values)| vary::read(path, values, fields))
                    .collect(),
            )
        });
        let file = Self { table, grid: Vec::new() };
        // The faults of the scenario come first; most readers look there.
        file.scenario(&[])?;
        let grid: Vec<Variation> = grid?;
        let file = Self { grid, ..file };
        for settings in cells(&file.grid)? {
            file.scenario(&settings)?;
        }
        Ok(file)
    }

    /// Changes a setting for good, such as the rule; a grid no longer varies it.
    pub fn set(&mut self, setting: &Setting) {
        setting.apply(&mut self.table);
        self.grid.retain(|variation| !setting.is_of(variation.path()));
    }

    /// Every scenario the file stands for: one, or one for each cell of its grid.
    ///
    /// # Errors
    /// None for a file that was parsed.
    pub fn scenarios(&self) -> Result<Vec<Scenario>, ParseError> {
        cells(&self.grid)?.iter().map(|settings| self.scenario(settings)).collect()
    }

    /// The scenario with some settings changed, each named behind its name.
    ///
    /// # Errors
    /// Every fault at once; a path that leads nowhere is an unknown key.
    pub fn scenario(&self, settings: &[Setting]) -> Result<Scenario, ParseError> {
        let mut table = self.table.clone();
        for setting in settings {
            setting.apply(&mut table);
        }
        resolve(&mut table);
        let mut scenario = document::read_table(&table, read_scenario)?;
        if !settings.is_empty() {
            let shown: Vec<String> = settings.iter().map(ToString::to_string).collect();
            scenario.name = format!("{}[{}]", scenario.name, shown.join(","));
        }
        Ok(scenario)
    }
}

/// Fills a preset in below the experiment's own settings, and the shadow's hours above them.
fn resolve(table: &mut Table) {
    let hours = table.get("shadow").and_then(Value::as_table).and_then(|s| s.get("hours")).cloned();
    let Some(experiment) = table.get_mut("experiment").and_then(Value::as_table_mut) else {
        return;
    };
    if let Some(name) = experiment.get("preset") {
        let found = Preset::ALL.iter().find(|(preset, _)| name.as_str() == Some(preset));
        // Where the name is wrong, one that is right stands in for it, so that only the name is a fault.
        let preset = found.map_or(Preset::Production, |(_, preset)| *preset);
        let printed = preset.file().to_toml();
        let mut filled: Table = toml::from_str(&printed).expect("printed TOML is valid");
        overlay(&mut filled, experiment);
        *experiment = filled;
    }
    if let Some(hours) = hours.filter(|hours| hours.is_float() || hours.is_integer()) {
        let shadow = experiment.entry("shadow").or_insert_with(|| Value::Table(Table::new()));
        if let Some(shadow) = shadow.as_table_mut() {
            shadow.insert("duration_hours".to_owned(), hours);
        }
    }
}

/// Lays the values of `upper` over those of `lower`, table by table.
fn overlay(lower: &mut Table, upper: &Table) {
    for (key, value) in upper {
        match (lower.get_mut(key), value) {
            (Some(Value::Table(lower)), Value::Table(upper)) => overlay(lower, upper),
            _ => {
                lower.insert(key.clone(), value.clone());
            }
        }
    }
}

fn read_scenario(fields: &mut Fields<'_>) -> Option<Scenario> {
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
    let expect = fields.table("expect", expectation::read);
    // Read before all else, and known here for who looks for it.
    fields.value("grid");
    check_labels(fields, &control, &treatment, &feedback);
    let experiment = experiment?;
    check_size(fields, (&fleet, &unrest), experiment.definition.experiment());
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
        faults,
        unrest,
        expect,
    })
}

/// Notes what an experiment and a fleet do not agree on.
fn check_size(
    fields: &mut Fields<'_>,
    (fleet, unrest): (&Fleet, &Unrest),
    experiment: &Experiment,
) {
    let cameras = fleet.cameras as usize;
    let cameras_max = experiment.bounds.cameras_max;
    if cameras > cameras_max {
        let allowed = format!("up to experiment.limits.cameras_max {cameras_max}");
        fields.fault("fleet.cameras", format!("is {cameras}, allowed: {allowed}"));
    }
    let listed = experiment.assignment.cameras.len();
    if experiment.assignment.method == SplitMethod::Balanced && listed != cameras {
        let problem = format!("is {cameras}, allowed: {listed}, as experiment.assignment.cameras");
        fields.fault("fleet.cameras", problem);
    }
    let days = (experiment.shadow.duration.hours() + experiment.ab.duration.hours()) / 24.0;
    let bursts = fleet.bursts.map_or(0.0, |b| b.per_camera_day * b.minutes / 1_440.0 * b.factor);
    let alike = unrest.bursts.map_or(0.0, |b| b.per_camera_day * f64::from(b.events));
    let per_day = fleet.analyses_per_camera_day * (1.0 + bursts) + alike;
    let analyses = per_day * f64::from(fleet.cameras) * days;
    if analyses > ANALYSES_MAX {
        let problem = format!(
            "leads to {analyses:.0} analyses in a run, allowed: up to {ANALYSES_MAX}, over all cameras and days"
        );
        fields.fault("fleet.analyses_per_camera_day", problem);
    }
}

/// Notes rates that cannot be together.
fn check_labels(
    fields: &mut Fields<'_>,
    control: &Control,
    treatment: &Treatment,
    feedback: &Feedback,
) {
    let fp = control.fp_rate + treatment.fp_rate.change;
    let missed = control.missed_threat_rate + treatment.missed_threat_rate.change;
    if fp + missed > 1.0 + 1e-9 {
        let problem = format!(
            "and missed_threat_rate_change lead to {:.3} of the labels together, allowed: up to 1",
            fp + missed
        );
        fields.fault("treatment.fp_rate_change", problem);
    }
    let Some(alerts) = control.alert_rate else { return };
    // What fixes how many events are threats is said at `World::look` in the simulator.
    let threats = alerts * (1.0 - control.fp_rate) / (1.0 - control.missed_threat_rate);
    let false_alarms = if fp < 1.0 { fp * threats / (1.0 - fp) } else { f64::INFINITY };
    if false_alarms > 1.0 - threats + 1e-9 {
        let problem = format!(
            "asks for false alarms on {:.1} % of the events, allowed: up to {:.1} %, as the rest are threats",
            false_alarms * 100.0,
            (1.0 - threats) * 100.0
        );
        fields.fault("treatment.fp_rate_change", problem);
    }
    let speakable = alerts / (1.0 - control.missed_threat_rate);
    if feedback.share > speakable {
        let problem = format!(
            "is {}, allowed: up to {speakable:.4}, as only alerts and missed threats are labelled",
            feedback.share
        );
        fields.fault("feedback.share", problem);
    }
}

impl Fleet {
    /// The ids of its cameras.
    #[expect(clippy::missing_panics_doc, reason = "the names are valid")]
    pub fn camera_ids(&self) -> impl Iterator<Item = CameraId> + use<> {
        let id = |number| format!("camera-{number:04}").parse().expect("a short name is an id");
        (1..=self.cameras).map(id)
    }
}

fn read_fleet(fields: &mut Fields<'_>) -> Fleet {
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
    Fleet {
        cameras,
        analyses_per_camera_day: per_day.unwrap_or(200.0),
        traffic_log_sd: traffic_log_sd.unwrap_or(0.5),
        icc,
        error_icc: error_icc.unwrap_or(icc),
        drift_share: fields.real("drift_share", &SHARE).unwrap_or(0.2),
        latency_log_sd: fields.real("latency_log_sd", &LOG_SD).unwrap_or(0.2),
        diurnal_amplitude: fields.real("diurnal_amplitude", &SHARE).unwrap_or(0.6),
        start_hour: fields.real("start_hour", &(0.0..=24.0)).unwrap_or(6.0),
        bursts,
    }
}

const SHARE: std::ops::RangeInclusive<f64> = 0.0..=1.0;
const LOG_SD: std::ops::RangeInclusive<f64> = 0.0..=3.0;
const ICC: std::ops::RangeInclusive<f64> = 0.0..=0.9;
const FACTOR: std::ops::RangeInclusive<f64> = 0.0..=1_000.0;
const HOURS: std::ops::RangeInclusive<f64> = 0.0..=limits::DURATION_HOURS_MAX;

fn log_normal(
    fields: &mut Fields<'_>,
    key: &'static str,
    (median, log_sd): (f64, f64),
    median_max: f64,
) -> LogNormal {
    if let Some(value) = fields.value(key).filter(|value| !value.is_table()) {
        fields.not_allowed(key, value, "a table such as { median = 45, log_sd = 1.2 }");
        return LogNormal { median, log_sd };
    }
    fields.table(key, |fields| LogNormal {
        median: fields.real("median", &(0.001..=median_max)).unwrap_or(median),
        log_sd: fields.real("log_sd", &LOG_SD).unwrap_or(log_sd),
    })
}

fn read_control(fields: &mut Fields<'_>) -> Control {
    let control = Control {
        fp_rate: fields.real("fp_rate", &SHARE).unwrap_or(0.6),
        missed_threat_rate: fields.real("missed_threat_rate", &(0.0..=0.99)).unwrap_or(0.0),
        error_rate: fields.real("error_rate", &SHARE).unwrap_or(0.02),
        alert_rate: fields.real("alert_rate", &(0.001..=0.999)),
        latency_ms: log_normal(fields, "latency_ms", (900.0, 0.5), limits::LATENCY_MS_MAX),
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
    };
    if treatment.alert_rate_pct.change != 0.0 && control.alert_rate.is_none() {
        let problem =
            "is set, allowed: only with control.alert_rate, as no scores are drawn without";
        fields.fault("alert_rate_change_pct", problem);
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
fn effect(
    fields: &mut Fields<'_>,
    key: &'static str,
    range: &std::ops::RangeInclusive<f64>,
) -> Effect {
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

fn read_feedback(fields: &mut Fields<'_>) -> Feedback {
    Feedback {
        share: fields.real("share", &SHARE).unwrap_or(0.075),
        delay_minutes: log_normal(fields, "delay_minutes", (45.0, 1.2), 100_000.0),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_is_there_from_its_hour_and_grows_until_its_end() {
        let effect = |from_hour, until_hour| Effect { change: 1.0, from_hour, until_hour };
        assert_eq!(effect(None, None).strength(None).to_bits(), 1.0_f64.to_bits());
        let step = effect(Some(24.0), None);
        let drift = effect(Some(24.0), Some(32.0));
        for (hour, at_once, by_degrees) in [
            (None, 0.0, 0.0),
            (Some(23.9), 0.0, 0.0),
            (Some(24.0), 1.0, 0.0),
            (Some(26.0), 1.0, 0.25),
            (Some(40.0), 1.0, 1.0),
        ] {
            let found = [step, drift].map(|effect| effect.strength(hour).to_bits());
            assert_eq!(found, [at_once, by_degrees].map(f64::to_bits), "{hour:?}");
        }
    }

    #[test]
    fn a_preset_lies_below_the_experiments_own_settings() {
        let text = "[experiment]\npreset = \"cot_vs_current\"\nguardrails.alpha = 0.2\n\
            [shadow]\nhours = 7\n[grid]\n\"fleet.cameras\" = [5, 6]\n\"ab.duration_hours\" = [1.0]\n";
        let scenarios = ScenarioFile::parse(text).unwrap().scenarios().unwrap();
        let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "scenario[ab.duration_hours=1.0,fleet.cameras=5]",
                "scenario[ab.duration_hours=1.0,fleet.cameras=6]"
            ]
        );
        let experiment = scenarios[1].experiment.definition.experiment();
        assert_eq!(experiment.treatment.as_str(), "reasoning_enabled");
        assert!((experiment.guardrails.alpha.value() - 0.2).abs() < 1e-12);
        assert!((experiment.shadow.duration.hours() - 7.0).abs() < 1e-9);
        assert!((experiment.ab.duration.hours() - 1.0).abs() < 1e-9);
        assert_eq!(scenarios[1].fleet.cameras, 6);
    }

    #[test]
    fn variations_are_lists_and_ranges() {
        let values = |text: &str| {
            let variation: Variation = text.parse().unwrap();
            let cells = cells(&[variation]).unwrap();
            cells.iter().map(|cell| cell[0].to_string()).collect::<Vec<_>>()
        };
        assert_eq!(values("a.b=1,x,true"), ["a.b=1", "a.b=x", "a.b=true"]);
        assert_eq!(values("a=0.02..0.05:0.01"), ["a=0.02", "a=0.03", "a=0.04", "a=0.05"]);
        assert_eq!(values("a=5..4:-0.5"), ["a=5.0", "a=4.5", "a=4.0"]);
        assert_eq!(values("a=50..100:25"), ["a=50", "a=75", "a=100"]);
        for wrong in
            ["a", "=1", "a..b=1", "a=1..2", "a=1..2:0", "a=1..2:-1", "a=x..2:1", "a=0..1e9:1"]
        {
            assert!(wrong.parse::<Variation>().is_err(), "{wrong}");
        }
    }
}
