//! An import or a repair that does not come to its end: nobody goes on from a part of a journal.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use system_tests::fault_shim::Shim;
use system_tests::power_cut::{Disk, Image, read_record};
use system_tests::repository;
use tidegate_engine::event::{Action, Command as Verb, Event};
use tidegate_journal::{
    Consent, Entry, GoOnFrom, Journal, Making, OpenError, Soundness, import, repair, verify,
};

use crate::command::tidegate;
use crate::faults::fleet::{self, KEY, analyses, fast_folder, observe, phase};
use crate::faults::load::WIDE;

/// Cuts of each story.
const CUTS: usize = 100;
const SEED: u64 = 3;

/// A journal with records of all sizes whose last deed is a rollback; gives its last entry.
fn rolled_back(folder: &Path) -> u64 {
    let daemon = fleet::start(folder).with(&["--snapshot-every", "2000"]).ready();
    fleet::begin(&daemon);
    for reporter in WIDE {
        let mut below = 0;
        reporter.report(&daemon, &mut 0, |_, told| below = told);
        assert!(below > 0, "{} reported nothing", reporter.name);
    }
    assert_eq!(daemon.act(KEY, "roll_back").status, 200);
    daemon.kill();
    verify::in_process(folder).unwrap().last
}

fn exported(journal: &Path, to: &Path) {
    let output = tidegate().args(["journal", "export", "--data"]).arg(journal).arg(to).output();
    assert!(output.as_ref().is_ok_and(|output| output.status.success()), "{output:?}");
}

/// A journal that lost its rollback, which the mark still knows.
fn damaged(folder: &Path) {
    let daemon = fleet::start(folder).ready();
    fleet::begin(&daemon);
    assert_eq!(observe(&daemon, &analyses("a", 0..300)).status, 200);
    daemon.kill();
    let before = Image::of(&folder.join("frames"));
    let daemon = fleet::start(folder).ready();
    assert_eq!(daemon.act(KEY, "roll_back").status, 200);
    daemon.kill();
    fs::remove_dir_all(folder.join("frames")).unwrap();
    fs::create_dir(folder.join("frames")).unwrap();
    before.write(&folder.join("frames"));
    let report = verify::in_process(folder).unwrap();
    assert!(matches!(report.verdict, Soundness::Damaged { .. }), "{report:?}");
}

/// Runs a command beneath which every call is recorded, and cuts the power at random calls and after the last.
fn cut(
    shim: &Shim,
    command: &mut Command,
    mut check: impl FnMut(&Path, bool) -> Option<String>,
) -> Vec<String> {
    let before = Image::of(shim.folder());
    shim.record_command(command);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let calls = read_record(shim.record());
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut points: Vec<usize> = (1..CUTS).map(|_| random.random_range(0..=calls.len())).collect();
    points.push(calls.len());
    points.sort_unstable();
    let mut disk = Disk::holding(&before);
    let (mut taken, mut faults) = (0, Vec::new());
    for point in points {
        for call in &calls[taken..point] {
            disk.take(call);
        }
        taken = point;
        let folder = fast_folder();
        disk.cut(&mut random).write(folder.path());
        let checked = check(folder.path(), point == calls.len());
        faults.extend(checked.map(|why| format!("call {point} of {}: {why}", calls.len())));
    }
    let (seen, real) = (disk.seen(), Image::of(shim.folder()));
    assert_eq!(seen.differences(&real), Vec::<PathBuf>::new());
    faults
}

#[test]
fn a_power_cut_leaves_an_import_whole_or_unusable() {
    let workshop = tempfile::tempdir().unwrap();
    let root = workshop.path().join("root");
    fs::create_dir(&root).unwrap();
    let Some(shim) = Shim::new(workshop.path(), &root) else { return };
    let source = workshop.path().join("source");
    let whole = rolled_back(&source);
    let file = workshop.path().join("export.jsonl");
    exported(&source, &file);
    let mut command = tidegate();
    command.args(["journal", "import"]).arg(&file).arg("--data").arg(root.join("journal"));
    let mut unfinished = 0;
    let faults = cut(&shim, &mut command, |folder, is_done| {
        let journal = folder.join("journal");
        match Journal::open(&journal, verify::in_process) {
            // Before it began there is no journal, as there was none.
            Ok((_, opened)) if opened.last == whole || (opened.last == 0 && !is_done) => None,
            Ok((_, opened)) => Some(format!("{} of {whole} entries", opened.last)),
            Err(OpenError::Unfinished { making: Making::Import, .. }) if !is_done => {
                unfinished += 1;
                // Some, as this takes a while.
                (unfinished % 8 == 1).then(|| imported_again(&file, &journal, whole)).flatten()
            }
            Err(error) => Some(error.to_string()),
        }
    });
    assert_eq!(faults, Vec::<String>::new());
    assert!(unfinished > CUTS / 2, "{unfinished} were cut on the way");
}

fn imported_again(file: &Path, journal: &Path, whole: u64) -> Option<String> {
    let from = std::io::BufReader::new(fs::File::open(file).unwrap());
    if let Err(error) = import(from, journal) {
        return Some(format!("it cannot be imported again: {error}"));
    }
    let last = verify::in_process(journal).unwrap().last;
    (last != whole).then(|| format!("again: {last} of {whole} entries"))
}

#[test]
fn a_power_cut_leaves_a_repair_done_or_to_be_done_again() {
    let workshop = tempfile::tempdir().unwrap();
    let root = workshop.path().join("root");
    fs::create_dir(&root).unwrap();
    let Some(shim) = Shim::new(workshop.path(), &root) else { return };
    damaged(&root.join("journal"));
    let mut command = tidegate();
    command.args(["journal", "repair", "--yes", "--data"]).arg(root.join("journal"));
    let (mut again, mut done) = (0, 0);
    let faults = cut(&shim, &mut command, |folder, is_done| {
        let journal = folder.join("journal");
        match last_deed(&journal) {
            Ok(Some(Verb::Pause)) => {
                done += 1;
                None
            }
            Ok(other) => Some(format!("it goes on after {other:?}")),
            Err(OpenError::Unfinished { .. } | OpenError::Damaged { .. }) if !is_done => {
                again += 1;
                let repaired = repair(
                    &journal,
                    GoOnFrom::Whole,
                    verify::in_process,
                    |_| Consent::Given,
                    |journal, opened, _| tidegate_daemon::pause_all(journal, opened).map(|_| ()),
                );
                if let Err(error) = repaired {
                    return Some(format!("it cannot be repaired again: {error}"));
                }
                match last_deed(&journal) {
                    Ok(Some(Verb::Pause)) => None,
                    other => Some(format!("repaired again it goes on after {other:?}")),
                }
            }
            Err(error) => Some(error.to_string()),
        }
    });
    assert_eq!(faults, Vec::<String>::new());
    assert!(again > CUTS / 2 && done > 0, "{again} were cut on the way, {done} after it");
}

/// The last thing that a person or a repair did.
fn last_deed(folder: &Path) -> Result<Option<Verb>, OpenError> {
    let (journal, _) = Journal::open(folder, verify::in_process)?;
    let mut deed = None;
    let replayed = journal.replay(0, |_, entry| {
        if let Entry::Event { event: Event::Action(Action { command, .. }), .. } = entry {
            deed = Some(command);
        }
        Ok(())
    });
    replayed.unwrap();
    Ok(deed)
}

#[test]
fn a_power_cut_leaves_an_old_journal_whole_while_it_is_written_anew() {
    let workshop = tempfile::tempdir().unwrap();
    let root = workshop.path().join("root");
    fs::create_dir(&root).unwrap();
    let Some(shim) = Shim::new(workshop.path(), &root) else { return };
    let data = root.join("journal");
    fs::create_dir_all(data.join("snapshots")).unwrap();
    Image::of(&repository("tests/journals/v1-long/data")).write(&data);
    let mut command = tidegate();
    command.args(["journal", "export", "--data"]).arg(&data).arg(workshop.path().join("export"));
    let (mut old, mut new) = (0, 0);
    let faults = cut(&shim, &mut command, |folder, _| {
        let journal = folder.join("journal");
        let is_new = journal.join("frames").exists();
        match Journal::open(&journal, verify::in_process) {
            Ok((_, opened)) if opened.last == 16 => {
                *if is_new { &mut new } else { &mut old } += 1;
                None
            }
            Ok((_, opened)) => Some(format!("{} of 16 entries", opened.last)),
            Err(error) => Some(error.to_string()),
        }
    });
    assert_eq!(faults, Vec::<String>::new());
    assert!(old > CUTS / 4 && new > 0, "{old} cut before, {new} after it");
}

#[test]
fn an_import_takes_no_folder_in_which_snapshots_were_left() {
    let workshop = tempfile::tempdir().unwrap();
    let source = workshop.path().join("source");
    rolled_back(&source);
    let file = workshop.path().join("export.jsonl");
    exported(&source, &file);
    fs::remove_dir_all(source.join("frames")).unwrap();
    fs::remove_file(source.join("mark")).unwrap();
    let import =
        tidegate().args(["journal", "import"]).arg(&file).arg("--data").arg(&source).output();
    let import = import.unwrap();
    let said = String::from_utf8_lossy(&import.stderr).into_owned();
    assert!(!import.status.success() && said.contains("is not empty"), "{said}");
}

#[test]
fn a_repair_that_may_lack_a_rollback_serves_control_until_a_person_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("journal");
    damaged(&data);
    let repair = |yes: &[&str]| {
        let output = tidegate().args(["journal", "repair", "--data"]).arg(&data).args(yes).output();
        let output = output.unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = repair(&[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("4 × an entry that cannot be read, of after 20"), "{said}");
    assert!(!data.join("damaged-1").exists(), "nothing is replaced");
    let (code, said) = repair(&["--yes"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("4 acknowledged entries lost"), "{said}");
    assert!(said.contains("serve control until you resume them: door (ab)"), "{said}");
    let daemon = fleet::start(&data).ready();
    assert_eq!((phase(&daemon), served(&daemon)), ("ab".to_owned(), vec!["control"; 10]));
    let status = daemon.get(&format!("/v1/experiments/{KEY}/status")).body;
    assert_eq!(status["condition"], "paused", "{status}");
    assert_eq!(daemon.act(KEY, "resume").status, 200);
    assert!(served(&daemon).contains(&"treatment"));
}

fn served(daemon: &system_tests::daemon::Daemon) -> Vec<&'static str> {
    let variants = fleet::assignments(daemon).into_iter().map(|assignment| {
        if assignment["variant"] == "treatment" { "treatment" } else { "control" }
    });
    variants.collect()
}

#[test]
fn an_import_that_is_ended_or_given_half_an_export_is_unusable_until_it_is_done() {
    let workshop = tempfile::tempdir().unwrap();
    let source = workshop.path().join("source");
    let whole = rolled_back(&source);
    let file = workshop.path().join("export.jsonl");
    exported(&source, &file);
    let text = fs::read(&file).unwrap();
    let half = &text[..text.len() / 2];
    assert!(half.len() > 1 << 20, "more than a pipe and a buffer hold");
    for signal in ["KILL", "INT", "TERM", "HUP"] {
        let data = workshop.path().join(signal);
        let mut command = tidegate();
        command.args(["journal", "import", "/dev/stdin", "--data"]).arg(&data);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        pipe.write_all(half).unwrap();
        let id = child.id().to_string();
        assert!(
            Command::new("kill").args([&format!("-{signal}"), &id]).status().unwrap().success()
        );
        assert!(!child.wait().unwrap().success(), "{signal}");
        is_unusable(&data);
        drop(pipe);
        assert_eq!(imported_again(&file, &data, whole), None, "{signal}");
        assert_eq!(phase(&fleet::start(&data).ready()), "rolled_back");
    }
    let cut = workshop.path().join("cut.jsonl");
    fs::write(&cut, half).unwrap();
    let data = workshop.path().join("cut");
    let import = |file: &Path| {
        tidegate().args(["journal", "import"]).arg(file).arg("--data").arg(&data).output().unwrap()
    };
    let refused = import(&cut);
    assert!(!refused.status.success(), "{refused:?}");
    is_unusable(&data);
    let done = import(&file);
    assert!(done.status.success(), "{done:?}");
    assert_eq!(verify::in_process(&data).unwrap().last, whole);
}

fn is_unusable(data: &Path) {
    let verified = tidegate().args(["journal", "verify", "--data"]).arg(data).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(!verified.status.success() && said.contains("journal import"), "{said}");
    let daemon = fleet::start(data).listening();
    let said = fleet::await_not_ready(&daemon, "damaged");
    assert!(said.contains("journal import"), "{said}");
    assert_eq!(daemon.get(&format!("/v1/experiments/{KEY}/status")).status, 503);
}
