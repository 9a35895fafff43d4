//! Charts as SVG, in colours that read on light and on dark.

use std::ops::Range;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use tidegate_chart::{Axes, Axis, BLUE, Chart, FONT, GREY, Margin, NotDrawn, draw, line};
use tidegate_spec::EvaluationMetric;

use crate::evaluation::Evaluation;
use crate::scenarios::InScenario;
use crate::words;

/// For one line of a chart, and for what stands above and below all of them.
const LINE_HEIGHT: u32 = 20;
const AROUND: u32 = 62;
/// Room for names, and the letters that fit into it.
const NAMES_WIDTH: u32 = 132;
const LETTERS_MAX: usize = 20;
/// Most scenarios of a chart.
const SCENARIOS_MAX: usize = 30;

/// Every chart there are numbers for.
pub(super) fn all(evaluation: &Evaluation) -> Result<Vec<Chart>, NotDrawn> {
    let mut charts = Vec::new();
    charts.extend(differences(evaluation)?);
    charts.extend(latencies(&evaluation.by_scenario)?);
    charts.extend(scores(&evaluation.by_scenario)?);
    Ok(charts)
}

/// A chart of named lines from top to bottom; `draw_line` gets the height of each.
fn lines(
    names: &[&str],
    x: &Axis<'_>,
    caption: impl Into<String>,
    draw_line: impl Fn(&mut Axes<'_, '_>, usize, f64) -> Result<(), NotDrawn>,
) -> Result<Chart, NotDrawn> {
    let height = AROUND + LINE_HEIGHT * u32::try_from(names.len()).unwrap_or(0);
    draw(height, caption, |area| {
        let numbers = |number: &f64| words::score(*number);
        let side = Margin::Names { width: NAMES_WIDTH, lines: names.len(), numbers };
        let mut axes = tidegate_chart::axes(area, x, &side)?;
        let Range { start, end } = x.range;
        if start < 0.0 && end > 0.0 {
            let zero = [(0.0, 0.0), (0.0, names.len() as f64)];
            line(&mut axes, zero, GREY.stroke_width(1))?;
        }
        for (place, name) in names.iter().enumerate() {
            let y = names.len() as f64 - place as f64 - 0.5;
            let (left, middle) = axes.plotting_area().map_coordinate(&(start, y));
            let style = FONT.into_font().color(&GREY).pos(Pos::new(HPos::Right, VPos::Center));
            area.draw(&Text::new(shortened(name), (left - 8, middle), style))
                .map_err(NotDrawn::new)?;
            draw_line(&mut axes, place, y)?;
        }
        Ok(())
    })
}

fn shortened(name: &str) -> String {
    let count = name.chars().count();
    if count <= LETTERS_MAX {
        return name.to_owned();
    }
    // The end tells names with a common beginning apart.
    let end: String = name.chars().skip(count + 1 - LETTERS_MAX).collect();
    format!("…{end}")
}

/// The differences of all shares with both intervals.
fn differences(evaluation: &Evaluation) -> Result<Option<Chart>, NotDrawn> {
    let shares: Vec<_> = evaluation
        .metrics
        .iter()
        .filter(|metric| metric.metric != EvaluationMetric::ResponseLatencyMs)
        .filter_map(|metric| metric.change.as_ref().map(|change| (metric.metric, change)))
        .collect();
    if shares.is_empty() {
        return Ok(None);
    }
    let names: Vec<&str> = shares.iter().map(|(metric, _)| share_name(*metric)).collect();
    let intervals =
        shares.iter().flat_map(|(_, change)| [change.interval, change.scenario_interval]);
    let ends = intervals.flatten().flat_map(|interval| [interval.low, interval.high]);
    let range = around_zero(ends.map(|end| end * 100.0));
    let caption = "Right of 0 the treatment is better. Thick: 95 % interval, every case on its own; thin: over \
                   scenarios.";
    let x = Axis { range, title: "points, treatment less control" };
    let chart = lines(&names, &x, caption, |axes, place, y| {
        let (_, change) = shares[place];
        for (interval, offset, width) in
            [(change.interval, 0.12, 3), (change.scenario_interval, -0.12, 1)]
        {
            if let Some(interval) = interval {
                let ends =
                    [(interval.low * 100.0, y + offset), (interval.high * 100.0, y + offset)];
                line(axes, ends, BLUE.stroke_width(width))?;
            }
        }
        let dot = Circle::new((change.difference * 100.0, y), 4, BLUE.filled());
        axes.draw_series(std::iter::once(dot)).map_err(NotDrawn::new)?;
        Ok(())
    })?;
    Ok(Some(chart))
}

const fn share_name(metric: EvaluationMetric) -> &'static str {
    match metric {
        EvaluationMetric::JsonParseSuccessRate => "JSON parsed",
        EvaluationMetric::ScoreInRangeAccuracy => "score in range",
        EvaluationMetric::LevelMatchAccuracy => "level as expected",
        EvaluationMetric::ResponseLatencyMs => "latency",
    }
}

/// Scores in range by scenario: those that changed most, the losses on top.
fn scores(scenarios: &[InScenario]) -> Result<Option<Chart>, NotDrawn> {
    let share = |right: u64, of: u64| right as f64 / of as f64 * 100.0;
    let measured = scenarios.iter().filter(|scenario| scenario.score_in_range.pairs > 0);
    let mut rows: Vec<(&str, f64, f64)> = measured
        .map(|scenario| {
            let right = scenario.score_in_range;
            let name = scenario.scenario.as_str();
            (name, share(right.control, right.pairs), share(right.treatment, right.pairs))
        })
        .collect();
    if rows.len() < 2 {
        return Ok(None);
    }
    let all = rows.len();
    rows.sort_by(|a, b| (b.2 - b.1).abs().total_cmp(&(a.2 - a.1).abs()).then(a.0.cmp(b.0)));
    rows.truncate(SCENARIOS_MAX);
    rows.sort_by(|a, b| (a.2 - a.1).total_cmp(&(b.2 - b.1)).then(a.0.cmp(b.0)));
    let names: Vec<&str> = rows.iter().map(|row| row.0).collect();
    let part = which(all);
    let caption =
        format!("Scores in range by scenario{part}: from control (ring) to treatment (dot).");
    let x = Axis { range: -4.0..104.0, title: "% of scores in range" };
    let chart = lines(&names, &x, caption, |axes, place, y| {
        let (_, control, treatment) = rows[place];
        let way = [(control, y), (treatment, y)];
        line(axes, way, BLUE.mix(0.5).stroke_width(2))?;
        let dots = [
            Circle::new((control, y), 5, GREY.stroke_width(2)),
            Circle::new((treatment, y), 4, BLUE.filled()),
        ];
        axes.draw_series(dots).map_err(NotDrawn::new)?;
        Ok(())
    })?;
    Ok(Some(chart))
}

/// Latencies by scenario: those that changed most, the slowest on top.
fn latencies(scenarios: &[InScenario]) -> Result<Option<Chart>, NotDrawn> {
    let mut rows: Vec<(&str, f64)> = scenarios
        .iter()
        .filter_map(|scenario| Some((scenario.scenario.as_str(), scenario.latency_change? * 100.0)))
        .collect();
    if rows.len() < 2 {
        return Ok(None);
    }
    let all = rows.len();
    rows.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(b.0)));
    rows.truncate(SCENARIOS_MAX);
    rows.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    let names: Vec<&str> = rows.iter().map(|row| row.0).collect();
    let range = around_zero(rows.iter().map(|row| row.1));
    let part = which(all);
    let caption = format!(
        "Latency by scenario{part}: geometric mean, treatment over control; left is faster."
    );
    let x = Axis { range, title: "% change of the latency" };
    let chart = lines(&names, &x, caption, |axes, place, y| {
        let (_, change) = rows[place];
        let way = [(0.0, y), (change, y)];
        line(axes, way, BLUE.mix(0.5).stroke_width(2))?;
        let dot = Circle::new((change, y), 4, BLUE.filled());
        axes.draw_series(std::iter::once(dot)).map_err(NotDrawn::new)?;
        Ok(())
    })?;
    Ok(Some(chart))
}

fn which(all: usize) -> String {
    if all > SCENARIOS_MAX {
        format!(" ({SCENARIOS_MAX} of {all}, those that changed most)")
    } else {
        String::new()
    }
}

/// A range with 0 and every number in it, and some room on either side.
fn around_zero(numbers: impl Iterator<Item = f64>) -> Range<f64> {
    let (low, high) =
        numbers.fold((0.0_f64, 0.0_f64), |(low, high), number| (low.min(number), high.max(number)));
    let room = ((high - low) * 0.06).max(0.5);
    low - room..high + room
}
