//! The two sides of an experiment.

use core::fmt;
use core::ops::{Index, IndexMut};

/// One side of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variant {
    /// The prompt version in use before, and whenever in doubt.
    Control,
    /// The prompt version that is being tried.
    Treatment,
}

impl Variant {
    /// Both sides, control first.
    pub const ALL: [Self; 2] = [Self::Control, Self::Treatment];

    /// The name in files and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Treatment => "treatment",
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One value for each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByVariant<T> {
    /// The control's.
    pub control: T,
    /// The treatment's.
    pub treatment: T,
}

impl<T> ByVariant<T> {
    /// Makes a new pair by asking `f` for each side of this one.
    pub fn map<U>(&self, f: impl Fn(&T) -> U) -> ByVariant<U> {
        ByVariant { control: f(&self.control), treatment: f(&self.treatment) }
    }
}

impl<T> Index<Variant> for ByVariant<T> {
    type Output = T;

    fn index(&self, variant: Variant) -> &T {
        match variant {
            Variant::Control => &self.control,
            Variant::Treatment => &self.treatment,
        }
    }
}

impl<T> IndexMut<Variant> for ByVariant<T> {
    fn index_mut(&mut self, variant: Variant) -> &mut T {
        match variant {
            Variant::Control => &mut self.control,
            Variant::Treatment => &mut self.treatment,
        }
    }
}
