//! `tidegate prompt export | import`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use tidegate_engine::event::Reason;
use tidegate_engine::id::PromptName;
use tidegate_spec::api::{PromptDocument, PromptImport, PromptImported};
use tidegate_spec::wording;

use crate::actor::actor;
use crate::client::{Body, Client, ServerArgs, json};
use crate::environment::ProcessEnvironment;
use crate::failure::Failure;
use crate::format::{Format, json_line};
use crate::printable::printable;
use crate::settings_file::read_text;

/// Bytes of a request: what the daemon takes, less the rest of the request.
const REQUEST_BYTES_MAX: usize = 1024 * 1024 - 4 * 1024;

/// Print a prompt with all versions and labels as JSON
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The prompt
    #[arg(value_name = "NAME")]
    name: PromptName,
    #[command(flatten)]
    server: ServerArgs,
    /// How to answer; it is JSON either way, as text with line breaks
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Take the versions and labels of an export in, or look at what that would do
///
/// An import is all or nothing: where a key is taken by another text, nothing is taken in. An export of more
/// than a mebibyte is sent in several requests, each of them all or nothing, the labels with the last.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The export
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Show what would be done, and do nothing
    #[arg(long)]
    preview: bool,
    /// Why; the labels' histories keep it
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who imports it; left out: the user's name
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn export(args: &ExportArgs, out: &mut impl Write) -> Result<(), Failure> {
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    let path = ["v1", "prompts", args.name.as_str(), "export"];
    let mut whole: PromptDocument = client.get(&path)?;
    while let Some(next) = whole.next.take() {
        let page: PromptDocument = client.get_after(&path, &next)?;
        whole.versions.extend(page.versions);
        (whole.labels, whole.next) = (page.labels, page.next);
    }
    match args.format {
        Format::Json => json_line(&whole, out),
        Format::Text => {
            let text = serde_json::to_string_pretty(&whole);
            let text = text.map_err(|error| Failure::Output(error.into()))?;
            writeln!(out, "{text}")?;
            Ok(())
        }
    }
}

pub(crate) fn import(args: &ImportArgs, out: &mut impl Write) -> Result<(), Failure> {
    Reason::new(&args.reason).map_err(|fault| Failure::BadInput(fault.to_string()))?;
    let text = read_text(&args.file)?;
    let document: PromptDocument = serde_json::from_str(&text).map_err(|error| {
        let why = wording::of_json(&error);
        Failure::BadInput(format!("{} is no export of a prompt: {why}", args.file.display()))
    })?;
    let actor = actor(args.actor.as_deref())?;
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    let name = document.name.clone();
    let path = ["v1", "prompts", name.as_str(), "import"];
    let pieces = pieces(document)?;
    if pieces.len() > 1 {
        writeln!(io::stderr(), "{} requests, each of them all or nothing", pieces.len())?;
    }
    for document in pieces {
        let (actor, reason) = (actor.clone(), args.reason.clone());
        let body = json(&PromptImport { document, actor, reason })?;
        let preview = if args.preview { "true" } else { "false" };
        let done: PromptImported =
            client.post_with(&path, &[("preview", preview)], Body::Json(&body))?;
        match args.format {
            Format::Json => json_line(&done, out)?,
            Format::Text => say(&done, out)?,
        }
    }
    Ok(())
}

/// A document in pieces that a request has room for, the labels in the last.
fn pieces(mut whole: PromptDocument) -> Result<Vec<PromptDocument>, Failure> {
    let versions = std::mem::take(&mut whole.versions);
    let labels = std::mem::take(&mut whole.labels);
    let head = json(&whole)?.len() + json(&labels)?.len();
    let mut pieces = vec![whole.clone()];
    let mut bytes = head;
    for version in versions {
        let more = json(&version)?.len() + 1;
        if bytes + more > REQUEST_BYTES_MAX && bytes > head {
            pieces.push(whole.clone());
            bytes = head;
        }
        bytes += more;
        if let Some(piece) = pieces.last_mut() {
            piece.versions.push(version);
        }
    }
    if let Some(last) = pieces.last_mut() {
        last.labels = labels;
    }
    Ok(pieces)
}

fn say(done: &PromptImported, out: &mut impl Write) -> Result<(), Failure> {
    let would = if done.preview { "would be " } else { "" };
    for version in &done.added {
        let line = format!("+ {} {would}added, {}", version.key, version.digest);
        writeln!(out, "{}", printable(&line))?;
    }
    for key in &done.present {
        writeln!(out, "{}", printable(&format!("= {key} is there")))?;
    }
    for label in &done.moved {
        let version = label.version.as_deref().unwrap_or("–");
        writeln!(out, "{}", printable(&format!("> {} {would}moved to {version}", label.label)))?;
    }
    for conflict in &done.conflicts {
        let line = format!("! {}: {}", conflict.pointer, conflict.detail);
        writeln!(out, "{}", printable(&line))?;
    }
    Ok(())
}
