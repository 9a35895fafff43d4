//! The review of a rollout: what people are asked in shadow, and what their answers decide.

use alloc::boxed::Box;
use alloc::vec::Vec;

use tidegate_stats::review::{Direction, Review, ReviewVerdict};

use super::Rollout;
use crate::decision::{Cause, Decision};
use crate::event::Rejection;
use crate::experiment::Watch;
use crate::exposure::{Exposure, Window};
use crate::id::AnalysisId;
use crate::observation::{Comparison, Label};
use crate::phase::{Condition, Phase, State, Transition};
use crate::review::window::BLOCKS_A_DAY;
use crate::review::{
    Answer, CardReply, Missing, PromotedBy, Reading, Requirement, ReviewGate, ReviewProgress,
    ReviewRules, ReviewWindow, Span, Standings,
};
use crate::time::Timestamp;

/// Bounds at this level hold on both sides with 95 %.
const BOUNDS_LEVEL: f64 = 40.0;
/// The chance below Student's t of the allowance for other days, where the treatment passes.
const PASSING: f64 = 0.955;

impl Rollout {
    /// The review with its rules; `None` where the definition has none.
    pub fn review(&self) -> Option<(&ReviewRules, &ReviewWindow)> {
        self.definition.experiment().review.as_ref().zip(self.review.as_deref())
    }

    /// Whether people are still to be asked: in shadow, and in the test after it while answers may prove what the gate
    /// did not need.
    pub fn asks_reviewers(&self) -> bool {
        self.takes_answers()
            && (self.lifecycle.state.phase == Phase::Shadow
                || self.review_verdict().is_none_or(|verdict| !self.is_enough(verdict)))
    }

    /// What the answers say, once the window is closed; [`Self::reading`] has the numbers.
    pub fn review_verdict(&self) -> Option<ReviewVerdict> {
        let (rules, window) = self.review()?;
        window.findings(rules).map(|findings| findings.verdict)
    }

    /// Whether further answers would change nothing: of a treatment that is harmless the test asks for proof.
    fn is_enough(&self, verdict: ReviewVerdict) -> bool {
        match verdict {
            ReviewVerdict::Pass => {
                let promoted_by = self.review().map(|(rules, _)| rules.promoted_by);
                self.lifecycle.state.phase == Phase::Shadow
                    || promoted_by != Some(PromotedBy::Proved)
            }
            ReviewVerdict::Open | ReviewVerdict::Alarm => false,
            ReviewVerdict::Promote
            | ReviewVerdict::RejectFalseAlarms
            | ReviewVerdict::RejectMissed => true,
        }
    }

    const fn takes_answers(&self) -> bool {
        matches!(self.lifecycle.state.phase, Phase::Shadow | Phase::Ab)
    }

    pub(super) fn absorb_reply(
        &mut self,
        at: Timestamp,
        reply: &CardReply,
    ) -> Result<(), Rejection> {
        self.check_no_deadline(at)?;
        let takes_answers = self.takes_answers();
        let review = self.review.as_mut().ok_or(Rejection::NoReview)?;
        if !takes_answers {
            return Err(Rejection::ReviewOver);
        }
        review.queue.answer(at, reply)?;
        Ok(())
    }

    /// Counts a comparison of the shadow where it happened: what a site reports after an outage of its line are events of many
    /// hours, and not one burst.
    pub(super) fn add_to_review(&mut self, at: Timestamp, comparison: &Comparison) {
        let least = self.definition.experiment().alert_threshold;
        if let (Some(review), Some(start)) = (&mut self.review, self.lifecycle.started_at) {
            let alerted =
                comparison.outcomes.map(|outcome| outcome.score().is_some_and(|s| s >= least));
            review.add(start, at, comparison, alerted);
        }
    }

    /// Lets a label fill the card of its event, if it is one.
    pub(super) fn fill_card(&mut self, exposure: &Exposure, event: &AnalysisId, label: Label) {
        if exposure.window == Window::Shadow
            && self.takes_answers()
            && let Some(review) = &mut self.review
        {
            let answer = match label {
                Label::FalsePositive => Answer::No,
                Label::Correct | Label::MissedThreat | Label::SeverityWrong => Answer::Yes,
            };
            review.queue.label(event, answer);
        }
    }

    /// Closes the window once the shadow has lasted its time.
    pub(super) fn close_review(&mut self) {
        let lifecycle = &self.lifecycle;
        let is_over = lifecycle.state.phase == Phase::Shadow
            && lifecycle.state.condition != Condition::Paused
            && lifecycle.phase_ends.is_some_and(|ends| ends <= lifecycle.now);
        if is_over && let Some(review) = &mut self.review {
            review.queue.close();
        }
    }

    /// Closes the window where the shadow ends before its time.
    pub(super) fn end_review_with_shadow(&mut self, to: State) {
        if self.lifecycle.state.phase == Phase::Shadow
            && to.phase != Phase::Shadow
            && let Some(review) = &mut self.review
        {
            review.queue.close();
        }
    }

    /// Rolls back what the answers reject.
    pub(super) fn look_at_review(&mut self, decisions: &mut Vec<Decision>) {
        if self.takes_answers()
            && self.definition.experiment().guardrails.watch == Watch::On
            && self.review_gate() == ReviewGate::Blocks
            && let Some(reading) = self.reading().filter(|reading| reading.verdict.rejects())
        {
            let cause = Cause::Reviewed(Box::new(reading));
            decisions.push(self.decide(Transition::RollBack, cause));
        }
    }

    /// Why the gate opens.
    pub(super) fn gate_cause(&self) -> Cause {
        match self.reading() {
            Some(reading) if reading.passes() => Cause::Reviewed(Box::new(reading)),
            Some(_) | None => Cause::GatePassed,
        }
    }

    pub(super) fn review_gate(&self) -> ReviewGate {
        let Some((rules, window)) = self.review() else { return ReviewGate::Silent };
        match window.findings(rules).map(|findings| findings.verdict) {
            Some(ReviewVerdict::Promote | ReviewVerdict::Pass) => ReviewGate::Passes,
            Some(
                ReviewVerdict::Alarm
                | ReviewVerdict::RejectFalseAlarms
                | ReviewVerdict::RejectMissed,
            ) => ReviewGate::Blocks,
            Some(ReviewVerdict::Open) | None => match rules.requirement {
                Requirement::Required => ReviewGate::Blocks,
                Requirement::Optional => ReviewGate::Silent,
            },
        }
    }

    /// What the answers say, once the window is closed.
    pub fn reading(&self) -> Option<Reading> {
        let (rules, window) = self.review()?;
        if !window.queue.is_closed() {
            return None;
        }
        let review = window.review(rules).ok()?;
        let drawn = window.queue.drawn();
        let findings = review.judge(&drawn).ok()?;
        let events = window.queue.events().ok()?;
        let camera_days = self.camera_days(window);
        let bounds = review.bounds(&drawn, BOUNDS_LEVEL).ok()?;
        let span = |added: i64| {
            let (bounds, delta) = (bounds?, findings.delta?);
            let a_day = |change: f64| change / camera_days;
            let of = |delta: i64| a_day(delta.saturating_add(added) as f64);
            let estimate = a_day(delta + added as f64);
            Some(Span { estimate, least: of(bounds.least), greatest: of(bounds.greatest) })
        };
        let answered = drawn.iter().filter(|card| card.answer.is_some()).count() as u64;
        Some(Reading {
            verdict: findings.verdict,
            evidence: findings.evidence,
            events,
            alerts: review.spread().alerts(),
            answered,
            unanswered: drawn.len() as u64 - answered,
            camera_days,
            false_alarms: span(events.change()),
            missed_threats: span(0),
        })
    }

    fn camera_days(&self, window: &ReviewWindow) -> f64 {
        let compared = self.fleet.shadow().filter(|shadow| shadow.pairs.comparisons() > 0).count();
        (compared as f64 * window.blocks() as f64 / BLOCKS_A_DAY).max(1.0 / BLOCKS_A_DAY)
    }

    /// How far the review is; `None` where the definition has none.
    pub fn review_progress(&self) -> Option<ReviewProgress> {
        let (rules, window) = self.review()?;
        let Standings { settled, waiting, unanswered } = window.standings(rules);
        let reading = self.reading();
        let missing = self.missing(rules, window, reading.as_ref(), waiting);
        Some(ReviewProgress {
            lost: window.queue.count(Direction::Lost),
            gained: window.queue.count(Direction::Gained),
            left_out_from: window.queue.left_out_from(),
            cards: settled + waiting + unanswered,
            settled,
            waiting,
            unanswered,
            reading,
            missing,
        })
    }

    fn missing(
        &self,
        rules: &ReviewRules,
        window: &ReviewWindow,
        reading: Option<&Reading>,
        waiting: u64,
    ) -> Option<Missing> {
        let phase = self.lifecycle.state.phase;
        if !self.takes_answers() {
            return None;
        }
        if !window.queue.is_closed() {
            return Some(Missing::Window);
        }
        let Some(reading) = reading else { return Some(Missing::Traffic) };
        if self.is_enough(reading.verdict) {
            None
        } else if waiting > 0 {
            Some(Missing::Cards(waiting))
        } else if reading.unanswered * 10 > (reading.answered + reading.unanswered) * 3 {
            Some(Missing::Answers)
        } else if phase == Phase::Ab {
            // Its shadow gets no longer; the test decides.
            None
        } else {
            let review = window.review(rules).ok()?;
            Some(further_days(rules, &review, reading, window.blocks()))
        }
    }
}

/// How much longer a shadow would show what this one could not: counts grow with its length, the spread with the root
/// of it. The nearest verdict is the one whose limit the estimate is farthest from.
fn further_days(rules: &ReviewRules, review: &Review, reading: &Reading, blocks: usize) -> Missing {
    let alerts = reading.alerts as f64;
    let rise = reading.false_alarms.map_or(0.0, |span| span.estimate * reading.camera_days);
    let apart = [
        -rise - rules.benefit.value() * alerts,
        rules.max_false_alarm_increase.value() * alerts - rise,
        rise,
    ];
    let farthest = apart.into_iter().fold(0.0, f64::max);
    let allowance = review.spread().allowance(PASSING).unwrap_or(f64::INFINITY);
    let times = (allowance / farthest) * (allowance / farthest);
    if times <= 1.0 {
        return Missing::Budget;
    }
    let days = (times - 1.0) * blocks as f64 / BLOCKS_A_DAY;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let days = libm::ceil(days) as u64;
    Missing::Days(days.max(1))
}
