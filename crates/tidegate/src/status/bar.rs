//! How far a change has gone to its limit, as a bar.

use tidegate_spec::api::Judgement;

/// Cells from no change to the limit, where there is room.
pub(crate) const CELLS: usize = 20;

/// What the signs of a bar mean, for whoever sees one.
pub(crate) const LEGEND: &str =
    "█ worse by, ░ may be with 95 % confidence, │ the limit, ▶ beyond it, ▷ may be beyond it";

/// The way from no change to the limit in so many cells: `█` up to the change, `░` up to where it may be with 95 % confidence,
/// then `│` at the limit; behind it `▶` where the change is beyond the limit, `▷` where it may be.
pub(crate) fn bar(judgement: &Judgement, of: usize) -> String {
    let gone = judgement.change.map_or(0, |change| cells(change, judgement.limit, of));
    // A change of a single camera has no bounds.
    let may_be = judgement.high_95.map_or(gone, |high| cells(high, judgement.limit, of)).max(gone);
    let mut drawn = String::with_capacity(3 * (of + 2));
    for cell in 0..of {
        drawn.push(if cell < gone {
            '█'
        } else if cell < may_be {
            '░'
        } else {
            '·'
        });
    }
    drawn.push('│');
    drawn.push(if gone == of {
        '▶'
    } else if may_be == of {
        '▷'
    } else {
        ' '
    });
    drawn
}

/// Whole cells up to `change`: all of them only where it has reached the limit.
fn cells(change: f64, limit: f64, of: usize) -> usize {
    if change.is_nan() || change <= 0.0 {
        return 0;
    }
    if change >= limit {
        return of;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the number of cells"
    )]
    let cells = (change / limit * of as f64) as usize;
    cells.min(of.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_spec::api::Counts;

    fn drawn(change: Option<f64>, high: Option<f64>, limit: f64) -> String {
        let none = Counts { control: 0, treatment: 0 };
        let judgement = Judgement {
            guardrail: "fp_rate".to_owned(),
            verdict: "pass".to_owned(),
            unit: "points".to_owned(),
            change,
            low_95: None,
            high_95: high,
            limit,
            evidence: None,
            ln_evidence: None,
            evidence_needed: None,
            degrees_of_freedom: None,
            trials: none,
            cameras: none,
            trials_needed: 0,
            sentence: String::new(),
        };
        bar(&judgement, CELLS)
    }

    #[test]
    fn a_bar_ends_at_the_limit() {
        let empty = format!("{}│ ", "·".repeat(20));
        assert_eq!(drawn(None, None, 5.0), empty);
        assert_eq!(drawn(Some(-3.0), Some(-1.0), 5.0), empty);
        assert_eq!(drawn(Some(f64::NAN), Some(f64::NAN), 5.0), empty);
        assert_eq!(drawn(Some(2.5), Some(4.0), 5.0), "██████████░░░░░░····│ ");
        assert_eq!(drawn(Some(2.5), Some(9.0), 5.0), "██████████░░░░░░░░░░│▷");
        // Just below the limit is not at it.
        assert_eq!(drawn(Some(4.999), None, 5.0), format!("{}·│ ", "█".repeat(19)));
        assert_eq!(drawn(Some(5.0), Some(7.0), 5.0), format!("{}│▶", "█".repeat(20)));
    }

    #[test]
    fn a_limit_of_nothing_is_passed_by_any_harm() {
        assert_eq!(drawn(Some(0.1), None, 0.0), format!("{}│▶", "█".repeat(20)));
        assert_eq!(drawn(Some(0.0), None, 0.0), format!("{}│ ", "·".repeat(20)));
    }

    #[test]
    fn every_bar_is_as_wide() {
        for change in [None, Some(-1e300), Some(0.0), Some(1.0), Some(1e300), Some(f64::INFINITY)] {
            for limit in [0.0, 1.0, 1e300] {
                assert_eq!(drawn(change, change, limit).chars().count(), CELLS + 2);
            }
        }
    }
}
