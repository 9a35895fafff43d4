//! Every `code` of a problem, as `docs/api-errors.md` has it.

use axum::http::StatusCode;

macro_rules! codes {
    ($($code:ident = $name:literal, $status:ident: $when:literal;)*) => {
        /// What went wrong, as programs tell it apart.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Code {
            $(#[doc = $when] $code,)*
        }

        impl Code {
            /// Every code.
            #[cfg(feature = "openapi")]
            pub(super) const ALL: &[Self] = &[$(Self::$code),*];

            /// The name in answers and logs.
            pub(super) const fn name(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }

            /// The status that goes with it.
            pub(super) const fn status(self) -> StatusCode {
                match self {
                    $(Self::$code => StatusCode::$status,)*
                }
            }

            /// When it is answered.
            #[cfg(feature = "openapi")]
            pub(super) const fn when(self) -> &'static str {
                match self {
                    $(Self::$code => $when,)*
                }
            }
        }
    };
}

codes! {
    MalformedBody = "malformed_body", BAD_REQUEST:
        "the body is not JSON, TOML or NDJSON, as its type says, or is not UTF-8, or was cut off";
    InvalidPath = "invalid_path", BAD_REQUEST:
        "an experiment key, camera id, prompt name or label in the path is not one";
    InvalidQuery = "invalid_query", BAD_REQUEST:
        "a query parameter is unknown, there twice or not valid";
    InvalidIfMatch = "invalid_if_match", BAD_REQUEST:
        "`If-Match` is no revision in quotes";
    InvalidHeader = "invalid_header", BAD_REQUEST:
        "`Last-Event-ID` is no whole number, or a header that counts once is there twice";
    Unauthorized = "unauthorized", UNAUTHORIZED:
        "no token, or one that is not known";
    Forbidden = "forbidden", FORBIDDEN:
        "the token lacks the scope";
    ForeignOrigin = "foreign_origin", FORBIDDEN:
        "a browser sent it from another origin";
    NotFound = "not_found", NOT_FOUND:
        "no such path";
    UnknownExperiment = "unknown_experiment", NOT_FOUND:
        "no experiment has this key";
    UnknownOverride = "unknown_override", NOT_FOUND:
        "the camera has none";
    NoReview = "no_review", NOT_FOUND:
        "the experiment has no `[review]`";
    UnknownCard = "unknown_card", NOT_FOUND:
        "the event is no card of the review, or not to be seen before the shadow ends";
    UnknownPrompt = "unknown_prompt", NOT_FOUND:
        "no prompt has this name";
    UnknownVersion = "unknown_version", NOT_FOUND:
        "the prompt has no version of this key, digest or label, or several whose digest begins so";
    UnknownLabel = "unknown_label", NOT_FOUND:
        "the prompt has no such label";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED:
        "the path knows other methods, named in `Allow`";
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT:
        "the request did not arrive, or was not answered, within 30 seconds";
    ExperimentRunning = "experiment_running", CONFLICT:
        "only a draft can be defined anew or overridden, and only a draft or an ended run be deleted";
    ActionNotAllowed = "action_not_allowed", CONFLICT:
        "the rollout's phase does not lead there";
    ReviewOver = "review_over", CONFLICT:
        "the rollout is in neither its shadow nor its test, so its review takes no answers";
    CardAnswered = "card_answered", CONFLICT:
        "the card got an opinion since it was shown, or has its answer";
    UnexpectedPhase = "unexpected_phase", CONFLICT:
        "`advance` leads elsewhere than `expected_phase` says, or to every camera where it says nothing";
    EvidenceNotAccepted = "evidence_not_accepted", CONFLICT:
        "the evidence for an `advance` does not pass, and nobody accepted that; `detail` says what it is";
    ControlChanges = "control_changes", CONFLICT:
        "the control is another version than the one that is served, or that `production` points to, and nobody accepted that";
    ServesTreatment = "serves_treatment", CONFLICT:
        "cameras are served the treatment of the experiment to be deleted, and nobody accepted that they no longer are";
    OverridesLost = "overrides_lost", CONFLICT:
        "the draft has overrides that the definition does not name; `detail` has them";
    PromptInUse = "prompt_in_use", CONFLICT:
        "another experiment on the same prompt runs, on cameras that are not apart from those of this one";
    PromptExists = "prompt_exists", CONFLICT:
        "there is a prompt of this name, with other texts";
    NameTaken = "name_taken", CONFLICT:
        "the key or label is a key or label of the prompt already";
    RevisionConflict = "revision_conflict", CONFLICT:
        "the label was moved or the rollout took a step since; `detail` has the revision it is at";
    ImportConflict = "import_conflict", CONFLICT:
        "something stands against the import; `faults` names each, and nothing was taken in";
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE:
        "over 1 MiB";
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE:
        "another content type, or a body that is compressed or UTF-16";
    UnknownHost = "unknown_host", MISDIRECTED_REQUEST:
        "the `Host` is not one of this daemon's, or there are two";
    InvalidField = "invalid_field", UNPROCESSABLE_ENTITY:
        "a field is missing, unknown or out of range; `faults` names each";
    TooManyItems = "too_many_items", UNPROCESSABLE_ENTITY:
        "over 1,000 observations or cameras, or none";
    TooManyExperiments = "too_many_experiments", UNPROCESSABLE_ENTITY:
        "over 1,000 experiments, or 10,000 deleted ones";
    TooManyPrompts = "too_many_prompts", UNPROCESSABLE_ENTITY:
        "over 200 prompts, 1,000 versions or 16 labels of one, or 64 MiB of texts";
    TooManyRequests = "too_many_requests", TOO_MANY_REQUESTS:
        "the daemon works at its limit; `Retry-After` says when to come again";
    TooManyStreams = "too_many_streams", TOO_MANY_REQUESTS:
        "as many streams of events are open as `event_streams_max` allows; `Retry-After`";
    HeadersTooLarge = "headers_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE:
        "over 64 headers or 16 KiB of them";
    Internal = "internal", INTERNAL_SERVER_ERROR:
        "a fault of the daemon; the log has the request id";
    UnsupportedTransferCoding = "unsupported_transfer_coding", NOT_IMPLEMENTED:
        "a `Transfer-Encoding` other than `chunked`";
    QueueFull = "queue_full", SERVICE_UNAVAILABLE:
        "the journal has no room for now; `Retry-After`, nothing was taken in";
    StoreUnavailable = "store_unavailable", SERVICE_UNAVAILABLE:
        "the journal cannot be written; control is served";
    JournalDamaged = "journal_damaged", SERVICE_UNAVAILABLE:
        "the journal is damaged; control is served; see `tidegate journal verify`";
    Recovering = "recovering", SERVICE_UNAVAILABLE:
        "the daemon is reading its journal";
    Draining = "draining", SERVICE_UNAVAILABLE:
        "the daemon is shutting down";
    NotLeader = "not_leader", SERVICE_UNAVAILABLE:
        "this node of several follows; `detail` says where the leader is, who takes it in";
    DiskFull = "disk_full", INSUFFICIENT_STORAGE:
        "less free disk than the reserve; nothing was taken in";
}
