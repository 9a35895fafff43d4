//! What is allowed and yet is rarely meant.

use tidegate_engine::experiment::Experiment;

/// A percentage below this looks like a share.
const PERCENT_MIN: f64 = 1.0;

/// What should be asked about: a percentage such as 0.5 beside limits that are shares, such as 0.05, and a share of 1, which
/// is everything.
pub fn questions(experiment: &Experiment) -> Vec<String> {
    let Experiment { shadow, guardrails, promotion, .. } = experiment;
    let percents = [
        ("shadow.latency_warning_threshold_pct", shadow.latency_warning_threshold.value()),
        ("guardrails.max_latency_increase_pct", guardrails.max_latency_increase.value()),
        ("guardrails.max_alert_rate_drop_pct", guardrails.max_alert_rate_drop.value()),
        ("guardrails.max_alert_rate_rise_pct", guardrails.max_alert_rate_rise.value()),
        ("promotion.min_fp_reduction_pct", promotion.min_fp_reduction.value()),
    ];
    let shares = [
        (
            "ab.treatment_percentage",
            experiment.ab.share.value(),
            "every camera is served the treatment, and none is left to compare with",
        ),
        (
            "guardrails.max_fp_rate_increase",
            guardrails.max_fp_rate_increase.value(),
            "no rise of false alarms is too much",
        ),
        (
            "guardrails.max_error_rate_increase",
            guardrails.max_error_rate_increase.value(),
            "no rise of errors is too much",
        ),
    ];
    let whole = shares.into_iter().filter(|(_, value, _)| *value >= 1.0);
    let whole = whole.map(|(path, value, then)| {
        format!("{path} = {value} is 100 percent: {then}; if 1 percent is meant, write 0.01")
    });
    let small = percents.into_iter().filter(|(_, value)| *value > 0.0 && *value < PERCENT_MIN);
    let small = small.map(|(path, value)| {
            let meant = value * 100.0;
            format!(
                "{path} = {value} is {value} percent, as `_pct` says, where the limits in points beside it are \
                 shares; if {meant} percent is meant, write {meant}"
            )
        });
    whole.chain(small).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ExperimentFile;

    #[test]
    fn a_percentage_that_looks_like_a_share_is_asked_about() {
        let read = |more: &str| {
            let text = format!("key = \"k\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n{more}");
            questions(ExperimentFile::parse(&text).unwrap().definition.experiment())
        };
        assert_eq!(read(""), Vec::<String>::new());
        assert_eq!(read("[guardrails]\nmax_latency_increase_pct = 0\n"), Vec::<String>::new());
        let asked = read("[guardrails]\nmax_latency_increase_pct = 0.5\n");
        assert_eq!(asked.len(), 1);
        assert!(asked[0].starts_with("guardrails.max_latency_increase_pct = 0.5 is 0.5 percent"));
        assert!(asked[0].ends_with("write 50"), "{}", asked[0]);
        let asked =
            read("[ab]\ntreatment_percentage = 1\n[guardrails]\nmax_fp_rate_increase = 1\n");
        assert_eq!(asked.len(), 2, "{asked:?}");
        assert!(asked[0].ends_with("if 1 percent is meant, write 0.01"), "{}", asked[0]);
        let asked = read("[guardrails]\nmax_alert_rate_rise_pct = 0.5\n");
        assert!(asked[0].starts_with("guardrails.max_alert_rate_rise_pct = 0.5"), "{asked:?}");
    }
}
