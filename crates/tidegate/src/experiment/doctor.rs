//! `tidegate experiment doctor`: what is wrong with a rollout, and what to do about it.

use std::io::Write;

use tidegate_spec::api::{Diagnosis, HeardCameras};

use super::defined::AskedArgs;
use crate::client::Client;
use crate::environment::ProcessEnvironment;
use crate::failure::Failure;
use crate::format::{Format, json_line};
use crate::printable::printable;

pub(crate) fn doctor(args: &AskedArgs, out: &mut impl Write) -> Result<(), Failure> {
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    let diagnosis: Diagnosis = client.get(&["v1", "experiments", args.key.as_str(), "doctor"])?;
    match args.format {
        Format::Json => json_line(&diagnosis, out)?,
        Format::Text => write_text(&diagnosis, out)?,
    }
    out.flush()?;
    match diagnosis.findings.len() {
        0 => Ok(()),
        1 => Err(Failure::Unmet(format!("{}: one finding", args.key))),
        count => Err(Failure::Unmet(format!("{}: {count} findings", args.key))),
    }
}

fn write_text(diagnosis: &Diagnosis, out: &mut impl Write) -> std::io::Result<()> {
    let Diagnosis { experiment, run, state, next, heard_at, observations, outside, .. } = diagnosis;
    writeln!(out, "{experiment}, run {run}: {}", printable(state))?;
    writeln!(out, "  next       {}", printable(next))?;
    let last = heard_at
        .as_deref()
        .map_or("none ever came".to_owned(), |at| format!("the last at {}", printable(at)));
    writeln!(out, "  reports    {observations}, {last}")?;
    for (variant, heard) in [("control", &diagnosis.control), ("treatment", &diagnosis.treatment)] {
        let HeardCameras { cameras, silent, silent_cameras } = heard;
        write!(
            out,
            "  {variant:<10} {cameras} cameras reported in this run, {silent} of them silent"
        )?;
        for (at, camera) in silent_cameras.iter().enumerate() {
            write!(out, "{}{}", if at == 0 { ": " } else { ", " }, printable(camera))?;
        }
        writeln!(out, "{}", if *silent > silent_cameras.len() as u64 { " …" } else { "" })?;
    }
    if outside.analyses > 0 {
        let causes =
            outside.causes.iter().map(|(cause, count)| format!("{count} {}", printable(cause)));
        let causes = causes.collect::<Vec<_>>().join(", ");
        writeln!(
            out,
            "  outside    {} analyses, compared with nothing: {causes}",
            outside.analyses
        )?;
    }
    if diagnosis.findings.is_empty() {
        return writeln!(out, "Nothing is wrong with what it hears.");
    }
    for finding in &diagnosis.findings {
        writeln!(out, "! {}: {}", printable(&finding.code), printable(&finding.detail))?;
    }
    Ok(())
}
