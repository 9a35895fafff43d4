//! Charts as SVG, in colours that read on light and on dark.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use tidegate_spec::EvaluationMetric;

use super::ReportError;
use crate::evaluation::Evaluation;
use crate::scenarios::InScenario;
use crate::words;

/// Near the width of a phone, so that letters keep their size there.
const WIDTH: u32 = 440;
/// For one line of a chart, and for what stands above and below all of them.
const LINE_HEIGHT: u32 = 20;
const AROUND: u32 = 62;
/// Room for names, and the letters that fit into it.
const NAMES_WIDTH: u32 = 132;
const LETTERS_MAX: usize = 20;
/// Most scenarios of a chart.
const SCENARIOS_MAX: usize = 30;
const BLUE: RGBColor = RGBColor(47, 129, 247);
const GREY: RGBColor = RGBColor(128, 136, 146);
const FONT: (&str, u32) = ("sans-serif", 13);

/// A chart with the sentence below it.
pub(super) struct Chart {
    pub(super) svg: String,
    pub(super) caption: String,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Axes<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

fn failed(error: impl std::fmt::Display) -> ReportError {
    ReportError::Chart(error.to_string())
}

/// Every chart there are numbers for.
pub(super) fn all(evaluation: &Evaluation) -> Result<Vec<Chart>, ReportError> {
    let mut charts = Vec::new();
    charts.extend(differences(evaluation)?);
    charts.extend(latencies(&evaluation.by_scenario)?);
    charts.extend(scores(&evaluation.by_scenario)?);
    Ok(charts)
}

/// A chart of named lines from top to bottom; `draw` gets the height of each.
fn lines(
    names: &[&str],
    (start, end): (f64, f64),
    x_title: &str,
    draw: impl Fn(&mut Axes<'_, '_>, usize, f64) -> Result<(), ReportError>,
) -> Result<String, ReportError> {
    let mut svg = String::new();
    {
        let height = AROUND + LINE_HEIGHT * u32::try_from(names.len()).unwrap_or(0);
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        let mut axes = axes(&area, (start, end), names.len() as f64, x_title)?;
        let ends = [(0.0, 0.0), (0.0, names.len() as f64)];
        if start < 0.0 && end > 0.0 {
            axes.draw_series(LineSeries::new(ends, GREY.stroke_width(1))).map_err(failed)?;
        }
        for (place, name) in names.iter().enumerate() {
            let y = names.len() as f64 - place as f64 - 0.5;
            let (left, middle) = axes.plotting_area().map_coordinate(&(start, y));
            let style = FONT.into_font().color(&GREY).pos(Pos::new(HPos::Right, VPos::Center));
            area.draw(&Text::new(shortened(name), (left - 8, middle), style)).map_err(failed)?;
            draw(&mut axes, place, y)?;
        }
        area.present().map_err(failed)?;
    }
    Ok(svg)
}

fn axes<'a, 'b>(
    area: &Area<'b>,
    (start, end): (f64, f64),
    top: f64,
    x_title: &str,
) -> Result<Axes<'a, 'b>, ReportError> {
    let mut axes = ChartBuilder::on(area)
        .margin(8)
        .x_label_area_size(36)
        .y_label_area_size(NAMES_WIDTH)
        .build_cartesian_2d(start..end, 0.0..top)
        .map_err(failed)?;
    axes.configure_mesh()
        .x_labels(6)
        .x_label_formatter(&|number| words::score(*number))
        .y_labels(0)
        .disable_y_mesh()
        .bold_line_style(GREY.mix(0.25))
        .light_line_style(TRANSPARENT)
        .axis_style(GREY)
        .label_style(FONT)
        .x_desc(x_title)
        .draw()
        .map_err(failed)?;
    Ok(axes)
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
fn differences(evaluation: &Evaluation) -> Result<Option<Chart>, ReportError> {
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
    let svg = lines(&names, range, "points, treatment less control", |axes, place, y| {
        let (_, change) = shares[place];
        for (interval, offset, width) in
            [(change.interval, 0.12, 3), (change.scenario_interval, -0.12, 1)]
        {
            if let Some(interval) = interval {
                let ends =
                    [(interval.low * 100.0, y + offset), (interval.high * 100.0, y + offset)];
                axes.draw_series(LineSeries::new(ends, BLUE.stroke_width(width)))
                    .map_err(failed)?;
            }
        }
        let dot = Circle::new((change.difference * 100.0, y), 4, BLUE.filled());
        axes.draw_series(std::iter::once(dot)).map_err(failed)?;
        Ok(())
    })?;
    let caption = "Right of 0 the treatment is better. Thick: 95 % interval, every case on its own; thin: over \
                   scenarios.";
    Ok(Some(Chart { svg, caption: caption.to_owned() }))
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
fn scores(scenarios: &[InScenario]) -> Result<Option<Chart>, ReportError> {
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
    let svg = lines(&names, (-4.0, 104.0), "% of scores in range", |axes, place, y| {
        let (_, control, treatment) = rows[place];
        let way = [(control, y), (treatment, y)];
        axes.draw_series(LineSeries::new(way, BLUE.mix(0.5).stroke_width(2))).map_err(failed)?;
        let dots = [
            Circle::new((control, y), 5, GREY.stroke_width(2)),
            Circle::new((treatment, y), 4, BLUE.filled()),
        ];
        axes.draw_series(dots).map_err(failed)?;
        Ok(())
    })?;
    let part = which(all);
    let caption =
        format!("Scores in range by scenario{part}: from control (ring) to treatment (dot).");
    Ok(Some(Chart { svg, caption }))
}

/// Latencies by scenario: those that changed most, the slowest on top.
fn latencies(scenarios: &[InScenario]) -> Result<Option<Chart>, ReportError> {
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
    let svg = lines(&names, range, "% change of the latency", |axes, place, y| {
        let (_, change) = rows[place];
        let way = [(0.0, y), (change, y)];
        axes.draw_series(LineSeries::new(way, BLUE.mix(0.5).stroke_width(2))).map_err(failed)?;
        let dot = Circle::new((change, y), 4, BLUE.filled());
        axes.draw_series(std::iter::once(dot)).map_err(failed)?;
        Ok(())
    })?;
    let part = which(all);
    let caption = format!(
        "Latency by scenario{part}: geometric mean, treatment over control; left is faster."
    );
    Ok(Some(Chart { svg, caption }))
}

fn which(all: usize) -> String {
    if all > SCENARIOS_MAX {
        format!(" ({SCENARIOS_MAX} of {all}, those that changed most)")
    } else {
        String::new()
    }
}

/// A range with 0 and every number in it, and some room on either side.
fn around_zero(numbers: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) =
        numbers.fold((0.0_f64, 0.0_f64), |(low, high), number| (low.min(number), high.max(number)));
    let room = ((high - low) * 0.06).max(0.5);
    (low - room, high + room)
}
