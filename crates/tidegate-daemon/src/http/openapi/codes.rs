//! Every `code` of a problem, as `docs/api.md` has it.

/// What a code says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Code {
    pub(super) name: &'static str,
    pub(super) status: u16,
    pub(super) when: &'static str,
}

impl Code {
    pub(super) fn named(name: &str) -> Option<Self> {
        CODES.into_iter().find(|code| code.name == name)
    }

    /// Whether the answer says when to come again.
    pub(super) const fn has_retry_after(self) -> bool {
        matches!(self.status, 429 | 503 | 507)
    }
}

/// What every request may be answered.
pub(super) const ANY: [&str; 5] =
    ["foreign_origin", "request_timeout", "unknown_host", "headers_too_large", "internal"];
/// What a request may be answered that needs a token.
pub(super) const TOKEN: [&str; 2] = ["unauthorized", "forbidden"];
/// What a request with a body may be answered.
pub(super) const BODY: [&str; 4] =
    ["malformed_body", "body_too_large", "unsupported_media_type", "invalid_field"];
/// What a request may be answered that needs what is in the journal.
pub(super) const STANDING: [&str; 4] =
    ["store_unavailable", "journal_damaged", "recovering", "draining"];
/// What a request may be answered besides that waits for the engine.
pub(super) const ASKS: [&str; 1] = ["too_many_requests"];
/// What a request may be answered besides that is written down.
pub(super) const WRITES: [&str; 2] = ["queue_full", "disk_full"];

pub(super) const CODES: [Code; 39] = [
    Code {
        name: "malformed_body",
        status: 400,
        when: "the body is not JSON, TOML or NDJSON, as its type says, or is not UTF-8, or was cut off",
    },
    Code {
        name: "invalid_path",
        status: 400,
        when: "an experiment key, camera id, prompt name or label in the path is not one",
    },
    Code { name: "invalid_query", status: 400, when: "a query parameter is unknown or not valid" },
    Code { name: "invalid_if_match", status: 400, when: "`If-Match` is no revision in quotes" },
    Code {
        name: "invalid_header",
        status: 400,
        when: "`Last-Event-ID` is no whole number, or there are two",
    },
    Code { name: "unauthorized", status: 401, when: "no token, or one that is not known" },
    Code { name: "forbidden", status: 403, when: "the token lacks the scope" },
    Code { name: "foreign_origin", status: 403, when: "a browser sent it from another origin" },
    Code { name: "not_found", status: 404, when: "no such path" },
    Code { name: "unknown_experiment", status: 404, when: "no experiment has this key" },
    Code { name: "unknown_override", status: 404, when: "the camera has none" },
    Code { name: "unknown_prompt", status: 404, when: "no prompt has this name" },
    Code {
        name: "unknown_version",
        status: 404,
        when: "the prompt has no version of this key, digest or label, or several whose digest begins so",
    },
    Code { name: "unknown_label", status: 404, when: "the prompt has no such label" },
    Code {
        name: "method_not_allowed",
        status: 405,
        when: "the path knows other methods, named in `Allow`",
    },
    Code {
        name: "request_timeout",
        status: 408,
        when: "the request did not arrive, or was not answered, within 30 seconds",
    },
    Code {
        name: "experiment_running",
        status: 409,
        when: "only a draft can be defined anew or overridden",
    },
    Code {
        name: "action_not_allowed",
        status: 409,
        when: "the rollout's phase does not lead there",
    },
    Code {
        name: "prompt_exists",
        status: 409,
        when: "there is a prompt of this name, with other texts",
    },
    Code {
        name: "name_taken",
        status: 409,
        when: "the key or label is a key or label of the prompt already",
    },
    Code {
        name: "revision_conflict",
        status: 409,
        when: "the label was moved since; `detail` has the revision it is at",
    },
    Code {
        name: "import_conflict",
        status: 409,
        when: "something stands against the import; `faults` names each, and nothing was taken in",
    },
    Code { name: "body_too_large", status: 413, when: "over 1 MiB" },
    Code { name: "unsupported_media_type", status: 415, when: "another content type" },
    Code {
        name: "unknown_host",
        status: 421,
        when: "the `Host` is not one of this daemon's, or there are two",
    },
    Code {
        name: "invalid_field",
        status: 422,
        when: "a field is missing, unknown or out of range; `faults` names each",
    },
    Code {
        name: "too_many_items",
        status: 422,
        when: "over 1,000 observations or cameras, or none",
    },
    Code { name: "too_many_experiments", status: 422, when: "over 1,000 experiments" },
    Code {
        name: "too_many_prompts",
        status: 422,
        when: "over 200 prompts, 1,000 versions or 16 labels of one, or 64 MiB of texts",
    },
    Code {
        name: "too_many_requests",
        status: 429,
        when: "the daemon works at its limit; `Retry-After` says when to come again",
    },
    Code {
        name: "too_many_streams",
        status: 429,
        when: "64 streams of events are open, or a quarter of `connections_max`; `Retry-After`",
    },
    Code { name: "headers_too_large", status: 431, when: "over 64 headers or 16 KiB of them" },
    Code {
        name: "internal",
        status: 500,
        when: "a fault of the daemon; the log has the request id",
    },
    Code {
        name: "queue_full",
        status: 503,
        when: "the journal has no room for now; `Retry-After`, nothing was taken in",
    },
    Code {
        name: "store_unavailable",
        status: 503,
        when: "the journal cannot be written; control is served",
    },
    Code {
        name: "journal_damaged",
        status: 503,
        when: "the journal is damaged; control is served; see `tidegate journal verify`",
    },
    Code { name: "recovering", status: 503, when: "the daemon is reading its journal" },
    Code { name: "draining", status: 503, when: "the daemon is shutting down" },
    Code {
        name: "disk_full",
        status: 507,
        when: "less free disk than the reserve; nothing was taken in",
    },
];
