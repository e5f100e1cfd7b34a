//! How two factions can stand, what can happen between them, and on what they can agree.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How two factions stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names of the list say it all")]
pub enum RelationState {
    War,
    ColdWar,
    #[default]
    Peace,
    Alliance,
}

impl RelationState {
    /// All states, from the worst to the best.
    pub const ALL: [Self; 4] = [Self::War, Self::ColdWar, Self::Peace, Self::Alliance];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::War => "WAR",
            Self::ColdWar => "COLD_WAR",
            Self::Peace => "PEACE",
            Self::Alliance => "ALLIANCE",
        }
    }

    /// Its number, from 0 for war to 3 for an alliance: also its place in [`ALL`](Self::ALL).
    pub fn number(self) -> u8 {
        match self {
            Self::War => 0,
            Self::ColdWar => 1,
            Self::Peace => 2,
            Self::Alliance => 3,
        }
    }

    /// The state of a number; peace for a number that is none's.
    pub fn of_number(number: u8) -> Self {
        match number {
            0 => Self::War,
            1 => Self::ColdWar,
            3 => Self::Alliance,
            _ => Self::Peace,
        }
    }
}

/// What can happen between two factions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActKind {
    /// One declares war on the other: all treaties between them end.
    WarDeclared,
    /// Both form an alliance.
    AllianceFormed,
    /// One betrays the other: all treaties between them end.
    Betrayal,
    /// Both sign a treaty.
    TreatySigned,
    /// One breaks a treaty.
    TreatyBroken,
    /// Both make a trade.
    Trade,
    /// One does something to the other, good or bad.
    Incident,
}

impl ActKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::WarDeclared,
        Self::AllianceFormed,
        Self::Betrayal,
        Self::TreatySigned,
        Self::TreatyBroken,
        Self::Trade,
        Self::Incident,
    ];

    /// Its name in files and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WarDeclared => "war_declared",
            Self::AllianceFormed => "alliance_formed",
            Self::Betrayal => "betrayal",
            Self::TreatySigned => "treaty_signed",
            Self::TreatyBroken => "treaty_broken",
            Self::Trade => "trade",
            Self::Incident => "incident",
        }
    }
}

/// What a treaty is about. A pair has at most one of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TreatyKind {
    /// They stand together.
    Alliance,
    /// They trade.
    Trade,
    /// They leave each other alone.
    NonAggression,
    /// After a war: while it holds, no war begins.
    Truce,
}

impl TreatyKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Alliance, Self::Trade, Self::NonAggression, Self::Truce];

    /// Its name in files and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alliance => "alliance",
            Self::Trade => "trade",
            Self::NonAggression => "non_aggression",
            Self::Truce => "truce",
        }
    }
}
