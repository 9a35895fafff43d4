//! `tidegate events`: what happened, over all experiments.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use clap::Args;
use tidegate_engine::id::ExperimentKey;
use tidegate_engine::time::Timestamp;
use tidegate_spec::api::{Event, EventType, ExperimentDetail, What};

use crate::argument::parse_since;
use crate::client::error::Remedy;
use crate::client::{Client, ServerArgs, event_stream};
use crate::environment::ProcessEnvironment;
use crate::failure::Failure;
use crate::format::Format;
use crate::printable::printable;
use tidegate_offline::replay::time::parse_moment;

/// How long a daemon that is away is let alone.
const PAUSE: Duration = Duration::from_secs(2);

/// Print what happened: steps, alarms, warnings, definitions and moves of labels
///
/// The daemon keeps the newest 10,000 events; `tidegate experiment history` has every step for ever.
#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Only what happened since: a length such as 12h, or a time
    #[arg(long, value_name = "WHEN", value_parser = parse_since)]
    since: Option<Timestamp>,
    /// Only events of this experiment
    #[arg(long, value_name = "KEY")]
    experiment: Option<ExperimentKey>,
    /// Only events of these types, separated by commas
    #[arg(long, value_name = "TYPES", value_delimiter = ',', value_parser = parse_type)]
    types: Vec<&'static str>,
    /// Go on with what happens from now on, until interrupted
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn run(args: &EventsArgs, out: &mut impl Write) -> Result<(), Failure> {
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    let types = args.types.join(",");
    let mut query = Vec::new();
    if let Some(experiment) = &args.experiment {
        query.push(("experiment", experiment.as_str()));
    }
    if !types.is_empty() {
        query.push(("types", types.as_str()));
    }
    if !args.follow {
        query.push(("follow", "false"));
    }
    let mut told = 0_u64;
    let mut tell = |data: &str| -> Result<(), Failure> {
        let event = read(&client, data)?;
        if args.since.is_none_or(|since| happened_since(&event, since)) {
            told += 1;
            match args.format {
                Format::Json => writeln!(out, "{data}")?,
                Format::Text => say(&event, out)?,
            }
            if args.follow {
                out.flush()?;
            }
        }
        Ok(())
    };
    let mut last = Some("0".to_owned());
    loop {
        match client.events(&query, last.as_deref()) {
            Ok(stream) => match event_stream::read(stream, &mut last, &mut tell) {
                // A stream that breaks is taken up again where it was.
                Err(Failure::Output(error))
                    if args.follow && error.kind() != io::ErrorKind::BrokenPipe => {}
                other => other?,
            },
            Err(error) if args.follow && error.remedy() == Remedy::TryLater => {}
            Err(error) => return Err(error.into()),
        }
        if !args.follow {
            break;
        }
        thread::sleep(PAUSE);
    }
    if told == 0
        && let Some(key) = &args.experiment
    {
        // Silence of an experiment that there is not is no calm.
        let _: ExperimentDetail = client.get(&["v1", "experiments", key.as_str()])?;
    }
    if told == 0 && args.format == Format::Text {
        out.flush()?;
        writeln!(io::stderr(), "nothing happened")?;
    }
    Ok(())
}

/// What is kept of these types, oldest first.
pub(crate) fn kept(client: &Client, types: &str) -> Result<Vec<Event>, Failure> {
    let mut events = Vec::new();
    let stream = client.events(&[("types", types), ("follow", "false")], Some("0"))?;
    event_stream::read(stream, &mut None, |data| -> Result<(), Failure> {
        events.push(read(client, data)?);
        Ok(())
    })?;
    Ok(events)
}

fn read(client: &Client, data: &str) -> Result<Event, Failure> {
    let event = serde_json::from_str(data);
    event.map_err(|error| client.not_understood(tidegate_spec::wording::of_json(&error)).into())
}

fn happened_since(event: &Event, since: Timestamp) -> bool {
    // That something is missing is worth knowing, whenever it is said.
    matches!(event.what, What::Reset(_)) || parse_moment(&event.at).is_ok_and(|at| at >= since)
}

/// Prints an event on one line.
pub(crate) fn say(event: &Event, out: &mut impl Write) -> io::Result<()> {
    let of = match (&event.experiment, event.run) {
        (Some(key), Some(run)) => format!("{key} run {run}"),
        (Some(key), None) => key.clone(),
        (None, _) => "–".to_owned(),
    };
    let kind = event.what.kind().as_str();
    let line = format!("{}  {of}  {kind}  {}", event.at, sentence(&event.what));
    writeln!(out, "{}", printable(&line))
}

fn sentence(what: &What) -> String {
    match what {
        What::PhaseChanged(step) => {
            let who = match (&step.action, &step.actor) {
                (Some(action), Some(actor)) => format!("{action} by {actor}"),
                (None, Some(actor)) => format!("{} by {actor}", step.cause),
                (_, None) => step.cause.clone(),
            };
            format!("{} → {}  {who}: {}", step.from, step.to, step.reason)
        }
        What::VerdictChanged(verdict) | What::Alarm(verdict) => {
            format!(
                "{} → {}  {}: {}",
                verdict.from, verdict.to, verdict.guardrail, verdict.sentence
            )
        }
        What::LatencyWarning(warning) => warning.sentence.clone(),
        What::Warning(warning) => {
            format!("{} {}: {}", warning.code, warning.state, warning.sentence)
        }
        What::CardsWaiting(cards) => cards.sentence.clone(),
        What::ReviewChanged(review) => {
            format!("{} → {}: {}", review.from, review.to, review.sentence)
        }
        What::PromptLabelMoved(moved) => {
            let from = moved.from.as_deref().unwrap_or("nothing");
            let to = moved.to.as_deref().unwrap_or("nothing");
            format!(
                "{} of {}: {from} → {to}  by {}: {}",
                moved.label, moved.prompt, moved.actor, moved.reason
            )
        }
        What::ExperimentDeleted(deleted) => {
            format!("{} by {}: {}", deleted.from, deleted.actor, deleted.reason)
        }
        What::ExperimentDefined(defined) => format!("by {}: {}", defined.actor, defined.reason),
        What::Reset(reset) => reset.sentence.clone(),
    }
}

fn parse_type(text: &str) -> Result<&'static str, String> {
    let found = EventType::asked_for().find(|(name, _)| *name == text);
    found.map(|(name, _)| name).ok_or_else(|| {
        let names: Vec<&str> = EventType::asked_for().map(|(name, _)| name).collect();
        let offer = tidegate_spec::wording::offer(text, names.iter().copied());
        let allowed = if offer.is_empty() { ", allowed" } else { " Allowed" };
        format!("`{text}` is no type{offer}{allowed}: {}", names.join(","))
    })
}
