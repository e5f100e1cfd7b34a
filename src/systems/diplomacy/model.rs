//! The diplomacy of a world file, ready to be used.

use bevy_ecs::prelude::Resource;

use super::score::{ScoreModel, Side, single};
use crate::components::faction::{Goals, PowerLevels, Powers, Temperament};
use crate::world::spec::{ActSpec, DiplomacyRules, DiplomacySpec, FactionSpec, PowersSpec, TreatySpec, WorldSpec};

/// The least power that counts: nobody is nothing.
const POWER_LEAST: f64 = 0.01;

/// A faction as the file describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct FactionModel {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Its powers at first.
    pub powers: PowerLevels,
    /// What it strives for.
    pub goals: Goals,
    /// How it goes about it.
    pub temperament: Temperament,
    /// Commodities that it lives from, by their numbers, with their shares.
    pub lives_from: Vec<(usize, f64)>,
}

/// A pair of which the file says something.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Listed<T> {
    pub(super) sides: (u16, u16),
    pub(super) what: T,
}

/// The diplomacy of a world file.
#[derive(Resource, Debug, Clone, PartialEq)]
pub struct Diplomacy {
    /// Factions by their numbers: in the order of their ids.
    pub factions: Vec<FactionModel>,
    /// The rules.
    pub rules: DiplomacyRules,
    /// The rules of scores.
    pub score: ScoreModel,
    /// Weights of the kinds of power.
    pub weights: PowerLevels,
    /// What is going to happen.
    pub acts: Vec<ActSpec>,
    /// Commodities of which armies are made, by their numbers.
    pub weapons: Vec<usize>,
    /// Commodities of the world's economy; 0 without one.
    pub commodities: usize,
    /// Whether the economy makes something of wars, and of alliances.
    pub heard: (bool, bool),
    /// The world.
    pub location: String,
    pub(super) relations: Vec<Listed<crate::world::spec::RelationSpec>>,
    pub(super) treaties: Vec<Listed<TreatySpec>>,
}

impl Diplomacy {
    /// Of a checked world file; nothing where it has no diplomacy.
    pub fn new(world: &WorldSpec) -> Option<Self> {
        let spec = world.diplomacy.as_ref()?;
        let commodity = |name: &String| world.economy.as_ref().and_then(|economy| economy.commodity_index(name));
        let mut sorted: Vec<&FactionSpec> = spec.factions.iter().collect();
        sorted.sort_by(|one, other| one.id.cmp(&other.id));
        let factions: Vec<FactionModel> = sorted.into_iter().map(|faction| of_file(faction, commodity)).collect();
        let weights = &spec.rules.power_weights;
        let has =
            |effect: &crate::world::spec::SignalEffectSpec| *effect != crate::world::spec::SignalEffectSpec::default();
        let signals = world.economy.as_ref().map(|economy| &economy.signals);
        let mut model = Self {
            factions,
            rules: spec.rules.clone(),
            score: ScoreModel::new(&spec.rules),
            weights: PowerLevels {
                military: weights.military,
                economy: weights.economy,
                territory: weights.territory,
                technology: weights.technology,
                morale: weights.morale,
            },
            acts: spec.events.clone(),
            weapons: spec.rules.economy.weapons.iter().filter_map(commodity).collect(),
            commodities: world.economy.as_ref().map_or(0, |economy| economy.commodities.len()),
            heard: (signals.is_some_and(|of| has(&of.war)), signals.is_some_and(|of| has(&of.alliance))),
            location: world.id.to_string(),
            relations: Vec::new(),
            treaties: Vec::new(),
        };
        model.list(spec);
        Some(model)
    }

    fn list(&mut self, spec: &DiplomacySpec) {
        let sides = |[one, other]: &[String; 2]| self.number(one).zip(self.number(other));
        let relations = spec.relations.iter();
        let relations: Vec<_> = relations
            .filter_map(|what| sides(&what.between).map(|sides| Listed { sides, what: what.clone() }))
            .collect();
        let treaties = spec.treaties.iter();
        let treaties: Vec<_> = treaties
            .filter_map(|what| sides(&what.between).map(|sides| Listed { sides, what: what.clone() }))
            .collect();
        (self.relations, self.treaties) = (relations, treaties);
    }

    /// The number of a faction.
    pub fn number(&self, id: &str) -> Option<u16> {
        let found = self.factions.binary_search_by(|faction| faction.id.as_str().cmp(id));
        found.ok().and_then(|number| u16::try_from(number).ok())
    }

    /// A faction.
    pub fn faction(&self, number: u16) -> Option<&FactionModel> {
        self.factions.get(usize::from(number))
    }

    /// The id of a faction.
    pub fn id(&self, number: u16) -> &str {
        self.faction(number).map_or("", |faction| &faction.id)
    }

    /// The name of a faction.
    pub fn name(&self, number: u16) -> &str {
        self.faction(number).map_or("", |faction| &faction.name)
    }

    /// What a faction with these powers brings into its pairs.
    pub fn side(&self, number: u16, powers: &Powers) -> Side {
        let Some(faction) = self.faction(number) else { return Side::default() };
        let power = single(powers.now.weighed(&self.weights).max(POWER_LEAST));
        Side {
            power,
            inverse: 1.0 / power,
            caution: single(0.5 + faction.goals.security),
            exhaustion: single(powers.exhaustion),
            forgiveness: single(self.rules.drift.love * faction.temperament.forgiveness * 0.5),
        }
    }

    /// Love by nature between two factions: traders like each other, and two that want land do not.
    pub(super) fn nature(&self, one: u16, other: u16) -> f32 {
        let Some((one, other)) = self.faction(one).zip(self.faction(other)) else { return 0.0 };
        let trade = one.goals.commerce * other.goals.commerce;
        let rivalry = one.goals.expansion * other.goals.expansion;
        single((self.rules.drift.nature * (trade - rivalry)).clamp(-1.0, 1.0))
    }
}

fn of_file(faction: &FactionSpec, commodity: impl Fn(&String) -> Option<usize>) -> FactionModel {
    let (goals, temperament) = (&faction.goals, &faction.temperament);
    let lives = faction.lives_from.iter();
    FactionModel {
        id: faction.id.clone(),
        name: if faction.name.is_empty() { faction.id.clone() } else { faction.name.clone() },
        powers: levels(&faction.powers),
        goals: Goals { expansion: goals.expansion, commerce: goals.commerce, security: goals.security },
        temperament: Temperament {
            aggression: temperament.aggression,
            loyalty: temperament.loyalty,
            forgiveness: temperament.forgiveness,
        },
        lives_from: lives.filter_map(|(name, share)| commodity(name).map(|index| (index, *share))).collect(),
    }
}

/// The powers of a file, with what it leaves out.
fn levels(spec: &PowersSpec) -> PowerLevels {
    let military = spec.military;
    PowerLevels {
        military,
        economy: spec.economy.unwrap_or(0.8 * military),
        territory: spec.territory.unwrap_or(0.6 * military),
        technology: spec.technology.unwrap_or(0.7 * military),
        morale: spec.morale.unwrap_or((0.7 + 0.03 * military).min(1.0)),
    }
}
