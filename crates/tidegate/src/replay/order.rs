//! Puts records into the order of time in bounded memory.
//!
//! Recordings are often grouped by camera or variant, and feedback comes days after its analysis. Both
//! are sorted outside memory once there are more than [`SEGMENT_EVENTS`].

use std::cmp::Ordering;
use std::io::{self, Read, Write};
use std::iter;

use extsort::{ExternalSorter, PushExternalSorter, Sortable};
use serde::{Deserialize, Serialize};
use tidegate_engine::event::Event;
use tidegate_engine::id::CameraId;
use tidegate_engine::number::{Latency, RiskScore};
use tidegate_engine::observation::{Analysis, Feedback, Label, Outcome};
use tidegate_engine::time::Timestamp;
use tidegate_engine::variant::Variant;

use super::record::Record;
use crate::failure::Failure;

/// Events sorted in memory at once.
const SEGMENT_EVENTS: usize = 200_000;

/// One event on its way through the sort; only this process reads it again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Recorded {
    at_ms: i64,
    line: u64,
    /// When the analysis was; it comes before its feedback at the same time and line.
    analysis_at_ms: i64,
    what: What,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum What {
    Analysis { id: Option<String>, camera: String, treated: Option<bool>, outcome: Answer },
    Feedback { id: String, label: u8 },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Answer {
    Failed,
    Answered { latency_us: Option<u32>, score: Option<u8> },
}

impl Recorded {
    /// The events of a record; a record without an id but with feedback is known by its line.
    pub(crate) fn of(record: Record, line: u64) -> impl Iterator<Item = Self> {
        let Record { at, id, camera, variant, outcome, feedback } = record;
        let by_line = || feedback.map(|_| format!("line:{line}"));
        let id = id.map(|id| id.as_str().to_owned()).or_else(by_line);
        let outcome = match outcome {
            Outcome::Failed => Answer::Failed,
            Outcome::Answered { latency, score } => Answer::Answered {
                latency_us: latency.map(Latency::us),
                score: score.map(RiskScore::value),
            },
        };
        let analysis_at_ms = at.ms();
        let label = feedback.zip(id.clone()).map(|((label_at, label), id)| {
            let what = What::Feedback { id, label: label as u8 };
            Self { at_ms: label_at.ms(), line, analysis_at_ms, what }
        });
        let treated = variant.map(|variant| variant == Variant::Treatment);
        let camera = camera.as_str().to_owned();
        let what = What::Analysis { id, camera, treated, outcome };
        let analysis = Self { at_ms: analysis_at_ms, line, analysis_at_ms, what };
        [Some(analysis), label].into_iter().flatten()
    }

    /// Its place in the sorted order: time, line, and an analysis before its feedback.
    const fn place(&self) -> (i64, u64, bool) {
        (self.at_ms, self.line, !self.is_analysis())
    }

    pub(crate) const fn is_analysis(&self) -> bool {
        matches!(self.what, What::Analysis { .. })
    }

    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    pub(crate) fn at(&self) -> Timestamp {
        Timestamp::from_ms(self.at_ms).expect("it was a timestamp before the sort")
    }

    /// When the analysis itself was.
    pub(crate) fn analysis_at(&self) -> Timestamp {
        Timestamp::from_ms(self.analysis_at_ms).expect("it was a timestamp before the sort")
    }

    /// Whether the recording names no variant.
    pub(crate) const fn is_drawn(&self) -> bool {
        matches!(self.what, What::Analysis { treated: None, .. })
    }

    /// What the engine is told; `drawn` gives the variant where the recording names none.
    pub(crate) fn event(self, drawn: impl FnOnce(&CameraId) -> Variant) -> Event {
        let valid = "it was valid before the sort";
        match self.what {
            What::Analysis { id, camera, treated, outcome } => {
                let id = id.map(|id| id.parse().expect(valid));
                let camera = camera.parse().expect(valid);
                let variant = match treated {
                    Some(true) => Variant::Treatment,
                    Some(false) => Variant::Control,
                    None => drawn(&camera),
                };
                let outcome = match outcome {
                    Answer::Failed => Outcome::Failed,
                    Answer::Answered { latency_us, score } => Outcome::Answered {
                        latency: latency_us
                            .map(|us| Latency::from_ms(f64::from(us) / 1_000.0).expect(valid)),
                        score: score.map(|score| RiskScore::new(f64::from(score)).expect(valid)),
                    },
                };
                Event::Analysis(Analysis { id, camera, variant, outcome })
            }
            What::Feedback { id, label } => {
                let (analysis, label) = (id.parse().expect(valid), Label::ALL[usize::from(label)]);
                Event::Feedback(Feedback { analysis, label })
            }
        }
    }
}

impl Sortable for Recorded {
    fn encode<W: Write>(&self, writer: &mut W) -> io::Result<()> {
        bincode::serialize_into(writer, self).map_err(|error| io_error(*error))
    }

    fn decode<R: Read>(reader: &mut R) -> io::Result<Self> {
        bincode::deserialize_from(reader).map_err(|error| io_error(*error))
    }
}

/// Unwraps an I/O error: the sort knows the end of a segment by its kind.
fn io_error(error: bincode::ErrorKind) -> io::Error {
    if let bincode::ErrorKind::Io(error) = error { error } else { io::Error::other(error) }
}

/// Takes events in any order and gives them back by time, then by line.
pub(crate) struct Sorter {
    events: PushExternalSorter<Recorded, fn(&Recorded, &Recorded) -> Ordering>,
    pushed: u64,
}

impl Sorter {
    pub(crate) fn new() -> Self {
        let sorter = ExternalSorter::new().with_segment_size(SEGMENT_EVENTS);
        let events: PushExternalSorter<_, fn(&Recorded, &Recorded) -> Ordering> =
            sorter.pushed_by(|one, other| one.place().cmp(&other.place()));
        Self { events, pushed: 0 }
    }

    pub(crate) fn push(&mut self, event: Recorded) -> Result<(), Failure> {
        self.pushed += 1;
        self.events.push(event).map_err(Failure::Temporary)
    }

    /// Every event in order. Should a temporary file have lost some, the last item says so.
    pub(crate) fn sorted(self) -> Result<impl Iterator<Item = Result<Recorded, Failure>>, Failure> {
        let mut missing = self.pushed;
        let mut events = self.events.done().map_err(Failure::Temporary)?;
        Ok(iter::from_fn(move || match events.next() {
            Some(event) => {
                missing = missing.saturating_sub(1);
                Some(event.map_err(Failure::Temporary))
            }
            None if missing > 0 => {
                let lost = io::Error::other(format!("{missing} sorted records are missing"));
                missing = 0;
                Some(Err(Failure::Temporary(lost)))
            }
            None => None,
        }))
    }
}
