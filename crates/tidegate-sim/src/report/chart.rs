//! Charts as SVG, in colours that read on light and on dark.

use std::collections::BTreeMap;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::{ReportError, Sweep};
use crate::outcome::{Ending, Outcome};
use crate::path::Path;
use crate::sweep::{Objective, Point};
use crate::world::World;

/// Near the width of a phone, so that letters keep their size there.
const SIZE: (u32, u32) = (440, 280);
const BLUE: RGBColor = RGBColor(47, 129, 247);
const RED: RGBColor = RGBColor(229, 83, 75);
const GREEN: RGBColor = RGBColor(46, 160, 67);
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

/// Draws on an empty canvas.
fn draw(
    work: impl FnOnce(&Area<'_>) -> Result<(), ReportError>,
    caption: impl Into<String>,
) -> Result<Chart, ReportError> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        work(&area)?;
        area.present().map_err(failed)?;
    }
    Ok(Chart { svg, caption: caption.into() })
}

fn axes<'a, 'b>(
    area: &Area<'b>,
    (x, x_title): (Range<f64>, &str),
    (y, y_title): (Range<f64>, &str),
) -> Result<Axes<'a, 'b>, ReportError> {
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .x_label_area_size(36)
        .y_label_area_size(60)
        .build_cartesian_2d(widened(x), widened(y))
        .map_err(failed)?;
    chart
        .configure_mesh()
        .x_labels(7)
        .y_labels(6)
        .bold_line_style(GREY.mix(0.35))
        .light_line_style(TRANSPARENT)
        .axis_style(GREY)
        .label_style(FONT)
        .x_desc(x_title)
        .y_desc(y_title)
        .draw()
        .map_err(failed)?;
    Ok(chart)
}

/// A range that is not empty.
fn widened(range: Range<f64>) -> Range<f64> {
    if range.end > range.start { range } else { range.start - 0.5..range.start + 0.5 }
}

fn line(
    chart: &mut Axes<'_, '_>,
    points: Vec<(f64, f64)>,
    style: impl Into<ShapeStyle>,
) -> Result<(), ReportError> {
    chart.draw_series(LineSeries::new(points, style)).map_err(failed)?;
    Ok(())
}

/// The share of runs that were rolled back, hour by hour, and of those promoted at the end.
pub(super) fn endings(world: &World, outcomes: &[Outcome]) -> Result<Chart, ReportError> {
    let experiment = world.definition().experiment();
    let rolled_back: Vec<&Outcome> = outcomes.iter().filter(|o| o.is_rolled_back()).collect();
    let in_shadow = rolled_back.iter().any(|o| o.phase == tidegate_engine::phase::Phase::Shadow);
    let length = if in_shadow {
        experiment.shadow.duration.hours().max(experiment.ab.duration.hours())
    } else {
        experiment.ab.duration.hours()
    };
    let count = outcomes.len() as f64;
    let mut hours: Vec<f64> = rolled_back.iter().map(|outcome| outcome.hours).collect();
    hours.sort_by(f64::total_cmp);
    let end = hours.last().copied().unwrap_or(0.0).max(length);
    let mut steps = vec![(0.0, 0.0)];
    for (number, hour) in hours.iter().enumerate() {
        steps.push((*hour, number as f64 / count * 100.0));
        steps.push((*hour, (number + 1) as f64 / count * 100.0));
    }
    let share = hours.len() as f64 / count * 100.0;
    steps.push((end, share));
    let promoted = outcomes.iter().filter(|o| o.ending == Ending::Promoted).count() as f64;
    let caption = format!(
        "Rollouts rolled back by the hour of their phase (red): {share:.1} % in the end; promoted (green): {:.1} %.",
        promoted / count * 100.0
    );
    draw(
        |area| {
            let x = (0.0..end, "hours");
            let mut chart = axes(area, x, (0.0..100.0, "% of rollouts"))?;
            line(&mut chart, steps, RED.stroke_width(2))?;
            let promoted = promoted / count * 100.0;
            line(&mut chart, vec![(end * 0.96, promoted), (end, promoted)], GREEN.stroke_width(4))
        },
        caption,
    )
}

/// How the estimate moved in typical runs; nothing where there was nothing to estimate.
pub(super) fn paths(paths: &[Path]) -> Result<Option<Chart>, ReportError> {
    let Some(first) = paths.first().filter(|path| path.points.len() > 1) else { return Ok(None) };
    let all = || paths.iter().flat_map(|path| &path.points);
    let end = all().map(|point| point.hour).fold(0.0, f64::max);
    // The first looks know next to nothing; the scale is that of what is known.
    let mut values: Vec<f64> =
        first.points.iter().flat_map(|p| [p.change, p.bounds.0, p.bounds.1]).collect();
    values.sort_by(f64::total_cmp);
    let part = values.len() / 12;
    let low = values[part].min(0.0).min(first.limit) * 1.15;
    let high = values[values.len() - 1 - part].max(first.limit) * 1.15;
    let shown = |value: f64| value.clamp(low, high);
    let ends = if first.outcome.is_rolled_back() { "rolled back" } else { "not rolled back" };
    let caption = format!(
        "{} in run {} ({ends} after {:.1} h) with its 95 % bounds, the limit of {:.1} {} in red; thin: other runs.",
        first.guardrail.as_str(),
        first.outcome.run,
        first.outcome.hours,
        first.limit,
        first.unit
    );
    let chart = draw(
        |area| {
            let y = (low..high, first.unit);
            let mut chart = axes(area, (0.0..end, "hours"), y)?;
            let upper = first.points.iter().map(|p| (p.hour, shown(p.bounds.1)));
            let lower = first.points.iter().rev().map(|p| (p.hour, shown(p.bounds.0)));
            let band = Polygon::new(upper.chain(lower).collect::<Vec<_>>(), BLUE.mix(0.18));
            chart.draw_series(std::iter::once(band)).map_err(failed)?;
            for path in &paths[1..] {
                let points = path.points.iter().map(|p| (p.hour, shown(p.change))).collect();
                line(&mut chart, points, BLUE.mix(0.5).stroke_width(1))?;
            }
            let points = first.points.iter().map(|p| (p.hour, shown(p.change))).collect();
            line(&mut chart, points, BLUE.stroke_width(2))?;
            line(&mut chart, vec![(0.0, 0.0), (end, 0.0)], GREY.stroke_width(1))?;
            line(&mut chart, vec![(0.0, first.limit), (end, first.limit)], RED.stroke_width(1))
        },
        caption,
    )?;
    Ok(Some(chart))
}

/// Both curves of a sweep over its first setting, and the front.
pub(super) fn sweep(sweep: &Sweep<'_>) -> Result<Vec<Chart>, ReportError> {
    let mut charts = Vec::new();
    let varied: Vec<(f64, &Point)> =
        sweep.points.iter().filter_map(|point| Some((point.first?, point))).collect();
    if varied.len() == sweep.points.len() {
        let share: fn(&Point) -> f64 = |point| point.false_rollback_share * 100.0;
        let title = "% of harmless rollouts rolled back";
        let caption = format!("Harmless rollouts rolled back, by {}.", sweep.varied);
        charts.push(curve(&varied, share, (sweep.varied, title), caption)?);
        let (cost, title) = (cost_of(sweep.objective), sweep.objective.title());
        let caption = format!("{}, by {}.", capital(title), sweep.varied);
        charts.push(curve(&varied, cost, (sweep.varied, title), caption)?);
    }
    charts.push(front(sweep)?);
    Ok(charts)
}

fn cost_of(objective: Objective) -> fn(&Point) -> f64 {
    match objective {
        Objective::Harm => |point| Objective::Harm.of(point),
        Objective::Hours => |point| Objective::Hours.of(point),
        Objective::Missed => |point| Objective::Missed.of(point) * 100.0,
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A line over the first setting for each combination of the others.
fn curve(
    points: &[(f64, &Point)],
    value: fn(&Point) -> f64,
    (x_title, y_title): (&str, &str),
    caption: String,
) -> Result<Chart, ReportError> {
    let mut lines: BTreeMap<&[String], Vec<(f64, f64)>> = BTreeMap::new();
    for (x, point) in points {
        lines.entry(&point.settings[1..]).or_default().push((*x, value(point)));
    }
    let ends = |most: fn(f64, f64) -> f64, from| points.iter().map(|(x, _)| *x).fold(from, most);
    let (start, end) = (ends(f64::min, f64::INFINITY), ends(f64::max, f64::NEG_INFINITY));
    let top = points.iter().map(|(_, point)| value(point)).fold(0.0, f64::max) * 1.1;
    draw(
        |area| {
            let mut chart = axes(area, (start..end, x_title), (0.0..top.max(1e-3), y_title))?;
            for values in lines.into_values() {
                let dots = values.clone().into_iter();
                chart
                    .draw_series(dots.map(|place| Circle::new(place, 3, BLUE.filled())))
                    .map_err(failed)?;
                line(&mut chart, values, BLUE.stroke_width(2))?;
            }
            Ok(())
        },
        caption,
    )
}

fn front(sweep: &Sweep<'_>) -> Result<Chart, ReportError> {
    let cost = cost_of(sweep.objective);
    let place = |point: &Point| (point.false_rollback_share * 100.0, cost(point));
    let mut on_front: Vec<(f64, f64)> =
        sweep.points.iter().filter(|point| point.on_front).map(place).collect();
    on_front.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let right = sweep.points.iter().map(|point| place(point).0).fold(0.0, f64::max) * 1.1;
    let top = sweep.points.iter().map(|point| place(point).1).fold(0.0, f64::max) * 1.1;
    draw(
        |area| {
            // Many settings roll back nothing; their points shall not lie on the axis.
            let right = right.max(1e-3);
            let x = (-0.03 * right..right, "% of harmless rollouts rolled back");
            let mut chart = axes(area, x, (0.0..top.max(1e-3), sweep.objective.title()))?;
            line(&mut chart, on_front, GREEN.stroke_width(2))?;
            let dots = sweep.points.iter().map(|point| {
                let colour = if point.recommended {
                    RED
                } else if point.on_front {
                    GREEN
                } else {
                    GREY
                };
                Circle::new(place(point), if point.recommended { 6 } else { 4 }, colour.filled())
            });
            chart.draw_series(dots).map_err(failed)?;
            Ok(())
        },
        "Every setting as a point: down and left is better. Green: the Pareto front; red: recommended.",
    )
}
