//! Whatever stands in a name, a reason or a prompt stays text on the page.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tidegate_page::acting::{CamerasMoved, EvidenceQuestion, FilledIn, Proposal};
use tidegate_page::{
    CameraPage, DaemonHealth, MayAct, Overview, PageFrame, PhaseEntry, PhaseTime, PromptView,
    RolloutCard, RolloutView, ServedNow, SplitUnit, Visitor, WaitsFor,
};
use tidegate_spec::api::{
    CameraSort, Cameras, DiscordantEvent, HistoryItem, LabelHistory, PromptDetail, PromptDiff,
    PromptSummary, Review, Scores, Series, SettingChange, SortOrder, Status, VersionDetail,
    VersionSummary, VersionsInPlay, Warning,
};

use super::World;

/// Markup, ends of attributes, entities, and marks that turn the direction of letters.
const HOSTILE: &str = "<script>alert(1)</script>\"'&amp;`--><\u{202e}\u{2067}x onload=1";
const PLAIN: &str = "plain";

/// Names that choose what is shown: the second time, these stay what they are.
const CHOOSING: [&str; 9] =
    ["phase", "condition", "verdict", "window", "at", "unit", "guardrail", "deadline", "cause"];

/// Where people write what they like; ids have no such marks.
const FREE: [&str; 5] = ["reason", "actor", "note", "text", "unified"];

/// Which texts are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Replaced {
    All,
    ButChoosing,
    Free,
}

impl Replaced {
    fn has(self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::ButChoosing => !CHOOSING.contains(&name) && !name.ends_with("_at"),
            Self::Free => FREE.contains(&name),
        }
    }
}

/// The same with every text replaced.
fn with<T: Serialize + DeserializeOwned>(value: &T, text: &str, replaced: Replaced) -> T {
    fn replace(value: &mut Value, text: &str, replaced: Replaced) {
        match value {
            Value::String(old) => text.clone_into(old),
            // A list of texts is one of ids.
            Value::Array(items) => {
                let items =
                    items.iter_mut().filter(|item| !item.is_string() || replaced != Replaced::Free);
                items.for_each(|item| replace(item, text, replaced));
            }
            Value::Object(fields) => {
                for (name, field) in fields.iter_mut() {
                    if !field.is_string() || replaced.has(name) {
                        replace(field, text, replaced);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut value = serde_json::to_value(value).unwrap();
    replace(&mut value, text, replaced);
    serde_json::from_value(value).unwrap()
}

/// What a daemon says of a rollout with everything in it.
struct Said {
    status: Status,
    history: Vec<HistoryItem>,
    series: Series,
    cameras: Cameras,
    scores: Scores,
    summaries: Vec<PromptSummary>,
    detail: PromptDetail,
    versions: Vec<VersionSummary>,
    moves: LabelHistory,
    version: VersionDetail,
    diff: PromptDiff,
}

impl Said {
    fn new(world: &World) -> Self {
        fn get<T: DeserializeOwned>(world: &World, path: &str) -> T {
            serde_json::from_value(world.daemon.get(path).body).unwrap()
        }
        let list = |path: &str, name: &str| world.daemon.get(path).body[name].clone();
        let read = |value: Value| serde_json::from_value(value);
        let key = "/v1/experiments/door";
        Self {
            status: get(world, &format!("{key}/status")),
            history: read(list(&format!("{key}/history"), "items")).unwrap(),
            series: get(world, &format!("{key}/series")),
            cameras: get(world, &format!("{key}/cameras")),
            scores: get(world, &format!("{key}/scores")),
            summaries: serde_json::from_value(list("/v1/prompts", "prompts")).unwrap(),
            detail: get(world, "/v1/prompts/risk"),
            versions: serde_json::from_value(list("/v1/prompts/risk/versions", "versions"))
                .unwrap(),
            moves: get(world, "/v1/prompts/risk/labels/production/history"),
            version: get(world, "/v1/prompts/risk/versions/v1"),
            diff: get(world, "/v1/prompts/risk/diff?from=v1&to=v2"),
        }
    }

    fn status(&self, text: &str, replaced: Replaced) -> Status {
        let mut status = with(&self.status, text, replaced);
        let cause = if replaced == Replaced::Free { PLAIN } else { text };
        status.outside.causes = [(cause.to_owned(), 3)].into();
        status.outside.analyses = 3;
        status.warnings = vec![Warning { code: cause.to_owned(), detail: cause.to_owned() }];
        status.review = Some(Review {
            experiment: cause.to_owned(),
            run: 1,
            phase: cause.to_owned(),
            verdict: Some(cause.to_owned()),
            sentence: cause.to_owned(),
            lost: 1,
            gained: 2,
            left_out_from: Some(cause.to_owned()),
            cards: 3,
            settled: 1,
            waiting: 2,
            unanswered: 0,
            false_alarms: None,
            missed_threats: None,
        });
        status
    }

    fn rollout(&self, text: &str, replaced: Replaced) -> RolloutView {
        let owned = || text.to_owned();
        let ours = || if replaced == Replaced::Free { PLAIN.to_owned() } else { text.to_owned() };
        let change = SettingChange { setting: ours(), from: Some(owned()), to: Some(owned()) };
        let in_play = || VersionsInPlay {
            name: ours(),
            control: ours(),
            treatment: ours(),
            production: Some(ours()),
        };
        // What this rollout has not, another may have.
        let mut history: Vec<HistoryItem> = with(&self.history, text, replaced);
        history[0].accepted = Some(ours());
        history[0].prompt = Some(in_play());
        history[0].changes = vec![change.clone()];
        let mut scores: Scores = with(&self.scores, text, replaced);
        scores.discordant = vec![DiscordantEvent {
            event: ours(),
            camera_id: ours(),
            at: ours(),
            direction: ours(),
            control: Some(70),
            treatment: None,
        }];
        RolloutView {
            status: self.status(text, replaced),
            waits_for: WaitsFor::Person,
            phases: vec![PhaseEntry {
                phase: ours(),
                detail: ours(),
                began_at: Some(ours()),
                time: PhaseTime::Now,
            }],
            split_unit: SplitUnit::Camera,
            has_group: true,
            allowed: vec![ours()],
            series: with(&self.series, text, replaced),
            cameras: CameraPage {
                cameras: with(&self.cameras, text, replaced),
                sort: CameraSort::CameraId,
                order: SortOrder::Ascending,
            },
            scores,
            history,
            older: Some(1),
            settings: vec![change],
        }
    }

    /// Every page, with every text replaced.
    fn pages(&self, text: &str, replaced: Replaced) -> Vec<(&'static str, String)> {
        let owned = || text.to_owned();
        // What is an id or a sentence of ours.
        let ours = || if replaced == Replaced::Free { PLAIN.to_owned() } else { text.to_owned() };
        let frame = PageFrame {
            visitor: Visitor::SignedIn { name: owned() },
            may_act: MayAct::Yes,
            form_token: ours(),
            health: DaemonHealth::Unwell(vec![ours()]),
            under_way: vec![ours()],
            of_page: Some(ours()),
            event_types: ours(),
        };
        let status = self.status(text, replaced);
        let mut summaries: Vec<PromptSummary> = with(&self.summaries, text, replaced);
        summaries[0].labels = [(ours(), ours())].into();
        let mut diff: PromptDiff = with(&self.diff, text, replaced);
        // A line of each kind.
        diff.unified =
            format!("--- a\n+++ b\n@@ -1,2 +1,2 @@\n {text}\n-{text} old\n+{text} new\n");
        let rollout = self.rollout(text, replaced);
        let proposal = proposal(&ours());
        let impossible = Proposal { to: None, ..proposal.clone() };
        let filled_in = FilledIn { actor: owned(), reason: owned() };
        let prompt = PromptView {
            detail: with(&self.detail, text, replaced),
            versions: with(&self.versions, text, replaced),
            served: vec![ServedNow {
                version: ours(),
                experiment: ours(),
                phase: ours(),
                share: 0.5,
            }],
            moves: vec![with(&self.moves, text, replaced)],
        };
        let card = RolloutCard { status, waits_for: WaitsFor::Time };
        let overview = Overview { rollouts: vec![card], total: 2, after: 1, next: Some(1) };
        let confirm = |proposal| {
            tidegate_page::acting::confirm(&frame, proposal, &filled_in, Some(text)).unwrap()
        };
        vec![
            ("overview", tidegate_page::overview(&frame, &overview).unwrap()),
            ("rollout", tidegate_page::rollout(&frame, &rollout).unwrap()),
            ("confirm", confirm(&proposal)),
            ("impossible", confirm(&impossible)),
            ("prompts", tidegate_page::prompts(&frame, &summaries).unwrap()),
            ("prompt", tidegate_page::prompt(&frame, &prompt).unwrap()),
            (
                "version",
                tidegate_page::version(&frame, &with(&self.version, text, replaced)).unwrap(),
            ),
            ("difference", tidegate_page::difference(&frame, &diff).unwrap()),
            ("fault", tidegate_page::fault(&frame, &ours(), text, &ours()).unwrap()),
            ("sign-in", tidegate_page::sign_in(&frame, Some(&ours()), text, text).unwrap()),
        ]
    }
}

/// An action with everything in it.
fn proposal(text: &str) -> Proposal {
    let owned = || text.to_owned();
    Proposal {
        experiment: owned(),
        action: owned(),
        from: (owned(), owned()),
        to: Some((owned(), owned())),
        destination: Some(owned()),
        ramp_step: None,
        revision: 1,
        next: owned(),
        cameras: CamerasMoved {
            known: 3,
            to_treatment: 1,
            to_control: 1,
            served_before: Some(owned()),
        },
        question: Some(EvidenceQuestion { accept: owned(), evidence: vec![owned()] }),
    }
}

#[test]
fn no_text_from_outside_is_ever_markup() {
    let world = World::new();
    world.open_test("door");
    world.fail("door");
    let said = Said::new(&world);
    assert!(!said.history.is_empty() && !said.series.guardrails.is_empty());
    assert!(said.scores.comparisons > 0 && !said.cameras.cameras.is_empty());
    for replaced in [Replaced::All, Replaced::ButChoosing] {
        let plain = said.pages(PLAIN, replaced);
        let hostile = said.pages(HOSTILE, replaced);
        for ((name, plain), (_, hostile)) in plain.iter().zip(&hostile) {
            assert!(plain.contains(PLAIN), "{name} shows no text");
            // What makes markup stands in both as often: what came from outside made none.
            for sign in ["<", ">", "\"", "'"] {
                let (ours, theirs) = (plain.matches(sign).count(), hostile.matches(sign).count());
                assert_eq!(theirs, ours, "{name} {replaced:?}: {sign}");
            }
            assert!(!hostile.contains("<script>alert"), "{name}");
        }
    }
}

#[test]
fn marks_that_turn_letters_around_reach_nothing_beside_them() {
    let world = World::new();
    let said = Said::new(&world);
    for (name, page) in said.pages(HOSTILE, Replaced::Free) {
        for (at, _) in page.match_indices('\u{202e}') {
            let before = &page[..at];
            let is_isolated = before.rfind("<bdi>") > before.rfind("</bdi>");
            let is_attribute = before.rfind('<') > before.rfind('>');
            assert!(is_isolated || is_attribute, "{name}: {}", &before[before.len() - 200..]);
        }
    }
}
