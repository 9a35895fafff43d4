//! The way that a rollout takes: its phases and ramp steps, those that were and those that are to come.

use tidegate_engine::experiment::{Definition, Watch};
use tidegate_engine::number::Share;
use tidegate_engine::time::Duration;
use tidegate_page::{PhaseEntry, PhaseTime};
use tidegate_spec::api::{DEFINED, LastStep};

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
    pub(super) fn entries(&self, steps: &[LastStep], phase: &str, step: usize) -> Vec<PhaseEntry> {
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
fn began(steps: &[LastStep], phase: &str, ramp_step: usize) -> Option<String> {
    let of = |text: &str| text.split(' ').next().unwrap_or_default() == phase;
    let begins = |step: &&LastStep| of(&step.to) && (!of(&step.from) || step.cause == DEFINED);
    if phase != "ab" || ramp_step <= 1 {
        return steps.iter().find(begins).map(|step| step.at.clone());
    }
    // From one ramp step to the next nothing but the step changes.
    let mut next = steps.iter().filter(|step| of(&step.from) && step.from == step.to);
    next.nth(ramp_step - 2).map(|step| step.at.clone())
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

#[cfg(test)]
mod tests {
    use tidegate_spec::ExperimentFile;

    use super::*;

    const RAMP: &str = "key = \"door\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n[shadow]\nduration_hours = 24\n\
                        [ab]\nduration_hours = 96\n[[ab.steps]]\ntreatment_percentage = 0.125\ndwell_hours = 6\n\
                        [[ab.steps]]\ntreatment_percentage = 0.5\ndwell_hours = 90\n";

    fn step(at: &str, from: &str, to: &str, cause: &str) -> LastStep {
        let text = str::to_owned;
        LastStep {
            at: text(at),
            from: text(from),
            to: text(to),
            cause: text(cause),
            actor: None,
            reason: text("r"),
        }
    }

    fn shown(
        steps: &[LastStep],
        phase: &str,
        ramp_step: usize,
    ) -> Vec<(String, Option<String>, PhaseTime)> {
        let file = ExperimentFile::parse(RAMP).unwrap();
        let entries = Planned::of(&file.definition).entries(steps, phase, ramp_step);
        let of = |entry: PhaseEntry| {
            (
                format!("{} {}", entry.phase, entry.detail).trim().to_owned(),
                entry.began_at,
                entry.time,
            )
        };
        entries.into_iter().map(of).collect()
    }

    fn entry(what: &str, at: Option<&str>, time: PhaseTime) -> (String, Option<String>, PhaseTime) {
        (what.to_owned(), at.map(str::to_owned), time)
    }

    #[test]
    fn the_way_has_what_was_what_is_and_what_is_to_come() {
        use PhaseTime::{Now, Past, ToCome};
        let mut steps = vec![
            step("1", "none", "draft", DEFINED),
            step("2", "draft", "shadow", "operator"),
            step("3", "shadow", "shadow (held)", "operator"),
            step("4", "shadow (held)", "ab", "operator"),
            step("5", "ab", "ab (paused)", "operator"),
            step("6", "ab (paused)", "ab", "operator"),
            step("7", "ab", "ab", "dwell_over"),
        ];
        let mut way = vec![
            entry("draft", Some("1"), Past),
            entry("shadow 24 h", Some("2"), Past),
            entry("ab 12.5 %, 6 h", Some("4"), Past),
            entry("ab 50 %, 90 h", Some("7"), Now),
        ];
        let found = shown(&steps, "ab", 2);
        assert_eq!(found[..4], way);
        assert_eq!(found[4].2, ToCome);
        assert_eq!(found[5], entry("completed", None, ToCome));
        // Of a way that ended, what was to come is no more.
        steps.push(step("8", "ab", "rolled_back", "guardrail"));
        way[3].2 = Past;
        way.push(entry("rolled_back", Some("8"), Now));
        assert_eq!(shown(&steps, "rolled_back", 2), way);
    }

    #[test]
    fn a_draft_has_all_before_it() {
        let found = shown(&[step("1", "none", "draft", DEFINED)], "draft", 1);
        assert_eq!(found[0], entry("draft", Some("1"), PhaseTime::Now));
        assert!(found[1..].iter().all(|(_, at, time)| at.is_none() && *time == PhaseTime::ToCome));
    }
}
