//! What becomes of appends, whoever else appends and whatever happens to servers.

use std::thread;

use system_tests::nats::{Nats, Syncs};
use tidegate_cluster::{LogName, StreamLog};
use tidegate_journal::log::{Appended, Log as _, LogError, SealedFrame, Term, Tip};
use tidegate_journal::{WriteError, verify};

use crate::world::{
    append, catch_up, frames, in_time, log_of, open, read_all, read_in_time, with_stream,
};

#[test]
fn of_two_leaders_the_one_of_before_is_deposed_and_follows() {
    let Some(nats) = Nats::start(3, Syncs::Always) else { return };
    let name = LogName::default();
    with_stream(&nats, &name, 3);
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|node| open(&folder.path().join(node)));
    first.lead(Box::new(log_of(&nats, &name)), Term(1)).unwrap();
    for n in 1..=20 {
        assert_eq!(append(&first, n), Ok(u64::try_from(n).unwrap()));
    }

    // The second takes over: it reads what was agreed, and appends in the next term.
    let mut log = log_of(&nats, &name);
    let tip = catch_up(&second, &mut log);
    assert_eq!((tip.last, tip.term), (20, Term(1)));
    second.lead(Box::new(log), tip.term.next()).unwrap();
    assert_eq!(append(&second, 21), Ok(21));

    // The first does not know yet. What it appends is nowhere, and it takes nothing more.
    assert_eq!(append(&first, 22), Err(WriteError::Deposed { by: Term(2) }));
    assert!(matches!(append(&first, 23), Err(WriteError::Failed(_))));
    assert_eq!(append(&second, 24), Ok(22));

    // It opens what it has, and follows.
    first.close();
    let first = open(&folder.path().join("first"));
    let mut log = log_of(&nats, &name);
    assert_eq!(catch_up(&first, &mut log), second.log().tip().unwrap());
    let agreed = read_all(&mut log, 1).unwrap();
    assert_eq!(
        (read_all(&mut first.log(), 1).unwrap(), read_all(&mut second.log(), 1).unwrap()),
        (agreed.clone(), agreed)
    );
    for node in ["first", "second"] {
        assert!(
            verify::in_process(&folder.path().join(node)).is_ok_and(|report| report.is_sound())
        );
    }
}

/// How often a log has a frame.
fn times_there(log: &mut StreamLog, frame: &SealedFrame) -> usize {
    read_all(log, 1).unwrap().iter().filter(|there| *there == frame).count()
}

#[test]
fn an_append_whose_answer_does_not_come_is_read_back_and_there_once() {
    let Some(nats) = Nats::start(3, Syncs::Always) else { return };
    let name = LogName::default();
    let servers = with_stream(&nats, &name, 3);
    let frames = frames(12, 1);
    let mut log = servers.log(&name).unwrap();
    assert_eq!(log.append(Tip::default(), &frames[..1]), Appended::Agreed);
    // Each pair of servers stands still in turn, so that the leader of the stream is among them, and is not.
    for (index, pair) in [[0, 1], [1, 2], [0, 2]].into_iter().enumerate() {
        for server in pair {
            nats.signal(server, "STOP");
        }
        let (before, frame) = (&frames[index], &frames[index + 1]);
        let appended = thread::scope(|scope| {
            let appending = scope.spawn(|| log.append(before.tip(), std::slice::from_ref(frame)));
            // Nobody is told anything meanwhile, for as long as a question waits.
            let asked = servers.log(&name).unwrap().tip();
            for server in pair {
                nats.signal(server, "CONT");
            }
            assert!(matches!(asked, Ok(_) | Err(LogError::Unavailable(_))), "{asked:?}");
            appending.join().unwrap()
        });
        assert_eq!(appended, Appended::Agreed, "with {pair:?}");
        assert_eq!(times_there(&mut log, frame), 1);
    }
}

#[test]
fn where_two_servers_are_gone_the_outcome_is_unknown_and_the_next_try_finds_out() {
    let Some(mut nats) = Nats::start(3, Syncs::Always) else { return };
    let name = LogName::default();
    let servers = with_stream(&nats, &name, 3);
    let frames = frames(3, 1);
    let mut log = servers.log(&name).unwrap();
    assert_eq!(log.append(Tip::default(), &frames[..1]), Appended::Agreed);
    nats.kill(0);
    nats.kill(1);
    let appended = log.append(frames[0].tip(), &frames[1..2]);
    assert!(matches!(appended, Appended::Unknown { .. }), "{appended:?}");
    assert!(matches!(log.read(1), Err(LogError::Unavailable(_))));
    nats.run(0);
    nats.run(1);
    in_time("appending again", || match log.append(frames[0].tip(), &frames[1..2]) {
        Appended::Agreed => Ok(()),
        other @ (Appended::Deposed { .. } | Appended::Unknown { .. }) => Err(format!("{other:?}")),
    });
    assert_eq!(log.append(frames[1].tip(), &frames[2..]), Appended::Agreed);
    assert_eq!(read_in_time(&mut log, 1), Ok(frames));
}
