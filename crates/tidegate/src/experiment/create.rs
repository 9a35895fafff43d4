//! `tidegate experiment create | diff`: defines, and says what a definition would change.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use tidegate_engine::event::Reason;
use tidegate_spec::api::{DELETED, Defined, SettingChange};
use tidegate_spec::{ExperimentFile, Syntax};

use super::defined::{headline, warn};
use crate::actor::actor;
use crate::client::{Body, Client, ServerArgs};
use crate::environment::ProcessEnvironment;
use crate::failure::Failure;
use crate::format::{Format, json_line};
use crate::printable::printable;
use crate::settings_file::read_text;

/// Define an experiment in the daemon, replace its draft, or begin the next run of one that has ended
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The experiment file, TOML or JSON; its key is the experiment's
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Why; it is kept with the definition. Left out: nothing is said of it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who defines it; left out: the user's name
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// What is meant although it is warned of
    #[arg(long, value_enum, value_name = "WARNING")]
    accept: Option<AcceptedChange>,
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Say which settings a file would change, and what cameras would notice
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The experiment file, TOML or JSON; its key is the experiment's
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum AcceptedChange {
    /// The control is another version than the one that is served, or that `production` points to
    ControlChanges,
}

pub(crate) fn create(args: &CreateArgs, out: &mut impl Write) -> Result<(), Failure> {
    if args.dry_run {
        let defined = send(&args.file, &args.server, &[("dry_run", "true")])?;
        return say(&defined, args.format, out);
    }
    let actor = actor(args.actor.as_deref())?;
    let mut query = vec![("actor", &*actor)];
    if let Some(reason) = args.reason.as_deref() {
        Reason::new(reason).map_err(|fault| Failure::BadInput(fault.to_string()))?;
        query.push(("reason", reason));
    }
    if args.accept == Some(AcceptedChange::ControlChanges) {
        query.push(("accept", "control_changes"));
    }
    say(&send(&args.file, &args.server, &query)?, args.format, out)
}

pub(crate) fn diff(args: &DiffArgs, out: &mut impl Write) -> Result<(), Failure> {
    let defined = send(&args.file, &args.server, &[("dry_run", "true")])?;
    match args.format {
        Format::Json => {
            json_line(&defined, out)?;
        }
        Format::Text => {
            if ["none", DELETED].contains(&defined.from.as_str()) {
                writeln!(out, "there is no such experiment yet: all of it would be new")?;
            } else if defined.changes.is_empty() {
                writeln!(out, "no setting would change")?;
            }
            say_changes(&defined, "", out)?;
        }
    }
    Ok(())
}

fn send(path: &Path, server: &ServerArgs, query: &[(&str, &str)]) -> Result<Defined, Failure> {
    let text = read_text(path)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let file = ExperimentFile::parse(text)
        .map_err(|source| Failure::Invalid { path: path.to_owned(), source })?;
    let body = match Syntax::of(text) {
        Syntax::Json => Body::Json(text.as_bytes()),
        Syntax::Toml => Body::Toml(text.as_bytes()),
    };
    let client = Client::new(server, &ProcessEnvironment)?;
    let key = file.definition.experiment().key.as_str();
    Ok(client.put_with(&["v1", "experiments", key], query, body)?)
}

fn say(defined: &Defined, format: Format, out: &mut impl Write) -> Result<(), Failure> {
    match format {
        Format::Json => {
            json_line(defined, out)?;
        }
        Format::Text => {
            let only = if defined.dry_run { "would be defined: " } else { "" };
            writeln!(out, "{only}{}", headline(&defined.detail))?;
            say_changes(defined, "  ", out)?;
        }
    }
    Ok(())
}

fn say_changes(defined: &Defined, indent: &str, out: &mut impl Write) -> Result<(), Failure> {
    for SettingChange { setting, from, to } in &defined.changes {
        let (from, to) = (from.as_deref().unwrap_or("–"), to.as_deref().unwrap_or("–"));
        writeln!(out, "{indent}{}", printable(&format!("{setting}: {from} → {to}")))?;
    }
    for effect in &defined.effects {
        writeln!(out, "{indent}{}", printable(effect))?;
    }
    out.flush()?;
    warn(&defined.detail)?;
    Ok(())
}
