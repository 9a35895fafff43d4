//! One evaluation of the data so far.

use alloc::vec::Vec;

use crate::assignment::SplitMethod;
use crate::experiment::{Experiment, Rule};
use crate::exposure::Window;
use crate::fleet::{BlockSums, Fleet};
use crate::guardrail::Guardrail;
use crate::number::Share;
use crate::review::ReviewGate;
use crate::sequential::{self, LookedAt};
use crate::split_check::SplitCheck;
use crate::tally::Tally;
use crate::threshold;
use crate::time::Timestamp;
use crate::variant::{ByVariant, Variant};
use crate::verdict::{Judgement, Verdict};

/// What the experiment's rule says of the data so far.
#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    /// The bare comparison of averages.
    Threshold(threshold::ThresholdCheck),
    /// The camera-aware, sequential rule.
    Sequential(Look),
}

/// All judgements of one look.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// One for each guardrail that is watched in this phase.
    pub judgements: Vec<Judgement>,
    /// Whether the cameras are split as planned; nothing is split in shadow.
    pub split: Option<SplitCheck>,
}

impl Look {
    /// The judgement of one guardrail.
    pub fn of(&self, guardrail: Guardrail) -> Option<&Judgement> {
        self.judgements.iter().find(|judgement| judgement.guardrail == guardrail)
    }

    /// The worst judgement; the first of equals.
    pub fn worst(&self) -> Option<&Judgement> {
        self.judgements.iter().rev().max_by_key(|judgement| judgement.verdict)
    }

    /// Whether a shadow may be left: errors and latency pass, and alerts where answers have scores, the treatment
    /// alerts on 95 % of the threats that people confirmed, and nothing alarms.
    ///
    /// Where a review passes, people have seen that what alerts less misses no more: then a fall of alerts is none.
    pub(crate) fn opens_gate(&self, review: ReviewGate) -> bool {
        let passes = |guardrail| self.of(guardrail).is_some_and(|j| j.verdict == Verdict::Pass);
        // Threats that people confirmed may be few; while they are, what was seen of them decides.
        let retained = self.of(Guardrail::ThreatRetention).and_then(|judgement| {
            judgement.change.map(|change| change.estimate <= judgement.limit)
        });
        let floods = self.of(Guardrail::AlertRise).is_some_and(|judgement| {
            judgement.verdict != Verdict::Pass
                && judgement.trials.treatment >= judgement.trials_needed
        });
        passes(Guardrail::ErrorRate)
            && passes(Guardrail::Latency)
            && !floods
            && retained.unwrap_or(true)
            && !self.judgements.iter().any(|judgement| {
                let was_seen =
                    review == ReviewGate::Passes && judgement.guardrail == Guardrail::AlertDrop;
                judgement.verdict >= Verdict::Alarm && !was_seen
            })
    }

    /// Whether any guardrail says at least `verdict`.
    pub fn any(&self, verdict: Verdict) -> bool {
        self.judgements.iter().any(|judgement| judgement.verdict >= verdict)
    }
}

/// Looks at the sums of a window under the experiment's rule.
pub(crate) fn check(
    fleet: &Fleet,
    experiment: &Experiment,
    at: LookedAt<'_>,
    share: Share,
) -> Check {
    let window = at.window;
    match experiment.guardrails.rule {
        Rule::Threshold => {
            let total = fleet.total();
            let (sides, samples) = match window {
                Window::Shadow => (&total.pairs.sides, total.pairs.sides.map(|side| side.analyses)),
                Window::Ab | Window::Outside | Window::Full => {
                    (&total.ab, total.ab.map(Tally::feedback))
                }
            };
            let sides = ByVariant { control: &sides.control, treatment: &sides.treatment };
            Check::Threshold(threshold::check(&experiment.guardrails, sides, samples))
        }
        Rule::Sequential => Check::Sequential(Look {
            judgements: sequential::judge(fleet, experiment, at),
            split: match window {
                Window::Shadow | Window::Full => None,
                Window::Ab | Window::Outside => {
                    let (units, crossed) = units(fleet, experiment, at.epochs.last_step());
                    SplitCheck::new(units, crossed, share)
                }
            },
        }),
    }
}

/// An analysis in this many may be of the other variant: it was under way when the test began.
const STRAY_ONE_IN: u64 = 10;

/// Cameras by variant, or blocks where the split is a switchback, and the cameras that crossed: without a
/// ramp nothing moves a camera, so one with both variants was not assigned by its hash. A camera counts
/// where most of its analyses are. On a ramp those count that reported since its last step, which began with
/// the stretch `since`: of the others nobody knows whether they were moved.
fn units(fleet: &Fleet, experiment: &Experiment, since: Option<usize>) -> (ByVariant<u64>, u64) {
    let steps = experiment.ab.steps.len();
    let by_block = experiment.assignment.method == SplitMethod::Switchback;
    let (mut units, mut crossed) = (ByVariant::default(), 0);
    let mut blocks = fleet.ab_blocks();
    for (tallies, _) in fleet.ab() {
        let parts = blocks.next().map_or(&[][..], |(parts, _)| parts);
        let in_blocks = if by_block { parts } else { &[] };
        if in_blocks.is_empty() {
            let (control, treatment) = match since.filter(|_| steps > 0) {
                Some(first) => analyses_since(parts, first),
                None => (tallies.control.analyses, tallies.treatment.analyses),
            };
            let (fewer, all) = (control.min(treatment), control + treatment);
            crossed += u64::from(steps == 0 && fewer * STRAY_ONE_IN > all);
            let mostly_control = if steps == 0 { control > treatment } else { treatment == 0 };
            match (all, mostly_control) {
                (0, _) => {}
                (_, true) => units.control += 1,
                (_, false) => units.treatment += 1,
            }
        }
        for sums in in_blocks {
            match sums.variant {
                Variant::Control => units.control += 1,
                Variant::Treatment => units.treatment += 1,
            }
        }
    }
    (units, crossed)
}

/// Analyses of the control and of the treatment from a stretch of the test on.
fn analyses_since(stretches: &[BlockSums], first: usize) -> (u64, u64) {
    let since = stretches.iter().rev().take_while(|sums| sums.block.0 >= first as u64);
    since.fold((0, 0), |(control, treatment), sums| match sums.variant {
        Variant::Control => (control + sums.tally.analyses, treatment),
        Variant::Treatment => (control, treatment + sums.tally.analyses),
    })
}

/// Ten minutes: a quiet fleet is looked at this often while anything comes in.
const PERIOD_MS: i64 = 10 * 60 * 1_000;
/// A look comes with every 64th part more data.
const GROWTH: u64 = 64;
/// Cameras for each observation between two looks: a look costs a pass over the cameras.
const CAMERAS_PER_OBSERVATION: u64 = 2;

/// Whether a look is due after an observation, the `count`th of the rollout.
///
/// It is due with the first observation of every ten minutes, and after each stretch of observations
/// that is a power of two: at least a 64th of all so far, and at least one for every second camera, so
/// that looks cost a bounded time for each observation. This depends on the observations alone, so that a
/// journal replays to the same looks.
pub(crate) fn is_due(count: u64, cameras: u64, before: Timestamp, now: Timestamp) -> bool {
    let stretch = (count / GROWTH).max(cameras / CAMERAS_PER_OBSERVATION).max(1);
    let stretch = stretch.checked_next_power_of_two().unwrap_or(stretch);
    // The remainder by a power of two, without a division.
    count & (stretch - 1) == 0 || before.ms() / PERIOD_MS != now.ms() / PERIOD_MS
}
