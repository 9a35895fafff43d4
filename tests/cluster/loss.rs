//! A stream that lost or changed what it acknowledged is found out, and never read as if it had not.

use std::fs;
use std::path::{Path, PathBuf};

use async_nats::jetstream;
use system_tests::nats::{Nats, Syncs};
use tidegate_cluster::{LogName, Shortfall};
use tidegate_journal::log::{Appended, Log as _, LogError, SealedFrame, Tip};

use crate::world::{connect, frames, in_time, log_of, read_all, read_in_time, with_stream};

/// A server with a stream of frames, and the frames.
fn filled(count: i64) -> Option<(Nats, LogName, Vec<SealedFrame>)> {
    let nats = Nats::start(1, Syncs::Always)?;
    let name = LogName::default();
    let servers = with_stream(&nats, &name, 1);
    let frames = frames(count, 1);
    assert_eq!(servers.log(&name).unwrap().append(Tip::default(), &frames), Appended::Agreed);
    Some((nats, name, frames))
}

#[test]
fn a_message_that_was_removed_is_named() {
    let Some(nats) = Nats::start(1, Syncs::Always) else { return };
    let name = LogName::default();
    // One that lets messages be removed, which ours forbids.
    let lax = jetstream::stream::Config {
        name: "TIDEGATE_main_0".to_owned(),
        subjects: vec!["tidegate.main.0".to_owned()],
        ..jetstream::stream::Config::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stream = in_time("making the stream", || {
        runtime.block_on(async {
            let (user, password) = ("tidegate".to_owned(), "secret".to_owned());
            let options = async_nats::ConnectOptions::with_user_and_password(user, password);
            let client = options.connect(nats.addresses()[0].as_str()).await;
            let context = jetstream::new(client.map_err(|error| error.to_string())?);
            context.create_stream(lax.clone()).await.map_err(|error| error.to_string())
        })
    });
    let frames = frames(6, 1);
    let mut log = log_of(&nats, &name);
    assert_eq!(log.append(Tip::default(), &frames), Appended::Agreed);
    assert_eq!(read_all(&mut log_of(&nats, &name), 1).unwrap(), frames);
    runtime.block_on(stream.delete_message(4)).unwrap();

    let why = read_all(&mut log_of(&nats, &name), 1).unwrap_err().to_string();
    assert_eq!(why, "the log is damaged at entry 4: message 4 of the stream is missing");
    // One that read beyond it goes on, and the check of the settings finds it out.
    let more = frames_after(&frames);
    assert_eq!(log.append(frames[5].tip(), &more), Appended::Agreed);
    let servers = connect(nats.addresses());
    let shortfalls = servers.shortfalls(&name, None).unwrap();
    assert!(shortfalls.contains(&Shortfall::Removed { count: 1 }), "{shortfalls:?}");
    let denied =
        Shortfall::Stream { setting: "deny_delete", value: "false".to_owned(), needed: "true" };
    assert!(shortfalls.contains(&denied), "{shortfalls:?}");
}

/// One frame more.
fn frames_after(before: &[SealedFrame]) -> Vec<SealedFrame> {
    let folder = tempfile::tempdir().unwrap();
    let journal = crate::world::open(folder.path());
    assert_eq!(journal.log().append(Tip::default(), before), Appended::Agreed);
    crate::world::append(&journal, 999).unwrap();
    journal.log().read(before.last().unwrap().tip().last + 1).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

#[test]
fn a_server_that_was_put_back_to_an_older_state_is_found_out() {
    let Some((mut nats, name, frames)) = filled(5) else { return };
    let folder = tempfile::tempdir().unwrap();
    nats.kill(0);
    copy(&nats.store(0), folder.path());
    nats.run(0);
    let mut log = log_of(&nats, &name);
    let more = frames_after(&frames);
    in_time("appending", || match log.append(frames[4].tip(), &more) {
        Appended::Agreed => Ok(()),
        other @ (Appended::Deposed { .. } | Appended::Unknown { .. }) => Err(format!("{other:?}")),
    });
    nats.kill(0);
    fs::remove_dir_all(nats.store(0)).unwrap();
    copy(folder.path(), &nats.store(0));
    nats.run(0);

    // Who follows has entry 6, and the stream has not.
    let mut log = log_of(&nats, &name);
    let why = in_time("an answer", || match log.follow(7, std::time::Duration::ZERO) {
        Err(error @ LogError::Damaged { .. }) => Ok(error.to_string()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(
        why,
        "the log is damaged at entry 6: the stream ends before it, and went on to entry 6"
    );
    let mut log = log_of(&nats, &name);
    let appended = log.append(more[0].tip(), &frames_after(&[&frames[..], &more[..]].concat()));
    let Appended::Unknown { why } = appended else { panic!("{appended:?}") };
    assert_eq!(
        why,
        "the log is damaged at entry 6: the stream ends before it, this journal with entry 6"
    );
}

/// The files that a server keeps messages in.
fn blocks(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(blocks(&path));
        } else if path.extension().is_some_and(|ending| ending == "blk") {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_flipped_bit_never_comes_as_what_was_written() {
    let Some((mut nats, name, frames)) = filled(8) else { return };
    nats.kill(0);
    let blocks = blocks(&nats.store(0).join("jetstream/TEST/streams/TIDEGATE_main_0"));
    let [block] = &blocks[..] else { panic!("{blocks:?}") };
    let folder = tempfile::tempdir().unwrap();
    copy(&nats.store(0), folder.path());
    let length = fs::read(block).unwrap().len();
    let mut found_out = 0;
    for spot in 0..6 {
        fs::remove_dir_all(nats.store(0)).unwrap();
        copy(folder.path(), &nats.store(0));
        let mut bytes = fs::read(block).unwrap();
        bytes[length * spot / 6 + 40] ^= 1;
        fs::write(block, bytes).unwrap();
        nats.run(0);
        let mut log = log_of(&nats, &name);
        match read_in_time(&mut log, 1) {
            // Nobody can tell a stream that ends early from one that was given no more, but who has more.
            Ok(read) if read.len() < frames.len() => {
                assert_eq!(read, frames[..read.len()]);
                let next = frames.last().unwrap().tip().last + 1;
                let why = log_of(&nats, &name).follow(next, std::time::Duration::ZERO).unwrap_err();
                assert!(matches!(why, LogError::Damaged { .. }), "{why}");
                found_out += 1;
            }
            Ok(read) => assert_eq!(read, frames),
            Err(why) => {
                assert!(why.starts_with("the log is damaged"), "{why}");
                found_out += 1;
            }
        }
        nats.kill(0);
    }
    assert!(found_out > 0);
}
