//! What happens between two factions, as a world file or a command describes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TREATY_DAYS_MAX;
use crate::components::clock::GameInstant;
use crate::components::faction::{ActKind, TreatyKind};
use crate::world::spec::is_control;

/// Characters of a reason at most.
pub(super) const REASON_MAX: usize = 200;
/// Days in which something of the file happens at most.
pub(super) const DELAY_MAX: f64 = 36_500.0;

/// A field that is wrong, and why.
pub(super) type ActFlaw = (&'static str, String);

/// Something that is going to happen between two factions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActSpec {
    /// What.
    pub kind: ActKind,
    /// In how many days of game time, counted from the world's beginning. It happens with the first daily tick from then
    /// on. 0 to 36,500.
    #[schemars(range(min = 0.0, max = 36_500.0))]
    pub in_days: f64,
    /// The faction that does it.
    pub by: String,
    /// The faction that it is done to, or with.
    pub with: String,
    /// The kind of the treaty, for `treaty_signed` and `treaty_broken`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub treaty: Option<TreatyKind>,
    /// Game time from which the treaty holds, for `treaty_signed`; without it, from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins: Option<GameInstant>,
    /// Game time at which the treaty ends, for `treaty_signed` and `alliance_formed`; it or `days`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<GameInstant>,
    /// Days that the treaty holds, for `treaty_signed` and `alliance_formed`; it or `ends`. 1 to 36,500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 36_500))]
    pub days: Option<u32>,
    /// How strong it is: above 0 to 1 for `trade`, -1 to 1 for `incident`, where below 0 is hostile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1.0, max = 1.0))]
    pub strength: Option<f64>,
    /// The incident's own id: one that is known does not happen again. For `incident`; 1 to 64 printable characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub id: Option<String>,
    /// Why, in words: 1 to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub reason: Option<String>,
}

/// Something that happens between two factions now: the payload of the commands of diplomacy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActFields {
    /// The faction that does it.
    pub by: String,
    /// The faction that it is done to, or with.
    pub with: String,
    /// The kind of the treaty, where one is signed or broken.
    #[serde(default)]
    pub treaty: Option<TreatyKind>,
    /// Game time from which the treaty holds; without it, from now.
    #[serde(default)]
    pub begins: Option<GameInstant>,
    /// Game time at which the treaty ends; it or `days`.
    #[serde(default)]
    pub ends: Option<GameInstant>,
    /// Days that the treaty holds; it or `ends`. 1 to 36,500.
    #[serde(default)]
    #[schemars(range(min = 1, max = 36_500))]
    pub days: Option<u32>,
    /// How strong it is: above 0 to 1 for a trade, -1 to 1 for an incident.
    #[serde(default)]
    #[schemars(range(min = -1.0, max = 1.0))]
    pub strength: Option<f64>,
    /// The incident's own id: one that is known does not happen again.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64))]
    pub id: Option<String>,
    /// Why, in words.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    pub reason: Option<String>,
}

impl ActFields {
    /// What happens now.
    pub fn of_kind(self, kind: ActKind) -> ActSpec {
        let Self { by, with, treaty, begins, ends, days, strength, id, reason } = self;
        ActSpec { kind, in_days: 0.0, by, with, treaty, begins, ends, days, strength, id, reason }
    }
}

/// The fields that a kind takes beside who, with whom and why; and those of them that it needs.
fn takes(kind: ActKind) -> (&'static [&'static str], &'static [&'static str]) {
    match kind {
        ActKind::WarDeclared | ActKind::Betrayal => (&[], &[]),
        ActKind::AllianceFormed => (&["ends", "days"], &[]),
        ActKind::TreatySigned => (&["treaty", "begins", "ends", "days"], &["treaty"]),
        ActKind::TreatyBroken => (&["treaty"], &["treaty"]),
        ActKind::Trade => (&["strength"], &["strength"]),
        ActKind::Incident => (&["strength", "id"], &["strength", "id"]),
    }
}

impl ActSpec {
    /// What is wrong with it, but for the names of factions.
    pub(crate) fn flaws(&self) -> Vec<(&'static str, String)> {
        let mut flaws = Vec::new();
        self.check_fields(&mut flaws);
        if self.by == self.with {
            flaws.push(("with", format!("`{}` stands on both sides: name two factions", self.with)));
        }
        if !(0.0..=DELAY_MAX).contains(&self.in_days) {
            flaws.push(("inDays", format!("{} is outside 0 to {DELAY_MAX}", self.in_days)));
        }
        let strength = self.strength.unwrap_or(1.0);
        if !(-1.0..=1.0).contains(&strength) || (self.kind == ActKind::Trade && strength <= 0.0) {
            let low = if self.kind == ActKind::Trade { "above 0" } else { "-1" };
            flaws.push(("strength", format!("{strength} is outside {low} to 1")));
        }
        for (field, text, most) in [("id", &self.id, 64), ("reason", &self.reason, REASON_MAX)] {
            let Some(text) = text else { continue };
            if text.is_empty() || text.chars().count() > most || text.chars().any(is_control) {
                flaws.push((field, format!("it takes 1 to {most} printable characters")));
            }
        }
        span_flaws(self.begins, self.ends, self.days, &mut flaws);
        if self.kind == ActKind::TreatySigned && self.ends.is_none() && self.days.is_none() {
            flaws.push(("days", "a treaty has an end: give `days` or `ends`".to_owned()));
        }
        flaws
    }

    /// Every field that the kind needs is there, and none that it has no use for.
    fn check_fields(&self, flaws: &mut Vec<ActFlaw>) {
        let kind = self.kind.as_str();
        let (takes, needs) = takes(self.kind);
        let fields = [
            ("treaty", self.treaty.is_some()),
            ("begins", self.begins.is_some()),
            ("ends", self.ends.is_some()),
            ("days", self.days.is_some()),
            ("strength", self.strength.is_some()),
            ("id", self.id.is_some()),
        ];
        for (field, there) in fields {
            if there && !takes.contains(&field) {
                flaws.push((field, format!("`{kind}` has no use for it: leave it out")));
            } else if !there && needs.contains(&field) {
                flaws.push((field, format!("`{kind}` needs it")));
            }
        }
    }
}

/// What is wrong with the span of a treaty.
pub(super) fn span_flaws(
    begins: Option<GameInstant>,
    ends: Option<GameInstant>,
    days: Option<u32>,
    flaws: &mut Vec<ActFlaw>,
) {
    if let (Some(begins), Some(ends)) = (begins, ends)
        && ends <= begins
    {
        flaws.push(("ends", format!("the treaty would end at {ends}, and it only begins at {begins}")));
    }
    if ends.is_some() && days.is_some() {
        flaws.push(("days", "`ends` says when it ends already: leave one of them out".to_owned()));
    }
    if days.is_some_and(|days| !(1..=TREATY_DAYS_MAX).contains(&days)) {
        flaws.push(("days", format!("{} is outside 1 to {TREATY_DAYS_MAX}", days.unwrap_or_default())));
    }
}
