//! `tidegate experiment delete`.

use std::io::Write;

use clap::{Args, ValueEnum};
use tidegate_engine::event::Reason;
use tidegate_engine::id::ExperimentKey;
use tidegate_spec::api::Deleted;

use crate::actor::actor;
use crate::client::{Client, ServerArgs};
use crate::environment::ProcessEnvironment;
use crate::failure::Failure;
use crate::format::{Format, json_line};
use crate::printable::printable;

/// Delete a draft or an experiment that has ended; its history is kept
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The experiment
    #[arg(value_name = "KEY")]
    key: ExperimentKey,
    /// Why; it is kept with the history
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who deletes it; left out: the user's name
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// What is meant although it is warned of
    #[arg(long, value_enum, value_name = "WARNING")]
    accept: Option<AcceptedLoss>,
    #[command(flatten)]
    server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum AcceptedLoss {
    /// Cameras are served its treatment, and are told of none afterwards
    ServesTreatment,
}

pub(crate) fn delete(args: &DeleteArgs, out: &mut impl Write) -> Result<(), Failure> {
    Reason::new(&args.reason).map_err(|fault| Failure::BadInput(fault.to_string()))?;
    let actor = actor(args.actor.as_deref())?;
    let mut query = vec![("actor", &*actor), ("reason", &args.reason)];
    if args.accept == Some(AcceptedLoss::ServesTreatment) {
        query.push(("accept", "serves_treatment"));
    }
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    let path = ["v1", "experiments", args.key.as_str()];
    let deleted: Deleted = client.delete_with(&path, &query)?;
    match args.format {
        Format::Json => {
            json_line(&deleted, out)?;
        }
        Format::Text => {
            let Deleted { key, run, from, at, actor, reason, already, effects } = &deleted;
            let was = if *already { "was deleted already" } else { "is deleted" };
            let line = format!("{key} {was}, in run {run} ({from}), at {at} by {actor}: {reason}");
            writeln!(out, "{}", printable(&line))?;
            for effect in effects {
                writeln!(out, "{}", printable(effect))?;
            }
        }
    }
    Ok(())
}
