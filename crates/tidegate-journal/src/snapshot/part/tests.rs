//! Every kind of part comes back as it was, from bytes and from JSON.

use proptest::prelude::*;
use tidegate_engine::arrivals::{Arrivals, Compared};
use tidegate_engine::course::{Course, Stage};
use tidegate_engine::epoch::{Epoch, Epochs, Opens};
use tidegate_engine::event::{Actor, Reason};
use tidegate_engine::experiment::Digest;
use tidegate_engine::exposure::{Alerts, Exposure, Fingerprint, Window};
use tidegate_engine::failure_signs::{FailureSigns, SignBet};
use tidegate_engine::fast_path::{Added, Excursion, FastPath, OutageHold, Shown};
use tidegate_engine::fleet::{BlockSums, CameraSums, Latencies, Sums};
use tidegate_engine::guardrail::Guardrail;
use tidegate_engine::joint_scores::{
    AlertCounts, BINS, DISCORDANT_KEPT, DiscordantEvent, JointScores,
};
use tidegate_engine::notice::Noticed;
use tidegate_engine::number::{Latency, RiskScore};
use tidegate_engine::observation::Label;
use tidegate_engine::outside::{OutsideCause, OutsideCounts};
use tidegate_engine::phase::{Condition, Phase, State};
use tidegate_engine::prompt::{self, Move, TextDigest, Version, VersionHead};
use tidegate_engine::release::Release;
use tidegate_engine::review::{
    Answer, Card, CardHash, Direction, FleetBlock, Opinion, QueueSnapshot, ReviewSnapshot,
};
use tidegate_engine::rollout::Lifecycle;
use tidegate_engine::series::{POINTS_MAX, Series};
use tidegate_engine::snapshot::Snapshot;
use tidegate_engine::symptom::SymptomKind;
use tidegate_engine::tally::{Pairs, Tally};
use tidegate_engine::time::{Block, Timestamp};
use tidegate_engine::variant::{ByVariant, Variant};
use tidegate_engine::verdict::Verdict;
use tidegate_stats::cusum::Cusum;
use tidegate_stats::quantile::QuantileSketch;

use super::*;
use crate::codes::Coded as _;
use crate::record::tests::{points, series_point};
use crate::record::{PART_BYTES_MAX, RolloutId};
use crate::snapshot::{DeletedState, FeedState, JournalState, PredecessorState, RolloutState};

/// What the parts of a state say, each read back from its bytes and from its JSON.
fn read_back(state: &JournalState) -> [Option<JournalState>; 2] {
    let (mut from_bytes, mut from_json) = (Assembly::default(), Assembly::default());
    let mut payload = Vec::new();
    for part in parts(state) {
        part.write(&mut payload).unwrap();
        from_bytes.add(Part::read(&payload[2..]).unwrap()).unwrap().unwrap();
        let json = serde_json::to_string(&part).unwrap();
        from_json.add(serde_json::from_str(&json).unwrap()).unwrap().unwrap();
    }
    [from_bytes.state(), from_json.state()]
}

fn empty() -> JournalState {
    let (sequence, at) = (7, Timestamp::from_ms(1_000).unwrap());
    let feed = FeedState::nothing(sequence);
    let (rollouts, deleted, prompts) = (Vec::new(), Vec::new(), Vec::new());
    JournalState { sequence, at, rollouts, deleted, prompts, feed }
}

/// A run that was completed, by this experiment file.
fn predecessor(definition: String) -> PredecessorState {
    let state = State { phase: Phase::Completed, condition: Condition::Clear };
    PredecessorState { run: 3, state, definition }
}

/// A rollout of which nothing is known yet.
fn draft() -> RolloutState {
    let lifecycle = Lifecycle {
        state: tidegate_engine::phase::State::DRAFT,
        now: Timestamp::EPOCH,
        started_at: None,
        phase_ends: None,
        step: 0,
        step_ends: None,
        paused_at: None,
        extensions: 0,
        observations: 0,
        planned_analyses: 0,
        decisions: 0,
    };
    RolloutState {
        id: RolloutId(1),
        key: "night".parse().unwrap(),
        run: 1,
        definition: String::new(),
        accounts: Vec::new(),
        predecessor: None,
        noticed: Noticed::default(),
        series: Series::default(),
        rollout: Snapshot {
            definition: Digest(9),
            lifecycle,
            cameras: Vec::new(),
            exposures: Vec::new(),
            backlog: Vec::new(),
            latencies: Latencies::default(),
            slow_above: None,
            fast_path: FastPath::default(),
            epochs: Epochs::default(),
            course: Course::default(),
            release: Release::default(),
            outside: ByVariant::default(),
            outside_causes: OutsideCounts::default(),
            evicted: 0,
            review: None,
            joint_scores: Box::default(),
            heard_since: None,
            arrivals: Arrivals::default(),
            failure_signs: FailureSigns::default(),
        },
    }
}

/// Two rollouts, so that what follows from one is told apart from what follows from the next.
fn with(change: impl FnOnce(&mut RolloutState)) -> JournalState {
    let mut first = draft();
    change(&mut first);
    JournalState { rollouts: vec![first, RolloutState { id: RolloutId(2), ..draft() }], ..empty() }
}

fn id() -> impl Strategy<Value = String> {
    "[a-z0-9][a-zA-Z0-9_.-]{0,40}"
}

fn at() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_000_i64).prop_map(|ms| Timestamp::from_ms(ms).unwrap())
}

fn some_time() -> impl Strategy<Value = Option<Timestamp>> {
    proptest::option::of(at())
}

fn variant() -> impl Strategy<Value = Variant> {
    proptest::sample::select(&Variant::ALL)
}

/// Texts, some too long for one part.
fn text() -> impl Strategy<Value = String> {
    let long = (1..3 * PART_BYTES_MAX).prop_map(|length| "ä\n".repeat(length / 3));
    prop_oneof![9 => ".{0,300}", 1 => long]
}

fn tally() -> impl Strategy<Value = Tally> {
    let score = || proptest::option::of(0..=100_u8);
    let sums = any::<([u64; 10], u128, [u64; 4])>();
    (sums, score(), score()).prop_map(|((n, latency_us_square_sum, labels), least, most)| {
        let score = |score: Option<u8>| score.map(|n| RiskScore::new(n.into()).unwrap());
        let [analyses, errors, timed, latency_us_sum, paced, slow, scored, score_sum, more @ ..] =
            n;
        let [score_square_sum, alerts] = more;
        Tally {
            analyses,
            errors,
            timed,
            latency_us_sum,
            latency_us_square_sum,
            paced,
            slow,
            scored,
            score_sum,
            score_square_sum,
            score_min: score(least),
            score_max: score(most),
            alerts,
            labels,
        }
    })
}

fn tallies() -> impl Strategy<Value = ByVariant<Tally>> {
    (tally(), tally()).prop_map(|(control, treatment)| ByVariant { control, treatment })
}

fn pairs() -> impl Strategy<Value = Pairs> {
    let sums = any::<([u64; 19], [i64; 2], u128)>();
    (tallies(), sums).prop_map(|(sides, (n, differences, latency_us_diff_square_sum))| {
        let [control_failed, treatment_failed, both_failed, scored, lower, same, higher, rest @ ..] =
            n;
        let [score_diff_abs_sum, score_diff_square_sum, timed, control_latency_us_sum, rest @ ..] =
            rest;
        let [paced, control_slow, treatment_slow, control_alerted, treatment_alerted, rest @ ..] =
            rest;
        let [confirmed, retained, latency_warnings] = rest;
        let [score_diff_sum, latency_us_diff_sum] = differences;
        Pairs {
            sides,
            control_failed,
            treatment_failed,
            both_failed,
            scored,
            lower,
            same,
            higher,
            score_diff_sum,
            score_diff_abs_sum,
            score_diff_square_sum,
            timed,
            control_latency_us_sum,
            latency_us_diff_sum,
            latency_us_diff_square_sum,
            paced,
            control_slow,
            treatment_slow,
            control_alerted,
            treatment_alerted,
            confirmed,
            retained,
            latency_warnings,
        }
    })
}

fn state() -> impl Strategy<Value = State> {
    (proptest::sample::select(Phase::LIST), proptest::sample::select(Condition::LIST))
        .prop_map(|(phase, condition)| State { phase, condition })
}

fn lifecycle() -> impl Strategy<Value = Lifecycle> {
    let times = (at(), some_time(), some_time(), some_time(), some_time());
    (state(), times, any::<(u32, u32, u64, u64, u32)>()).prop_map(|(state, times, counts)| {
        let (now, started_at, phase_ends, step_ends, paused_at) = times;
        let (step, extensions, observations, planned_analyses, decisions) = counts;
        Lifecycle {
            state,
            now,
            started_at,
            phase_ends,
            step: step as usize,
            step_ends,
            paused_at,
            extensions,
            observations,
            planned_analyses,
            decisions,
        }
    })
}

fn excursion() -> impl Strategy<Value = Excursion> {
    (at(), some_time(), any::<(u64, [Option<u32>; 3], u64, u64)>()).prop_map(
        |(since, crossed_at, (failures, failed_cameras, control_analyses, control_failures))| {
            Excursion {
                since,
                crossed_at,
                failures,
                failed_cameras,
                control_analyses,
                control_failures,
            }
        },
    )
}

/// Sums as the fast path has them: far below a thousand, with many digits after the point.
fn sum() -> impl Strategy<Value = f64> {
    0.0..1_000.0
}

fn fast_path() -> impl Strategy<Value = FastPath> {
    let added = (any::<u32>(), sum()).prop_map(|(camera, sum)| Added { camera, sum });
    let added = proptest::collection::vec(added, 0..5_000);
    let hold = proptest::sample::select(&[OutageHold::No, OutageHold::Yes]);
    let excursion = proptest::option::of(excursion());
    let shown = (any::<u32>(), variant(), any::<(u32, u32)>()).prop_map(
        |(camera, variant, (analyses, failures))| Shown { camera, variant, analyses, failures },
    );
    let shown = proptest::collection::vec(shown, 0..129);
    (sum(), excursion, some_time(), added, -1_000.0..0.0, hold, shown).prop_map(
        |(sum, excursion, outage_at, added, drained, hold, shown)| {
            let sum = Cusum::new(sum).unwrap();
            // Where nobody added anything and nothing is held, the sum alone is kept.
            let nothing = added.is_empty() && hold == OutageHold::No;
            let drained = if nothing { -sum.value() } else { drained };
            FastPath { sum, excursion, outage_at, added, drained, hold, shown }
        },
    )
}

fn sketch() -> impl Strategy<Value = QuantileSketch> {
    proptest::collection::vec(any::<u32>(), 0..3_000).prop_map(|values| {
        let mut sketch = QuantileSketch::default();
        for us in values {
            sketch.add(us);
        }
        sketch
    })
}

fn blocks() -> impl Strategy<Value = Vec<BlockSums>> {
    let block = (any::<u64>(), variant(), tally()).prop_map(|(block, variant, tally)| BlockSums {
        block: Block(block),
        variant,
        tally,
    });
    proptest::collection::vec(block, 0..20)
}

fn cameras() -> impl Strategy<Value = Vec<CameraSums>> {
    let sums =
        (tally(), pairs(), tallies()).prop_map(|(shadow, pairs, ab)| Sums { shadow, pairs, ab });
    let camera = (id(), sums, blocks(), at(), any::<u64>()).prop_map(
        |(camera, sums, blocks, heard_at, heard_after)| {
            let camera = camera.parse().unwrap();
            CameraSums { camera, sums, blocks, full: ByVariant::default(), heard_at, heard_after }
        },
    );
    proptest::collection::vec(camera, 0..60)
}

fn exposure() -> impl Strategy<Value = Exposure> {
    let window = proptest::sample::select(Window::LIST);
    let alerts = proptest::sample::select(Alerts::LIST);
    let label = proptest::option::of(proptest::sample::select(&Label::ALL));
    (any::<(u128, u32)>(), at(), variant(), window, alerts, label).prop_map(
        |((fingerprint, camera), at, variant, window, alerts, label)| {
            let fingerprint = Fingerprint(fingerprint);
            Exposure { fingerprint, at, camera, variant, window, alerts, label }
        },
    )
}

fn noticed() -> impl Strategy<Value = Noticed> {
    let verdict =
        (proptest::sample::select(&Guardrail::ALL), proptest::sample::select(&Verdict::ALL));
    let symptoms = proptest::collection::vec(proptest::sample::select(&SymptomKind::ALL), 0..3);
    (proptest::collection::vec(verdict, 0..7), any::<u64>(), some_time(), symptoms).prop_map(
        |(verdicts, warnings, warned_at, symptoms)| Noticed {
            verdicts,
            warnings,
            warned_at,
            symptoms,
        },
    )
}

fn epochs() -> impl Strategy<Value = Epochs> {
    let opens = proptest::sample::select(&[Opens::Step, Opens::Window]);
    proptest::collection::vec((at(), opens), 0..20).prop_map(|mut epochs| {
        epochs.sort_by_key(|(after, _)| *after);
        epochs.dedup_by_key(|(after, _)| *after);
        let epochs = epochs.into_iter().map(|(after, opens)| Epoch { after, opens });
        // Of some orders a test is not made.
        Epochs::new(epochs.collect()).unwrap_or_default()
    })
}

fn actor() -> impl Strategy<Value = Actor> {
    "[a-zäöü\"{} ]{0,60}[a-z]".prop_map(|text| Actor::new(&text).unwrap())
}

fn reason() -> impl Strategy<Value = Reason> {
    "[a-zäöü\"{} ]{0,60}[a-z]".prop_map(|text| Reason::new(&text).unwrap())
}

fn version() -> impl Strategy<Value = Version> {
    let reason = proptest::option::of(reason());
    let parent = proptest::option::of(any::<[u8; 32]>());
    let digests = (any::<[u8; 32]>(), parent);
    (any::<u32>(), id(), digests, at(), actor(), reason, text()).prop_map(
        |(number, key, (digest, parent), created_at, actor, reason, text)| {
            let key = key.parse().unwrap();
            let (digest, parent) = (TextDigest(digest), parent.map(TextDigest));
            let head = VersionHead { number, key, digest, parent, created_at, actor, reason };
            Version { head, text: text.into() }
        },
    )
}

fn label_move() -> impl Strategy<Value = Move> {
    (any::<(u32, Option<u32>, Option<u32>)>(), at(), actor(), reason()).prop_map(
        |((revision, from, to), at, actor, reason)| Move { revision, at, actor, reason, from, to },
    )
}

fn versions() -> impl Strategy<Value = Vec<Version>> {
    proptest::collection::vec(version(), 0..4)
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    proptest::collection::vec(label_move(), 1..4)
}

fn prompt(versions: Vec<Version>, moves: [Vec<Move>; 2]) -> prompt::PromptSnapshot {
    let [production, trial] = moves;
    let label = |name: &str, moves| (name.parse().unwrap(), moves);
    let labels = vec![label("production", production), label("trial", trial)];
    prompt::PromptSnapshot { name: "door".parse().unwrap(), versions, labels }
}

fn with_prompts(prompts: Vec<prompt::PromptSnapshot>) -> JournalState {
    JournalState { prompts, ..with(|_| ()) }
}

/// A review with a card that was answered, skipped and labelled.
fn review(at: Timestamp) -> ReviewSnapshot {
    let opinion =
        |number, answer| Opinion { number, reviewer: Actor::new("mara").unwrap(), at, answer };
    let card = |event: &str, direction, opinions| {
        let (event, camera) = (event.parse().unwrap(), "door".parse().unwrap());
        Card { event, camera, at, direction, label: Some(Answer::No), opinions }
    };
    let opinions = vec![opinion(0, Some(Answer::Yes)), opinion(1, None)];
    let queue = QueueSnapshot {
        is_closed: true,
        lost: 3,
        gained: 4,
        left_out_from: Some(CardHash(u64::MAX)),
        opinions: 2,
        cards: vec![card("e1", Direction::Lost, opinions), card("e2", Direction::Gained, vec![])],
    };
    ReviewSnapshot { queue, blocks: vec![(3, FleetBlock { change: -7, alerts: 9 })] }
}

#[test]
fn a_review_comes_back_as_it_was() {
    let mut reviewed = review(Timestamp::from_ms(5).unwrap());
    // More than one part has room for.
    let card = reviewed.queue.cards[0].clone();
    reviewed.queue.cards.resize(40, card);
    let state = with(|first| first.rollout.review = Some(reviewed));
    assert_eq!(read_back(&state), [Some(state.clone()), Some(state)]);
}

#[test]
fn cards_at_their_longest_fit_a_part() {
    let long = || "n".repeat(128);
    let opinion = Opinion {
        number: u64::MAX,
        reviewer: Actor::new(&long()).unwrap(),
        at: Timestamp::from_ms(5).unwrap(),
        answer: Some(Answer::Yes),
    };
    let mut reviewed = review(opinion.at);
    let card = Card {
        event: long().parse().unwrap(),
        camera: long().parse().unwrap(),
        at: opinion.at,
        direction: Direction::Gained,
        label: Some(Answer::Yes),
        opinions: vec![opinion; tidegate_engine::limits::CARD_OPINIONS_MAX],
    };
    reviewed.queue.cards = vec![card; 100];
    let state = with(|first| first.rollout.review = Some(reviewed));
    let [from_bytes, _] = read_back(&state);
    assert_eq!(from_bytes, Some(state));
}

/// A comparison in two corners each, and as many discordant events of long names as there may be.
fn joint_scores(at: Timestamp, event: &str) -> Box<JointScores> {
    let score = |value| Some(RiskScore::new(value).unwrap());
    let event = DiscordantEvent {
        event: event.parse().unwrap(),
        camera: event.parse().unwrap(),
        at,
        scores: ByVariant { control: score(80.0), treatment: None },
    };
    let mut counts = [[0; BINS]; BINS];
    (counts[0][BINS - 1], counts[BINS - 1][0]) = (3, 4);
    let alerted = AlertCounts { both: 0, control_only: 4, treatment_only: 2, neither: 1 };
    let discordant = vec![event; DISCORDANT_KEPT].into();
    Box::new(JointScores::new(counts, alerted, discordant).unwrap())
}

#[test]
fn scores_and_events_at_their_longest_fit_a_part() {
    let scores = joint_scores(Timestamp::from_ms(5).unwrap(), &"n".repeat(128));
    let state = with(|first| first.rollout.joint_scores = scores);
    assert_eq!(read_back(&state), [Some(state.clone()), Some(state)]);
}

/// Parts of every kind: two rollouts of which one has everything, and a prompt.
fn of_every_kind() -> Vec<Part> {
    let at = Timestamp::from_ms(1_000).unwrap();
    let (actor, reason) = (Actor::new("ann").unwrap(), Reason::new("a try").unwrap());
    let head = VersionHead {
        number: 1,
        key: "v1".parse().unwrap(),
        digest: TextDigest([7; 32]),
        parent: None,
        created_at: at,
        actor: actor.clone(),
        reason: None,
    };
    let step = Move { revision: 1, at, actor, reason, from: None, to: Some(1) };
    let versions = vec![Version { head, text: "Say what you see.".into() }];
    let mut state = with(|rollout| {
        rollout.definition = "key = 1".to_owned();
        rollout.accounts = vec!["{}".to_owned()];
        rollout.noticed.warnings = 3;
        rollout.series.keep(Window::Ab, series_point(at));
        rollout.predecessor = Some(predecessor("key = 1".to_owned()));
        let rollout = &mut rollout.rollout;
        rollout.epochs = Epochs::new(vec![Epoch { after: at, opens: Opens::Step }]).unwrap();
        rollout.fast_path.added = vec![Added { camera: 0, sum: 1.5 }];
        let (variant, analyses) = (Variant::Treatment, 3);
        rollout.fast_path.shown = vec![Shown { camera: 0, variant, analyses, failures: 2 }];
        rollout.latencies.shadow.add(900_000);
        let block =
            BlockSums { block: Block(0), variant: Variant::Control, tally: Tally::default() };
        let (camera, sums) = ("door".parse().unwrap(), Sums::default());
        let full = Tally { analyses: 3, errors: 1, ..Tally::default() };
        let full = ByVariant { control: Tally::default(), treatment: full };
        rollout.cameras = vec![CameraSums {
            camera,
            sums,
            blocks: vec![block],
            full,
            heard_at: at,
            heard_after: 8,
        }];
        rollout.release.day = 2;
        rollout.course =
            Course::new(vec![Stage { from: at, state: State::DRAFT, step: 0 }]).unwrap();
        rollout.backlog = vec![(Fingerprint(5), at)];
        rollout.outside_causes = OutsideCounts::new([1; OutsideCause::ALL.len()]);
        rollout.review = Some(review(at));
        rollout.heard_since = Some(at);
        rollout.arrivals = Arrivals { by_hour: [3; 24], compared: Some(Compared { at, after: 7 }) };
        rollout.joint_scores = joint_scores(at, "e1");
        let bet = SignBet { up: 2, down: 1 };
        rollout.failure_signs = FailureSigns { stretch: 9, surplus: -1, bet };
        rollout.exposures = vec![Exposure {
            fingerprint: Fingerprint(5),
            at,
            camera: 0,
            variant: Variant::Control,
            window: Window::Ab,
            alerts: Alerts::NotControl,
            label: None,
        }];
    });
    state.prompts = vec![prompt(versions, [vec![step.clone()], vec![step]])];
    state.deleted = vec![DeletedState {
        id: RolloutId(3),
        key: "porch".parse().unwrap(),
        run: 2,
        accounts: vec!["{}".to_owned()],
    }];
    state.feed.events = vec![(7, "{}".to_owned())];
    parts(&state).collect()
}

#[test]
fn a_tag_never_changes_its_meaning() {
    // As docs/journal-format.md has them.
    let mut seen = [false; 32];
    for part in of_every_kind() {
        let mut payload = Vec::new();
        part.write(&mut payload).unwrap();
        let tag = match part {
            Part::Head(_) => 0,
            Part::Rollout(_) => 1,
            Part::Definition(_) => 2,
            Part::Account(_) => 3,
            Part::Latencies(_) => 4,
            Part::Cameras(_) => 5,
            Part::Blocks(_) => 6,
            Part::Exposures(_) => 7,
            Part::End(_) => END_TAG,
            Part::Prompt(_) => 9,
            Part::Version(_) => 10,
            Part::Text(_) => 11,
            Part::LabelMoved(_) => 12,
            Part::Noticed(_) => 13,
            Part::Feed(_) => 14,
            Part::Epochs(_) => 15,
            Part::FastPath(_) => 16,
            Part::Predecessor(_) => 17,
            Part::Release(_) => 18,
            Part::Released(_) => 19,
            Part::Course(_) => 20,
            Part::Backlog(_) => 21,
            Part::Outside(_) => 22,
            Part::Review(_) => 23,
            Part::Cards(_) => 24,
            Part::Hearing(_) => 25,
            Part::Shown(_) => 26,
            Part::Series(_) => 27,
            Part::JointScores(_) => 28,
            Part::Arrivals(_) => 29,
            Part::Deleted(_) => 30,
            Part::FailureSigns(_) => 31,
        };
        assert_eq!(payload[2], tag, "{part:?}");
        seen[usize::from(tag)] = true;
    }
    assert!(!seen.contains(&false), "every kind is there");
}

/// Whether the parts with these tags, in this order, are taken, all but the last of which must be.
fn last_follows(tags: &[u8]) -> bool {
    let mut assembly = Assembly::default();
    let mut taken = true;
    for tag in tags {
        assert!(taken, "{tags:?}: only the last may be refused");
        let mut payload = Vec::new();
        let part = of_every_kind().into_iter().find(|part| {
            part.write(&mut payload).unwrap();
            payload[2] == *tag
        });
        taken = assembly.add(part.unwrap()).unwrap().is_some();
    }
    taken
}

#[test]
fn a_part_that_cannot_follow_is_refused() {
    assert!(
        last_follows(&[0, 1, 2, 5, 6, 1, 9, 10, 11, 12, 9, 30, 30, 14, 8]),
        "in its place, each follows"
    );
    for tag in 1..=16 {
        assert!(!last_follows(&[tag]), "{tag} before the head");
        assert!(!last_follows(&[0, 8, tag]), "{tag} after the end");
    }
    assert!(!last_follows(&[30]) && !last_follows(&[0, 8, 30]), "30 outside of it");
    for tag in [2, 3, 4, 5, 6, 7, 13, 15, 16] {
        assert!(!last_follows(&[0, tag]), "{tag} of no rollout");
        assert!(!last_follows(&[0, 1, 9, tag]), "{tag} amid a prompt");
    }
    for tag in [10, 11, 12] {
        assert!(!last_follows(&[0, tag]), "{tag} of no prompt");
        assert!(!last_follows(&[0, 1, tag]), "{tag} amid a rollout");
    }
    assert!(!last_follows(&[0, 0]), "a second head");
    for tag in [23, 24, 25, 27, 28, 29, 31] {
        assert!(!last_follows(&[0, tag]), "{tag} of no rollout");
    }
    assert!(!last_follows(&[0, 1, 24]), "cards of no review");
    assert!(!last_follows(&[0, 1, 25]), "reports of no camera");
    assert!(!last_follows(&[0, 1, 29]), "numbers of no camera");
    assert!(!last_follows(&[0, 1, 6]), "a block of no camera");
    assert!(!last_follows(&[0, 1, 9, 1]), "a rollout after a prompt");
    assert!(!last_follows(&[0, 9, 11]), "the text of no version");
    assert!(!last_follows(&[0, 9, 10, 12, 11]), "a text after the labels");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_head_comes_back(sequence: u64, at in at()) {
        let state = JournalState { sequence, at, feed: FeedState::nothing(sequence), ..empty() };
        prop_assert_eq!(read_back(&state), [Some(state.clone()), Some(state)]);
    }

    #[test]
    fn a_rollout_comes_back(
        (id, key, run) in (any::<u32>(), id(), any::<u32>()),
        (definition, evicted) in any::<(u128, u64)>(),
        lifecycle in lifecycle(),
        slow_above_ms in proptest::option::of(0..=600_000_u32),
        outside in tallies(),
    ) {
        let state = with(|rollout| {
            (rollout.id, rollout.key, rollout.run) = (RolloutId(id), key.parse().unwrap(), run);
            let rollout = &mut rollout.rollout;
            (rollout.definition, rollout.evicted) = (Digest(definition), evicted);
            (rollout.lifecycle, rollout.outside) = (lifecycle, outside);
            rollout.slow_above = slow_above_ms.map(|ms| Latency::from_ms(ms.into()).unwrap());
        });
        prop_assert_eq!(read_back(&state), [Some(state.clone()), Some(state)]);
    }

    #[test]
    fn a_course_a_backlog_and_causes_come_back(
        stages in proptest::collection::vec((at(), state(), 0..20_usize), 0..3_000),
        backlog in proptest::collection::vec((any::<u128>(), at()), 0..3_000),
        causes: [u64; OutsideCause::ALL.len()],
    ) {
        let state = with(|rollout| {
            let rollout = &mut rollout.rollout;
            let mut stages = stages;
            stages.sort_by_key(|(from, ..)| *from);
            let stages = stages.into_iter().map(|(from, state, step)| Stage { from, state, step });
            rollout.course = Course::new(stages.collect()).unwrap();
            let backlog = backlog.into_iter().map(|(id, at)| (Fingerprint(id), at));
            rollout.backlog = backlog.collect();
            rollout.outside_causes = OutsideCounts::new(causes);
        });
        prop_assert_eq!(read_back(&state), [Some(state.clone()), Some(state)]);
    }

    #[test]
    fn a_definition_comes_back(definition in text()) {
        let state = with(|rollout| rollout.definition = definition);
        prop_assert_eq!(read_back(&state), [Some(state.clone()), Some(state)]);
    }

    #[test]
    fn accounts_come_back(accounts in proptest::collection::vec(".{0,300}", 0..20)) {
        let state = with(|rollout| rollout.accounts = accounts);
        prop_assert_eq!(read_back(&state), [Some(state.clone()), Some(state)]);
    }

    #[test]
    fn the_run_that_serves_comes_back(unit in "[a-zäü\n]{1,40}", times in 1_usize..4_000) {
        let state = with(|rollout| rollout.predecessor = Some(predecessor(unit.repeat(times))));
        prop_assert_eq!(read_back(&state), [Some(state.clone()), Some(state)]);
    }

    #[test]
    fn what_was_noticed_comes_back(noticed in noticed()) {
        let state = with(|rollout| rollout.noticed = noticed);
        prop_assert_eq!(read_back(&state), [Some(state.clone()), Some(state)]);
    }

    #[test]
    fn a_series_comes_back(shadow in points(POINTS_MAX), ab in points(3)) {
        let state = with(|rollout| {
            rollout.series.restore(Window::Shadow, shadow).unwrap();
            rollout.series.restore(Window::Ab, ab).unwrap();
        });
        prop_assert_eq!(read_back(&state), [Some(state.clone()), Some(state)]);
    }

    #[test]
    fn signs_of_failures_come_back(stretch: u64, surplus: i64, up: u64, down: u64) {
        let bet = SignBet { up, down };
        let state = with(|rollout| rollout.rollout.failure_signs = FailureSigns { stretch, surplus, bet });
        prop_assert_eq!(read_back(&state), [Some(state.clone()), Some(state)]);
    }

    #[test]
    fn epochs_come_back(epochs in epochs()) {
        let state = with(|rollout| rollout.rollout.epochs = epochs);
        prop_assert_eq!(read_back(&state), [Some(state.clone()), Some(state)]);
    }

    #[test]
    fn a_fast_path_comes_back(fast_path in fast_path()) {
        let state = with(|rollout| rollout.rollout.fast_path = fast_path);
        prop_assert_eq!(read_back(&state), [Some(state.clone()), Some(state)]);
    }

    #[test]
    fn latencies_come_back(sketches in (sketch(), sketch(), sketch())) {
        let (shadow, control, treatment) = sketches;
        let latencies = Latencies { shadow, ab: ByVariant { control, treatment } };
        let state = with(|rollout| rollout.rollout.latencies = latencies);
        prop_assert_eq!(read_back(&state), [Some(state.clone()), Some(state)]);
    }

    #[test]
    fn cameras_and_their_blocks_come_back(cameras in cameras()) {
        let state = with(|rollout| rollout.rollout.cameras = cameras);
        prop_assert_eq!(read_back(&state), [Some(state.clone()), Some(state)]);
    }

    #[test]
    fn exposures_come_back(exposures in proptest::collection::vec(exposure(), 0..2_500)) {
        let state = with(|rollout| rollout.rollout.exposures = exposures);
        prop_assert_eq!(read_back(&state), [Some(state.clone()), Some(state)]);
    }

    #[test]
    fn versions_of_prompts_come_back(first in versions(), second in versions(), moves in moves()) {
        let second = prompt::PromptSnapshot { labels: Vec::new(), ..prompt(second, [vec![], vec![]]) };
        let state = with_prompts(vec![prompt(first, [moves.clone(), moves]), second]);
        prop_assert_eq!(read_back(&state), [Some(state.clone()), Some(state)]);
    }

    #[test]
    fn moves_of_labels_come_back(production in moves(), trial in moves()) {
        let state = with_prompts(vec![prompt(Vec::new(), [production, trial])]);
        prop_assert_eq!(read_back(&state), [Some(state.clone()), Some(state)]);
    }

    #[test]
    fn what_was_taken_away_comes_back(
        kept in proptest::collection::btree_map(
            id(),
            (any::<u32>(), any::<u32>(), proptest::collection::vec(".{0,300}", 1..4)),
            0..4,
        ),
    ) {
        let kept = kept.into_iter().map(|(key, (id, run, accounts))| {
            DeletedState { id: RolloutId(id), key: key.parse().unwrap(), run, accounts }
        });
        let state = JournalState { deleted: kept.collect(), ..with(|_| ()) };
        prop_assert_eq!(read_back(&state), [Some(state.clone()), Some(state)]);
    }

    #[test]
    fn the_feed_comes_back(
        after: u64,
        events in proptest::collection::vec((any::<u64>(), ".{0,3000}"), 0..40),
    ) {
        let state = JournalState { feed: FeedState { after, events }, ..with(|_| ()) };
        prop_assert_eq!(read_back(&state), [Some(state.clone()), Some(state)]);
    }
}
