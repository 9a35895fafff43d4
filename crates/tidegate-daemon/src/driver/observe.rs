//! Observations: what of a request was taken in, and once it is on disk, the answer.

use tidegate_engine::event::{Event, Rejection};
use tidegate_engine::id::ExperimentKey;
use tidegate_engine::observation::Analysis;
use tidegate_engine::time::Timestamp;
use tidegate_engine::variant::Variant;
use tidegate_spec::api::{AnswerStatus, ObservationAnswer, ObservationAnswers, Reported, shown};

use super::Driver;
use super::pending::{Pending, refuse};
use super::protocol::{ReadObservation, Reply};
use crate::rollouts::Changed;

impl Driver {
    pub(super) fn observe(
        &mut self,
        items: Vec<ReadObservation>,
        reply: Reply<ObservationAnswers>,
    ) {
        if let Err(refusal) = self.writable().and_then(|journal| self.check_disk(&journal)) {
            return refuse(reply, refusal);
        }
        let now = self.now();
        let mut changed = Changed::default();
        let is_unread = items.iter().all(|item| matches!(item, ReadObservation::Refused(_)));
        let answers: ObservationAnswers = items
            .into_iter()
            .enumerate()
            .map(|(index, item)| match item {
                ReadObservation::Refused(answer) => answer,
                ReadObservation::Reported(reported) => {
                    if let Some(answer) = self.of_another_run(index, &reported) {
                        return answer;
                    }
                    let Reported { experiment, event, .. } = reported;
                    self.observe_one(&experiment, now, event, &mut changed)
                }
            })
            .collect();
        self.shared.metrics.observed(&answers);
        let pending = Pending::answer(reply, answers);
        if is_unread {
            return pending.settle(Ok(()));
        }
        // Duplicates wait too: what they repeat may not be on disk yet.
        self.commit(&changed, pending);
    }

    fn observe_one(
        &mut self,
        key: &ExperimentKey,
        now: Timestamp,
        event: Event,
        changed: &mut Changed,
    ) -> ObservationAnswer {
        let told = self.shared.metrics.to_count(&event);
        match self.rollouts.apply(key, now, event, changed) {
            None => rejected("unknown_experiment", format!("no experiment has the key `{key}`")),
            Some(Ok(())) => {
                if let Some(run) = self.rollouts.get(key) {
                    self.shared.metrics.accepted(&told, run.rollout.definition().experiment());
                }
                ObservationAnswer {
                    status: AnswerStatus::Accepted,
                    code: None,
                    pointer: None,
                    detail: None,
                }
            }
            Some(Err(rejection)) => answer_of(&rejection),
        }
    }
}

impl Driver {
    /// The answer to what names another run, or another version, than the present one. It must not count for a version that
    /// has nothing to do with it.
    fn of_another_run(&self, index: usize, reported: &Reported) -> Option<ObservationAnswer> {
        let Reported { experiment, event, run: named, prompt_version } = reported;
        let run = self.rollouts.get(experiment)?;
        let refused = |code, field, detail| {
            let pointer = Some(format!("/{index}/{field}"));
            Some(ObservationAnswer { pointer, ..rejected(code, detail) })
        };
        let number = run.number;
        if let Some(named) = named.filter(|named| *named != number) {
            let detail = match run.serving_predecessor() {
                Some(serving) if serving.number == named => format!(
                    "run {named} has ended and is served until run {number} is started: nothing is compared meanwhile"
                ),
                Some(_) | None => format!("it belongs to run {named}; the present run is {number}"),
            };
            return refused("another_run", "run", detail);
        }
        let settings = run.rollout.definition().experiment();
        let served = match event {
            Event::Analysis(Analysis { variant: Variant::Treatment, .. }) => &settings.treatment,
            Event::Tick
            | Event::Action(_)
            | Event::Analysis(_)
            | Event::Comparison(_)
            | Event::Feedback(_)
            | Event::CardReply(_)
            | Event::Absent(_) => &settings.control,
        };
        let version = prompt_version.as_ref().filter(|version| *version != served)?;
        // Who is served the predecessor names its version; that nothing is compared yet is the answer.
        run.rollout.lifecycle().started_at?;
        let detail = format!("it is of version `{version}`; the variant's is `{served}`");
        refused("another_version", "prompt_version", detail)
    }
}

fn rejected(code: &str, detail: String) -> ObservationAnswer {
    ObservationAnswer {
        status: AnswerStatus::Rejected,
        code: Some(code.to_owned()),
        pointer: None,
        detail: Some(detail),
    }
}

fn answer_of(rejection: &Rejection) -> ObservationAnswer {
    let mut detail = rejection.to_string();
    let code = match rejection {
        Rejection::Duplicate { .. } | Rejection::SameLabel { .. } => {
            let (status, code, pointer) = (AnswerStatus::Duplicate, None, None);
            return ObservationAnswer { status, code, pointer, detail: None };
        }
        Rejection::NotStarted => "not_started",
        Rejection::UnknownAnalysis { .. } => "unknown_analysis",
        // In the words of whoever sent it: its time as a text, the setting by its name.
        Rejection::ObservedAhead { observed_at, at } => {
            detail = format!(
                "observed_at {} is later than now, {}, allowed: up to a minute",
                shown(*observed_at),
                shown(*at)
            );
            "observed_ahead"
        }
        Rejection::ObservedTooLongAgo { observed_at, window } => {
            detail = format!(
                "observed_at {} is longer ago than {} hours, allowed: limits.attribution_window_hours",
                shown(*observed_at),
                window.hours()
            );
            "observed_too_long_ago"
        }
        Rejection::TooManyCameras { .. } => "too_many_cameras",
        Rejection::TooManyObservations { .. } => "too_many_observations",
        Rejection::TooManyBlocks { .. } => "too_many_blocks",
        // The driver holds time, meets deadlines first, and actions and answers do not come this way.
        Rejection::TimeRanBackwards { .. }
        | Rejection::TickDue { .. }
        | Rejection::NotAllowed { .. }
        | Rejection::NoReview
        | Rejection::ReviewOver
        | Rejection::Review(_) => "internal",
    };
    rejected(code, detail)
}
