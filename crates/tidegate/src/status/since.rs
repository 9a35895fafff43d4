//! `tidegate status --since`: what happened last night, over all experiments.

use std::io::Write;

use serde::Serialize;
use tidegate_engine::time::Timestamp;
use tidegate_spec::api::{Event, History, HistoryItem, What, shown};

use crate::client::Client;
use crate::events;
use crate::experiment::steps;
use crate::failure::Failure;
use crate::format::{Format, json_line};
use crate::printable::printable;
use tidegate_offline::replay::time::parse_moment;

/// What is told beside the steps and definitions, which histories have for ever.
const TYPES: &str = "alarm,latency_warning,warning,prompt_label_moved";

/// What happened at a time.
enum Happened<'a> {
    Step(&'a str, Box<HistoryItem>),
    Told(Box<Event>),
}

/// A step as a program reads it, with the experiment it is of.
#[derive(Serialize)]
struct StepLine<'a> {
    experiment: &'a str,
    #[serde(flatten)]
    item: &'a HistoryItem,
}

/// Prints the steps, definitions, alarms and warnings of these experiments since then, and the moves of labels, oldest
/// first.
pub(super) fn say(
    client: &Client,
    keys: &[String],
    since: Timestamp,
    format: Format,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let moment = |text: &str| {
        let at = parse_moment(text);
        at.map_err(|why| client.not_understood(format!("{text}: {why}")))
    };
    let mut all: Vec<(Timestamp, Happened<'_>)> = Vec::new();
    for key in keys {
        for item in history(client, key)? {
            all.push((moment(&item.at)?, Happened::Step(key, Box::new(item))));
        }
    }
    for event in events::kept(client, TYPES)? {
        if event.experiment.as_ref().is_none_or(|key| keys.contains(key)) {
            all.push((moment(&event.at)?, Happened::Told(Box::new(event))));
        }
    }
    all.retain(|(at, happened)| *at >= since || is_reset(happened));
    all.sort_by_key(|(at, _)| *at);
    match format {
        Format::Json => {
            for (_, happened) in &all {
                match happened {
                    Happened::Step(experiment, item) => {
                        json_line(&StepLine { experiment, item }, out)?;
                    }
                    Happened::Told(event) => json_line(event, out)?,
                }
            }
        }
        Format::Text => {
            writeln!(out, "since {}:", shown(since))?;
            if all.is_empty() {
                writeln!(out, "  no step was taken, nothing was defined, and nothing alarmed")?;
            }
            for (_, happened) in &all {
                match happened {
                    Happened::Step(key, item) => {
                        writeln!(out, "  {}  run {}", printable(key), item.run)?;
                        steps::say(item, steps::Detail::Step, out)?;
                    }
                    Happened::Told(event) => {
                        write!(out, "  ")?;
                        events::say(event, out)?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn is_reset(happened: &Happened<'_>) -> bool {
    matches!(happened, Happened::Told(event) if matches!(event.what, What::Reset(_)))
}

/// Every page of a history.
fn history(client: &Client, key: &str) -> Result<Vec<HistoryItem>, Failure> {
    let path = ["v1", "experiments", key, "history"];
    let mut page: History = client.get(&path)?;
    let mut items = Vec::new();
    loop {
        items.append(&mut page.items);
        let Some(next) = page.next.take() else { return Ok(items) };
        page = client.get_after(&path, &next)?;
    }
}
