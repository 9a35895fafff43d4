//! Simulates a single run and says what happened in it.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;
use tidegate_engine::Rollout;
use tidegate_engine::decision::Decision;
use tidegate_engine::look::Check;

use tidegate_sim::run::{Observer, run as run_one};
use tidegate_sim::{Ending, RunOutcome, World};
use tidegate_spec::api::{self, Judgement};

use super::args::SimulateArgs;
use crate::failure::Failure;
use crate::format::Format;

/// What happened at one moment of a run.
#[derive(Serialize)]
struct TraceLine<'a> {
    scenario: &'a str,
    run: u32,
    hour: f64,
    #[serde(rename = "type")]
    kind: &'static str,
    phase: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    finding: String,
    judgements: Vec<Judgement>,
}

#[derive(Serialize)]
struct EndLine<'a> {
    scenario: &'a str,
    run: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    ending: &'static str,
    by: Option<&'static str>,
    hours: f64,
    treatment_analyses: u64,
    harmed_analyses: u64,
    simulated_analyses: u64,
    refused_reports: u64,
}

pub(crate) fn run(
    worlds: &[(PathBuf, World)],
    number: u32,
    args: &SimulateArgs,
    out: &mut impl Write,
) -> Result<(), Failure> {
    for (_, world) in worlds {
        let runs = world.scenario().runs;
        if number >= runs {
            let text = format!("--only {number} is out of range, allowed: 0 to {}", runs - 1);
            return Err(Failure::BadInput(text));
        }
        let name = &world.scenario().name;
        let mut teller = Teller { name, number, args, out, result: Ok(()) };
        let outcome = if args.trace {
            run_one(world, number, &mut Looking(&mut teller))
        } else {
            run_one(world, number, &mut teller)
        };
        teller.result?;
        end(name, &outcome, args.format, out)?;
    }
    Ok(())
}

struct Teller<'a, W> {
    name: &'a str,
    number: u32,
    args: &'a SimulateArgs,
    out: &'a mut W,
    /// An answer that could not be written ends the telling, not the run.
    result: io::Result<()>,
}

struct Looking<'t, 'a, W>(&'t mut Teller<'a, W>);

impl<W: Write> Observer for Teller<'_, W> {
    const LOOKS: bool = false;

    fn decided(&mut self, hour: f64, decision: &Decision) {
        let check = &decision.evidence.check;
        let line = TraceLine {
            scenario: self.name,
            run: self.number,
            hour,
            kind: "decision",
            phase: decision.to.to_string(),
            cause: Some(decision.cause.code()),
            finding: decision.cause.to_string(),
            judgements: Judgement::all(check),
        };
        self.tell(&line);
    }

    fn looked(&mut self, _: f64, _: &Rollout) {}
}

impl<W: Write> Observer for Looking<'_, '_, W> {
    const LOOKS: bool = true;

    fn decided(&mut self, hour: f64, decision: &Decision) {
        self.0.decided(hour, decision);
    }

    fn looked(&mut self, hour: f64, rollout: &Rollout) {
        let check = rollout.check();
        let line = TraceLine {
            scenario: self.0.name,
            run: self.0.number,
            hour,
            kind: "look",
            phase: rollout.lifecycle().state.to_string(),
            cause: None,
            finding: finding(&check),
            judgements: Judgement::all(&check),
        };
        self.0.tell(&line);
    }
}

impl<W: Write> Teller<'_, W> {
    fn tell(&mut self, line: &TraceLine<'_>) {
        if self.result.is_err() {
            return;
        }
        self.result = match self.args.format {
            Format::Json => serde_json::to_writer(&mut *self.out, line)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(self.out)),
            Format::Text => {
                writeln!(self.out, "{:8.2} h  {:<14} {}", line.hour, line.phase, line.finding)
            }
        };
    }
}

/// The worst of what can be compared already.
fn finding(check: &Check) -> String {
    let compared = match check {
        Check::Sequential(look) => {
            let known = look.judgements.iter().rev().filter(|judgement| judgement.change.is_some());
            known.max_by_key(|judgement| judgement.verdict)
        }
        Check::Threshold(_) => None,
    };
    compared.map_or_else(|| api::finding(check), ToString::to_string)
}

fn end(name: &str, outcome: &RunOutcome, format: Format, out: &mut impl Write) -> io::Result<()> {
    let (ending, by) = match outcome.ending {
        Ending::RolledBack(stopper) => ("rolled_back", Some(stopper.as_str())),
        Ending::Promoted => ("promoted", None),
        Ending::Inconclusive => ("inconclusive", None),
        Ending::GateShut => ("gate_shut", None),
    };
    let line = EndLine {
        scenario: name,
        run: outcome.run,
        kind: "end",
        ending,
        by,
        hours: outcome.hours,
        treatment_analyses: outcome.treatment_analyses,
        harmed_analyses: outcome.harmed_analyses,
        simulated_analyses: outcome.analyses,
        refused_reports: outcome.refused,
    };
    match format {
        Format::Json => {
            serde_json::to_writer(&mut *out, &line)?;
            writeln!(out)
        }
        Format::Text => {
            let by = by.map_or_else(String::new, |by| format!(" by {by}"));
            writeln!(
                out,
                "{name}, run {}: {ending}{by} after {:.2} h of its phase; {} analyses by the treatment, {} of \
                 them harmed, {} simulated, {} reports refused",
                outcome.run,
                outcome.hours,
                outcome.treatment_analyses,
                outcome.harmed_analyses,
                outcome.analyses,
                outcome.refused
            )
        }
    }
}
