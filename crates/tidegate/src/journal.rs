//! `tidegate journal`: looking after a journal while no daemon has it open.

mod repair;

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Args, Subcommand};
use tidegate_engine::time::Timestamp;
use tidegate_journal::{
    Cache, Consent, GoOnFrom, Journal, Soundness, Verification, export, import, verify,
};

use crate::argument::parse_time;
use crate::failure::Failure;
use crate::format::Format;

/// Export, import, verify, repair or rewind a journal that no daemon has open
#[derive(Debug, Args)]
pub(crate) struct JournalArgs {
    #[command(subcommand)]
    command: JournalCommand,
}

#[derive(Debug, Subcommand)]
enum JournalCommand {
    /// Write everything as JSON lines; the file is there whole or not at all
    Export {
        /// The file to write
        #[arg(value_name = "FILE")]
        to: PathBuf,
        #[command(flatten)]
        folder: Folder,
    },
    /// Make a journal of an export
    Import {
        /// The file to read
        #[arg(value_name = "FILE")]
        from: PathBuf,
        #[command(flatten)]
        folder: Folder,
    },
    /// Check that everything acknowledged is there; exit code 1 where it is not
    Verify {
        #[command(flatten)]
        folder: Folder,
        /// The daemon that starts this check holds the lock
        #[arg(long, hide = true)]
        locked_by_parent: bool,
    },
    /// Move a damaged journal aside and go on from an export, or from what is whole; say first what that would lose
    Repair {
        /// Go on although entries are lost
        #[arg(long)]
        yes: bool,
        /// The export to go on from
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        #[command(flatten)]
        folder: Folder,
    },
    /// Go on from what a journal was at a time, where the clock was ahead; say first what that would leave out
    Rewind {
        /// The time; what was written from the first entry of after it on is left out
        #[arg(long, value_name = "TIME", value_parser = parse_time)]
        until: Timestamp,
        /// Go on without what is left out
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        folder: Folder,
    },
}

#[derive(Debug, Args)]
struct Folder {
    /// The folder of the journal
    #[arg(long, env = "TIDEGATE_DATA", value_name = "DIR", default_value = tidegate_daemon::config::DATA_DEFAULT)]
    data: PathBuf,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn run(args: &JournalArgs, out: &mut impl Write) -> Result<(), Failure> {
    match &args.command {
        JournalCommand::Export { to, folder } => {
            must_exist(&folder.data)?;
            let counts = {
                let (journal, _) = Journal::open(&folder.data, by_child(&folder.data)?)?;
                export(&journal, to)?
            };
            let text = format!("{} entries exported to {}", counts.entries, to.display());
            answer(folder.format, &text, &counts, out)
        }
        JournalCommand::Import { from, folder } => {
            let unreadable = |source| Failure::Unreadable { path: from.clone(), source };
            if from.is_dir() {
                let text =
                    format!("{} is a folder, allowed: an export, which is a file", from.display());
                return Err(Failure::BadInput(text));
            }
            let counts =
                import(BufReader::new(File::open(from).map_err(unreadable)?), &folder.data)?;
            let text = format!("{} entries imported to {}", counts.entries, folder.data.display());
            answer(folder.format, &text, &counts, out)
        }
        JournalCommand::Verify { folder, locked_by_parent: true } => {
            let report = in_this_process(&folder.data)?;
            answer(Format::Json, "", &report, out)
        }
        JournalCommand::Verify { folder, locked_by_parent: false } => verified(folder, out),
        JournalCommand::Repair { from, yes, folder } => {
            let consent = if *yes { Consent::Given } else { Consent::Withheld };
            let from = from.as_deref().map_or(GoOnFrom::Whole, GoOnFrom::Export);
            repair::repaired(folder, from, consent, out)
        }
        JournalCommand::Rewind { until, yes, folder } => {
            let consent = if *yes { Consent::Given } else { Consent::Withheld };
            repair::repaired(folder, GoOnFrom::Time(*until), consent, out)
        }
    }
}

/// Checks the journal through a child, under the lock.
fn verified(folder: &Folder, out: &mut impl Write) -> Result<(), Failure> {
    must_exist(&folder.data)?;
    let check = by_child(&folder.data)?;
    let report = tidegate_journal::verify::locked(&folder.data, check)?;
    let text = format!(
        "{} entries in {} frames, {} to {}, acknowledged to {}; {} snapshots: {}",
        report.entries,
        report.frames,
        report.first,
        report.last,
        report.acknowledged,
        report.snapshots.len(),
        match &report.verdict {
            Soundness::Sound if !report.broken_snapshots.is_empty() => {
                format!(
                    "sound, but for broken snapshots after entries {:?}",
                    report.broken_snapshots
                )
            }
            Soundness::Sound if report.cache == Cache::Broken => {
                "sound, but for what the store keeps to start sooner, which the next start makes anew"
                    .to_owned()
            }
            Soundness::Sound => "sound".to_owned(),
            Soundness::Damaged { why } => format!("DAMAGED: {why}"),
        }
    );
    answer(folder.format, &text, &report, out)?;
    match report.verdict {
        Soundness::Sound => Ok(()),
        Soundness::Damaged { why } => Err(Failure::Unmet(format!(
            "the journal is damaged: {why}; `tidegate journal repair` goes on from what is whole"
        ))),
    }
}

fn in_this_process(folder: &Path) -> Result<Verification, Failure> {
    let unreadable = |source| Failure::Unreadable { path: folder.to_owned(), source };
    verify::in_process(folder).map_err(unreadable)
}

/// A check by a child of this program, which a damaged store may make panic.
fn by_child(
    folder: &Path,
) -> Result<impl FnOnce(&Path) -> std::io::Result<Verification> + use<>, Failure> {
    let mut command = Command::new(std::env::current_exe().map_err(Failure::Program)?);
    command.args(["journal", "verify", "--locked-by-parent", "--data"]).arg(folder);
    Ok(verify::in_child(command))
}

/// A journal that is looked for is not made.
fn must_exist(folder: &Path) -> Result<(), Failure> {
    if folder.join("lock").exists() {
        Ok(())
    } else {
        Err(Failure::BadInput(format!(
            "there is no journal in {}, allowed: the folder that `tidegate serve --data` keeps",
            folder.display()
        )))
    }
}

fn answer(
    format: Format,
    text: &str,
    fields: &impl serde::Serialize,
    out: &mut impl Write,
) -> Result<(), Failure> {
    match format {
        Format::Text => writeln!(out, "{text}")?,
        Format::Json => {
            serde_json::to_writer(&mut *out, fields).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
    }
    Ok(())
}
