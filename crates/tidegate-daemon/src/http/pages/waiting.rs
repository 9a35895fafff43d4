//! What a rollout waits for, and which of several a person should see first.

use tidegate_engine::phase::{Condition, Phase};
use tidegate_engine::rollout::DeadlineReason;
use tidegate_engine::time::Duration;
use tidegate_engine::verdict::Verdict;
use tidegate_page::WaitsFor;
use tidegate_spec::api;

use crate::describe::{self, GateWaits};
use crate::published::{Trust, View};
use crate::rollouts::RunningExperiment;

/// How long a rollback stands before all else.
const NEWS: Duration = Duration::from_ms(24 * 3_600_000);

/// What a rollout waits for.
pub(super) fn waits_for(run: &RunningExperiment, trust: Trust) -> WaitsFor {
    let state = run.rollout.lifecycle().state;
    let next = run.rollout.next_deadline().map(|(_, reason)| reason);
    match (state.phase, state.condition) {
        (Phase::Completed | Phase::RolledBack | Phase::Stopped, _) => WaitsFor::Nothing,
        (Phase::Draft, _) => WaitsFor::Start,
        _ if trust == Trust::ControlOnly => WaitsFor::Person,
        (_, Condition::Held) if next == Some(DeadlineReason::OutageOver) => WaitsFor::Time,
        (_, Condition::Held | Condition::Expired) => WaitsFor::Person,
        (_, Condition::Clear | Condition::Paused | Condition::Grace) if next.is_some() => {
            WaitsFor::Time
        }
        (Phase::Shadow, Condition::Clear) => match describe::gate_waits(run) {
            GateWaits::Reports => WaitsFor::Reports,
            GateWaits::Answers => WaitsFor::Answers,
            GateWaits::Person => WaitsFor::Person,
        },
        _ => WaitsFor::Person,
    }
}

/// In which order rollouts are shown; those of a rank stay in the order of their keys. What was rolled back a moment ago is
/// news to whoever was not there, what waits for people goes no further without them, and an alarm may come to that.
pub(super) fn rank(run: &RunningExperiment, view: View<'_>) -> u8 {
    let is_alarmed = run.noticed.verdicts.iter().any(|(_, verdict)| *verdict >= Verdict::Alarm);
    match waits_for(run, view.trust) {
        WaitsFor::Nothing if was_rolled_back_lately(run, view) => 0,
        WaitsFor::Person | WaitsFor::Answers => 1,
        WaitsFor::Time | WaitsFor::Reports if is_alarmed => 2,
        WaitsFor::Time | WaitsFor::Reports => 3,
        WaitsFor::Start => 4,
        WaitsFor::Nothing => 5,
    }
}

fn was_rolled_back_lately(run: &RunningExperiment, view: View<'_>) -> bool {
    let ended = || api::parse_time(&run.last_step()?.at).ok();
    run.rollout.lifecycle().state.phase == Phase::RolledBack
        && ended().is_some_and(|ended| view.now.since(ended) < NEWS)
}
