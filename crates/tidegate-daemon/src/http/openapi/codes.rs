//! Which codes a request may be answered, by what it needs.

use super::super::code::Code;

/// What every request may be answered.
pub(super) const ANY: [Code; 8] = [
    Code::InvalidQuery,
    Code::InvalidHeader,
    Code::UnsupportedTransferCoding,
    Code::ForeignOrigin,
    Code::RequestTimeout,
    Code::UnknownHost,
    Code::HeadersTooLarge,
    Code::Internal,
];
/// What a request may be answered that needs a token.
pub(super) const TOKEN: [Code; 2] = [Code::Unauthorized, Code::Forbidden];
/// What a request with a body may be answered.
pub(super) const BODY: [Code; 5] = [
    Code::MalformedBody,
    Code::BodyTooLarge,
    Code::UnsupportedMediaType,
    Code::InvalidField,
    Code::TooManyRequests,
];
/// What a request may be answered that needs what is in the journal.
pub(super) const STANDING: [Code; 4] =
    [Code::StoreUnavailable, Code::JournalDamaged, Code::Recovering, Code::Draining];
/// What a request may be answered besides that waits for the engine.
pub(super) const ASKS: [Code; 1] = [Code::TooManyRequests];
/// What a request may be answered besides that is written down.
pub(super) const WRITES: [Code; 3] = [Code::QueueFull, Code::NotLeader, Code::DiskFull];
