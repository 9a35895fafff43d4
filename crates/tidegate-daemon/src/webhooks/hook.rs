//! What the configuration says of webhooks.

use std::path::PathBuf;

use tidegate_engine::id::ExperimentKey;
use tidegate_spec::api::EventType;
use tidegate_spec::fields::Fields;
use tidegate_spec::host;
use ureq::http::Uri;

/// Webhooks a daemon may have.
const WEBHOOKS_MAX: usize = 8;
const NAME_LEN_MAX: usize = 32;
const URL_LEN_MAX: usize = 2_000;

/// What the configuration says of one hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// What it is called in logs and metrics; its place is remembered under this name.
    pub name: String,
    /// Where events are brought: https, or http on this machine.
    pub url: String,
    /// The file that holds its secret, `whsec_…`.
    pub secret_file: PathBuf,
    /// The types it is told of; none is all.
    pub events: Vec<EventType>,
    /// The experiments it is told of; none is all.
    pub experiments: Vec<ExperimentKey>,
}

impl Webhook {
    /// Reads the keys of one `[[webhooks]]`.
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.text("name").map(str::to_owned);
        if !name.as_deref().is_some_and(is_name) {
            let allowed = format!("allowed: 1 to {NAME_LEN_MAX} of a-z 0-9 _ -");
            fields.fault("name", format!("is missing or no name, {allowed}"));
        }
        let url = fields.text("url").map(str::to_owned);
        // The address is not shown where it may hold a secret.
        if let Err(why) = check_url(url.as_deref().unwrap_or_default()) {
            let allowed = "allowed: such as https://example.org/hook, or http on this machine";
            fields.fault("url", format!("{why}, {allowed}"));
        }
        let secret_file = fields.text("secret_file").map(PathBuf::from);
        if secret_file.is_none() {
            fields.fault("secret_file", "is missing, allowed: the path of a file");
        }
        let types: Vec<(&str, EventType)> = EventType::asked_for().collect();
        let events = fields.choices("events", &types).unwrap_or_default();
        let experiments = fields.ids("experiments").unwrap_or_default();
        Some(Self { name: name?, url: url?, secret_file: secret_file?, events, experiments })
    }

    /// Reads every `[[webhooks]]`.
    pub(crate) fn read_all(fields: &mut Fields<'_>) -> Option<Vec<Self>> {
        let hooks: Vec<Self> =
            fields.tables("webhooks", Self::read)?.into_iter().flatten().collect();
        if hooks.len() > WEBHOOKS_MAX {
            let allowed = format!("allowed: 0 to {WEBHOOKS_MAX}");
            fields.fault("webhooks", format!("has {} entries, {allowed}", hooks.len()));
        }
        let twice = hooks
            .iter()
            .enumerate()
            .find(|(at, hook)| hooks.iter().take(*at).any(|before| before.name == hook.name));
        if let Some((at, hook)) = twice {
            let fault = format!("is {:?} once more, allowed: another name", hook.name);
            fields.fault(&format!("webhooks[{at}].name"), fault);
        }
        Some(hooks)
    }
}

fn is_name(text: &str) -> bool {
    (1..=NAME_LEN_MAX).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

fn check_url(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > URL_LEN_MAX {
        return Err("is missing or too long");
    }
    let uri: Uri = text.parse().map_err(|_| "is no URL")?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err("has no scheme or no host");
    };
    if authority.as_str().contains('@') || text.contains('#') || authority.host().is_empty() {
        return Err("has a user, a fragment, or no host");
    }
    match scheme {
        "https" => Ok(()),
        "http" if host::is_loopback(authority.host()) => Ok(()),
        "http" => Err("would send events in the open"),
        _ => Err("is neither https nor http"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_go_by_tls_or_stay_on_this_machine() {
        for url in
            ["https://example.org/a?b=c", "http://127.0.0.1:1", "http://[::1]/", "http://localhost"]
        {
            assert_eq!(check_url(url), Ok(()), "{url}");
        }
        for url in [
            "",
            "example.org",
            "ftp://example.org",
            "http://example.org",
            "http://10.0.0.1",
            "http://127.0.0.1.example.org",
            "https://user:word@example.org",
            "https://example.org/#a",
        ] {
            assert!(check_url(url).is_err(), "{url}");
        }
        assert!(check_url(&format!("https://example.org/{}", "x".repeat(URL_LEN_MAX))).is_err());
    }
}
