//! Silence is not goodness: nothing goes further before the treatment was heard of.

use tidegate_engine::experiment::{Experiment, RampStep, Rule};
use tidegate_engine::number::Share;
use tidegate_engine::rollout::DeadlineReason;
use tidegate_engine::{Rollout, Variant};

use crate::script::{at, experiment, hours, tell};

/// Three steps of 2, 2 and 4 hours, in a test of 48.
fn ramp() -> Experiment {
    let mut experiment = experiment();
    experiment.guardrails.rule = Rule::Sequential;
    experiment.guardrails.min_samples = 100;
    let step = |share, dwell| RampStep { share: Share::new(share).unwrap(), dwell: hours(dwell) };
    experiment.ab.steps = vec![step(0.05, 2.0), step(0.2, 2.0), step(0.5, 4.0)];
    experiment
}

/// Forty cameras report once, each what it is assigned, but for those of `silent`.
fn reports(rollout: &Rollout, time: &str, silent: Option<Variant>) -> String {
    (0..40).fold(String::new(), |story, camera| {
        let name = format!("cam-{camera}");
        let variant = rollout.serve(&name.parse().unwrap(), at(time)).variant;
        if Some(variant) == silent {
            return story;
        }
        story + &format!("{time} a {time}-{camera} {name} {variant} 100 50 *12\n")
    })
}

/// Tells the reports of these times one after the other.
fn after_reports(times: &[&str], silent: Option<Variant>) -> (Rollout, Vec<String>, String) {
    let mut story = "0 start\n".to_owned();
    for time in times {
        let (rollout, _) = tell(ramp(), &story);
        if rollout.next_deadline().is_some_and(|(due, _)| due <= at(time)) {
            story += &[time, " tick\n"].concat();
        }
        let (rollout, _) = tell(ramp(), &story);
        story += &reports(&rollout, time, silent);
    }
    let (rollout, answers) = tell(ramp(), &story);
    (rollout, answers, story)
}

#[test]
fn a_ramp_does_not_go_up_on_silence() {
    let story = "0 start\n 12h tick\n 13h a e1 cam-0 control 100 50\n 14h tick";
    let (rollout, answers) = tell(ramp(), story);
    assert_eq!(answers, ["0 draft -> ab: start by owner: because"]);
    let presence = rollout.presence().unwrap();
    assert!(!presence.suffices());
    assert_eq!(presence.to_string(), "0 of 12 treatment analyses from 0 of 1 cameras");
    assert_eq!(rollout.next_deadline().unwrap().1, DeadlineReason::AbEnds);
}

#[test]
fn a_ramp_does_not_go_up_while_the_control_alone_reports() {
    let (rollout, answers, _) = after_reports(&["1h", "3h", "5h", "9h"], Some(Variant::Treatment));
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(rollout.lifecycle().step, 0);
}

#[test]
fn a_ramp_goes_up_one_step_at_a_time_with_reports_in_each() {
    let (rollout, answers, story) = after_reports(&["1h", "9h"], None);
    // Six hours late: the first step is left at once, the second has lasted no time.
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert_eq!(answers[1], "9h ab -> ab: The ramp step was held for its time");
    assert_eq!((rollout.lifecycle().step, rollout.lifecycle().step_ends), (1, Some(at("11h"))));
    // Its time alone is not enough either.
    let (rollout, answers) = tell(ramp(), &format!("{story}20h tick"));
    assert_eq!((answers.len(), rollout.lifecycle().step), (2, 1));
    let (_, answers, _) = after_reports(&["1h", "9h", "10h", "20h"], None);
    assert_eq!(answers.len(), 3, "{answers:?}");
}

#[test]
fn a_shadow_needs_comparisons_of_more_than_one_of_its_cameras() {
    let mut shadow = ramp();
    (shadow.guardrails.rule, shadow.guardrails.min_samples) = (Rule::Threshold, 3);
    shadow.shadow.duration = hours(1.0);
    let one = "0 start\n 5m c e1 cam-0 100/50 100/50 *9\n 5m a e2 cam-1 control 100 50\n\
               6m a e3 cam-2 control 100 50\n 1h tick\n";
    let (rollout, answers) = tell(shadow.clone(), one);
    assert_eq!(answers.len(), 1, "{answers:?}");
    let presence = rollout.presence().unwrap();
    assert_eq!(presence.to_string(), "9 of 3 treatment analyses from 1 of 2 cameras");
    let (_, answers) = tell(shadow, &format!("{one}61m c e4 cam-1 100/50 100/50"));
    assert_eq!(answers[1], "61m shadow -> ab: The shadow comparisons are within bounds");
}

#[test]
fn time_in_which_the_shell_was_away_is_no_dwell() {
    let (_, _, story) = after_reports(&["1h"], None);
    let (rollout, answers) = tell(ramp(), &format!("{story}1h absent 10h\n 11h tick\n"));
    assert_eq!((answers.len(), rollout.lifecycle().step), (1, 0));
    assert_eq!(rollout.next_deadline().unwrap(), (at("12h"), DeadlineReason::StepEnds));
    assert_eq!(rollout.lifecycle().phase_ends, Some(at("58h")));
    let (rollout, _) = tell(ramp(), &format!("{story}1h absent 10h\n 12h tick\n"));
    assert_eq!(rollout.lifecycle().step, 1);
}

#[test]
fn a_pause_is_not_counted_twice_where_the_shell_was_away_in_it() {
    let story = "0 start\n 1h pause\n 2h absent 5h\n 8h resume";
    let (rollout, _) = tell(ramp(), story);
    assert_eq!(rollout.lifecycle().step_ends, Some(at("9h")));
}
