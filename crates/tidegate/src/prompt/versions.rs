//! `tidegate prompt add | list | show | diff`.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use tidegate_engine::id::{LabelName, PromptKey, PromptName};
use tidegate_engine::limits::PROMPT_TEXT_BYTES_MAX;
use tidegate_spec::api::{
    PromptDetail, PromptDiff, PromptList, PromptRequest, PromptSummary, VersionDetail,
    VersionRequest, VersionSummary, Versions,
};

use super::labels::say_labels;
use crate::actor::actor;
use crate::client::{Body, Client, ServerArgs, json};
use crate::digest::sha256_hex;
use crate::environment::ProcessEnvironment;
use crate::failure::{DaemonError, Failure};
use crate::format::{Format, json_line};
use crate::printable::printable;
use crate::table::{aligned, print_trimmed};

/// Keep a text as a new version of a prompt; the same text again is the version that is there
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The prompt; where there is none of that name, it is made
    #[arg(value_name = "NAME")]
    name: PromptName,
    /// The file with the text, kept byte for byte; `-` reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The version's name within the prompt, such as `v2_calibrated`; left out: `v` and its number
    #[arg(long, value_name = "KEY")]
    key: Option<PromptKey>,
    /// What is new in it
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// The version it was made of: a key, a digest or a label
    #[arg(long, value_name = "VERSION")]
    parent: Option<String>,
    /// A label that is to point to it
    #[arg(long, value_name = "LABEL")]
    label: Option<LabelName>,
    /// Who adds it; left out: the user's name
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// List the daemon's prompts, or the versions of one
#[derive(Debug, Args)]
pub(crate) struct ListPromptsArgs {
    /// The prompt whose versions are listed
    #[arg(value_name = "NAME")]
    name: Option<PromptName>,
    #[command(flatten)]
    server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Print the text of a version, or where the labels of a prompt point
#[derive(Debug, Args)]
pub(crate) struct ShowPromptArgs {
    /// The prompt
    #[arg(value_name = "NAME")]
    name: PromptName,
    /// The version whose text is printed: a key, a digest, the beginning of one, or a label
    #[arg(value_name = "VERSION")]
    version: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Print what differs between two versions
#[derive(Debug, Args)]
pub(crate) struct DiffVersionsArgs {
    /// The prompt
    #[arg(value_name = "NAME")]
    name: PromptName,
    /// The older version: a key, a digest, the beginning of one, or a label
    #[arg(value_name = "FROM")]
    from: String,
    /// The newer version
    #[arg(value_name = "TO")]
    to: String,
    #[command(flatten)]
    server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn add(args: &AddArgs, out: &mut impl Write) -> Result<(), Failure> {
    let text = read_text(&args.file)?;
    let actor = actor(args.actor.as_deref())?;
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    refuse_other_key(args, &text, &client)?;
    let request = VersionRequest {
        text,
        key: args.key.as_ref().map(ToString::to_string),
        note: args.note.clone(),
        actor,
        parent: args.parent.clone(),
        label: args.label.as_ref().map(ToString::to_string),
    };
    let path = ["v1", "prompts", args.name.as_str(), "versions"];
    let added: VersionDetail = match client.post(&path, Body::Json(&json(&request)?)) {
        Err(DaemonError::Refused(refusal)) if refusal.has_code("unknown_prompt") => {
            let VersionRequest { text, key, note, actor, parent: _, label } = request;
            let name = args.name.to_string();
            let request = PromptRequest { name, text, key, note, actor, label };
            if args.parent.is_some() {
                return Err(DaemonError::Refused(refusal).into());
            }
            let made = client.post(&["v1", "prompts"], Body::Json(&json(&request)?))?;
            writeln!(io::stderr(), "prompt {} is new", args.name)?;
            made
        }
        other => other?,
    };
    match args.format {
        Format::Json => json_line(&added.summary, out),
        Format::Text => {
            let VersionSummary { number, key, digest, labels, .. } = &added.summary;
            let labels = if labels.is_empty() { "no label".to_owned() } else { labels.join(", ") };
            let line = format!("{}: version {number}, {key}, {digest} ({labels})", added.prompt);
            writeln!(out, "{}", printable(&line))?;
            Ok(())
        }
    }
}

/// Refuses a key for a text that is there under another: whoever asks for `v3` would believe that there is one.
fn refuse_other_key(args: &AddArgs, text: &str, client: &Client) -> Result<(), Failure> {
    let Some(wanted) = &args.key else { return Ok(()) };
    let digest = format!("sha256:{}", sha256_hex(text.as_bytes()));
    let path = ["v1", "prompts", args.name.as_str(), "versions", &digest];
    let kept: Result<VersionDetail, DaemonError> = client.get(&path);
    match kept {
        Ok(kept) if kept.summary.key != wanted.as_str() => {
            let key = &kept.summary.key;
            let why = format!(
                "--key {wanted}: the text is there as `{key}`, allowed: --key {key}, or none"
            );
            Err(Failure::BadInput(why))
        }
        // No such text, or no such prompt.
        Ok(_) | Err(DaemonError::Refused(_)) => Ok(()),
        Err(other) => Err(other.into()),
    }
}

pub(crate) fn list(args: &ListPromptsArgs, out: &mut impl Write) -> Result<(), Failure> {
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    match &args.name {
        None => {
            let PromptList { prompts } = client.get(&["v1", "prompts"])?;
            say_prompts(&prompts, args.format, out)
        }
        Some(name) => {
            let path = ["v1", "prompts", name.as_str(), "versions"];
            let mut all = Vec::new();
            let mut page: Versions = client.get(&path)?;
            loop {
                all.append(&mut page.versions);
                let Some(next) = page.next.take() else { break };
                page = client.get_after(&path, &next)?;
            }
            say_versions(&all, args.format, out)
        }
    }
}

fn say_prompts(
    prompts: &[PromptSummary],
    format: Format,
    out: &mut impl Write,
) -> Result<(), Failure> {
    match format {
        Format::Json => prompts.iter().try_for_each(|prompt| json_line(prompt, out)),
        Format::Text if prompts.is_empty() => {
            writeln!(io::stderr(), "no prompts yet: `tidegate prompt add NAME FILE`")?;
            Ok(())
        }
        Format::Text => {
            let titles = ["prompt", "versions", "newest", "labels"];
            let rows = prompts.iter().map(|prompt| {
                let labels = prompt.labels.iter().map(|(label, key)| format!("{label}={key}"));
                vec![
                    printable(&prompt.name),
                    prompt.versions.to_string(),
                    printable(&prompt.newest),
                    printable(&labels.collect::<Vec<_>>().join(" ")),
                ]
            });
            print_trimmed(&aligned(&titles, &[0, 2, 3], rows), out)?;
            Ok(())
        }
    }
}

fn say_versions(
    versions: &[VersionSummary],
    format: Format,
    out: &mut impl Write,
) -> Result<(), Failure> {
    if format == Format::Json {
        return versions.iter().try_for_each(|version| json_line(version, out));
    }
    let titles = ["number", "key", "digest", "created", "by", "labels", "note"];
    let rows = versions.iter().map(|version| {
        vec![
            version.number.to_string(),
            printable(&version.key),
            // As much as finds it again.
            printable(&version.digest.chars().take("sha256:".len() + 12).collect::<String>()),
            printable(&version.created_at),
            printable(&version.actor),
            printable(&version.labels.join(" ")),
            printable(version.note.as_deref().unwrap_or("")),
        ]
    });
    print_trimmed(&aligned(&titles, &[1, 2, 3, 4, 5, 6], rows), out)?;
    Ok(())
}

pub(crate) fn show(args: &ShowPromptArgs, out: &mut impl Write) -> Result<(), Failure> {
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    let name = args.name.as_str();
    let Some(version) = &args.version else {
        let detail: PromptDetail = client.get(&["v1", "prompts", name])?;
        return match args.format {
            Format::Json => json_line(&detail, out),
            Format::Text => {
                let PromptDetail { name, versions, newest, labels } = &detail;
                let line = format!("{name}: {versions} versions, the newest is {}", newest.key);
                writeln!(out, "{}", printable(&line))?;
                say_labels(labels, out)
            }
        };
    };
    let detail: VersionDetail = client.get(&["v1", "prompts", name, "versions", version])?;
    match args.format {
        Format::Json => json_line(&detail, out),
        // Byte for byte, so that a file that it is written to has the same digest.
        Format::Text if !io::stdout().is_terminal() => {
            out.write_all(detail.text.as_bytes())?;
            Ok(())
        }
        Format::Text => {
            for line in detail.text.lines() {
                writeln!(out, "{}", printable(line))?;
            }
            Ok(())
        }
    }
}

pub(crate) fn diff(args: &DiffVersionsArgs, out: &mut impl Write) -> Result<(), Failure> {
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    let path = ["v1", "prompts", args.name.as_str(), "diff"];
    let query = [("from", args.from.as_str()), ("to", args.to.as_str())];
    let diff: PromptDiff = client.get_with(&path, &query)?;
    match args.format {
        Format::Json => json_line(&diff, out),
        Format::Text => {
            for line in diff.unified.lines() {
                writeln!(out, "{}", printable(line))?;
            }
            out.flush()?;
            let PromptDiff { added, removed, hunks, .. } = diff;
            writeln!(io::stderr(), "{added} lines more, {removed} fewer, in {hunks} places")?;
            Ok(())
        }
    }
}

/// Reads the text of a version, byte for byte.
fn read_text(path: &Path) -> Result<String, Failure> {
    let unreadable = |source| Failure::Unreadable { path: path.to_owned(), source };
    let mut text = String::new();
    let most = PROMPT_TEXT_BYTES_MAX as u64 + 1;
    if path == Path::new("-") {
        io::stdin().lock().take(most).read_to_string(&mut text).map_err(unreadable)?;
    } else {
        let file = File::open(path).map_err(unreadable)?;
        file.take(most).read_to_string(&mut text).map_err(unreadable)?;
    }
    if (1..=PROMPT_TEXT_BYTES_MAX).contains(&text.len()) {
        return Ok(text);
    }
    let shown = path.display();
    Err(Failure::BadInput(if text.is_empty() {
        format!("{shown} is empty, allowed: 1 to {PROMPT_TEXT_BYTES_MAX} bytes")
    } else {
        format!("{shown} is longer than {PROMPT_TEXT_BYTES_MAX} bytes, the longest a text may be")
    }))
}
