//! What is wrong with what a rollout hears.

use std::fmt::Write as _;

use tidegate_engine::Rollout;
use tidegate_engine::assignment::Group;
use tidegate_engine::experiment::{Experiment, RampStep, Rule};
use tidegate_engine::number::Share;
use tidegate_engine::symptom::{Symptom, SymptomKind};

use crate::script::{at, experiment, hours, tell};

const CAMERAS: usize = 20;

fn fleet() -> Experiment {
    let mut experiment = experiment();
    experiment.guardrails.rule = Rule::Sequential;
    experiment
}

fn kinds(rollout: &Rollout, time: &str) -> Vec<SymptomKind> {
    rollout.symptoms(at(time)).iter().map(Symptom::kind).collect()
}

/// Every camera reports every ten minutes of these hours what `reports` makes of its name and variant.
fn story(
    experiment: &Experiment,
    hours: std::ops::Range<usize>,
    reports: impl Fn(&str, &str) -> Option<String>,
) -> String {
    let (rollout, _) = tell(experiment.clone(), "0 start\n");
    (hours.start * 6..hours.end * 6).fold(String::new(), |mut story, turn| {
        let minutes = turn * 10;
        for camera in 0..CAMERAS {
            let name = format!("cam-{camera}");
            let variant = rollout.serve(&name.parse().unwrap(), at("1h")).variant;
            if let Some(variant) = reports(&name, variant.as_str()) {
                writeln!(story, "{minutes}m a {minutes}-{camera} {name} {variant} 100 50").unwrap();
            }
        }
        story
    })
}

#[test]
fn a_fleet_that_reports_what_it_was_assigned_has_no_symptom() {
    let experiment = fleet();
    let reports = story(&experiment, 0..3, |_, variant| Some(variant.to_owned()));
    let (rollout, _) = tell(experiment, &format!("0 start\n{reports}"));
    assert_eq!(kinds(&rollout, "3h"), []);
    // An hour without a report is silence, and a minute less is not.
    assert_eq!(kinds(&rollout, "229m"), []);
    assert_eq!(kinds(&rollout, "230m"), [SymptomKind::ReportsStopped]);
    let said = rollout.symptoms(at("8h"))[0].to_string();
    assert_eq!(said, "No camera has reported for 5.2 h");
}

#[test]
fn a_night_like_the_one_before_is_no_silence_and_a_day_without_reports_is() {
    let experiment = fleet();
    let by_day = |hours| story(&experiment, hours, |_, variant| Some(variant.to_owned()));
    let days = by_day(8..18) + &by_day(32..42);
    let (rollout, _) = tell(fleet(), &format!("0 start\n{days}"));
    // Twenty cameras reported six times an hour; until eight in the morning nothing is due.
    assert_eq!(kinds(&rollout, "56h"), []);
    assert_eq!(kinds(&rollout, "56h5m"), []);
    assert_eq!(kinds(&rollout, "57h"), [SymptomKind::ReportsStopped]);
    // A day is silence whatever is usual.
    let quiet = by_day(8..9) + &by_day(24..25);
    let (rollout, _) = tell(fleet(), &format!("0 start\n{quiet}"));
    assert_eq!(kinds(&rollout, "30h"), []);
    assert_eq!(kinds(&rollout, "49h"), [SymptomKind::ReportsStopped]);
}

#[test]
fn a_rollout_of_which_nobody_ever_reports_says_so() {
    let (rollout, _) = tell(fleet(), "0 start\n");
    assert_eq!(kinds(&rollout, "59m"), []);
    let said = rollout.symptoms(at("2h"))[0].to_string();
    assert_eq!(said, "No camera has reported since it began 2.0 h ago");
}

#[test]
fn treatment_cameras_that_fall_silent_are_named() {
    let experiment = fleet();
    let both = story(&experiment, 0..2, |_, variant| Some(variant.to_owned()));
    let control =
        story(&experiment, 2..9, |_, variant| (variant == "control").then(|| variant.to_owned()));
    let (rollout, _) = tell(experiment, &format!("0 start\n{both}{control}"));
    let symptoms = rollout.symptoms(at("9h"));
    let [Symptom::CamerasSilent { cameras, of, named, .. }] = symptoms.as_slice() else {
        panic!("{symptoms:?}")
    };
    assert_eq!(symptoms[0].kind(), SymptomKind::TreatmentSilent);
    assert_eq!((cameras, named.len()), (of, 5));
    let assigned = |name| rollout.serve(name, at("9h")).variant.as_str();
    assert!(named.iter().all(|name| assigned(name) == "treatment"));
}

#[test]
fn one_dead_camera_of_many_is_no_symptom() {
    let experiment = fleet();
    let both = story(&experiment, 0..2, |_, variant| Some(variant.to_owned()));
    let rest =
        story(&experiment, 2..9, |name, variant| (name != "cam-7").then(|| variant.to_owned()));
    let (rollout, _) = tell(experiment, &format!("0 start\n{both}{rest}"));
    assert_eq!(kinds(&rollout, "9h"), []);
}

#[test]
fn a_client_that_runs_another_variant_than_assigned_is_seen() {
    let experiment = fleet();
    let control = story(&experiment, 0..2, |_, _| Some("control".to_owned()));
    let (rollout, _) = tell(experiment.clone(), &format!("0 start\n{control}"));
    assert_eq!(kinds(&rollout, "2h"), [SymptomKind::VariantsDisagree]);
    let said = rollout.symptoms(at("2h"))[0].to_string();
    assert!(said.contains("of 240 analyses are of another variant"), "{said}");
    // One that names no run and reports the treatment where it cannot be.
    let treatment = story(&experiment, 0..2, |_, _| Some("treatment".to_owned()));
    let (rollout, _) = tell(experiment, &format!("0 start\n{treatment}"));
    assert_eq!(kinds(&rollout, "2h"), [SymptomKind::VariantsDisagree]);
}

#[test]
fn a_switchback_is_judged_block_by_block() {
    let mut experiment = fleet();
    experiment.assignment.method = tidegate_engine::assignment::SplitMethod::Switchback;
    experiment.assignment.block = hours(2.0);
    let (rollout, _) = tell(experiment.clone(), "0 start\n");
    let told = |swap: bool| {
        let mut story = "0 start\n".to_owned();
        for minutes in (0..720).step_by(10) {
            for camera in 0..CAMERAS {
                let name = format!("cam-{camera}");
                let time = format!("{minutes}m");
                let variant = rollout.serve(&name.parse().unwrap(), at(&time)).variant;
                let variant = if swap { "control" } else { variant.as_str() };
                writeln!(story, "{time} a {minutes}-{camera} {name} {variant} 100 50").unwrap();
            }
        }
        tell(experiment.clone(), &story).0
    };
    assert_eq!(kinds(&told(false), "12h"), []);
    assert_eq!(kinds(&told(true), "12h"), [SymptomKind::VariantsDisagree]);
}

#[test]
fn a_shadow_whose_treatment_falls_silent_says_so_and_keeps_its_gate_shut() {
    let mut experiment = fleet();
    experiment.shadow.duration = hours(24.0);
    let compared = |minutes: usize| {
        format!("{minutes}m c {minutes} cam-{} 100/20 100/20\n", minutes / 10 % CAMERAS)
    };
    let alone = |minutes: usize| {
        format!("{minutes}m a {minutes} cam-{} control 100 20\n", minutes / 10 % CAMERAS)
    };
    let both: String = (0..36).map(|turn| compared(turn * 5)).collect();
    let control: String = (36..288).map(|turn| alone(turn * 5)).collect();
    let story = format!("0 start\n{both}{control}");
    let told = |until: usize| {
        let story: String = story.lines().take(until).flat_map(|line| [line, "\n"]).collect();
        tell(experiment.clone(), &story).0
    };
    assert_eq!(kinds(&told(40), "200m"), []);
    let silent = told(100);
    assert_eq!(kinds(&silent, "8h20m"), [SymptomKind::NothingCompared]);
    let said = silent.symptoms(at("8h20m"))[0].to_string();
    assert_eq!(
        said,
        "No event was answered by the treatment too for 5.4 h, while the control reports"
    );
    let (rollout, answers) = tell(experiment, &format!("{story}24h tick\n24h10m tick\n"));
    assert_eq!(answers.len(), 1, "the gate stays shut: {answers:?}");
    assert!(rollout.presence().unwrap().to_string().ends_with(", and it is silent now"));
}

#[test]
fn a_step_is_not_left_while_its_treatment_is_silent() {
    let mut experiment = fleet();
    let step = |share, dwell| RampStep { share: Share::new(share).unwrap(), dwell: hours(dwell) };
    experiment.ab.steps = vec![step(0.2, 8.0), step(0.5, 4.0)];
    let first = story(&experiment, 0..1, |_, variant| Some(variant.to_owned()));
    let later =
        story(&experiment, 1..9, |_, variant| (variant == "control").then(|| variant.to_owned()));
    let (rollout, _) = tell(
        experiment.clone(),
        &format!("0 start\n{first}{}", later.split("480m").next().unwrap()),
    );
    assert_eq!(kinds(&rollout, "7h50m"), [SymptomKind::TreatmentSilent]);
    let ticked = later.replacen("480m", "8h tick\n480m", 1);
    let (rollout, _) = tell(experiment, &format!("0 start\n{first}{ticked}"));
    assert_eq!(rollout.lifecycle().step, 0);
}

#[test]
fn one_busy_camera_makes_no_silence_of_the_others() {
    // One reports every two minutes, five others every two hours.
    let mut story = String::from("0 start\n");
    let experiment = fleet();
    let (assigned, _) = tell(experiment.clone(), &story);
    for minutes in (0..60 * 60).step_by(2) {
        let quiet = (minutes % 24 == 0).then_some(1 + minutes / 24 % 5);
        for camera in [Some(0), quiet].into_iter().flatten() {
            let name = format!("cam-{camera}");
            let variant = assigned.serve(&name.parse().unwrap(), at("1h")).variant;
            writeln!(story, "{minutes}m a {minutes}-{camera} {name} {} 100 20", variant.as_str())
                .unwrap();
        }
        if minutes > 0 && minutes % 600 == 0 {
            let (rollout, _) = tell(experiment.clone(), &story);
            assert_eq!(rollout.symptoms(rollout.lifecycle().now), [], "{minutes} minutes");
        }
    }
}

#[test]
fn a_treatment_served_in_shadow_is_told() {
    let mut experiment = fleet();
    experiment.shadow.duration = hours(6.0);
    let reports = story(&experiment, 0..2, |_, _| Some("treatment".to_owned()));
    let (rollout, _) = tell(experiment, &format!("0 start\n{reports}"));
    assert_eq!(kinds(&rollout, "1h50m"), [SymptomKind::VariantsDisagree]);
}

#[test]
fn a_treatment_that_half_of_the_cameras_have_and_none_reports_is_silent() {
    let experiment = fleet();
    let reports =
        story(&experiment, 0..2, |_, variant| (variant == "control").then(|| variant.to_owned()));
    let (rollout, _) = tell(experiment, &format!("0 start\n{reports}"));
    let symptoms = rollout.symptoms(at("1h50m"));
    assert_eq!(symptoms[0].kind(), SymptomKind::TreatmentSilent);
    assert!(
        symptoms[0].to_string().ends_with("those that have it do not report"),
        "{}",
        symptoms[0]
    );
}

#[test]
fn a_release_that_nobody_runs_is_told() {
    let experiment = fleet();
    let before = story(&experiment, 0..2, |_, variant| Some(variant.to_owned()));
    let after = story(&experiment, 2..6, |_, _| Some("control".to_owned()));
    let released = format!("0 start\n{before}119m advance\n");
    let (rollout, _) = tell(experiment.clone(), &format!("{released}{after}"));
    assert_eq!(kinds(&rollout, "6h"), [SymptomKind::VariantsDisagree]);
    let heard = story(&experiment, 2..6, |_, _| Some("treatment".to_owned()));
    let (rollout, _) = tell(experiment, &format!("{released}{heard}"));
    assert_eq!(kinds(&rollout, "6h"), []);
}

#[test]
fn reports_of_other_cameras_of_a_group_are_no_reports() {
    let mut experiment = fleet();
    let half = Share::new(0.5).unwrap();
    let group = Group { name: "fleet".parse().unwrap(), from: Share::NONE, to: half };
    let is_in = |name: &str| group.has(&name.parse().unwrap());
    experiment.assignment.group = Some(group.clone());
    let strangers =
        story(&experiment, 0..6, |name, _| (!is_in(name)).then(|| "control".to_owned()));
    let (rollout, _) = tell(experiment.clone(), &format!("0 start\n{strangers}"));
    assert_eq!(kinds(&rollout, "6h"), [SymptomKind::ReportsStopped]);
    let all = story(&experiment, 0..6, |_, variant| Some(variant.to_owned()));
    let (rollout, _) = tell(experiment, &format!("0 start\n{all}"));
    assert_eq!(kinds(&rollout, "6h"), []);
}

#[test]
fn a_first_step_that_holds_no_camera_that_reported_says_so() {
    let mut experiment = fleet();
    let step = |share, dwell| RampStep { share: Share::new(share).unwrap(), dwell: hours(dwell) };
    experiment.ab.steps = vec![step(0.0001, 2.0), step(0.5, 4.0)];
    let reports = story(&experiment, 0..3, |_, variant| Some(variant.to_owned()));
    let (rollout, _) =
        tell(experiment, &format!("0 start\n{}2h tick\n", reports.split("120m").next().unwrap()));
    assert_eq!(rollout.lifecycle().step, 0, "it waits");
    let said = rollout.symptoms(at("150m"))[0].to_string();
    assert_eq!(said, "None of the 20 cameras that reported has the treatment at this ramp step");
}

#[test]
fn a_shadow_in_which_the_treatment_never_runs_says_so() {
    let mut experiment = fleet();
    experiment.shadow.duration = hours(6.0);
    let reports = story(&experiment, 0..2, |_, _| Some("control".to_owned()));
    let (rollout, _) = tell(experiment, &format!("0 start\n{reports}"));
    assert_eq!(kinds(&rollout, "2h"), [SymptomKind::NothingCompared]);
}

#[test]
fn an_absence_is_told_for_a_day_and_its_silence_is_nobodys() {
    let experiment = fleet();
    let reports = story(&experiment, 0..1, |_, variant| Some(variant.to_owned()));
    let (rollout, _) = tell(experiment, &format!("0 start\n{reports}1h absent 9h\n"));
    assert_eq!(kinds(&rollout, "630m"), [SymptomKind::Away]);
    assert_eq!(kinds(&rollout, "12h"), [SymptomKind::Away, SymptomKind::ReportsStopped]);
    assert_eq!(kinds(&rollout, "35h"), [SymptomKind::ReportsStopped]);
}

#[test]
fn nothing_is_wrong_where_nothing_is_compared() {
    for end in ["pause", "stop", "roll_back"] {
        let (rollout, _) = tell(fleet(), &format!("0 start\n1h {end}\n"));
        assert_eq!(kinds(&rollout, "30h"), [], "{end}");
    }
}
