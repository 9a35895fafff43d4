//! `tidegate replay`.

mod args;
mod report;
mod text;

use std::io::Write;

use tidegate_offline::replay::{JsonReport, Map, PreparedReplay};

pub(crate) use self::args::ReplayArgs;
use self::report::TextReport;
use crate::failure::Failure;
use crate::format::Format;
use crate::settings_file::{read_experiment, read_text};

pub(crate) fn run(args: &ReplayArgs, out: &mut impl Write) -> Result<(), Failure> {
    let definition = read_experiment(&args.experiment)?.definition;
    let map = Map::parse(&read_text(&args.map)?)
        .map_err(|source| Failure::Invalid { path: args.map.clone(), source })?;
    let replay = PreparedReplay::new(definition, map, args.settings())?;
    match args.format {
        Format::Json => {
            replay.run(&args.records, &mut JsonReport::new(replay.settings()), out)?;
        }
        Format::Text => replay.run(&args.records, &mut TextReport::new(&replay), out)?,
    }
    Ok(())
}
