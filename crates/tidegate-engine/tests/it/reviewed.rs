//! A shadow whose disagreements people review.

use tidegate_engine::event::{Action, Actor, Command, Reason, Rejection};
use tidegate_engine::experiment::{Definition, Experiment, PromotionMode, Watch};
use tidegate_engine::guardrail::Guardrail;
use tidegate_engine::id::{AnalysisId, CameraId};
use tidegate_engine::look::Check;
use tidegate_engine::number::{Latency, RiskScore};
use tidegate_engine::observation::{Analysis, Comparison, Feedback, Label, Origin, Outcome};
use tidegate_engine::phase::{Phase, Transition};
use tidegate_engine::review::{
    Answer, CardReply, Missing, PromotedBy, QueueRejection, Requirement, ReviewRules, ReviewVerdict,
};
use tidegate_engine::rollout::Backing;
use tidegate_engine::time::Timestamp;
use tidegate_engine::verdict::Verdict;
use tidegate_engine::{ByVariant, Event, Rollout, Variant};

const HOUR_MS: i64 = 3_600_000;
const SHADOW_HOURS: i64 = 96;
const TEST_HOURS: i64 = 48;

/// What the treatment does to alerts of the control and to events that the control lets pass, in a hundred.
#[derive(Clone, Copy)]
struct Change {
    false_alarms_lost: u64,
    threats_lost: u64,
    false_alarms_gained: u64,
}

const FEWER: Change = Change { false_alarms_lost: 36, threats_lost: 0, false_alarms_gained: 5 };
const MORE: Change = Change { false_alarms_lost: 8, threats_lost: 0, false_alarms_gained: 30 };
const MISSING: Change = Change { false_alarms_lost: 8, threats_lost: 25, false_alarms_gained: 5 };
const NOTHING: Change = Change { false_alarms_lost: 0, threats_lost: 0, false_alarms_gained: 0 };
const AS_GOOD: Change = Change { false_alarms_lost: 14, threats_lost: 0, false_alarms_gained: 14 };
const MUCH_FEWER: Change =
    Change { false_alarms_lost: 92, threats_lost: 0, false_alarms_gained: 1 };

/// A rollout, and its copies that live by the journal and by snapshots alone.
struct Story {
    rollout: Rollout,
    replayed: Rollout,
    now: Timestamp,
    decisions: Vec<String>,
    random: u64,
    answers: usize,
}

fn experiment() -> Experiment {
    let mut experiment =
        Experiment::new("door".parse().unwrap(), "v1".parse().unwrap(), "v2".parse().unwrap());
    experiment.shadow.duration =
        tidegate_engine::time::Duration::from_hours(SHADOW_HOURS as f64).unwrap();
    experiment.review = Some(ReviewRules::new());
    experiment
}

fn at(hour: i64) -> Timestamp {
    Timestamp::from_ms(hour * HOUR_MS).unwrap()
}

#[expect(clippy::fn_params_excessive_bools, reason = "a prompt alerts or does not")]
fn answered(alerts: bool) -> Outcome {
    Outcome::Answered {
        latency: Some(Latency::from_ms(500.0).unwrap()),
        score: Some(RiskScore::new(if alerts { 80.0 } else { 20.0 }).unwrap()),
    }
}

impl Story {
    fn new(experiment: Experiment) -> Self {
        let rollout = Rollout::new(Definition::new(experiment).unwrap());
        let replayed = rollout.clone();
        let (decisions, now) = (Vec::new(), Timestamp::EPOCH);
        let mut story = Self { rollout, replayed, now, decisions, random: 7, answers: 0 };
        story.act(Command::Start);
        story
    }

    fn act(&mut self, command: Command) {
        let (actor, reason) = (Actor::new("owner").unwrap(), Reason::new("because").unwrap());
        self.apply(&Event::Action(Action { command, actor, reason })).unwrap();
    }

    fn apply(&mut self, event: &Event) -> Result<(), Rejection> {
        let before = self.rollout.snapshot();
        let decisions = self.rollout.apply(self.now, event).inspect_err(|_| {
            assert_eq!(self.rollout.snapshot(), before, "a rejected event leaves no trace");
        })?;
        self.replayed.apply_logged(self.now, event).unwrap();
        for decision in decisions {
            self.replayed.apply_logged_step(decision.step()).unwrap();
            self.decisions.push(format!("{}: {}", decision.to, decision.cause.code()));
        }
        Ok(())
    }

    fn wait(&mut self, hour: i64) {
        self.now = at(hour);
        while self.rollout.next_deadline().is_some_and(|(deadline, _)| deadline <= self.now) {
            let (deadline, _) = self.rollout.next_deadline().unwrap();
            let until = std::mem::replace(&mut self.now, deadline);
            self.apply(&Event::Tick).unwrap();
            self.now = until;
        }
    }

    fn chance(&mut self, in_a_hundred: u64) -> bool {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.random >> 33) % 100 < in_a_hundred
    }

    /// Four days of six cameras: of 15 events an hour, 10 alert, of which 6 are false. An id tells what its event is.
    fn shadow(&mut self, change: Change) {
        self.shadow_by_day(|_| change);
    }

    fn shadow_by_day(&mut self, change: impl Fn(i64) -> Change) {
        for hour in 0..SHADOW_HOURS {
            let change = change(hour / 24);
            for event in 0..15 {
                self.wait(hour);
                let (kind, alerts, lost) = match event {
                    0..4 => ("threat", true, change.threats_lost),
                    4..10 => ("nothing", true, change.false_alarms_lost),
                    _ => ("nothing", false, change.false_alarms_gained),
                };
                let changes = self.chance(lost);
                let outcomes =
                    ByVariant { control: answered(alerts), treatment: answered(alerts != changes) };
                let id = format!("{kind}-{hour}-{event}").parse().unwrap();
                let camera = format!("camera-{}", (hour + event) % 6).parse().unwrap();
                let comparison = Comparison { id, camera, outcomes, origin: Origin::default() };
                self.apply(&Event::Comparison(comparison)).unwrap();
            }
        }
        self.wait(SHADOW_HOURS);
    }

    fn next(&self, reviewer: &str) -> Option<CardReply> {
        let reviewer = Actor::new(reviewer).unwrap();
        let (_, window) = self.rollout.review()?;
        let card = window.queue().next(&reviewer)?;
        let is_threat = card.event.as_str().starts_with("threat");
        let answer = Some(if is_threat { Answer::Yes } else { Answer::No });
        Some(CardReply { event: card.event.clone(), turn: card.turn(), reviewer, answer })
    }

    /// Lets one person answer truly until the rollout leaves its shadow.
    fn review(&mut self) {
        while self.phase() == Phase::Shadow
            && let Some(reply) = self.next("mara")
        {
            self.apply(&Event::CardReply(reply)).unwrap();
            self.answers += 1;
            assert_eq!(self.replayed.snapshot(), self.rollout.snapshot(), "the journal tells all");
            let definition = self.rollout.definition().clone();
            let restored = Rollout::restore(definition, self.rollout.snapshot()).unwrap();
            assert_eq!(restored.snapshot(), self.rollout.snapshot());
            self.rollout = restored;
        }
    }

    /// Lets one person answer truly whatever waits, and goes on in the test after the shadow.
    fn review_to_the_end(&mut self) {
        while let Some(reply) = self.next("mara").filter(|_| self.rollout.asks_reviewers()) {
            self.apply(&Event::CardReply(reply)).unwrap();
            self.answers += 1;
        }
    }

    /// Two days of the same six cameras, and the wait for feedback after them. Of alerts one in sixteen is labelled; what
    /// the treatment changes it does not undo.
    fn test(&mut self, change: Change, failing: u64) {
        let began = self.now.ms() / HOUR_MS;
        for hour in 0..TEST_HOURS {
            for event in 0..15 {
                self.wait(began + hour);
                let (alerts, lost) = match event {
                    0..4 => (true, change.threats_lost),
                    4..10 => (true, change.false_alarms_lost),
                    _ => (false, change.false_alarms_gained),
                };
                let camera: CameraId = format!("camera-{}", (hour + event) % 6).parse().unwrap();
                let variant = self.rollout.serve(&camera, self.now).variant;
                let differs = self.chance(lost) && variant == Variant::Treatment;
                let fails = self.chance(failing) && variant == Variant::Treatment;
                let outcome = if fails { Outcome::Failed } else { answered(alerts != differs) };
                let id: AnalysisId = format!("test-{hour}-{event}").parse().unwrap();
                let analysis = Analysis {
                    id: Some(id.clone()),
                    camera,
                    variant,
                    outcome,
                    origin: Origin::default(),
                };
                self.apply(&Event::Analysis(analysis)).unwrap();
                if alerts != differs && self.chance(6) {
                    let label = if event < 4 { Label::Correct } else { Label::FalsePositive };
                    self.apply(&Event::Feedback(Feedback { analysis: id, label })).unwrap();
                }
            }
        }
        self.wait(began + TEST_HOURS + 7);
    }

    fn phase(&self) -> Phase {
        self.rollout.lifecycle().state.phase
    }

    fn last(&self) -> &str {
        self.decisions.last().unwrap()
    }
}

#[test]
fn fewer_false_alarms_pass_by_a_few_dozen_answers() {
    let mut story = Story::new(experiment());
    story.shadow(FEWER);
    assert_eq!(story.phase(), Phase::Shadow, "the gate waits for the review");
    story.review();
    assert_eq!(story.last(), "ab: reviewed");
    assert!(story.answers < 80, "{} answers", story.answers);
    let reading = story.rollout.reading().unwrap();
    assert!(reading.passes(), "{reading:?}");
    // In truth 2 false alarms fewer in an hour, by (36 % of 6) - (5 % of 5), on six cameras: 7.6 a camera and day.
    let false_alarms = reading.false_alarms.unwrap();
    assert!(false_alarms.least < -7.6 && -7.6 < false_alarms.greatest, "{false_alarms:?}");
    assert!((reading.camera_days - 24.0).abs() < 1e-9);
}

#[test]
fn more_false_alarms_are_rejected_before_anybody_was_exposed() {
    let mut story = Story::new(experiment());
    story.shadow(MORE);
    story.review();
    assert_eq!(story.last(), "rolled_back: reviewed");
    assert_eq!(story.rollout.reading().unwrap().verdict, ReviewVerdict::RejectFalseAlarms);
    assert_eq!(story.rollout.sums().ab.treatment.analyses, 0);
    assert!(story.answers < 80, "{} answers", story.answers);
}

#[test]
fn days_that_differ_from_each_other_say_little_of_others() {
    let gained = |false_alarms_gained| Change { false_alarms_gained, ..NOTHING };
    let days = [gained(75), gained(8), gained(70), Change { false_alarms_lost: 14, ..NOTHING }];
    let mut story = Story::new(experiment());
    story.shadow_by_day(|day| days[usize::try_from(day).unwrap()]);
    story.review_to_the_end();
    let reading = story.rollout.reading().unwrap();
    // More false alarms in these four days, for certain; of another four that says little.
    assert!(reading.false_alarms.unwrap().least > 0.0, "{reading:?}");
    assert!(!reading.verdict.rejects(), "{reading:?}");
    let missing = story.rollout.review_progress().unwrap().missing;
    assert!(matches!(missing, Some(Missing::Days(_))), "{missing:?}");

    let mut story = Story::new(experiment());
    story.shadow(gained(35));
    story.review();
    assert_eq!(story.last(), "rolled_back: reviewed", "as much on each day");
}

#[test]
fn missed_threats_are_rejected() {
    let mut story = Story::new(experiment());
    story.shadow(MISSING);
    story.review();
    assert_eq!(story.last(), "rolled_back: reviewed");
    assert_eq!(story.rollout.reading().unwrap().verdict, ReviewVerdict::RejectMissed);
}

#[test]
fn a_fall_of_alerts_that_people_saw_opens_the_gate() {
    let mut story = Story::new(experiment());
    story.shadow(MUCH_FEWER);
    let Check::Sequential(look) = story.rollout.check() else { panic!("the sequential rule") };
    assert_eq!(look.of(Guardrail::AlertDrop).unwrap().verdict, Verdict::Alarm);
    story.review();
    assert_eq!(story.last(), "ab: reviewed");

    let mut unasked = experiment();
    unasked.review = None;
    let mut story = Story::new(unasked);
    story.shadow(MUCH_FEWER);
    assert_eq!(story.phase(), Phase::Shadow, "by itself it may be blindness");
}

#[test]
fn the_gate_waits_for_a_review_that_is_required_only() {
    for (requirement, phase) in
        [(Requirement::Required, Phase::Shadow), (Requirement::Optional, Phase::Ab)]
    {
        let rules = ReviewRules { requirement, ..ReviewRules::new() };
        let mut story = Story::new(Experiment { review: Some(rules), ..experiment() });
        story.shadow(FEWER);
        assert_eq!(story.phase(), phase);
    }
}

#[test]
fn guardrails_that_are_switched_off_reject_nothing() {
    let mut off = experiment();
    off.guardrails.watch = Watch::Off;
    let mut story = Story::new(off);
    story.shadow(MORE);
    assert_eq!(story.last(), "ab: gate_passed");
}

#[test]
fn it_says_what_a_verdict_lacks() {
    let mut story = Story::new(experiment());
    let missing = |story: &Story| story.rollout.review_progress().unwrap().missing;
    assert_eq!(missing(&story), Some(Missing::Window));
    story.shadow(FEWER);
    let progress = story.rollout.review_progress().unwrap();
    assert_eq!(progress.missing, Some(Missing::Cards(200)));
    assert_eq!((progress.cards, progress.settled), (200, 0));
    // Whoever skips everything leaves nothing to count.
    while let Some(reply) = story.next("theo") {
        story.apply(&Event::CardReply(CardReply { answer: None, ..reply })).unwrap();
    }
    assert_eq!(missing(&story), Some(Missing::Answers));
    story.review();
    assert_eq!((story.last(), missing(&story)), ("ab: reviewed", None));
}

#[test]
fn an_undecided_review_asks_for_days_or_a_budget() {
    let rules = ReviewRules { budget: 5, ..ReviewRules::new() };
    let mut story = Story::new(Experiment { review: Some(rules), ..experiment() });
    story.shadow(FEWER);
    story.review();
    assert_eq!(story.phase(), Phase::Shadow);
    assert_eq!(story.rollout.review_progress().unwrap().missing, Some(Missing::Budget));
}

#[test]
fn a_label_fills_the_card_of_its_event() {
    let mut story = Story::new(experiment());
    story.shadow(FEWER);
    let first = story.next("mara").unwrap();
    let label = Label::FalsePositive;
    story.apply(&Event::Feedback(Feedback { analysis: first.event.clone(), label })).unwrap();
    assert_ne!(story.next("mara").unwrap().event, first.event);
    assert_eq!(story.rollout.review_progress().unwrap().settled, 1);
    assert_eq!(story.replayed.snapshot(), story.rollout.snapshot());
}

#[test]
fn answers_that_nobody_asked_for_are_refused() {
    let mut story = Story::new(experiment());
    story.shadow(FEWER);
    let reply = story.next("mara").unwrap();
    let send = |story: &mut Story, reply: &CardReply| story.apply(&Event::CardReply(reply.clone()));
    send(&mut story, &reply).unwrap();
    let twice = send(&mut story, &reply);
    assert!(matches!(twice, Err(Rejection::Review(QueueRejection::OutOfTurn { .. }))), "{twice:?}");
    story.review();
    assert_eq!(story.phase(), Phase::Ab, "which takes answers too, as they may prove more");
    story.act(Command::Stop);
    assert_eq!(send(&mut story, &reply), Err(Rejection::ReviewOver));

    let mut story = Story::new(Experiment { review: None, ..experiment() });
    assert_eq!(send(&mut story, &reply), Err(Rejection::NoReview));
}

#[test]
fn what_comes_after_the_shadow_has_lasted_its_time_is_no_card() {
    let mut story = Story::new(experiment());
    story.shadow(FEWER);
    let before = story.rollout.review_progress().unwrap();
    story.wait(SHADOW_HOURS + 1);
    let outcomes = ByVariant { control: answered(true), treatment: answered(false) };
    let (id, camera) = ("late".parse().unwrap(), "camera-0".parse().unwrap());
    story
        .apply(&Event::Comparison(Comparison { id, camera, outcomes, origin: Origin::default() }))
        .unwrap();
    let after = story.rollout.review_progress().unwrap();
    assert_eq!((before.lost, before.cards), (after.lost, after.cards));
}

/// The test of a rollout that is promoted by itself, after a shadow that was reviewed to the end.
fn tested(experiment: Experiment, change: Change, failing: u64) -> Story {
    let mut experiment = experiment;
    experiment.promotion.mode = PromotionMode::Automatic;
    let mut story = Story::new(experiment);
    story.shadow(change);
    story.review_to_the_end();
    story.test(change, failing);
    story
}

#[test]
fn what_people_proved_is_released_where_the_test_is_too_small() {
    let story = tested(experiment(), FEWER, 0);
    assert_eq!(story.rollout.reading().unwrap().verdict, ReviewVerdict::Promote);
    assert_eq!(story.decisions[2..], ["ab (grace): feedback_awaited", "full: reviewed"]);
    assert!(story.answers < 80, "{} answers", story.answers);

    let unasked = tested(Experiment { review: None, ..experiment() }, FEWER, 0);
    assert_eq!(unasked.last(), "ab (expired): inconclusive", "the test alone proves nothing");
}

#[test]
fn what_is_harmless_is_released_where_its_owner_says_so() {
    for (promoted_by, last) in [
        (PromotedBy::Nothing, "ab (expired): inconclusive"),
        (PromotedBy::Proved, "ab (expired): inconclusive"),
        (PromotedBy::Harmless, "full: reviewed"),
    ] {
        let rules = ReviewRules { promoted_by, ..ReviewRules::new() };
        let story = tested(Experiment { review: Some(rules), ..experiment() }, AS_GOOD, 0);
        assert_eq!(story.last(), last, "{promoted_by:?}");
    }
}

#[test]
fn what_the_test_shows_outweighs_what_people_saw_before_it() {
    let story = tested(experiment(), FEWER, 8);
    assert_eq!(story.rollout.reading().unwrap().verdict, ReviewVerdict::Promote);
    assert_eq!(story.last(), "ab (expired): inconclusive");
    let Check::Sequential(look) = story.rollout.check() else { panic!("the sequential rule") };
    assert_eq!(look.of(Guardrail::ErrorRate).unwrap().verdict, Verdict::Inconclusive);
}

#[test]
fn an_owner_who_promotes_by_hand_is_told_that_the_review_backs_it() {
    let mut story = Story::new(experiment());
    story.shadow(FEWER);
    story.review_to_the_end();
    story.test(FEWER, 0);
    assert_eq!(story.last(), "ab (expired): reviewed");
    assert_eq!(story.rollout.backing(Transition::OpenFull), Backing::Passes);
}

#[test]
fn what_is_reported_late_counts_where_it_happened() {
    let mut story = Story::new(experiment());
    story.wait(20);
    for (number, hour) in [5, 20, 1].into_iter().enumerate() {
        let outcomes = ByVariant { control: answered(true), treatment: answered(false) };
        let origin = Origin { observed_at: Some(at(hour)), ..Origin::default() };
        let id = format!("nothing-{number}").parse().unwrap();
        let camera = "camera-1".parse().unwrap();
        let comparison = Comparison { id, camera, outcomes, origin };
        story.apply(&Event::Comparison(comparison)).unwrap();
    }
    let snapshot = story.rollout.snapshot();
    let review = snapshot.review.clone().unwrap();
    let blocks: Vec<u32> = review.blocks.iter().map(|(number, _)| *number).collect();
    assert_eq!(blocks, [0, 2, 10]);
    let mut happened: Vec<Timestamp> = review.queue.cards.iter().map(|card| card.at).collect();
    happened.sort_unstable();
    assert_eq!(happened, [at(1), at(5), at(20)]);
    let restored = Rollout::restore(story.rollout.definition().clone(), snapshot.clone()).unwrap();
    assert_eq!(restored.snapshot(), snapshot);
}

#[test]
fn an_id_that_comes_again_after_its_time_leaves_a_state_that_can_be_taken_up() {
    let mut story = Story::new(experiment());
    let compare = |story: &mut Story, hour: i64, happened: i64| {
        story.wait(hour);
        let outcomes = ByVariant { control: answered(true), treatment: answered(true) };
        let origin = Origin { observed_at: Some(at(happened)), ..Origin::default() };
        let (id, camera) = ("event".parse().unwrap(), "camera-1".parse().unwrap());
        let comparison = Comparison { id, camera, outcomes, origin };
        story.apply(&Event::Comparison(comparison))
    };
    // Reported six days after it happened; two days later it is forgotten, though its report is not as old.
    story.wait(200);
    compare(&mut story, 300, 156).unwrap();
    assert!(compare(&mut story, 301, 301).is_err(), "the same");
    compare(&mut story, 325, 325).unwrap();
    let label = Feedback { analysis: "event".parse().unwrap(), label: Label::Correct };
    story.apply(&Event::Feedback(label)).unwrap();
    let snapshot = story.rollout.snapshot();
    assert_eq!(snapshot.exposures.len(), 2);
    assert!(snapshot.exposures[0].label.is_none() && snapshot.exposures[1].label.is_some());
    let restored = Rollout::restore(story.rollout.definition().clone(), snapshot.clone()).unwrap();
    assert_eq!(restored.snapshot(), snapshot);
}
