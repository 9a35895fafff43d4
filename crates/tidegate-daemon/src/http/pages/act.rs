//! What people do at a page: first they see what it changes, then they say why.

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use tidegate_engine::event::Command;
use tidegate_engine::id::ExperimentKey;
use tidegate_engine::variant::Variant;
use tidegate_page::acting::{CamerasMoved, EvidenceQuestion, FilledIn, Proposal};
use tidegate_page::{PageFrame, Visitor};
use tidegate_spec::api::ActionRequest;

use super::{App, FrameNow, form, html, lead_to};
use crate::describe;
use crate::driver::{DriverCommand, StepAhead};
use crate::faults::RequestFaults;
use crate::http::asked;
use crate::http::code::Code;
use crate::http::experiments::{self, KeyPath, key_of, look};
use crate::http::problem::Problem;
use crate::published::View;
use crate::rollouts::{Predecessor, RunningExperiment};

/// Which action.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActQuery {
    action: String,
}

/// What somebody confirms.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActForm {
    form_token: String,
    action: String,
    revision: u64,
    expected_phase: Option<String>,
    accept: Option<String>,
    reason: String,
    actor: String,
}

/// Shows what an action would change.
pub(super) async fn confirm(
    State(app): State<App>,
    path: KeyPath,
    headers: HeaderMap,
    asked: Result<Query<ActQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let key = key_of(path)?;
    let command = command(&asked::query(asked)?.action)?;
    let (around, proposal) = proposed(&app, key, command).await?;
    let frame = around.frame(&app, &headers);
    let filled_in = FilledIn { actor: name_of(&frame), reason: String::new() };
    html(StatusCode::OK, tidegate_page::acting::confirm(&frame, &proposal, &filled_in, None))
}

/// Carries out what was confirmed; what stands against it is said where it was filled in.
pub(super) async fn act(
    State(app): State<App>,
    path: KeyPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let key = key_of(path)?;
    let form: ActForm = form::read(&app, &headers, body).await?;
    if !app.is_our_form(&headers, &form.form_token) {
        let detail = "the form is not one of this session: go back, load the page again and confirm once more";
        return Err(Problem::new(Code::Forbidden, detail));
    }
    let command = command(&form.action)?;
    let request = ActionRequest {
        action: form.action,
        reason: form.reason.trim().to_owned(),
        actor: form.actor.trim().to_owned(),
        expected_revision: Some(form.revision),
        expected_phase: form.expected_phase,
        accept: form.accept,
    };
    let done = match experiments::order(&request) {
        Ok(order) => {
            let key = key.clone();
            app.ask(|reply| DriverCommand::Act { key, order, reply }).await.map(drop)
        }
        Err(problem) => Err(problem),
    };
    let Err(problem) = done else {
        return Ok(lead_to(&format!("/experiments/{}", form::escaped(key.as_str()))));
    };
    let (around, proposal) = proposed(&app, key, command).await?;
    let frame = around.frame(&app, &headers);
    let filled_in = FilledIn { actor: request.actor, reason: request.reason };
    let fault = problem.sentences();
    let page = tidegate_page::acting::confirm(&frame, &proposal, &filled_in, Some(&fault));
    html(problem.code().status(), page)
}

fn command(name: &str) -> Result<Command, Problem> {
    let verbs = Command::ALL.map(|verb| (verb.as_str(), verb));
    let mut faults = RequestFaults::default();
    experiments::named(Some(name), "/action", &verbs, &mut faults)
        .ok_or_else(|| Problem::invalid_fields(faults.0))
}

/// The name that whoever signed in gave.
fn name_of(frame: &PageFrame) -> String {
    match &frame.visitor {
        Visitor::SignedIn { name } => name.clone(),
        Visitor::Local | Visitor::Stranger => String::new(),
    }
}

async fn proposed(
    app: &App,
    key: ExperimentKey,
    command: Command,
) -> Result<(FrameNow, Proposal), Problem> {
    look(app, key, move |run, view| (FrameNow::of(view), proposal(run, view, command))).await
}

/// What an action would do now.
fn proposal(run: &RunningExperiment, view: View<'_>, command: Command) -> Proposal {
    let ahead = run.rollout.ahead(command);
    let step = StepAhead::of(run).filter(|_| command == Command::Advance);
    Proposal {
        experiment: run.key.to_string(),
        action: command.as_str().to_owned(),
        from: run.rollout.lifecycle().state.to_string(),
        to: ahead.as_ref().map(|(state, _)| state.to_string()),
        destination: step.as_ref().map(|step| step.leads_to.as_str().to_owned()),
        revision: run.revision(),
        next: describe::status(run, view).next.sentence,
        cameras: ahead.map_or_else(CamerasMoved::default, |(_, serving)| {
            moved(run, view, |camera| serving.assign(camera, view.now).variant)
        }),
        question: step.and_then(|step| step.question).map(|(needed, evidence)| EvidenceQuestion {
            accept: needed.as_str().to_owned(),
            evidence,
        }),
    }
}

/// Who changes their variant: of the cameras that reported, and of those that the definition names.
fn moved(
    run: &RunningExperiment,
    view: View<'_>,
    after: impl Fn(&tidegate_engine::id::CameraId) -> Variant,
) -> CamerasMoved {
    let now = run.rollout.serving();
    let predecessor = run.serving_predecessor().map(Predecessor::variant);
    let rules = &run.rollout.definition().experiment().assignment;
    let named = rules.cameras.iter().chain(rules.overrides.iter().map(|(camera, _)| camera));
    let mut cameras: Vec<_> = run.rollout.cameras().map(|seen| seen.camera).collect();
    cameras.extend(named.cloned());
    cameras.sort_unstable();
    cameras.dedup();
    let mut moved = CamerasMoved { known: cameras.len() as u64, ..CamerasMoved::default() };
    for camera in &cameras {
        let before = predecessor.unwrap_or_else(|| now.assign(camera, view.now).variant);
        match (before, after(camera)) {
            (Variant::Control, Variant::Treatment) => moved.to_treatment += 1,
            (Variant::Treatment, Variant::Control) => moved.to_control += 1,
            (Variant::Control, Variant::Control) | (Variant::Treatment, Variant::Treatment) => {}
        }
    }
    moved
}
