//! Short stories for the engine: one event a line, one answer a line.
//!
//! A line is a time and an event:
//!
//! ```text
//! 0      start
//! 1h     a e1 door treatment 120 70     analysis e1 of camera door: 120 ms, score 70
//! 1h     a e2 door control fail         a failed one
//! 1h     a e door control 100 50 *3     three analyses e/0, e/1, e/2
//! 1h     c e3 door 100/50 150/45        comparison: control, treatment; `fail` for either
//! 2h     f e1 false_positive            feedback; `*3` labels e1/0, e1/1, e1/2
//! 3h     absent 8h                      from then on the shell was away for eight hours
//! 3h     serve door                     asks what the camera is served
//! ```

use tidegate_engine::event::{Action, Actor, Command, Reason};
use tidegate_engine::experiment::{Definition, Experiment, Rule};
use tidegate_engine::number::{Latency, RiskScore};
use tidegate_engine::observation::{Analysis, Comparison, Feedback, Label, Origin, Outcome};
use tidegate_engine::time::{Duration, Timestamp};
use tidegate_engine::variant::{ByVariant, Variant};
use tidegate_engine::{Event, Rollout};

/// An experiment for stories: no shadow, three samples are enough.
pub(crate) fn experiment() -> Experiment {
    let mut experiment =
        Experiment::new("story".parse().unwrap(), "v1".parse().unwrap(), "v2".parse().unwrap());
    experiment.shadow.duration = Duration::ZERO;
    experiment.guardrails.rule = Rule::Threshold;
    experiment.guardrails.min_samples = 3;
    experiment
}

pub(crate) fn hours(hours: f64) -> Duration {
    Duration::from_hours(hours).unwrap()
}

/// Tells a story to a rollout of `experiment` and compares what it answers.
#[track_caller]
pub(crate) fn check(experiment: Experiment, story: &str, expected: &str) {
    let (_, answers) = tell(experiment, story);
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    assert_eq!(answers, expected, "\n{}", answers.join("\n"));
}

/// Tells a story and gives back the rollout and its answers.
#[track_caller]
pub(crate) fn tell(experiment: Experiment, story: &str) -> (Rollout, Vec<String>) {
    let mut rollout = Rollout::new(Definition::new(experiment).unwrap());
    let mut answers = Vec::new();
    for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (time, event) = line.split_once(' ').unwrap();
        let words: Vec<&str> = event.split_whitespace().collect();
        if let ["serve", camera] = words[..] {
            let assignment = rollout.serve(&camera.parse().unwrap(), at(time));
            let (variant, reason) = (assignment.variant, assignment.reason.as_str());
            answers.push(format!("{time} {camera} {variant}: {reason}"));
            continue;
        }
        for event in events(&words) {
            match rollout.apply(at(time), &event) {
                Ok(decisions) => answers.extend(decisions.iter().map(|decision| {
                    format!("{time} {} -> {}: {}", decision.from, decision.to, decision.cause)
                })),
                Err(rejection) => answers.push(format!("{time} refused: {rejection}")),
            }
        }
    }
    (rollout, answers)
}

pub(crate) fn at(text: &str) -> Timestamp {
    let mut ms = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        ms += number.parse::<i64>().unwrap()
            * match unit {
                "" | "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                other => panic!("no unit {other}"),
            };
        rest = tail;
    }
    Timestamp::from_ms(ms).unwrap()
}

fn events(words: &[&str]) -> Vec<Event> {
    let (words, times) = match words.split_last() {
        Some((last, front)) if last.starts_with('*') => (front, last[1..].parse().unwrap()),
        _ => (words, 0),
    };
    if times == 0 {
        return vec![event(words, str::to_owned)];
    }
    (0..times).map(|i: u32| event(words, |id| format!("{id}/{i}"))).collect()
}

fn event(words: &[&str], numbered: impl Fn(&str) -> String) -> Event {
    let id = |text: &str| numbered(text).parse().unwrap();
    match words {
        ["tick"] => Event::Tick,
        ["absent", lasted] => Event::Absent(at(lasted).since(Timestamp::EPOCH)),
        ["a", name, camera, variant, outcome @ ..] => Event::Analysis(Analysis {
            id: Some(id(name)),
            camera: camera.parse().unwrap(),
            variant: *Variant::ALL.iter().find(|v| v.as_str() == *variant).unwrap(),
            outcome: outcome_of(outcome),
            origin: Origin::default(),
        }),
        ["c", name, camera, control, treatment] => {
            let side = |text: &str| outcome_of(&text.split('/').collect::<Vec<_>>());
            let outcomes = ByVariant { control: side(control), treatment: side(treatment) };
            Event::Comparison(Comparison {
                id: id(name),
                camera: camera.parse().unwrap(),
                outcomes,
                origin: Origin::default(),
            })
        }
        ["f", name, label] => Event::Feedback(Feedback {
            analysis: id(name),
            label: *Label::ALL.iter().find(|l| l.as_str() == *label).unwrap(),
        }),
        [command] => Event::Action(Action {
            command: *Command::ALL.iter().find(|c| c.as_str() == *command).expect("a command"),
            actor: Actor::new("owner").unwrap(),
            reason: Reason::new("because").unwrap(),
        }),
        other => panic!("no event {other:?}"),
    }
}

fn outcome_of(words: &[&str]) -> Outcome {
    match words {
        ["fail"] => Outcome::Failed,
        [latency, score] => Outcome::Answered {
            latency: Some(Latency::from_ms(latency.parse().unwrap()).unwrap()),
            score: Some(RiskScore::new(score.parse().unwrap()).unwrap()),
        },
        other => panic!("no outcome {other:?}"),
    }
}
