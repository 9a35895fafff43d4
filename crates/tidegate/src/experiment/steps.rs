//! `tidegate experiment start | pause | … | history`: the steps of a rollout, taken and looked up.

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use tidegate_engine::event::{Command, Reason};
use tidegate_engine::id::ExperimentKey;
use tidegate_spec::api::{
    Accepted, ActionRequest, Destination, Done, History, HistoryItem, SettingChange,
};

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
    /// The revision that `tidegate status --format json` showed: if the rollout moved on since, nothing is done,
    /// and if it was by this very action, that is said
    #[arg(long, value_name = "N")]
    revision: Option<u64>,
    #[command(flatten)]
    server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Where to go, and on what evidence.
#[derive(Debug, Args)]
pub(crate) struct AdvanceArgs {
    /// Where it is to lead; if it leads elsewhere now, nothing is done
    #[arg(long, value_enum, value_name = "WHERE")]
    to: To,
    /// Go on although the evidence does not pass
    #[arg(long, value_enum, value_name = "EVIDENCE")]
    accept: Option<AcceptedEvidence>,
    #[command(flatten)]
    action: ActionArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum To {
    /// From shadow to the A/B test
    Ab,
    /// To the next ramp step
    Step,
    /// To every camera
    Full,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AcceptedEvidence {
    /// Neither harm nor its absence is shown
    Inconclusive,
    /// Harm, or signs of it
    Failing,
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
pub(crate) enum Detail {
    Step,
    Evidence,
}

pub(crate) fn advance(args: &AdvanceArgs, out: &mut impl Write) -> Result<(), Failure> {
    let to = match args.to {
        To::Ab => Destination::Ab,
        To::Step => Destination::Step,
        To::Full => Destination::Full,
    };
    let accepted = args.accept.map(|accept| match accept {
        AcceptedEvidence::Inconclusive => Accepted::Inconclusive,
        AcceptedEvidence::Failing => Accepted::Failing,
    });
    let more = More {
        expected_phase: Some(to.as_str().to_owned()),
        accept: accepted.map(|accepted| accepted.as_str().to_owned()),
    };
    ask(Command::Advance, &args.action, more, out)
}

pub(crate) fn act(
    command: Command,
    args: &ActionArgs,
    out: &mut impl Write,
) -> Result<(), Failure> {
    ask(command, args, More::default(), out)
}

/// What an `advance` says besides.
#[derive(Debug, Default)]
struct More {
    expected_phase: Option<String>,
    accept: Option<String>,
}

fn ask(
    command: Command,
    args: &ActionArgs,
    More { expected_phase, accept }: More,
    out: &mut impl Write,
) -> Result<(), Failure> {
    Reason::new(&args.reason).map_err(|fault| Failure::BadInput(fault.to_string()))?;
    let actor = actor(args.actor.as_deref())?;
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    let action = command.as_str().to_owned();
    let (reason, expected_revision) = (args.reason.clone(), args.revision);
    let request =
        ActionRequest { action, reason, actor, expected_revision, expected_phase, accept };
    let path = ["v1", "experiments", args.key.as_str(), "actions"];
    let done: Done = client.post(&path, Body::Json(&json(&request)?))?;
    match args.format {
        Format::Json => {
            json_line(&done, out)?;
        }
        Format::Text => {
            // Where it goes on, on what is said too.
            let detail = if command == Command::Advance { Detail::Evidence } else { Detail::Step };
            for item in &done.decisions {
                say(item, detail, out)?;
            }
            let now = &done.status;
            let state = state(&now.phase, &now.condition);
            let is = if done.already { "was done already; it is" } else { "is now" };
            writeln!(out, "{} {is} {state}", printable(&now.experiment))?;
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
    }
}

pub(crate) fn say(item: &HistoryItem, detail: Detail, out: &mut impl Write) -> io::Result<()> {
    let who = match (&item.action, &item.actor) {
        (Some(action), Some(actor)) => format!("{action} by {actor}"),
        (None, Some(actor)) => format!("{} by {actor}", item.cause),
        (_, None) => item.cause.clone(),
    };
    writeln!(
        out,
        "{:>3}  {}  {} → {}  {}: {}",
        // A definition is no step.
        if item.number > 0 { item.number.to_string() } else { String::new() },
        printable(&item.at),
        printable(&item.from),
        printable(&item.to),
        printable(&who),
        printable(&item.reason),
    )?;
    if let Some(accepted) = &item.accepted {
        writeln!(out, "     the evidence was {}, and that was accepted", printable(accepted))?;
    }
    for SettingChange { setting, from, to } in &item.changes {
        let (from, to) = (from.as_deref().unwrap_or("–"), to.as_deref().unwrap_or("–"));
        writeln!(out, "     {}", printable(&format!("{setting}: {from} → {to}")))?;
    }
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
