//! What disagreements say in an A/B test in which both prompts run on every event.

use crate::range::{OutOfRange, within};
use crate::review::card::EVENTS_MAX;
use crate::student::{DegreesOfFreedom, Estimate};

/// The least degrees of freedom of a side, as in the rest of the crate.
const DEGREES_MIN: f64 = 0.5;

/// The labels of one camera on alerts that only the prompt it was assigned to gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CameraLabels {
    /// Labels that say the alert was false.
    pub false_alarms: u64,
    /// All labels.
    pub labels: u64,
}

/// Alerts of all cameras in two hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgreementBlock {
    /// Events on which only the treatment alerted.
    pub gained: u64,
    /// Events on which only the control alerted.
    pub lost: u64,
    /// Alerts of the control.
    pub alerts: u64,
}

/// The change in false alarms for each alert of the control: `D = (G/A) p_G - (L/A) p_L`.
///
/// G, L and A are summed over the `blocks`, which hold all cameras whatever they were assigned to. `p_G` is the share of
/// false ones among the labels on gained alerts, given at treated cameras; `p_L` that among the labels on lost alerts,
/// given at cameras with the control. Alerts of both prompts cancel and need no labels.
///
/// `V = (G/A)² V_G + (L/A)² V_L + V_block`. `V_G` and `V_L` are the jackknife that leaves out one camera with labels at a
/// time (Efron 1982, chapter 3), and at least `p̃(1-p̃)/n`, `p̃ = (x + ½)/(n + 1)`, as of independent labels. With
/// `r_b = p_G (G_b - (G/A) A_b) - p_L (L_b - (L/A) A_b)` over B blocks
/// `V_block = max(p_G² G + p_L² L, B/(B-1) Σ r_b²) / A²` (Cochran 1977, section 6.3). ν is that of Welch and Satterthwaite,
/// from Kish's effective number of cameras less one on either side, at least ½, and B - 1. Both are approximations.
///
/// `None` where the control never alerted, with fewer than two blocks, or where a side that has alerts has labels of
/// fewer than two cameras. What is found goes to [`EValue::against_no_worse`](crate::evidence::EValue::against_no_worse)
/// with the limit per alert as its margin.
///
/// # Errors
/// [`OutOfRange`] for more false alarms than labels, and for more than [`EVENTS_MAX`] of anything.
pub fn agreement(
    gained_labels: &[CameraLabels],
    lost_labels: &[CameraLabels],
    blocks: &[AgreementBlock],
) -> Result<Option<Estimate>, OutOfRange> {
    let count = |quantity, of: fn(&AgreementBlock) -> u64| {
        let sum: f64 = blocks.iter().map(|block| of(block) as f64).sum();
        within(quantity, sum, &(0.0..=EVENTS_MAX as f64))
    };
    let gained = count("gained events", |block| block.gained)?;
    let lost = count("lost events", |block| block.lost)?;
    let alerts = count("alerts of the control", |block| block.alerts)?;
    let (gained_share, lost_share) = (share(gained_labels)?, share(lost_labels)?);
    if alerts == 0.0 || blocks.len() < 2 {
        return Ok(None);
    }
    let (Some(on_gained), Some(on_lost)) = (needed(gained, gained_share), needed(lost, lost_share))
    else {
        return Ok(None);
    };

    let (p_gained, p_lost) = (on_gained.value, on_lost.value);
    let (per_gained, per_lost) = (gained / alerts, lost / alerts);
    let squares = blocks.iter().map(|block| {
        let control = block.alerts as f64;
        let residual = p_gained * (block.gained as f64 - per_gained * control)
            - p_lost * (block.lost as f64 - per_lost * control);
        residual * residual
    });
    let count = blocks.len() as f64;
    let between = count / (count - 1.0) * squares.sum::<f64>();
    let independent = p_gained * p_gained * gained + p_lost * p_lost * lost;
    let parts = [
        (per_gained * per_gained * on_gained.variance, on_gained.degrees.value()),
        (per_lost * per_lost * on_lost.variance, on_lost.degrees.value()),
        (between.max(independent) / (alerts * alerts), count - 1.0),
    ];
    let variance: f64 = parts.iter().map(|(part, _)| part).sum();
    let doubt: f64 = parts.iter().map(|(part, degrees)| part * part / degrees).sum();
    let degrees = if doubt > 0.0 {
        DegreesOfFreedom::new(variance * variance / doubt)?
    } else {
        DegreesOfFreedom::INFINITE
    };
    Estimate::new(per_gained * p_gained - per_lost * p_lost, variance, degrees).map(Some)
}

/// What labels say of a side, which needs saying only where there are alerts.
fn needed(alerts: f64, share: Option<Estimate>) -> Option<Estimate> {
    let nothing = Estimate { value: 0.0, variance: 0.0, degrees: DegreesOfFreedom::INFINITE };
    if alerts == 0.0 { Some(nothing) } else { share }
}

/// The share of false ones among the labels of a side; `None` with fewer than two cameras that have labels.
fn share(cameras: &[CameraLabels]) -> Result<Option<Estimate>, OutOfRange> {
    let (mut x, mut n, mut squares, mut with_labels) = (0.0, 0.0, 0.0, 0.0);
    for camera in cameras {
        let labels = within("labels", camera.labels as f64, &(0.0..=EVENTS_MAX as f64))?;
        x += within("false alarms among labels", camera.false_alarms as f64, &(0.0..=labels))?;
        n += labels;
        squares += labels * labels;
        with_labels += if camera.labels > 0 { 1.0 } else { 0.0 };
    }
    if with_labels < 2.0 {
        return Ok(None);
    }
    let p = x / n;
    let apart = cameras.iter().filter(|camera| camera.labels > 0).map(|camera| {
        let labels = camera.labels as f64;
        let without = (x - camera.false_alarms as f64) / (n - labels);
        (without - p) * (without - p)
    });
    let jackknife = (with_labels - 1.0) / with_labels * apart.sum::<f64>();
    let smoothed = (x + 0.5) / (n + 1.0);
    let floor = smoothed * (1.0 - smoothed) / n;
    let degrees = DegreesOfFreedom::new((n * n / squares - 1.0).max(DEGREES_MIN))?;
    Estimate::new(p, jackknife.max(floor), degrees).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::EValue;

    fn cameras(labels: &[(u64, u64)]) -> alloc::vec::Vec<CameraLabels> {
        labels.iter().map(|&(false_alarms, labels)| CameraLabels { false_alarms, labels }).collect()
    }

    const fn block(gained: u64, lost: u64, alerts: u64) -> AgreementBlock {
        AgreementBlock { gained, lost, alerts }
    }

    #[test]
    fn prompts_that_always_agree_differ_by_nothing() {
        let found = agreement(&[], &[], &[block(0, 0, 20), block(0, 0, 3)]).unwrap().unwrap();
        assert_eq!((found.value, found.variance), (0.0, 0.0));
        assert_eq!(EValue::against_no_worse(&found, 0.05).unwrap(), EValue::ZERO);
    }

    #[test]
    fn cameras_that_differ_widen_the_variance_beyond_independent_labels() {
        let blocks = [block(10, 0, 50), block(10, 0, 50)];
        let found = agreement(&cameras(&[(10, 10), (0, 10)]), &[], &blocks).unwrap().unwrap();
        assert!((found.value - 0.1).abs() < 1e-12);
        // Left out one at a time the share is 0 and 1: (1/2)(1/4 + 1/4) = 1/4; blocks add p² G / A².
        assert!((found.variance - (0.04 * 0.25 + 5.0 / 10_000.0)).abs() < 1e-12);
    }

    #[test]
    fn a_camera_without_labels_changes_nothing() {
        let blocks = [block(10, 4, 50), block(10, 3, 50)];
        let (gained, lost) = ([(3, 4), (5, 9)], [(1, 4), (2, 3)]);
        let with = |gained: &[(u64, u64)]| agreement(&cameras(gained), &cameras(&lost), &blocks);
        assert_eq!(with(&gained), with(&[gained[0], (0, 0), gained[1]]));
    }

    #[test]
    fn too_little_is_no_estimate() {
        let blocks = [block(10, 4, 50), block(10, 3, 50)];
        let labels = cameras(&[(1, 4), (2, 3)]);
        assert_eq!(agreement(&labels[..1], &labels, &blocks), Ok(None));
        assert_eq!(agreement(&labels, &[], &blocks), Ok(None));
        assert_eq!(agreement(&labels, &labels, &blocks[..1]), Ok(None));
        assert_eq!(agreement(&labels, &labels, &[block(1, 1, 0), block(1, 1, 0)]), Ok(None));
    }

    #[test]
    fn impossible_counts_are_refused() {
        let blocks = [block(10, 4, 50), block(10, 3, 50)];
        let labels = cameras(&[(1, 4), (2, 3)]);
        assert!(agreement(&cameras(&[(5, 4)]), &labels, &blocks).is_err());
        assert!(agreement(&cameras(&[(0, u64::MAX)]), &labels, &blocks).is_err());
        assert!(agreement(&labels, &labels, &[block(u64::MAX, 0, 1); 2]).is_err());
    }
}
