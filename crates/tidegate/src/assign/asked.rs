//! `tidegate assign --key`: asks the daemon, which knows the phase, the ramp step and the time.

use std::io::Write;

use tidegate_engine::id::{CameraId, ExperimentKey};
use tidegate_spec::api::{Assignment, Assignments, AssignmentsRequest};

use crate::client::{Body, Client, json};
use crate::failure::Failure;
use crate::format::{Format, json_line};
use crate::printable::printable;

/// Cameras in one request.
const CAMERAS_MAX: usize = 1_000;

/// Gathers cameras and asks for many at once.
#[derive(Debug)]
pub(super) struct Asked {
    client: Client,
    key: ExperimentKey,
    waiting: Vec<String>,
    format: Format,
}

impl Asked {
    pub(super) fn new(client: Client, key: ExperimentKey, format: Format) -> Self {
        Self { client, key, waiting: Vec::new(), format }
    }

    /// Takes one camera, and answers once there are enough.
    pub(super) fn add(&mut self, camera: &CameraId, out: &mut impl Write) -> Result<(), Failure> {
        self.waiting.push(camera.as_str().to_owned());
        if self.waiting.len() < CAMERAS_MAX { Ok(()) } else { self.answer(out) }
    }

    /// Answers for all cameras that wait.
    pub(super) fn answer(&mut self, out: &mut impl Write) -> Result<(), Failure> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let request =
            AssignmentsRequest { camera_ids: std::mem::take(&mut self.waiting), text: false };
        let path = ["v1", "experiments", self.key.as_str(), "assignments"];
        let answer: Assignments<'_> = self.client.post(&path, Body::Json(&json(&request)?))?;
        let asked = request.camera_ids.iter();
        let same = asked.eq(answer.assignments.iter().map(|assignment| &*assignment.camera_id));
        if !same {
            return Err(self.client.not_understood("other cameras than were asked for").into());
        }
        for assignment in &answer.assignments {
            self.say(assignment, out)?;
        }
        out.flush()?;
        Ok(())
    }

    fn say(&self, assignment: &Assignment<'_>, out: &mut impl Write) -> Result<(), Failure> {
        match self.format {
            Format::Json => {
                json_line(assignment, out)?;
            }
            Format::Text => {
                let version = assignment.prompt_version.as_deref().unwrap_or("–");
                let Assignment { camera_id, variant, reason, .. } = assignment;
                let line = format!("{camera_id:<24} {variant:<9} {version:<24} {reason}");
                writeln!(out, "{}", printable(&line))?;
            }
        }
        Ok(())
    }
}
