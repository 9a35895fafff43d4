//! The textbook tests: shares, sample ratios, means, ratios, CUPED and sample sizes.

use tidegate_stats::cuped::{BeforeAndDuring, Cuped, JointMoments};
use tidegate_stats::moments::Moments;
use tidegate_stats::proportion::{Interval, Proportion};
use tidegate_stats::ratio::{self, Cluster, RatioOfSums};
use tidegate_stats::sample_ratio::{Group, SampleRatio};
use tidegate_stats::sample_size::{SampleSizePlan, cohen_h};
use tidegate_stats::welch::Welch;

use super::{Case, for_each_case};

fn sample_ratio(case: &Case) -> SampleRatio {
    let (counts, weights) = (case.integers("counts"), case.numbers("weights"));
    assert_eq!(counts.len(), weights.len());
    let groups: Vec<Group> =
        counts.iter().zip(weights).map(|(&count, weight)| Group { count, weight }).collect();
    SampleRatio::new(&groups).unwrap()
}

#[test]
fn sample_ratio_mismatch() {
    for_each_case("srm", |case| {
        let ratio = sample_ratio(case);
        case.expect("chi2", ratio.chi_square());
        case.expect("p", ratio.p_value());
        if let Some(p) = ratio.exact_p_value() {
            case.expect("binom_exact_p", p);
        }
    });
}

#[test]
fn sequential_sample_ratio_mismatch() {
    for_each_case("srm_sequential", |case| {
        let ln_e = sample_ratio(case).ln_e(case.number("concentration")).unwrap();
        case.expect("log_e", ln_e);
    });
}

#[test]
fn intervals_of_proportions() {
    for_each_case("proportion_ci", |case| {
        let share = Proportion::new(case.integer("x"), case.integer("n")).unwrap();
        let alpha = case.number("alpha");
        let expect = |name, interval: Interval| {
            case.expect_numbers(name, &[interval.low, interval.high]);
        };
        expect("wilson", share.wilson(alpha).unwrap());
        expect("beta", share.clopper_pearson(alpha).unwrap());
        expect("jeffreys", share.jeffreys(alpha).unwrap());
        expect("agresti_coull", share.agresti_coull(alpha).unwrap());
    });
}

#[test]
fn differences_of_means() {
    for_each_case("welch", |case| {
        let control = Moments::of(&case.numbers("control")).unwrap();
        let treatment = Moments::of(&case.numbers("treatment")).unwrap();
        let welch = Welch::new(&control, &treatment).unwrap();
        let confidence = 1.0 - case.number("alpha");
        case.expect("dof", welch.difference().degrees.value());
        case.expect("t", welch.statistic());
        case.expect("p_two", welch.p_two_sided());
        case.expect("p_larger", welch.p_larger());
        case.expect("lower_95", welch.difference().lower_bound(confidence).unwrap());
        case.expect("upper_95", welch.difference().upper_bound(confidence).unwrap());
    });
}

#[test]
fn ratios_of_sums() {
    let arm = |case: &Case, name: &str| {
        let numerators = case.numbers(&format!("num_{name}"));
        let denominators = case.numbers(&format!("den_{name}"));
        assert_eq!(numerators.len(), denominators.len());
        let of = |(numerator, denominator)| Cluster { numerator, denominator };
        let clusters: Vec<Cluster> = numerators.into_iter().zip(denominators).map(of).collect();
        let ratio = RatioOfSums::of(&clusters).unwrap();
        case.expect(&format!("ratio_{name}"), ratio.value());
        case.expect(&format!("delta_var_{name}"), ratio.delta_variance());
        case.expect(&format!("cr0_var_{name}"), ratio.cr0());
        case.expect(&format!("cr1_stata_var_{name}"), ratio.cr1());
        ratio
    };
    for_each_case("ratio_delta", |case| {
        let difference = ratio::difference(&arm(case, "c"), &arm(case, "t")).unwrap();
        case.expect("diff", difference.value);
        case.expect("diff_var", difference.variance);
    });
}

#[test]
fn means_adjusted_by_the_past() {
    let arm = |case: &Case, name: &str| {
        let before = case.numbers(&format!("pre_{name}"));
        let during = case.numbers(&format!("post_{name}"));
        assert_eq!(before.len(), during.len());
        let of = |(before, during)| BeforeAndDuring { before, during };
        let units: Vec<BeforeAndDuring> = before.into_iter().zip(during).map(of).collect();
        JointMoments::of(&units).unwrap()
    };
    for_each_case("cuped", |case| {
        let cuped = Cuped::new(&arm(case, "c"), &arm(case, "t")).unwrap();
        case.expect("theta", cuped.theta);
        case.expect("adj_mean_c", cuped.control.mean.value);
        case.expect("adj_mean_t", cuped.treatment.mean.value);
        case.expect("adj_var_c", cuped.control.variance);
        case.expect("adj_var_t", cuped.treatment.variance);
        let difference = cuped.difference().unwrap();
        case.expect("diff", difference.value);
        case.expect("diff_var", difference.variance);
    });
}

#[test]
fn sizes_of_samples() {
    for_each_case("sample_size", |case| {
        let (control, treatment) = (case.number("p_control"), case.number("p_treatment"));
        let (alpha, power) = (case.number("alpha"), case.number("power"));
        let plan = SampleSizePlan::new(control, treatment, alpha, power).unwrap();
        case.expect("cohen_h", cohen_h(control, treatment).unwrap());
        case.expect("n_per_arm_arcsine", plan.by_arcsine());
        case.expect("n_per_arm_t", plan.by_t().unwrap());
        case.expect("power_at_n100_arcsine", plan.arcsine_power(100.0).unwrap());
        case.expect("n_per_arm_wald_pooled", plan.by_pooled_wald());
    });
}
