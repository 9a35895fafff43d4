//! `tidegate status`: a rollout at a glance.

mod bar;
mod chart;
mod following;
mod layout;
pub(crate) mod page;
pub(crate) mod paint;
#[cfg(test)]
mod sample;
mod since;
mod watch;

use std::io::{self, IsTerminal, Write};

use clap::Args;
use tidegate_engine::id::ExperimentKey;
use tidegate_engine::time::{Duration, Timestamp};
use tidegate_spec::api::{ExperimentSummary, Experiments, Series, Status};

use crate::argument::parse_since;
use crate::client::error::DaemonError;
use crate::client::{Client, ServerArgs};
use crate::environment::{self, Environment, ProcessEnvironment};
use crate::experiment::shown::say_list;
use crate::failure::Failure;
use crate::format::{Format, json_line};
use crate::printable::printable;
use crate::terminal::Room;
use following::Following;
use paint::Paint;
use tidegate_offline::replay::time::parse_length;

/// Show where a rollout stands, what its guardrails say and what happens next
///
/// Without a key: the only experiment there is, or the list of all.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The experiment
    #[arg(value_name = "KEY")]
    key: Option<ExperimentKey>,
    /// Go on until the rollout ends; where no person reads, say only what changes
    #[arg(long)]
    watch: bool,
    /// How often to look at the numbers; steps and verdicts are seen at once
    #[arg(long, value_name = "LENGTH", default_value = "2s", requires = "watch", value_parser = parse_every)]
    every: Duration,
    /// Draw what each guardrail said over time
    #[arg(long, conflicts_with_all = ["watch", "since"])]
    chart: bool,
    /// Of which phase to draw it: shadow, ab or full; left out, of the one that is compared now
    #[arg(long, value_name = "PHASE", requires = "chart", value_parser = ["shadow", "ab", "full"])]
    phase: Option<String>,
    /// What happened since, over all experiments or of this one: a length such as 12h, or a time
    #[arg(long, value_name = "WHEN", conflicts_with = "watch", value_parser = parse_since)]
    since: Option<Timestamp>,
    #[command(flatten)]
    server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Who reads standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StatusReader {
    /// A person at a terminal.
    Terminal,
    /// A file or a program.
    Pipe,
}

pub(crate) fn run(args: &StatusArgs, out: &mut impl Write) -> Result<(), Failure> {
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    if let Some(since) = args.since {
        return morning(&client, args, since, out);
    }
    let key = if let Some(key) = &args.key {
        key.as_str().to_owned()
    } else {
        let mut found: Experiments = client.get(&["v1", "experiments"])?;
        match &mut found.experiments[..] {
            [only] => std::mem::take(&mut only.key),
            none_or_several if args.watch => return Err(Failure::BadInput(which(none_or_several))),
            none_or_several => return say_list(none_or_several, args.format, out),
        }
    };
    let reader =
        if io::stdout().is_terminal() { StatusReader::Terminal } else { StatusReader::Pipe };
    let paint = match (reader, ProcessEnvironment.variable(environment::NO_COLOR)) {
        (StatusReader::Terminal, None) => Paint::Colour,
        (StatusReader::Terminal, Some(_)) | (StatusReader::Pipe, _) => Paint::Plain,
    };
    if args.chart {
        let phase = args.phase.as_deref().map(|phase| ("phase", phase));
        let path = ["v1", "experiments", &key, "series"];
        let series: Series = client.get_with(&path, phase.as_slice())?;
        match args.format {
            Format::Json => json_line(&series, out)?,
            Format::Text => write!(out, "{}", chart::chart(&series, Room::of_stdout()))?,
        }
        return Ok(());
    }
    let look =
        || -> Result<Status, DaemonError> { client.get(&["v1", "experiments", &key, "status"]) };
    if args.watch {
        let every = std::time::Duration::from_millis(args.every.ms());
        let watch = match (args.format, reader) {
            (Format::Json, _) => watch::Style::Documents,
            (Format::Text, StatusReader::Pipe) => watch::Style::Lines,
            (Format::Text, StatusReader::Terminal) => watch::Style::Screen(paint),
        };
        let following = Following::begin(&client, &key);
        return watch::run(watch, look, || following.rest(every), out);
    }
    let status = look()?;
    match args.format {
        Format::Json => {
            json_line(&status, out)?;
        }
        Format::Text => {
            write!(out, "{}", page::page(&status, paint, Room::of_stdout().scrolled()))?;
        }
    }
    Ok(())
}

/// Where all stand, and what happened since.
fn morning(
    client: &Client,
    args: &StatusArgs,
    since: Timestamp,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let mut found: Experiments = client.get(&["v1", "experiments"])?;
    let mut keys: Vec<String> = match &args.key {
        Some(key) => {
            if found.experiments.iter().all(|one| one.key != key.as_str()) {
                // Its refusal names the one that is meant.
                let _: Status = client.get(&["v1", "experiments", key.as_str(), "status"])?;
            }
            vec![key.as_str().to_owned()]
        }
        None => found.experiments.iter().map(|one| one.key.clone()).collect(),
    };
    keys.sort();
    if args.format == Format::Text {
        found.experiments.retain(|one| keys.contains(&one.key));
        say_list(&found.experiments, args.format, out)?;
    }
    since::say(client, &keys, since, args.format, out)
}

/// Why a watch needs a key.
fn which(experiments: &[ExperimentSummary]) -> String {
    if experiments.is_empty() {
        return "there is no experiment to watch".to_owned();
    }
    let keys: Vec<String> = experiments.iter().map(|one| printable(&one.key)).collect();
    format!("which one? Watch one of {}", keys.join(" | "))
}

fn parse_every(text: &str) -> Result<Duration, String> {
    let length = parse_length(text).ok().filter(|length| (10..=3_600_000).contains(&length.ms()));
    length.ok_or_else(|| format!("`{text}`: allowed: 10ms to 1h, such as 2s"))
}
