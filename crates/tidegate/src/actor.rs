//! Who acts, as every step is kept with who took it.

use tidegate_engine::event::Actor;

use crate::environment::{self, Environment, ProcessEnvironment};
use crate::failure::Failure;

/// The name of who acts: the one that was given, or else the user's.
pub(crate) fn actor(given: Option<&str>) -> Result<String, Failure> {
    let actor = match given {
        Some(actor) => actor.to_owned(),
        None => user(&ProcessEnvironment)?,
    };
    Actor::new(&actor).map_err(|fault| Failure::BadInput(fault.to_string()))?;
    Ok(actor)
}

/// The name of who is at the terminal.
fn user(environment: &impl Environment) -> Result<String, Failure> {
    for name in environment::USER {
        if let Some(user) = environment.text(name).map_err(Failure::BadInput)? {
            return Ok(user);
        }
    }
    let [user, _] = environment::USER;
    let hint = format!("set `{user}` or pass `--actor`: every step is kept with who took it");
    Err(Failure::BadInput(hint))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_first_name_that_is_set_acts_and_nobody_is_told_how_to_be_named() {
        let both = BTreeMap::from([("USER", "ann"), ("LOGNAME", "bob")]);
        assert_eq!(user(&both).unwrap(), "ann");
        assert_eq!(user(&BTreeMap::from([("LOGNAME", "bob")])).unwrap(), "bob");
        assert!(user(&BTreeMap::new()).unwrap_err().to_string().contains("--actor"));
    }
}
