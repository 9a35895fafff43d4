//! The OpenFeature client in Rust, told what to ask line by line.

use std::error::Error;
use std::io::{BufRead as _, Write as _};
use std::time::Duration;

use open_feature::{Client, EvaluationContext, EvaluationErrorCode, OpenFeature};
use open_feature_ofrep::{OfrepOptions, OfrepProvider};
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for line in std::io::stdin().lock().lines() {
        let told: Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
        let answer = match told["do"].as_str() {
            Some("versions") => versions(),
            Some("provider") => provider(&told).await,
            Some("documented") => match documented(url(&told), headers(&told)).await {
                Ok(prompt_version) => json!(prompt_version),
                Err(error) => json!({"failure": error.to_string()}),
            },
            _ => ask(&told).await,
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{answer}").and_then(|()| out.flush()).expect("someone reads");
    }
}

/// What is built in, as the lock file has it.
fn versions() -> Value {
    let lock = include_str!("../Cargo.lock");
    let of = |name: &str| {
        let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \"")).expect(name);
        format!("{name} {}", rest.split('"').next().unwrap_or_default())
    };
    json!(["open-feature-ofrep", "open-feature"].map(of))
}

fn url(told: &Value) -> String {
    told["url"].as_str().expect("an address").to_owned()
}

fn headers(told: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in told["headers"].as_object().expect("headers") {
        let name: HeaderName = name.parse().expect("a name");
        headers.insert(name, value.as_str().expect("text").parse().expect("a value"));
    }
    headers
}

/// What `docs/openfeature.md` shows, line by line.
async fn documented(base_url: String, headers: HeaderMap) -> Result<String, Box<dyn Error>> {
    let provider = OfrepProvider::new(OfrepOptions { base_url, headers, ..OfrepOptions::default() }).await?;
    OpenFeature::singleton_mut().await.set_provider(provider).await;
    let client = OpenFeature::singleton().await.create_client();
    let context = EvaluationContext::default().with_targeting_key("site-1/door");
    let asked = client.get_string_value("door_v2", Some(&context), None);
    let prompt_version = tokio::time::timeout(Duration::from_secs(1), asked).await;
    let prompt_version = prompt_version.ok().and_then(Result::ok).unwrap_or_else(|| "v1_original".to_owned());
    Ok(prompt_version)
}

async fn provider(told: &Value) -> Value {
    let (base_url, headers) = (url(told), headers(told));
    let options = OfrepOptions { base_url, headers, ..OfrepOptions::default() };
    let provider = OfrepProvider::new(options).await.expect("a provider");
    OpenFeature::singleton_mut().await.set_provider(provider).await;
    json!({})
}

async fn ask(told: &Value) -> Value {
    let mut context = EvaluationContext::default();
    context.targeting_key = told["camera"].as_str().map(str::to_owned);
    for (name, value) in told["attributes"].as_object().expect("attributes") {
        context = context.with_custom_field(name, value.to_string());
    }
    let client: Client = OpenFeature::singleton().await.create_client();
    let flag = told["flag"].as_str().expect("a flag");
    match client.get_string_details(flag, Some(&context), None).await {
        Ok(details) => json!({
            "value": details.value,
            "variant": details.variant,
            "reason": details.reason.map(|reason| reason.to_string()),
            "error": null,
            "message": null,
            "metadata": {},
        }),
        // The caller's default is the caller's to take.
        Err(error) => json!({
            "value": told["default"],
            "variant": null,
            "reason": "ERROR",
            "error": match &error.code {
                EvaluationErrorCode::General(_) => "GENERAL".to_owned(),
                code => code.to_string(),
            },
            "message": error.message,
            "metadata": {},
        }),
    }
}
