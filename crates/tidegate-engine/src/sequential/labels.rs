//! Who labels whom: that people label both variants' alerts alike is an assumption, and it is checked.

use super::LookContext;
use crate::experiment::{Experiment, LabelTrust};
use crate::exposure::Window;
use crate::guardrail::Guardrail;
use crate::verdict::{Judgement, Verdict};

/// Whether one variant's alerts are labelled more readily than the other's.
fn labels_differ(judgement: &Judgement) -> bool {
    judgement.guardrail == Guardrail::LabelShare && judgement.verdict == Verdict::Alarm
}

/// Takes from false alarms the power to roll back where the labels are in doubt: where one side's alerts are labelled more
/// readily, its false alarms are too.
pub(super) fn question(experiment: &Experiment, judgements: &mut [Judgement]) {
    if experiment.trust == LabelTrust::Owner || !judgements.iter().any(labels_differ) {
        return;
    }
    for judgement in judgements {
        if judgement.guardrail == Guardrail::FpRate && judgement.verdict == Verdict::Fail {
            judgement.verdict = Verdict::Alarm;
        }
    }
}

impl LookContext<'_> {
    /// Whether the labels are in doubt, and the owner has not said that they may be taken for what they say.
    pub(super) fn labels_are_questioned(&self) -> bool {
        self.experiment.trust == LabelTrust::Checked
            && self
                .measure(&[Guardrail::LabelShare])
                .iter()
                .any(|measure| labels_differ(&self.judge(measure, &[])))
    }

    /// The part of the control's alerts that are labelled.
    pub(super) fn control_label_share(&self) -> f64 {
        let sides = match self.window {
            Window::Full => self.fleet.full_total(),
            Window::Shadow | Window::Ab | Window::Outside => &self.fleet.total().ab,
        };
        let control = &sides.control;
        control.labelled_alerts() as f64 / control.labelable().max(1) as f64
    }
}
