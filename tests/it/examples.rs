//! The examples do what they are there to show, against a real daemon.

mod analyzer;
mod curl;
mod monitoring;
