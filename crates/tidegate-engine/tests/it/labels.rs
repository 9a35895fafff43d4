//! Labels that come more readily for one variant are no ground to roll back.

use tidegate_engine::ByVariant;
use tidegate_engine::experiment::LabelTrust;
use tidegate_engine::guardrail::Guardrail;
use tidegate_engine::phase::Phase;
use tidegate_engine::verdict::Verdict;

use crate::sequential::{sequential, verdict};
use crate::world::{Truth, World};

/// What looks like more false alarms, from people who label the treatment's alerts more often.
const EAGER: Truth = Truth {
    fp_rate: ByVariant { control: 0.4, treatment: 0.7 },
    treatment_labels: 1.8,
    ..Truth::HARMLESS
};

#[test]
fn where_one_side_is_labelled_more_readily_false_alarms_alarm_and_the_owner_is_asked() {
    let mut world = World::new(sequential(), 40, 41);
    world.live(&EAGER, 40.0, 10.0);
    assert_eq!(world.ended(), None, "{:?}", world.decisions);
    assert_eq!(verdict(&world, Guardrail::LabelShare), Some(Verdict::Alarm));
    assert_eq!(verdict(&world, Guardrail::FpRate), Some(Verdict::Alarm));
    let said = crate::sequential::look(&world).of(Guardrail::LabelShare).unwrap().to_string();
    assert!(said.starts_with("The share of alerts that are labelled differs by "), "{said}");
    world.live(&EAGER, 60.0, 10.0);
    assert_eq!(world.rollout.lifecycle().state.phase, Phase::Ab, "{:?}", world.decisions);
}

#[test]
fn who_answers_for_the_labels_has_them_taken_for_what_they_say() {
    let mut settings = sequential();
    settings.trust = LabelTrust::Owner;
    let mut world = World::new(settings, 40, 41);
    world.live(&EAGER, 40.0, 10.0);
    let (_, why) = world.ended().unwrap();
    assert!(why.contains("False alarms rose by "), "{why}");
}

#[test]
fn more_false_alarms_that_are_labelled_alike_are_rolled_back_as_before() {
    let mut world = World::new(sequential(), 40, 42);
    world.live(&Truth { treatment_labels: 1.0, ..EAGER }, 40.0, 10.0);
    assert!(world.ended().is_some(), "{:?}", world.decisions);
}

#[test]
fn what_a_surplus_of_labels_may_explain_is_a_question_before_the_surplus_is_proved() {
    let biased = Truth { treatment_false_alarms: 1.5, label_share: 0.075, ..Truth::HARMLESS };
    // Rolled back after 35.7, 9.4 and 11.8 hours while only a proved surplus was a question.
    for (seed, hour) in [(2, 35.7), (6, 9.5), (15, 11.9)] {
        let mut world = World::new(sequential(), 50, seed);
        world.live(&biased, hour, 8.0);
        assert_eq!(world.ended(), None, "{seed}");
        assert_eq!(verdict(&world, Guardrail::LabelShare), Some(Verdict::Alarm), "{seed}");
        assert_eq!(verdict(&world, Guardrail::FpRate), Some(Verdict::Alarm), "{seed}");
    }
}
