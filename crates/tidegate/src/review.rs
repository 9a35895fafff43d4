//! `tidegate review`: a person answers the cards of a rollout, one after the other.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use clap::Args;
use console::Term;
use tidegate_engine::id::ExperimentKey;
use tidegate_spec::api::{NextCard, Review, ReviewAnswer, ReviewAnswered, ReviewCard};

use crate::actor::actor;
use crate::client::{Body, Client, ServerArgs, json};
use crate::environment::ProcessEnvironment;
use crate::failure::{DaemonError, Failure};
use crate::printable::printable;

/// What the keys mean.
const KEYS: &str = "worth an alert? y yes · n no · c cannot tell · s skip · q quit";

/// Answer the cards of a shadow: was an event worth an alert?
///
/// Each card is an event on which the two prompts disagree; which of them alerted is not shown. One key is an answer. On a pipe each line
/// is one: y, n, c, s or q.
#[derive(Debug, Args)]
pub(crate) struct ReviewArgs {
    /// The experiment
    #[arg(value_name = "KEY")]
    key: ExperimentKey,
    /// Who answers; left out: the user's name
    #[arg(long, value_name = "NAME")]
    reviewer: Option<String>,
    /// Show how far the review is and what it says, and ask nothing
    #[arg(long)]
    status: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) fn run(args: &ReviewArgs, out: &mut impl Write) -> Result<(), Failure> {
    let client = Client::new(&args.server, &ProcessEnvironment)?;
    if !args.status {
        let reviewer = actor(args.reviewer.as_deref())?;
        let stdin = io::stdin();
        if stdin.is_terminal() {
            review(&client, args, &reviewer, &mut Keys(Term::stdout()), out)?;
        } else {
            review(&client, args, &reviewer, &mut stdin.lock(), out)?;
        }
    }
    let review: Review = client.get(&["v1", "experiments", args.key.as_str(), "review"])?;
    say(&review, out)
}

/// Where keys come from.
trait Asked {
    /// The next key in small letters; none at the end.
    fn key(&mut self) -> io::Result<Option<char>>;
}

/// A terminal, whose keys need no line.
struct Keys(Term);

impl Asked for Keys {
    fn key(&mut self) -> io::Result<Option<char>> {
        self.0.read_char().map(|key| Some(key.to_ascii_lowercase()))
    }
}

impl<R: BufRead> Asked for R {
    fn key(&mut self) -> io::Result<Option<char>> {
        let mut line = String::new();
        let read = io::Read::by_ref(self).take(1024).read_line(&mut line)?;
        let key = line.trim().chars().next().map_or(' ', |key| key.to_ascii_lowercase());
        Ok((read > 0).then_some(key))
    }
}

/// Asks until nothing waits, the review is decided, or the reviewer has enough.
fn review(
    client: &Client,
    args: &ReviewArgs,
    reviewer: &str,
    asked: &mut impl Asked,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let path = |last| ["v1", "experiments", args.key.as_str(), "review", last];
    let mut given = 0;
    let before: Review = client.get(&["v1", "experiments", args.key.as_str(), "review"])?;
    loop {
        let next: NextCard = client.get_with(&path("next"), &[("reviewer", reviewer)])?;
        let Some(card) = next.card else {
            writeln!(out, "Nothing waits for {} now.", printable(reviewer))?;
            return Ok(());
        };
        show(&card, given + 1, next.waiting, out)?;
        let Some(answer) = answer(asked, out)? else { return Ok(()) };
        let answer = ReviewAnswer {
            event: card.event,
            turn: card.turn,
            reviewer: reviewer.to_owned(),
            answer: answer.to_owned(),
        };
        let answered = client.post(&path("answers"), Body::Json(&json(&answer)?));
        match answered {
            Ok(ReviewAnswered { review, .. }) if review.phase != before.phase => return Ok(()),
            Ok(_) => given += 1,
            Err(error) if was_answered(&error) => {
                writeln!(out, "  somebody else was faster")?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn was_answered(error: &DaemonError) -> bool {
    let DaemonError::Refused(refusal) = error else { return false };
    refusal.problem.as_ref().is_some_and(|problem| problem.code == "card_answered")
}

fn show(card: &ReviewCard, number: u64, waiting: u64, out: &mut impl Write) -> io::Result<()> {
    let (event, camera, at) =
        (printable(&card.event), printable(&card.camera), printable(&card.at));
    writeln!(out, "{number}. {event} at {camera}, {at} ({waiting} wait)")?;
    if let Some(url) = &card.clip_url {
        writeln!(out, "   {}", printable(url))?;
    }
    Ok(())
}

/// An answer by its name; none where the reviewer has enough.
fn answer(asked: &mut impl Asked, out: &mut impl Write) -> io::Result<Option<&'static str>> {
    loop {
        write!(out, "   {KEYS}: ")?;
        out.flush()?;
        let key = asked.key()?;
        let answer = match key {
            Some('y') => Some("yes"),
            Some('n') => Some("no"),
            Some('c') => Some("cannot_tell"),
            Some('s') => Some("skip"),
            Some('q') | None => None,
            Some(_) => {
                writeln!(out)?;
                continue;
            }
        };
        writeln!(out, "{}", answer.unwrap_or("quit"))?;
        return Ok(answer);
    }
}

fn say(review: &Review, out: &mut impl Write) -> Result<(), Failure> {
    let Review { lost, gained, settled, cards, waiting, unanswered, .. } = review;
    writeln!(
        out,
        "{}: run {}, {}: {} disagreements (alerts lost {lost}, gained {gained}); {settled} of {cards} cards answered, \
         {waiting} wait, {unanswered} skipped",
        printable(&review.experiment),
        review.run,
        printable(&review.phase),
        lost + gained,
    )?;
    if !review.sentence.is_empty() {
        writeln!(out, "{}", printable(&review.sentence))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_answer_and_what_is_none_is_asked_again() {
        let mut lines = "x\n\nYes\nn\n".as_bytes();
        let mut out = Vec::new();
        assert_eq!(answer(&mut lines, &mut out).unwrap(), Some("yes"));
        assert_eq!(answer(&mut lines, &mut out).unwrap(), Some("no"));
        assert_eq!(answer(&mut lines, &mut out).unwrap(), None, "the end is no answer");
        assert_eq!(String::from_utf8(out).unwrap().matches(KEYS).count(), 5);
    }
}
