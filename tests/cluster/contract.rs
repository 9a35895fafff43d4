//! What every log promises, asked of each.

use std::time::Duration;

use system_tests::nats::{Nats, Syncs};
use tidegate_cluster::LogName;
use tidegate_journal::log::{Appended, Log, Term, Tip};

use crate::world::{frames, open, read_all, with_stream};

/// Asks it of a log that is empty.
fn keeps_its_promises(log: &mut dyn Log) {
    let none = Duration::from_millis(100);
    assert_eq!(log.tip().unwrap(), Tip::default());
    assert_eq!((log.read(1).unwrap(), log.follow(1, none).unwrap()), (vec![], vec![]));

    let ours = frames(5, 1);
    assert_eq!(log.append(Tip::default(), &ours[..2]), Appended::Agreed);
    assert_eq!(log.tip().unwrap(), ours[1].tip());
    assert_eq!(read_all(log, 1).unwrap(), ours[..2]);
    assert_eq!(read_all(log, 2).unwrap(), ours[1..2]);
    assert_eq!((log.read(3).unwrap(), log.follow(3, none).unwrap()), (vec![], vec![]));

    // Once more, as where the answer was lost: they are there once.
    assert_eq!(log.append(Tip::default(), &ours[..2]), Appended::Agreed);
    assert_eq!(log.append(ours[0].tip(), &ours[1..2]), Appended::Agreed);
    assert_eq!(read_all(log, 1).unwrap(), ours[..2]);

    // Another's at the same places.
    let theirs = frames(5, 2);
    let deposed = Appended::Deposed { by: Term::NONE };
    assert_eq!(log.append(Tip::default(), &theirs[..1]), deposed);
    assert_eq!(log.append(theirs[1].tip(), &theirs[2..]), deposed);
    assert_eq!(log.tip().unwrap(), ours[1].tip());

    assert_eq!(log.append(ours[1].tip(), &ours[2..4]), Appended::Agreed);
    assert_eq!(log.follow(3, 10 * none).unwrap()[0], ours[2]);
    assert_eq!(log.follow(4, 10 * none).unwrap(), ours[3..4]);
    assert_eq!(log.append(ours[3].tip(), &ours[4..]), Appended::Agreed);
    assert_eq!(log.follow(5, 10 * none).unwrap(), ours[4..]);
    assert_eq!(read_all(log, 1).unwrap(), ours);
}

#[test]
fn the_journal_of_one_machine_keeps_what_a_log_promises() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    keeps_its_promises(&mut journal.log());
}

#[test]
fn a_stream_on_three_servers_keeps_what_a_log_promises() {
    let Some(nats) = Nats::start(3, Syncs::Always) else { return };
    let name = LogName::default();
    let servers = with_stream(&nats, &name, 3);
    keeps_its_promises(&mut servers.log(&name).unwrap());
}
