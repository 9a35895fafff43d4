//! A disk that fails when it is told to: `tests/shim/faults.c`, compiled and loaded before the daemon.
#![allow(clippy::missing_panics_doc, reason = "a test that cannot go on says so")]

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::daemon::Start;
use crate::repository;

/// The compiled shim, for the files below one folder.
#[derive(Debug)]
pub struct Shim {
    library: PathBuf,
    folder: PathBuf,
    control: PathBuf,
    record: PathBuf,
    serial: AtomicU32,
}

/// Calls that fail.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// Which, as a comma list: `write`, `sync`, `range`, `name`, `open`.
    pub kinds: &'static str,
    /// With what: `EIO`, `ENOSPC`, `EROFS`; `KILL` ends the process instead.
    pub error: &'static str,
    /// Calls that succeed before.
    pub skip: u32,
    /// Calls that fail.
    pub count: u32,
}

impl Shim {
    /// Compiles the shim into `workshop`, for files below `folder`; says so and gives `None` where there is
    /// no C compiler.
    pub fn new(workshop: &Path, folder: &Path) -> Option<Self> {
        let library = compiled("tests/shim/faults.c", &workshop.join("faults.so"))?;
        Some(Self {
            library,
            folder: folder.canonicalize().expect("a folder"),
            control: workshop.join("control"),
            record: workshop.join("record"),
            serial: AtomicU32::new(0),
        })
    }

    /// The folder whose files fail.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of what was asked of the disk.
    pub fn record(&self) -> &Path {
        &self.record
    }

    /// A daemon beneath which the disk can fail.
    #[must_use]
    pub fn load(&self, start: Start) -> Start {
        let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        start
            .env("LD_PRELOAD", text(&self.library))
            .env("TIDEGATE_FAULTS_FOLDER", text(&self.folder))
            .env("TIDEGATE_FAULTS_CONTROL", text(&self.control))
    }

    /// A daemon whose every call is recorded too.
    #[must_use]
    pub fn load_recording(&self, start: Start) -> Start {
        let record = self.record.to_str().expect("UTF-8").to_owned();
        self.load(start).env("TIDEGATE_FAULTS_RECORD", record)
    }

    /// A command whose every call is recorded.
    pub fn record_command(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("TIDEGATE_FAULTS_FOLDER", &self.folder)
            .env("TIDEGATE_FAULTS_RECORD", &self.record);
    }

    /// Lets the disk fail from now on.
    pub fn fail(&self, fault: Fault) {
        let Fault { kinds, error, skip, count } = fault;
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let new = self.control.with_extension("new");
        fs::write(&new, format!("{kinds} {error} {skip} {count} {serial}")).expect("a file");
        fs::rename(new, &self.control).expect("a file");
    }

    /// Mends the disk.
    pub fn mend(&self) {
        fs::remove_file(&self.control).expect("a disk that fails");
    }
}

/// Compiles a shim of this repository; says so and gives `None` where there is no C compiler.
pub(crate) fn compiled(source: &str, library: &Path) -> Option<PathBuf> {
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-pthread", "-o"])
        .arg(library)
        .arg(repository(source))
        .output();
    match compiled {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Some(library.to_owned())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            crate::skipped(format!("there is no `cc` to compile {source} with"));
            None
        }
        Err(error) => panic!("cc: {error}"),
    }
}
