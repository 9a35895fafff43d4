//! One page about a rollout.

use std::fmt::Write;

use tidegate_spec::api::{Judgement, Labels, LastStep, Outside, Review, Status, VariantMetrics};

use super::bar::{CELLS, LEGEND, bar};
use super::layout::{Layout, Worth};
use super::paint::Paint;
use crate::experiment::shown::state;
use crate::printable::printable;
use crate::table::aligned;
use crate::terminal::{Room, cut};

/// Where what is said of a word begins.
const SAID: usize = 11;

/// The page, each line ended.
pub(crate) fn page(status: &Status, paint: Paint, room: Room) -> String {
    let mut page = Layout::new(room);
    add_stand(&mut page, status, paint);
    page.blank();
    page.drawn(Worth::Numbers, &sides(status));
    if let Some(pairs) = pairs(status) {
        page.line(Worth::Aside, 4, &pairs);
    }
    page.blank();
    if !status.guardrails.is_empty() {
        page.drawn(Worth::Always, &guardrails(status, paint, room.columns));
        page.line(Worth::Aside, 4, &format!("  {LEGEND}"));
    }
    if let Some(split) = &status.split {
        let verdict = if split.clean { "as planned" } else { "NOT as planned" };
        let crossed = match split.crossed {
            0 => String::new(),
            crossed => format!(", {crossed} cameras with both"),
        };
        let line = format!(
            "  split: {} control and {} treatment, planned {} treatment{crossed}: {verdict}",
            split.units.control,
            split.units.treatment,
            percent(split.planned_share),
        );
        page.line(Worth::Aside, 4, &line);
    }
    if !status.guardrails.is_empty() {
        page.blank();
    }
    page.line(Worth::Answer, SAID, &format!("  finding  {}", printable(&status.finding)));
    add_review(&mut page, status);
    let next = printable(&status.next.sentence);
    let next = match &status.next.at {
        Some(at) => format!("  next     {}: {next}", printable(at)),
        None => format!("  next     {next}"),
    };
    page.line(Worth::Answer, SAID, &next);
    add_warnings(&mut page, status, paint);
    page.text()
}

/// What runs, and where it stands.
fn add_stand(page: &mut Layout, status: &Status, paint: Paint) {
    let name = |text: &str| printable(text);
    let title = format!(
        "{}: run {}, {} (control) against {} (treatment), {} rule",
        paint.strong(&name(&status.experiment)),
        status.run,
        name(&status.control),
        name(&status.treatment),
        name(&status.rule),
    );
    page.line(Worth::Always, 2, &title);
    if let Some(prompt) = &status.prompt {
        let production = prompt.production.as_deref().unwrap_or("nothing");
        let lines = [
            format!("  prompt   {}, in production: {}", name(&prompt.name), name(production)),
            format!("           {} (control)", name(&prompt.control)),
            format!("           {} (treatment)", name(&prompt.treatment)),
        ];
        for line in lines {
            page.line(Worth::Aside, SAID, &line);
        }
    }
    page.line(Worth::Always, SAID, &format!("  phase    {}", stand(status, paint)));
    if let Some(last) = &status.last {
        page.line(Worth::Context, SAID, &format!("  last     {}", last_step(last)));
    }
    if !status.salt.is_empty() && status.salt != status.experiment {
        page.line(Worth::Aside, SAID, &format!("  salt     {}", name(&status.salt)));
    }
    let traffic = format!(
        "  traffic  {} cameras, {} observations, {} await feedback; cameras get: {}",
        status.cameras,
        status.observations,
        status.open_analyses,
        name(&status.serving),
    );
    page.line(Worth::Context, SAID, &traffic);
}

fn add_review(page: &mut Layout, status: &Status) {
    let review = status.review.as_ref().filter(|review| !review.sentence.is_empty());
    let Some(Review { settled, cards, sentence, .. }) = review else { return };
    let sentence = printable(sentence);
    let line = format!("  review   {settled} of {cards} cards answered. {sentence}");
    page.line(Worth::Context, SAID, &line);
}

fn add_warnings(page: &mut Layout, status: &Status, paint: Paint) {
    for warning in &status.warnings {
        let line = format!("! {}: {}", printable(&warning.code), printable(&warning.detail));
        page.line(Worth::Answer, 4, &format!("  {}", paint.warning(&line)));
    }
    if let Some(outside) = outside(&status.outside) {
        page.line(Worth::Context, SAID, &outside);
    }
    if status.evicted_analyses > 0 {
        let line =
            format!("! {} analyses were forgotten before their feedback", status.evicted_analyses);
        page.line(Worth::Context, 4, &format!("  {}", paint.warning(&line)));
    }
}

/// What was compared with nothing, and why, if there is anything.
fn outside(outside: &Outside) -> Option<String> {
    if outside.analyses == 0 {
        return None;
    }
    let causes: Vec<String> = outside
        .causes
        .iter()
        .map(|(cause, count)| format!("{count} {}", printable(cause)))
        .collect();
    let colon = if causes.is_empty() { "" } else { ": " };
    let causes = causes.join(", ");
    Some(format!("  outside  {} analyses, compared with nothing{colon}{causes}", outside.analyses))
}

/// Whether the owner is asked to release what proved itself.
fn is_proved(status: &Status) -> bool {
    let cause = status.last.as_ref().map(|last| last.cause.as_str());
    status.condition == "expired" && matches!(cause, Some("proved" | "reviewed"))
}

/// Phase and condition, the time left, and the ramp.
fn stand(status: &Status, paint: Paint) -> String {
    let mut line = paint.strong(&state(&status.phase, &status.condition));
    if is_proved(status) {
        line.push_str(", proved");
    }
    if status.remaining_hours > 0.0 {
        let _ = write!(line, ", {:.1} h left", status.remaining_hours);
    }
    let _ = write!(line, ", treatment share {}", percent(status.treatment_share));
    if status.step.of > 1 {
        let _ = write!(line, " (step {} of {})", status.step.number, status.step.of);
    }
    line
}

/// When and why the rollout came to where it stands.
fn last_step(last: &LastStep) -> String {
    let LastStep { at, from, to, cause, actor, reason } = last;
    let who = actor.as_ref().unwrap_or(cause);
    printable(&format!("{at}  {from} → {to}  {who}: {reason}"))
}

/// Both variants side by side.
fn sides(status: &Status) -> String {
    let (control, treatment) = (&status.variants.control, &status.variants.treatment);
    let title = format!("in {}", printable(&status.window));
    let row = |what: &str, shown: &dyn Fn(&VariantMetrics) -> String| {
        vec![what.to_owned(), shown(control), shown(treatment)]
    };
    let labelled = |of: fn(&Labels) -> u64, rate: fn(&VariantMetrics) -> f64| {
        move |side: &VariantMetrics| counted(of(&side.labels), rate(side))
    };
    let rows = [
        row("analyses", &|side| side.analyses.to_string()),
        row("errors", &|side| counted(side.errors, side.error_rate)),
        row("mean latency", &|side| {
            side.latency_ms_mean.map_or_else(|| "–".to_owned(), |mean| format!("{mean:.1} ms"))
        }),
        row("mean score", &|side| {
            side.score_mean.map_or_else(|| "–".to_owned(), |mean| format!("{mean:.1}"))
        }),
        row("alerts", &|side| counted(side.alerts, side.alert_rate)),
        row("labels", &|side| side.labels.total.to_string()),
        row("false positives", &labelled(|labels| labels.false_positive, |side| side.fp_rate)),
        row(
            "missed threats",
            &labelled(|labels| labels.missed_threat, |side| side.missed_threat_rate),
        ),
    ];
    let table = aligned(&[&title, "control", "treatment"], &[0], rows.into_iter()).to_string();
    let lines: Vec<String> = table.lines().map(|line| format!(" {}", line.trim_end())).collect();
    lines.join("\n")
}

/// What both prompts said of the same events, while there are such.
fn pairs(status: &Status) -> Option<String> {
    let pairs = &status.pairs;
    if pairs.comparisons == 0 {
        return None;
    }
    Some(format!(
        "  in shadow {} comparisons with {} labels: scores {} lower, {} the same, {} higher; failed {} by the control alone, {} by the \
         treatment alone, {} both; {} of {} confirmed threats kept",
        pairs.comparisons,
        pairs.labels,
        pairs.lower,
        pairs.same,
        pairs.higher,
        pairs.control_failed,
        pairs.treatment_failed,
        pairs.both_failed,
        pairs.retained,
        pairs.confirmed,
    ))
}

/// Each guardrail with its bar. Bar and verdict stand behind the table, which would count colours as letters. Where there is
/// no room for all, the bounds go, which the bar shows too, and then cells of the bar.
fn guardrails(status: &Status, paint: Paint, columns: Option<usize>) -> String {
    let columns = columns.unwrap_or(usize::MAX);
    let verdicts = status.guardrails.iter().map(|judgement| judgement.verdict.chars().count());
    // A blank before the table, one behind it, the limit with its sign, and two blanks.
    let beside = 1 + 1 + 2 + 2 + verdicts.max().unwrap_or(0).max("verdict".len());
    let whole = table(status, Bounds::Told);
    let (table, cells) = if width(&whole) + beside + CELLS <= columns {
        (whole, CELLS)
    } else {
        let short = table(status, Bounds::Drawn);
        let cells = columns.saturating_sub(width(&short) + beside).min(CELLS);
        (short, cells)
    };
    let mut lines = table.lines();
    let mut drawn = String::new();
    let to_the_limit = cut("to the limit", cells + 2);
    if let Some(header) = lines.next() {
        let _ = writeln!(drawn, " {header} {to_the_limit:<0$}  verdict", cells + 2);
    }
    for (line, judgement) in lines.zip(&status.guardrails) {
        let verdict = paint.verdict(&printable(&judgement.verdict));
        let _ = writeln!(drawn, " {line} {}  {verdict}", bar(judgement, cells));
    }
    drawn
}

/// Whether bounds are told in numbers, or only drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bounds {
    Told,
    Drawn,
}

fn width(table: &str) -> usize {
    table.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

fn table(status: &Status, bounds: Bounds) -> String {
    let told = bounds == Bounds::Told;
    let titles = ["guardrail", "worse by", "95 % bounds", "limit", "evidence"];
    let titles: Vec<&str> =
        titles.into_iter().filter(|title| told || *title != "95 % bounds").collect();
    let rows = status.guardrails.iter().map(|judgement| {
        let unit = match judgement.unit.as_str() {
            "percent" => "%",
            _ if told => "points",
            _ => "pts",
        };
        let mut row = vec![
            printable(&judgement.guardrail),
            judgement.change.map_or_else(|| "–".to_owned(), |change| format!("{change:+.1}")),
        ];
        row.extend(told.then(|| shown_bounds(judgement)));
        row.extend([format!("{:.1} {unit}", judgement.limit), evidence(judgement)]);
        row
    });
    aligned(&titles, &[0], rows).to_string()
}

fn shown_bounds(judgement: &Judgement) -> String {
    let shown = |bound: f64| format!("{bound:+.1}");
    match (judgement.low_95, judgement.high_95) {
        (None, None) => "–".to_owned(),
        (low, high) => format!(
            "{} to {}",
            low.map_or_else(|| "?".to_owned(), shown),
            high.map_or_else(|| "?".to_owned(), shown)
        ),
    }
}

fn evidence(judgement: &Judgement) -> String {
    let number = |number: f64| match number {
        small if small < 10.0 => format!("{small:.1}"),
        large if large < 1e6 => format!("{large:.0}"),
        huge => format!("{huge:.0e}"),
    };
    let shown = match (judgement.evidence, judgement.ln_evidence) {
        (Some(evidence), _) => number(evidence),
        (None, Some(ln)) => format!("e^{ln:.0}"),
        (None, None) => "–".to_owned(),
    };
    let is_enough = |needed: f64| judgement.ln_evidence.is_some_and(|ln| ln >= needed.ln());
    match judgement.evidence_needed {
        // That there is a change is no harm where it is small.
        Some(needed) if judgement.verdict == "pass" && is_enough(needed) => {
            format!("{shown}, small")
        }
        Some(needed) => format!("{shown} of {}", number(needed)),
        None => shown,
    }
}

fn counted(count: u64, rate: f64) -> String {
    format!("{count} ({})", percent(rate))
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    /// A text without what colours it.
    fn stripped(text: &str) -> String {
        let mut parts = text.split('\u{1b}');
        let first = parts.next().unwrap().to_owned();
        parts.fold(first, |text, part| text + part.split_once('m').unwrap().1)
    }

    #[test]
    fn colours_move_nothing() {
        let status = sample::status("ab", ["alarm", "fail"]);
        let (plain, coloured) =
            (page(&status, Paint::Plain, Room::ANY), page(&status, Paint::Colour, Room::ANY));
        assert!(!plain.contains('\u{1b}'));
        assert!(coloured.contains("\u{1b}[33malarm\u{1b}[0m"), "{coloured}");
        assert!(coloured.contains("\u{1b}[1;31mfail\u{1b}[0m"), "{coloured}");
        assert_eq!(stripped(&coloured), plain);
    }

    #[test]
    fn bars_and_verdicts_stand_below_their_titles() {
        let mut status = sample::status("ab", ["pass", "inconclusive"]);
        // Nothing to compare yet, and evidence beyond any number.
        let (first, second) = status.guardrails.split_at_mut(1);
        (first[0].change, first[0].low_95, first[0].high_95) = (None, None, None);
        (second[0].evidence, second[0].ln_evidence) = (None, Some(800.0));
        let drawn = guardrails(&status, Paint::Plain, None);
        let place = |line: &str, text: &str| line.find(text).map(|at| line[..at].chars().count());
        let lines: Vec<&str> = drawn.lines().collect();
        let bars = place(lines[0], "to the limit");
        assert_eq!(place(lines[1], "····"), bars, "{drawn}");
        assert_eq!(place(lines[1], "pass"), place(lines[0], "verdict"), "{drawn}");
        assert_eq!(place(lines[2], "inconclusive"), place(lines[0], "verdict"), "{drawn}");
        assert!(lines[1].contains("–") && lines[2].contains("e^800 of 50"), "{drawn}");
    }

    #[test]
    fn every_line_of_a_page_fits_a_wide_terminal() {
        let status = sample::status("ab", ["pass", "inconclusive"]);
        for line in page(&status, Paint::Plain, Room::ANY).lines() {
            assert!(line.chars().count() <= 110, "{line}");
            assert_eq!(line.trim_end(), line);
        }
    }

    /// The longest page there is: long names, and a guardrail of each name.
    fn longest() -> Status {
        let mut status = sample::status("ab", ["alarm", "fail"]);
        let judgement = status.guardrails[0].clone();
        status.guardrails = tidegate_engine::guardrail::Guardrail::ALL
            .into_iter()
            .map(|guardrail| Judgement {
                guardrail: guardrail.as_str().to_owned(),
                verdict: "inconclusive".to_owned(),
                unit: "points".to_owned(),
                change: Some(-123.4),
                low_95: Some(-234.5),
                high_95: Some(100.0),
                evidence: Some(123_456.7),
                evidence_needed: Some(20_000.0),
                limit: 100.0,
                ..judgement.clone()
            })
            .collect();
        status.experiment = "e".repeat(128);
        status.finding = "False alarms rose by 15.0 points (95 % bounds [+8.4, +21.7]). ".repeat(4);
        status
    }

    #[test]
    fn no_row_breaks_at_eighty_columns_whatever_it_says() {
        for columns in [80, 100, 132] {
            let room = Room { columns: Some(columns), rows: None };
            for status in [longest(), sample::status("ab", ["pass", "fail"])] {
                for line in page(&status, Paint::Plain, room).lines() {
                    assert!(line.chars().count() <= columns, "{columns}: {line}");
                }
            }
        }
    }

    #[test]
    fn phase_and_verdicts_stay_on_a_small_screen() {
        let room = Room { columns: Some(80), rows: Some(23) };
        let shown = page(&longest(), Paint::Plain, room);
        assert!(shown.lines().count() <= 23, "{shown}");
        assert!(shown.contains("  phase    ab, 31.5 h left"), "{shown}");
        let verdicts = shown.lines().filter(|line| line.ends_with("  inconclusive")).count();
        assert_eq!(verdicts, tidegate_engine::guardrail::Guardrail::ALL.len(), "{shown}");
        assert!(shown.contains("  next     it waits for its owner"), "{shown}");
    }
}
