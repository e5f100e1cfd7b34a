//! What must hold for interactions and chains, as far as it can be seen without the behaviour of the world.

use std::collections::BTreeSet;

use super::paths::{Leads, Paths};
use super::{
    CHAIN_STEPS_MAX, ChainSpec, ChainStepSpec, CooldownsSpec, DONE, EXPIRED, InteractionKindSpec,
    InteractionLimitsSpec, InteractionsSpec, REFUSED, SKIPPED, TO_COMPLETED, TO_FAILED, WAIT_MAX_SECONDS,
};
use crate::components::clock::GameInstant;
use crate::world::spec::findings::{Findings, Place};

/// Kinds of interaction, and chains: their numbers have 16 bits, of which half is for chains that come later.
const ENTRIES_MAX: usize = 4_096;
/// Entries of a list within a step.
const LIST_MAX: usize = 64;
/// Bytes of the data of a kind, as JSON.
const DATA_MAX: usize = 4_096;
/// The longest that an intent is worth anything: a year.
const INTENT_MAX_SECONDS: i64 = 31_536_000;
/// Characters of an outcome.
const OUTCOME_MAX: usize = 64;

/// Checks the section. `starts_at` is the first instant of the world.
pub(in crate::world::spec) fn check(spec: &InteractionsSpec, starts_at: GameInstant, found: &mut Findings) {
    let root = Place::section("interactions");
    found.at_most(&root.key("kinds"), spec.kinds.len(), ENTRIES_MAX);
    found.at_most(&root.key("chains"), spec.chains.len(), ENTRIES_MAX);
    if found.is_flooded() {
        return;
    }
    for (id, kind) in &spec.kinds {
        let place = root.key("kinds").key(id);
        found.name(&place, id);
        check_kind(kind, &place, found);
    }
    for (id, chain) in &spec.chains {
        let place = root.key("chains").key(id);
        found.name(&place, id);
        check_chain_at(chain, &place, spec, found);
        check_calendar(chain, &place, starts_at, found);
    }
    check_limits(&spec.limits, &root.key("limits"), found);
}

/// Everything that is wrong with one chain, as places in it and words.
pub(crate) fn check_chain(chain: &ChainSpec, among: &InteractionsSpec) -> Vec<(String, String)> {
    let mut found = Findings::default();
    check_chain_at(chain, &Place::section("definition"), among, &mut found);
    found.into_faults().into_iter().map(|fault| (fault.pointer, fault.message)).collect()
}

/// Whether a text can be an outcome.
pub(crate) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= OUTCOME_MAX && !text.chars().any(char::is_control)
}

fn whole(found: &mut Findings, place: &Place, value: i64, least: i64, most: i64) {
    if value < 0 && least >= 0 {
        found.error(place, format!("{value} is negative: game time does not run backwards"));
    } else if !(least..=most).contains(&value) {
        found.error(place, format!("{value} is outside {least} to {most}"));
    }
}

fn check_kind(kind: &InteractionKindSpec, place: &Place, found: &mut Findings) {
    whole(found, &place.key("priority"), kind.priority.into(), -1_000, 1_000);
    if let Some(seconds) = kind.expires_after_seconds {
        whole(found, &place.key("expiresAfterSeconds"), seconds, 1, INTENT_MAX_SECONDS);
    }
    let CooldownsSpec { npc_and_session, npc, session, global } = kind.cooldown_seconds;
    for (name, seconds) in [("npcAndSession", npc_and_session), ("npc", npc), ("session", session), ("global", global)]
    {
        whole(found, &place.key("cooldownSeconds").key(name), seconds, 0, WAIT_MAX_SECONDS);
    }
    found.at_most(&place.key("requirements"), kind.requirements.len(), LIST_MAX);
    if kind.data.to_string().len() > DATA_MAX {
        found.error(&place.key("data"), format!("it is longer than {DATA_MAX} bytes"));
    }
}

fn check_chain_at(chain: &ChainSpec, place: &Place, among: &InteractionsSpec, found: &mut Findings) {
    let steps = place.key("steps");
    if chain.steps.is_empty() || chain.steps.len() > CHAIN_STEPS_MAX {
        found.error(&steps, format!("there are {}; a chain has 1 to {CHAIN_STEPS_MAX}", chain.steps.len()));
        return;
    }
    whole(found, &place.key("repeatCooldownSeconds"), chain.repeat_cooldown_seconds, 0, WAIT_MAX_SECONDS);
    if !chain.repeatable && chain.repeat_cooldown_seconds > 0 {
        found.warn(&place.key("repeatCooldownSeconds"), "it is not repeatable: nothing waits for this");
    }
    if let Some(seconds) = chain.expires_after_seconds {
        whole(found, &place.key("expiresAfterSeconds"), seconds, 1, WAIT_MAX_SECONDS);
    }
    let paths = Paths::of(chain);
    let mut seen = BTreeSet::new();
    for (index, step) in chain.steps.iter().enumerate() {
        let place = steps.at(index);
        let id = place.key("stepId");
        found.name(&id, &step.step_id);
        if !seen.insert(step.step_id.as_str()) {
            found.error(&id, format!("`{}` is there twice", step.step_id));
        }
        if [TO_COMPLETED, TO_FAILED].contains(&step.step_id.as_str()) {
            found.error(&id, format!("`{}` is the name of an end", step.step_id));
        }
        check_step(step, &place, &paths, among, found);
        if let (Some(wait), Some(whole)) = (step.wait(), chain.expires_after_seconds)
            && wait >= whole
        {
            found.warn(&place, format!("it waits {wait} seconds, but the chain expires after {whole}"));
        }
    }
    for (index, _) in paths.reached().iter().enumerate().filter(|(_, reached)| !**reached) {
        found.error(&steps.at(index), "no way leads to it from the first step");
    }
    if let Some(cycle) = paths.cycle() {
        let ways = cycle.join("` → `");
        found.error(
            &steps,
            format!("a cycle without a wait: `{ways}` would go round for ever in one instant; let one of them wait"),
        );
    }
}

fn check_step(step: &ChainStepSpec, place: &Place, paths: &Paths<'_>, among: &InteractionsSpec, found: &mut Findings) {
    check_wait(step, place, found);
    if let Some(kind) = &step.interaction
        && !among.kinds.contains_key(kind)
    {
        found.unknown(&place.key("interaction"), "kind of interaction", kind, among.kinds.keys().map(String::as_str));
    }
    if let Some(asks) = &step.generation {
        let place = place.key("generation");
        super::super::generation::check_step(asks, &place, found);
        if step.auto_advance {
            found.error(&place, "a step that asks for a generation waits for it: it cannot be autoAdvance");
        }
        if step.interaction.is_some() {
            found.error(&place, "a step proposes an interaction or asks for a generation, not both");
        }
    }
    found.at_most(&place.key("requiredFlags"), step.required_flags.len(), LIST_MAX);
    found.at_most(&place.key("conditions"), step.conditions.len(), LIST_MAX);
    found.at_most(&place.key("branches"), step.branches.len(), LIST_MAX);
    let branches = step.branches.iter().map(|(outcome, to)| (place.key("branches").key(outcome), to));
    for (place, to) in branches.chain(step.next.iter().map(|to| (place.key("next"), to))) {
        if paths.to(to) == Leads::Nowhere {
            found.unknown(&place, "step", to, paths.names());
        }
    }
    for outcome in step.branches.keys() {
        let place = place.key("branches").key(outcome);
        if !is_word(outcome) {
            found.error(&place, format!("an outcome has 1 to {OUTCOME_MAX} printable characters"));
        } else if step.auto_advance && ![DONE, SKIPPED, EXPIRED, REFUSED].contains(&outcome.as_str()) {
            found.warn(&place, "the step passes by itself: nobody can give this outcome");
        } else if outcome == EXPIRED && step.max_wait_seconds.is_none() && !step.waits_for_others() {
            found.warn(&place, "it never expires: it has no maxWaitSeconds");
        } else if outcome == SKIPPED && !step.optional {
            found.warn(&place, "it is never skipped: it is not optional");
        }
    }
}

fn check_wait(step: &ChainStepSpec, place: &Place, found: &mut Findings) {
    let parts = [
        ("waitSeconds", step.wait_seconds),
        ("waitMinutes", step.wait_minutes),
        ("waitHours", step.wait_hours),
        ("waitDays", step.wait_days),
        ("minWaitSeconds", step.min_wait_seconds.unwrap_or(0)),
    ];
    let before = found.errors().count();
    for (name, value) in parts {
        whole(found, &place.key(name), value, 0, WAIT_MAX_SECONDS);
    }
    if step.min_wait_seconds.is_some() && step.says_wait() {
        found.error(&place.key("minWaitSeconds"), "the wait is said twice: keep this or waitSeconds and its like");
    }
    let wait = step.wait().filter(|wait| *wait <= WAIT_MAX_SECONDS);
    if wait.is_none() && found.errors().count() == before {
        found.error(place, format!("its waits come to more than {WAIT_MAX_SECONDS} seconds"));
    }
    if let Some(most) = step.max_wait_seconds {
        let place = place.key("maxWaitSeconds");
        whole(found, &place, most, 1, WAIT_MAX_SECONDS);
        if wait.is_some_and(|wait| wait >= most && most > 0) {
            found.error(&place, "it has expired before its wait is over");
        }
    }
}

/// A wait that ends beyond the calendar, even if the chain were started with the world.
fn check_calendar(chain: &ChainSpec, place: &Place, starts_at: GameInstant, found: &mut Findings) {
    for (index, step) in chain.steps.iter().enumerate() {
        // What is too long for any chain has been told.
        let wait = step.wait().filter(|seconds| (0..=WAIT_MAX_SECONDS).contains(seconds));
        if wait
            .and_then(|seconds| seconds.checked_mul(1_000_000))
            .is_some_and(|micros| starts_at.checked_add_micros(micros).is_none())
        {
            found
                .error(&place.key("steps").at(index), "its wait ends beyond the calendar, which ends in the year 9999");
        }
    }
}

fn check_limits(limits: &InteractionLimitsSpec, place: &Place, found: &mut Findings) {
    let bounds = [
        ("maxChains", limits.max_chains, 0, 10_000_000),
        ("maxChainsPerSession", limits.max_chains_per_session, 0, 1_000_000),
        ("maxIntents", limits.max_intents, 0, 1_000_000),
        ("maxIntentsPerStep", limits.max_intents_per_step, 0, 10_000),
        ("maxOpenPerNpc", limits.max_open_per_npc, 1, 1_000),
        ("maxOpenPerSession", limits.max_open_per_session, 1, 100_000),
        ("recheckSeconds", limits.recheck_seconds, 1, 86_400),
        ("priorityAgeSeconds", limits.priority_age_seconds, 0, 86_400),
    ];
    for (name, value, least, most) in bounds {
        whole(found, &place.key(name), value.into(), least, most);
    }
}
