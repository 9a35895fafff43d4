//! `tidegate demo`: a whole rollout in a minute, by the real daemon, with a kill in the middle.
//!
//! Time is driven, so the 72 hours of shadow and A/B test pass as fast as their reports can be taken in.
//! Everything else is real: a process of its own, its journal on disk, HTTP on loopback, `kill -9`.

mod fleet;
mod process;
mod requests;
mod small;
mod story;
mod tide;

use std::io::Write;

use tidegate_spec::api::Status;

use crate::clock::Stopwatch;
use crate::failure::Failure;
use crate::status::page;
use crate::status::paint::Paint;
use crate::terminal::Room;
use process::Process;
pub(crate) use story::DemoArgs;
use story::Harm;
use tide::{DemoEnding, Tide};

pub(crate) fn run(args: &DemoArgs, out: &mut impl Write) -> Result<(), Failure> {
    if args.small {
        let data = tempfile::tempdir().map_err(Failure::Temporary)?;
        let process = small::tell(args, &data, out)?;
        return if args.page { go_on(&process, out) } else { Ok(()) };
    }
    let watch = Stopwatch::started();
    writeln!(
        out,
        "A rollout of v2_calibrated on {} cameras; the treatment {}.\n\
         24 h shadow, then 50 % of the cameras for 48 h, in compressed time, by a real daemon on a real journal.\n",
        args.cameras,
        args.harm.words()
    )?;
    out.flush()?;
    let mut ending = Tide::begin(args)?.run(out)?;
    let DemoEnding { status, history, tally, process, .. } = &mut ending;
    let evidence = history.last();
    if let Some(step) = evidence {
        writeln!(out, "\nThe last step: {} to {}: {}", step.from, step.to, step.reason)?;
    }
    writeln!(out, "\n{}", page::page(status, Paint::Plain, Room::of_stdout().scrolled()))?;
    writeln!(
        out,
        "{} reports acknowledged through {} kills: {} records lost, {} counted twice, {} cameras moved; {:.0} s in all",
        tally.acknowledged,
        tally.kills,
        tally.lost,
        tally.double,
        tally.moved,
        watch.elapsed().as_secs_f64()
    )?;
    out.flush()?;
    if tally.lost + tally.double + tally.moved > 0 {
        return Err(Failure::Unmet("records were lost or cameras moved".to_owned()));
    }
    came_true(args.harm, status, evidence.map_or("", |step| step.cause.as_str()))?;
    if args.page {
        go_on(process, out)?;
    }
    Ok(())
}

/// Leaves the daemon running until this process is told to end.
fn go_on(process: &Process, out: &mut impl Write) -> Result<(), Failure> {
    writeln!(
        out,
        "\nThe page: {}/\nCtrl-C ends the daemon, and with it all that it knows.",
        process.address()
    )?;
    out.flush()?;
    // Both are gone with what holds them, however this process is told to end.
    tidegate_daemon::told_to_end().map_err(Failure::Program)
}

/// Whether the story ended as it had to.
fn came_true(harm: Harm, status: &Status, cause: &str) -> Result<(), Failure> {
    let guardrail = match harm {
        Harm::Fp => "fp_rate",
        Harm::Latency => "latency",
        Harm::Errors => "error_rate",
        // The definition says: hold what is not proved, and ask the owner.
        Harm::None if status.phase == "ab" && status.condition == "expired" => return Ok(()),
        Harm::None => {
            let (phase, condition) = (&status.phase, &status.condition);
            return Err(Failure::Unmet(format!(
                "a harmless rollout ended as {phase} ({condition}) instead of being held at its end"
            )));
        }
    };
    let slow = harm == Harm::Latency;
    let failed = status.guardrails.iter().any(|judgement| {
        judgement.verdict == "fail"
            && (judgement.guardrail == guardrail || slow && judgement.guardrail == "slow_rate")
    });
    if status.phase == "rolled_back" && cause == "guardrail" && failed {
        Ok(())
    } else {
        let phase = &status.phase;
        Err(Failure::Unmet(format!("the harm was not rolled back: it ended as {phase}")))
    }
}
