//! The experiments that ship.

use tidegate_engine::experiment::{Definition, Experiment};
use tidegate_engine::number::Share;

use crate::experiment::names::METRICS;
use crate::experiment::{EvaluationSettings, ExperimentFile};

/// A ready experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// The calibrated prompt against the original: 50/50 for 48 hours.
    Production,
    /// The rubric prompt against the calibrated one: 10 % of the cameras.
    RubricVsCurrent,
    /// The reasoning prompt against the calibrated one: 10 % of the cameras.
    CotVsCurrent,
}

impl Preset {
    /// Every preset with its name.
    pub const ALL: [(&'static str, Self); 3] = [
        ("production", Self::Production),
        ("rubric_vs_current", Self::RubricVsCurrent),
        ("cot_vs_current", Self::CotVsCurrent),
    ];

    /// The experiment.
    pub fn file(self) -> ExperimentFile {
        match self {
            Self::Production => {
                let (control, treatment) = ("v1_original", "v2_calibrated");
                ExperimentFile {
                    definition: define(experiment("nemotron_prompt_v2", control, treatment)),
                    evaluation: None,
                }
            }
            Self::RubricVsCurrent => tenth("rubric_vs_current", "rubric_enhanced"),
            Self::CotVsCurrent => tenth("cot_vs_current", "reasoning_enabled"),
        }
    }
}

fn tenth(key: &str, treatment: &str) -> ExperimentFile {
    let mut experiment = experiment(key, "calibrated_system", treatment);
    experiment.ab.share = Share::new(0.1).expect("a tenth is a share");
    let evaluation = EvaluationSettings {
        dataset: "data/synthetic".to_owned(),
        metrics: METRICS.map(|(_, metric)| metric).to_vec(),
    };
    ExperimentFile { definition: define(experiment), evaluation: Some(evaluation) }
}

fn experiment(key: &str, control: &str, treatment: &str) -> Experiment {
    let valid = "a preset's names are valid";
    Experiment::new(
        key.parse().expect(valid),
        control.parse().expect(valid),
        treatment.parse().expect(valid),
    )
}

fn define(experiment: Experiment) -> Definition {
    Definition::new(experiment).expect("a preset's settings agree")
}
