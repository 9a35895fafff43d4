//! `tidegate assign`.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use serde::Serialize;
use tidegate_engine::assignment::Split;
use tidegate_engine::id::CameraId;
use tidegate_engine::number::Share;

use crate::args::{AssignArgs, Format};
use crate::experiment;
use crate::failure::Failure;
use crate::lines::{LINE_BYTES_MAX, Line, Lines};

pub(crate) fn run(args: &AssignArgs, out: &mut impl Write) -> Result<(), Failure> {
    let (split, share) = split_of(args)?;
    let from_input = matches!(&args.cameras[..], [only] if only.as_str() == "-");
    if !args.cameras.is_empty() && !from_input {
        for camera in &args.cameras {
            print(&split, share, camera, args.format, out)?;
        }
        return Ok(());
    }
    let mut stdin = io::stdin().lock();
    if stdin.is_terminal() {
        return Err(Failure::BadInput(
            "no camera given: name some, or pipe one id per line to standard input".to_owned(),
        ));
    }
    let mut faults = 0_u64;
    let mut lines = Lines::default();
    loop {
        let number = lines.number() + 1;
        let line = lines.next_line(&mut stdin);
        let unreadable = |source| Failure::Unreadable { path: "standard input".into(), source };
        let camera = match line.map_err(unreadable)? {
            None => break,
            Some(Line::TooLong) => Err(format!("longer than {LINE_BYTES_MAX} bytes")),
            Some(Line::Read(bytes)) => {
                let text = String::from_utf8_lossy(bytes);
                let text = text.trim_end_matches('\r');
                if text.is_empty() {
                    continue;
                }
                text.parse::<CameraId>().map_err(|invalid| invalid.to_string())
            }
        };
        match camera {
            Ok(camera) => print(&split, share, &camera, args.format, out)?,
            Err(why) => {
                faults += 1;
                out.flush()?;
                writeln!(io::stderr(), "tidegate: line {number}: {why}")?;
            }
        }
    }
    if faults > 0 {
        return Err(Failure::BadInput(format!("{faults} lines are no camera ids")));
    }
    Ok(())
}

fn split_of(args: &AssignArgs) -> Result<(Arc<Split>, Share), Failure> {
    if let Some(path) = &args.experiment {
        let file = experiment::read(path)?;
        return Ok((file.definition.split().clone(), file.definition.experiment().ab.share));
    }
    match (&args.salt, args.share) {
        (Some(salt), Some(share)) => Ok((Arc::new(Split::new(salt, &[], &[])), share)),
        _ => Err(Failure::BadInput("give --experiment, or --salt and --share".to_owned())),
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    camera_id: &'a str,
    hash: String,
    variant: &'static str,
    reason: &'static str,
}

fn print(
    split: &Split,
    share: Share,
    camera: &CameraId,
    format: Format,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let assignment = split.assign(camera, share);
    let answer = Answer {
        camera_id: camera.as_str(),
        hash: split.hash(camera).to_string(),
        variant: assignment.variant.as_str(),
        reason: assignment.reason.as_str(),
    };
    match format {
        Format::Json => {
            serde_json::to_writer(&mut *out, &answer).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        Format::Text => {
            let Answer { camera_id, hash, variant, reason } = answer;
            writeln!(out, "{camera_id:<24} {hash} {variant:<9} {reason}")?;
        }
    }
    Ok(())
}
