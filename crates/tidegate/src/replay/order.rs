//! Puts records into the order of time in bounded memory.
//!
//! Recordings are often grouped by camera or variant, and feedback comes days after its analysis. Both
//! are sorted outside memory once there are more than [`SEGMENT_EVENTS`].

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, IntoInnerError, Seek as _};
use std::iter;

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

    /// The variant that the recording names.
    pub(crate) const fn variant(&self) -> Option<Variant> {
        match self.what {
            What::Analysis { treated: Some(true), .. } => Some(Variant::Treatment),
            What::Analysis { treated: Some(false), .. } => Some(Variant::Control),
            What::Analysis { treated: None, .. } | What::Feedback { .. } => None,
        }
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

/// Sorted events in a temporary file that goes when it is closed.
struct Segment {
    file: BufReader<File>,
    /// Events that are still to be read.
    left: u64,
}

impl Segment {
    fn write(sorted: &[Recorded]) -> io::Result<Self> {
        let mut file = BufWriter::new(tempfile::tempfile()?);
        for event in sorted {
            bincode::serialize_into(&mut file, event).map_err(io_error)?;
        }
        let mut file = file.into_inner().map_err(IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(Self { file: BufReader::new(file), left: sorted.len() as u64 })
    }
}

impl Iterator for Segment {
    type Item = io::Result<Recorded>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        // A file that lost its end is an error here, not an end.
        Some(bincode::deserialize_from(&mut self.file).map_err(io_error))
    }
}

fn io_error(error: bincode::Error) -> io::Error {
    if let bincode::ErrorKind::Io(error) = *error { error } else { io::Error::other(error) }
}

/// Takes events in any order and gives them back by time, then by line.
pub(crate) struct Sorter {
    held: Vec<Recorded>,
    held_max: usize,
    segments: Vec<Segment>,
}

impl Sorter {
    pub(crate) const fn new() -> Self {
        Self::holding(SEGMENT_EVENTS)
    }

    /// Holds so many events in memory.
    const fn holding(held_max: usize) -> Self {
        Self { held: Vec::new(), held_max, segments: Vec::new() }
    }

    pub(crate) fn push(&mut self, event: Recorded) -> Result<(), Failure> {
        if self.held.len() >= self.held_max {
            self.sort_held();
            self.segments.push(Segment::write(&self.held).map_err(Failure::Temporary)?);
            self.held.clear();
        }
        self.held.push(event);
        Ok(())
    }

    /// Every event in order.
    pub(crate) fn sorted(
        mut self,
    ) -> Result<impl Iterator<Item = Result<Recorded, Failure>>, Failure> {
        self.sort_held();
        let held = self.held.into_iter().map(Ok);
        let mut sources: Vec<Source> = vec![Box::new(held)];
        for segment in self.segments {
            sources.push(Box::new(segment));
        }
        let mut next = BinaryHeap::with_capacity(sources.len());
        for source in 0..sources.len() {
            next.extend(Next::of(&mut sources, source)?);
        }
        Ok(iter::from_fn(move || {
            let Next { event, source } = next.pop()?;
            match Next::of(&mut sources, source) {
                Ok(after) => next.extend(after),
                Err(failure) => {
                    // Without the rest of one segment there is no order among the others.
                    next.clear();
                    return Some(Err(failure));
                }
            }
            Some(Ok(event))
        }))
    }

    fn sort_held(&mut self) {
        self.held.sort_unstable_by_key(Recorded::place);
    }
}

/// Sorted events: those in memory, or a segment.
type Source = Box<dyn Iterator<Item = io::Result<Recorded>>>;

/// The first event that is left of a source; the earliest is the greatest, as a heap gives that first.
struct Next {
    event: Recorded,
    source: usize,
}

impl Next {
    fn of(sources: &mut [Source], source: usize) -> Result<Option<Self>, Failure> {
        let event = sources[source].next().transpose().map_err(Failure::Temporary)?;
        Ok(event.map(|event| Self { event, source }))
    }
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> Ordering {
        other.event.place().cmp(&self.event.place())
    }
}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Next {}

impl PartialEq for Next {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An analysis and its feedback in one line, at one of 31 moments, far from their order.
    fn recorded(line: u64) -> [Recorded; 2] {
        let at_ms = i64::try_from(line * 7_919 % 31).unwrap();
        let id = format!("event-{line}");
        let outcome = Answer::Failed;
        let camera = "gate".to_owned();
        let analysis = What::Analysis { id: Some(id.clone()), camera, treated: None, outcome };
        let feedback = What::Feedback { id, label: 0 };
        // The feedback first, where the sort must turn them round.
        [feedback, analysis].map(|what| Recorded { at_ms, line, analysis_at_ms: at_ms, what })
    }

    fn sorter(held_max: usize) -> Sorter {
        let mut sorter = Sorter::holding(held_max);
        (0..1_000).flat_map(recorded).for_each(|event| sorter.push(event).unwrap());
        sorter
    }

    #[test]
    fn the_order_is_that_of_time_and_line_however_little_fits_into_memory() {
        let mut expected: Vec<(i64, u64, bool)> = (0..1_000)
            .flat_map(|line| {
                [false, true].map(|is_feedback| {
                    (i64::try_from(line * 7_919 % 31).unwrap(), line, is_feedback)
                })
            })
            .collect();
        expected.sort_unstable();
        for held_max in [1, 7, 250, 2_000, 5_000] {
            let found: Vec<(i64, u64, bool)> = sorter(held_max)
                .sorted()
                .unwrap()
                .map(Result::unwrap)
                .map(|event| (event.at().ms(), event.line(), !event.is_analysis()))
                .collect();
            assert_eq!(found, expected, "{held_max}");
        }
    }

    #[test]
    fn what_a_temporary_file_lost_is_told_and_nothing_after_it() {
        let sorter = sorter(600);
        let file = sorter.segments[1].file.get_ref();
        file.set_len(file.metadata().unwrap().len() / 2).unwrap();
        let found: Vec<Result<Recorded, Failure>> = sorter.sorted().unwrap().collect();
        let (last, before) = found.split_last().unwrap();
        assert!(before.len() > 100 && before.iter().all(Result::is_ok));
        let Err(Failure::Temporary(error)) = last else { panic!("nothing is missing") };
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
