//! The plots, as PNG: 900 by 400 pixels, with the original's colours.
//!
//! Colour says how an operation ended, shape what it was; faults are shaded strips along the
//! upper edge, one row for each kind, with a line wherever one begins or ends. The text is set
//! in a font that is part of this program.

mod canvas;

use std::collections::BTreeMap;
use std::ops::Range;

use ab_glyph::FontRef;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};
use rustc_hash::FxHashSet;

use self::canvas::Canvas;
use super::activity::Activity;
use super::series::{self, OUTCOMES, Points, QUANTILES};
use super::unseen::Unseen;
use crate::history::OpType;

const SIZE: (u32, u32) = (900, 400);
const LEGEND_WIDTH: u32 = 150;
const FONT: &str = "plot";
const NOTHING: &str = "no operation ended";
const ZEROS: &str = "every operation took no time at all";

/// The original's colour of an outcome.
pub fn outcome_colour(outcome: OpType) -> RGBColor {
    match outcome {
        OpType::Info => RGBColor(0xFF, 0xA4, 0x00),
        OpType::Fail => RGBColor(0xFF, 0x1E, 0x90),
        OpType::Ok | OpType::Invoke => RGBColor(0x81, 0xBF, 0xFC),
    }
}

/// The original's colour of a quantile, from the highest to the lowest.
const QUANTILE_COLOURS: [RGBColor; QUANTILES.len()] = [
    RGBColor(0xFF, 0x00, 0x00),
    RGBColor(0xFF, 0xA5, 0x00),
    RGBColor(0xA0, 0x20, 0xF0),
    RGBColor(0x00, 0x00, 0xFF),
];

fn fault_colour(name: &str) -> RGBColor {
    match name {
        "partition" | "one-way" => RGBColor(0xE9, 0xDC, 0xA0),
        "kill" => RGBColor(0xE9, 0xA4, 0xA0),
        "pause" => RGBColor(0xA0, 0xB1, 0xE9),
        "skew" => RGBColor(0xA0, 0xE9, 0xE3),
        "membership" => RGBColor(0xC8, 0xA0, 0xE9),
        "disk" => RGBColor(0xE9, 0xC4, 0xA0),
        _ => RGBColor(0xCC, 0xCC, 0xCC),
    }
}

/// The shape of a line that is filled down to the axis, and has no marks.
const FILLED: usize = usize::MAX;

/// A series: what it is called, how it looks, and its points.
struct Line<'a> {
    title: String,
    colour: RGBColor,
    shape: usize,
    joined: bool,
    points: &'a [(f64, f64)],
}

/// A plot: its words and its series.
struct Plot<'a> {
    title: String,
    y_label: &'a str,
    logarithmic: bool,
    lines: Vec<Line<'a>>,
    /// What it says when there is nothing to draw, and when there is nothing but zeros.
    nothing: &'a str,
    zeros: &'a str,
}

/// Every operation's latency.
///
/// # Errors
/// A sentence, when the plot cannot be drawn.
pub fn latency_raw(workload: &str, activity: &Activity) -> anyhow::Result<Vec<u8>> {
    let series = series::latencies(activity);
    let mut lines = by_outcome(activity, &series, false);
    // Where there is little of something, it must not vanish behind what there is much of.
    lines.sort_by_key(|line| std::cmp::Reverse(line.points.len()));
    let title = format!("{workload} latency");
    let y_label = "Latency (ms)";
    draw(
        activity,
        &Plot { title, y_label, logarithmic: true, lines, nothing: NOTHING, zeros: ZEROS },
    )
}

/// Quantiles of latency over time.
///
/// # Errors
/// A sentence, when the plot cannot be drawn.
pub fn latency_quantiles(workload: &str, activity: &Activity) -> anyhow::Result<Vec<u8>> {
    let series = series::quantiles(activity, series::window_secs(activity, 30.0));
    let mut lines = Vec::new();
    for (shape, (function, quantiles)) in series.iter().enumerate() {
        for ((points, quantile), colour) in quantiles.iter().zip(QUANTILES).zip(QUANTILE_COLOURS) {
            let title = format!("{function} {quantile}");
            lines.push(Line { title, colour, shape, joined: true, points });
        }
    }
    let title = format!("{workload} latency");
    let y_label = "Latency (ms)";
    draw(
        activity,
        &Plot { title, y_label, logarithmic: true, lines, nothing: NOTHING, zeros: ZEROS },
    )
}

/// How many operations ended a second, over time.
///
/// # Errors
/// A sentence, when the plot cannot be drawn.
pub fn rate(workload: &str, activity: &Activity) -> anyhow::Result<Vec<u8>> {
    let series = series::rates(activity, series::window_secs(activity, 10.0));
    let lines = by_outcome(activity, &series, true);
    let title = format!("{workload} rate");
    let y_label = "Throughput (operations/s)";
    draw(
        activity,
        &Plot { title, y_label, logarithmic: false, lines, nothing: NOTHING, zeros: ZEROS },
    )
}

/// So many groups have a colour and a name of their own: the ones that reach highest.
const GROUPS: usize = 18;

const GROUP_COLOURS: [RGBColor; 9] = [
    RGBColor(0x1F, 0x77, 0xB4),
    RGBColor(0xFF, 0x7F, 0x0E),
    RGBColor(0x2C, 0xA0, 0x2C),
    RGBColor(0xD6, 0x27, 0x28),
    RGBColor(0x94, 0x67, 0xBD),
    RGBColor(0x8C, 0x56, 0x4B),
    RGBColor(0xE3, 0x77, 0xC2),
    RGBColor(0xBC, 0xBD, 0x22),
    RGBColor(0x17, 0xBE, 0xCF),
];

const OTHER_COLOUR: RGBColor = RGBColor(0xC8, 0xC8, 0xC8);

/// How far behind the readers of logs are, in groups of this kind.
///
/// # Errors
/// A sentence, when the plot cannot be drawn.
pub fn realtime_lag(
    workload: &str,
    kind: &str,
    activity: &Activity,
    groups: &BTreeMap<String, Points>,
) -> anyhow::Result<Vec<u8>> {
    let highest = |points: &Points| points.iter().map(|point| point.1).fold(0.0, f64::max);
    let mut sorted: Vec<(&String, &Points)> = groups.iter().collect();
    sorted.sort_by(|a, b| highest(b.1).total_cmp(&highest(a.1)));
    let (shown, others) = sorted.split_at(sorted.len().min(GROUPS));
    let others: Points = others.iter().flat_map(|(_, points)| points.iter().copied()).collect();
    let mut lines = Vec::new();
    if !others.is_empty() {
        let title = format!("{} more", groups.len() - shown.len());
        lines.push(Line { title, colour: OTHER_COLOUR, shape: 4, joined: false, points: &others });
    }
    for (number, (name, points)) in shown.iter().enumerate() {
        let colour = GROUP_COLOURS[number % GROUP_COLOURS.len()];
        let shape = number / GROUP_COLOURS.len();
        lines.push(Line { title: (*name).clone(), colour, shape, joined: false, points });
    }
    let title = format!("{workload} realtime lag by {kind}");
    let (nothing, zeros) = ("nobody was told what a log has", "no reader was ever behind");
    draw(activity, &Plot { title, y_label: "Lag (s)", logarithmic: false, lines, nothing, zeros })
}

/// How many messages nobody had polled yet, over time, of one log above the other.
///
/// # Errors
/// A sentence, when the plot cannot be drawn.
pub fn unseen(workload: &str, activity: &Activity, unseen: &Unseen) -> anyhow::Result<Vec<u8>> {
    let most = |place: &usize| unseen.moments.iter().map(|(_, counts)| counts[*place]).max();
    let mut places: Vec<usize> = (0..unseen.keys.len()).collect();
    places.sort_by_key(|place| std::cmp::Reverse(most(place)));
    // Those without a name of their own are lowest, together.
    let (shown, others) = places.split_at(places.len().min(GROUPS));
    let mut stack: Vec<(String, RGBColor, Vec<usize>)> = Vec::new();
    if !others.is_empty() {
        let title = format!("{} more", others.len());
        stack.push((title, OTHER_COLOUR, others.to_vec()));
    }
    for (number, place) in shown.iter().enumerate() {
        let colour = GROUP_COLOURS[number % GROUP_COLOURS.len()];
        stack.push((format!("key {}", unseen.keys[*place]), colour, vec![*place]));
    }
    let mut below = vec![0; unseen.moments.len()];
    let mut layers = Vec::new();
    for (title, colour, places) in stack {
        let counts = unseen.moments.iter().zip(&mut below);
        let points: Points = counts
            .map(|((time, counts), below)| {
                *below += places.iter().map(|place| counts[*place]).sum::<usize>();
                (*time, *below as f64)
            })
            .collect();
        layers.push((title, colour, points));
    }
    // The highest line is behind all others.
    let mut lines = Vec::new();
    for (title, colour, points) in layers.iter().rev() {
        let (title, colour) = (title.clone(), *colour);
        lines.push(Line { title, colour, shape: FILLED, joined: true, points });
    }
    let title = format!("{workload} unseen");
    let (nothing, zeros) = ("no message was sent", "every message was polled at once");
    draw(
        activity,
        &Plot { title, y_label: "Unseen messages", logarithmic: false, lines, nothing, zeros },
    )
}

fn by_outcome<'a>(
    activity: &'a Activity,
    series: &'a BTreeMap<(&str, OpType), Points>,
    joined: bool,
) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    for (shape, function) in activity.functions().into_iter().enumerate() {
        for outcome in OUTCOMES {
            if let Some(points) = series.get(&(function, outcome)) {
                let title = format!("{function} {}", outcome.name());
                let colour = outcome_colour(outcome);
                lines.push(Line { title, colour, shape, joined, points });
            }
        }
    }
    lines
}

fn draw(activity: &Activity, plot: &Plot) -> anyhow::Result<Vec<u8>> {
    register_font(FONT, FontStyle::Normal, dejavu::sans::regular())
        .map_err(|_| anyhow::anyhow!("the font of the plots cannot be read"))?;
    let mut pixels = vec![0; (SIZE.0 * SIZE.1 * 3) as usize];
    {
        let font = FontRef::try_from_slice(dejavu::sans::regular())?;
        let area = Canvas::new(&mut pixels, SIZE, font).into_drawing_area();
        draw_on(&area, activity, plot)
            .map_err(|error| anyhow::anyhow!("the plot \"{}\" failed: {error}", plot.title))?;
    }
    encode_png(&pixels)
}

type Area<'a> = DrawingArea<Canvas<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw_on(area: &Area, activity: &Activity, plot: &Plot) -> Drawn {
    area.fill(&WHITE)?;
    let (chart_area, legend) = area.split_horizontally(SIZE.0 - LEGEND_WIDTH);
    let last_point = plot.lines.iter().flat_map(|line| line.points).map(|point| point.0);
    let end = last_point.fold(series::seconds(activity.end()), f64::max);
    let x = 0.0..if end > 0.0 { end * 1.02 } else { 1.0 };
    let mut builder = ChartBuilder::on(&chart_area);
    builder
        .caption(&plot.title, (FONT, 18))
        .margin(8)
        .margin_right(16)
        .x_label_area_size(40)
        .y_label_area_size(64);
    if plot.logarithmic {
        let y = logarithmic_range(plot);
        let mut chart = builder.build_cartesian_2d(x.clone(), y.clone().log_scale())?;
        draw_chart(&mut chart, activity, plot, &x, y.start)?;
    } else {
        let mut chart = builder.build_cartesian_2d(x.clone(), linear_range(plot))?;
        draw_chart(&mut chart, activity, plot, &x, f64::NEG_INFINITY)?;
    }
    if let Some(word) = instead(plot) {
        let style = (FONT, 18).into_font().color(&RGBColor(0x70, 0x70, 0x70));
        let style = style.pos(Pos::new(HPos::Center, VPos::Center));
        let middle = ((SIZE.0 - LEGEND_WIDTH) as i32 / 2 + 24, SIZE.1 as i32 / 2);
        area.draw(&Text::new(word, middle, style))?;
    }
    draw_legend(&legend, activity, plot)
}

/// What is said in the middle of a plot that shows nothing else.
fn instead<'a>(plot: &Plot<'a>) -> Option<&'a str> {
    let mut values = plot.lines.iter().flat_map(|line| line.points).map(|point| point.1).peekable();
    if values.peek().is_none() {
        return Some(plot.nothing);
    }
    values.all(|value| value <= 0.0).then_some(plot.zeros)
}

/// From the power of ten below the lowest value to the one above the highest. What took no time
/// at all, as in virtual time, has no place on such a scale: there is one more power of ten for
/// it, the lowest, which is called 0.
fn logarithmic_range(plot: &Plot) -> Range<f64> {
    let values = || plot.lines.iter().flat_map(|line| line.points).map(|point| point.1);
    let lowest = values().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
    if lowest == f64::INFINITY {
        return 0.1 * ALMOST..1000.0;
    }
    let (lowest, highest) = (lowest.max(1e-3), values().fold(0.0, f64::max).max(1e-3));
    let low = lowest.log10().floor() as i32 - i32::from(has_zero(plot));
    let high = (highest.log10().ceil() as i32).max(low + 1);
    // A point on the upper edge must not be cut in two.
    10f64.powi(low) * ALMOST..10f64.powi(high) * 1.1
}

/// So little below a power of ten that it is drawn there, and that its label is drawn too.
const ALMOST: f64 = 0.9999;

fn has_zero(plot: &Plot) -> bool {
    plot.lines.iter().flat_map(|line| line.points).any(|point| point.1 <= 0.0)
}

fn linear_range(plot: &Plot) -> Range<f64> {
    let values = plot.lines.iter().flat_map(|line| line.points).map(|point| point.1);
    let highest = values.fold(0.0, f64::max);
    // Room for the strips of faults.
    0.0..if highest > 0.0 { highest * 1.15 } else { 1.0 }
}

fn draw_chart<Y>(
    chart: &mut ChartContext<
        '_,
        Canvas<'_>,
        Cartesian2d<plotters::coord::types::RangedCoordf64, Y>,
    >,
    activity: &Activity,
    plot: &Plot,
    x: &Range<f64>,
    lowest: f64,
) -> Drawn
where
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let bottom = if plot.logarithmic && has_zero(plot) { lowest * 1.01 } else { lowest };
    draw_faults(chart.plotting_area(), activity, x)?;
    chart
        .configure_mesh()
        .x_desc("Time (s)")
        .y_desc(plot.y_label)
        .label_style((FONT, 12))
        .axis_desc_style((FONT, 14))
        .light_line_style(RGBColor(0xF2, 0xF2, 0xF2))
        .bold_line_style(RGBColor(0xE2, 0xE2, 0xE2))
        .max_light_lines(4)
        .x_label_formatter(&|seconds| tick(*seconds))
        .y_label_formatter(&|value| if *value <= bottom { "0".into() } else { tick(*value) })
        .draw()?;
    for line in &plot.lines {
        let place = |&(x, y): &(f64, f64)| (x, y.max(lowest));
        if line.shape == FILLED {
            let points = line.points.iter().copied();
            chart.draw_series(AreaSeries::new(points, 0.0, line.colour))?;
            continue;
        }
        if line.joined {
            for part in without_gaps(line.points) {
                let style = line.colour.stroke_width(1);
                chart.draw_series(LineSeries::new(part.iter().map(place), style))?;
            }
        }
        // A million points fall on some ten thousand pixels; each is drawn once.
        let area = chart.plotting_area().strip_coord_spec();
        let (left, top) = chart.plotting_area().get_base_pixel();
        let mut drawn = FxHashSet::default();
        for point in line.points.iter().map(place) {
            let (x, y) = chart.backend_coord(&point);
            if drawn.insert((x, y)) {
                draw_shape(&area, line.shape, (x - left, y - top), line.colour)?;
            }
        }
    }
    Ok(())
}

/// The parts of a line between which windows are missing: where nothing ended, nothing is known,
/// and no line should lead across.
fn without_gaps(points: &[(f64, f64)]) -> impl Iterator<Item = &[(f64, f64)]> {
    let steps = points.windows(2).map(|pair| pair[1].0 - pair[0].0);
    let longest = steps.fold(f64::INFINITY, f64::min) * 1.5;
    points.chunk_by(move |a, b| b.0 - a.0 <= longest)
}

/// A value beside an axis, with no more digits than it needs.
fn tick(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Draws the mark of a function's operations.
fn draw_shape(area: &Area, shape: usize, (x, y): (i32, i32), colour: RGBColor) -> Drawn {
    match shape % 4 {
        0 => area.draw(&Circle::new((x, y), 2, colour.filled()))?,
        1 => area.draw(&TriangleMarker::new((x, y), 4, colour.filled()))?,
        2 => area.draw(&Cross::new((x, y), 3, colour.stroke_width(1)))?,
        _ => {
            area.draw(&Rectangle::new([(x - 2, y - 2), (x + 2, y + 2)], colour.stroke_width(1)))?
        }
    }
    Ok(())
}

/// As the original: each kind of fault has a row of a twelfth of the height.
fn draw_faults<X, Y>(
    area: &DrawingArea<Canvas, Cartesian2d<X, Y>>,
    activity: &Activity,
    x: &Range<f64>,
) -> Drawn
where
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    let (width, height) = area.dim_in_pixel();
    let plain = area.strip_coord_spec();
    let row_height = height as i32 / 12;
    let position = |seconds: f64| (width as f64 * (seconds - x.start) / (x.end - x.start)) as i32;
    for (row, name) in fault_names(activity).into_iter().enumerate() {
        let colour = fault_colour(&name);
        let top = row as i32 * row_height + 2;
        for span in activity.faults().iter().filter(|span| span.name == name) {
            let start = position(series::seconds(span.start));
            let stop = span.stop.map_or(width as i32, |stop| position(series::seconds(stop)));
            let strip = [(start, top), (stop, top + row_height - 4)];
            plain.draw(&Rectangle::new(strip, colour.mix(0.6).filled()))?;
            for edge in [start, stop] {
                plain.draw(&PathElement::new([(edge, 0), (edge, height as i32)], colour))?;
            }
        }
    }
    Ok(())
}

fn fault_names(activity: &Activity) -> Vec<String> {
    // The spans are sorted by name.
    let mut names: Vec<String> = activity.faults().into_iter().map(|span| span.name).collect();
    names.dedup();
    names
}

fn draw_legend(area: &Area, activity: &Activity, plot: &Plot) -> Drawn {
    let text = (FONT, 12).into_font().color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
    let mut lines: Vec<&Line> = plot.lines.iter().collect();
    lines.sort_by_key(|line| line.shape);
    let mut y = 44;
    for line in lines {
        if line.joined {
            area.draw(&PathElement::new([(4, y), (20, y)], line.colour))?;
        }
        if line.shape != FILLED {
            draw_shape(area, line.shape, (12, y), line.colour)?;
        }
        area.draw(&Text::new(super::format::shorten(&line.title, 18), (26, y), text.clone()))?;
        y += 17;
    }
    for name in fault_names(activity) {
        let strip = [(4, y - 5), (20, y + 5)];
        area.draw(&Rectangle::new(strip, fault_colour(&name).mix(0.6).filled()))?;
        area.draw(&Text::new(name, (26, y), text.clone()))?;
        y += 17;
    }
    Ok(())
}

fn encode_png(pixels: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, SIZE.0, SIZE.1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(file)
}
