//! What becomes of the rollouts of a repaired journal from which acknowledged entries may be missing.

use tidegate_engine::event::{Action, Actor, Command, Event, Reason};
use tidegate_engine::id::{ExperimentKey, PromptName};
use tidegate_engine::phase::{Condition, Phase, State};
use tidegate_journal::{Batch, Entry, Journal, Opened};

use crate::prompts::TIDEGATE;
use crate::recovery;
use crate::rollouts::{Changed, Rollouts, Unit};

const REASON: &str =
    "Entries that were acknowledged are missing after a repair, and a rollback may be among them";

/// What was done, and what a person has to look at.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct AfterRepair {
    /// Rollouts that serve control until a person resumes them or decides, and how they stood before.
    pub paused: Vec<(ExperimentKey, State)>,
    /// Experiments whose run was completed and goes on serving its treatment: a later run may be missing.
    pub completed: Vec<ExperimentKey>,
    /// Prompts whose label `production` was pointed back from the treatment of a paused rollout to its control.
    pub production_back: Vec<PromptName>,
}

/// Pauses every rollout that may be serving its treatment, or may come to serve it by itself: control is served
/// until a person resumes it.
///
/// # Errors
/// What does not follow in the journal, or why it could not be written.
pub fn pause_all(journal: &Journal, opened: Opened) -> Result<AfterRepair, String> {
    let (mut rollouts, _) = recovery::read(journal, opened)?;
    let mut done = AfterRepair::default();
    let mut changed = Changed::default();
    let standing: Vec<(ExperimentKey, State)> =
        rollouts.iter().map(|run| (run.key.clone(), run.rollout.lifecycle().state)).collect();
    for (key, state) in standing {
        match state.phase {
            Phase::Draft | Phase::RolledBack | Phase::Stopped => continue,
            Phase::Completed => {
                done.completed.push(key);
                continue;
            }
            Phase::Shadow | Phase::Ab | Phase::Full => {}
        }
        let commands: &[Command] = match state.condition {
            Condition::Clear | Condition::Held => &[Command::Pause],
            // A grace would end in a promotion by itself; a pause is made anew, so that its reason is on record.
            Condition::Grace | Condition::Paused => &[Command::Resume, Command::Pause],
            // Control is served until a person says otherwise.
            Condition::Expired => &[],
        };
        for command in commands {
            act(&mut rollouts, &key, *command, &mut changed)?;
        }
        point_back(&mut rollouts, &key, &mut changed, &mut done)?;
        done.paused.push((key, state));
    }
    let mut batch = Batch::default();
    for unit in &changed.units {
        batch.push(&unit.entries).map_err(|error| error.to_string())?;
    }
    journal.append_and_wait(batch).map_err(|error| error.to_string())?;
    Ok(done)
}

/// Acts at the last time that the rollout has seen: whatever has become due since may not be decided on what is
/// left.
fn act(
    rollouts: &mut Rollouts,
    key: &ExperimentKey,
    command: Command,
    changed: &mut Changed,
) -> Result<(), String> {
    let actor = Actor::new(TIDEGATE).map_err(|error| error.to_string())?;
    let reason = Reason::new(REASON).map_err(|error| error.to_string())?;
    let action = Event::Action(Action { command, actor, reason });
    let Some(at) = rollouts.get(key).map(|run| run.rollout.lifecycle().now) else { return Ok(()) };
    match rollouts.apply(key, at, action, changed) {
        None | Some(Ok(())) => Ok(()),
        Some(Err(rejection)) => Err(format!("`{key}`: {rejection}")),
    }
}

/// Points `production` back to the control, as a rollback that is missing would have done.
fn point_back(
    rollouts: &mut Rollouts,
    key: &ExperimentKey,
    changed: &mut Changed,
    done: &mut AfterRepair,
) -> Result<(), String> {
    let Some(in_play) = rollouts.get(key).and_then(|run| run.in_play.clone()) else {
        return Ok(());
    };
    let Some(order) = rollouts.prompts().production_back(&in_play, REASON) else { return Ok(()) };
    let at = rollouts.latest();
    let applied = rollouts.prompts_mut().apply(at, &in_play.prompt, &[order]);
    let moves = applied.map_err(|(_, rejection)| format!("`{}`: {rejection}", in_play.prompt))?;
    changed.units.extend(Unit::each_of(Entry::changes(&moves)));
    done.production_back.push(in_play.prompt);
    Ok(())
}
