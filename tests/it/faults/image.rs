//! Power cuts of a real file system: the block device beneath a daemon's journal, copied as it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use system_tests::daemon::Daemon;

use crate::faults::fleet::{self, read};
use crate::faults::load::{Reporter, WIDE, missing};

/// Cuts of each file system in a test run, and the variable that asks for more.
const CUTS: usize = 30;
const CUTS_VARIABLE: &str = "TIDEGATE_IMAGE_CUTS";
const IMAGE_BYTES: u64 = 384 * 1024 * 1024;

#[test]
fn no_power_cut_of_ext4_loses_what_was_acknowledged() {
    survive("ext4");
}

#[test]
fn no_power_cut_of_xfs_loses_what_was_acknowledged() {
    survive("xfs");
}

/// A file system in a file, mounted until it is dropped.
struct Mounted {
    folder: PathBuf,
}

impl Mounted {
    /// Mounts it, or says why that is not possible here.
    fn new(kind: &str, image: &Path, folder: PathBuf) -> Result<Self, String> {
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        // A copy has the identity of its original, which xfs does not mount twice otherwise.
        let options = if kind == "xfs" { "loop,nouuid" } else { "loop" };
        run(Command::new("mount").args(["-o", options]).arg(image).arg(&folder))?;
        Ok(Self { folder })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // What cannot be unmounted goes with the machine; the test has said what it had to.
        let _ = run(Command::new("umount").arg(&self.folder));
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

fn made(kind: &str, workshop: &Path) -> Result<(PathBuf, Mounted), String> {
    let image = workshop.join("image");
    let file = fs::File::create(&image).map_err(|error| error.to_string())?;
    file.set_len(IMAGE_BYTES).map_err(|error| error.to_string())?;
    run(Command::new(format!("mkfs.{kind}")).arg("-q").arg(&image))?;
    let mounted = Mounted::new(kind, &image, workshop.join("mounted"))?;
    Ok((image, mounted))
}

/// What was acknowledged: for each reporter the number below which all is.
type Told = Mutex<Vec<(&'static str, u32)>>;

#[expect(clippy::print_stdout, reason = "the figure is the point")]
fn survive(kind: &str) {
    let asked = std::env::var(CUTS_VARIABLE).map(|text| text.parse().unwrap());
    let cuts: usize = asked.unwrap_or(CUTS);
    let workshop = tempfile::tempdir().unwrap();
    let (image, mounted) = match made(kind, workshop.path()) {
        Ok(made) => made,
        Err(why) => {
            system_tests::skipped(format_args!("no image of {kind} can be mounted: {why}"));
            return;
        }
    };
    let told = Told::default();
    let mut next = [0; WIDE.len()];
    let (mut cut, mut faults, mut round) = (0, Vec::new(), 0);
    while cut < cuts {
        // A journal for some rounds only: an image has an end.
        let data = mounted.folder.join(format!("journal-{}", round / 4));
        if round % 4 == 0 {
            if round > 0 {
                fs::remove_dir_all(mounted.folder.join(format!("journal-{}", round / 4 - 1)))
                    .unwrap();
            }
            next = [0; WIDE.len()];
            *told.lock().unwrap() = WIDE.map(|reporter| (reporter.name, 0)).to_vec();
        }
        round += 1;
        let daemon = fleet::start(&data).with(&["--snapshot-every", "4000"]).ready();
        if round % 4 == 1 {
            fleet::begin(&daemon);
        }
        thread::scope(|scope| {
            let workers: Vec<_> = WIDE
                .iter()
                .zip(&mut next)
                .map(|(reporter, next)| scope.spawn(|| report(reporter, &daemon, next, &told)))
                .collect();
            while cut < cuts && workers.iter().any(|worker| !worker.is_finished()) {
                let copy = workshop.path().join("copy");
                let told = at_a_standstill(&daemon, || {
                    copy_device(&image, &copy);
                    told.lock().unwrap().clone()
                });
                let copied = Mounted::new(kind, &copy, workshop.path().join("copied")).unwrap();
                let journal = copied.folder.join(data.strip_prefix(&mounted.folder).unwrap());
                faults.extend(lost(&journal, &told));
                cut += 1;
            }
        });
        daemon.kill();
    }
    println!("{kind}: {cut} copies of a device under load, {} with a fault", faults.len());
    assert_eq!(faults, Vec::<String>::new());
}

fn report(reporter: &Reporter, daemon: &Daemon, next: &mut u32, told: &Told) {
    reporter.report(daemon, next, |name, below| {
        let mut told = told.lock().unwrap();
        let told = told.iter_mut().find(|(reporter, _)| *reporter == name).unwrap();
        told.1 = below;
    });
}

/// Stops a daemon between two instructions while `look` looks.
fn at_a_standstill<T>(daemon: &Daemon, look: impl FnOnce() -> T) -> T {
    let id = daemon.id().to_string();
    run(Command::new("kill").args(["-STOP", &id])).unwrap();
    let seen = look();
    run(Command::new("kill").args(["-CONT", &id])).unwrap();
    seen
}

/// Copies a device as it was at one moment: until the kernel wrote nothing to it meanwhile.
fn copy_device(image: &Path, copy: &Path) {
    loop {
        run(Command::new("cp").arg("--sparse=always").arg(image).arg(copy)).unwrap();
        if run(Command::new("cmp").arg(image).arg(copy)).is_ok() {
            return;
        }
    }
}

/// What is wrong with a journal of which this was acknowledged.
fn lost(journal: &Path, told: &[(&'static str, u32)]) -> Vec<String> {
    let kept = std::panic::catch_unwind(|| read(journal))
        .unwrap_or_else(|_| Err("the store panicked".to_owned()));
    match kept {
        Err(why) => vec![why],
        Ok(kept) => told
            .iter()
            .filter_map(|(reporter, below)| {
                missing(&kept, reporter, *below).map(|why| format!("{reporter}: {why}"))
            })
            .collect(),
    }
}
