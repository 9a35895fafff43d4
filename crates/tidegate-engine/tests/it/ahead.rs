//! What is told of an action before it is taken is what it does.

use tidegate_engine::Event;
use tidegate_engine::event::{Action, Actor, Command, Reason};
use tidegate_engine::experiment::RampStep;
use tidegate_engine::number::Share;
use tidegate_engine::time::Duration;

use crate::script::at;
use crate::sequential::with_shadow;
use crate::world::{Truth, World};

/// Holds what is told of every action from here against the action itself; gives how many are allowed.
fn told_rightly(world: &World) -> usize {
    let mut allowed = 0;
    for command in Command::ALL {
        let actor = Actor::new("tester").unwrap();
        let action = Action { command, actor, reason: Reason::new("a test").unwrap() };
        let mut after = world.rollout.clone();
        let now = after.lifecycle().now;
        let Some((state, serving)) = world.rollout.ahead(command) else {
            assert!(after.apply(now, &Event::Action(action)).is_err(), "{command:?}");
            continue;
        };
        allowed += 1;
        after.apply(now, &Event::Action(action)).unwrap();
        assert_eq!(after.lifecycle().state, state, "{command:?}");
        for camera in world.rollout.cameras() {
            let camera = camera.camera;
            assert_eq!(serving.assign(&camera, now), after.serve(&camera, now), "{command:?}");
        }
    }
    allowed
}

#[test]
fn an_action_does_what_is_told_of_it_before() {
    let mut settings = with_shadow(24.0);
    let share = |share| Share::new(share).unwrap();
    let dwell = Duration::from_hours(4.0).unwrap();
    settings.ab.steps = vec![
        RampStep { share: share(0.1), dwell },
        RampStep { share: share(0.3), dwell },
        RampStep { share: share(0.5), dwell: Duration::from_hours(16.0).unwrap() },
    ];
    settings.ab.share = share(0.5);
    settings.full.holdback = share(0.2);
    let mut world = World::new(settings, 40, 31);
    world.live(&Truth::HARMLESS, 12.0, 8.0);
    let mut allowed = vec![told_rightly(&world)];
    for hour in [25.0, 30.0, 40.0, 48.0] {
        world.live(&Truth::HARMLESS, hour, 8.0);
        allowed.push(told_rightly(&world));
    }
    for (time, command) in [
        ("48h", Command::Pause),
        ("48h", Command::Resume),
        ("48h", Command::Hold),
        ("48h", Command::Advance),
        ("48h", Command::Complete),
    ] {
        world.act(at(time), command);
        allowed.push(told_rightly(&world));
    }
    assert!(allowed.iter().sum::<usize>() > 30, "{allowed:?}");
    assert_eq!(allowed.last(), Some(&0));
}
