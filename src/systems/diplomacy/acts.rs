//! What happens between two factions, and what it does: by command, from the world file, or of their own accord.

use super::books::{Books, instant};
use super::change::told;
use crate::components::clock::MICROS_PER_DAY;
use crate::components::faction::{ActKind, PairId, RelationState, Treaty, TreatyKind, What};
use crate::world::spec::{ActSpec, EffectRules};

/// Days for which an alliance is formed where nobody says for how long.
const ALLIANCE_DAYS: u32 = 365;

/// What an act came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Done {
    pub(super) pair: PairId,
    pub(super) love: f32,
    pub(super) trust: f32,
}

impl Books<'_> {
    /// Lets something happen. Nothing has changed where it is refused.
    pub(super) fn act(&mut self, act: &ActSpec) -> Result<Done, String> {
        let flaws: Vec<String> =
            act.flaws().into_iter().map(|(field, message)| format!("/{field}: {message}")).collect();
        let mut flaws = flaws;
        for (field, name) in [("by", &act.by), ("with", &act.with)] {
            if self.model.number(name).is_none() {
                flaws.push(format!("/{field}: {}", self.unknown(name)));
            }
        }
        if !flaws.is_empty() {
            return Err(flaws.join("; "));
        }
        let (Some(by), Some(with)) = (self.model.number(&act.by), self.model.number(&act.with)) else {
            return Err("there is no such faction".to_owned());
        };
        let pair = self.relations.pairs().of(by, with).ok_or("there is no such pair")?;
        self.admit(act, pair)?;
        Ok(self.carry_out(act, pair, by))
    }

    fn unknown(&self, name: &str) -> String {
        let name: String = name.chars().take(64).collect();
        let known = self.model.factions.iter().map(|faction| faction.id.as_str());
        match crate::world::spec::nearest(&name, known) {
            Some(meant) => format!("there is no faction `{name}`: did you mean `{meant}`?"),
            None => format!("there is no faction `{name}`: the query `diplomacy.factions` lists them"),
        }
    }

    /// Whether it can happen as they stand.
    fn admit(&self, act: &ActSpec, pair: PairId) -> Result<(), String> {
        let state = self.relations.state_of(pair);
        let at_war = state == RelationState::War;
        let treaty = |kind: TreatyKind| self.treaty(pair, kind);
        let now = self.now.as_micros();
        match act.kind {
            ActKind::WarDeclared if at_war => Err("they are at war already".to_owned()),
            ActKind::WarDeclared => match self.truce(pair) {
                Some(until) => Err(format!("a truce holds between them until {until}: it must be broken first")),
                None => Ok(()),
            },
            ActKind::Betrayal | ActKind::AllianceFormed | ActKind::Trade if at_war => {
                Err("they are at war: a truce must be signed first".to_owned())
            }
            ActKind::AllianceFormed
                if state == RelationState::Alliance
                    && treaty(TreatyKind::Alliance).is_some_and(|treaty| treaty.holds(now)) =>
            {
                Err("they are allied already, by treaty".to_owned())
            }
            ActKind::AllianceFormed => self.admit_treaty(act, TreatyKind::Alliance, pair),
            ActKind::TreatySigned => {
                let kind = act.treaty.ok_or("/treaty: it is needed")?;
                if at_war && kind != TreatyKind::Truce {
                    return Err("they are at war: only a truce can be signed".to_owned());
                }
                if at_war && self.hours_held(pair) > 0 {
                    return Err(format!("the war lasts for at least {} hours more", self.hours_held(pair)));
                }
                if at_war && self.span(act).begins > now {
                    return Err("/begins: a truce that ends a war holds from now on: leave it out".to_owned());
                }
                self.admit_treaty(act, kind, pair)
            }
            ActKind::TreatyBroken => {
                let kind = act.treaty.ok_or("/treaty: it is needed")?;
                match treaty(kind) {
                    Some(treaty) if treaty.holds(now) => Ok(()),
                    Some(treaty) => Err(format!(
                        "/treaty: the treaty of `{}` begins only at {}: there is none to break yet",
                        kind.as_str(),
                        instant(treaty.begins)
                    )),
                    None => Err(format!("/treaty: there is no treaty of `{}` between them", kind.as_str())),
                }
            }
            ActKind::Incident => {
                let known = act.id.as_ref().filter(|id| self.affairs.incidents.contains(id));
                known.map_or(Ok(()), |id| Err(format!("/id: the incident `{id}` has happened already")))
            }
            ActKind::Betrayal | ActKind::Trade => Ok(()),
        }
    }

    fn admit_treaty(&self, act: &ActSpec, kind: TreatyKind, pair: PairId) -> Result<(), String> {
        let treaty = self.span(act);
        if treaty.ends <= self.now.as_micros() || treaty.ends <= treaty.begins {
            return Err(format!(
                "/ends: the treaty would end at {}, and it only begins at {}",
                instant(treaty.ends),
                instant(treaty.begins)
            ));
        }
        self.admit_renewal(act, &treaty, kind, pair)?;
        let most = usize::try_from(self.model.rules.keeping.treaties).unwrap_or(usize::MAX);
        if self.affairs.treaties.get(pair, kind).is_none() && self.affairs.treaties.len() >= most {
            return Err(format!("{most} treaties hold, and there can be no more: `rules.keeping.treaties`"));
        }
        Ok(())
    }

    /// Between two there is one treaty of a kind: what is signed makes it longer. Nobody gets out of one by signing another.
    fn admit_renewal(&self, act: &ActSpec, treaty: &Treaty, kind: TreatyKind, pair: PairId) -> Result<(), String> {
        let Some(there) = self.treaty(pair, kind) else { return Ok(()) };
        let signed = || {
            let (begins, ends) = (instant(there.begins), instant(there.ends));
            format!("a treaty of `{}` is signed between them from {begins} to {ends}", kind.as_str())
        };
        if !there.meets(treaty) {
            return Err(format!("/begins: {}: another has to follow on it", signed()));
        }
        let adds_nothing = treaty.begins.max(self.now.as_micros()) >= there.begins && treaty.ends < there.ends;
        if act.kind == ActKind::TreatySigned && adds_nothing {
            return Err(format!("/ends: {}: it can be made longer, or broken", signed()));
        }
        Ok(())
    }

    /// The treaty of a kind between them, in force or to come. One whose time is over is none, even before the daily tick
    /// that takes it out.
    fn treaty(&self, pair: PairId, kind: TreatyKind) -> Option<Treaty> {
        self.affairs.treaties.get(pair, kind).filter(|treaty| treaty.ends > self.now.as_micros())
    }

    /// From when to when its treaty holds.
    fn span(&self, act: &ActSpec) -> Treaty {
        let begins = act.begins.unwrap_or(self.now).as_micros();
        let days = i64::from(act.days.unwrap_or(ALLIANCE_DAYS)).saturating_mul(MICROS_PER_DAY);
        let ends = act.ends.map_or(begins.saturating_add(days), crate::components::clock::GameInstant::as_micros);
        Treaty { begins, ends }
    }

    pub(super) fn carry_out(&mut self, act: &ActSpec, pair: PairId, by: u16) -> Done {
        self.end_overdue(pair);
        let of = self.effect_of(act.kind);
        let strength = act.strength.unwrap_or(1.0);
        let (love, trust) = self.feel(pair, of.love * strength, of.trust * strength);
        let words = self.words(act);
        let from = self.relations.state_of(pair);
        self.note(pair, What::Act(act.kind, by), (love, trust, 0.0), words);
        let to = match act.kind {
            ActKind::WarDeclared => Some(RelationState::War),
            ActKind::AllianceFormed => {
                self.affairs.treaties.sign(pair, TreatyKind::Alliance, self.span(act));
                Some(RelationState::Alliance)
            }
            ActKind::Betrayal => {
                // A truce outlasts it, and so does weariness: who wants a war has to declare it.
                self.end_treaties(pair, |kind| kind != TreatyKind::Truce);
                self.rescore(pair);
                let score = self.terms(pair).score;
                let next = self.model.score.next_state(from, score).min(from).min(RelationState::Peace);
                let too_soon = next == RelationState::War && !self.may_go_to_war(pair, score);
                Some(if too_soon { RelationState::ColdWar } else { next })
            }
            ActKind::TreatySigned => {
                act.treaty.into_iter().for_each(|kind| self.affairs.treaties.sign(pair, kind, self.span(act)));
                (from == RelationState::War).then_some(RelationState::ColdWar)
            }
            ActKind::TreatyBroken => {
                act.treaty.into_iter().for_each(|kind| {
                    self.affairs.treaties.end(pair, kind);
                });
                None
            }
            ActKind::Trade => None,
            ActKind::Incident => {
                act.id.iter().for_each(|id| self.remember(id));
                None
            }
        };
        self.rescore(pair);
        if let Some(to) = to {
            let terms = self.terms(pair);
            self.change(pair, to, &terms);
        }
        Done { pair, love, trust }
    }

    /// Remembers the id of an incident; the oldest beyond what is kept is forgotten.
    fn remember(&mut self, id: &str) {
        let most = usize::try_from(self.model.rules.keeping.incident_ids).unwrap_or(usize::MAX);
        while self.affairs.incidents.len() >= most.max(1) {
            self.affairs.incidents.pop_front();
        }
        self.affairs.incidents.push_back(id.to_owned());
    }

    fn words(&self, act: &ActSpec) -> String {
        let [colon, reason] = act.reason.as_deref().map_or(["", ""], |reason| [": ", reason]);
        match act.treaty {
            Some(kind) => [told(act.kind), " (", kind.as_str(), ")", colon, reason].concat(),
            None => [told(act.kind), colon, reason].concat(),
        }
    }

    /// What something of a kind adds at full strength.
    pub(super) fn effect_of(&self, kind: ActKind) -> EffectRules {
        let effects = &self.model.rules.effects;
        match kind {
            ActKind::WarDeclared => effects.war_declared,
            ActKind::AllianceFormed => effects.alliance_formed,
            ActKind::Betrayal => effects.betrayal,
            ActKind::TreatySigned => effects.treaty_signed,
            ActKind::TreatyBroken => effects.treaty_broken,
            ActKind::Trade => effects.trade,
            ActKind::Incident => effects.incident,
        }
    }
}
