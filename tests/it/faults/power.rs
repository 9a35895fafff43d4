//! Power cuts: whatever a disk may hold after one, nothing acknowledged is lost in silence.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use system_tests::daemon::Daemon;
use system_tests::fault_shim::{Fault, Shim};
use system_tests::power_cut::{Call, Disk, Image, read_record};

use crate::faults::fleet::{self, START_MS, fast_folder, read};
use crate::faults::load::{NARROW, Reporter, WIDE, missing};

/// Cuts in a test run, and the variable that asks for more.
const CUTS: usize = 900;
const CUTS_VARIABLE: &str = "TIDEGATE_POWER_CUTS";
const SEED: u64 = 1;
const SEED_VARIABLE: &str = "TIDEGATE_POWER_SEED";

/// An acknowledgement: the record had this length when the answer was there.
#[derive(Debug, Clone, Copy)]
struct Acknowledged {
    record: u64,
    reporter: &'static str,
    /// What has a number below this was acknowledged.
    below: u32,
}

/// How the daemon of a round ends.
#[derive(Debug, Clone, Copy)]
enum End {
    Terminate,
    /// Killed before this call of the disk.
    Kill(u32),
}

/// What became of the images.
#[derive(Debug, Default)]
struct Tally {
    intact: usize,
    refused: Vec<String>,
    lost: Vec<String>,
}

#[test]
fn no_power_cut_loses_in_silence_what_was_acknowledged() {
    use End::{Kill, Terminate};
    let ends = [Kill(40), Terminate, Kill(90), Kill(3), Terminate, Kill(200), Terminate];
    survive("all kept", &ends, &NARROW, &[]);
}

#[test]
fn no_power_cut_loses_a_record_however_large_it_is() {
    use End::{Kill, Terminate};
    let ends = [Kill(300), Terminate, Kill(700), Terminate];
    survive("all sizes", &ends, &WIDE, &[]);
}

#[test]
fn no_power_cut_loses_more_than_what_is_too_old() {
    use End::{Kill, Terminate};
    let ends = [Kill(150), Terminate, Kill(250), Terminate, Terminate];
    survive("pruned", &ends, &NARROW, &["--retention-hours", "1"]);
}

fn survive(name: &str, ends: &[End], reporters: &[Reporter], arguments: &[&str]) {
    let workshop = tempfile::tempdir().unwrap();
    let root = workshop.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let Some(shim) = Shim::new(workshop.path(), &root) else { return };
    let acknowledged = load(&shim, ends, reporters, arguments);
    let calls = read_record(shim.record());
    // The model is only worth something if it ends where the disk ended.
    let mut disk = Disk::default();
    for call in &calls {
        disk.take(call);
    }
    let (seen, real) = (disk.seen(), Image::of(shim.folder()));
    assert_eq!(seen.differences(&real), Vec::<std::path::PathBuf>::new());
    cut_often(name, &calls, &acknowledged);
}

/// Puts load on one daemon after another and gives what they acknowledged.
fn load(
    shim: &Shim,
    ends: &[End],
    reporters: &[Reporter],
    arguments: &[&str],
) -> Vec<Acknowledged> {
    let data = shim.folder().join("journal");
    let start = fleet::start(&data).with(&["--snapshot-every", "100"]).with(arguments);
    let start = shim.load_recording(start);
    let kinds = "write,sync,range,name";
    let acknowledged = Mutex::new(Vec::new());
    let mut next = vec![0; reporters.len()];
    for (round, end) in ends.iter().enumerate() {
        if let End::Kill(skip) = end {
            shim.fail(Fault { kinds, error: "KILL", skip: *skip, count: 1 });
        }
        // A daemon that is killed on its way up is followed by the next one.
        if let Ok(daemon) = start.try_listening() {
            let hour = i64::try_from(round).unwrap() * 3_600_000;
            let begun = begin(&daemon, hour);
            if begun {
                thread::scope(|scope| {
                    for (reporter, next) in reporters.iter().zip(&mut next) {
                        let (daemon, acknowledged) = (&daemon, &acknowledged);
                        scope.spawn(move || {
                            reporter.report(daemon, next, |reporter, below| {
                                let record = std::fs::metadata(shim.record()).unwrap().len();
                                let told = Acknowledged { record, reporter, below };
                                acknowledged.lock().unwrap().push(told);
                            });
                        });
                    }
                });
            }
            match end {
                End::Terminate => {
                    assert!(begun, "{:?}", daemon.get("/readyz"));
                    assert!(daemon.terminate().0);
                }
                End::Kill(_) => {
                    // Where it came to no harm yet, its next call of the disk is its last: between two
                    // calls, so that the record says what the disk has.
                    shim.fail(Fault { kinds, error: "KILL", skip: 0, count: 1 });
                    daemon.terminate();
                }
            }
        }
        if let End::Kill(_) = end {
            shim.mend();
        }
    }
    acknowledged.into_inner().unwrap()
}

/// Whether the daemon came up and the rollout runs.
fn begin(daemon: &Daemon, hour: i64) -> bool {
    let mut alive = true;
    while alive {
        match daemon.try_get("/readyz") {
            Ok(reply) if reply.status == 200 => break,
            Ok(reply) if reply.body["status"] == "recovering" => thread::yield_now(),
            // Its check was killed, or itself.
            Ok(_) | Err(_) => alive = false,
        }
    }
    let now = tidegate_spec::api::shown(
        tidegate_engine::time::Timestamp::from_ms(START_MS + hour).unwrap(),
    );
    alive
        && daemon.try_post("/v1/time", &serde_json::json!({ "now": now })).is_ok()
        && fleet::try_begin(daemon)
}

#[expect(clippy::print_stdout, reason = "the figure is the point")]
fn cut_often(name: &str, calls: &[Call], acknowledged: &[Acknowledged]) {
    let asked = std::env::var(CUTS_VARIABLE).map(|text| text.parse().unwrap());
    let cuts: usize = asked.unwrap_or(CUTS) / 3;
    let seed: u64 = std::env::var(SEED_VARIABLE).map_or(SEED, |text| text.parse().unwrap());
    println!("{name}: {SEED_VARIABLE}={seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut points: Vec<usize> = (0..cuts).map(|_| random.random_range(0..=calls.len())).collect();
    points.sort_unstable();

    let tally = Mutex::new(Tally::default());
    let (hand_over, images) = std::sync::mpsc::sync_channel::<(usize, Image)>(4);
    let images = Mutex::new(images);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Ok((point, image)) = images.lock().unwrap().recv() else { return };
                    let end = point.checked_sub(1).map_or(0, |last| calls[last].end);
                    check(&image, (point, end), acknowledged, &tally);
                }
            });
        }
        let mut disk = Disk::default();
        let mut taken = 0;
        for point in points {
            for call in &calls[taken..point] {
                disk.take(call);
            }
            taken = point;
            hand_over.send((point, disk.cut(&mut random))).unwrap();
        }
        drop(hand_over);
    });
    let tally = tally.into_inner().unwrap();
    println!(
        "{name}: {cuts} images at {} calls with {} acknowledgements: {} intact, {} refused, {} silent losses",
        calls.len(),
        acknowledged.len(),
        tally.intact,
        tally.refused.len(),
        tally.lost.len()
    );
    let refused = &tally.refused[..tally.refused.len().min(10)];
    assert!(tally.lost.is_empty(), "seed {seed}: {:#?}", tally.lost);
    // A disk that keeps its promises is never called damaged.
    assert!(refused.is_empty(), "seed {seed}: {refused:#?}");
    assert_eq!(tally.intact, cuts);
}

fn check(
    image: &Image,
    (point, end): (usize, u64),
    acknowledged: &[Acknowledged],
    tally: &Mutex<Tally>,
) {
    let folder = fast_folder();
    image.write(folder.path());
    let journal = folder.path().join("journal");
    let read = std::panic::catch_unwind(|| read(&journal))
        .unwrap_or_else(|_| Err("the store panicked".to_owned()));
    let kept = match read {
        Ok(kept) => kept,
        Err(why) => return tally.lock().unwrap().refused.push(format!("call {point}: {why}")),
    };
    let mut below = BTreeMap::new();
    for told in acknowledged {
        // Also where nothing is acknowledged yet, what is there must be in order.
        let below = below.entry(told.reporter).or_insert(0);
        if told.record <= end {
            *below = told.below.max(*below);
        }
    }
    let fault = below.into_iter().find_map(|(reporter, below)| {
        missing(&kept, reporter, below).map(|why| format!("call {point}, {reporter}: {why}"))
    });
    let mut tally = tally.lock().unwrap();
    match fault {
        Some(why) => tally.lost.push(why),
        None => tally.intact += 1,
    }
}
