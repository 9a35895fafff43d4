//! Charts as SVG, in colours that read on light and on dark.

use std::collections::BTreeMap;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use tidegate_chart::{
    Axes, Axis, BLUE, Chart, FONT, GREEN, GREY, Margin, NotDrawn, RED, draw, line,
};

use crate::outcome::{Ending, RunOutcome};
use crate::path::Path;
use crate::sweep::{Objective, Point, Sweep};
use crate::world::World;

const HEIGHT: u32 = 280;

fn axes<'a, 'b>(
    area: &tidegate_chart::Area<'b>,
    x: &Axis<'_>,
    y: Axis<'_>,
) -> Result<Axes<'a, 'b>, NotDrawn> {
    tidegate_chart::axes(area, x, &Margin::Scale(y))
}

/// The share of runs that were rolled back, hour by hour, and of those promoted at the end.
pub(super) fn endings(world: &World, outcomes: &[RunOutcome]) -> Result<Chart, NotDrawn> {
    let experiment = world.definition().experiment();
    let rolled_back: Vec<&RunOutcome> = outcomes.iter().filter(|o| o.is_rolled_back()).collect();
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
    draw(HEIGHT, caption, |area| {
        let x = Axis { range: 0.0..end, title: "hours" };
        let mut chart = axes(area, &x, Axis { range: 0.0..100.0, title: "% of rollouts" })?;
        line(&mut chart, steps, RED.stroke_width(2))?;
        let promoted = promoted / count * 100.0;
        line(&mut chart, [(end * 0.96, promoted), (end, promoted)], GREEN.stroke_width(4))
    })
}

/// How the estimate moved in typical runs; nothing where there was nothing to estimate.
pub(super) fn paths(paths: &[Path]) -> Result<Option<Chart>, NotDrawn> {
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
    let chart = draw(HEIGHT, caption, |area| {
        let x = Axis { range: 0.0..end, title: "hours" };
        let mut chart = axes(area, &x, Axis { range: low..high, title: first.unit })?;
        let upper = first.points.iter().map(|p| (p.hour, shown(p.bounds.1)));
        let lower = first.points.iter().rev().map(|p| (p.hour, shown(p.bounds.0)));
        let band = Polygon::new(upper.chain(lower).collect::<Vec<_>>(), BLUE.mix(0.18));
        chart.draw_series(std::iter::once(band)).map_err(NotDrawn::new)?;
        let points = |path: &Path| -> Vec<(f64, f64)> {
            path.points.iter().map(|p| (p.hour, shown(p.change))).collect()
        };
        for path in &paths[1..] {
            line(&mut chart, points(path), BLUE.mix(0.5).stroke_width(1))?;
        }
        line(&mut chart, points(first), BLUE.stroke_width(2))?;
        line(&mut chart, [(0.0, 0.0), (end, 0.0)], GREY.stroke_width(1))?;
        line(&mut chart, [(0.0, first.limit), (end, first.limit)], RED.stroke_width(1))
    })?;
    Ok(Some(chart))
}

/// Both curves of a sweep over its first setting, and the front.
pub(super) fn sweep(sweep: &Sweep<'_>) -> Result<Vec<Chart>, NotDrawn> {
    let mut charts = Vec::new();
    let varied: Vec<(f64, &Point)> =
        sweep.points.iter().filter_map(|point| Some((point.first?, point))).collect();
    if varied.len() == sweep.points.len() {
        let share: fn(&Point) -> f64 = |point| point.false_rollback_share * 100.0;
        let title = "% of harmless rollouts rolled back";
        let caption = format!("Harmless rollouts rolled back, by {}.", sweep.varied);
        charts.push(curve(
            &varied,
            &Curve { value: share, x_title: sweep.varied, title },
            caption,
        )?);
        let (value, title) = (cost_of(sweep.objective), sweep.objective.title());
        let caption = format!("{}, by {}.", capital(title), sweep.varied);
        charts.push(curve(&varied, &Curve { value, x_title: sweep.varied, title }, caption)?);
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

/// What is drawn over the first setting.
struct Curve<'a> {
    value: fn(&Point) -> f64,
    title: &'a str,
    x_title: &'a str,
}

/// A line over the first setting for each combination of the others.
fn curve(
    points: &[(f64, &Point)],
    Curve { value, title, x_title }: &Curve<'_>,
    caption: String,
) -> Result<Chart, NotDrawn> {
    let mut lines: BTreeMap<&[String], Vec<(f64, f64)>> = BTreeMap::new();
    for (x, point) in points {
        lines.entry(&point.settings[1..]).or_default().push((*x, value(point)));
    }
    let ends = |most: fn(f64, f64) -> f64, from| points.iter().map(|(x, _)| *x).fold(from, most);
    let (start, end) = (ends(f64::min, f64::INFINITY), ends(f64::max, f64::NEG_INFINITY));
    let top = points.iter().map(|(_, point)| value(point)).fold(0.0, f64::max) * 1.1;
    draw(HEIGHT, caption, |area| {
        let x = Axis { range: start..end, title: x_title };
        let mut chart = axes(area, &x, Axis { range: 0.0..top.max(1e-3), title })?;
        for (others, values) in lines {
            // The curve is named where it ends, by what the first setting does not say.
            if let Some((x, y)) = values.last().filter(|_| !others.is_empty()) {
                let style =
                    TextStyle::from(FONT.into_font()).pos(Pos::new(HPos::Right, VPos::Bottom));
                let name = others.join(" ");
                let label = Text::new(name, (*x, *y), style);
                chart.draw_series(std::iter::once(label)).map_err(NotDrawn::new)?;
            }
            let dots = values.iter().map(|place| Circle::new(*place, 3, BLUE.filled()));
            chart.draw_series(dots).map_err(NotDrawn::new)?;
            line(&mut chart, values, BLUE.stroke_width(2))?;
        }
        Ok(())
    })
}

fn front(sweep: &Sweep<'_>) -> Result<Chart, NotDrawn> {
    let cost = cost_of(sweep.objective);
    let place = |point: &Point| (point.false_rollback_share * 100.0, cost(point));
    let mut on_front: Vec<(f64, f64)> =
        sweep.points.iter().filter(|point| point.on_front).map(place).collect();
    on_front.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let right = sweep.points.iter().map(|point| place(point).0).fold(0.0, f64::max) * 1.1;
    let top = sweep.points.iter().map(|point| place(point).1).fold(0.0, f64::max) * 1.1;
    let caption = "Every setting as a point: down and left is better. Green: the Pareto front; red: recommended.";
    draw(HEIGHT, caption, |area| {
        // Many settings roll back nothing; their points shall not lie on the axis.
        let right = right.max(1e-3);
        let x = Axis { range: -0.03 * right..right, title: "% of harmless rollouts rolled back" };
        let y = Axis { range: 0.0..top.max(1e-3), title: sweep.objective.title() };
        let mut chart = axes(area, &x, y)?;
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
        chart.draw_series(dots).map_err(NotDrawn::new)?;
        Ok(())
    })
}
