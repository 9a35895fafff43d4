//! Who labels whom: that people label both variants' alerts alike is an assumption, and it is checked.

use alloc::vec::Vec;

use tidegate_stats::student::Estimate;

use super::parts::Later;
use super::{LookContext, Measure};
use crate::experiment::LabelTrust;
use crate::exposure::Window;
use crate::guardrail::Guardrail;
use crate::tally::Tally;
use crate::variant::ByVariant;
use crate::verdict::{Judgement, Verdict};

/// Whether one variant's alerts are labelled more readily than the other's.
fn labels_differ(judgement: &Judgement) -> bool {
    judgement.guardrail == Guardrail::LabelShare && judgement.verdict == Verdict::Alarm
}

impl LookContext<'_> {
    /// Takes from false alarms the power to roll back where the labels are in doubt: where one side's alerts are
    /// labelled more readily, its false alarms are too.
    pub(super) fn question(
        &self,
        measures: &[Measure],
        later: &[Later<'_>],
        judgements: &mut [Judgement],
    ) {
        let is_failing = |judgement: &Judgement| {
            judgement.guardrail == Guardrail::FpRate && judgement.verdict == Verdict::Fail
        };
        if self.experiment.trust == LabelTrust::Owner || !judgements.iter().any(is_failing) {
            return;
        }
        let fp_rate = measures.iter().find(|measure| measure.guardrail == Guardrail::FpRate);
        let questioned =
            judgements.iter().any(labels_differ) || self.labels_may_explain(fp_rate, later);
        if !questioned {
            return;
        }
        for judgement in judgements {
            // What the labels may explain is a question about them, and said to be one.
            if matches!(judgement.guardrail, Guardrail::FpRate | Guardrail::LabelShare) {
                judgement.verdict = Verdict::Alarm;
            }
        }
    }

    /// Whether the labels are in doubt, and the owner has not said that they may be taken for what they say.
    pub(super) fn labels_are_questioned(
        &self,
        fp_rate: Option<&Measure>,
        later: &[Later<'_>],
    ) -> bool {
        self.experiment.trust == LabelTrust::Checked
            && (self.labels_may_explain(fp_rate, later)
                || self
                    .measure(&[Guardrail::LabelShare])
                    .iter()
                    .any(|measure| labels_differ(&self.judge(measure, &[]))))
    }

    /// Whether false alarms that fail would not, were the labels that the treatment's alerts have beyond the control's share
    /// all on false alarms, which people may have reported more readily.
    fn labels_may_explain(&self, fp_rate: Option<&Measure>, later: &[Later<'_>]) -> bool {
        let whole = fp_rate.map(|measure| self.discounted(measure));
        let later: Vec<Later<'_>> = later
            .iter()
            .filter(|later| later.measure.guardrail == Guardrail::FpRate)
            .map(|later| Later {
                context: later.context,
                measure: later.context.discounted(&later.measure),
            })
            .collect();
        self.failing(Guardrail::FpRate, whole.as_ref(), &later).is_none()
    }

    /// False alarms without those that the treatment's surplus of labels may be.
    fn discounted(&self, fp_rate: &Measure) -> Measure {
        let surplus = self.surplus_of_labels();
        let right = 1.0 - self.sides().treatment.fp_rate();
        let discount =
            |estimate: Estimate| Estimate { value: estimate.value - surplus * right, ..estimate };
        Measure { estimate: fp_rate.estimate.map(discount), ..*fp_rate }
    }

    /// By which part more of the treatment's alerts are labelled than of the control's, beyond half a standard error: a
    /// whole one leaves more of the surplus in than the limit allows (ADR 0023), none takes what is chance for a surplus.
    fn surplus_of_labels(&self) -> f64 {
        let measures = self.measure_signed(&[Guardrail::LabelShare]);
        let Some(more) = measures.first().and_then(|measure| measure.estimate) else { return 0.0 };
        let surplus =
            (more.value - 0.5 * libm::sqrt(more.variance)) / label_share(&self.sides().control);
        if surplus.is_finite() { surplus.max(0.0) } else { 0.0 }
    }

    /// The part of the control's alerts that are labelled.
    pub(super) fn control_label_share(&self) -> f64 {
        let sides = match self.window {
            Window::Full => self.fleet.full_total(),
            Window::Shadow | Window::Ab | Window::Outside => &self.fleet.total().ab,
        };
        label_share(&sides.control)
    }

    /// The whole fleet in the part of the test that is looked at.
    fn sides(&self) -> ByVariant<Tally> {
        let mut sides = ByVariant::<Tally>::default();
        self.each_camera(|tallies, _| {
            sides.control.merge(&tallies.control);
            sides.treatment.merge(&tallies.treatment);
            Some(())
        });
        sides
    }
}

fn label_share(tally: &Tally) -> f64 {
    tally.labelled_alerts() as f64 / tally.labelable().max(1) as f64
}
