//! The present run of an experiment: told events, it gives the entries that they leave.

use std::borrow::Cow;

use tidegate_engine::Rollout;
use tidegate_engine::decision::Decision;
use tidegate_engine::event::{Event, Rejection};
use tidegate_engine::id::ExperimentKey;
use tidegate_engine::look::Check;
use tidegate_engine::notice::{Notice, Noticed};
use tidegate_engine::phase::Phase;
use tidegate_engine::series::{Occasion, Series};
use tidegate_engine::time::Timestamp;
use tidegate_journal::{Entry, RolloutId};
use tidegate_spec::api::{DEFINED, DELETED, HistoryItem, What, WhatIsNoted};

use super::changed::{Changed, Decided, Telling, Unit};
use super::predecessor::Predecessor;
use super::review_told::ReviewTold;
use crate::prompts::{Followed, InPlay, ProductionMove, Prompts};

/// The present run of an experiment, and the account of all its runs.
#[derive(Debug)]
pub(crate) struct RunningExperiment {
    pub(crate) id: RolloutId,
    pub(crate) key: ExperimentKey,
    /// From 1.
    pub(crate) number: u32,
    /// The experiment file in TOML.
    pub(crate) text: String,
    pub(crate) rollout: Rollout,
    /// The versions it is about, where it names a prompt that is kept here.
    pub(crate) in_play: Option<InPlay>,
    /// The ended run that served when it was defined, if there was one.
    pub(super) predecessor: Option<Predecessor>,
    /// What was told of it already.
    pub(crate) noticed: Noticed,
    /// What its guardrails said over time.
    pub(crate) series: Series,
    /// Every step of this and of former runs as JSON, oldest first.
    pub(crate) history: Vec<String>,
}

impl RunningExperiment {
    /// How often the experiment was defined or took a step.
    pub(crate) fn revision(&self) -> u64 {
        self.history.len() as u64
    }

    /// The last step of this run, if it took one.
    pub(crate) fn last_step(&self) -> Option<HistoryItem> {
        let items = self.history.iter().rev();
        let mut items = items.map_while(|item| serde_json::from_str::<HistoryItem>(item).ok());
        items
            .find(|item| ![DEFINED, DELETED].contains(&item.cause.as_str()))
            .filter(|item| item.run == self.number)
    }

    /// The ended run that cameras are served until this one is started, if there is one.
    pub(crate) fn serving_predecessor(&self) -> Option<&Predecessor> {
        let started = self.rollout.lifecycle().started_at.is_some();
        self.predecessor.as_ref().filter(|_| !started)
    }

    /// Meets every deadline up to `at`, each at its own time, so that a daemon that was down decides as one
    /// that was not.
    pub(super) fn meet_deadlines(
        &mut self,
        at: Timestamp,
        prompts: &mut Prompts,
        changed: &mut Changed,
    ) {
        while let Some((deadline, _)) = self.rollout.next_deadline().filter(|(due, _)| *due <= at) {
            // A tick at a deadline is never refused; if it were, time would stand still and not loop.
            if self.apply(deadline, Event::Tick, prompts, changed).is_err() {
                break;
            }
        }
    }

    pub(super) fn apply(
        &mut self,
        at: Timestamp,
        event: Event,
        prompts: &mut Prompts,
        changed: &mut Changed,
    ) -> Result<(), Rejection> {
        let before = self.rollout.lifecycle().state.phase;
        let review = ReviewTold::of(&self.rollout, &event);
        let decisions = self.rollout.apply(at, &event)?;
        let review = review.zip(ReviewTold::of(&self.rollout, &event));
        let rollout = self.id;
        let mut unit = Unit { entries: vec![Entry::Event { rollout, at, event }], telling: vec![] };
        self.notice(at, before, &decisions, &mut unit);
        if let Some((before, after)) = review {
            self.notice_review(at, before, after, &mut unit);
        }
        for decision in decisions {
            self.noticed.step(decision.transition);
            let mut item = HistoryItem::new(self.number, &decision);
            if item.action.is_some() {
                item.accepted =
                    changed.accepted.take().map(|accepted| accepted.as_str().to_owned());
            }
            let mut moved = Vec::new();
            if let Some(in_play) = &self.in_play {
                let reaches_all = self.rollout.definition().reaches_all();
                let followed =
                    prompts.follow(&self.key, self.number, in_play, reaches_all, &decision);
                let sentence = followed.as_ref().map(|followed| followed.sentence.clone());
                item.prompt = Some(in_play.shown(sentence));
                if let Some(Followed { outcome: ProductionMove::Moved(changes), .. }) = &followed {
                    moved = Entry::changes(changes);
                }
                changed.followed.extend(followed.map(|followed| (self.key.clone(), followed)));
            }
            // A value with text keys only and finite numbers or none is always JSON.
            let account = serde_json::to_string(&item).unwrap_or_default();
            self.history.push(account.clone());
            let step = decision.step();
            let entry = Entry::Decided { rollout, step, account };
            self.tell(step.at, entry, What::PhaseChanged(item.clone().into()), &mut unit);
            // In the same unit: a crash leaves the decision and where `production` went, or neither.
            unit.entries.extend(moved);
            changed.items.push(item);
            changed.decisions.push(Decided { experiment: self.key.clone(), decision });
        }
        changed.units.push(unit);
        Ok(())
    }

    /// Adds an entry of which subscribers are told.
    pub(super) fn tell(&self, at: Timestamp, entry: Entry, what: What, unit: &mut Unit) {
        let (place, experiment) = (unit.entries.len(), self.key.clone());
        unit.telling.push(Telling { place, at, experiment, run: self.number, what });
        unit.entries.push(entry);
    }

    /// Adds what is worth telling of an event at a time, in the phase before it.
    fn notice(&mut self, at: Timestamp, before: Phase, decisions: &[Decision], unit: &mut Unit) {
        if !before.is_under_way() {
            return;
        }
        let has_verdicts = self.has_verdicts();
        // A decision rests on the look before it was carried out.
        let evidence = match decisions.first() {
            Some(decision) => Some(Cow::Borrowed(&decision.evidence)),
            None if has_verdicts || self.is_average_due(at, before) => {
                Some(Cow::Owned(self.rollout.evidence()))
            }
            None => None,
        };
        if let Some(evidence) = evidence {
            if has_verdicts {
                self.notice_look(at, &evidence.check, unit);
            }
            let occasion = if decisions.is_empty() { Occasion::Look } else { Occasion::Step };
            self.chart(at, before, occasion, &evidence, unit);
        }
        for decision in decisions.iter().skip(1) {
            self.chart(at, decision.from.phase, Occasion::Step, &decision.evidence, unit);
        }
        let (phase, pairs) = (self.rollout.lifecycle().state.phase, &self.rollout.sums().pairs);
        if let Some(notice) = self.noticed.warnings(at, phase, pairs.latency_warnings) {
            self.note(at, notice, self.is_noted(), unit);
        }
    }

    fn notice_look(&mut self, at: Timestamp, check: &Check, unit: &mut Unit) {
        for notice in self.noticed.look(check) {
            self.note(at, notice, WhatIsNoted { check: Some(check), ..self.is_noted() }, unit);
        }
    }

    fn notice_review(
        &mut self,
        at: Timestamp,
        before: ReviewTold,
        after: ReviewTold,
        unit: &mut Unit,
    ) {
        for notice in before.notices(after, &self.rollout) {
            let reading = self.rollout.reading();
            let of = WhatIsNoted { reading: reading.as_ref(), ..self.is_noted() };
            self.note(at, notice, of, unit);
        }
    }

    /// Tells what is wrong with what is heard, and what is so no longer.
    pub(super) fn notice_symptoms(&mut self, at: Timestamp, changed: &mut Changed) {
        let symptoms = self.rollout.symptoms(at);
        let mut unit = Unit::default();
        for notice in self.noticed.symptoms(&symptoms) {
            self.note(
                at,
                notice,
                WhatIsNoted { symptoms: &symptoms, ..self.is_noted() },
                &mut unit,
            );
        }
        if !unit.entries.is_empty() {
            changed.units.push(unit);
        }
    }

    /// What a notice of this run rests on, but for what was looked at.
    fn is_noted(&self) -> WhatIsNoted<'static> {
        WhatIsNoted {
            check: None,
            comparisons: self.rollout.sums().pairs.comparisons(),
            threshold: self.rollout.definition().experiment().shadow.latency_warning_threshold,
            symptoms: &[],
            reading: None,
        }
    }

    fn note(&mut self, at: Timestamp, notice: Notice, of: WhatIsNoted<'_>, unit: &mut Unit) {
        let what = What::noted(&notice, of);
        self.noticed.note(at, &notice);
        // As an account of a step: always JSON.
        let account = serde_json::to_string(&what).unwrap_or_default();
        let entry = Entry::Noted { rollout: self.id, at, notice, account };
        self.tell(at, entry, what, unit);
    }
}
