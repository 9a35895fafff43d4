//! All that is wrong with a body, found in one go.

use tidegate_spec::api::FieldFault;

/// What is wrong with a request.
#[derive(Debug, Default)]
pub(crate) struct RequestFaults(pub(crate) Vec<FieldFault>);

impl RequestFaults {
    pub(crate) fn add(&mut self, pointer: &str, detail: String) {
        self.0.push(FieldFault { pointer: pointer.to_owned(), detail });
    }

    /// The value, or else a fault.
    pub(crate) fn take<T, E: ToString>(&mut self, pointer: &str, read: Result<T, E>) -> Option<T> {
        read.map_err(|error| self.add(pointer, error.to_string())).ok()
    }
}
