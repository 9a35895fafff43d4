//! People who answer the cards of a review.

use std::collections::HashMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tidegate_engine::event::{Actor, Event};
use tidegate_engine::id::AnalysisId;
use tidegate_engine::observation::Comparison;
use tidegate_engine::review::{Answer, CardReply, ReviewVerdict};
use tidegate_spec::scenario::{Reviewers, Scenario};

use super::{HOUR_MS, Observer, Run};
use crate::outcome::ReviewOutcome;

/// The people of one run. They draw from a stream of their own, so that they change nothing else.
#[derive(Debug)]
pub(super) struct Sittings {
    rules: Reviewers,
    random: ChaCha8Rng,
    /// The next sitting, in milliseconds.
    pub(super) next: f64,
    /// The right answer to each event on which the prompts disagreed; none where there is no clip of it.
    truths: HashMap<AnalysisId, Option<Answer>>,
    answers: u64,
    decided_hours: Option<f64>,
}

impl Sittings {
    pub(super) fn new(scenario: &Scenario, run: u32) -> Option<Self> {
        let rules = scenario.reviewers?;
        let mut random = ChaCha8Rng::seed_from_u64(scenario.seed);
        random.set_stream((1 << 63) + u64::from(run));
        Some(Self {
            rules,
            random,
            next: rules.from_hour * HOUR_MS,
            truths: HashMap::new(),
            answers: 0,
            decided_hours: None,
        })
    }

    /// Draws what people see of an event.
    fn remember(&mut self, event: AnalysisId, truth: Answer) {
        let Reviewers { unanswered_share, unanswered_threat_share, cannot_tell_share, .. } =
            self.rules;
        let unanswered =
            if truth == Answer::Yes { unanswered_threat_share } else { unanswered_share };
        let seen = if self.random.random::<f64>() < unanswered {
            None
        } else if self.random.random::<f64>() < cannot_tell_share {
            Some(Answer::CannotTell)
        } else {
            Some(truth)
        };
        self.truths.insert(event, seen);
    }

    fn answer(&mut self, event: &AnalysisId) -> Option<Answer> {
        let errs = self.random.random::<f64>() < self.rules.error_share;
        Some(match ((*self.truths.get(event)?)?, errs) {
            (Answer::No, true) => Answer::Yes,
            (Answer::Yes, true) => Answer::No,
            (truth, _) => truth,
        })
    }
}

impl<O: Observer> Run<'_, O> {
    /// Notes what people would see of an event on which the prompts disagree.
    pub(super) fn show_to_reviewers(&mut self, comparison: &Comparison, truth: Answer) {
        let least = self.world.definition().experiment().alert_threshold;
        let alerted =
            comparison.outcomes.map(|outcome| outcome.score().is_some_and(|s| s >= least));
        if let Some(sittings) = &mut self.sittings
            && alerted.control != alerted.treatment
        {
            sittings.remember(comparison.id.clone(), truth);
        }
    }

    /// Lets everybody answer as many cards as they do in one sitting.
    pub(super) fn sit(&mut self) {
        let Some(sittings) = &mut self.sittings else { return };
        let rules = sittings.rules;
        sittings.next += rules.every_hours * HOUR_MS;
        for person in 1..=rules.people {
            let reviewer = Actor::new(&format!("reviewer-{person}")).expect("a short name");
            for _ in 0..rules.cards {
                if !self.answer_card(&reviewer) {
                    break;
                }
            }
        }
    }

    /// Whether there was a card for the reviewer.
    fn answer_card(&mut self, reviewer: &Actor) -> bool {
        if self.ending.is_some() || !self.rollout.asks_reviewers() {
            return false;
        }
        let card = self.rollout.review().and_then(|(_, window)| window.queue().next(reviewer));
        let (Some(card), Some(sittings)) = (card, &mut self.sittings) else { return false };
        let answer = sittings.answer(&card.event);
        let (event, turn, reviewer) = (card.event.clone(), card.turn(), reviewer.clone());
        sittings.answers += 1;
        let clock = self.clock;
        self.apply(clock, &Event::CardReply(CardReply { event, turn, reviewer, answer }));
        let is_decided = self
            .rollout
            .review_verdict()
            .is_some_and(|verdict| verdict.rejects() || verdict.passes());
        if let Some(sittings) = self.sittings.as_mut().filter(|_| is_decided) {
            sittings.decided_hours.get_or_insert(self.now / HOUR_MS);
        }
        true
    }

    /// What came of the review, where people were asked.
    pub(super) fn review_outcome(&self) -> Option<ReviewOutcome> {
        let sittings = self.sittings.as_ref()?;
        Some(ReviewOutcome {
            verdict: self.rollout.review_verdict().unwrap_or(ReviewVerdict::Open),
            answers: sittings.answers,
            decided_hours: sittings.decided_hours,
        })
    }
}
