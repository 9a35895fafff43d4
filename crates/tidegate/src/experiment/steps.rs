//! `tidegate experiment start | pause | … | history`: the steps of a rollout, taken and looked up.

use std::io::{self, Write};

use clap::Args;
use tidegate_engine::event::{Command, Reason};
use tidegate_engine::id::ExperimentKey;
use tidegate_spec::api::{ActionRequest, Done, History, HistoryItem};

use super::shown::state;
use crate::actor::actor;
use crate::client::{Body, Client, ServerArgs, json};
use crate::environment::ProcessEnvironment;
use crate::failure::Failure;
use crate::format::{Format, json_line};
use crate::printable::printable;

/// Who acts on which experiment, and why.
#[derive(Debug, Args)]
pub(crate) struct ActionArgs {
    /// The experiment
    #[arg(value_name = "KEY")]
    key: ExperimentKey,
    /// Why; it is kept with the step
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who acts; left out: the user's name
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Print every step of an experiment, with who took it and why
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// The experiment
    #[arg(value_name = "KEY")]
    key: ExperimentKey,
    /// Show what each guardrail said at each step too
    #[arg(long)]
    evidence: bool,
    #[command(flatten)]
    server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// How much of a step is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    Step,
    Evidence,
}

pub(crate) fn act(
    command: Command,
    args: &ActionArgs,
    out: &mut impl Write,
) -> Result<(), Failure> {
    Reason::new(&args.reason).map_err(|fault| Failure::BadInput(fault.to_string()))?;
    let actor = actor(args.actor.as_deref())?;
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    let action = command.as_str().to_owned();
    let request = ActionRequest { action, reason: args.reason.clone(), actor };
    let path = ["v1", "experiments", args.key.as_str(), "actions"];
    let done: Done = client.post(&path, Body::Json(&json(&request)?))?;
    match args.format {
        Format::Json => {
            json_line(&done, out)?;
        }
        Format::Text => {
            for item in &done.decisions {
                say(item, Detail::Step, out)?;
            }
            let now = &done.status;
            let state = state(&now.phase, &now.condition);
            writeln!(out, "{} is now {state}", printable(&now.experiment))?;
            writeln!(out, "next: {}", printable(&now.next.sentence))?;
            out.flush()?;
            for warning in &now.warnings {
                let (code, text) = (printable(&warning.code), printable(&warning.detail));
                writeln!(io::stderr(), "! {code}: {text}")?;
            }
        }
    }
    Ok(())
}

pub(crate) fn history(args: &HistoryArgs, out: &mut impl Write) -> Result<(), Failure> {
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    let detail = if args.evidence { Detail::Evidence } else { Detail::Step };
    let path = ["v1", "experiments", args.key.as_str(), "history"];
    let mut page: History = client.get(&path)?;
    let mut run = None;
    loop {
        for item in &page.items {
            match args.format {
                Format::Json => {
                    json_line(item, out)?;
                }
                Format::Text => {
                    if run != Some(item.run) {
                        writeln!(out, "run {}", item.run)?;
                        run = Some(item.run);
                    }
                    say(item, detail, out)?;
                }
            }
        }
        let Some(next) = page.next.take() else { return Ok(()) };
        page = client.get_after(&path, &next)?;
        if page.next.as_ref() == Some(&next) {
            return Err(client.not_understood("the same page of history again").into());
        }
    }
}

fn say(item: &HistoryItem, detail: Detail, out: &mut impl Write) -> io::Result<()> {
    let who = match (&item.action, &item.actor) {
        (Some(action), Some(actor)) => format!("{action} by {actor}"),
        (_, Some(actor)) => actor.clone(),
        (_, None) => item.cause.clone(),
    };
    writeln!(
        out,
        "{:>3}  {}  {} → {}  {}: {}",
        item.number,
        printable(&item.at),
        printable(&item.from),
        printable(&item.to),
        printable(&who),
        printable(&item.reason),
    )?;
    if let Some(sentence) = item.prompt.as_ref().and_then(|prompt| prompt.production.as_ref()) {
        writeln!(out, "     {}", printable(sentence))?;
    }
    if detail == Detail::Evidence {
        let sides = &item.evidence.variants;
        writeln!(
            out,
            "     {} analyses of the control, {} of the treatment in {}",
            sides.control.analyses,
            sides.treatment.analyses,
            printable(&item.evidence.window),
        )?;
        if let Some(prompt) = &item.prompt {
            let line = format!("control {}, treatment {}", prompt.control, prompt.treatment);
            writeln!(out, "     {}", printable(&line))?;
        }
        for judgement in &item.evidence.guardrails {
            let (verdict, text) = (printable(&judgement.verdict), printable(&judgement.sentence));
            writeln!(out, "     {verdict:<12}  {text}")?;
        }
    }
    Ok(())
}
