//! Random stories: a definition and events with their times.

use proptest::prelude::*;
use tidegate_engine::Event;
use tidegate_engine::assignment::SplitMethod;
use tidegate_engine::event::{Action, Actor, Command, Reason};
use tidegate_engine::experiment::{
    Experiment, Gate, OnExpiry, PromotionMode, RampStep, Rule, Watch,
};
use tidegate_engine::number::{Latency, RiskScore, Share};
use tidegate_engine::observation::{Analysis, Comparison, Feedback, Label, Origin, Outcome};
use tidegate_engine::review::{Answer, CardReply, Requirement, ReviewRules, SecondLook};
use tidegate_engine::time::{Duration, Timestamp};
use tidegate_engine::variant::{ByVariant, Variant};

/// A story of up to 150 events.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    pub(crate) experiment: Experiment,
    pub(crate) events: Vec<(Timestamp, Event)>,
}

/// Raw numbers that become one event; small ranges make ids, cameras and deadlines meet often.
type Raw = (u32, u8, u8, u8, u8, u8);

pub(crate) fn story(rule: Rule) -> impl Strategy<Value = Story> {
    let raw = (0_u32..6_000_000, 0_u8..100, 0_u8..5, 0_u8..40, 0_u8..6, 0_u8..6);
    let raws = proptest::collection::vec(raw, 1..150);
    (experiment(rule), raws)
        .prop_map(|(experiment, raws)| Story { experiment, events: events(&raws) })
}

/// A story under either rule, with cameras split or switched, and in one of two with people who review a longer shadow.
pub(crate) fn any_story() -> impl Strategy<Value = Story> {
    let rule = prop_oneof![Just(Rule::Threshold), Just(Rule::Sequential)];
    let reply = (0_usize..150, 0_u8..40, 0_u16..3, 0_usize..REVIEW_ANSWERS.len(), 0_u8..2);
    let replies = proptest::collection::vec(reply, 0..60);
    let review = proptest::option::of((any::<[bool; 3]>(), replies));
    (rule.prop_flat_map(story), any::<bool>(), review).prop_map(|(mut story, switched, review)| {
        if let Some((rules, replies)) = review {
            add_review(&mut story, rules, replies);
        }
        if switched {
            story.experiment.assignment.method = SplitMethod::Switchback;
            // Blocks under different shares cannot be held against one plan.
            story.experiment.ab.steps.clear();
        }
        story
    })
}

const REVIEW_ANSWERS: [Option<Answer>; 4] =
    [None, Some(Answer::No), Some(Answer::CannotTell), Some(Answer::Yes)];

/// Lets people answer cards, and every third comparison come hours after it happened.
fn add_review(
    story: &mut Story,
    [required, second_look, few]: [bool; 3],
    mut replies: Vec<(usize, u8, u16, usize, u8)>,
) {
    story.experiment.shadow.duration = Duration::from_hours(40.0).expect("in range");
    story.experiment.review = Some(ReviewRules {
        budget: if few { 3 } else { 200 },
        second_look: if second_look { SecondLook::AfterYes } else { SecondLook::Never },
        requirement: if required { Requirement::Required } else { Requirement::Optional },
        ..ReviewRules::new()
    });
    for (at, event) in story.events.iter_mut().step_by(3) {
        if let Event::Comparison(comparison) = event {
            let happened = at.ms() - 3 * 3_600_000;
            comparison.origin.observed_at = Timestamp::from_ms(happened.max(0)).ok();
        }
    }
    replies.sort_unstable();
    for (place, event, turn, answer, reviewer) in replies.into_iter().rev() {
        let place = place.min(story.events.len());
        let at = place.checked_sub(1).map_or(Timestamp::EPOCH, |before| story.events[before].0);
        let reply = CardReply {
            event: format!("event-{event}").parse().expect("a name"),
            turn,
            reviewer: Actor::new(&format!("reviewer-{reviewer}")).expect("a name"),
            answer: REVIEW_ANSWERS[answer],
        };
        story.events.insert(place, (at, Event::CardReply(reply)));
    }
}

pub(crate) fn experiment(rule: Rule) -> impl Strategy<Value = Experiment> {
    let switches = (any::<[bool; 5]>(), 0_u64..5, 0_usize..3, 0_usize..3, 0_u8..3);
    switches.prop_map(
        move |([shadow, manual, automatic, watch, overridden], samples, steps, expiry, cap)| {
            let name = "name";
            let mut experiment = Experiment::new(
                "model".parse().expect(name),
                "v1".parse().expect(name),
                "v2".parse().expect(name),
            );
            let hours = |hours| Duration::from_hours(hours).expect("in range");
            experiment.shadow.duration = if shadow { hours(5.0) } else { Duration::ZERO };
            experiment.shadow.gate = if manual { Gate::Manual } else { Gate::Automatic };
            experiment.ab.duration = hours(10.0);
            let step = |share, dwell| RampStep {
                share: Share::new(share).expect("in range"),
                dwell: hours(dwell),
            };
            let ramp = [step(0.1, 2.0), step(0.3, 3.0), step(0.5, 1.0)];
            experiment.ab.steps = if steps == 0 { Vec::new() } else { ramp[3 - steps..].to_vec() };
            experiment.ab.on_expiry =
                [OnExpiry::Hold, OnExpiry::RollBack, OnExpiry::Extend][expiry];
            experiment.guardrails.rule = rule;
            experiment.guardrails.min_samples = samples;
            experiment.guardrails.watch = if watch { Watch::On } else { Watch::Off };
            experiment.promotion.mode =
                if automatic { PromotionMode::Automatic } else { PromotionMode::Manual };
            if overridden {
                experiment.assignment.overrides =
                    vec![("camera-1".parse().expect(name), Variant::Treatment)];
            }
            experiment.bounds.cameras_max = 4;
            experiment.bounds.open_analyses_max = [5, 20, 1_000][usize::from(cap)];
            experiment.bounds.attribution_window = hours(8.0);
            experiment
        },
    )
}

fn events(raws: &[Raw]) -> Vec<(Timestamp, Event)> {
    let mut ms = 0;
    let start = (Timestamp::EPOCH, action(Command::Start));
    let rest = raws.iter().map(|raw| {
        // One in three comes at the same time as the one before.
        ms += if raw.0 % 3 == 0 { 0 } else { i64::from(raw.0) };
        (Timestamp::from_ms(ms).expect("in range"), event(*raw))
    });
    // One story in four forgets to start.
    let begins = raws.first().is_some_and(|raw| raw.3 % 4 != 0);
    begins.then_some(start).into_iter().chain(rest).collect()
}

pub(crate) fn action(command: Command) -> Event {
    Event::Action(Action {
        command,
        actor: Actor::new("model").expect("a name"),
        reason: Reason::new("random").expect("a reason"),
    })
}

fn event((_, kind, camera, id, one, other): Raw) -> Event {
    let name = |id| format!("event-{id}").parse().expect("a name");
    let camera = format!("camera-{camera}").parse().expect("a name");
    match kind {
        0..50 => Event::Analysis(Analysis {
            id: (id > 0).then(|| name(id)),
            camera,
            variant: Variant::ALL[usize::from(kind % 2)],
            outcome: outcome(one),
            origin: Origin::default(),
        }),
        50..65 => {
            let outcomes = ByVariant { control: outcome(one), treatment: outcome(other) };
            Event::Comparison(Comparison {
                id: name(id),
                camera,
                outcomes,
                origin: Origin::default(),
            })
        }
        65..85 => {
            let label = Label::ALL[usize::from(one % 4)];
            Event::Feedback(Feedback { analysis: name(id), label })
        }
        85..90 => Event::Tick,
        _ => action(Command::ALL[usize::from(kind + one) % Command::ALL.len()]),
    }
}

fn outcome(number: u8) -> Outcome {
    let latency = |ms| Some(Latency::from_ms(ms).expect("in range"));
    let score = |score| Some(RiskScore::new(score).expect("in range"));
    match number {
        0 => Outcome::Failed,
        1 => Outcome::Answered { latency: latency(100.0), score: score(90.0) },
        2 => Outcome::Answered { latency: latency(149.9), score: score(10.0) },
        3 => Outcome::Answered { latency: None, score: score(60.0) },
        4 => Outcome::Answered { latency: latency(0.0), score: None },
        _ => Outcome::Answered { latency: latency(250.0), score: score(59.0) },
    }
}
