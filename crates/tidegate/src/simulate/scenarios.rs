//! Finds scenario files, and the threads to simulate them with.

use std::borrow::Cow;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use tidegate_sim::World;
use tidegate_spec::ScenarioFile;
use tidegate_spec::scenario::Setting;

use super::sampling::SamplingArgs;
use crate::failure::Failure;
use crate::settings_file::read_text;

/// Reads scenario files; of folders every `*.toml`, in order of name.
pub(crate) fn read_files(paths: &[PathBuf]) -> Result<Vec<(PathBuf, ScenarioFile)>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(files_in(path)?);
        } else {
            files.push(path.clone());
        }
    }
    files.into_iter().map(|path| Ok((path.clone(), read(path)?))).collect()
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |source| Failure::Unreadable { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_file() && path.extension().is_some_and(|ending| ending == "toml") {
            files.push(path);
        }
    }
    if files.is_empty() {
        let text =
            format!("{} has no *.toml file, allowed: a folder of scenarios", folder.display());
        return Err(Failure::BadInput(text));
    }
    files.sort();
    Ok(files)
}

fn read(path: PathBuf) -> Result<ScenarioFile, Failure> {
    ScenarioFile::parse(&read_text(&path)?).map_err(|source| Failure::Invalid { path, source })
}

/// Every scenario of the files, under each rule, made ready; those of one scenario stand together.
pub(crate) fn scenarios_of(
    files: &[(PathBuf, ScenarioFile)],
    rules: &[Option<&str>],
    sampling: &SamplingArgs,
) -> Result<Vec<(PathBuf, World)>, Failure> {
    let mut worlds = Vec::new();
    for (path, file) in files {
        let invalid = |source| Failure::Invalid { path: path.clone(), source };
        let by_rule: Result<Vec<Cow<'_, ScenarioFile>>, Failure> = rules
            .iter()
            .map(|rule| match rule {
                None => Ok(Cow::Borrowed(file)),
                Some(rule) => {
                    let rule = Setting::new("guardrails.rule", rule);
                    file.with(&[rule]).map(Cow::Owned).map_err(invalid)
                }
            })
            .collect();
        let by_rule = by_rule?;
        for cell in 0..by_rule.first().map_or(0, |file| file.scenarios().len()) {
            for file in &by_rule {
                let scenario = file.scenarios()[cell].clone();
                worlds.push((path.clone(), sampling.chosen().world(scenario)?));
            }
        }
    }
    Ok(worlds)
}

/// The threads that simulate.
pub(crate) struct Pool(rayon::ThreadPool);

impl Pool {
    pub(crate) fn new(threads: Option<u16>) -> Result<Self, Failure> {
        // None, which is 0, is as many as there are processors.
        let builder = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0).into());
        builder.build().map(Self).map_err(|error| Failure::BadInput(format!("--threads: {error}")))
    }

    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.0.install(work)
    }
}

/// A bar on standard error, where that is a terminal.
pub(crate) struct RunsProgress(ProgressBar);

impl RunsProgress {
    pub(crate) fn new(runs: u64) -> Self {
        let bar =
            if io::stderr().is_terminal() { ProgressBar::new(runs) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} runs, {eta} left  {msg}");
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    pub(crate) fn say(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    pub(crate) fn advance(&self) {
        self.0.inc(1);
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// Says on standard error how much was simulated, and how fast.
pub(crate) fn say_speed(analyses: u64, seconds: f64) {
    let millions = analyses as f64 / 1e6;
    // Nothing is left to do where standard error is gone.
    let _ = writeln!(
        io::stderr(),
        "{millions:.1} million analyses in {seconds:.1} s: {:.1} million a second",
        millions / seconds
    );
}
