//! The story itself: time goes on in steps of ten minutes, the fleet reports, the daemon dies and comes back.

use std::collections::VecDeque;
use std::io::Write;
use std::thread;

use tidegate_spec::api::{HistoryItem, OBSERVATIONS_MAX, Observation, ObservationAnswers, Status};
use tidegate_spec::{ExperimentFile, Preset};

use super::fleet::DemoFleet;
use super::process::Process;
use super::requests::line;
use super::story::DemoArgs;
use crate::client::{self, Body};
use crate::clock::Stopwatch;
use crate::failure::Failure;

/// Minutes of a step.
const STEP: i64 = 10;
const STEPS_AN_HOUR: i64 = 60 / STEP;
/// Shadow, test, grace, and a little more.
const STEPS_MAX: i64 = (24 + 48 + 6 + 1) * STEPS_AN_HOUR;
/// People judge a detection about this many steps later.
const FEEDBACK_STEPS: usize = 5;
/// When the daemon is killed: halfway through the shadow, and early in the test.
const SHADOW_KILL_STEP: i64 = 12 * STEPS_AN_HOUR;
const TEST_KILL_STEPS: i64 = 2 * STEPS_AN_HOUR;

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
    /// How many steps of the rollout were told.
    told: usize,
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
        self.process.set_time(0)?;
        self.process.define(&self.key, &self.file.to_toml())?;
        self.process.start_rollout(&self.key, "A demonstration")?;
        for step in 1..=STEPS_MAX {
            self.process.set_time(step * STEP)?;
            let status = self.process.status(&self.key)?;
            self.told = self.process.tell_steps(&self.key, &self.fleet.cameras, self.told, out)?;
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
        let assigned = self.process.assignments(&self.key, &self.fleet.cameras)?;
        let hours = self.test_began.map(|began| (step - began) as f64 / STEPS_AN_HOUR as f64);
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
        self.tally.acknowledged += self.process.send(reports)?;
        Ok(())
    }

    /// Kills the daemon while reports are on their way, starts it anew and sends them again.
    fn kill_amid(
        &mut self,
        step: i64,
        reports: &[Observation],
        out: &mut impl Write,
    ) -> Result<(), Failure> {
        let before = self.process.assignments(&self.key, &self.fleet.cameras)?;
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
        self.process.set_time(step * STEP)?;
        let seconds = watch.elapsed().as_secs_f64();
        self.send(reports)?;
        let after = self.process.assignments(&self.key, &self.fleet.cameras)?;
        self.tally.kills += 1;
        self.tally.moved +=
            before.iter().filter(|(camera, told)| after[*camera] != **told).count() as u64;
        line(
            out,
            step * STEP,
            &format!(
                "kill -9      amid {} reports; ready again after {seconds:.2} s, which are sent once more",
                reports.len()
            ),
        )
    }

    fn end(mut self) -> Result<DemoEnding, Failure> {
        let status = self.process.status(&self.key)?;
        // Whatever was acknowledged is known to the engine once, and nothing else is.
        let known = status.observations;
        self.tally.lost = self.tally.acknowledged.saturating_sub(known);
        self.tally.double = known.saturating_sub(self.tally.acknowledged);
        let history = self.process.history(&self.key)?;
        let Self { process, folder, tally, .. } = self;
        Ok(DemoEnding { status, history, tally, process, _folder: folder })
    }
}
