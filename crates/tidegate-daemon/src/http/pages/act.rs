//! What people do at a page: first they see what it changes, then they say why.

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use tidegate_engine::assignment::Serving;
use tidegate_engine::event::Command;
use tidegate_engine::id::{CameraId, ExperimentKey};
use tidegate_engine::phase::State as Standing;
use tidegate_engine::variant::Variant;
use tidegate_page::acting::{CamerasMoved, EvidenceQuestion, FilledIn, Proposal, RampStep};
use tidegate_page::{PageFrame, Visitor};
use tidegate_spec::api::{ActionRequest, Destination, Done};

use super::{App, FrameNow, form, html, lead_to};
use crate::describe;
use crate::driver::{DriverCommand, StepAhead};
use crate::faults::RequestFaults;
use crate::http::asked;
use crate::http::code::Code;
use crate::http::experiments::{self, KeyPath, key_of, look};
use crate::http::problem::Problem;
use crate::published::{Trust, View};
use crate::rollouts::{Predecessor, RunningExperiment};

/// Which action, and what was filled in before somebody had to sign in again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActQuery {
    action: String,
    reason: Option<String>,
    actor: Option<String>,
}

/// Bytes of a reason that are kept while somebody signs in again: an address may not be longer.
const KEPT_BYTES_MAX: usize = 2_000;

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
    let ActQuery { action, reason, actor } = asked::query(asked)?;
    let (around, proposal) = proposed(&app, key, command(&action)?).await?;
    let frame = around.frame(&app, &headers);
    let actor = actor.unwrap_or_else(|| name_of(&frame));
    let filled_in = FilledIn { actor, reason: reason.unwrap_or_default() };
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
    let command = command(&form.action)?;
    if app.0.tokens.is_some() && app.session(&headers).is_none() {
        return sign_in_again(&app, &key, &form);
    }
    let is_ours = app.is_our_form(&headers, &form.form_token);
    let request = ActionRequest {
        action: form.action,
        reason: form.reason.trim().to_owned(),
        actor: form.actor.trim().to_owned(),
        expected_revision: Some(form.revision),
        expected_phase: form.expected_phase,
        accept: form.accept,
    };
    let done = match experiments::order(&request) {
        _ if !is_ours => {
            let detail = "this form is of another session, or of before the daemon began anew: read it again and confirm once more";
            Err((StatusCode::FORBIDDEN, detail.to_owned()))
        }
        Ok(order) => {
            let key = key.clone();
            let done = app.ask(|reply| DriverCommand::Act { key, order, reply }).await;
            done.map_err(|problem| fault_of(&problem)).and_then(|done| is_by(&done, &request))
        }
        Err(problem) => Err(fault_of(&problem)),
    };
    let Err((status, fault)) = done else {
        return Ok(lead_to(&format!("/experiments/{}", form::escaped(key.as_str()))));
    };
    let (around, proposal) = proposed(&app, key, command).await?;
    let frame = around.frame(&app, &headers);
    let filled_in = FilledIn { actor: request.actor, reason: request.reason };
    let page = tidegate_page::acting::confirm(&frame, &proposal, &filled_in, Some(&fault));
    html(status, page)
}

/// Leads whoever has no session any more to one, and back with what they wrote.
fn sign_in_again(app: &App, key: &ExperimentKey, form: &ActForm) -> Result<Response, Problem> {
    let kept = |text: &str| {
        let end = text.floor_char_boundary(KEPT_BYTES_MAX);
        form::escaped(&text[..end])
    };
    let to = format!(
        "/experiments/{}/act?action={}&reason={}&actor={}",
        form::escaped(key.as_str()),
        form::escaped(&form.action),
        kept(&form.reason),
        kept(&form.actor)
    );
    let frame = FrameNow::published(app).frame(app, &HeaderMap::new());
    let fault = "Nothing was done: your session has ended. Sign in again and confirm; what you wrote is kept.";
    html(StatusCode::UNAUTHORIZED, tidegate_page::sign_in(&frame, Some(fault), &form.actor, &to))
}

/// What stands against an action, and what to do.
fn fault_of(problem: &Problem) -> (StatusCode, String) {
    let mut fault = problem.sentences();
    if problem.code() == Code::StoreUnavailable {
        fault.push_str(
            ". It was not acknowledged, so do not count on it: confirm it again once /readyz answers 200",
        );
    }
    (problem.code().status(), fault)
}

/// Whether it was this request that did it, now or before: of what somebody else did, whoever asked is told.
fn is_by(done: &Done, request: &ActionRequest) -> Result<(), (StatusCode, String)> {
    let by_another = done.decisions.last().filter(|step| {
        done.already
            && (step.actor.as_ref() != Some(&request.actor) || step.reason != request.reason)
    });
    by_another.map_or(Ok(()), |step| {
        let who = step.actor.as_ref().unwrap_or(&step.cause);
        let fault = format!(
            "nothing is left to do: it was done by {who} at {}, with the reason: {}",
            step.at, step.reason
        );
        Err((StatusCode::CONFLICT, fault))
    })
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
    look(app, key, move |run, view| {
        (FrameNow::of(view).about(&run.key), proposal(run, view, command))
    })
    .await
}

/// What an action would do now.
fn proposal(run: &RunningExperiment, view: View<'_>, command: Command) -> Proposal {
    let ahead = run.rollout.ahead(command);
    let step = StepAhead::of(run).filter(|_| command == Command::Advance);
    let state =
        |state: Standing| (state.phase.as_str().to_owned(), state.condition.as_str().to_owned());
    Proposal {
        experiment: run.key.to_string(),
        action: command.as_str().to_owned(),
        from: state(run.rollout.lifecycle().state),
        to: ahead.as_ref().map(|(to, _)| state(*to)),
        destination: step.as_ref().map(|step| step.leads_to.as_str().to_owned()),
        ramp_step: step.as_ref().and_then(|step| ramp_step(run, step.leads_to)),
        revision: run.revision(),
        next: describe::status(run, view).next.sentence,
        cameras: match (ahead, view.trust) {
            (None, _) => CamerasMoved::default(),
            // What is served does not change before the journal can be relied on.
            (Some(_), Trust::ControlOnly) => {
                let known = known(run).len() as u64;
                CamerasMoved { known, ..CamerasMoved::default() }
            }
            (Some((_, serving)), Trust::Full) => moved(run, view, &serving),
        },
        question: step.and_then(|step| step.question).map(|(needed, evidence)| EvidenceQuestion {
            accept: needed.as_str().to_owned(),
            evidence,
        }),
    }
}

/// The ramp step that an `advance` leads to.
fn ramp_step(run: &RunningExperiment, to: Destination) -> Option<RampStep> {
    let ramp = run.rollout.definition().ramp();
    let step = match to {
        Destination::Ab => 0,
        Destination::Step => run.rollout.lifecycle().step + 1,
        Destination::Full => return None,
    };
    let share = ramp.get(step)?.share.value();
    Some(RampStep { number: step + 1, of: ramp.len(), share })
}

/// The cameras that reported, to this run or the one that serves until it is started, and those that the definition names.
fn known(run: &RunningExperiment) -> Vec<CameraId> {
    let rules = &run.rollout.definition().experiment().assignment;
    let named = rules.cameras.iter().chain(rules.overrides.iter().map(|(camera, _)| camera));
    let before = run.serving_predecessor().map_or(&[][..], Predecessor::cameras);
    let mut cameras: Vec<CameraId> = run.rollout.cameras().map(|seen| seen.camera).collect();
    cameras.extend(named.chain(before).cloned());
    cameras.sort_unstable();
    cameras.dedup();
    cameras
}

/// Which of the known cameras get another version than before.
fn moved(run: &RunningExperiment, view: View<'_>, after: &Serving) -> CamerasMoved {
    let predecessor = run.serving_predecessor();
    let before = predecessor.map_or_else(|| run.rollout.serving(), Predecessor::serving);
    let cameras = known(run);
    let mut moved = CamerasMoved {
        known: cameras.len() as u64,
        served_before: predecessor
            .map(|before| format!("{} (run {})", before.version(), before.number)),
        ..CamerasMoved::default()
    };
    for camera in &cameras {
        let before = before.assign(camera, view.now).variant;
        let after = after.assign(camera, view.now).variant;
        let is_same =
            predecessor.map_or(before == after, |run_before| run_before.serves(before, run, after));
        match after {
            _ if is_same => {}
            Variant::Treatment => moved.to_treatment += 1,
            Variant::Control => moved.to_control += 1,
        }
    }
    moved
}
