use proptest::prelude::*;
use tidegate_spec::EvaluationMetric;
use tidegate_spec::case::{CaseAnswer, Expected, Level, Said};

use super::*;
use crate::metric::MetricChange;

fn key(name: &str) -> PromptKey {
    name.parse().unwrap()
}

fn settings(control: &str, treatment: &str) -> Settings {
    Settings {
        control: key(control),
        treatment: key(treatment),
        metrics: EvaluationMetric::ALL.to_vec(),
        resamples: 200,
        seed: 1,
    }
}

fn answer() -> impl Strategy<Value = Option<CaseAnswer>> {
    let said = prop_oneof![
        4 => (0.0..=100.0_f64, 0..2_u8).prop_map(|(score, level)| Said::Judged {
            score,
            level: if level == 0 { Level::Low } else { Level::High },
        }),
        1 => Just(Said::Text("{\"risk_score\": 12, \"risk_level\": \"low\"}".to_owned())),
        1 => "\\PC{0,12}".prop_map(Said::Text),
        1 => Just(Said::Failed("lost".to_owned())),
    ];
    let latency = prop_oneof![1 => Just(None), 4 => (0.001..=600_000.0_f64).prop_map(Some)];
    let answer = (said, latency).prop_map(|(said, latency_ms)| CaseAnswer { said, latency_ms });
    prop_oneof![1 => Just(None), 9 => answer.prop_map(Some)]
}

/// Cases of both prompts; the first has an answer of each, so that they can be compared.
fn cases() -> impl Strategy<Value = Vec<Case>> {
    let one = (answer(), answer(), 0..8_u8);
    proptest::collection::vec(one, 1..80).prop_map(|drawn| {
        let mut cases: Vec<Case> = drawn
            .into_iter()
            .enumerate()
            .map(|(number, (a, b, scenario))| {
                let answers = [("a", a), ("b", b)].map(|(name, answer)| Some((key(name), answer?)));
                Case {
                    id: format!("case-{number}"),
                    scenario: format!("s{scenario}"),
                    note: None,
                    expected: Expected { score: 20.0..=60.0, level: Level::Low },
                    answers: answers.into_iter().flatten().collect(),
                }
            })
            .collect();
        for name in ["a", "b"] {
            let lost = CaseAnswer { said: Said::Failed("lost".to_owned()), latency_ms: None };
            cases[0].answers.entry(key(name)).or_insert(lost);
        }
        cases
    })
}

const fn mirrored(verdict: EvaluationVerdict) -> EvaluationVerdict {
    match verdict {
        EvaluationVerdict::Better => EvaluationVerdict::Worse,
        EvaluationVerdict::Worse => EvaluationVerdict::Better,
        EvaluationVerdict::Mixed
        | EvaluationVerdict::NoDifferenceShown
        | EvaluationVerdict::TooFewCases => verdict,
    }
}

fn changes(evaluation: &Evaluation) -> Vec<&MetricChange> {
    evaluation.metrics.iter().filter_map(|metric| metric.change.as_ref()).collect()
}

proptest! {
    #[test]
    fn numbers_keep_their_ranges(cases in cases()) {
        let evaluation = Evaluation::new(&cases, &settings("a", "b")).unwrap();
        for metric in &evaluation.metrics {
            prop_assert_eq!(metric.pairs.both + metric.pairs.left_out(), evaluation.cases);
            prop_assert_eq!(metric.change.is_some(), metric.pairs.both > 0);
            prop_assert!(metric.verdict != EvaluationVerdict::Mixed && !metric.reason.is_empty());
        }
        for change in changes(&evaluation) {
            prop_assert!(change.difference.is_finite());
            if let Some(interval) = change.interval {
                // The ratio of a latency loses digits where its logarithm is large.
                let slack = 1e-9 * (1.0 + change.difference.abs());
                prop_assert!(interval.low <= change.difference + slack, "{change:?}");
                prop_assert!(change.difference - slack <= interval.high, "{change:?}");
            }
            let (p, holm) = (change.p.unwrap_or(0.0), change.p_holm.unwrap_or(0.0));
            prop_assert!((0.0..=1.0).contains(&p) && p <= holm && holm <= 1.0, "{change:?}");
        }
        prop_assert_eq!(evaluation.answers.control.parsed + evaluation.answers.control.unparsed
            + evaluation.answers.control.failed + evaluation.answers.control.absent, evaluation.cases);
        prop_assert!(crate::report::html(&evaluation, "x", &["2 rejected".to_owned()]).unwrap().ends_with("</html>"));
        prop_assert!(serde_json::to_string(&evaluation).is_ok());
    }

    #[test]
    fn swapping_the_prompts_mirrors_the_evaluation(cases in cases()) {
        let one = Evaluation::new(&cases, &settings("a", "b")).unwrap();
        let other = Evaluation::new(&cases, &settings("b", "a")).unwrap();
        for (one, other) in changes(&one).into_iter().zip(changes(&other)) {
            prop_assert!((one.control - other.treatment).abs() <= 1e-12 * one.control);
            prop_assert!((one.p.unwrap_or(0.0) - other.p.unwrap_or(0.0)).abs() < 1e-12);
            if one.outcomes.is_some() {
                prop_assert!((one.difference + other.difference).abs() < 1e-15);
            } else {
                prop_assert!(((1.0 + one.difference) * (1.0 + other.difference) - 1.0).abs() < 1e-9);
            }
        }
        // Percentiles of other draws may fall on the other side of 0; where both speak, they mirror.
        let fits = one.metrics.iter().zip(&other.metrics).all(|(one, other)| {
            one.verdict == mirrored(other.verdict)
                || [one.verdict, other.verdict].contains(&EvaluationVerdict::NoDifferenceShown)
        });
        prop_assert!(fits);
        prop_assert_eq!(one.differing.len(), other.differing.len());
    }

    #[test]
    fn the_order_of_the_cases_changes_no_share(cases in cases(), turn in 0..80_usize) {
        let mut turned = cases.clone();
        turned.rotate_left(turn % cases.len());
        // Sums of logarithms differ in their last digit with the order, and Holm's p with them.
        let shares = Settings { metrics: EvaluationMetric::ALL[..3].to_vec(), ..settings("a", "b") };
        let one = Evaluation::new(&cases, &shares).unwrap();
        let other = Evaluation::new(&turned, &shares).unwrap();
        prop_assert_eq!(&one.metrics, &other.metrics);
    }
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let new = |cases: &[Case], control, treatment| {
        Evaluation::new(cases, &settings(control, treatment)).unwrap_err()
    };
    assert_eq!(new(&[], "a", "a"), EvaluateError::SamePrompt(key("a")));
    assert_eq!(new(&[], "a", "b"), EvaluateError::NoCase);
    let said = Said::Judged { score: 5.0, level: Level::Low };
    let many = (0..30)
        .map(|i| (key(&format!("p{i:02}")), CaseAnswer { said: said.clone(), latency_ms: None }));
    let case = Case {
        id: "x".to_owned(),
        scenario: "x".to_owned(),
        note: None,
        expected: Expected { score: 0.0..=9.0, level: Level::Low },
        answers: many.collect(),
    };
    let told = new(&[case], "p00", "b").to_string();
    assert!(
        told.starts_with("no case has an answer of `b`, there are answers of: p00, p01"),
        "{told}"
    );
    assert!(told.ends_with("p19, …"), "{told}");
}
