//! `tidegate assign`.

mod asked;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use tidegate_engine::assignment::Split;
use tidegate_engine::id::{CameraId, ExperimentKey, Salt};
use tidegate_engine::number::Share;
use tidegate_engine::time::Timestamp;
use tidegate_spec::ExperimentFile;

use crate::argument::{parse_share, parse_time};
use crate::client::{Client, ServerArgs};
use crate::encoding::{foreign, without_mark};
use crate::environment::ProcessEnvironment;
use crate::failure::Failure;
use crate::format::Format;
use crate::lines::{LINE_BYTES_MAX, Line, Lines};
use crate::settings_file::{read_experiment, read_text};
use asked::Asked;

/// Show which variant cameras get: now, as the daemon says, or while the A/B test runs with its whole share
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("by").required(true).args(["key", "experiment", "salt"])))]
pub(crate) struct AssignArgs {
    /// The experiment to ask the daemon about, for what cameras get now
    #[arg(long, value_name = "KEY", conflicts_with_all = ["share", "at"])]
    pub(crate) key: Option<ExperimentKey>,
    /// The experiment file to take salt, share, overrides and split from
    #[arg(long, value_name = "FILE", conflicts_with = "share")]
    pub(crate) experiment: Option<PathBuf>,
    /// The run that is meant where the file names no salt: each after the first has one of its own, which
    /// `tidegate status` shows
    #[arg(long, value_name = "N", requires = "experiment", default_value_t = 1)]
    pub(crate) run: u32,
    /// The salt to hash with
    #[arg(long, value_name = "SALT", requires = "share")]
    pub(crate) salt: Option<Salt>,
    /// The share of the treatment, 0 to 1
    #[arg(long, value_name = "SHARE", requires = "salt", value_parser = parse_share)]
    pub(crate) share: Option<Share>,
    /// The time to answer for; a switchback changes with it
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) at: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
    /// The camera ids; none, or `-`: one per line from standard input
    #[arg(value_name = "CAMERA")]
    pub(crate) cameras: Vec<CameraId>,
}

pub(crate) fn run(args: &AssignArgs, out: &mut impl Write) -> Result<(), Failure> {
    let mut answers = match &args.key {
        Some(key) => {
            let client = Client::new(&args.server, &ProcessEnvironment)?;
            AnswerSource::Asked(Asked::new(client, key.clone(), args.format))
        }
        None => AnswerSource::Computed(Question::new(args)?, args.format),
    };
    let from_input = matches!(&args.cameras[..], [only] if only.as_str() == "-");
    if !args.cameras.is_empty() && !from_input {
        for camera in &args.cameras {
            answers.add(camera, out)?;
        }
        return answers.end(out);
    }
    let mut stdin = io::stdin().lock();
    if stdin.is_terminal() {
        return Err(Failure::BadInput(
            "no camera given: name some, or pipe one id per line to standard input".to_owned(),
        ));
    }
    let (mut cameras, mut faults) = (0_u64, 0_u64);
    let mut lines = Lines::default();
    loop {
        let number = lines.number() + 1;
        let line = lines.next_line(&mut stdin);
        let unreadable = |source| Failure::Unreadable { path: "standard input".into(), source };
        let camera = match line.map_err(unreadable)? {
            None => break,
            Some(Line::TooLong) => Err(format!("longer than {LINE_BYTES_MAX} bytes")),
            Some(Line::Read(bytes)) => {
                if number == 1
                    && let Some(what) = foreign(bytes)
                {
                    return Err(Failure::BadInput(format!("standard input {what}")));
                }
                let bytes = if number == 1 { without_mark(bytes) } else { bytes };
                let text = String::from_utf8_lossy(bytes);
                let text = text.trim_end_matches('\r');
                if text.is_empty() {
                    continue;
                }
                text.parse::<CameraId>().map_err(|invalid| invalid.to_string())
            }
        };
        match camera {
            Ok(camera) => {
                cameras += 1;
                answers.add(&camera, out)?;
            }
            Err(why) => {
                faults += 1;
                out.flush()?;
                writeln!(io::stderr(), "tidegate: line {number}: {why}")?;
            }
        }
    }
    answers.end(out)?;
    if cameras == 0 && faults == 0 {
        writeln!(io::stderr(), "tidegate: standard input has no camera id, one a line")?;
    }
    if faults > 0 {
        return Err(Failure::BadInput(format!("{faults} lines are no camera ids")));
    }
    Ok(())
}

/// The experiment of a file as a run of it has it: where the file names no salt, each run has its own.
fn read_run(path: &Path, run: u32) -> Result<ExperimentFile, Failure> {
    let file = read_experiment(path)?;
    if run == 1 {
        return Ok(file);
    }
    let invalid = |source| Failure::Invalid { path: path.to_owned(), source };
    let has_own = ExperimentFile::names_salt(&read_text(path)?).map_err(invalid)?;
    Ok(if has_own { file } else { file.salted_for_run(run) })
}

/// Where answers come from.
enum AnswerSource {
    /// The command itself, at once.
    Computed(Question, Format),
    /// The daemon, many at a time.
    Asked(Asked),
}

impl AnswerSource {
    fn add(&mut self, camera: &CameraId, out: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::Computed(question, format) => question.answer(camera, *format, out),
            Self::Asked(asked) => asked.add(camera, out),
        }
    }

    fn end(&mut self, out: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::Computed(..) => Ok(()),
            Self::Asked(asked) => asked.answer(out),
        }
    }
}

#[derive(Serialize)]
struct AssignmentLine<'a> {
    camera_id: &'a str,
    hash: String,
    variant: &'static str,
    reason: &'static str,
}

/// Which split is asked, for which share and time.
struct Question {
    split: Arc<Split>,
    share: Share,
    at: Timestamp,
}

impl Question {
    fn new(args: &AssignArgs) -> Result<Self, Failure> {
        let at = args.at.unwrap_or(Timestamp::EPOCH);
        let (split, share) = match (&args.experiment, &args.salt, args.share) {
            (Some(path), _, _) => {
                let definition = read_run(path, args.run)?.definition;
                (definition.split().clone(), definition.experiment().ab.share)
            }
            (None, Some(salt), Some(share)) => {
                (Arc::new(Split::new(salt, &[], &[], None, None)), share)
            }
            (None, _, _) => {
                let hint = "give --key, or --experiment, or --salt and --share";
                return Err(Failure::BadInput(hint.to_owned()));
            }
        };
        if split.block(at).is_some() && args.at.is_none() {
            return Err(Failure::BadInput(
                "a switchback changes with time: give --at, such as 2026-03-01T12:00:00Z"
                    .to_owned(),
            ));
        }
        Ok(Self { split, share, at })
    }

    fn answer(
        &self,
        camera: &CameraId,
        format: Format,
        out: &mut impl Write,
    ) -> Result<(), Failure> {
        let assignment = self.split.assign(camera, self.share, self.at);
        let answer = AssignmentLine {
            camera_id: camera.as_str(),
            hash: self.split.hash_at(camera, self.at).to_string(),
            variant: assignment.variant.as_str(),
            reason: assignment.reason.as_str(),
        };
        match format {
            Format::Json => {
                serde_json::to_writer(&mut *out, &answer).map_err(io::Error::from)?;
                writeln!(out)?;
            }
            Format::Text => {
                let AssignmentLine { camera_id, hash, variant, reason } = answer;
                writeln!(out, "{camera_id:<24} {hash} {variant:<9} {reason}")?;
            }
        }
        Ok(())
    }
}
