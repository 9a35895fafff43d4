//! The way that a rollout takes: its phases and ramp steps, those that were and those that are to come.

use tidegate_engine::experiment::{Definition, Watch};
use tidegate_engine::number::Share;
use tidegate_engine::time::Duration;
use tidegate_page::{PhaseEntry, PhaseTime};
use tidegate_spec::api::HistoryItem;

/// What is known of the way beforehand.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    entries: Vec<(&'static str, String)>,
}

impl Planned {
    pub(super) fn of(definition: &Definition) -> Self {
        let experiment = definition.experiment();
        let mut entries = vec![("draft", String::new())];
        if !experiment.shadow.duration.is_zero() {
            entries.push(("shadow", lasts(experiment.shadow.duration)));
        }
        let ramp = definition.ramp();
        for step in ramp {
            let dwell = if ramp.len() == 1 { experiment.ab.duration } else { step.dwell };
            entries.push(("ab", format!("{}, {}", of(step.share), lasts(dwell))));
        }
        let watch = experiment.full.watch;
        let watched = match experiment.guardrails.watch {
            Watch::On if !watch.is_zero() => format!("watched for {}", lasts(watch)),
            Watch::On | Watch::Off => String::new(),
        };
        entries.push(("full", watched));
        entries.push(("completed", String::new()));
        Self { entries }
    }

    /// The way as it was and will be: `steps` are those of this run, oldest first, `phase` is the present one and
    /// `step` its ramp step, from 1.
    pub(super) fn entries(
        &self,
        steps: &[HistoryItem],
        phase: &str,
        step: usize,
    ) -> Vec<PhaseEntry> {
        let has_failed = ["rolled_back", "stopped"].contains(&phase);
        let mut ramp_step = 0;
        let mut entries: Vec<PhaseEntry> = Vec::new();
        let mut has_come = phase != "draft";
        for (name, detail) in &self.entries {
            ramp_step += usize::from(*name == "ab");
            let began_at = began(steps, name, ramp_step);
            let is_now = *name == phase && (phase != "ab" || ramp_step == step);
            if has_failed && began_at.is_none() && *name != "draft" {
                break;
            }
            let time = if is_now {
                has_come = false;
                PhaseTime::Now
            } else if has_come || has_failed {
                PhaseTime::Past
            } else {
                PhaseTime::ToCome
            };
            let (phase, detail) = ((*name).to_owned(), detail.clone());
            entries.push(PhaseEntry { phase, detail, began_at, time });
        }
        if has_failed {
            let began_at = began(steps, phase, 0);
            let (phase, detail) = (phase.to_owned(), String::new());
            entries.push(PhaseEntry { phase, detail, began_at, time: PhaseTime::Now });
        }
        entries
    }
}

/// When a phase began, or of the test its ramp step, from 1.
fn began(steps: &[HistoryItem], phase: &str, ramp_step: usize) -> Option<String> {
    let of = |text: &str| text.split(' ').next().unwrap_or_default() == phase;
    let begins = |item: &&HistoryItem| of(&item.to) && (!of(&item.from) || item.number == 0);
    if phase != "ab" || ramp_step <= 1 {
        return steps.iter().find(begins).map(|item| item.at.clone());
    }
    // From one ramp step to the next nothing but the step changes.
    let mut next = steps.iter().filter(|item| of(&item.from) && item.from == item.to);
    next.nth(ramp_step - 2).map(|item| item.at.clone())
}

fn of(share: Share) -> String {
    let percent = share.value() * 100.0;
    if percent.fract().abs() < 0.05 { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}

fn lasts(duration: Duration) -> String {
    let hours = duration.hours();
    if hours >= 72.0 && (hours % 24.0).abs() < 0.05 {
        format!("{:.0} days", hours / 24.0)
    } else if hours.fract().abs() < 0.05 {
        format!("{hours:.0} h")
    } else {
        format!("{hours:.1} h")
    }
}
