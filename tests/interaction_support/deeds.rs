//! What is done to a world while a chain waits.

use proptest::prelude::*;
use worldtick::components::clock::{ClockSource, TimeScale};
use worldtick::messages::Input;
use worldtick::testing::Stepper;

/// Something that is done to it.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    Elapse { real_seconds: u64, steps: u32 },
    Advance { game_seconds: u64 },
    Pause,
    Scale(u32),
    Restart,
}

pub(crate) fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (1_u64..400, 1_u32..5).prop_map(|(real_seconds, steps)| Deed::Elapse { real_seconds, steps }),
        2 => (1_u64..4_000).prop_map(|game_seconds| Deed::Advance { game_seconds }),
        1 => Just(Deed::Pause),
        2 => prop::sample::select(vec![0_u32, 1, 2, 60, 3_600]).prop_map(Deed::Scale),
        1 => Just(Deed::Restart),
    ]
}

pub(crate) fn perform(world: &mut Stepper, deed: &Deed) {
    match deed {
        Deed::Elapse { real_seconds, steps } => {
            let input = Input::Elapsed { real_micros: real_seconds * 1_000_000, steps: *steps, wall_micros: 0 };
            world.apply(input).expect("time passes");
        }
        Deed::Advance { game_seconds } => {
            world.apply(Input::advance(game_seconds * 1_000_000)).expect("time passes");
        }
        Deed::Pause => {
            world.apply(Input::Paused { reason: "tea".into(), by: "test".into(), until: None }).expect("a pause");
            world.apply(Input::Resumed { by: "test".into() }).expect("it goes on");
        }
        Deed::Scale(factor) => {
            let scale = TimeScale::from_factor(f64::from(*factor));
            world.apply(Input::Clock { source: ClockSource::Live, scale }).expect("another scale");
        }
        Deed::Restart => {
            world.restart().expect("a restart");
        }
    }
}
