//! The frame of the charts in reports: a canvas, axes, and colours that read on light and on dark.

use std::fmt;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{
    Cartesian2d, ChartBuilder, ChartContext, Color, DrawingArea, IntoDrawingArea, LineSeries,
    RGBColor, SVGBackend, ShapeStyle, TRANSPARENT,
};

/// Near the width of a phone, in pixels, so that letters keep their size there.
pub const WIDTH: u32 = 440;
/// The treatment, and what was measured.
pub const BLUE: RGBColor = RGBColor(47, 129, 247);
/// Harm, and limits.
pub const RED: RGBColor = RGBColor(229, 83, 75);
/// What is well.
pub const GREEN: RGBColor = RGBColor(46, 160, 67);
/// Axes, words, and the control.
pub const GREY: RGBColor = RGBColor(128, 136, 146);
/// The letters, and their height in pixels.
pub const FONT: (&str, u32) = ("sans-serif", 13);

/// A canvas.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// Two axes on a canvas.
pub type Axes<'a, 'b> =
    ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// A chart with the sentence below it.
#[derive(Debug, Clone)]
pub struct Chart {
    /// The chart as an SVG element.
    pub svg: String,
    /// What it shows.
    pub caption: String,
}

/// A chart that cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[error("a chart cannot be drawn: {0}")]
pub struct NotDrawn(String);

impl NotDrawn {
    /// What the drawing said; its own error borrows the canvas.
    pub fn new(error: impl fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// Draws on an empty canvas of that height.
///
/// # Errors
/// What `work` reports, and a canvas that cannot be finished.
pub fn draw(
    height: u32,
    caption: impl Into<String>,
    work: impl FnOnce(&Area<'_>) -> Result<(), NotDrawn>,
) -> Result<Chart, NotDrawn> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        work(&area)?;
        area.present().map_err(NotDrawn::new)?;
    }
    Ok(Chart { svg, caption: caption.into() })
}

/// An axis with numbers.
#[derive(Debug, Clone)]
pub struct Axis<'a> {
    /// From where to where.
    pub range: Range<f64>,
    /// What it measures.
    pub title: &'a str,
}

/// What stands beside the lines of a chart.
#[derive(Debug, Clone)]
pub enum Margin<'a> {
    /// A scale.
    Scale(Axis<'a>),
    /// Names of whole lines, which the caller writes.
    Names {
        /// Room for them, in pixels.
        width: u32,
        /// How many lines there are.
        lines: usize,
        /// How the numbers below are written.
        numbers: fn(&f64) -> String,
    },
}

/// Draws the axes.
///
/// # Errors
/// Axes that do not fit on the canvas.
pub fn axes<'a, 'b>(
    area: &Area<'b>,
    x: &Axis<'_>,
    side: &Margin<'_>,
) -> Result<Axes<'a, 'b>, NotDrawn> {
    let (y, width) = match side {
        Margin::Scale(scale) => (scale.range.clone(), 60),
        Margin::Names { width, lines, .. } => (0.0..*lines as f64, *width),
    };
    let mut axes = ChartBuilder::on(area)
        .margin(8)
        .x_label_area_size(36)
        .y_label_area_size(width)
        .build_cartesian_2d(widened(x.range.clone()), widened(y))
        .map_err(NotDrawn::new)?;
    let mut mesh = axes.configure_mesh();
    mesh.light_line_style(TRANSPARENT).axis_style(GREY).label_style(FONT).x_desc(x.title);
    match side {
        Margin::Scale(scale) => mesh
            .x_labels(7)
            .y_labels(6)
            .bold_line_style(GREY.mix(0.35))
            .y_desc(scale.title)
            .draw()
            .map_err(NotDrawn::new)?,
        Margin::Names { numbers, .. } => mesh
            .x_labels(6)
            .x_label_formatter(numbers)
            .y_labels(0)
            .disable_y_mesh()
            .bold_line_style(GREY.mix(0.25))
            .draw()
            .map_err(NotDrawn::new)?,
    }
    drop(mesh);
    Ok(axes)
}

/// A range that is not empty.
fn widened(range: Range<f64>) -> Range<f64> {
    if range.end > range.start { range } else { range.start - 0.5..range.start + 0.5 }
}

/// Draws a line through points.
///
/// # Errors
/// A line that cannot be drawn.
pub fn line(
    axes: &mut Axes<'_, '_>,
    points: impl IntoIterator<Item = (f64, f64)>,
    style: impl Into<ShapeStyle>,
) -> Result<(), NotDrawn> {
    axes.draw_series(LineSeries::new(points, style)).map_err(NotDrawn::new)?;
    Ok(())
}
