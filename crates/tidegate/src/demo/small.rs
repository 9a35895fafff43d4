//! `tidegate demo --small`: four cameras, shadows of six days, and one person who looks at what the prompts disagree on.

mod cameras;

use std::io::Write;

use tidegate_spec::api::{NextCard, Review, ReviewAnswer, ReviewAnswered};

use self::cameras::{FewCameras, TriedPrompt};
use super::process::Process;
use super::requests::line;
use super::story::DemoArgs;
use crate::client::{self, Body};
use crate::clock::Stopwatch;
use crate::failure::Failure;

const SHADOW_HOURS: i64 = 6 * 24;
const TEST_HOURS: i64 = 48;
/// The wait for the last feedback, and an hour more.
const GRACE_HOURS: i64 = 7;
/// Cards that are shown one by one.
const CARDS_SHOWN: u64 = 3;

/// Tells both stories, one after the other, and gives the daemon they were told by.
pub(super) fn tell(
    args: &DemoArgs,
    data: &tempfile::TempDir,
    out: &mut impl Write,
) -> Result<Process, Failure> {
    let watch = Stopwatch::started();
    writeln!(
        out,
        "Four cameras. For six days both prompts answer every event, and the cameras are served v1_original. Then one person\n\
         looks at events on which the prompts disagree, not told which of them alerted: was it worth an alert?\n\
         Time is compressed and the person is simulated; the daemon and its journal are real."
    )?;
    out.flush()?;
    let process = Process::start(data.path(), None)?;
    let mut fleet = FewCameras::new(args.seed);
    let (eager, began) = SmallRollout::new(&process, TriedPrompt::Eager, 0).run(&mut fleet, out)?;
    let (calm, _) = SmallRollout::new(&process, TriedPrompt::Calm, began).run(&mut fleet, out)?;
    writeln!(
        out,
        "\n{eager} answers kept a bad prompt from every camera, {calm} released a good one; {:.0} s in all",
        watch.elapsed().as_secs_f64()
    )?;
    out.flush()?;
    Ok(process)
}

/// The rollout of one prompt.
struct SmallRollout<'a> {
    process: &'a Process,
    tried: TriedPrompt,
    /// The hour of the story.
    hour: i64,
    /// How many of its steps were told.
    told: usize,
    answers: u64,
}

impl<'a> SmallRollout<'a> {
    const fn new(process: &'a Process, tried: TriedPrompt, hour: i64) -> Self {
        Self { process, tried, hour, told: 0, answers: 0 }
    }

    /// From its start to its end; how many answers it took, and the hour of the story then.
    fn run(mut self, fleet: &mut FewCameras, out: &mut impl Write) -> Result<(u64, i64), Failure> {
        writeln!(out, "\n{}: {}", self.tried.name(), self.tried.words())?;
        self.process.set_time(self.hour * 60)?;
        self.process.define(self.tried.key(), &self.tried.definition(fleet.cameras()))?;
        self.process.start_rollout(self.tried.key(), "A demonstration")?;
        self.pass(SHADOW_HOURS, fleet, out)?;
        let Review { lost, gained, waiting, .. } = self.review()?;
        let disagreements = lost + gained;
        let what = format!(
            "cards        {disagreements} disagreements: {lost} alerts lost, {gained} gained; {waiting} cards wait"
        );
        line(out, self.hour * 60, &what)?;
        self.answer(fleet, out)?;
        self.tell_steps(fleet, out)?;
        if self.process.status(self.tried.key())?.phase == "ab" {
            self.pass(TEST_HOURS, fleet, out)?;
            self.hour += GRACE_HOURS;
            self.process.set_time(self.hour * 60)?;
            self.tell_steps(fleet, out)?;
        }
        let phase = self.process.status(self.tried.key())?.phase;
        if phase == self.tried.ending() {
            Ok((self.answers, self.hour))
        } else {
            let (name, sentence) = (self.tried.name(), self.review()?.sentence);
            Err(Failure::Unmet(format!("{name} ended as {phase}: {sentence}")))
        }
    }

    /// Lets hours pass, in which the cameras report.
    fn pass(
        &mut self,
        hours: i64,
        fleet: &mut FewCameras,
        out: &mut impl Write,
    ) -> Result<(), Failure> {
        let key = self.tried.key();
        for _ in 0..hours {
            let served = self.process.assignments(key, fleet.cameras())?;
            self.process.send(&fleet.hour(self.tried, &served))?;
            self.hour += 1;
            self.process.set_time(self.hour * 60)?;
            self.tell_steps(fleet, out)?;
        }
        Ok(())
    }

    /// Answers card by card until the review has said all that it can.
    fn answer(&mut self, fleet: &mut FewCameras, out: &mut impl Write) -> Result<(), Failure> {
        let path = |last| ["v1", "experiments", self.tried.key(), "review", last];
        let reviewer = "reviewer";
        loop {
            let next: NextCard =
                self.process.client.get_with(&path("next"), &[("reviewer", reviewer)])?;
            let Some(card) = next.card else { break };
            let answer = fleet.look(&card.event);
            self.answers += 1;
            if self.answers <= CARDS_SHOWN {
                let what =
                    format!("card {:<7} {} at {}: {answer}", self.answers, card.event, card.camera);
                line(out, self.hour * 60, &what)?;
            }
            let answer = ReviewAnswer {
                event: card.event,
                turn: card.turn,
                reviewer: reviewer.to_owned(),
                answer: answer.to_owned(),
            };
            let body = client::json(&answer)?;
            let _: ReviewAnswered =
                self.process.client.post(&path("answers"), Body::Json(&body))?;
        }
        let review = self.review()?;
        let what = format!("answers      {}: {}", self.answers, review.sentence);
        line(out, self.hour * 60, &what)
    }

    fn review(&self) -> Result<Review, Failure> {
        Ok(self.process.client.get(&["v1", "experiments", self.tried.key(), "review"])?)
    }

    fn tell_steps(&mut self, fleet: &FewCameras, out: &mut impl Write) -> Result<(), Failure> {
        let key = self.tried.key();
        self.told = self.process.tell_steps(key, fleet.cameras(), self.told, out)?;
        Ok(())
    }
}
