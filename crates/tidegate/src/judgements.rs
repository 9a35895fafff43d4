//! Prints what the sequential rule says: a sentence a guardrail.

use std::io::{self, Write};

use tidegate_engine::look::Check;

/// Prints a sentence for each guardrail, and one for the split.
pub(crate) fn sentences(check: &Check, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let Check::Sequential(look) = check else { return Ok(()) };
    for judgement in &look.judgements {
        writeln!(out, "  {:<12}  {judgement}", judgement.verdict.as_str())?;
    }
    if let Some(split) = &look.split {
        writeln!(out, "  {:<12}  {split}", if split.is_clean() { "pass" } else { "alarm" })?;
    }
    Ok(())
}
