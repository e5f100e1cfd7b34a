//! What can be asked of a crowd: where its people are, what they have, and which signals last.

use bevy_ecs::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::hours::CrowdModel;
use super::telling::SignalBook;
use crate::components::crowd::{Crowd, CrowdBooks, Doing, Ground};
use crate::world::{Answer, WorldQuery};

/// How the refusal begins where a world has no crowd.
pub const NO_CROWD: &str = "this world has no crowd";

/// Asks for the state of the crowd, sector by sector.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskCrowd {}

impl WorldQuery for AskCrowd {
    const NAME: &'static str = "crowd.state";
}

/// The people of a sector.
#[derive(Debug, Clone, Copy, Default)]
struct People {
    agents: u32,
    hungry: u32,
    money: u64,
    doing: [u32; Doing::ALL.len()],
}

/// Answers [`AskCrowd`].
pub fn show_crowd(
    In(_): In<AskCrowd>,
    model: Option<Res<CrowdModel>>,
    ground: Option<Res<Ground>>,
    crowd: Option<Res<Crowd>>,
    books: Option<Res<CrowdBooks>>,
    signals: Option<Res<SignalBook>>,
) -> Answer {
    let (Some(model), Some(ground), Some(crowd), Some(books), Some(signals)) = (model, ground, crowd, books, signals)
    else {
        return Err(NO_CROWD.into());
    };
    let people = count(&crowd, ground.sectors.len(), model.params.hungry_at);
    let sectors = ground.sectors.iter().zip(&people).enumerate();
    let sectors: Vec<Value> = sectors
        .map(|(number, (name, people))| {
            let doing = Doing::ALL.into_iter().zip(people.doing).filter(|(_, count)| *count > 0);
            let doing: serde_json::Map<String, Value> =
                doing.map(|(doing, count)| (doing.word().to_owned(), count.into())).collect();
            let lasting: Vec<Value> = signals
                .lasting(number)
                .map(|(kind, windows, magnitude)| json!({"type": kind, "windows": windows, "magnitude": magnitude}))
                .collect();
            json!({
                "name": name, "agents": people.agents, "hungry": people.hungry, "money": people.money, "doing": doing,
                "signals": lasting,
            })
        })
        .collect();
    Ok(json!({
        "agents": crowd.len(), "width": ground.width, "height": ground.height, "vendors": ground.vendors.len(),
        "preset": model.preset, "stepsADay": model.steps_a_day, "steps": books.steps, "meals": books.meals,
        "money": { "agents": crowd.money(), "vendors": books.vendors, "employers": books.employers },
        "sectors": sectors,
    }))
}

fn count(crowd: &Crowd, sectors: usize, hungry_at: i16) -> Vec<People> {
    let mut people = vec![People::default(); sectors];
    for chunk in &crowd.chunks {
        let agents = chunk.sector.iter().zip(&chunk.hunger).zip(&chunk.money).zip(&chunk.doing);
        for (((sector, hunger), money), doing) in agents {
            let Some(people) = people.get_mut(usize::from(*sector)) else { continue };
            people.agents += 1;
            people.hungry += u32::from(*hunger > hungry_at);
            people.money += u64::from(*money);
            if let Some(count) = people.doing.get_mut(usize::from(*doing)) {
                *count += 1;
            }
        }
    }
    people
}
