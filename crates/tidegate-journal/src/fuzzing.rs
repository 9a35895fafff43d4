//! Frames, snapshots and exports, changed in every way: what is damaged is refused, never read in part or as something else.

use std::fs;
use std::io::Cursor;

use fuzz::Target;

use crate::frame::{self, Frame, FrameKind, Link};
use crate::log::{SealedFrame, Term};
use crate::record::Entry;
use crate::snapshot::{self, Part};

/// The bytes of a frame with the right checksum, so that what lies behind it is tried too.
fn framed(kind: FrameKind, link: Link, bytes: &[u8]) -> Vec<u8> {
    let mut into = Vec::new();
    frame::write(kind, link, bytes, &mut into);
    into
}

#[test]
fn frames() {
    Target { name: "frame", words: &[] }.fuzz(|bytes| {
        // As it lies on disk, and with a checksum that is right.
        drop(Frame::read(FrameKind::Entries, bytes).and_then(|frame| frame.entries()));
        drop(SealedFrame::read(bytes.to_vec()));
        let payload = bytes.get(22..).unwrap_or_default();
        for (count, term) in [(1, Term::NONE), (2, Term(1)), (u32::MAX, Term(u64::MAX))] {
            let link = Link { previous: 0, first: 1, count, term };
            let bytes = framed(FrameKind::Entries, link, payload);
            drop(Frame::read(FrameKind::Entries, &bytes).and_then(|frame| frame.entries()));
        }
        if let Ok(entry) = Entry::read(payload) {
            let mut again = Vec::new();
            entry.write(&mut again).expect("what was read can be written");
            assert_eq!(Entry::read(&again).expect("and read"), entry);
        }
    });
}

#[test]
fn snapshots() {
    // In memory, where there is such a folder: a disk would take most of the time.
    let folder =
        tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    let path = folder.path().join("snapshot");
    Target { name: "snapshot", words: &[] }.fuzz(|bytes| {
        fs::write(&path, bytes).expect("a file");
        assert_eq!(snapshot::check(&path).is_ok(), snapshot::read(&path).is_ok());
        // A part behind its length, its frame's head and its own length, as if the checksum were right.
        for from in [28, bytes.len() / 2] {
            drop(Part::read(bytes.get(from..).unwrap_or_default()));
        }
    });
}

#[test]
fn exports() {
    let words =
        &["{\"entry\":", "\"sequence\":", "\"crc\":", "{\"part\":", "{\"end\":", "\"at_ms\":"];
    Target { name: "export", words }.fuzz(|bytes| {
        drop(crate::export::last(Cursor::new(bytes)));
        for line in String::from_utf8_lossy(bytes).lines() {
            if let Some((_, entry)) = line.split_once("\"entry\":{\"sequence\":")
                && let Some((_, entry)) = entry.split_once("\"entry\":")
            {
                drop(Entry::of_json(entry.trim_end_matches('}')));
                drop(Entry::of_json(entry.strip_suffix("}}").unwrap_or(entry)));
            }
        }
    });
}
