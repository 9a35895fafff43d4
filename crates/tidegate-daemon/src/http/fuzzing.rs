//! Bodies of requests, changed in every way.

use fuzz::Target;
use tidegate_spec::api::{
    ActionRequest, AssignmentsRequest, PromptImport, PromptRequest, VersionRequest,
};

use super::{body, observations, ofrep, pages};

#[test]
fn bodies() {
    let words = &[
        "\"name\":",
        "\"text\":",
        "\"actor\":",
        "\"action\":",
        "\"document\":",
        "\"versions\":",
        "\"camera_ids\":",
        "\"label\":",
        "\"type\":",
        "\"score\":",
        "\"error\":",
    ];
    Target { name: "body", words }.fuzz(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        drop(observations::read(&text));
        drop(body::parse::<PromptRequest>(&text));
        drop(body::parse::<VersionRequest>(&text));
        drop(body::parse::<PromptImport>(&text));
        drop(body::parse::<ActionRequest>(&text));
        drop(body::parse::<AssignmentsRequest>(&text));
    });
}

#[test]
fn evaluation_contexts() {
    let words = &["\"context\":", "\"targetingKey\":", "\"prompt_text\":", "true"];
    Target { name: "ofrep", words }
        .fuzz(|bytes| ofrep::read_context(&String::from_utf8_lossy(bytes)));
}

#[test]
fn forms_and_cookies() {
    let words = &["form_token=", "action=", "revision=", "&", "%", "+", "tidegate_session=", ";"];
    Target { name: "form", words }.fuzz(pages::read_whatever);
}
