//! Every entry comes back as it was, from bytes and from JSON.

use proptest::prelude::*;
use tidegate_engine::event::{Action, Actor, Command, Event, Reason};
use tidegate_engine::exposure::Window;
use tidegate_engine::guardrail::Guardrail;
use tidegate_engine::id::{AnalysisId, PromptName};
use tidegate_engine::notice::{Notice, WarningState};
use tidegate_engine::number::{Latency, RiskScore};
use tidegate_engine::observation::{
    Analysis, Comparison, Feedback, Label, Origin, Outcome, RunNamed,
};
use tidegate_engine::phase::{State, Transition};
use tidegate_engine::prompt::{Move, PromptChange, TextDigest, Version, VersionHead};
use tidegate_engine::review::{Answer, CardReply, ReviewVerdict};
use tidegate_engine::series::{ChangePoint, GuardrailPoint, SeriesPoint};
use tidegate_engine::symptom::SymptomKind;
use tidegate_engine::variant::{ByVariant, Variant};
use tidegate_engine::verdict::Verdict;

use super::outcome::latency_of_us;
use super::*;
use crate::log::Term;

/// A version of this text, and a label that moves to it.
fn changes(text: &str) -> Vec<PromptChange> {
    let prompt: PromptName = "door".parse().unwrap();
    let (actor, at) = (Actor::new("ann").unwrap(), Timestamp::from_ms(7).unwrap());
    let reason = Reason::new("a \"first\" try").unwrap();
    let head = VersionHead {
        number: 1,
        key: "v1_original".parse().unwrap(),
        digest: TextDigest([0xa7; 32]),
        parent: Some(TextDigest([0; 32])),
        created_at: at,
        actor: actor.clone(),
        reason: Some(reason.clone()),
    };
    let version = Version { head, text: text.into() };
    let step = Move { revision: 1, at, actor, reason, from: None, to: Some(1) };
    let label = "production".parse().unwrap();
    vec![
        PromptChange::Added { prompt: prompt.clone(), version },
        PromptChange::Moved { prompt, label, step },
    ]
}

/// One entry of each kind.
#[expect(clippy::too_many_lines, reason = "a list")]
pub(crate) fn samples() -> Vec<Entry> {
    let at = Timestamp::from_ms(1_767_225_600_000).unwrap();
    let rollout = RolloutId(7);
    let id: AnalysisId = "event-1".parse().unwrap();
    let answered = Outcome::Answered {
        latency: Some(Latency::from_ms(912.345).unwrap()),
        score: Some(RiskScore::new(70.0).unwrap()),
    };
    let event = |event| Entry::Event { rollout, at, event };
    let outcomes = ByVariant { control: answered, treatment: Outcome::Failed };
    let step = Step {
        number: 1,
        at,
        transition: Transition::StartShadow,
        from: State::DRAFT,
        to: Transition::StartShadow.target(State::DRAFT).unwrap(),
    };
    let mut entries = Entry::definition(rollout, at, &"night".parse().unwrap(), 2, "key = 1");
    entries.extend([
        event(Event::Tick),
        event(Event::Action(Action {
            command: Command::Start,
            actor: Actor::new("owner").unwrap(),
            reason: Reason::new("a \"first\" try").unwrap(),
        })),
        event(Event::Analysis(Analysis {
            id: Some(id.clone()),
            camera: "door".parse().unwrap(),
            variant: Variant::Treatment,
            outcome: answered,
            origin: Origin::default(),
        })),
        event(Event::Analysis(Analysis {
            id: None,
            camera: "door".parse().unwrap(),
            variant: Variant::Control,
            outcome: Outcome::Answered { latency: None, score: None },
            origin: Origin::default(),
        })),
        event(Event::Comparison(Comparison {
            id: id.clone(),
            camera: "yard".parse().unwrap(),
            outcomes,
            origin: Origin::default(),
        })),
        event(Event::Feedback(Feedback { analysis: id.clone(), label: Label::MissedThreat })),
        event(Event::CardReply(CardReply {
            event: id,
            turn: 2,
            reviewer: Actor::new("mara").unwrap(),
            answer: Some(Answer::CannotTell),
        })),
        event(Event::Absent(Duration::from_ms(21_600_000))),
        Entry::Decided { rollout, step, account: "{\"reason\":\"a try\"}".to_owned() },
        Entry::Noted {
            rollout,
            at,
            notice: Notice::Verdict {
                guardrail: Guardrail::Latency,
                from: Verdict::Inconclusive,
                to: Verdict::Alarm,
            },
            account: "{\"sentence\":\"slower\"}".to_owned(),
        },
        Entry::Noted {
            rollout,
            at,
            notice: Notice::LatencyWarnings { count: 3, total: 300 },
            account: String::new(),
        },
        Entry::Noted {
            rollout,
            at,
            notice: Notice::Symptom {
                kind: SymptomKind::TreatmentSilent,
                state: WarningState::Cleared,
            },
            account: String::new(),
        },
        Entry::Noted {
            rollout,
            at,
            notice: Notice::CardsWait { waiting: 12 },
            account: String::new(),
        },
        Entry::Noted {
            rollout,
            at,
            notice: Notice::Reviewed { from: ReviewVerdict::Open, to: ReviewVerdict::Promote },
            account: String::new(),
        },
        Entry::DefinedBy { rollout, at, account: "{\"actor\":\"ann\"}".to_owned() },
        Entry::Point { rollout, window: Window::Ab, point: series_point(at) },
        Entry::Deleted { rollout, at, account: "{\"actor\":\"ann\"}".to_owned() },
        Entry::Led { at, node: "http://10.0.0.1:4780".to_owned(), term: Term(3) },
    ]);
    entries.extend(of_a_run(rollout, at));
    entries.extend(Entry::changes(&changes("Say what\nyou \"see\": ü")));
    entries
}

/// A point with one guardrail of which all is known, and one of which nothing is.
pub(crate) fn series_point(at: Timestamp) -> SeriesPoint {
    let change = ChangePoint { estimate: 3.1, low: Some(-0.7), high: Some(f32::MAX) };
    let known = GuardrailPoint {
        guardrail: Guardrail::FpRate,
        verdict: Some(Verdict::Alarm),
        change: Some(change),
        limit: Some(5.0),
        evidence: Some(7.25),
        evidence_needed: Some(50.0),
    };
    let unknown = GuardrailPoint {
        guardrail: Guardrail::Latency,
        verdict: None,
        change: None,
        limit: None,
        evidence: None,
        evidence_needed: None,
    };
    SeriesPoint { at, guardrails: vec![known, unknown] }
}

/// What says where it belongs.
fn of_a_run(rollout: RolloutId, at: Timestamp) -> [Entry; 2] {
    let analysis = Event::Analysis(Analysis {
        id: None,
        camera: "door".parse().unwrap(),
        variant: Variant::Treatment,
        outcome: Outcome::Failed,
        origin: Origin { run: RunNamed::No, observed_at: None },
    });
    let outcomes = ByVariant { control: Outcome::Failed, treatment: Outcome::Failed };
    let comparison = Event::Comparison(Comparison {
        id: "event-2".parse().unwrap(),
        camera: "yard".parse().unwrap(),
        outcomes,
        origin: Origin { run: RunNamed::Yes, observed_at: Some(at) },
    });
    [analysis, comparison].map(|event| Entry::Event { rollout, at, event })
}

#[test]
fn every_entry_comes_back_from_bytes_and_from_json() {
    for entry in samples() {
        let mut bytes = Vec::new();
        entry.write(&mut bytes).unwrap();
        assert_eq!(Entry::read(&bytes).unwrap(), entry);
        assert_eq!(Entry::of_json(&entry.to_json().unwrap()).unwrap(), entry);
        bytes.push(0);
        assert!(Entry::read(&bytes).is_err(), "a byte too many");
        bytes.truncate(bytes.len() - 2);
        assert!(Entry::read(&bytes).is_err(), "a byte too few");
    }
}

#[test]
fn every_latency_comes_back_as_it_was() {
    for us in [0, 1, 999, 1_001, 123_457, 599_999_999, 600_000_000] {
        assert_eq!(latency_of_us(us).unwrap().us(), us);
    }
}

#[test]
fn a_tag_never_changes_its_meaning() {
    // As docs/journal-format.md has them.
    for entry in samples() {
        let mut bytes = Vec::new();
        entry.write(&mut bytes).unwrap();
        let tag = match entry {
            Entry::Defined { .. } => 0,
            Entry::Event { event: Event::Tick, .. } => 1,
            Entry::Event { event: Event::Action(_), .. } => 2,
            Entry::Event { event: Event::Analysis(Analysis { origin, .. }), .. } => {
                if origin == Origin::default() { 3 } else { 11 }
            }
            Entry::Event { event: Event::Comparison(Comparison { origin, .. }), .. } => {
                if origin == Origin::default() { 4 } else { 12 }
            }
            Entry::Event { event: Event::Feedback(_), .. } => 5,
            Entry::Decided { .. } => 6,
            Entry::Version { .. } => 7,
            Entry::LabelMoved { .. } => 8,
            Entry::Noted { .. } => 9,
            Entry::DefinedBy { .. } => 10,
            Entry::Point { .. } => 15,
            Entry::Deleted { .. } => 16,
            Entry::Led { .. } => 18,
            Entry::Event { event: Event::CardReply(_), .. } => 13,
            Entry::Event { event: Event::Absent(_), .. } => 14,
        };
        assert_eq!(bytes[0], tag, "{entry:?}");
    }
}

#[test]
fn changes_that_belong_together_are_numbered_through() {
    let text = "ä\n".repeat(PART_BYTES_MAX / 2);
    let entries = Entry::changes(&changes(&text));
    let mut whole = String::new();
    for (number, entry) in entries.iter().enumerate() {
        let (Entry::Version { part, parts, .. } | Entry::LabelMoved { part, parts, .. }) = entry
        else {
            panic!("another")
        };
        assert_eq!((usize::from(*part), *parts), (number, 3));
        if let Entry::Version { text, .. } = entry {
            assert!(text.len() <= PART_BYTES_MAX);
            whole.push_str(text);
        }
    }
    assert_eq!(whole, text);
}

#[test]
fn a_long_definition_is_kept_in_parts() {
    let toml = "ä".repeat(PART_BYTES_MAX);
    let at = Timestamp::EPOCH;
    let parts = Entry::definition(RolloutId(1), at, &"e".parse().unwrap(), 1, &toml);
    let mut whole = String::new();
    for (index, entry) in parts.iter().enumerate() {
        let Entry::Defined { part, parts: of, text, .. } = entry else { panic!("another") };
        assert_eq!((usize::from(*part), usize::from(*of)), (index, parts.len()));
        whole.push_str(text);
    }
    assert_eq!(whole, toml);
}

fn id() -> impl Strategy<Value = String> {
    "[a-z0-9][a-zA-Z0-9_.-]{0,40}"
}

fn at() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_000_i64).prop_map(|ms| Timestamp::from_ms(ms).unwrap())
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let latency =
        proptest::option::of((0..=600_000_000_u32).prop_map(|us| latency_of_us(us).unwrap()));
    let score = proptest::option::of((0..=100_u8).prop_map(|n| RiskScore::new(n.into()).unwrap()));
    prop_oneof![
        Just(Outcome::Failed),
        (latency, score).prop_map(|(latency, score)| Outcome::Answered { latency, score }),
    ]
}

fn variant() -> impl Strategy<Value = Variant> {
    prop_oneof![Just(Variant::Control), Just(Variant::Treatment)]
}

/// Actors and reasons; an actor has no line breaks.
fn text() -> impl Strategy<Value = String> {
    "[a-zäöü\"{} ]{0,60}[a-z]"
}

fn origin() -> impl Strategy<Value = Origin> {
    let run = prop_oneof![Just(RunNamed::Yes), Just(RunNamed::No), Just(RunNamed::NotAsked)];
    let observed_at = (0..4_000_000_000_000_i64).prop_map(|ms| Timestamp::from_ms(ms).unwrap());
    (run, proptest::option::of(observed_at))
        .prop_map(|(run, observed_at)| Origin { run, observed_at })
}

fn event() -> impl Strategy<Value = Event> {
    let action = (proptest::sample::select(&Command::ALL), text(), text()).prop_map(
        |(command, actor, reason)| {
            let (actor, reason) = (Actor::new(&actor).unwrap(), Reason::new(&reason).unwrap());
            Event::Action(Action { command, actor, reason })
        },
    );
    let analysis = (proptest::option::of(id()), id(), variant(), outcome(), origin()).prop_map(
        |(id, camera, variant, outcome, origin)| {
            let (id, camera) = (id.map(|id| id.parse().unwrap()), camera.parse().unwrap());
            Event::Analysis(Analysis { id, camera, variant, outcome, origin })
        },
    );
    let comparison = (id(), id(), outcome(), outcome(), origin()).prop_map(
        |(id, camera, control, treatment, origin)| {
            let outcomes = ByVariant { control, treatment };
            let (id, camera) = (id.parse().unwrap(), camera.parse().unwrap());
            Event::Comparison(Comparison { id, camera, outcomes, origin })
        },
    );
    let feedback = (id(), proptest::sample::select(&Label::ALL))
        .prop_map(|(id, label)| Event::Feedback(Feedback { analysis: id.parse().unwrap(), label }));
    let answers = [None, Some(Answer::No), Some(Answer::CannotTell), Some(Answer::Yes)];
    let answer = proptest::sample::select(answers.to_vec());
    let reply = (id(), any::<u16>(), answer).prop_map(|(id, turn, answer)| {
        let reviewer = Actor::new("mara").unwrap();
        Event::CardReply(CardReply { event: id.parse().unwrap(), turn, reviewer, answer })
    });
    let absent = any::<u64>().prop_map(|ms| Event::Absent(Duration::from_ms(ms)));
    prop_oneof![Just(Event::Tick), action, analysis, comparison, feedback, reply, absent]
}

fn notice() -> impl Strategy<Value = Notice> {
    let verdict = || proptest::sample::select(&Verdict::ALL);
    let guardrail = proptest::sample::select(&Guardrail::ALL);
    prop_oneof![
        (guardrail, verdict(), verdict()).prop_map(|(guardrail, from, to)| Notice::Verdict {
            guardrail,
            from,
            to
        }),
        any::<(u64, u64)>().prop_map(|(count, total)| Notice::LatencyWarnings { count, total }),
        (proptest::sample::select(&SymptomKind::ALL), proptest::bool::ANY).prop_map(
            |(kind, over)| Notice::Symptom {
                kind,
                state: if over { WarningState::Cleared } else { WarningState::Raised }
            }
        ),
        any::<u64>().prop_map(|waiting| Notice::CardsWait { waiting }),
    ]
}

fn entry() -> impl Strategy<Value = Entry> {
    let rollout = || any::<u32>().prop_map(RolloutId);
    let defined = (rollout(), at(), id(), any::<(u32, u16, u16)>(), ".{0,300}").prop_map(
        |(rollout, at, key, (run, part, parts), text)| {
            let key = key.parse().unwrap();
            Entry::Defined { rollout, at, key, run, part, parts, text }
        },
    );
    let happened = (rollout(), at(), event()).prop_map(|(rollout, at, event)| Entry::Event {
        rollout,
        at,
        event,
    });
    let decided = (rollout(), any::<u32>(), at(), proptest::sample::select(&Transition::ALL), ".*")
        .prop_map(|(rollout, number, at, transition, account)| {
            let (from, to) =
                (State::DRAFT, transition.target(State::DRAFT).unwrap_or(State::DRAFT));
            Entry::Decided { rollout, step: Step { number, at, transition, from, to }, account }
        });
    let noted = (rollout(), at(), notice(), ".*")
        .prop_map(|(rollout, at, notice, account)| Entry::Noted { rollout, at, notice, account });
    let defined_by = (rollout(), at(), ".*").prop_map(|(rollout, at, account)| Entry::DefinedBy {
        rollout,
        at,
        account,
    });
    let deleted = (rollout(), at(), ".*").prop_map(|(rollout, at, account)| Entry::Deleted {
        rollout,
        at,
        account,
    });
    let prompt =
        (".{0,300}", any::<u32>(), any::<[u8; 32]>()).prop_map(|(text, number, digest)| {
            let mut entries = Entry::changes(&changes(&text));
            if let Some(Entry::Version { head, .. }) = entries.first_mut() {
                (head.number, head.digest, head.parent) = (number, TextDigest(digest), None);
            }
            entries.swap_remove(number as usize % entries.len())
        });
    let charted = (rollout(), proptest::sample::select(Window::LIST), points(1)).prop_map(
        |(rollout, window, mut points)| Entry::Point { rollout, window, point: points.remove(0) },
    );
    prop_oneof![defined, happened, decided, noted, defined_by, deleted, prompt, charted]
}

/// So many points of a series, by time.
pub(crate) fn points(count: usize) -> impl Strategy<Value = Vec<SeriesPoint>> {
    let number = proptest::num::f32::NORMAL | proptest::num::f32::SUBNORMAL;
    let some = || proptest::option::of(number);
    let change = (number, some(), some()).prop_map(|(estimate, low, high)| ChangePoint {
        estimate,
        low,
        high,
    });
    let guardrail = (
        proptest::sample::select(&Guardrail::ALL),
        proptest::option::of(proptest::sample::select(&Verdict::ALL)),
        proptest::option::of(change),
        some(),
        some(),
        some(),
    );
    let guardrail =
        guardrail.prop_map(|(guardrail, verdict, change, limit, evidence, evidence_needed)| {
            GuardrailPoint { guardrail, verdict, change, limit, evidence, evidence_needed }
        });
    let point = (at(), proptest::collection::vec(guardrail, 0..9))
        .prop_map(|(at, guardrails)| SeriesPoint { at, guardrails });
    proptest::collection::vec(point, count).prop_map(|mut points| {
        points.sort_by_key(|point| point.at);
        points
    })
}

#[test]
fn a_point_of_no_number_is_refused() {
    let at = Timestamp::from_ms(7).unwrap();
    for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut point = series_point(at);
        point.guardrails[0].evidence = Some(number);
        let entry = Entry::Point { rollout: RolloutId(1), window: Window::Ab, point };
        let mut bytes = Vec::new();
        entry.write(&mut bytes).unwrap();
        assert!(matches!(Entry::read(&bytes), Err(Unreadable::Number(_))), "{number}");
    }
}

proptest! {
    #[test]
    fn whatever_an_entry_says_comes_back(entry in entry()) {
        let mut bytes = Vec::new();
        entry.write(&mut bytes).unwrap();
        prop_assert_eq!(Entry::read(&bytes).unwrap(), entry.clone());
        prop_assert_eq!(Entry::of_json(&entry.to_json().unwrap()).unwrap(), entry);
    }

    #[test]
    fn bytes_that_are_no_entry_are_an_error_and_no_panic(bytes: Vec<u8>) {
        if let Ok(entry) = Entry::read(&bytes) {
            let mut again = Vec::new();
            entry.write(&mut again).unwrap();
            prop_assert_eq!(Entry::read(&again).unwrap(), entry);
        }
    }
}
