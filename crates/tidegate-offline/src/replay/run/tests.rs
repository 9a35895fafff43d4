//! Whether any valid experiment can be replayed on any recording.

use proptest::prelude::*;
use tidegate_engine::number::RiskScore;
use tidegate_engine::observation::{Label, Outcome};
use tidegate_engine::variant::Variant;
use tidegate_spec::ExperimentFile;

use super::*;
use crate::replay::record::RecordedAnalysis;

/// A length in hours: short and long against a recording of some days, and the longest there is.
fn hours() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.001), 0.01..3.0, 1.0..100.0, Just(8_784.0)]
}

fn assignment() -> impl Strategy<Value = String> {
    let cameras = Just(
        "assignment.split = \"balanced\"\nassignment.cameras = [\"c0\", \"c1\", \"c2\"]\n"
            .to_owned(),
    );
    let turns = (1_u32..1_440, 1_u32..500).prop_map(|(minutes, cameras_max)| {
        format!("assignment.split = \"switchback\"\nassignment.block_minutes = {minutes}\nlimits.cameras_max = {cameras_max}\n")
    });
    let chosen =
        Just("assignment.overrides = { c1 = \"treatment\", c2 = \"control\" }\n".to_owned());
    prop_oneof![Just(String::new()), cameras, turns, chosen]
}

fn steps() -> impl Strategy<Value = String> {
    let dwell = 0.0..2.0;
    prop_oneof![
        Just(String::new()),
        dwell.prop_map(|hours: f64| format!(
            "steps = [{{ treatment_percentage = 0.1, dwell_hours = {hours} }}, {{ treatment_percentage = 0.5 }}]\n"
        ))
    ]
}

prop_compose! {
    /// An experiment as its owner may write it.
    fn definition()(
        rule in prop_oneof![Just("sequential"), Just("threshold")],
        on_expiry in prop_oneof![Just("hold"), Just("roll_back"), Just("extend")],
        mode in prop_oneof![Just("manual"), Just("automatic")],
        enabled in any::<bool>(),
        duration in hours(),
        shadow in prop_oneof![Just(0.0), hours()],
        gate in prop_oneof![Just("automatic"), Just("manual")],
        grace in prop_oneof![Just(0.0), Just(6.0)],
        attribution in hours(),
        alpha in 0.0001..0.5,
        min_samples in prop_oneof![Just(0), Just(3)],
        open_max in prop_oneof![Just(1), Just(100_000)],
        steps in steps(),
        assignment in assignment(),
    ) -> Option<Definition> {
        let text = format!(
            "key = \"k\"\ncontrol = \"v1\"\ntreatment = \"v2\"\nshadow.duration_hours = {shadow}\nshadow.gate = \"{gate}\"\n\
             guardrails.rule = \"{rule}\"\nguardrails.enabled = {enabled}\n\
             guardrails.alpha = {alpha}\nguardrails.min_samples = {min_samples}\n\
             promotion.mode = \"{mode}\"\npromotion.feedback_grace_hours = {grace}\n\
             limits.attribution_window_hours = {attribution}\nlimits.open_analyses_max = {open_max}\n\
             {assignment}[ab]\nduration_hours = {duration}\non_expiry = \"{on_expiry}\"\n{steps}"
        );
        ExperimentFile::parse(&text).ok().map(|file| file.definition)
    }
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let answered = (0_u8..=100).prop_map(|score| Outcome::Answered {
        latency: None,
        score: RiskScore::new(f64::from(score)).ok(),
    });
    prop_oneof![Just(Outcome::Failed), answered]
}

prop_compose! {
    /// A record of up to five cameras, at any time there is.
    fn record()(
        at_ms in prop_oneof![0_i64..300_000_000, Just(0), Just(250_000_000_000_000)],
        camera in 0_u8..5,
        variant in prop_oneof![Just(None), Just(Some(Variant::Control)), Just(Some(Variant::Treatment))],
        outcome in outcome(),
        label in prop_oneof![Just(None), (0_usize..4, 0_i64..500_000_000).prop_map(Some)],
        id in prop_oneof![Just(None), (0_u8..50).prop_map(Some)],
        treatment in prop::option::of(outcome()),
    ) -> RecordedAnalysis {
        let at = Timestamp::EPOCH.plus(Duration::from_ms(at_ms.unsigned_abs()));
        RecordedAnalysis {
            at,
            id: id.map(|id| format!("e{id}").parse().unwrap()),
            camera: format!("c{camera}").parse().unwrap(),
            variant,
            outcome,
            treatment,
            feedback: label.map(|(label, delay)| {
                (at.plus(Duration::from_ms(delay.unsigned_abs())), Label::ALL[label])
            }),
        }
    }
}

fn arguments(window: Option<Duration>, baseline: Option<Duration>) -> ReplaySettings {
    ReplaySettings {
        // Whatever is rejected, it must not panic.
        rejected_max: 100.0,
        window,
        baseline,
        from: None,
        explain: true,
        by_camera: true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn every_valid_experiment_replays_every_recording(
        definition in definition(),
        records in prop::collection::vec(record(), 1..120),
        window in prop_oneof![Just(None), (1_u64..200_000_000).prop_map(Some)],
        baseline in prop_oneof![Just(None), (1_u64..200_000_000).prop_map(Some)],
    ) {
        // What is not valid is refused before a replay; most of these are valid.
        prop_assume!(definition.is_some());
        let mut experiment = definition.unwrap().experiment().clone();
        let baseline = baseline.map(Duration::from_ms);
        if let Some(baseline) = baseline {
            experiment.shadow.duration = baseline;
            experiment.shadow.gate = Gate::Manual;
        }
        let definition = Definition::new(experiment);
        prop_assume!(definition.is_ok());
        let definition = definition.unwrap();
        let used = records.len() as u64;
        let mut events: Vec<Recorded> =
            records.into_iter().zip(1..).flat_map(|(record, line)| Recorded::of(record, line)).collect();
        events.sort_by_key(|event| (event.at(), event.line(), !event.is_analysis()));
        let mut counts = RowCounts::default();
        let mut replay = Replay::new(definition, &arguments(window.map(Duration::from_ms), baseline));
        for event in events {
            let _ended = replay.feed(event, &mut counts);
        }
        let run = replay.finish();
        prop_assert!(run.is_some());
        // Each analysis was used, repeated, or refused with a reason, as a label may be too.
        prop_assert!(counts.used + counts.duplicates + counts.rejected >= used);
    }
}

#[test]
fn a_switchback_is_recorded_beyond_the_end_of_its_test() {
    let text = "key = \"k\"\ncontrol = \"v1\"\ntreatment = \"v2\"\nshadow.duration_hours = 0\n\
        assignment.split = \"switchback\"\nab.duration_hours = 2\n";
    let definition = ExperimentFile::parse(text).unwrap().definition;
    let mut replay = Replay::new(definition, &arguments(None, None));
    let mut counts = RowCounts::default();
    for hour in 0..50_u64 {
        let record = RecordedAnalysis {
            at: Timestamp::EPOCH.plus(Duration::from_ms(hour * 3_600_000)),
            id: None,
            camera: "c".parse().unwrap(),
            variant: None,
            outcome: Outcome::Failed,
            treatment: None,
            feedback: None,
        };
        Recorded::of(record, hour).for_each(|event| {
            replay.feed(event, &mut counts);
        });
    }
    let run = replay.finish().unwrap();
    let ab = run.recorder.sums().ab;
    assert_eq!((counts.used, ab.control.analyses + ab.treatment.analyses), (50, 50));
    assert_eq!(run.ending(), RecordedEnding::Expired);
}
