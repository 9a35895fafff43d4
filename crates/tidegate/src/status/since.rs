//! `tidegate status --since`: what happened last night, over all experiments.

use std::io::Write;

use tidegate_engine::time::Timestamp;
use tidegate_spec::api::{History, HistoryItem, shown};

use crate::client::Client;
use crate::clock;
use crate::experiment::steps;
use crate::failure::Failure;
use crate::format::{Format, json_line};
use crate::printable::printable;
use crate::replay::time::{parse_length, parse_moment};

/// A time, or how long ago.
pub(super) fn parse_since(text: &str) -> Result<Timestamp, String> {
    if let Ok(length) = parse_length(text) {
        let since = i64::try_from(length.ms()).ok().and_then(|ms| clock::now_ms().checked_sub(ms));
        return since.and_then(|ms| Timestamp::from_ms(ms.max(0)).ok()).ok_or_else(not_allowed);
    }
    parse_moment(text).map_err(|_| not_allowed())
}

fn not_allowed() -> String {
    "is neither, allowed: a length such as 12h, or a time such as 2026-03-02T20:00:00Z".to_owned()
}

/// Prints the steps and definitions of these experiments since then, oldest first.
pub(super) fn say(
    client: &Client,
    keys: &[String],
    since: Timestamp,
    format: Format,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let mut all: Vec<(Timestamp, &str, HistoryItem)> = Vec::new();
    for key in keys {
        for item in history(client, key)? {
            let at = parse_moment(&item.at);
            let at = at.map_err(|why| client.not_understood(format!("{}: {why}", item.at)))?;
            if at >= since {
                all.push((at, key, item));
            }
        }
    }
    all.sort_by_key(|(at, ..)| *at);
    match format {
        Format::Json => {
            for (_, _, item) in &all {
                json_line(item, out)?;
            }
        }
        Format::Text => {
            writeln!(out, "since {}:", shown(since))?;
            if all.is_empty() {
                writeln!(out, "  no step was taken, and nothing was defined")?;
            }
            for (_, key, item) in &all {
                writeln!(out, "  {}  run {}", printable(key), item.run)?;
                steps::say(item, steps::Detail::Step, out)?;
            }
        }
    }
    Ok(())
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
