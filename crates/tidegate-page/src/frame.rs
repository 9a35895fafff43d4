//! What every page has around it, and the pages that are nothing else.

use askama::Template;

use crate::{NotRendered, asset, filters};

/// Who looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visitor {
    /// Somebody on this machine, where nobody signs in.
    Local,
    /// Somebody who signed in, under this name.
    SignedIn {
        /// The name that stands beside what they do.
        name: String,
    },
    /// Somebody who has not signed in.
    Stranger,
}

/// Whether whoever looks may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MayAct {
    /// Their token has the scope `admin`, or none is needed.
    Yes,
    /// They may look.
    No,
}

/// How the daemon itself is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DaemonHealth {
    /// Its journal is written, its clock is right, it has disk.
    Well,
    /// What is wrong, in sentences.
    Unwell(Vec<String>),
}

/// What every page has around it.
#[derive(Debug, Clone)]
pub struct PageFrame {
    /// Who looks.
    pub visitor: Visitor,
    /// Whether they may act.
    pub may_act: MayAct,
    /// What proves that a form is ours; it goes with every form.
    pub form_token: String,
    /// How the daemon is.
    pub health: DaemonHealth,
    /// The experiments whose rollouts are under way, which can be rolled back from every page; that of the page first.
    pub under_way: Vec<String>,
    /// The experiment that the page is about, if it is about one.
    pub of_page: Option<String>,
    /// The types of events that a page may follow, in the names of the stream.
    pub event_types: String,
}

impl PageFrame {
    pub(crate) fn acts(&self) -> bool {
        self.may_act == MayAct::Yes
    }

    pub(crate) fn unwell(&self) -> &[String] {
        match &self.health {
            DaemonHealth::Well => &[],
            DaemonHealth::Unwell(sentences) => sentences,
        }
    }

    pub(crate) fn signed_in(&self) -> Option<&str> {
        match &self.visitor {
            Visitor::SignedIn { name } => Some(name),
            Visitor::Local | Visitor::Stranger => None,
        }
    }

    pub(crate) fn is_stranger(&self) -> bool {
        self.visitor == Visitor::Stranger
    }

    /// Those that are rolled back by a link of their own in the head of a page.
    pub(crate) fn named(&self) -> &[String] {
        let is_of_page = |key: &String| self.of_page.as_ref() == Some(key);
        match self.under_way.len() {
            0..=NAMED_MAX => &self.under_way,
            _ => &self.under_way[..usize::from(self.under_way.first().is_some_and(is_of_page))],
        }
    }
}

/// Rollouts that the head of a page names.
const NAMED_MAX: usize = 3;

/// A page that says why there is no other.
#[derive(Template)]
#[template(path = "fault.html")]
struct FaultPage<'a> {
    frame: &'a PageFrame,
    title: &'a str,
    detail: &'a str,
    request_id: &'a str,
}

/// Says what is wrong with a request; `request_id` is the one in the log.
///
/// # Errors
/// [`NotRendered`] where the page cannot be written.
pub fn fault(
    frame: &PageFrame,
    title: &str,
    detail: &str,
    request_id: &str,
) -> Result<String, NotRendered> {
    Ok(FaultPage { frame, title, detail, request_id }.render()?)
}

/// Where a token is exchanged for a session.
#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    frame: &'a PageFrame,
    fault: Option<&'a str>,
    name: &'a str,
    to: &'a str,
}

/// Asks for a token; `to` is where it leads, `fault` what was wrong with the last one, `name` who tried.
///
/// # Errors
/// [`NotRendered`] where the page cannot be written.
pub fn sign_in(
    frame: &PageFrame,
    fault: Option<&str>,
    name: &str,
    to: &str,
) -> Result<String, NotRendered> {
    Ok(SignInPage { frame, fault, name, to }.render()?)
}
