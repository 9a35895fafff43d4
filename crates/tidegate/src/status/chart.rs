//! What each guardrail said over time, drawn with letters.

use std::fmt::Write;

use tidegate_engine::time::Timestamp;
use tidegate_engine::verdict::Verdict;
use tidegate_spec::api::{GuardrailPoint, GuardrailSeries, Series, parse_time};

use crate::printable::printable;
use crate::terminal::{Room, cut};

/// Columns of a drawing where nobody says how many there are.
const COLUMNS: usize = 80;
/// Columns before a drawing, for the numbers of its axis.
const AXIS: usize = 11;
const ROWS: usize = 7;
/// How evidence is drawn, from none to what rolls back.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What the signs mean, for whoever sees a drawing.
const LEGEND: &str = "● worse by, │ 95 % bounds, ─ and ┼ the limit; evidence from ▁ none to █ what rolls back; \
                      verdicts: · pass, ? inconclusive, ! alarm, X fail";

/// A drawing of each guardrail, each line ended.
pub(super) fn chart(series: &Series, room: Room) -> String {
    let mut drawn = String::new();
    let of = format!("{}: run {}, {}", series.experiment, series.run, series.phase);
    if series.guardrails.is_empty() {
        return format!("{}: nothing was looked at yet\n", printable(&of));
    }
    // Writing into a text does not fail.
    let _ = writeln!(drawn, "{}", printable(&of));
    for guardrail in &series.guardrails {
        let _ = draw(&mut drawn, guardrail, room.columns.unwrap_or(COLUMNS).max(AXIS + 20));
    }
    for line in room.wrapped(LEGEND, 2) {
        let _ = writeln!(drawn, "{line}");
    }
    drawn
}

fn draw(drawn: &mut String, series: &GuardrailSeries, columns: usize) -> std::fmt::Result {
    let buckets = buckets(&series.points, columns - AXIS);
    writeln!(drawn, "\n{}", cut(&title(series), columns))?;
    if let Some(scale) = Scale::of(series) {
        for row in (0..ROWS).rev() {
            let line: String = buckets.iter().map(|point| scale.cell(row, *point)).collect();
            let line = format!("{:>9} ┤{line}", scale.label(row));
            writeln!(drawn, "{}", line.trim_end())?;
        }
    }
    let needed = series.evidence_needed;
    if let Some(needed) = needed {
        let levels: String = buckets.iter().map(|point| level(*point, needed)).collect();
        writeln!(drawn, "{:>10} {}", "evidence", levels.trim_end())?;
    }
    let verdicts: String = buckets.iter().map(|point| sign(*point)).collect();
    if !verdicts.trim().is_empty() {
        writeln!(drawn, "{:>10} {}", "verdict", verdicts.trim_end())?;
    }
    let ends = [series.points.first(), series.points.last()];
    let [Some(first), Some(last)] = ends.map(|end| end.map(|point| printable(&point.at))) else {
        return Ok(());
    };
    let apart = (columns - AXIS).saturating_sub(first.chars().count() + last.chars().count());
    if first == last || apart == 0 {
        return writeln!(drawn, "{:AXIS$}{last}", "");
    }
    writeln!(drawn, "{:AXIS$}{first}{:apart$}{last}", "", "")
}

/// The guardrail with what it said last.
fn title(series: &GuardrailSeries) -> String {
    let unit = if series.unit == "percent" { "%" } else { "points" };
    let mut title = printable(&series.guardrail);
    let Some(last) = series.points.last() else { return title };
    match (last.change, last.low_95, last.high_95) {
        (Some(change), Some(low), Some(high)) => {
            let _ = write!(title, ": worse by {change:+.1} {unit} ({low:+.1} to {high:+.1})");
        }
        (Some(change), ..) => {
            let _ = write!(title, ": worse by {change:+.1} {unit}");
        }
        (None, ..) => title.push_str(": nothing to compare"),
    }
    if let Some(limit) = series.limit {
        let _ = write!(title, ", limit {limit:.1}");
    }
    if let Some(verdict) = &last.verdict {
        let _ = write!(title, ": {}", printable(verdict));
    }
    title
}

/// For each column the last point of its time, if any.
fn buckets(points: &[GuardrailPoint], columns: usize) -> Vec<Option<&GuardrailPoint>> {
    let mut buckets = vec![None; columns.max(1)];
    let time = |point: &GuardrailPoint| parse_time(&point.at).map(Timestamp::ms);
    let ends = [points.first(), points.last()].map(|end| end.and_then(|end| time(end).ok()));
    let [Some(first), Some(last)] = ends else { return buckets };
    for point in points {
        let Ok(at) = time(point) else { continue };
        let place = usize::try_from(at.saturating_sub(first)).unwrap_or(0) * (buckets.len() - 1);
        let length = usize::try_from(last.saturating_sub(first)).unwrap_or(0).max(1);
        if let Some(bucket) = buckets.get_mut(place / length) {
            *bucket = Some(point);
        }
    }
    buckets
}

/// Which numbers the rows of a drawing are.
struct Scale {
    least: f32,
    most: f32,
    limit: Option<f32>,
}

impl Scale {
    /// From the least to the greatest change, with nothing and the limit among them; bounds beyond are cut off. None
    /// where there was nothing to compare.
    fn of(series: &GuardrailSeries) -> Option<Self> {
        let changes = || series.points.iter().filter_map(|point| point.change);
        changes().next()?;
        let limit = series.limit;
        let least = changes().chain(limit).fold(0.0, f32::min);
        let most = changes().chain(limit).fold(0.0, f32::max);
        let room = ((most - least) / 4.0).max(0.5);
        Some(Self { least: least - room, most: most + room, limit })
    }

    /// The row of a number, from below; that of the nearest where it lies beyond.
    fn row(&self, number: f32) -> usize {
        let part = ((number - self.least) / (self.most - self.least)).clamp(0.0, 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "0 to the number of rows"
        )]
        let row = (part * (ROWS - 1) as f32 + 0.5) as usize;
        row.min(ROWS - 1)
    }

    fn label(&self, row: usize) -> String {
        #[expect(clippy::cast_precision_loss, reason = "a few rows")]
        let number = self.least + (self.most - self.least) * row as f32 / (ROWS - 1) as f32;
        match self.limit {
            Some(limit) if self.row(limit) == row => format!("{limit:+.1}"),
            _ if self.row(0.0) == row => "0.0".to_owned(),
            _ if row == 0 || row == ROWS - 1 => format!("{number:+.1}"),
            _ => String::new(),
        }
    }

    fn cell(&self, row: usize, point: Option<&GuardrailPoint>) -> char {
        let is_limit = self.limit.is_some_and(|limit| self.row(limit) == row);
        let empty = if is_limit { '─' } else { ' ' };
        let Some(point) = point else { return empty };
        let Some(change) = point.change else { return empty };
        let low = self.row(point.low_95.unwrap_or(change));
        let high = self.row(point.high_95.unwrap_or(change));
        match row {
            _ if self.row(change) == row => '●',
            _ if (low..=high).contains(&row) && is_limit => '┼',
            _ if (low..=high).contains(&row) => '│',
            _ => empty,
        }
    }
}

/// How far evidence has come to what rolls back, by its logarithm.
fn level(point: Option<&GuardrailPoint>, needed: f32) -> char {
    let Some(evidence) = point.and_then(|point| point.evidence) else { return ' ' };
    let part = (evidence.max(1.0).ln() / needed.max(2.0).ln()).clamp(0.0, 1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "0 to 7"
    )]
    let level = (part * (LEVELS.len() - 1) as f32) as usize;
    LEVELS[level]
}

fn sign(point: Option<&GuardrailPoint>) -> char {
    let Some(name) = point.and_then(|point| point.verdict.as_deref()) else { return ' ' };
    match Verdict::ALL.into_iter().find(|verdict| verdict.as_str() == name) {
        Some(Verdict::Pass) => '·',
        Some(Verdict::Inconclusive) | None => '?',
        Some(Verdict::Alarm) => '!',
        Some(Verdict::Fail) => 'X',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { columns: Some(60), rows: None };

    fn point(minute: u32, verdict: &str, change: Option<f32>, evidence: f32) -> GuardrailPoint {
        GuardrailPoint {
            at: format!("2026-03-02T{:02}:{:02}:00Z", minute / 60, minute % 60),
            verdict: Some(verdict.to_owned()),
            change,
            low_95: change.map(|change| change - 4.0),
            high_95: change.map(|change| change + 4.0),
            limit: Some(5.0),
            evidence: Some(evidence),
        }
    }

    fn series(points: Vec<GuardrailPoint>) -> Series {
        let (guardrail, unit) = ("fp_rate".to_owned(), "points".to_owned());
        let (limit, evidence_needed) = (Some(5.0), Some(50.0));
        let guardrails = vec![GuardrailSeries { guardrail, unit, limit, evidence_needed, points }];
        Series { experiment: "door".to_owned(), run: 2, phase: "ab".to_owned(), guardrails }
    }

    #[test]
    fn a_drawing_shows_the_way_to_the_limit_and_fits_its_room() {
        let points = (0..100).map(|step| {
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let change = step as f32 / 10.0;
            let verdict = if step < 50 { "inconclusive" } else { "alarm" };
            point(step * 10, verdict, Some(change), if step == 99 { 50.0 } else { 0.0 })
        });
        let drawn = chart(&series(points.collect()), ROOM);
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines[0], "door: run 2, ab");
        assert_eq!(lines[2], "fp_rate: worse by +9.9 points (+5.9 to +13.9), limit 5.0: a…");
        let rows = &lines[3..3 + ROWS];
        let dots: Vec<Option<usize>> = rows.iter().map(|row| row.find('●')).collect();
        // It climbs: higher rows have their first dot later.
        let seen: Vec<usize> = dots.iter().flatten().copied().collect();
        assert!(seen.len() >= 4 && seen.is_sorted_by(|above, below| above >= below), "{drawn}");
        let limit = rows.iter().find(|row| row.contains("+5.0")).expect("the limit's row");
        assert!(limit.contains('┼'), "{drawn}");
        assert!(lines.iter().any(|line| line.ends_with("▁█")), "{drawn}");
        let verdicts = lines.iter().find(|line| line.contains("verdict ")).unwrap();
        assert!(verdicts.contains("??!!"), "{drawn}");
        assert!(lines.iter().all(|line| line.chars().count() <= 60), "{drawn}");
        assert!(drawn.contains("2026-03-02T00:00:00Z") && drawn.contains("2026-03-02T16:30:00Z"));
    }

    #[test]
    fn what_cannot_be_compared_is_not_drawn() {
        let drawn = chart(&series(vec![point(0, "inconclusive", None, 0.0)]), ROOM);
        assert!(drawn.contains("fp_rate: nothing to compare, limit 5.0: inconclusive"), "{drawn}");
        assert!(!drawn.contains('┤'), "{drawn}");
        let nothing = Series { guardrails: Vec::new(), ..series(Vec::new()) };
        assert_eq!(chart(&nothing, ROOM), "door: run 2, ab: nothing was looked at yet\n");
    }

    #[test]
    fn numbers_beyond_the_drawing_stay_at_its_edge() {
        let mut wild = point(0, "fail", Some(1e30), f32::MAX);
        (wild.low_95, wild.high_95) = (Some(-1e38), None);
        let drawn = chart(&series(vec![wild, point(10, "pass", Some(0.0), 0.0)]), ROOM);
        assert!(drawn.contains('X') && drawn.contains('█'), "{drawn}");
    }
}
