//! Harm that begins late: the test's later parts, looked at apart from the time before.
//!
//! The stake of a guardrail is divided before the test: one share bets on harm over the whole test, the others on
//! harm over windows that begin within it. What they have become together is evidence as good as that of one bet,
//! since a share that waits for its window stays what it is. Only those shares count that are on harm
//! beyond the limit; leaving out the others can only lose.

use alloc::vec::Vec;

use tidegate_stats::evidence::EValue;

use super::measure::trials;
use super::{HARMS, HarmFinding, LookContext, Measure, within_cameras};
use crate::epoch::TestPart;
use crate::exposure::Window;
use crate::guardrail::Guardrail;
use crate::tally::Tally;
use crate::time::{Block, Timestamp};
use crate::variant::ByVariant;
use crate::verdict::Judgement;

/// The share of the stake on the whole test, and that on each window.
const WHOLE: f64 = 0.7;
const EACH_WINDOW: f64 = 0.1;
/// A window is looked at where the bare difference of its sums reaches this part of the limit: harm beyond the
/// limit is seldom hidden from it by the cameras' differences, and most looks need no more.
const SCREEN: f64 = 0.5;

/// A guardrail over one window of the test.
pub(super) struct Later<'a> {
    pub(super) context: LookContext<'a>,
    pub(super) measure: Measure,
}

impl<'a> LookContext<'a> {
    /// The share of the stake on this part of the test.
    fn share(&self) -> f64 {
        match self.part {
            // A shadow, a day of a release, and a test that began before windows were kept, has one bet.
            TestPart::Whole
                if self.epochs.len() == 0
                    || matches!(self.window, Window::Shadow | Window::Full) =>
            {
                1.0
            }
            TestPart::Whole => WHOLE,
            TestPart::LastThreeQuarters | TestPart::LastHalf | TestPart::LastQuarter => EACH_WINDOW,
        }
    }

    /// The share of a guardrail's stake on this part of the test; one that only warns has none to divide.
    pub(super) fn stake(&self, guardrail: Guardrail) -> f64 {
        if self.evidence_needed(guardrail).is_some() { self.share() } else { 1.0 }
    }

    /// What the windows that have begun show of the guardrails that may roll back and may have risen in them.
    pub(super) fn later(&self, now: Timestamp, guardrails: &[Guardrail]) -> Vec<Later<'a>> {
        let mut found = Vec::new();
        if matches!(self.window, Window::Shadow | Window::Full) {
            return found;
        }
        for (part, first, after) in self.epochs.windows(now) {
            // A block that began before the window belongs to the time before.
            let first = if within_cameras(self.experiment) {
                Block::at(after, self.experiment.assignment.block).0 + 1
            } else {
                first as u64
            };
            let context = Self { part, first, ..*self };
            let sums = context.sums();
            let suspects: Vec<Guardrail> = HARMS
                .into_iter()
                .filter(|guardrail| guardrails.contains(guardrail))
                .filter(|guardrail| context.may_have_risen(*guardrail, sums.as_ref()))
                .filter(|guardrail| context.may_fail(*guardrail))
                .collect();
            if suspects.is_empty() {
                continue;
            }
            for measure in context.measure(&suspects) {
                if context.may_act(&measure) {
                    found.push(Later { context, measure });
                }
            }
        }
        found
    }

    /// The whole fleet over this part of the test; of a switchback nothing is kept, and each block is read.
    fn sums(&self) -> Option<ByVariant<Tally>> {
        if within_cameras(self.experiment) {
            return None;
        }
        let mut sums = ByVariant::<Tally>::default();
        let first = usize::try_from(self.first).unwrap_or(usize::MAX);
        for epoch in self.fleet.epochs().iter().skip(first) {
            sums.control.merge(&epoch.control);
            sums.treatment.merge(&epoch.treatment);
        }
        Some(sums)
    }

    fn may_have_risen(&self, guardrail: Guardrail, sums: Option<&ByVariant<Tally>>) -> bool {
        let Some(sums) = sums else { return true };
        let Some((limit, _)) = self.limit(guardrail) else { return false };
        let counts = sums.map(|tally| trials(guardrail, tally));
        let risen = match guardrail {
            Guardrail::FpRate => sums.treatment.fp_rate() - sums.control.fp_rate(),
            Guardrail::ErrorRate => sums.treatment.error_rate() - sums.control.error_rate(),
            Guardrail::SlowRate => sums.treatment.slow_rate() - sums.control.slow_rate(),
            Guardrail::AlertRise => sums.treatment.alert_rate() - sums.control.alert_rate(),
            Guardrail::Latency => {
                let means = sums.map(|tally| tally.latency_ms_mean().unwrap_or(0.0));
                libm::log(means.treatment / means.control)
            }
            Guardrail::MissedThreatRate
            | Guardrail::AlertDrop
            | Guardrail::LabelShare
            | Guardrail::ThreatRetention => {
                return false;
            }
        };
        counts.control.min(counts.treatment) >= self.trials_needed() && risen >= SCREEN * limit
    }

    /// The judgement of a guardrail that fails, over the part of the test that says most.
    pub(super) fn failing(
        &self,
        guardrail: Guardrail,
        whole: Option<&Measure>,
        later: &[Later<'_>],
    ) -> Option<Judgement> {
        let needed = libm::log(self.evidence_needed(guardrail)?);
        let whole = whole.filter(|measure| self.may_act(measure)).map(|measure| (self, measure));
        let later = later.iter().map(|later| (&later.context, &later.measure));
        let bets: Vec<(&LookContext<'_>, &Measure, f64, EValue)> = whole
            .into_iter()
            .chain(later)
            .filter(|(_, measure)| measure.guardrail == guardrail)
            .map(|(context, measure)| (context, measure, context.share(), measure.evidence()))
            .collect();
        let evidence = EValue::of_parts(bets.iter().map(|(_, _, share, e)| (*share, *e)));
        let most = |(_, _, share, e): &(&LookContext<'_>, &Measure, f64, EValue)| {
            e.ln() + libm::log(*share)
        };
        let (context, measure, ..) =
            bets.iter().max_by(|one, other| most(one).total_cmp(&most(other)))?;
        (evidence.ln() >= needed).then(|| context.judgement(measure, evidence, HarmFinding::Fails))
    }

    /// The judgement of a guardrail, whatever it says.
    pub(super) fn judge(&self, measure: &Measure, later: &[Later<'_>]) -> Judgement {
        if let Some(failing) = self.failing(measure.guardrail, Some(measure), later) {
            return failing;
        }
        let windows = later.iter().filter(|later| later.measure.guardrail == measure.guardrail);
        let windows = windows.map(|later| (later.context.share(), later.measure.evidence()));
        // A guardrail that only warns has no stake to divide.
        let own =
            if self.evidence_needed(measure.guardrail).is_some() { self.share() } else { 1.0 };
        let parts = core::iter::once((own, measure.evidence())).chain(windows);
        self.judgement(measure, EValue::of_parts(parts), HarmFinding::Else)
    }
}

const _: () = assert!(WHOLE + 3.0 * EACH_WINDOW <= 1.0 + 1e-12);
