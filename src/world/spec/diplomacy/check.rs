//! What must hold between the parts of a diplomacy's description. All errors are reported at once.

use std::collections::{BTreeMap, BTreeSet};

use super::act::{DELAY_MAX, span_flaws};
use super::{DiplomacyRules, DiplomacySpec, FACTIONS_MAX, FactionSpec, POWER_MAX};
use crate::components::clock::{GameInstant, MICROS_PER_HOUR};
use crate::components::faction::RelationState;
use crate::world::spec::EconomySpec;
use crate::world::spec::findings::{Findings, Place};

/// Events of a file at most.
const EVENTS_MAX: usize = 1_000;
/// Lists of relations and treaties at most.
const LISTED_MAX: usize = 100_000;

/// Whether this can be a faction's id.
fn is_faction_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    !id.is_empty() && id.len() <= 64 && id.bytes().all(plain)
}

/// Checks the section, against the economy that its world has, and its first instant where that is known.
pub(in crate::world::spec) fn check(
    spec: &DiplomacySpec,
    economy: Option<&EconomySpec>,
    starts_at: Option<GameInstant>,
    findings: &mut Findings,
) {
    let root = Place::section("diplomacy");
    let factions = root.key("factions");
    let count = spec.factions.len();
    if count < 2 {
        findings.error(&factions, format!("there are {count}; it takes 2 to {FACTIONS_MAX}"));
    }
    let lists = [
        ("factions", count, FACTIONS_MAX),
        ("events", spec.events.len(), EVENTS_MAX),
        ("relations", spec.relations.len(), LISTED_MAX),
        ("treaties", spec.treaties.len(), LISTED_MAX),
    ];
    lists.iter().for_each(|(name, count, most)| findings.at_most(&root.key(name), *count, *most));
    // What other sections have too much of is no reason to be silent here.
    if lists.iter().any(|(_, count, most)| count > most) {
        return;
    }
    let mut known = BTreeSet::new();
    for (index, faction) in spec.factions.iter().enumerate() {
        let place = factions.at(index);
        if !is_faction_id(&faction.id) {
            findings.error(&place.key("id"), "an id has 1 to 64 of small letters, digits, `_` and `-`");
        }
        if !known.insert(faction.id.as_str()) {
            findings.error(&place.key("id"), format!("another faction is called `{}`", faction.id));
        }
        check_faction(faction, economy, &place, findings);
    }
    check_relations(spec, &known, &root, findings);
    check_treaties(spec, &known, starts_at, &root, findings);
    check_events(spec, &known, starts_at, &root, findings);
    check_rules(&spec.rules, economy, &root.key("rules"), findings);
}

fn check_faction(faction: &FactionSpec, economy: Option<&EconomySpec>, place: &Place, findings: &mut Findings) {
    if !faction.name.is_empty() {
        findings.name(&place.key("name"), &faction.name);
    }
    let powers = place.key("powers");
    let given = &faction.powers;
    findings.between(&powers.key("military"), given.military, 0.0, POWER_MAX);
    for (name, value, most) in [
        ("economy", given.economy, POWER_MAX),
        ("territory", given.territory, POWER_MAX),
        ("technology", given.technology, POWER_MAX),
        ("morale", given.morale, 1.0),
    ] {
        if let Some(value) = value {
            findings.between(&powers.key(name), value, 0.0, most);
        }
    }
    let (goals, temperament) = (&faction.goals, &faction.temperament);
    for (part, name, value) in [
        ("goals", "expansion", goals.expansion),
        ("goals", "commerce", goals.commerce),
        ("goals", "security", goals.security),
        ("temperament", "aggression", temperament.aggression),
        ("temperament", "loyalty", temperament.loyalty),
        ("temperament", "forgiveness", temperament.forgiveness),
    ] {
        findings.between(&place.key(part).key(name), value, 0.0, 1.0);
    }
    let lives = place.key("livesFrom");
    for (name, share) in &faction.lives_from {
        check_commodity(name, economy, &lives.key(name), findings);
        findings.between(&lives.key(name), *share, 0.0, 1.0);
    }
    let sum: f64 = faction.lives_from.values().sum();
    if sum > 1.0 + 1e-9 {
        findings.error(&lives, format!("the shares add up to {sum:.4}: more than 1"));
    }
}

fn check_commodity(name: &str, economy: Option<&EconomySpec>, place: &Place, findings: &mut Findings) {
    let Some(economy) = economy else {
        return findings.warn(place, "the world has no economy: it has no meaning");
    };
    let known = economy.commodities.iter().map(|commodity| commodity.name.as_str());
    if !known.clone().any(|known| known == name) {
        findings.unknown(place, "commodity", name, known);
    }
}

/// Two names of factions that are there and are not the same.
fn check_pair(
    (one, other): (&str, &str),
    (here, there): (&Place, &Place),
    known: &BTreeSet<&str>,
    findings: &mut Findings,
) -> bool {
    let mut sound = true;
    for (name, place) in [(one, here), (other, there)] {
        if !known.contains(name) {
            findings.unknown(place, "faction", name, known.iter().copied());
            sound = false;
        }
    }
    if one == other {
        findings.error(there, format!("`{one}` stands on both sides: name two factions"));
        sound = false;
    }
    sound
}

fn ordered([one, other]: [&String; 2]) -> (&str, &str) {
    if one <= other { (one, other) } else { (other, one) }
}

fn check_relations(spec: &DiplomacySpec, known: &BTreeSet<&str>, root: &Place, findings: &mut Findings) {
    let mut seen = BTreeMap::new();
    for (index, relation) in spec.relations.iter().enumerate() {
        let place = root.key("relations").at(index);
        let between = place.key("between");
        let [one, other] = &relation.between;
        if check_pair((one, other), (&between.at(0), &between.at(1)), known, findings)
            && let Some(first) = seen.insert(ordered([one, other]), index)
        {
            findings.error(&between, format!("relations[{first}] is of the same two factions"));
        }
        findings.between(&place.key("love"), relation.love, -1.0, 1.0);
        findings.between(&place.key("trust"), relation.trust, -1.0, 1.0);
    }
}

fn check_treaties(
    spec: &DiplomacySpec,
    known: &BTreeSet<&str>,
    starts_at: Option<GameInstant>,
    root: &Place,
    findings: &mut Findings,
) {
    let mut seen = BTreeMap::new();
    let at_war = spec.relations.iter().enumerate().filter(|(_, of)| of.state == Some(RelationState::War));
    let at_war: BTreeMap<_, usize> = at_war.map(|(index, of)| (ordered(of.between.each_ref()), index)).collect();
    let most = usize::try_from(spec.rules.keeping.treaties).unwrap_or(usize::MAX);
    findings.at_most(&root.key("treaties"), spec.treaties.len(), most);
    for (index, treaty) in spec.treaties.iter().enumerate() {
        let place = root.key("treaties").at(index);
        let between = place.key("between");
        let [one, other] = &treaty.between;
        if check_pair((one, other), (&between.at(0), &between.at(1)), known, findings)
            && let Some(first) = seen.insert((ordered([one, other]), treaty.kind), index)
        {
            findings.error(&between, format!("treaties[{first}] is of the same kind between the same two factions"));
        }
        let mut flaws = Vec::new();
        span_flaws(treaty.begins, treaty.ends, treaty.days, &mut flaws);
        if treaty.ends.is_none() && treaty.days.is_none() {
            flaws.push(("days", "a treaty has an end: give `days` or `ends`".to_owned()));
        }
        // What begins even later than it ends is told already.
        let is_told = treaty.begins.zip(treaty.ends).is_some_and(|(begins, ends)| ends <= begins);
        if let Some((ends, start)) = treaty.ends.zip(starts_at).filter(|(ends, start)| ends <= start && !is_told) {
            flaws.push(("ends", format!("the treaty would end at {ends}, and the world only begins at {start}")));
        }
        if let Some(war) = at_war.get(&ordered([one, other])) {
            let message = format!("relations[{war}] has them at war: a war ends every treaty between two");
            flaws.push(("between", message));
        }
        flaws.into_iter().for_each(|(field, message)| findings.error(&place.key(field), message));
    }
}

fn check_events(
    spec: &DiplomacySpec,
    known: &BTreeSet<&str>,
    starts_at: Option<GameInstant>,
    root: &Place,
    findings: &mut Findings,
) {
    let mut ids = BTreeMap::new();
    for (index, act) in spec.events.iter().enumerate() {
        let place = root.key("events").at(index);
        for (name, field) in [(&act.by, "by"), (&act.with, "with")] {
            if !known.contains(name.as_str()) {
                findings.unknown(&place.key(field), "faction", name, known.iter().copied());
            }
        }
        act.flaws().into_iter().for_each(|(field, message)| findings.error(&place.key(field), message));
        let signed = starts_at.and_then(|start| start.checked_add_micros(micros_of_days(act.in_days)));
        if let Some((ends, signed)) = act.ends.zip(signed).filter(|(ends, signed)| ends <= signed) {
            let message = format!("the treaty would end at {ends}, and it is only signed at {signed}");
            findings.error(&place.key("ends"), message);
        }
        if let Some(id) = &act.id
            && let Some(first) = ids.insert(id.as_str(), index)
        {
            findings.error(&place.key("id"), format!("events[{first}] is the incident `{id}` already"));
        }
    }
}

/// A delay in microseconds, in whole hours as it is kept; what is refused as a delay is none.
#[expect(clippy::cast_possible_truncation, reason = "delays are checked to be few days")]
fn micros_of_days(days: f64) -> i64 {
    let days = if (0.0..=DELAY_MAX).contains(&days) { days } else { 0.0 };
    (days * 24.0).round() as i64 * MICROS_PER_HOUR
}

fn check_rules(rules: &DiplomacyRules, economy: Option<&EconomySpec>, place: &Place, findings: &mut Findings) {
    rules.power_weights.check(&place.key("powerWeights"), findings);
    rules.score.check(&place.key("score"), findings);
    rules.treaties.check(&place.key("treaties"), findings);
    rules.states.check(&place.key("states"), findings);
    rules.drift.check(&place.key("drift"), findings);
    rules.conflict.check(&place.key("conflict"), findings);
    rules.dealings.check(&place.key("dealings"), findings);
    rules.economy.check(&place.key("economy"), findings);
    rules.keeping.check(&place.key("keeping"), findings);
    let (effects, of) = (place.key("effects"), &rules.effects);
    for (name, effect) in [
        ("warDeclared", of.war_declared),
        ("warEnded", of.war_ended),
        ("allianceFormed", of.alliance_formed),
        ("betrayal", of.betrayal),
        ("treatySigned", of.treaty_signed),
        ("treatyBroken", of.treaty_broken),
        ("trade", of.trade),
        ("incident", of.incident),
    ] {
        effect.check(&effects.key(name), findings);
    }
    let weights = &rules.power_weights;
    let sum = weights.military + weights.economy + weights.territory + weights.technology + weights.morale;
    if (sum - 1.0).abs() > 1e-6 {
        findings.error(&place.key("powerWeights"), format!("the weights add up to {sum:.4}, not to 1"));
    }
    let states = &rules.states;
    let rising = [
        ("warLeave", states.war_enter, states.war_leave, "warEnter"),
        ("coldWarEnter", states.war_leave, states.cold_war_enter, "warLeave"),
        ("coldWarLeave", states.cold_war_enter, states.cold_war_leave, "coldWarEnter"),
        ("allianceLeave", states.cold_war_leave, states.alliance_leave, "coldWarLeave"),
        ("allianceEnter", states.alliance_leave, states.alliance_enter, "allianceLeave"),
    ];
    for (name, low, high, before) in rising {
        // Also true for what is not a number: that is told already.
        if high <= low {
            let message = format!("{high} is not above `{before}`, {low}: states would flap");
            findings.error(&place.key("states").key(name), message);
        }
    }
    let narrow = [
        ("warLeave", states.war_leave - states.war_enter),
        ("coldWarLeave", states.cold_war_leave - states.cold_war_enter),
        ("allianceLeave", states.alliance_enter - states.alliance_leave),
    ];
    for (name, gap) in narrow {
        if gap > 0.0 && gap < 2.0 * rules.score.noise {
            let message =
                format!("{gap:.2} from where the state is entered: the day's mood alone leads there and back");
            findings.warn(&place.key("states").key(name), message);
        }
    }
    let weapons = place.key("economy").key("weapons");
    for (index, name) in rules.economy.weapons.iter().enumerate() {
        check_commodity(name, economy, &weapons.at(index), findings);
    }
}
