//! `tidegate experiment create | list | show | override`: what the daemon holds.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use tidegate_engine::id::{CameraId, ExperimentKey};
use tidegate_spec::api::{ExperimentDetail, ExperimentSummary, Experiments, OverrideRequest};
use tidegate_spec::{ExperimentFile, Syntax};

use super::shown::{say_list, state};
use crate::client::{Body, Client, ServerArgs, json};
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
    #[command(flatten)]
    server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// List the daemon's experiments
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Print an experiment of the daemon as a file, with every setting
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The experiment
    #[arg(value_name = "KEY")]
    key: ExperimentKey,
    #[command(flatten)]
    server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
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

pub(crate) fn create(args: &CreateArgs, out: &mut impl Write) -> Result<(), Failure> {
    let text = read_text(&args.file)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let file = ExperimentFile::parse(text)
        .map_err(|source| Failure::Invalid { path: args.file.clone(), source })?;
    let body = match Syntax::of(text) {
        Syntax::Json => Body::Json(text.as_bytes()),
        Syntax::Toml => Body::Toml(text.as_bytes()),
    };
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    let key = file.definition.experiment().key.as_str();
    let detail: ExperimentDetail = client.put(&["v1", "experiments", key], body)?;
    say_detail(&detail, args.format, out)
}

pub(crate) fn list(args: &ListArgs, out: &mut impl Write) -> Result<(), Failure> {
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    let found: Experiments = client.get(&["v1", "experiments"])?;
    say_list(&found.experiments, args.format, out)
}

pub(crate) fn show(args: &ShowArgs, out: &mut impl Write) -> Result<(), Failure> {
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
    let detail: ExperimentDetail = match args.variant {
        Some(variant) => {
            let body = json(&OverrideRequest { variant: variant.as_str().to_owned() })?;
            client.put(&path, Body::Json(&body))?
        }
        None => client.delete(&path)?,
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

fn headline(detail: &ExperimentDetail) -> String {
    let ExperimentSummary { key, run, control, treatment, phase, condition, .. } = &detail.summary;
    let state = state(phase, condition);
    printable(&format!(
        "{key}: run {run}, {state}; {control} (control) against {treatment} (treatment); definition {}",
        detail.digest
    ))
}

fn warn(detail: &ExperimentDetail) -> io::Result<()> {
    for warning in &detail.warnings {
        let (code, text) = (printable(&warning.code), printable(&warning.detail));
        writeln!(io::stderr(), "! {code}: {text}")?;
    }
    Ok(())
}
