//! What becomes of the rollouts of a repaired journal from which acknowledged entries may be missing.

use tidegate_engine::event::{Action, Actor, Command, Event, Note};
use tidegate_engine::id::ExperimentKey;
use tidegate_engine::phase::{Condition, Phase, State};
use tidegate_journal::{Batch, Journal, Opened};

use crate::prompts::TIDEGATE;
use crate::recovery;
use crate::rollouts::{Changed, Rollouts};

const REASON: &str =
    "Entries that were acknowledged are missing after a repair, and a rollback may be among them";

/// Pauses every rollout that may be serving its treatment, or may come to serve it by itself: control is served
/// until a person resumes it. Gives the experiments that were paused.
///
/// # Errors
/// What does not follow in the journal, or why it could not be written.
pub fn pause_all(journal: &Journal, opened: Opened) -> Result<Vec<ExperimentKey>, String> {
    let (mut rollouts, _) = recovery::read(journal, opened)?;
    let running: Vec<(ExperimentKey, State)> = rollouts
        .iter()
        .map(|run| (run.key.clone(), run.rollout.lifecycle().state))
        .filter(|(_, state)| matches!(state.phase, Phase::Shadow | Phase::Ab | Phase::Full))
        .collect();
    let mut changed = Changed::default();
    let mut paused = Vec::new();
    for (key, state) in running {
        let commands: &[Command] = match state.condition {
            Condition::Clear | Condition::Held => &[Command::Pause],
            // Its grace would end in a promotion by itself.
            Condition::Grace => &[Command::Resume, Command::Pause],
            // Control is served until a person says otherwise.
            Condition::Paused | Condition::Expired => continue,
        };
        for command in commands {
            act(&mut rollouts, &key, *command, &mut changed)?;
        }
        paused.push(key);
    }
    let mut batch = Batch::default();
    for unit in &changed.units {
        batch.push(&unit.entries).map_err(|error| error.to_string())?;
    }
    journal.append_and_wait(batch).map_err(|error| error.to_string())?;
    Ok(paused)
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
    let note = Note::new(REASON).map_err(|error| error.to_string())?;
    let action = Event::Action(Action { command, actor, note });
    let Some(at) = rollouts.get(key).map(|run| run.rollout.lifecycle().now) else { return Ok(()) };
    match rollouts.apply(key, at, action, changed) {
        None | Some(Ok(())) => Ok(()),
        Some(Err(rejection)) => Err(format!("`{key}`: {rejection}")),
    }
}
