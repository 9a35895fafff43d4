//! The engine and the naive model agree after every event of any story.

use proptest::prelude::*;
use tidegate_engine::Rollout;
use tidegate_engine::assignment::ServeReason;
use tidegate_engine::experiment::{Definition, Rule};
use tidegate_engine::look::Check;
use tidegate_engine::phase::{Condition, Phase};
use tidegate_engine::tally::Tally;
use tidegate_engine::threshold::Finding;
use tidegate_engine::variant::Variant;

use crate::generate::story;
use crate::naive::{Counted, Mark, Naive, Stage, Taken};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn the_engine_agrees_with_the_naive_model(story in story(Rule::Threshold)) {
        let definition = Definition::new(story.experiment.clone()).expect("the settings agree");
        let mut rollout = Rollout::new(definition);
        let mut naive = Naive::new(story.experiment);
        for (i, (at, event)) in story.events.into_iter().enumerate() {
            let taken = naive.apply(at.ms(), &event);
            let told = format!("event {i} at {} ms: {event:?}", at.ms());
            let applied = rollout.apply(at, &event);
            let expected = if applied.is_ok() { Taken::Yes } else { Taken::No };
            prop_assert_eq!(taken, expected, "{}: {:?}", told, applied);
            compare(&rollout, &naive).map_err(|why| TestCaseError::fail(format!("{told}: {why}")))?;
        }
    }
}

fn compare(rollout: &Rollout, naive: &Naive) -> Result<(), String> {
    let state = rollout.lifecycle().state;
    let phase = match naive.stage {
        Stage::Draft => Phase::Draft,
        Stage::Shadow => Phase::Shadow,
        Stage::Ab => Phase::Ab,
        Stage::Full => Phase::Full,
        Stage::Completed => Phase::Completed,
        Stage::RolledBack => Phase::RolledBack,
        Stage::Stopped => Phase::Stopped,
    };
    let mark = match naive.mark {
        Mark::None => Condition::Clear,
        Mark::Held => Condition::Held,
        Mark::Paused => Condition::Paused,
        Mark::Expired => Condition::Expired,
    };
    same("phase", &state.phase, &phase)?;
    same("condition", &state.condition, &mark)?;
    if naive.stage == Stage::Ab {
        same("step", &rollout.lifecycle().step, &naive.step)?;
    }
    for variant in Variant::ALL {
        same_sums("ab", &rollout.sums().ab[variant], &naive.test(variant))?;
        same_sums("comparisons", &rollout.sums().pairs.sides[variant], &naive.compared(variant))?;
    }
    same_sums("shadow control", &rollout.sums().shadow, &naive.shadow())?;
    let Check::Threshold(check) = rollout.check() else { return Err("another rule".to_owned()) };
    let finding = match check.finding {
        Finding::Disabled => "disabled",
        Finding::InsufficientSamples { .. } => "insufficient",
        Finding::Breach(breach) => breach.guardrail.as_str(),
        Finding::WithinBounds => "within",
    };
    same("finding", &finding, &naive.finding())?;
    same_serving(rollout, naive)
}

/// Treatment is served only while the test runs or the treatment is released, and never in doubt.
fn same_serving(rollout: &Rollout, naive: &Naive) -> Result<(), String> {
    for camera in 0..20 {
        let camera = format!("camera-{camera}").parse().expect("a name");
        let assignment = rollout.serve(&camera, rollout.lifecycle().now);
        let reason = match (naive.stage, naive.mark) {
            (Stage::Draft, _) => ServeReason::NotStarted,
            (Stage::RolledBack, _) => ServeReason::RolledBack,
            (Stage::Stopped, _) => ServeReason::Stopped,
            (_, Mark::Paused) => ServeReason::Paused,
            (_, Mark::Expired) => ServeReason::Expired,
            (Stage::Shadow, _) => ServeReason::Shadow,
            (Stage::Ab, _) => ServeReason::Split,
            (Stage::Full, _) => ServeReason::Full,
            (Stage::Completed, _) => ServeReason::Completed,
        };
        let may_treat =
            matches!(reason, ServeReason::Split | ServeReason::Full | ServeReason::Completed);
        if assignment.reason != ServeReason::Override {
            same("reason", &assignment.reason, &reason)?;
        }
        if !may_treat {
            same("variant", &assignment.variant, &Variant::Control)?;
        } else if reason != ServeReason::Split {
            same("variant", &assignment.variant, &Variant::Treatment)?;
        }
    }
    Ok(())
}

fn same_sums(what: &str, tally: &Tally, counted: &Counted) -> Result<(), String> {
    same(what, &tally.analyses, &counted.analyses)?;
    same(what, &tally.errors, &counted.errors)?;
    same(what, &tally.timed, &(counted.latencies_us.len() as u64))?;
    same(what, &tally.latency_us_sum, &counted.latencies_us.iter().sum())?;
    let squares = counted.latencies_us.iter().map(|us| u128::from(us * us)).sum();
    same(what, &tally.latency_us_square_sum, &squares)?;
    same(what, &tally.scored, &(counted.scores.len() as u64))?;
    same(what, &tally.score_sum, &counted.scores.iter().sum())?;
    let lowest = counted.scores.iter().min().copied();
    same(what, &tally.score_min.map(|score| u64::from(score.value())), &lowest)?;
    let highest = counted.scores.iter().max().copied();
    same(what, &tally.score_max.map(|score| u64::from(score.value())), &highest)?;
    for label in tidegate_engine::observation::Label::ALL {
        let count = counted.labels.iter().filter(|other| **other == label).count() as u64;
        same(what, &tally.labelled(label), &count)?;
    }
    Ok(())
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, engine: &T, naive: &T) -> Result<(), String> {
    if engine == naive {
        Ok(())
    } else {
        Err(format!("{what}: engine {engine:?}, model {naive:?}"))
    }
}
