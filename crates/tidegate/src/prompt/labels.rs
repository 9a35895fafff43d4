//! `tidegate prompt label | log`.

use std::io::Write;

use clap::{ArgGroup, Args};
use tidegate_engine::event::Reason;
use tidegate_engine::id::{LabelName, PromptName};
use tidegate_engine::prompt::PRODUCTION;
use tidegate_spec::api::{LabelHistory, LabelInfo, LabelMove, LabelRequest};

use crate::actor::actor;
use crate::client::{Body, Client, ServerArgs, json};
use crate::environment::ProcessEnvironment;
use crate::failure::Failure;
use crate::format::{Format, json_line};
use crate::printable::printable;
use crate::table::{aligned, print_trimmed};

/// Point a label to a version, or remove it
///
/// An older version is restored by pointing the label to it.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("where").required(true).args(["version", "remove"])))]
pub(crate) struct LabelArgs {
    /// The prompt
    #[arg(value_name = "NAME")]
    name: PromptName,
    /// The label, such as candidate
    #[arg(value_name = "LABEL")]
    label: LabelName,
    /// Where it is to point: a key, a digest, the beginning of one, or another label
    #[arg(value_name = "VERSION")]
    version: Option<String>,
    /// Remove it; its history stays
    #[arg(long)]
    remove: bool,
    /// Why; it is kept in the label's history
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who moves it; left out: the user's name
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Move it only if it is at this revision; 0: if it never was
    #[arg(long, value_name = "N")]
    expect_revision: Option<u32>,
    #[command(flatten)]
    server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Print where a label pointed, since when, by whom and why
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// The prompt
    #[arg(value_name = "NAME")]
    name: PromptName,
    /// The label
    #[arg(value_name = "LABEL", default_value = PRODUCTION)]
    label: LabelName,
    #[command(flatten)]
    server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn label(args: &LabelArgs, out: &mut impl Write) -> Result<(), Failure> {
    Reason::new(&args.reason).map_err(|fault| Failure::BadInput(fault.to_string()))?;
    let actor = actor(args.actor.as_deref())?;
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    let path = ["v1", "prompts", args.name.as_str(), "labels", args.label.as_str()];
    let (reason, revision) = (args.reason.clone(), args.expect_revision);
    let info: LabelInfo = if let Some(version) = &args.version {
        let request = LabelRequest { version: version.clone(), actor, reason, revision };
        client.put(&path, Body::Json(&json(&request)?))?
    } else {
        let mut query = vec![("actor", actor.as_str()), ("reason", reason.as_str())];
        let revision = revision.map(|revision| revision.to_string());
        query.extend(revision.as_deref().map(|revision| ("revision", revision)));
        client.delete_with(&path, &query)?
    };
    match args.format {
        Format::Json => json_line(&info, out),
        Format::Text => {
            let LabelInfo { label, revision, version, digest, .. } = &info;
            let where_to = match (version, digest) {
                (Some(version), Some(digest)) => format!("points to {version}, {digest}"),
                _ => "is removed".to_owned(),
            };
            let line = format!("{label} of {} {where_to} (revision {revision})", args.name);
            writeln!(out, "{}", printable(&line))?;
            Ok(())
        }
    }
}

pub(crate) fn log(args: &LogArgs, out: &mut impl Write) -> Result<(), Failure> {
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    let (name, label) = (args.name.as_str(), args.label.as_str());
    let history: LabelHistory = client.get(&["v1", "prompts", name, "labels", label, "history"])?;
    for step in &history.moves {
        match args.format {
            Format::Json => json_line(step, out)?,
            Format::Text => {
                let LabelMove { revision, at, actor, reason, from, to } = step;
                let end = |key: &Option<String>| key.clone().unwrap_or_else(|| "–".to_owned());
                let line =
                    format!("{revision:>3}  {at}  {} → {}  {actor}: {reason}", end(from), end(to));
                writeln!(out, "{}", printable(&line))?;
            }
        }
    }
    Ok(())
}

/// Where labels point, one a line.
pub(super) fn say_labels(labels: &[LabelInfo], out: &mut impl Write) -> Result<(), Failure> {
    let titles = ["label", "version", "revision", "moved", "by", "reason"];
    let rows = labels.iter().map(|label| {
        vec![
            printable(&label.label),
            printable(label.version.as_deref().unwrap_or("– (removed)")),
            label.revision.to_string(),
            printable(&label.moved_at),
            printable(&label.actor),
            printable(&label.reason),
        ]
    });
    if labels.is_empty() {
        return Ok(());
    }
    print_trimmed(&aligned(&titles, &[0, 1, 3, 4, 5], rows), out)?;
    Ok(())
}
