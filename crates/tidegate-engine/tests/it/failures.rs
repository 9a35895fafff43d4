//! Failures in a shadow: an outage of one endpoint is one event, and a rate that rose is many.

use tidegate_engine::event::{Action, Actor, Command, Reason};
use tidegate_engine::experiment::{Definition, Experiment};
use tidegate_engine::guardrail::Guardrail;
use tidegate_engine::look::Check;
use tidegate_engine::number::Latency;
use tidegate_engine::observation::{Comparison, Origin, Outcome};
use tidegate_engine::phase::Phase;
use tidegate_engine::time::Timestamp;
use tidegate_engine::verdict::Verdict;
use tidegate_engine::{ByVariant, Event, Rollout};

const MINUTE_MS: i64 = 60_000;
const CAMERAS: i64 = 20;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_ms(minute * MINUTE_MS).unwrap()
}

/// Twelve hours of a shadow in which either prompt fails in 2 of 100 analyses, and the treatment in more of them.
fn shadow(more_failures: impl Fn(i64) -> u64) -> Rollout {
    let experiment =
        Experiment::new("door".parse().unwrap(), "v1".parse().unwrap(), "v2".parse().unwrap());
    let mut rollout = Rollout::new(Definition::new(experiment).unwrap());
    let (actor, reason) = (Actor::new("owner").unwrap(), Reason::new("because").unwrap());
    let start = Action { command: Command::Start, actor, reason };
    rollout.apply(at(0), &Event::Action(start)).unwrap();
    let mut random = 7_u64;
    let mut fails = |in_a_hundred: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let answered = Outcome::Answered { latency: Latency::from_ms(900.0).ok(), score: None };
        if (random >> 33) % 100 < in_a_hundred { Outcome::Failed } else { answered }
    };
    for minute in 1..12 * 60 {
        for camera in (0..CAMERAS).filter(|camera| (minute + camera) % 3 == 0) {
            if rollout.lifecycle().state.phase != Phase::Shadow {
                return rollout;
            }
            let (control, treatment) = (fails(2), fails(2 + more_failures(minute)));
            let comparison = Comparison {
                id: format!("event-{minute}-{camera}").parse().unwrap(),
                camera: format!("camera-{camera}").parse().unwrap(),
                outcomes: ByVariant { control, treatment },
                origin: Origin::default(),
            };
            rollout.apply(at(minute), &Event::Comparison(comparison)).unwrap();
        }
    }
    rollout
}

#[test]
fn an_outage_of_an_hour_is_no_rate_of_errors() {
    // A twelfth of all fails, on every camera alike; for independent events that would be evidence beyond all doubt.
    let rollout = shadow(|minute| if (300..360).contains(&minute) { 98 } else { 0 });
    assert_eq!(rollout.lifecycle().state.phase, Phase::Shadow);
    let Check::Sequential(look) = rollout.check() else { panic!("the sequential rule") };
    let errors = look.of(Guardrail::ErrorRate).unwrap();
    assert!(errors.change.unwrap().low > 0.05, "{errors}");
    assert_eq!(errors.verdict, Verdict::Inconclusive, "which keeps the gate shut: {errors}");
}

#[test]
fn errors_that_go_on_are_rolled_back_before_anybody_was_exposed() {
    let rollout = shadow(|_| 15);
    assert_eq!(rollout.lifecycle().state.phase, Phase::RolledBack);
    let hours = rollout.lifecycle().now.ms() / MINUTE_MS / 60;
    assert!(hours < 6, "{hours} h");
}
