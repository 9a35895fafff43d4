//! What is appended is there again, from frames, snapshots and exports.

use std::fs;
use std::io::BufReader;
use std::sync::mpsc;
use std::time::Duration;

use tidegate_engine::epoch::{Epoch, Epochs, Opens};
use tidegate_engine::fast_path::{Added, OutageHold};
use tidegate_journal::{
    Batch, Entry, Journal, OpenError, RETENTION_DEFAULT, WriteError, export, import, verify,
};

use crate::world::{ID, append, at, events, live, open, recall, state, tick};

const DAY_MS: i64 = 24 * 3_600_000;

#[test]
fn a_rollout_is_the_same_after_it_was_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let rollout = live(&journal, &events(400));
    journal.close();
    let (journal, opened) = open(folder.path());
    assert!(opened.last > 400);
    assert_eq!(recall(&journal, &opened).snapshot(), rollout.snapshot());
}

#[test]
fn a_snapshot_and_what_came_after_it_give_the_same_rollout() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let half = live(&journal, &events(200));
    let (other_folder, all) = (tempfile::tempdir().unwrap(), events(400));
    let (other, _) = open(other_folder.path());
    let whole = live(&other, &all);
    // The first journal goes on from its snapshot with the entries of the second.
    let last = journal.append_and_wait(Batch::default()).unwrap();
    journal.keep(&state(&half, last, at(0)), RETENTION_DEFAULT).unwrap();
    other
        .replay(last, |_, entry| {
            append(&journal, &[entry]);
            Ok(())
        })
        .unwrap();
    journal.close();
    let (journal, opened) = open(folder.path());
    assert_eq!(opened.state.as_ref().map(|state| state.sequence), Some(last));
    assert_eq!(opened.state, Some(state(&half, last, at(0))));
    assert_eq!(recall(&journal, &opened).snapshot(), whole.snapshot());
}

#[test]
fn the_stretches_of_a_test_and_the_fast_paths_cameras_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let rollout = live(&journal, &events(200));
    let last = journal.append_and_wait(Batch::default()).unwrap();
    let mut kept = state(&rollout, last, at(0));
    let snapshot = &mut kept.rollouts[0].rollout;
    let epoch = |after, opens| Epoch { after: at(after), opens };
    let epochs = vec![epoch(1, Opens::Step), epoch(2, Opens::Window), epoch(3, Opens::Step)];
    snapshot.epochs = Epochs::new(epochs).unwrap();
    // More than one part has room for.
    snapshot.fast_path.added =
        (0..5_000).map(|camera| Added { camera, sum: f64::from(camera) / 7.0 }).collect();
    snapshot.fast_path.drained = 2.5;
    snapshot.fast_path.hold = OutageHold::Yes;
    journal.keep(&kept, RETENTION_DEFAULT).unwrap();
    journal.close();
    let (_, opened) = open(folder.path());
    assert_eq!(opened.state, Some(kept));
}

#[test]
fn many_writers_share_their_syncs_and_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let numbers: Vec<u64> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    let numbers: Vec<u64> = (0..50).map(|n| append(&journal, &[tick(n)])).collect();
                    assert!(numbers.is_sorted(), "a writer's own order");
                    numbers
                })
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (1..=800).collect::<Vec<u64>>());
    journal.close();
    let (_, opened) = open(folder.path());
    assert_eq!((opened.last, opened.report.entries), (800, 800));
    assert!(opened.report.frames < 800, "every entry had a sync of its own");
}

#[test]
fn a_batch_beyond_a_frame_is_split_between_units_only() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let account = "x".repeat(20_000);
    let step = {
        let rollout = live(&journal, &events(1));
        let lifecycle = *rollout.lifecycle();
        tidegate_engine::decision::Step {
            number: 2,
            at: lifecycle.now,
            transition: tidegate_engine::phase::Transition::Stop,
            from: lifecycle.state,
            to: lifecycle.state,
        }
    };
    let decided = Entry::Decided { rollout: ID, step, account };
    let mut batch = Batch::default();
    for _ in 0..10 {
        batch.push(&[tick(0), decided.clone(), decided.clone()]).unwrap();
    }
    assert!(
        batch.push(&vec![decided.clone(); 60]).is_err(),
        "no frame has room for these together"
    );
    assert_eq!(batch.entries(), 30);
    let before = journal.append_and_wait(Batch::default()).unwrap();
    assert_eq!(journal.append_and_wait(batch).unwrap(), before + 30);
    journal.close();
    let (journal, opened) = open(folder.path());
    assert!(opened.report.is_sound());
    let mut read = Vec::new();
    journal
        .replay(before, |_, entry| {
            read.push(entry);
            Ok(())
        })
        .unwrap();
    assert_eq!(read.len(), 30);
    assert_eq!(read[2], decided);
}

#[test]
fn frames_go_once_a_snapshot_is_older_than_the_retention() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let rollout = live(&journal, &events(300));
    for day in 0..12 {
        for n in 0..40 {
            append(&journal, &[tick(day * DAY_MS + n)]);
        }
        let last = journal.append_and_wait(Batch::default()).unwrap();
        journal.keep(&state(&rollout, last, at(day * DAY_MS)), RETENTION_DEFAULT).unwrap();
    }
    let last = journal.append_and_wait(Batch::default()).unwrap();
    journal.close();
    let (_, opened) = open(folder.path());
    assert!(opened.report.is_sound(), "{:?}", opened.report);
    assert_eq!(opened.last, last);
    // Day 4 is seven days before day 11; its snapshot is the base.
    let base = last - 7 * 40;
    assert_eq!(opened.report.snapshots.first(), Some(&base));
    assert_eq!(opened.report.first, base + 1);
}

#[test]
fn export_import_export_gives_the_same_bytes() {
    for keep_days in [0, 12] {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) = open(&folder.path().join("a"));
        let rollout = live(&journal, &events(300));
        for day in 0..keep_days {
            append(&journal, &[tick(day * DAY_MS)]);
            let last = append(&journal, &[tick(day * DAY_MS)]);
            journal.keep(&state(&rollout, last, at(day * DAY_MS)), RETENTION_DEFAULT).unwrap();
        }
        append(&journal, &[tick(20 * DAY_MS)]);
        let (first, second) = (folder.path().join("1.jsonl"), folder.path().join("2.jsonl"));
        let counts = export(&journal, &first).unwrap();
        assert_eq!(counts.parts > 0, keep_days > 0, "a pruned journal begins with a snapshot");
        journal.close();
        let read = BufReader::new(fs::File::open(&first).unwrap());
        assert_eq!(import(read, &folder.path().join("b")).unwrap(), counts);
        let (copy, opened) = open(&folder.path().join("b"));
        assert_eq!(opened.state.is_some(), keep_days > 0);
        assert_eq!(export(&copy, &second).unwrap(), counts);
        assert_eq!(fs::read(&first).unwrap(), fs::read(&second).unwrap());
        let again = BufReader::new(fs::File::open(&first).unwrap());
        assert!(import(again, &folder.path().join("b")).is_err(), "there is a journal already");
    }
}

#[test]
fn an_export_with_one_character_changed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(&folder.path().join("a"));
    live(&journal, &events(3));
    let path = folder.path().join("export.jsonl");
    export(&journal, &path).unwrap();
    let text = fs::read(&path).unwrap();
    // Every fifth byte: imports write to a disk.
    for at in (0..text.len()).step_by(5) {
        let mut changed = text.clone();
        changed[at] = if changed[at] == b'1' { b'2' } else { b'1' };
        let target = folder.path().join(format!("b{at}"));
        let refused = import(&changed[..], &target).unwrap_err().to_string();
        assert!(refused.contains("line "), "byte {at}: {refused}");
    }
    let target = folder.path().join("short");
    assert!(import(&text[..text.len() - 2], &target).is_err());
}

#[test]
fn a_second_process_is_told_who_is_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    // Another descriptor stands for another process: the lock is the same.
    let lock = fs::File::create(folder.path().join("lock")).unwrap();
    lock.lock().unwrap();
    let error = Journal::open(folder.path(), verify::in_process).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }));
    assert!(error.to_string().contains("in use by another process"), "{error}");
}

#[test]
fn what_waits_when_a_journal_is_closed_is_written_first() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let (done, wait) = mpsc::channel();
    for n in 0..100 {
        let mut batch = Batch::default();
        batch.push(&[tick(n)]).unwrap();
        let done = done.clone();
        journal.append(batch, move |result| done.send(result).unwrap()).unwrap();
    }
    journal.close();
    let told: Vec<Result<u64, WriteError>> = wait.try_iter().collect();
    assert_eq!(told, (1..=100).map(Ok).collect::<Vec<_>>());
    let (_, opened) = open(folder.path());
    assert_eq!(opened.last, 100);
    assert_eq!(RETENTION_DEFAULT, Duration::from_hours(168));
}

#[test]
fn a_store_that_is_held_for_a_moment_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    append(&journal, &[tick(0)]);
    journal.close();
    // The check of a killed process: it has the store, but not the journal's lock.
    let db = fs::File::open(folder.path().join("frames").join("db")).unwrap();
    db.lock().unwrap();
    let opened = std::thread::scope(|scope| {
        let opening = scope.spawn(|| open(folder.path()).1.last);
        // Given up only once the other is waiting for it: its own lock is taken first.
        let lock = fs::File::open(folder.path().join("lock")).unwrap();
        while lock.try_lock().is_ok() {
            lock.unlock().unwrap();
            std::thread::yield_now();
        }
        drop(db);
        opening.join().unwrap()
    });
    assert_eq!(opened, 1);
}

#[test]
fn a_queue_has_room_until_it_is_nearly_full_and_again_once_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    // The writer stands still while it tells the first. What came before it stands still could be in
    // the first's group, and would no longer wait: nothing is queued until it does.
    let (go_on, held) = mpsc::channel::<()>();
    let (stands, still) = mpsc::channel::<()>();
    let first = move |_| {
        stands.send(()).unwrap();
        held.recv().unwrap();
    };
    journal.append(Batch::default(), first).unwrap();
    still.recv().unwrap();
    let mut queued = 0;
    while journal.has_room() {
        let mut batch = Batch::default();
        batch.push(&[tick(queued)]).unwrap();
        journal.append(batch, |result| assert!(result.is_ok())).unwrap();
        queued += 1;
    }
    assert!((3_000..4_096).contains(&queued), "{queued}");
    // There is still room for those who do not ask.
    journal.append(Batch::default(), |_| ()).unwrap();
    go_on.send(()).unwrap();
    let last = journal.append_and_wait(Batch::default()).unwrap();
    assert_eq!(last, u64::try_from(queued).unwrap());
    assert!(journal.has_room());
    journal.give_up("its owner lost track");
    assert_eq!(journal.failure(), Some("its owner lost track"));
    assert!(journal.append_and_wait(Batch::default()).is_err());
    journal.close();
    assert_eq!(open(folder.path()).1.last, last);
}

#[test]
fn units_of_every_size_stay_in_the_log_while_they_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let rollout = live(&journal, &events(1));
    let lifecycle = *rollout.lifecycle();
    let step = tidegate_engine::decision::Step {
        number: 2,
        at: lifecycle.now,
        transition: tidegate_engine::phase::Transition::Stop,
        from: lifecycle.state,
        to: lifecycle.state,
    };
    let decided = |bytes: usize| Entry::Decided { rollout: ID, step, account: "x".repeat(bytes) };
    // Files of the store's own, beside its log.
    let beside = || fs::read_dir(folder.path().join("frames/blobs")).unwrap().count();
    let mut sizes = Vec::new();
    for day in 0..10 {
        for n in 0..40_usize {
            // Around the length of a record and its multiples, and far beyond.
            let bytes = [1, 8_100, 8_192, 16_300, 24_500, 59_000][n * 7 % 6];
            let entries = if n % 13 == 0 { 17 } else { 1 };
            append(&journal, &vec![decided(bytes); entries]);
            sizes.extend(vec![bytes; entries]);
            assert_eq!(beside(), 0, "after {bytes} bytes");
        }
        append(&journal, &[tick(day * DAY_MS)]);
        sizes.push(0);
        let last = journal.append_and_wait(Batch::default()).unwrap();
        journal.keep(&state(&rollout, last, at(day * DAY_MS)), Duration::from_hours(24)).unwrap();
        journal.append_and_wait(Batch::default()).unwrap();
        assert_eq!(beside(), 0, "after frames went");
    }
    let first = journal.first().unwrap();
    assert!(first > 100, "{first}");
    journal.close();
    let (journal, opened) = open(folder.path());
    assert_eq!((opened.report.first, beside()), (first, 0));
    let mut read = Vec::new();
    journal
        .replay(first - 1, |_, entry| {
            read.push(if let Entry::Decided { account, .. } = entry { account.len() } else { 0 });
            Ok(())
        })
        .unwrap();
    assert_eq!(read, sizes[sizes.len() - read.len()..]);
}
