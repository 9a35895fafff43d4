//! A rollout that writes down what it does, as the daemon's does.

use std::path::Path;

use tidegate_engine::Rollout;
use tidegate_engine::event::{Action, Actor, Command, Event, Reason};
use tidegate_engine::experiment::{Definition, Experiment};
use tidegate_engine::guardrail::Guardrail;
use tidegate_engine::id::{AnalysisId, CameraId};
use tidegate_engine::notice::Noticed;
use tidegate_engine::number::{Latency, RiskScore};
use tidegate_engine::observation::{Analysis, Comparison, Feedback, Label, Origin, Outcome};
use tidegate_engine::phase::{self, Condition, Phase};
use tidegate_engine::series::Series;
use tidegate_engine::symptom::SymptomKind;
use tidegate_engine::time::{Duration, Timestamp};
use tidegate_engine::variant::{ByVariant, Variant};
use tidegate_engine::verdict::Verdict;
use tidegate_journal::{
    Batch, Entry, FeedState, Journal, JournalState, Opened, PredecessorState, RolloutId,
    RolloutState, verify,
};

pub(crate) const ID: RolloutId = RolloutId(1);
const TOML: &str = "key = \"night\"\n";

pub(crate) fn open(folder: &Path) -> (Journal, Opened) {
    Journal::open(folder, verify::in_process).expect("a sound journal")
}

pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(1_767_225_600_000 + ms).unwrap()
}

/// A tick as it is kept.
pub(crate) fn tick(ms: i64) -> Entry {
    Entry::Event { rollout: ID, at: at(ms), event: Event::Tick }
}

fn definition() -> Definition {
    let mut experiment =
        Experiment::new("night".parse().unwrap(), "v1".parse().unwrap(), "v2".parse().unwrap());
    experiment.shadow.duration = Duration::from_hours(1.0).unwrap();
    Definition::new(experiment).unwrap()
}

/// The events of a rollout of `count` detections: comparisons, then analyses, some labelled.
pub(crate) fn events(count: u32) -> Vec<(Timestamp, Event)> {
    let start = Event::Action(Action {
        command: Command::Start,
        actor: Actor::new("owner").unwrap(),
        reason: Reason::new("go").unwrap(),
    });
    let mut events = vec![(at(0), start)];
    for n in 1..=count {
        let time = at(i64::from(n) * 60_000);
        let id: AnalysisId = format!("event-{n}").parse().unwrap();
        let camera: CameraId = format!("camera-{}", n % 7).parse().unwrap();
        let answered = Outcome::Answered {
            latency: Some(Latency::from_ms(f64::from(500 + n % 90)).unwrap()),
            score: Some(RiskScore::new(f64::from(n % 101)).unwrap()),
        };
        let event = if n < 60 {
            let outcomes = ByVariant { control: answered, treatment: answered };
            Event::Comparison(Comparison {
                id: id.clone(),
                camera,
                outcomes,
                origin: Origin::default(),
            })
        } else {
            let variant = if n % 2 == 0 { Variant::Control } else { Variant::Treatment };
            let id = Some(id.clone());
            Event::Analysis(Analysis {
                id,
                camera,
                variant,
                outcome: answered,
                origin: Origin::default(),
            })
        };
        events.push((time, event));
        if n % 3 == 0 {
            let label = Label::ALL[n as usize / 3 % 4];
            events.push((time, Event::Feedback(Feedback { analysis: id, label })));
        }
    }
    events
}

/// Applies events to a rollout and writes both down, a batch an event.
pub(crate) fn live(journal: &Journal, events: &[(Timestamp, Event)]) -> Rollout {
    let mut rollout = Rollout::new(definition());
    let defined = Entry::definition(ID, at(0), &"night".parse().unwrap(), 1, TOML);
    append(journal, &defined);
    for (at, event) in events {
        while let Some((deadline, _)) = rollout.next_deadline().filter(|(due, _)| due <= at) {
            apply(journal, &mut rollout, (deadline, Event::Tick));
        }
        apply(journal, &mut rollout, (*at, event.clone()));
    }
    rollout
}

fn apply(journal: &Journal, rollout: &mut Rollout, (at, event): (Timestamp, Event)) {
    let decisions = rollout.apply(at, &event).unwrap();
    let mut unit = vec![Entry::Event { rollout: ID, at, event }];
    for decision in decisions {
        let account = decision.cause.to_string();
        unit.push(Entry::Decided { rollout: ID, step: decision.step(), account });
    }
    append(journal, &unit);
}

pub(crate) fn append(journal: &Journal, unit: &[Entry]) -> u64 {
    let mut batch = Batch::default();
    batch.push(unit).unwrap();
    journal.append_and_wait(batch).unwrap()
}

/// The state of `rollout` after entry `sequence`.
pub(crate) fn state(rollout: &Rollout, sequence: u64, at: Timestamp) -> JournalState {
    let state = RolloutState {
        id: ID,
        key: "night".parse().unwrap(),
        run: 1,
        definition: TOML.to_owned(),
        accounts: vec!["one".to_owned(), "two".to_owned()],
        // More than one part has room for.
        predecessor: Some(PredecessorState {
            run: 3,
            state: phase::State { phase: Phase::Completed, condition: Condition::Clear },
            definition: "# ü\n".repeat(20_000),
        }),
        noticed: Noticed {
            verdicts: vec![(Guardrail::Latency, Verdict::Alarm)],
            warnings: 3,
            warned_at: Some(at),
            symptoms: vec![SymptomKind::Away],
        },
        series: Series::default(),
        rollout: rollout.snapshot(),
    };
    // More than one part has room for.
    let events = (1..=20).map(|number| (number, format!("{number:>5000}")));
    JournalState {
        sequence,
        at,
        rollouts: vec![state],
        deleted: Vec::new(),
        prompts: prompts(),
        feed: FeedState { after: 0, events: events.collect() },
    }
}

/// Two versions of a prompt, the second in several parts, and a label that moved twice.
fn prompts() -> Vec<tidegate_engine::prompt::PromptSnapshot> {
    use tidegate_engine::prompt::{Move, PromptSnapshot, TextDigest, Version, VersionHead};
    let version = |number: u32, text: &str| Version {
        head: VersionHead {
            number,
            key: format!("v{number}").parse().unwrap(),
            digest: TextDigest([u8::try_from(number).unwrap(); 32]),
            parent: (number > 1).then_some(TextDigest([1; 32])),
            created_at: at(i64::from(number)),
            actor: Actor::new("ann").unwrap(),
            reason: (number > 1).then(|| Reason::new("calmer at night").unwrap()),
        },
        text: text.into(),
    };
    let step = |revision: u32, from, to| Move {
        revision,
        at: at(i64::from(revision)),
        actor: Actor::new("ann").unwrap(),
        reason: Reason::new("a try").unwrap(),
        from,
        to,
    };
    let long = "Say what you see: ü\n".repeat(10_000);
    let snapshot = |name: &str| PromptSnapshot {
        name: name.parse().unwrap(),
        versions: vec![version(1, "Say what you see"), version(2, &long)],
        labels: vec![
            ("candidate".parse().unwrap(), vec![step(1, None, Some(2))]),
            (
                "production".parse().unwrap(),
                vec![step(1, None, Some(1)), step(2, Some(1), Some(2))],
            ),
        ],
    };
    vec![snapshot("door"), snapshot("yard")]
}

/// Reads a rollout back: the snapshot, then what was written after it.
pub(crate) fn recall(journal: &Journal, opened: &Opened) -> Rollout {
    let (mut rollout, after) = match &opened.state {
        Some(state) => {
            let snapshot = state.rollouts[0].rollout.clone();
            (Rollout::restore(definition(), snapshot).unwrap(), state.sequence)
        }
        None => (Rollout::new(definition()), 0),
    };
    journal
        .replay(after, |_, entry| match entry {
            Entry::Defined { .. }
            | Entry::Version { .. }
            | Entry::LabelMoved { .. }
            | Entry::Noted { .. }
            | Entry::DefinedBy { .. }
            | Entry::Led { .. }
            | Entry::Deleted { .. }
            | Entry::Point { .. } => Ok(()),
            Entry::Event { at, event, .. } => {
                rollout.apply_logged(at, &event).map_err(|error| error.to_string())
            }
            Entry::Decided { step, .. } => {
                rollout.apply_logged_step(step).map_err(|step| format!("{step:?} does not follow"))
            }
        })
        .unwrap();
    rollout
}
