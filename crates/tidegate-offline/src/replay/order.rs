//! Puts records into the order of time in bounded memory.
//!
//! Recordings are often grouped by camera or variant, and feedback comes days after its analysis. Both
//! are sorted outside memory once there are more than [`SEGMENT_EVENTS`].

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, IntoInnerError, Read as _, Seek as _, Write as _};
use std::iter;

use tidegate_engine::event::Event;
use tidegate_engine::id::CameraId;
use tidegate_engine::observation::{Analysis, Comparison, Feedback, Origin};
use tidegate_engine::time::Timestamp;
use tidegate_engine::variant::{ByVariant, Variant};
use tidegate_journal::{Entry, RolloutId};

use super::record::RecordedAnalysis;
use crate::OfflineError;

/// Events sorted in memory at once.
const SEGMENT_EVENTS: usize = 200_000;

/// One event on its way through the sort.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    at: Timestamp,
    line: u64,
    /// When the analysis was; it comes before its feedback at the same time and line.
    analysis_at: Timestamp,
    naming: Naming,
    event: Event,
}

/// Whether the recording names the variant of an analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    Named,
    /// It does not: control stands in until the split has decided.
    Drawn,
}

impl Recorded {
    /// The events of a record; one without an id but with feedback, or with both answers, is known by its line.
    pub(crate) fn of(record: RecordedAnalysis, line: u64) -> impl Iterator<Item = Self> {
        let RecordedAnalysis { at, id, camera, variant, outcome, treatment, feedback } = record;
        let by_line = || {
            let id = format!("line:{line}").parse();
            id.expect("a word and a number are an id")
        };
        let is_named = feedback.is_some() || treatment.is_some();
        let id = id.or_else(|| is_named.then(by_line));
        let label = feedback.zip(id.clone()).map(|((label_at, label), analysis)| {
            let event = Event::Feedback(Feedback { analysis, label });
            Self { at: label_at, line, analysis_at: at, naming: Naming::Named, event }
        });
        let naming = if variant.is_some() { Naming::Named } else { Naming::Drawn };
        let variant = variant.unwrap_or(Variant::Control);
        let origin = Origin::default();
        let event = match (treatment, id) {
            (Some(treatment), Some(id)) => {
                let outcomes = ByVariant { control: outcome, treatment };
                Event::Comparison(Comparison { id, camera, outcomes, origin })
            }
            (_, id) => Event::Analysis(Analysis { id, camera, variant, outcome, origin }),
        };
        let analysis = Self { at, line, analysis_at: at, naming, event };
        [Some(analysis), label].into_iter().flatten()
    }

    /// Its place in the sorted order: time, line, and an analysis before its feedback.
    const fn place(&self) -> (Timestamp, u64, bool) {
        (self.at, self.line, !self.is_analysis())
    }

    pub(crate) const fn is_analysis(&self) -> bool {
        matches!(self.event, Event::Analysis(_) | Event::Comparison(_))
    }

    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }

    /// When the analysis itself was.
    pub(crate) fn analysis_at(&self) -> Timestamp {
        self.analysis_at
    }

    /// The variant that the recording names.
    pub(crate) const fn variant(&self) -> Option<Variant> {
        match (&self.event, self.naming) {
            (Event::Analysis(analysis), Naming::Named) => Some(analysis.variant),
            (_, _) => None,
        }
    }

    /// Whether the recording names no variant.
    pub(crate) fn is_drawn(&self) -> bool {
        self.naming == Naming::Drawn
    }

    /// What the engine is told; `drawn` gives the variant where the recording names none.
    pub(crate) fn event(self, drawn: impl FnOnce(&CameraId) -> Variant) -> Event {
        match (self.event, self.naming) {
            (Event::Analysis(mut analysis), Naming::Drawn) => {
                analysis.variant = drawn(&analysis.camera);
                Event::Analysis(analysis)
            }
            (event, _) => event,
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
    fn write(sorted: impl ExactSizeIterator<Item = Recorded>) -> io::Result<Self> {
        let left = sorted.len() as u64;
        let mut file = BufWriter::new(tempfile::tempfile()?);
        let mut entry = Vec::new();
        for Recorded { at, line, analysis_at, naming, event } in sorted {
            entry.clear();
            // A recording is of one rollout.
            let kept = Entry::Event { rollout: RolloutId(1), at, event };
            kept.write(&mut entry).map_err(io::Error::other)?;
            let length = u32::try_from(entry.len()).map_err(io::Error::other)?;
            file.write_all(&line.to_le_bytes())?;
            file.write_all(&analysis_at.ms().to_le_bytes())?;
            file.write_all(&[u8::from(naming == Naming::Drawn)])?;
            file.write_all(&length.to_le_bytes())?;
            file.write_all(&entry)?;
        }
        let mut file = file.into_inner().map_err(IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(Self { file: BufReader::new(file), left })
    }

    fn read(&mut self) -> io::Result<Recorded> {
        let line = u64::from_le_bytes(self.take()?);
        let analysis_at = i64::from_le_bytes(self.take()?);
        let [drawn] = self.take()?;
        let length = u32::from_le_bytes(self.take()?);
        let mut entry = vec![0; length as usize];
        self.file.read_exact(&mut entry)?;
        let entry = Entry::read(&entry).map_err(io::Error::other)?;
        let Entry::Event { at, event, .. } = entry else {
            return Err(io::Error::other("a temporary file holds what is no event"));
        };
        let analysis_at = Timestamp::from_ms(analysis_at).map_err(io::Error::other)?;
        let naming = if drawn == 0 { Naming::Named } else { Naming::Drawn };
        Ok(Recorded { at, line, analysis_at, naming, event })
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl Iterator for Segment {
    type Item = io::Result<Recorded>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        // A file that lost its end is an error here, not an end.
        Some(self.read())
    }
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

    pub(crate) fn push(&mut self, event: Recorded) -> Result<(), OfflineError> {
        if self.held.len() >= self.held_max {
            self.sort_held();
            let segment = Segment::write(self.held.drain(..)).map_err(OfflineError::Temporary)?;
            self.segments.push(segment);
        }
        self.held.push(event);
        Ok(())
    }

    /// Every event in order.
    pub(crate) fn sorted(
        mut self,
    ) -> Result<impl Iterator<Item = Result<Recorded, OfflineError>>, OfflineError> {
        self.sort_held();
        let held = self.held.into_iter().map(Ok);
        let mut sources: Vec<SortedEvents> = vec![Box::new(held)];
        for segment in self.segments {
            sources.push(Box::new(segment));
        }
        let mut next = BinaryHeap::with_capacity(sources.len());
        for source in 0..sources.len() {
            next.extend(EarliestLeft::of(&mut sources, source)?);
        }
        Ok(iter::from_fn(move || {
            let EarliestLeft { event, source } = next.pop()?;
            match EarliestLeft::of(&mut sources, source) {
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
type SortedEvents = Box<dyn Iterator<Item = io::Result<Recorded>>>;

/// The first event that is left of a source; the earliest is the greatest, as a heap gives that first.
struct EarliestLeft {
    event: Recorded,
    source: usize,
}

impl EarliestLeft {
    fn of(sources: &mut [SortedEvents], source: usize) -> Result<Option<Self>, OfflineError> {
        let event = sources[source].next().transpose().map_err(OfflineError::Temporary)?;
        Ok(event.map(|event| Self { event, source }))
    }
}

impl Ord for EarliestLeft {
    fn cmp(&self, other: &Self) -> Ordering {
        other.event.place().cmp(&self.event.place())
    }
}

impl PartialOrd for EarliestLeft {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for EarliestLeft {}

impl PartialEq for EarliestLeft {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

#[cfg(test)]
mod tests {
    use tidegate_engine::observation::{Label, Outcome};

    use super::*;

    /// An analysis and its feedback in one line, at one of 31 moments, far from their order.
    fn recorded(line: u64) -> [Recorded; 2] {
        let at = Timestamp::from_ms(i64::try_from(line * 7_919 % 31).unwrap()).unwrap();
        let record = RecordedAnalysis {
            at,
            id: Some(format!("event-{line}").parse().unwrap()),
            camera: "gate".parse().unwrap(),
            variant: None,
            outcome: Outcome::Failed,
            treatment: None,
            feedback: Some((at, Label::Correct)),
        };
        // The feedback first, where the sort must turn them round.
        let mut events: Vec<Recorded> = Recorded::of(record, line).collect();
        events.reverse();
        events.try_into().unwrap()
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
        let found: Vec<Result<Recorded, OfflineError>> = sorter.sorted().unwrap().collect();
        let (last, before) = found.split_last().unwrap();
        assert!(before.len() > 100 && before.iter().all(Result::is_ok));
        let Err(OfflineError::Temporary(error)) = last else { panic!("nothing is missing") };
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
