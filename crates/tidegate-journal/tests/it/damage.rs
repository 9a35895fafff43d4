//! Damage is told from a tail that was never acknowledged, and what is whole is saved.

use std::fs;
use std::panic;
use std::path::{Path, PathBuf};

use tidegate_engine::time::Timestamp;
use tidegate_journal::{
    Cache, Consent, EntryKind, GoOnFrom, Journal, Loss, OpenError, RETENTION_DEFAULT, RepairError,
    Repaired, Soundness, export, repair, verify,
};

use crate::world::{append, at, events, live, open, recall, state, tick};

/// A journal with a snapshot in the middle; gives its last entry.
fn make(folder: &Path) -> u64 {
    let (journal, _) = open(folder);
    let rollout = live(&journal, &events(150));
    let middle = journal.append_and_wait(tidegate_journal::Batch::default()).unwrap();
    journal.keep(&state(&rollout, middle, at(0)), RETENTION_DEFAULT).unwrap();
    for n in 0..30 {
        append(&journal, &[tick(20_000_000 + n)]);
    }
    let last = journal.append_and_wait(tidegate_journal::Batch::default()).unwrap();
    journal.close();
    last
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// Every file of a journal, largest first.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What a check finds; a panic of sled is what a child process would die of.
fn checked(folder: &Path) -> Result<verify::Verification, String> {
    match panic::catch_unwind(|| verify::in_process(folder)) {
        Ok(report) => report.map_err(|error| error.to_string()),
        Err(_) => Err("panicked".to_owned()),
    }
}

/// Damages each file in turn and counts what is found: never may acknowledged entries be missing from a
/// journal that is called sound.
#[expect(clippy::print_stdout, reason = "the figure is the point")]
fn damage_each(changes: &[fn(&mut Vec<u8>, usize)]) {
    let folder = tempfile::tempdir().unwrap();
    let sound = folder.path().join("sound");
    let last = make(&sound);
    let (mut noticed, mut harmless) = (0, 0);
    for (number, file) in files(&sound).into_iter().enumerate() {
        let bytes = fs::read(&file).unwrap();
        let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        for spot in 0..12 {
            for (which, change) in changes.iter().enumerate() {
                let damaged = folder.path().join(format!("damaged-{number}-{spot}-{which}"));
                copy(&sound, &damaged);
                let target = damaged.join(file.strip_prefix(&sound).unwrap());
                let mut bytes = bytes.clone();
                change(&mut bytes, length * spot / 12);
                fs::write(target, bytes).unwrap();
                match checked(&damaged) {
                    Ok(report) if report.is_sound() => {
                        harmless += 1;
                        assert_eq!(report.last, last, "{} at {spot}/12", file.display());
                        let (journal, opened) = open(&damaged);
                        let mut seen = opened.state.as_ref().map_or(0, |state| state.sequence);
                        journal
                            .replay(seen, |sequence, _| {
                                seen = sequence;
                                Ok(())
                            })
                            .unwrap();
                        assert_eq!(seen, last);
                    }
                    Ok(_) | Err(_) => noticed += 1,
                }
                fs::remove_dir_all(damaged).unwrap();
            }
        }
    }
    println!("{noticed} noticed, {harmless} without effect, 0 silent losses");
    assert!(noticed > 0);
}

#[test]
fn a_flipped_bit_in_any_file_is_noticed_or_without_effect() {
    damage_each(&[|bytes, at| {
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 0x10;
        }
    }]);
}

#[test]
fn a_file_cut_short_is_noticed_or_without_effect() {
    damage_each(&[|bytes, at| bytes.truncate(at)]);
}

#[test]
fn what_the_store_makes_anew_costs_no_entry() {
    let folder = tempfile::tempdir().unwrap();
    let sound = folder.path().join("sound");
    let last = make(&sound);
    let made_anew = |file: &PathBuf| {
        let name = file.file_name().unwrap().to_string_lossy();
        name.starts_with("snap.") || name == "conf"
    };
    let all: Vec<PathBuf> = files(&sound).into_iter().filter(made_anew).collect();
    assert!(all.len() >= 2, "{all:?}");
    let (mut spots, mut broken) = (0, 0);
    for file in &all {
        let bytes = fs::read(file).unwrap();
        let mut damaged = vec![Vec::new(), bytes[..bytes.len() / 2].to_vec(), vec![0; bytes.len()]];
        damaged.extend((0..bytes.len()).map(|at| {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            flipped
        }));
        for damaged in damaged {
            let copied = folder.path().join(format!("copy-{spots}"));
            copy(&sound, &copied);
            fs::write(copied.join(file.strip_prefix(&sound).unwrap()), &damaged).unwrap();
            let report = verify::in_process(&copied).unwrap();
            assert_eq!((&report.verdict, report.last), (&Soundness::Sound, last), "{file:?}");
            broken += usize::from(report.cache == Cache::Broken);
            assert_eq!(open(&copied).1.last, last);
            fs::remove_dir_all(copied).unwrap();
            spots += 1;
        }
    }
    assert!(broken > 2, "{broken} of {spots}");
}

#[test]
fn a_lost_tail_is_damage_and_a_lost_mark_too() {
    let folder = tempfile::tempdir().unwrap();
    let sound = folder.path().join("sound");
    let last = make(&sound);
    // The store as it was before the last entries, the mark as it is after them.
    let earlier = folder.path().join("earlier");
    copy(&sound, &earlier);
    let (journal, _) = open(&sound);
    append(&journal, &[tick(30_000_000)]);
    journal.close();
    fs::copy(sound.join("mark"), earlier.join("mark")).unwrap();
    let report = verify::in_process(&earlier).unwrap();
    let why = format!("entries {} to {} are missing", last + 1, last + 1);
    assert_eq!(report.verdict, Soundness::Damaged { why: why.clone() });
    let error = Journal::open(&earlier, verify::in_process).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }));
    let said = error.to_string();
    assert!(said.contains(&why) && said.contains("tidegate journal repair"), "{said}");

    fs::remove_file(sound.join("mark")).unwrap();
    assert!(!verify::in_process(&sound).unwrap().is_sound());
}

fn repaired(folder: &Path, from: GoOnFrom<'_>) -> Result<Repaired, RepairError> {
    repair(folder, from, verify::in_process, |_| Consent::Given, |_, _, _| Ok(()))
}

/// What a repair says that it would lose, where nobody agrees to that.
fn told_before(folder: &Path, from: GoOnFrom<'_>) -> Loss {
    let mut told = None;
    let refuse = |loss: &Loss| {
        told = Some(loss.clone());
        Consent::Withheld
    };
    let refused = repair(folder, from, verify::in_process, refuse, |_, _, _| Ok(()));
    assert!(matches!(refused, Err(RepairError::NotAgreed)), "{refused:?}");
    told.unwrap()
}

#[test]
fn repair_goes_on_from_what_is_whole_and_deletes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let last = make(&path);
    assert!(matches!(repaired(&path, GoOnFrom::Whole), Err(RepairError::Sound(_))));
    // A mark beyond the store: one entry was acknowledged and is lost.
    let before = folder.path().join("before");
    copy(&path, &before);
    let (journal, opened) = open(&path);
    let rollout = recall(&journal, &opened);
    append(&journal, &[tick(30_000_000)]);
    journal.close();
    fs::copy(path.join("mark"), before.join("mark")).unwrap();

    let told = told_before(&before, GoOnFrom::Whole);
    assert_eq!((told.last, told.acknowledged), (last, Some(last + 1)));
    assert_eq!((told.readable, told.unreadable), (Vec::new(), Some(1)));

    let repaired = repaired(&before, GoOnFrom::Whole).unwrap();
    assert_eq!(
        (repaired.last, repaired.acknowledged, repaired.lost),
        (last, Some(last + 1), Some(1))
    );
    assert!(repaired.moved_to.join("frames").join("db").exists());
    let (journal, opened) = open(&before);
    assert_eq!(opened.last, last);
    assert_eq!(recall(&journal, &opened).snapshot(), rollout.snapshot());
}

#[test]
fn a_sound_journal_goes_on_from_what_it_was_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let last = make(&path);
    let (journal, opened) = open(&path);
    let rollout = recall(&journal, &opened);
    // The clock is ahead by half a century, and right again.
    let ahead = 1_600_000_000_000;
    append(&journal, &[tick(ahead)]);
    append(&journal, &[tick(ahead + 1), tick(ahead + 2)]);
    journal.append_and_wait(tidegate_journal::Batch::default()).unwrap();
    journal.close();
    let until = |ms| GoOnFrom::Time(at(ms));
    let nothing = repaired(&path, until(ahead + 2));
    assert!(matches!(nothing, Err(RepairError::NothingAfter(_))), "{nothing:?}");
    let told = told_before(&path, until(30_000_000));
    assert_eq!((told.last, told.acknowledged, told.unreadable), (last, Some(last + 3), Some(0)));
    assert_eq!((told.readable.len(), told.readable[0].count), (1, 3));
    assert_eq!(open(&path).1.last, last + 3, "nothing was changed");

    let done = repaired(&path, until(30_000_000)).unwrap();
    assert_eq!((done.last, done.lost), (last, Some(3)));
    assert!(done.moved_to.ends_with("rewound-1"), "{}", done.moved_to.display());
    let (journal, opened) = open(&path);
    assert_eq!(opened.last, last);
    assert_eq!(recall(&journal, &opened).snapshot(), rollout.snapshot());
    journal.close();
    // It goes on after its oldest snapshot, of whose time before nothing is kept.
    let none = repaired(&path, GoOnFrom::Time(Timestamp::EPOCH));
    assert!(matches!(none, Err(RepairError::BeginsAfter(_))), "{none:?}");
}

#[test]
fn repair_of_a_store_that_cannot_be_opened_takes_the_newest_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    make(&path);
    let snapshot = verify::in_process(&path).unwrap().snapshots[0];
    let db = path.join("frames").join("db");
    let length = fs::metadata(&db).unwrap().len();
    fs::write(&db, vec![0xa5; usize::try_from(length).unwrap()]).unwrap();
    assert!(checked(&path).map_or(true, |report| !report.is_sound()));
    let broken = |_: &Path| {
        let why = "the store cannot be opened".to_owned();
        let verdict = Soundness::Damaged { why };
        Ok(verify::Verification { verdict, ..verify::Verification::default() })
    };
    let repaired =
        repair(&path, GoOnFrom::Whole, broken, |_| Consent::Given, |_, _, _| Ok(())).unwrap();
    assert_eq!(repaired.last, snapshot);
    let (journal, opened) = open(&path);
    assert_eq!(opened.state.map(|state| state.sequence), Some(snapshot));
    assert_eq!(append(&journal, &[]), snapshot);
}

#[test]
fn a_repair_that_fails_leaves_the_journal_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    make(&path);
    let export_file = folder.path().join("journal.jsonl");
    let (journal, _) = open(&path);
    export(&journal, &export_file).unwrap();
    journal.close();
    fs::remove_file(path.join("mark")).unwrap();
    let before: Vec<_> =
        files(&path).into_iter().map(|file| (fs::read(&file).unwrap(), file)).collect();
    let absent = repaired(&path, GoOnFrom::Export(&folder.path().join("absent")));
    assert!(matches!(absent, Err(RepairError::Disk(_))), "{absent:?}");
    // Cut in the middle, so that some of it was taken in before.
    let text = fs::read_to_string(&export_file).unwrap();
    fs::write(&export_file, &text[..text.len() / 2]).unwrap();
    let cut = repaired(&path, GoOnFrom::Export(&export_file));
    assert!(matches!(cut, Err(RepairError::Import(_))), "{cut:?}");
    let after: Vec<_> =
        files(&path).into_iter().map(|file| (fs::read(&file).unwrap(), file)).collect();
    assert!(before == after, "the journal was changed");
    assert!(!verify::in_process(&path).unwrap().is_sound());
}

#[test]
fn repair_from_an_export_has_all_that_the_export_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let last = make(&path);
    let (journal, _) = open(&path);
    let file = folder.path().join("export.jsonl");
    export(&journal, &file).unwrap();
    append(&journal, &[tick(30_000_000)]);
    journal.close();
    fs::remove_file(path.join("mark")).unwrap();
    let told = told_before(&path, GoOnFrom::Export(&file));
    let [ticks] = &told.readable[..] else { panic!("{told:?}") };
    assert_eq!((told.last, ticks.kind, ticks.count), (last, EntryKind::Tick, 1));
    let repaired = repaired(&path, GoOnFrom::Export(&file)).unwrap();
    assert_eq!((repaired.last, repaired.acknowledged, repaired.lost), (last, None, None));
    assert_eq!(open(&path).1.last, last);
    // Also where the mark is there: the numbers do not tell whether the export is of the same line.
    let (journal, _) = open(&path);
    append(&journal, &[tick(40_000_000)]);
    journal.close();
    fs::write(path.join("frames").join("db"), [0xa5; 4_096]).unwrap();
    let repaired = repaired_by(&path, &file);
    assert_eq!((repaired.acknowledged, repaired.lost), (Some(last + 1), None));
    assert!(repaired.may_lack_entries());
}

fn repaired_by(path: &Path, export: &Path) -> Repaired {
    let broken = |_: &Path| {
        let verdict = Soundness::Damaged { why: "the store cannot be opened".to_owned() };
        Ok(verify::Verification { verdict, ..verify::Verification::default() })
    };
    repair(path, GoOnFrom::Export(export), broken, |_| Consent::Given, |_, _, _| Ok(())).unwrap()
}
