//! `tidegate cameras`: each camera by itself.

use std::io::Write;

use clap::Args;
use tidegate_engine::id::ExperimentKey;
use tidegate_spec::api::{CameraReport, CameraSort, Cameras, SortOrder};
use tidegate_spec::wording;

use crate::client::{Client, ServerArgs};
use crate::environment::ProcessEnvironment;
use crate::failure::Failure;
use crate::format::{Format, json_line};
use crate::printable::printable;
use crate::table::{aligned, print_trimmed};

/// Show each camera by itself: harm to one that the mean of all hides
///
/// The differences are treatment less control on the camera itself where both ran on it, in shadow event by event; else, marked
/// with a *, the camera less the other variant's mean over the fleet. Errors, alerts and false alarms are in points, latencies in
/// milliseconds.
#[derive(Debug, Args)]
pub(crate) struct CamerasArgs {
    /// The experiment
    #[arg(value_name = "KEY")]
    key: ExperimentKey,
    /// Which sums: shadow, ab or full; left out, those that are compared now
    #[arg(long, value_name = "WINDOW", value_parser = ["shadow", "ab", "full"])]
    window: Option<String>,
    /// By what, such as `error_rate_difference`
    #[arg(long, value_name = "COLUMN", default_value = "camera_id", value_parser = parse_sort)]
    sort: CameraSort,
    /// Which come first: asc, the least, or desc, the greatest
    #[arg(long, value_name = "ORDER", default_value = "asc", value_parser = parse_order)]
    order: SortOrder,
    /// How many to show, up to 500
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
    #[command(flatten)]
    server: ServerArgs,
    /// How to answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn run(args: &CamerasArgs, out: &mut impl Write) -> Result<(), Failure> {
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    let limit = args.limit.to_string();
    let mut query =
        vec![("sort", args.sort.as_str()), ("order", args.order.as_str()), ("limit", &limit)];
    if let Some(window) = &args.window {
        query.push(("window", window));
    }
    let path = ["v1", "experiments", args.key.as_str(), "cameras"];
    let cameras: Cameras = client.get_with(&path, &query)?;
    match args.format {
        Format::Json => json_line(&cameras, out),
        Format::Text => say(&cameras, out),
    }
}

fn say(cameras: &Cameras, out: &mut impl Write) -> Result<(), Failure> {
    let shown = cameras.cameras.len();
    let (experiment, window) = (printable(&cameras.experiment), printable(&cameras.window));
    writeln!(out, "{experiment}: {shown} of {} cameras in {window}, differences", cameras.total)?;
    let titles =
        ["camera", "gets", "ran", "analyses", "errors", "latency", "score", "alerts", "false"];
    print_trimmed(&aligned(&titles, &[0, 1, 2], cameras.cameras.iter().map(row)), out)?;
    if cameras.cameras.iter().any(is_of_fleet) {
        writeln!(out, "* what it ran less the other variant's mean over the fleet")?;
    }
    Ok(())
}

fn is_of_fleet(camera: &CameraReport) -> bool {
    camera.compared_with.as_deref() == Some("fleet")
}

fn row(camera: &CameraReport) -> Vec<String> {
    let difference = &camera.difference;
    let signed = |number: Option<f64>, times: f64, digits: usize| match number {
        Some(number) => format!("{:+.digits$}", number * times),
        None => "–".to_owned(),
    };
    let analyses = camera.variants.control.analyses + camera.variants.treatment.analyses;
    let mark = if is_of_fleet(camera) { "*" } else { "" };
    vec![
        printable(&camera.camera_id),
        printable(&camera.variant),
        camera.measured().unwrap_or("–").to_owned(),
        format!("{analyses}{mark}"),
        signed(difference.error_rate, 100.0, 1),
        signed(difference.latency_ms_mean, 1.0, 0),
        signed(difference.score_mean, 1.0, 1),
        signed(difference.alert_rate, 100.0, 1),
        signed(difference.fp_rate, 100.0, 1),
    ]
}

fn parse_sort(text: &str) -> Result<CameraSort, String> {
    one_of(text, &CameraSort::ALL.map(|sort| (sort.as_str(), sort)))
}

fn parse_order(text: &str) -> Result<SortOrder, String> {
    one_of(text, &SortOrder::ALL.map(|order| (order.as_str(), order)))
}

fn one_of<T: Copy>(text: &str, list: &[(&str, T)]) -> Result<T, String> {
    let found = list.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = list.iter().map(|(name, _)| *name).collect();
        let offer = wording::offer(text, names.iter().copied());
        let allowed = if offer.is_empty() { ", allowed" } else { " Allowed" };
        format!("`{text}` is none{offer}{allowed}: {}", names.join(" | "))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn camera(id: &str, compared_with: &str) -> CameraReport {
        let side = json!({
            "analyses": 120, "errors": 1, "error_rate": 0.01, "timed": 120, "latency_ms_mean": 900.0, "slow_rate": 0.0,
            "scored": 119, "score_mean": 40.0, "score_min": 1, "score_max": 99, "alerts": 30, "alert_rate": 0.25,
            "labels": {"total": 0, "false_positive": 0, "correct": 0, "missed_threat": 0, "severity_wrong": 0},
            "fp_rate": 0.0, "missed_threat_rate": 0.0,
        });
        serde_json::from_value(json!({
            "camera_id": id, "variant": "treatment", "reason": "split", "step": 1, "heard_at": "2026-03-02T12:00:00Z",
            "variants": {"control": side, "treatment": side}, "compared_with": compared_with,
            "difference": {"error_rate": 0.0123, "latency_ms_mean": -1234.5, "score_mean": 3.0, "alert_rate": -0.25,
                           "fp_rate": null},
        }))
        .expect("a camera")
    }

    #[test]
    fn a_row_says_how_far_a_camera_differs_and_from_what() {
        let expected = ["door", "treatment", "both", "240", "+1.2", "-1234", "+3.0", "-25.0", "–"];
        assert_eq!(row(&camera("door", "itself")), expected);
        // What it ran is told beside what it gets now, which after a rollback is the other.
        let mut rolled_back = camera("door", "fleet");
        rolled_back.variant = "control".to_owned();
        rolled_back.variants.control.analyses = 0;
        assert_eq!(row(&rolled_back)[1..4], ["control", "treatment", "120*"]);
    }

    #[test]
    fn every_column_can_be_sorted_by_and_a_name_that_is_none_is_refused() {
        for sort in CameraSort::ALL {
            assert_eq!(parse_sort(sort.as_str()), Ok(sort));
        }
        let refused = parse_sort("error_rat").unwrap_err();
        assert!(refused.contains("error_rate") && refused.contains("camera_id | "), "{refused}");
    }
}
