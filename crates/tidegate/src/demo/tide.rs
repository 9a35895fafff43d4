//! The story itself: time goes on in steps of ten minutes, the fleet reports, the daemon dies and comes back.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::thread;

use serde_json::{Value, json};
use tidegate_engine::time::Timestamp;
use tidegate_engine::variant::Variant;
use tidegate_spec::api::{
    self, AnswerStatus, Assignments, DEFINED, Done, ExperimentDetail, History, HistoryItem,
    OBSERVATIONS_MAX, Observation, ObservationAnswers, Status,
};
use tidegate_spec::{ExperimentFile, Preset};

use super::fleet::{DemoFleet, ServedAnswer, Shadowed};
use super::process::Process;
use super::story::DemoArgs;
use crate::client::{self, Body};
use crate::clock::Stopwatch;
use crate::failure::Failure;

/// Where the story begins: any day would do.
const BEGAN_MS: i64 = 1_772_323_200_000;
const STEP_MS: i64 = 10 * 60 * 1_000;
const HOUR_MS: i64 = 60 * 60 * 1_000;
/// Shadow, test, grace, and a little more.
const STEPS_MAX: i64 = (24 + 48 + 6 + 1) * HOUR_MS / STEP_MS;
/// People judge a detection about this many steps later.
const FEEDBACK_STEPS: usize = 5;
/// When the daemon is killed: halfway through the shadow, and early in the test.
const SHADOW_KILL_STEP: i64 = 12 * HOUR_MS / STEP_MS;
const TEST_KILL_STEPS: i64 = 2 * HOUR_MS / STEP_MS;

/// What was counted on the way.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct DemoCounts {
    pub(super) acknowledged: u64,
    pub(super) kills: u64,
    pub(super) lost: u64,
    pub(super) double: u64,
    pub(super) moved: u64,
}

/// How it ended.
pub(super) struct DemoEnding {
    pub(super) status: Status,
    pub(super) history: Vec<HistoryItem>,
    pub(super) tally: DemoCounts,
    /// It still runs, on its journal in a folder that is gone with it.
    pub(super) process: Process,
    _folder: tempfile::TempDir,
}

pub(super) struct Tide {
    folder: tempfile::TempDir,
    process: Process,
    file: ExperimentFile,
    key: String,
    fleet: DemoFleet,
    /// Feedback on its way, a step each.
    feedback: VecDeque<Vec<Observation>>,
    tally: DemoCounts,
    told: u64,
    /// The step the test began with.
    test_began: Option<i64>,
}

impl Tide {
    pub(super) fn begin(args: &DemoArgs) -> Result<Self, Failure> {
        let folder = tempfile::tempdir().map_err(Failure::Temporary)?;
        let process = Process::start(folder.path(), None)?;
        let file = Preset::Production.file();
        let key = file.definition.experiment().key.as_str().to_owned();
        let fleet = DemoFleet::new(args.cameras, args.seed, args.harm);
        Ok(Self {
            folder,
            process,
            file,
            key,
            fleet,
            feedback: VecDeque::from(vec![Vec::new(); FEEDBACK_STEPS]),
            tally: DemoCounts::default(),
            told: 0,
            test_began: None,
        })
    }

    pub(super) fn run(mut self, out: &mut impl Write) -> Result<DemoEnding, Failure> {
        self.set_time(0)?;
        let text = self.file.to_toml();
        let _: ExperimentDetail = self
            .process
            .client
            .put(&["v1", "experiments", &self.key], Body::Toml(text.as_bytes()))?;
        self.act("start", "A demonstration")?;
        for step in 1..=STEPS_MAX {
            self.set_time(step)?;
            let status = self.status()?;
            self.tell_steps(out)?;
            if matches!(status.phase.as_str(), "rolled_back" | "stopped" | "completed")
                || status.condition == "expired"
            {
                break;
            }
            if status.phase == "ab" && self.test_began.is_none() {
                self.test_began = Some(step);
            }
            let in_test = self.test_began.map(|began| step - began);
            let reports = self.reports(step)?;
            if step == SHADOW_KILL_STEP || in_test == Some(TEST_KILL_STEPS) {
                self.kill_amid(step, &reports, out)?;
            } else {
                self.send(&reports)?;
            }
        }
        self.end()
    }

    /// What the fleet reports in one step, the feedback on former steps last.
    fn reports(&mut self, step: i64) -> Result<Vec<Observation>, Failure> {
        let assigned = self.assignments()?;
        let hours = self.test_began.map(|began| ((step - began) * STEP_MS) as f64 / HOUR_MS as f64);
        let (mut reports, mut judged) = (Vec::new(), Vec::new());
        for camera in 0..self.fleet.cameras.len() {
            let told = assigned[&self.fleet.cameras[camera]];
            for (report, feedback) in self.fleet.step(&self.key, camera, told, hours) {
                reports.push(report);
                judged.extend(feedback);
            }
        }
        self.feedback.push_back(judged);
        reports.extend(self.feedback.pop_front().unwrap_or_default());
        Ok(reports)
    }

    /// Sends reports and counts what is acknowledged for the first time.
    fn send(&mut self, reports: &[Observation]) -> Result<(), Failure> {
        for batch in reports.chunks(OBSERVATIONS_MAX) {
            let answers: ObservationAnswers = self
                .process
                .client
                .post(&["v1", "observations"], Body::Json(&client::json(&batch)?))?;
            if let Some(answer) =
                answers.results.iter().find(|answer| answer.status == AnswerStatus::Rejected)
            {
                return Err(Failure::Unmet(format!("the daemon rejects a report: {answer:?}")));
            }
            self.tally.acknowledged += answers.results.len() as u64;
        }
        Ok(())
    }

    /// Kills the daemon while reports are on their way, starts it anew and sends them again.
    fn kill_amid(
        &mut self,
        step: i64,
        reports: &[Observation],
        out: &mut impl Write,
    ) -> Result<(), Failure> {
        let before = self.assignments()?;
        let body = client::json(&reports.iter().take(OBSERVATIONS_MAX).collect::<Vec<_>>())?;
        let process = &mut self.process;
        let client = process.client.clone();
        thread::scope(|scope| {
            scope.spawn(move || {
                // Answered or cut off: they are sent again either way, and nothing is counted twice.
                let _: Result<ObservationAnswers, _> =
                    client.post(&["v1", "observations"], Body::Json(&body));
            });
            process.kill()
        })?;
        let watch = Stopwatch::started();
        self.process = Process::start(self.folder.path(), Some(&self.process))?;
        self.set_time(step)?;
        let seconds = watch.elapsed().as_secs_f64();
        self.send(reports)?;
        let after = self.assignments()?;
        self.tally.kills += 1;
        self.tally.moved +=
            before.iter().filter(|(camera, told)| after[*camera] != **told).count() as u64;
        line(
            out,
            step * STEP_MS / 60_000,
            &format!(
                "kill -9      amid {} reports; ready again after {seconds:.2} s, which are sent once more",
                reports.len()
            ),
        )
    }

    fn end(mut self) -> Result<DemoEnding, Failure> {
        let status = self.status()?;
        // Whatever was acknowledged is known to the engine once, and nothing else is.
        let known = status.observations;
        self.tally.lost = self.tally.acknowledged.saturating_sub(known);
        self.tally.double = known.saturating_sub(self.tally.acknowledged);
        let history = self.history()?;
        let Self { process, folder, tally, .. } = self;
        Ok(DemoEnding { status, history, tally, process, _folder: folder })
    }

    /// Prints the steps of the rollout that were not told yet.
    fn tell_steps(&mut self, out: &mut impl Write) -> Result<(), Failure> {
        let history = self.history()?;
        for item in history.iter().skip(usize::try_from(self.told).unwrap_or(usize::MAX)) {
            self.told += 1;
            if item.cause == DEFINED {
                continue;
            }
            let treated = self
                .assignments()?
                .values()
                .filter(|told| told.variant == Variant::Treatment)
                .count();
            let what = format!(
                "{:<12} {} (treatment: {treated} of {} cameras)",
                item.to,
                item.reason,
                self.fleet.cameras.len()
            );
            line(out, minutes_of(item), &what)?;
        }
        Ok(())
    }

    fn set_time(&self, step: i64) -> Result<(), Failure> {
        let at = Timestamp::from_ms(BEGAN_MS + step * STEP_MS);
        let now = api::shown(at.unwrap_or(Timestamp::EPOCH));
        let body = client::json(&json!({ "now": now }))?;
        let _: Value = self.process.client.post(&["v1", "time"], Body::Json(&body))?;
        Ok(())
    }

    fn act(&self, action: &str, reason: &str) -> Result<(), Failure> {
        let body = json!({ "action": action, "reason": reason, "actor": "demo" });
        let path = ["v1", "experiments", &self.key, "actions"];
        let _: Done = self.process.client.post(&path, Body::Json(&client::json(&body)?))?;
        Ok(())
    }

    fn status(&self) -> Result<Status, Failure> {
        Ok(self.process.client.get(&["v1", "experiments", &self.key, "status"])?)
    }

    fn history(&self) -> Result<Vec<HistoryItem>, Failure> {
        let history: History =
            self.process.client.get(&["v1", "experiments", &self.key, "history"])?;
        Ok(history.items)
    }

    fn assignments(&self) -> Result<BTreeMap<String, ServedAnswer>, Failure> {
        let body = client::json(&json!({ "camera_ids": self.fleet.cameras }))?;
        let path = ["v1", "experiments", &self.key, "assignments"];
        let answer: Assignments<'_> = self.process.client.post(&path, Body::Json(&body))?;
        let told = answer.assignments.into_iter().map(|assigned| {
            let treated = assigned.variant == Variant::Treatment.as_str();
            let variant = if treated { Variant::Treatment } else { Variant::Control };
            let shadowed = if assigned.shadow_sample > 0.0 { Shadowed::Yes } else { Shadowed::No };
            (assigned.camera_id.into_owned(), ServedAnswer { variant, shadowed })
        });
        Ok(told.collect())
    }
}

/// When a step was taken, in minutes of the story.
fn minutes_of(item: &HistoryItem) -> i64 {
    let at: Result<jiff::Timestamp, _> = item.at.parse();
    at.map_or(0, |at| (at.as_millisecond() - BEGAN_MS) / 60_000)
}

/// Prints what happened, with the day and hour of the story.
fn line(out: &mut impl Write, minutes: i64, what: &str) -> Result<(), Failure> {
    let (day, hour, minute) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    writeln!(out, "  day {day} {hour:02}:{minute:02}  {what}")?;
    out.flush()?;
    Ok(())
}
