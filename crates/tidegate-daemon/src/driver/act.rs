//! What operators do.

use tidegate_engine::event::{Command, Event};
use tidegate_engine::id::ExperimentKey;
use tidegate_engine::phase::{Condition, Phase, State, Transition};
use tidegate_engine::rollout::Backing;
use tidegate_spec::api::{Accepted, Destination, Done, HistoryItem, Judgement};

use super::Driver;
use super::pending::{Pending, refuse};
use super::protocol::{ActionOrder, Reply};
use crate::describe;
use crate::refusal::Refusal;
use crate::rollouts::{Changed, RunningExperiment};

/// Whether there is something to do.
enum Agreed {
    /// The action is carried out, on this evidence where it does not pass.
    Go(Option<Accepted>),
    /// It was carried out before, by this step where one is known.
    Already(Option<Box<HistoryItem>>),
}

impl Driver {
    pub(super) fn act(&mut self, key: &ExperimentKey, order: ActionOrder, reply: Reply<Done>) {
        if let Err(refusal) = self.writable() {
            return refuse(reply, refusal);
        }
        let mut changed = Changed::default();
        match self.acted(key, order, &mut changed) {
            Ok(done) => self.commit(&changed, Pending::answer(reply, done)),
            Err(refusal) => {
                // Deadlines that were met on the way still happened.
                self.commit(&changed, Pending::nobody());
                refuse(reply, refusal);
            }
        }
    }

    pub(super) fn acted(
        &mut self,
        key: &ExperimentKey,
        order: ActionOrder,
        changed: &mut Changed,
    ) -> Result<Done, Refusal> {
        let now = self.now();
        let command = order.action.command;
        self.rollouts.meet_deadlines(key, now, changed);
        let agreed = agree(self.run_of(key)?, &order)?;
        if let Agreed::Go(accepted) = agreed {
            if command == Command::Start {
                self.check_prompt_is_free(key)?;
            }
            changed.accepted = accepted;
            self.tell(key, now, Event::Action(order.action), changed)?;
            tracing::info!(experiment = %key, action = command.as_str(), "acted");
        }
        let run = self.run_of(key)?;
        let status = describe::status(run, self.view());
        Ok(match agreed {
            Agreed::Go(_) => Done { decisions: changed.items.clone(), already: false, status },
            Agreed::Already(step) => {
                let decisions = step.into_iter().map(|step| *step).collect();
                Done { decisions, already: true, status }
            }
        })
    }

    /// Two experiments on one prompt at once would each see what the other does.
    fn check_prompt_is_free(&self, key: &ExperimentKey) -> Result<(), Refusal> {
        let run = self.run_of(key)?;
        let Some(prompt) = run.in_play.as_ref().map(|in_play| &in_play.prompt) else {
            return Ok(());
        };
        let group = |run: &RunningExperiment| {
            run.rollout.definition().experiment().assignment.group.clone()
        };
        let own = group(run);
        let other = self.rollouts.iter().find(|other| {
            let tries = other.in_play.as_ref().is_some_and(|in_play| in_play.prompt == *prompt);
            let phase = other.rollout.lifecycle().state.phase;
            let apart =
                own.as_ref().zip(group(other).as_ref()).is_some_and(|(a, b)| a.is_apart_from(b));
            other.key != *key && tries && phase.is_under_way() && !apart
        });
        other.map_or(Ok(()), |other| {
            let (prompt, experiment) = (prompt.clone(), other.key.clone());
            Err(Refusal::PromptInUse { prompt, experiment, state: other.rollout.lifecycle().state })
        })
    }
}

/// Whether the rollout stands where whoever acts takes it to stand.
fn agree(run: &RunningExperiment, order: &ActionOrder) -> Result<Agreed, Refusal> {
    let command = order.action.command;
    let revision = run.revision();
    if let Some(expected) = order.expected_revision
        && expected != revision
    {
        let since = usize::try_from(expected).ok().and_then(|since| run.history.get(since..));
        let mut since = since.unwrap_or_default().iter();
        let next: Option<Box<HistoryItem>> =
            since.next().and_then(|next| serde_json::from_str(next).ok());
        let same = next.filter(|next| {
            next.action.as_deref() == Some(command.as_str())
                && order.to.is_none_or(|to| led_to(next) == Some(to))
                && still_stands(command, next, since, run)
        });
        return match same {
            Some(step) => Ok(Agreed::Already(Some(step))),
            None => Err(Refusal::OtherRevision { expected, revision }),
        };
    }
    let state = run.rollout.lifecycle().state;
    if stands_as_asked(command, state) {
        let last = run.history.last().and_then(|last| serde_json::from_str(last).ok());
        return Ok(Agreed::Already(last));
    }
    if command != Command::Advance {
        return Ok(Agreed::Go(None));
    }
    let there = match order.to {
        Some(Destination::Ab) => state.phase == Phase::Ab,
        Some(Destination::Full) => matches!(state.phase, Phase::Full | Phase::Completed),
        // Which ramp step is meant is known by the revision alone.
        Some(Destination::Step) | None => false,
    };
    if there {
        return Ok(Agreed::Already(None));
    }
    let Some((transition, _)) = run.rollout.advance() else {
        // The engine says where it leads from there.
        return Ok(Agreed::Go(None));
    };
    let leads_to = destination(transition);
    if order.to.is_none() && leads_to == Destination::Full {
        return Err(Refusal::ReleaseUnnamed { state });
    }
    if let Some(wanted) = order.to.filter(|wanted| *wanted != leads_to) {
        return Err(Refusal::LeadsElsewhere { wanted, leads_to, state });
    }
    let Some(needed) = needed(run, transition) else { return Ok(Agreed::Go(None)) };
    if order.accepted >= Some(needed) {
        return Ok(Agreed::Go(Some(needed)));
    }
    Err(Refusal::NotBacked { to: leads_to, needed, evidence: evidence(run, transition) })
}

/// Where a step that `advance` takes leads.
fn destination(transition: Transition) -> Destination {
    if transition == Transition::OpenAb {
        Destination::Ab
    } else if transition == Transition::NextStep {
        Destination::Step
    } else {
        Destination::Full
    }
}

/// What is to be accepted for a step, where its evidence does not pass.
fn needed(run: &RunningExperiment, transition: Transition) -> Option<Accepted> {
    match run.rollout.backing(transition) {
        Backing::Passes => None,
        Backing::Inconclusive => Some(Accepted::Inconclusive),
        Backing::Fails => Some(Accepted::Failing),
    }
}

/// The step that an `advance` would take now.
#[derive(Debug)]
pub(crate) struct StepAhead {
    pub(crate) leads_to: Destination,
    /// What is to be accepted for it, with the evidence, a sentence each.
    pub(crate) question: Option<(Accepted, Vec<String>)>,
}

impl StepAhead {
    pub(crate) fn of(run: &RunningExperiment) -> Option<Self> {
        let (transition, _) = run.rollout.advance()?;
        let needed = needed(run, transition);
        Some(Self {
            leads_to: destination(transition),
            question: needed.map(|needed| (needed, evidence(run, transition))),
        })
    }
}

/// Whether there is nothing left to do: whoever asks twice, or after the rollout did it by itself, has what they want.
const fn stands_as_asked(command: Command, state: State) -> bool {
    match command {
        Command::RollBack => matches!(state.phase, Phase::RolledBack),
        Command::Stop => matches!(state.phase, Phase::Stopped),
        Command::Complete => matches!(state.phase, Phase::Completed),
        Command::Pause => matches!(state.condition, Condition::Paused),
        Command::Hold => matches!(state.condition, Condition::Held),
        // Where these lead depends on where they are asked.
        Command::Start | Command::Resume | Command::Advance => false,
    }
}

/// Whether what an action led to was not undone since: whoever wanted it would else be told that it is so.
fn still_stands(
    command: Command,
    step: &HistoryItem,
    since: std::slice::Iter<'_, String>,
    run: &RunningExperiment,
) -> bool {
    let state = run.rollout.lifecycle().state;
    if step.run != run.number {
        return false;
    }
    match command {
        Command::RollBack | Command::Stop | Command::Complete | Command::Pause | Command::Hold => {
            stands_as_asked(command, state)
        }
        // What follows from them by itself is what whoever asked wanted, but an end.
        Command::Start | Command::Resume | Command::Advance => {
            let by_itself = |step: &String| {
                let step = serde_json::from_str::<HistoryItem>(step);
                step.is_ok_and(|step| step.action.is_none())
            };
            let has_ended = matches!(state.phase, Phase::RolledBack | Phase::Stopped);
            step.to == state.to_string() || !has_ended && since.into_iter().all(by_itself)
        }
    }
}

/// Where a step that an `advance` took led to.
fn led_to(step: &HistoryItem) -> Option<Destination> {
    let phase = |text: &str| text.split(' ').next().map(str::to_owned);
    match (phase(&step.from)?.as_str(), phase(&step.to)?.as_str()) {
        ("shadow", "ab") => Some(Destination::Ab),
        ("ab", "ab") => Some(Destination::Step),
        ("ab", "full") => Some(Destination::Full),
        _ => None,
    }
}

/// What does not pass, or else what the step is too early for, in a sentence each.
fn evidence(run: &RunningExperiment, transition: Transition) -> Vec<String> {
    let check = run.rollout.check();
    let open = Judgement::all(&check).into_iter().filter(|judgement| judgement.verdict != "pass");
    let mut sentences: Vec<String> =
        open.map(|judgement| format!("{} ({})", judgement.sentence, judgement.guardrail)).collect();
    let lifecycle = run.rollout.lifecycle();
    if transition == Transition::NextStep
        && let Some(ends) = lifecycle.step_ends.filter(|ends| *ends > lifecycle.now)
    {
        let hours = ends.since(lifecycle.now).hours();
        sentences.insert(0, format!("{hours:.1} h of the ramp step's dwell are left"));
    }
    if let Some(ends) = lifecycle.phase_ends.filter(|ends| *ends > lifecycle.now) {
        let hours = ends.since(lifecycle.now).hours();
        sentences.insert(0, format!("{hours:.1} h of the phase are left"));
    }
    if sentences.is_empty() {
        sentences.push(tidegate_spec::api::finding(&check));
    }
    sentences
}
