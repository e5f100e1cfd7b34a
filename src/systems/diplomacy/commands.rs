//! What people order to happen between factions.

// time: diplomacy: when what is ordered happens | world | `WorldClock`, shown as `Time<GameTime>` | each command

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;
use bevy_time::Time;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::books::{Books, Sides, standing};
use super::model::Diplomacy;
use crate::components::clock::GameTime;
use crate::components::faction::{ActKind, Affairs, Relations};
use crate::messages::diplomacy::DiplomacyUpdate;
use crate::messages::relation::RelationsTold;
use crate::world::spec::ActFields;
use crate::world::{Answer, WorldCommand};

/// How a refusal begins where no faction has that name.
pub const NO_FACTION: &str = "there is no faction";
pub(super) const NO_DIPLOMACY: &str = "the world has no factions: give its file a section `diplomacy`";

/// Everything that a command of diplomacy needs.
#[derive(SystemParam)]
pub struct Chancery<'w> {
    model: Option<Res<'w, Diplomacy>>,
    sides: Option<Res<'w, Sides>>,
    relations: Option<ResMut<'w, Relations>>,
    affairs: Option<ResMut<'w, Affairs>>,
    time: Res<'w, Time<GameTime>>,
    events: MessageWriter<'w, DiplomacyUpdate>,
    told: ResMut<'w, RelationsTold>,
}

impl Chancery<'_> {
    fn carry_out(&mut self, kind: ActKind, fields: ActFields) -> Answer {
        let (Some(model), Some(sides), Some(relations), Some(affairs)) =
            (&self.model, &self.sides, &mut self.relations, &mut self.affairs)
        else {
            return Err(NO_DIPLOMACY.into());
        };
        let now = self.time.context().now.filter(|_| relations.began.is_some());
        let now = now.ok_or("its time has not begun: it waits for its first daily tick")?;
        let mut updates = Vec::new();
        // Looked at before anything is changed: what is refused leaves no mark.
        let (relations, affairs) = (relations.bypass_change_detection(), affairs.bypass_change_detection());
        let mut books = Books { model, sides, relations, affairs, updates: &mut updates, told: &mut self.told, now };
        let done = books.act(&fields.of_kind(kind))?;
        books.told.standing.extend(standing((model, sides), books.relations, done.pair, now));
        let view = books.relations.view(done.pair).ok_or("there is no such pair")?;
        let answer = json!({
            "state": view.state.as_str(), "score": round(view.score), "love": round(view.love),
            "trust": round(view.trust), "loveChange": round(done.love), "trustChange": round(done.trust),
            "changes": updates.len(),
        });
        self.relations.as_mut().into_iter().for_each(DetectChangesMut::set_changed);
        self.affairs.as_mut().into_iter().for_each(DetectChangesMut::set_changed);
        self.events.write_batch(updates);
        Ok(answer)
    }
}

/// To a thousandth; never `-0.0`.
pub(super) fn round(value: f32) -> f64 {
    (f64::from(value) * 1_000.0).round() / 1_000.0 + 0.0
}

macro_rules! commands {
    ($($(#[$about:meta])* $name:ident, $system:ident: $text:literal, $kind:ident;)*) => {
        $(
            $(#[$about])*
            #[derive(Debug, Clone, Deserialize, JsonSchema)]
            #[serde(transparent)]
            pub struct $name(pub ActFields);

            impl WorldCommand for $name {
                const NAME: &'static str = $text;
            }

            #[doc = concat!("Takes [`", stringify!($name), "`].")]
            pub fn $system(In($name(fields)): In<$name>, mut chancery: Chancery) -> Answer {
                chancery.carry_out(ActKind::$kind, fields)
            }
        )*
    };
}

commands! {
    /// One faction declares war on another: they are at war from now on, and all treaties between them end.
    DeclareWar, declare_war: "diplomacy.declare_war", WarDeclared;
    /// Two factions form an alliance, with a treaty.
    FormAlliance, form_alliance: "diplomacy.form_alliance", AllianceFormed;
    /// One faction betrays another: all treaties between them end.
    Betray, betray: "diplomacy.betray", Betrayal;
    /// Two factions sign a treaty; a truce ends their war.
    SignTreaty, sign_treaty: "diplomacy.sign_treaty", TreatySigned;
    /// One faction breaks a treaty.
    BreakTreaty, break_treaty: "diplomacy.break_treaty", TreatyBroken;
    /// Two factions make a trade.
    MakeTrade, make_trade: "diplomacy.trade", Trade;
    /// One faction does something to another, good or bad.
    CauseIncident, cause_incident: "diplomacy.incident", Incident;
}

#[cfg(test)]
mod tests {
    use super::super::change::hundredths;
    use super::round;

    #[test]
    fn what_is_rounded_to_nothing_has_no_sign() {
        assert_eq!([round(-0.0004), hundredths(-0.0004)].map(|value| value.to_string()), ["0", "0"]);
        assert_eq!([round(-0.0006), hundredths(-0.0006)].map(|value| value.to_string()), ["-0.001", "-0.1"]);
    }
}
