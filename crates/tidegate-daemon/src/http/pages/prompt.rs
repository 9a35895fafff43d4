//! Prompts, for people.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use tidegate_engine::id::PromptName;
use tidegate_engine::prompt::Prompt;
use tidegate_engine::variant::Variant;
use tidegate_page::{PromptView, ServedNow};

use super::{App, FrameNow, rendered};
use crate::http::asked;
use crate::http::problem::Problem;
use crate::http::prompts::{self, Ends, NamePath, PartPath};
use crate::prompts::describe;
use crate::published::{Trust, View};
use crate::refusal::Refusal;
use crate::rollouts::Predecessor;

/// Versions that a page shows, the newest.
const VERSIONS_SHOWN: usize = 100;
/// Moves of each label.
const MOVES_SHOWN: usize = 20;

/// Lists the prompts.
pub(super) async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let (around, prompts) = app
        .read(|view| {
            let prompts = view.rollouts.prompts().catalog().iter();
            let prompts = prompts.filter_map(|(name, prompt)| describe::summary(name, prompt));
            (FrameNow::of(view), prompts.collect::<Vec<_>>())
        })
        .await?;
    let prompts = app.known(prompts)?;
    let frame = around.frame(&app, &headers);
    rendered(move || tidegate_page::prompts(&frame, &prompts)).await
}

/// Shows a prompt.
pub(super) async fn prompt(
    State(app): State<App>,
    path: NamePath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let name = prompts::name_of(path)?;
    let wanted = name.clone();
    let (around, found) = app
        .read(move |view| {
            let found = view.rollouts.prompts().catalog().get(&wanted).cloned();
            (FrameNow::of(view), found.map(|prompt| (prompt, served(view, &wanted))))
        })
        .await?;
    let Some((prompt, served)) = found else {
        return Err(app.refusal_or(Refusal::UnknownPrompt(name)).into());
    };
    let view = view(&name, &prompt, served).ok_or_else(prompts::no_version)?;
    let frame = around.frame(&app, &headers);
    rendered(move || tidegate_page::prompt(&frame, &view)).await
}

fn view(name: &PromptName, prompt: &Arc<Prompt>, served: Vec<ServedNow>) -> Option<PromptView> {
    let newest = prompt.versions().iter().rev().take(VERSIONS_SHOWN);
    let moves = prompt.labels().map(|(label, kept)| {
        let mut history = describe::label_history(prompt, label, kept);
        let older = history.moves.len().saturating_sub(MOVES_SHOWN);
        history.moves.drain(..older);
        history
    });
    Some(PromptView {
        detail: describe::detail(name, prompt)?,
        versions: newest.map(|version| describe::version(prompt, version)).collect(),
        served,
        moves: moves.collect(),
    })
}

/// Which versions of a prompt cameras get now, of which experiment, and how many.
fn served(view: View<'_>, name: &PromptName) -> Vec<ServedNow> {
    let mut served = Vec::new();
    for run in view.rollouts.iter() {
        // A draft changes nothing that is served.
        let predecessor = run.serving_predecessor();
        let versions = predecessor.map_or(&run.in_play, |predecessor| &predecessor.in_play);
        let Some(in_play) = versions.as_ref().filter(|in_play| in_play.prompt == *name) else {
            continue;
        };
        let share = match predecessor.map(Predecessor::variant) {
            Some(Variant::Treatment) if view.trust == Trust::Full => 1.0,
            Some(Variant::Treatment | Variant::Control) => 0.0,
            None => crate::describe::status(run, view).treatment_share,
        };
        for (variant, share) in [(Variant::Control, 1.0 - share), (Variant::Treatment, share)] {
            if share > 0.0 {
                served.push(ServedNow {
                    version: in_play.version(variant).key.to_string(),
                    experiment: run.key.to_string(),
                    phase: run.rollout.lifecycle().state.phase.as_str().to_owned(),
                    share,
                });
            }
        }
    }
    served
}

/// Shows a version with its text.
pub(super) async fn version(
    State(app): State<App>,
    path: PartPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let around = app.read(FrameNow::of).await?;
    let (name, reference) = prompts::part_of(path)?;
    let version = prompts::find_version(&app, &name, &reference).await?;
    let frame = around.frame(&app, &headers);
    rendered(move || tidegate_page::version(&frame, &version)).await
}

/// Shows what differs between two versions.
pub(super) async fn difference(
    State(app): State<App>,
    path: NamePath,
    headers: HeaderMap,
    ends: Result<Query<Ends>, QueryRejection>,
) -> Result<Response, Problem> {
    let around = app.read(FrameNow::of).await?;
    let name = prompts::name_of(path)?;
    let diff = prompts::compare(&app, &name, &asked::query(ends)?).await?;
    let frame = around.frame(&app, &headers);
    rendered(move || tidegate_page::difference(&frame, &diff)).await
}
