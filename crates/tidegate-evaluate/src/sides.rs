//! One value of each prompt.

use serde::Serialize;

/// One value of each prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Sides<T> {
    /// The control's.
    pub control: T,
    /// The treatment's.
    pub treatment: T,
}

impl<T> Sides<T> {
    /// Both values by reference.
    pub const fn as_ref(&self) -> Sides<&T> {
        Sides { control: &self.control, treatment: &self.treatment }
    }

    /// Both values through `f`.
    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> Sides<U> {
        Sides { control: f(self.control), treatment: f(self.treatment) }
    }

    /// Whether either is so.
    pub fn any(self, is: impl Fn(T) -> bool) -> bool {
        is(self.control) || is(self.treatment)
    }
}
