//! Looks at a rollout again and again, until it ends.

use std::io::{self, Write};

use tidegate_engine::phase::Phase;
use tidegate_spec::api::Status;

use super::page::page;
use super::paint::Paint;
use crate::client::error::{DaemonError, Remedy};
use crate::experiment::shown::state;
use crate::failure::Failure;
use crate::format::json_line;
use crate::printable::printable;
use crate::terminal::Room;

/// How a watch shows what it sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// The page, drawn anew at each look.
    Screen(Paint),
    /// A line for each change.
    Lines,
    /// A JSON document for each change.
    Documents,
}

/// Looks until the rollout has ended, resting in between. A daemon that is away for a while, as when it is
/// restarted, is waited for once it has answered.
pub(crate) fn run(
    style: Style,
    mut look: impl FnMut() -> Result<Status, DaemonError>,
    mut rest: impl FnMut(),
    out: &mut impl Write,
) -> Result<(), Failure> {
    let mut seen: Option<Seen> = None;
    let mut away = Away::No;
    loop {
        match look() {
            Ok(status) => {
                away = Away::No;
                let now = Seen::of(&status);
                let changed = seen.as_ref() != Some(&now);
                show(style, &status, &now, changed.then_some(SomethingChanged), out)?;
                out.flush()?;
                seen = Some(now);
                if has_ended(&status) {
                    return Ok(());
                }
            }
            Err(error) if seen.is_some() && error.remedy() == Remedy::TryLater => {
                if away == Away::No {
                    writeln!(io::stderr(), "tidegate: {}; waiting", error.in_one_line())?;
                }
                away = Away::Yes;
            }
            Err(error) => return Err(error.into()),
        }
        rest();
    }
}

/// Whether the daemon was away at the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Away {
    No,
    Yes,
}

/// Word that something changed.
#[derive(Debug, Clone, Copy)]
struct SomethingChanged;

/// What counts as a change.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    run: u32,
    phase: String,
    condition: String,
    step: u32,
    verdicts: Vec<(String, String)>,
}

impl Seen {
    fn of(status: &Status) -> Self {
        let verdicts = status.guardrails.iter();
        Self {
            run: status.run,
            phase: status.phase.clone(),
            condition: status.condition.clone(),
            step: status.step.number,
            verdicts: verdicts.map(|one| (one.guardrail.clone(), one.verdict.clone())).collect(),
        }
    }
}

fn show(
    style: Style,
    status: &Status,
    now: &Seen,
    change: Option<SomethingChanged>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    match (style, change) {
        (Style::Screen(paint), _) => {
            // Home, each line cleared to its end, and all below: no flicker, and nothing of before is left.
            write!(out, "\x1b[H")?;
            // The time below it, and the line of the cursor.
            let room = Room::of_stdout();
            let rows = room.rows.map(|rows| rows.saturating_sub(2));
            for line in page(status, paint, Room { rows, ..room }).lines() {
                writeln!(out, "{line}\x1b[K")?;
            }
            write!(out, "  at {}\x1b[K\n\x1b[J", printable(&status.now))?;
        }
        (Style::Documents, Some(SomethingChanged)) => {
            json_line(status, out)?;
        }
        (Style::Lines, Some(SomethingChanged)) => writeln!(out, "{}", line(status, now))?,
        (Style::Documents | Style::Lines, None) => {}
    }
    Ok(())
}

fn line(status: &Status, now: &Seen) -> String {
    let verdicts: Vec<String> =
        now.verdicts.iter().map(|(guardrail, verdict)| format!("{guardrail} {verdict}")).collect();
    let mut line = format!(
        "{}  run {}  {}  share {:.0} %",
        printable(&status.now),
        now.run,
        state(&now.phase, &now.condition),
        status.treatment_share * 100.0,
    );
    if !verdicts.is_empty() {
        line.push_str("  ");
        line.push_str(&printable(&verdicts.join(", ")));
    }
    if has_ended(status) {
        line.push_str("  ");
        line.push_str(&printable(&status.finding));
    }
    line
}

fn has_ended(status: &Status) -> bool {
    let ends = [Phase::Completed, Phase::RolledBack, Phase::Stopped];
    ends.iter().any(|phase| phase.as_str() == status.phase)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_screen_is_drawn_over_the_one_before_and_the_last_one_stays() {
        let mut looks = [
            sample::status("ab", ["pass", "pass"]),
            sample::status("ab", ["pass", "pass"]),
            sample::status("completed", ["pass", "pass"]),
        ]
        .into_iter();
        let (mut out, mut rests) = (Vec::new(), 0);
        let look = || Ok(looks.next().expect("nothing is asked after the end"));
        run(Style::Screen(Paint::Plain), look, || rests += 1, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!((out.matches("\x1b[H").count(), out.matches("\x1b[J").count()), (3, 3));
        assert_eq!(out.matches('\n').count(), out.matches("\x1b[K\n").count());
        assert!(out.ends_with("\x1b[K\n\x1b[J") && out.contains("completed"), "{out}");
        assert_eq!(rests, 2);
    }

    #[test]
    fn a_ramp_step_and_a_new_run_are_changes_and_a_count_is_none() {
        let before = sample::status("ab", ["pass", "pass"]);
        let mut later = before.clone();
        later.observations += 1;
        later.remaining_hours -= 1.0;
        assert_eq!(Seen::of(&before), Seen::of(&later));
        later.step.number += 1;
        assert_ne!(Seen::of(&before), Seen::of(&later));
        let again = Status { run: before.run + 1, ..before.clone() };
        assert_ne!(Seen::of(&before), Seen::of(&again));
    }
}
