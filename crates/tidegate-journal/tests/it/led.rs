//! A journal that is led: nothing is written that others did not agree to, and who follows has the same bytes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate_journal::log::{Appended, Log, LogError, NotNext, SealedFrame, Term, Tip};
use tidegate_journal::{Batch, Journal, WriteError, verify};

use crate::world::{append, events, live, open, recall, tick};

/// What others agreed on, or say in place of agreeing.
#[derive(Clone, Default)]
struct Others {
    agreed: Arc<Mutex<Vec<SealedFrame>>>,
    instead: Arc<Mutex<Option<Appended>>>,
}

impl Others {
    fn frames(&self) -> Vec<SealedFrame> {
        self.agreed.lock().unwrap().clone()
    }

    fn say(&self, instead: Appended) {
        *self.instead.lock().unwrap() = Some(instead);
    }
}

impl Log for Others {
    fn append(&mut self, expected: Tip, frames: &[SealedFrame]) -> Appended {
        if let Some(instead) = self.instead.lock().unwrap().clone() {
            return instead;
        }
        let mut agreed = self.agreed.lock().unwrap();
        assert_eq!(agreed.last().map(SealedFrame::tip).unwrap_or_default(), expected);
        agreed.extend_from_slice(frames);
        Appended::Agreed
    }

    fn read(&mut self, from: u64) -> Result<Vec<SealedFrame>, LogError> {
        let mut frames = self.frames();
        frames.retain(|frame| frame.tip().last >= from);
        Ok(frames)
    }

    fn follow(&mut self, from: u64, _patience: Duration) -> Result<Vec<SealedFrame>, LogError> {
        self.read(from)
    }

    fn tip(&mut self) -> Result<Tip, LogError> {
        Ok(self.frames().last().map(SealedFrame::tip).unwrap_or_default())
    }
}

fn try_append(journal: &Journal, ms: i64) -> Result<u64, WriteError> {
    let mut batch = Batch::default();
    batch.push(&[tick(ms)]).unwrap();
    journal.append_and_wait(batch)
}

#[test]
fn what_a_leader_writes_was_agreed_to_and_says_its_term() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let others = Others::default();
    journal.lead(Box::new(others.clone()), Term(7)).unwrap();
    let rollout = live(&journal, &events(200));
    let kept = journal.log().read(1).unwrap();
    assert_eq!(kept, others.frames());
    assert!(kept.iter().all(|frame| frame.tip().term == Term(7)));
    journal.close();

    let report = verify::in_process(folder.path()).unwrap();
    assert!(report.is_sound(), "{report:?}");
    // Alone it goes on behind all that was agreed to.
    let (journal, opened) = open(folder.path());
    assert_eq!(recall(&journal, &opened).snapshot(), rollout.snapshot());
    let before = journal.log().tip().unwrap();
    append(&journal, &[tick(90_000_000)]);
    let tip = journal.log().tip().unwrap();
    assert_eq!((tip.last, tip.term), (before.last + 1, Term(7)));
    assert_eq!(others.frames().len(), kept.len());
    assert!(matches!(
        journal.lead(Box::new(others), Term(7)),
        Err(WriteError::Deposed { by: Term(7) })
    ));
}

#[test]
fn where_nobody_ever_led_the_bytes_are_those_of_before() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    append(&journal, &[tick(1)]);
    let frames = journal.log().read(1).unwrap();
    assert_eq!((frames[0].bytes()[0], frames[0].tip().term), (1, Term::NONE));
}

#[test]
fn what_others_do_not_agree_to_is_not_on_disk() {
    let unknown = Appended::Unknown { why: "no answer".to_owned() };
    for instead in [Appended::Deposed { by: Term(3) }, unknown] {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) = open(folder.path());
        let others = Others::default();
        journal.lead(Box::new(others.clone()), Term(2)).unwrap();
        try_append(&journal, 1).unwrap();
        others.say(instead.clone());
        let refused = try_append(&journal, 2).unwrap_err();
        match instead {
            Appended::Deposed { by } => assert_eq!(refused, WriteError::Deposed { by }),
            Appended::Unknown { why } => assert_eq!(refused, WriteError::Failed(why)),
            Appended::Agreed => unreachable!("not among them"),
        }
        // Others would agree again, but what this journal's owner knows is no longer what is in it.
        *others.instead.lock().unwrap() = None;
        assert!(matches!(try_append(&journal, 3), Err(WriteError::Failed(_))));
        assert_eq!(journal.log().tip().unwrap().last, 1);
        journal.close();
        assert_eq!(open(folder.path()).1.last, 1);
        assert_eq!(others.frames().len(), 1);
    }
}

#[test]
fn who_follows_has_the_same_bytes_and_the_same_rollout() {
    let folder = tempfile::tempdir().unwrap();
    let (leader, _) = open(&folder.path().join("leader"));
    let (follower, _) = open(&folder.path().join("follower"));
    leader.lead(Box::new(Others::default()), Term(1)).unwrap();
    let rollout = live(&leader, &events(300));
    let frames = leader.log().read(1).unwrap();
    assert!(frames.len() > 10);
    let mut log = follower.log();
    for frame in &frames {
        let before = log.tip().unwrap();
        assert_eq!(log.append(before, std::slice::from_ref(frame)), Appended::Agreed);
        // Again, as after an answer that was lost.
        assert_eq!(log.append(before, std::slice::from_ref(frame)), Appended::Agreed);
    }
    let from = frames[frames.len() - 2].first();
    assert_eq!(log.read(from).unwrap(), frames[frames.len() - 2..]);
    assert_eq!(log.tip().unwrap(), leader.log().tip().unwrap());
    follower.close();
    let (follower, opened) = open(&folder.path().join("follower"));
    assert_eq!(recall(&follower, &opened).snapshot(), rollout.snapshot());
    assert_eq!(follower.log().read(1).unwrap(), frames);
}

#[test]
fn frames_that_do_not_follow_are_not_taken_in() {
    let folder = tempfile::tempdir().unwrap();
    let [leader, other, follower] =
        ["leader", "other", "follower"].map(|name| open(&folder.path().join(name)).0);
    append(&leader, &[tick(1)]);
    append(&other, &[tick(2)]);
    for ms in 3..6 {
        append(&leader, &[tick(ms)]);
        append(&other, &[tick(ms)]);
    }
    let (ours, theirs) = (leader.log().read(1).unwrap(), other.log().read(1).unwrap());
    let mut log = follower.log();
    assert_eq!(log.append(Tip::default(), &ours[..2]), Appended::Agreed);
    let tip = log.tip().unwrap();
    // A frame is missing between, and one was written after another.
    for (frame, why) in [
        (&ours[3], NotNext::Entry { first: 4, expected: 3 }),
        (
            &theirs[2],
            NotNext::Chain { first: 3, previous: theirs[1].tip().crc, expected: ours[1].tip().crc },
        ),
    ] {
        assert_eq!(frame.follows(tip), Err(why));
        let appended = log.append(tip, std::slice::from_ref(frame));
        assert_eq!(appended, Appended::Unknown { why: why.to_string() });
        assert_eq!(log.tip().unwrap(), tip);
    }
    // What stands after the tip that they follow is another's.
    let deposed = Appended::Deposed { by: Term::NONE };
    assert_eq!(log.append(Tip::default(), &theirs[..1]), deposed);
    assert_eq!(log.append(Tip::default(), &ours[..3]), deposed);
    assert_eq!(log.append(tip, &ours[2..]), Appended::Agreed);
    follower.close();
    assert!(verify::in_process(&folder.path().join("follower")).unwrap().is_sound());
}
