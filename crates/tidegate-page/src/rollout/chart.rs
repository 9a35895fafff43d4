//! Charts of one rollout as SVG, each with the numbers behind it.

use plotters::prelude::*;
use tidegate_chart::{Axes, Axis, BLUE, GREY, Margin, NotDrawn, RED, draw, line};
use tidegate_spec::api::{self, GuardrailPoint, GuardrailSeries, Scores};

use crate::{filters, wording};

/// Points of a line: about one for every two pixels.
const DRAWN_MAX: usize = 160;
/// Rows of the table behind a line.
const ROWS_MAX: usize = 10;
const HEIGHT: u32 = 200;
/// How far a chart reaches beyond the limit on either side, unless the last point is farther: bounds of the first hours are
/// far wider.
const LIMITS_SHOWN: f64 = 3.0;
const HOUR_MS: f64 = 3_600_000.0;

/// What a guardrail said over time.
#[derive(Debug)]
pub(super) struct GuardrailChart<'a> {
    pub(super) series: &'a GuardrailSeries,
    pub(super) svg: String,
    pub(super) caption: String,
    /// Some of the points, the first and the last among them.
    pub(super) rows: Vec<&'a GuardrailPoint>,
}

impl<'a> GuardrailChart<'a> {
    /// Draws one, where there are two points with something to compare.
    pub(super) fn of(series: &'a GuardrailSeries) -> Result<Option<Self>, NotDrawn> {
        let points: Vec<ChartPoint> = series.points.iter().filter_map(ChartPoint::of).collect();
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return Ok(None) };
        if points.len() < 2 {
            return Ok(None);
        }
        let limit = f64::from(series.limit.unwrap_or(0.0));
        let name = wording::guardrail(&series.guardrail);
        let mut caption = format!(
            "Blue: how much worse the treatment is, in {}, with its 95 % bounds. Red: the limit.",
            wording::unit(&series.unit)
        );
        let range = range(&points, limit);
        let is_beyond = |point: &ChartPoint| {
            [point.low, point.change, point.high].iter().any(|number| !range.contains(number))
        };
        if points.iter().any(is_beyond) {
            caption.push_str(" What was farther before is cut off at the edge.");
        }
        let hours = last.at_hours - first.at_hours;
        let drawn = thinned(&points, DRAWN_MAX);
        let chart = draw(HEIGHT, caption, |area| {
            let x = Axis { range: 0.0..hours, title: "hours" };
            let clamped = |number: f64| number.clamp(range.start, range.end);
            let side = Margin::Scale(Axis { range: range.clone(), title: "" });
            let mut axes = tidegate_chart::axes(area, &x, &side)?;
            let at = |point: &ChartPoint| point.at_hours - first.at_hours;
            let upper = drawn.iter().map(|point| (at(point), clamped(point.high)));
            let lower = drawn.iter().rev().map(|point| (at(point), clamped(point.low)));
            let band: Vec<(f64, f64)> = upper.chain(lower).collect();
            let band = Polygon::new(band, BLUE.mix(0.25));
            axes.draw_series(std::iter::once(band)).map_err(NotDrawn::new)?;
            level(&mut axes, hours, 0.0, GREY.stroke_width(1))?;
            if series.limit.is_some() {
                level(&mut axes, hours, limit, RED.stroke_width(2))?;
            }
            let change = drawn.iter().map(|point| (at(point), clamped(point.change)));
            line(&mut axes, change, BLUE.stroke_width(2))
        })?;
        let described = format!(
            "{name} over {hours:.1} hours: at last {:+.1} with 95 % bounds {:+.1} to {:+.1}, limit {limit:.1} {}.",
            last.change,
            last.low,
            last.high,
            wording::unit(&series.unit)
        );
        Ok(Some(Self {
            series,
            svg: named(&chart.svg, &format!("chart-{}", series.guardrail), name, &described),
            caption: chart.caption,
            rows: thinned(&series.points, ROWS_MAX),
        }))
    }
}

/// A point at which something was compared.
struct ChartPoint {
    at_hours: f64,
    change: f64,
    low: f64,
    high: f64,
}

impl ChartPoint {
    fn of(point: &GuardrailPoint) -> Option<Self> {
        let change = f64::from(point.change?);
        let bound = |bound: Option<f32>| bound.map_or(change, f64::from);
        let at = api::parse_time(&point.at).ok()?;
        let at_hours = at.ms() as f64 / HOUR_MS;
        Some(Self { at_hours, change, low: bound(point.low_95), high: bound(point.high_95) })
    }
}

/// From below the least to above the greatest number that is near the limit, or no farther than the last is.
fn range(points: &[ChartPoint], limit: f64) -> std::ops::Range<f64> {
    let newest = points.last().map_or([0.0; 3], |point| [point.low, point.change, point.high]);
    let near = LIMITS_SHOWN * limit.abs().max(0.5);
    let farthest = newest.into_iter().map(f64::abs).fold(near, f64::max);
    let numbers = points.iter().flat_map(|point| [point.low, point.high, point.change]);
    let (least, most) = numbers
        .map(|number| number.clamp(-farthest, farthest))
        .fold((0.0_f64, limit.max(0.0)), |(least, most), number| {
            (least.min(number), most.max(number))
        });
    let room = ((most - least) * 0.06).max(0.1);
    least - room..most + room
}

fn level(
    axes: &mut Axes<'_, '_>,
    hours: f64,
    height: f64,
    style: ShapeStyle,
) -> Result<(), NotDrawn> {
    line(axes, [(0.0, height), (hours, height)], style)
}

/// At most so many of a list, evenly, its ends among them.
fn thinned<T>(list: &[T], most: usize) -> Vec<&T> {
    if list.len() <= most {
        return list.iter().collect();
    }
    (0..most).map(|number| &list[number * (list.len() - 1) / (most - 1)]).collect()
}

/// Both scores of the shadow.
#[derive(Debug)]
pub(super) struct ScoresChart<'a> {
    pub(super) scores: &'a Scores,
    pub(super) svg: String,
}

impl<'a> ScoresChart<'a> {
    /// Draws them, where there are any.
    pub(super) fn of(scores: &'a Scores) -> Result<Option<Self>, NotDrawn> {
        if scores.comparisons == 0 {
            return Ok(None);
        }
        let most = scores.counts.iter().flatten().max().copied().unwrap_or(1);
        let bin = f64::from(scores.bin_width);
        let threshold = f64::from(scores.alert_threshold);
        let chart = draw(360, "", |area| {
            let of_scores = |title| Axis { range: 0.0..104.0, title };
            let side = Margin::Scale(of_scores("treatment"));
            let mut axes = tidegate_chart::axes(area, &of_scores("control"), &side)?;
            for (row, counts) in scores.counts.iter().enumerate() {
                let left = row as f64 * bin;
                for (from, to, level) in runs(counts, most) {
                    let corners = [(left, from as f64 * bin), (left + bin, to as f64 * bin)];
                    let cell = Rectangle::new(corners, BLUE.mix(f64::from(level) / 5.0).filled());
                    axes.draw_series(std::iter::once(cell)).map_err(NotDrawn::new)?;
                }
            }
            for way in
                [[(threshold, 0.0), (threshold, 100.0)], [(0.0, threshold), (100.0, threshold)]]
            {
                line(&mut axes, way, RED.stroke_width(2))?;
            }
            Ok(())
        })?;
        let alerted = scores.alerted;
        let described = format!(
            "{} events by the control's score and the treatment's. At the threshold {}: both alert on {}, the control alone \
             on {}, the treatment alone on {}, neither on {}.",
            scores.comparisons,
            scores.alert_threshold,
            alerted.both,
            alerted.control_only,
            alerted.treatment_only,
            alerted.neither
        );
        let svg = named(&chart.svg, "chart-scores", "Both scores of the same events", &described);
        Ok(Some(Self { scores, svg }))
    }
}

/// Neighbours of one strength, of 1 to 5, as one: from which bin to which.
fn runs(counts: &[u64], most: u64) -> Vec<(usize, usize, u8)> {
    let mut runs: Vec<(usize, usize, u8)> = Vec::new();
    for (bin, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let share = (*count as f64 / most as f64).sqrt();
        let level = (1..=5).find(|level| share <= f64::from(*level) / 5.0).unwrap_or(5);
        match runs.last_mut() {
            Some((_, to, before)) if *to == bin && *before == level => *to = bin + 1,
            Some(_) | None => runs.push((bin, bin + 1, level)),
        }
    }
    runs
}

/// A drawing with a name and a description for who does not see it.
fn named(svg: &str, id: &str, title: &str, description: &str) -> String {
    let [id, title, description] = [id, title, description].map(filters::escaped);
    let rest = svg.strip_prefix("<svg ").unwrap_or(svg);
    let (attributes, content) = rest.split_once('>').unwrap_or((rest, ""));
    format!(
        "<svg role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" {attributes}><title id=\"{id}-title\">{title}</title>\
         <desc id=\"{id}-desc\">{description}</desc>{content}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_thinned_to_its_ends_and_some_between() {
        let list: Vec<usize> = (0..1_000).collect();
        let thin = thinned(&list, 7);
        assert_eq!((thin.len(), *thin[0], *thin[6]), (7, 0, 999));
        assert_eq!(thinned(&list[..3], 7).len(), 3);
    }

    #[test]
    fn the_last_change_and_its_bounds_are_never_cut_off() {
        let point = |at_hours: f64, low: f64, change: f64, high: f64| ChartPoint {
            at_hours,
            change,
            low,
            high,
        };
        let wide = point(0.0, -300.0, 0.0, 300.0);
        let calm = range(&[wide, point(1.0, -1.0, 0.5, 2.0)], 5.0);
        assert!(calm.contains(&15.0) && !calm.contains(&20.0), "{calm:?}");
        let wide = point(0.0, -300.0, 0.0, 300.0);
        let harmed = range(&[wide, point(1.0, 39.9, 54.9, 70.0)], 5.0);
        assert!(harmed.contains(&70.0) && !harmed.contains(&90.0), "{harmed:?}");
    }

    #[test]
    fn neighbours_of_one_strength_are_one_cell() {
        assert_eq!(runs(&[0, 100, 100, 1, 0, 100], 100), [(1, 3, 5), (3, 4, 1), (5, 6, 5)]);
        assert_eq!(runs(&[0, 0], 1), []);
    }
}
