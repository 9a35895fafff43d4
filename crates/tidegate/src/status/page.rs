//! One page about a rollout.

use std::fmt::Write;

use tidegate_spec::api::{Judgement, Labels, LastStep, Outside, Review, Status, VariantMetrics};

use super::bar::{CELLS, LEGEND, bar};
use super::paint::Paint;
use crate::experiment::shown::state;
use crate::printable::printable;
use crate::table::aligned;

/// The page, each line ended.
pub(crate) fn page(status: &Status, paint: Paint) -> String {
    let mut page = String::new();
    // Writing into a text does not fail.
    let _ = write_page(&mut page, status, paint);
    page
}

fn write_page(page: &mut String, status: &Status, paint: Paint) -> std::fmt::Result {
    let name = |text: &str| printable(text);
    writeln!(
        page,
        "{}: run {}, {} (control) against {} (treatment), {} rule",
        paint.strong(&name(&status.experiment)),
        status.run,
        name(&status.control),
        name(&status.treatment),
        name(&status.rule),
    )?;
    if let Some(prompt) = &status.prompt {
        let production = prompt.production.as_deref().unwrap_or("nothing");
        writeln!(page, "  prompt   {}, in production: {}", name(&prompt.name), name(production))?;
        writeln!(page, "           {} (control)", name(&prompt.control))?;
        writeln!(page, "           {} (treatment)", name(&prompt.treatment))?;
    }
    writeln!(page, "  phase    {}", stand(status, paint))?;
    if let Some(last) = &status.last {
        writeln!(page, "  last     {}", last_step(last))?;
    }
    if !status.salt.is_empty() && status.salt != status.experiment {
        writeln!(page, "  salt     {}", name(&status.salt))?;
    }
    writeln!(
        page,
        "  traffic  {} cameras, {} observations, {} await feedback; cameras get: {}",
        status.cameras,
        status.observations,
        status.open_analyses,
        name(&status.serving),
    )?;
    writeln!(page, "\n{}", sides(status))?;
    if let Some(pairs) = pairs(status) {
        writeln!(page, "{pairs}")?;
    }
    writeln!(page)?;
    if !status.guardrails.is_empty() {
        write!(page, "{}", guardrails(status, paint))?;
    }
    if let Some(split) = &status.split {
        let verdict = if split.clean { "as planned" } else { "NOT as planned" };
        writeln!(
            page,
            "  split: {} control and {} treatment, planned {} treatment: {verdict}",
            split.units.control,
            split.units.treatment,
            percent(split.planned_share),
        )?;
    }
    if !status.guardrails.is_empty() {
        writeln!(page)?;
    }
    writeln!(page, "  finding  {}", name(&status.finding))?;
    write_review(page, status)?;
    let next = name(&status.next.sentence);
    match &status.next.at {
        Some(at) => writeln!(page, "  next     {}: {next}", name(at))?,
        None => writeln!(page, "  next     {next}")?,
    }
    write_warnings(page, status, paint)
}

fn write_review(page: &mut String, status: &Status) -> std::fmt::Result {
    let review = status.review.as_ref().filter(|review| !review.sentence.is_empty());
    let Some(Review { settled, cards, sentence, .. }) = review else { return Ok(()) };
    writeln!(page, "  review   {settled} of {cards} cards answered. {}", printable(sentence))
}

fn write_warnings(page: &mut String, status: &Status, paint: Paint) -> std::fmt::Result {
    for warning in &status.warnings {
        let line = format!("! {}: {}", printable(&warning.code), printable(&warning.detail));
        writeln!(page, "  {}", paint.warning(&line))?;
    }
    page.push_str(&outside(&status.outside));
    if status.evicted_analyses > 0 {
        let line =
            format!("! {} analyses were forgotten before their feedback", status.evicted_analyses);
        writeln!(page, "  {}", paint.warning(&line))?;
    }
    Ok(())
}

/// What was compared with nothing, and why, if there is anything.
fn outside(outside: &Outside) -> String {
    if outside.analyses == 0 {
        return String::new();
    }
    let causes: Vec<String> = outside
        .causes
        .iter()
        .map(|(cause, count)| format!("{count} {}", printable(cause)))
        .collect();
    let colon = if causes.is_empty() { "" } else { ": " };
    let causes = causes.join(", ");
    format!("  outside  {} analyses, compared with nothing{colon}{causes}\n", outside.analyses)
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

/// Each guardrail with its bar. Bar and verdict stand behind the table, which would count colours as letters.
fn guardrails(status: &Status, paint: Paint) -> String {
    let titles = ["guardrail", "worse by", "95 % bounds", "limit", "evidence"];
    let rows = status.guardrails.iter().map(|judgement| {
        let unit = if judgement.unit == "percent" { "%" } else { "points" };
        vec![
            printable(&judgement.guardrail),
            judgement.change.map_or_else(|| "–".to_owned(), |change| format!("{change:+.1}")),
            bounds(judgement),
            format!("{:.1} {unit}", judgement.limit),
            evidence(judgement),
        ]
    });
    let table = aligned(&titles, &[0], rows).to_string();
    let mut lines = table.lines();
    let mut drawn = String::new();
    if let Some(header) = lines.next() {
        let _ = writeln!(drawn, " {header} {:<1$}  verdict", "to the limit", CELLS + 2);
    }
    for (line, judgement) in lines.zip(&status.guardrails) {
        let verdict = paint.verdict(&printable(&judgement.verdict));
        let _ = writeln!(drawn, " {line} {}  {verdict}", bar(judgement));
    }
    let _ = writeln!(drawn, "  {LEGEND}");
    drawn
}

fn bounds(judgement: &Judgement) -> String {
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
    match judgement.evidence_needed {
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
        let (plain, coloured) = (page(&status, Paint::Plain), page(&status, Paint::Colour));
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
        let drawn = guardrails(&status, Paint::Plain);
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
        for line in page(&status, Paint::Plain).lines() {
            assert!(line.chars().count() <= 110, "{line}");
            assert_eq!(line.trim_end(), line);
        }
    }
}
