//! `tidegate experiment list | show | override`: what the daemon holds.

use std::io::{self, Write};

use clap::{ArgGroup, Args, ValueEnum};
use tidegate_engine::id::{CameraId, ExperimentKey};
use tidegate_spec::api::{ExperimentDetail, ExperimentSummary, Experiments, OverrideRequest};

use super::shown::{say_list, state};
use crate::actor::actor;
use crate::client::{Body, Client, ServerArgs, json};
use crate::environment::ProcessEnvironment;
use crate::failure::Failure;
use crate::format::{Format, json_line};
use crate::printable::printable;

/// List the daemon's experiments
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Which experiment of the daemon is asked about
#[derive(Debug, Args)]
pub(crate) struct AskedArgs {
    /// The experiment
    #[arg(value_name = "KEY")]
    pub(super) key: ExperimentKey,
    #[command(flatten)]
    pub(super) server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    pub(super) format: Format,
}

/// Give a camera of a draft one variant whatever its hash, or let the hash decide again
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["variant", "clear"])))]
pub(crate) struct OverrideArgs {
    /// The experiment
    #[arg(value_name = "KEY")]
    key: ExperimentKey,
    /// The camera
    #[arg(value_name = "CAMERA")]
    camera: CameraId,
    /// What the camera gets
    #[arg(value_name = "VARIANT", value_enum)]
    variant: Option<VariantChoice>,
    /// Let the hash decide again
    #[arg(long)]
    clear: bool,
    /// Why; it is kept with the definition
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who wants it; left out: the user's name
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum VariantChoice {
    /// The prompt version in use
    Control,
    /// The prompt version being tried
    Treatment,
}

impl VariantChoice {
    fn as_str(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Treatment => "treatment",
        }
    }
}

pub(crate) fn list(args: &ListArgs, out: &mut impl Write) -> Result<(), Failure> {
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    let found: Experiments = client.get(&["v1", "experiments"])?;
    say_list(&found.experiments, args.format, out)
}

pub(crate) fn show(args: &AskedArgs, out: &mut impl Write) -> Result<(), Failure> {
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    let detail: ExperimentDetail = client.get(&["v1", "experiments", args.key.as_str()])?;
    match args.format {
        Format::Json => {
            json_line(&detail, out)?;
        }
        Format::Text => {
            // Comments, so that what is printed is an experiment file.
            writeln!(out, "# {}", headline(&detail))?;
            // The definition has many lines; each is as safe as it is printed.
            for line in detail.definition_toml.lines() {
                writeln!(out, "{}", printable(line))?;
            }
            out.flush()?;
            warn(&detail)?;
        }
    }
    Ok(())
}

pub(crate) fn override_camera(args: &OverrideArgs, out: &mut impl Write) -> Result<(), Failure> {
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    let path = ["v1", "experiments", args.key.as_str(), "overrides", args.camera.as_str()];
    let actor = actor(args.actor.as_deref())?;
    let mut query = vec![("actor", &*actor)];
    query.extend(args.reason.as_deref().map(|reason| ("reason", reason)));
    let detail: ExperimentDetail = match args.variant {
        Some(variant) => {
            let body = json(&OverrideRequest { variant: variant.as_str().to_owned() })?;
            client.put_with(&path, &query, Body::Json(&body))?
        }
        None => client.delete_with(&path, &query)?,
    };
    say_detail(&detail, args.format, out)
}

fn say_detail(
    detail: &ExperimentDetail,
    format: Format,
    out: &mut impl Write,
) -> Result<(), Failure> {
    match format {
        Format::Json => {
            json_line(detail, out)?;
        }
        Format::Text => {
            writeln!(out, "{}", headline(detail))?;
            out.flush()?;
            warn(detail)?;
        }
    }
    Ok(())
}

pub(super) fn headline(detail: &ExperimentDetail) -> String {
    let ExperimentSummary { key, run, control, treatment, phase, condition, .. } = &detail.summary;
    let state = state(phase, condition);
    printable(&format!(
        "{key}: run {run}, {state}; {control} (control) against {treatment} (treatment); definition {}",
        detail.digest
    ))
}

pub(super) fn warn(detail: &ExperimentDetail) -> io::Result<()> {
    for warning in &detail.warnings {
        let (code, text) = (printable(&warning.code), printable(&warning.detail));
        writeln!(io::stderr(), "! {code}: {text}")?;
    }
    Ok(())
}
