//! Values of arguments that several commands take.

use tidegate_engine::number::Share;
use tidegate_engine::time::Timestamp;
use tidegate_offline::replay::time::{parse_length, parse_moment};
use tidegate_spec::Preset;

use crate::clock;

pub(crate) fn parse_share(text: &str) -> Result<Share, String> {
    let number: f64 =
        text.parse().map_err(|_| format!("`{text}` is no number, allowed: 0 to 1"))?;
    Share::new(number).map_err(|error| error.to_string())
}

/// Reads a part in percent, 0 to 100, with or without the sign.
pub(crate) fn parse_percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    let percent = number.parse().ok().filter(|percent| (0.0..=100.0).contains(percent));
    let percent: f64 = percent.ok_or_else(|| format!("`{text}`: allowed: 0% to 100%"))?;
    if percent > 0.0 && percent <= 1.0 && number == text {
        let share = percent * 100.0;
        return Err(format!(
            "`{text}` is {text} % or, as a share, {share} %: allowed: 0% to 100%, here with the sign, such as {text}%"
        ));
    }
    Ok(percent)
}

pub(crate) fn parse_preset(text: &str) -> Result<Preset, String> {
    let found = Preset::ALL.iter().find(|(name, _)| *name == text);
    found.map(|(_, preset)| *preset).ok_or_else(|| {
        let names: Vec<&str> = Preset::ALL.iter().map(|(name, _)| *name).collect();
        format!("`{text}` is no preset, allowed: {}", names.join(" | "))
    })
}

pub(crate) fn parse_time(text: &str) -> Result<Timestamp, String> {
    parse_moment(text)
        .map_err(|_| format!("`{text}`: allowed: a date or time such as 2023-05-29T00:00:00Z"))
}

/// A time, or how long ago.
pub(crate) fn parse_since(text: &str) -> Result<Timestamp, String> {
    if let Ok(length) = parse_length(text) {
        let since = i64::try_from(length.ms()).ok().and_then(|ms| clock::now_ms().checked_sub(ms));
        return since.and_then(|ms| Timestamp::from_ms(ms.max(0)).ok()).ok_or_else(not_allowed);
    }
    let since = parse_moment(text).map_err(|_| not_allowed())?;
    if since.ms() > clock::now_ms() {
        return Err("lies ahead, allowed: a time that was, or a length such as 12h".to_owned());
    }
    Ok(since)
}

fn not_allowed() -> String {
    "is neither, allowed: a length such as 12h, or a time such as 2026-03-02T20:00:00Z".to_owned()
}
