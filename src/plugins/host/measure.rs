//! What the engine measures.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::steps::{StepCause, cause, deferred};
use super::unit::{Commanded, Slot, Unit, Work};
use crate::components::market::ShockKind;
use crate::messages::diplomacy::{DiplomacySummary, DiplomacyUpdate};
use crate::messages::shock::MarketShock;
use crate::messages::tier::{LATENESS_BOUNDS, Lateness, StepReport};
use crate::messages::{EventRecord, SimulationEvent};
use crate::plugins::bridge::outbound::Published;
use crate::plugins::metrics::WorldSeries;
use crate::plugins::store::{CommandRow, Commit, MarketStateRow};
use crate::systems::economy::AddShock;
use crate::world::WorldCommand;

/// Whole numbers as metrics take them.
#[expect(clippy::cast_precision_loss, reason = "metrics are approximate beyond 2^53")]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "metrics are approximate beyond 2^53")]
pub(super) fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// A commit that has become durable, and how long that took; questions alone take none. Only worlds for which
/// `has_label` says so are told apart.
pub(super) fn commit(
    commit: &Commit,
    took: Option<Duration>,
    units: &[Unit],
    of_worlds: &WorldSeries,
    has_label: impl Fn(&str) -> bool,
) {
    if let Some(took) = took {
        metrics::histogram!("worldtick_commit_duration_seconds", "stage" => "database").record(took.as_secs_f64());
        metrics::histogram!("worldtick_commit_rows").record(float(rows(commit)));
    }
    // A gap has a row, too, and is counted where it is read.
    for row in commit.tick_history.iter().filter(|row| !row.tick_type.is_empty()) {
        let tick_type = row.tick_type.clone();
        metrics::counter!("worldtick_ticks_total", "type" => tick_type, "outcome" => row.outcome.clone()).increment(1);
        if row.outcome == "applied" {
            metrics::histogram!("worldtick_events_per_tick").record(float(row.events.max(0).unsigned_abs()));
            metrics::counter!("worldtick_markets_cleared_total").increment(row.markets_cleared.max(0).unsigned_abs());
        }
    }
    for row in &commit.commands {
        let (source, outcome) = (row.source.clone(), row.outcome.clone());
        if outcome == REFUSED {
            refused(&source, &row.command, shock_of(row, units));
        } else {
            metrics::counter!("worldtick_commands_total", "source" => source, "outcome" => outcome).increment(1);
        }
    }
    for row in &commit.dead_letters {
        let (topic, reason) = (row.topic.clone(), row.error_class.clone());
        metrics::counter!("worldtick_dead_letters_total", "topic" => topic, "reason" => reason).increment(1);
    }
    units.iter().for_each(unit);
    let applied = units.iter().flat_map(|unit| unit.slots.values()).filter_map(|slot| match slot {
        Slot::Applied { outcome, .. } => Some(&outcome.events),
        _ => None,
    });
    let days = applied.flatten().filter(|event| event.event_type == DiplomacySummary::EVENT_TYPE);
    days.filter(|event| has_label(event.world_id.as_str())).for_each(|day| relations(day, of_worlds));
    let mut latest: BTreeMap<(&str, &str), &MarketStateRow> = BTreeMap::new();
    for row in commit.market_states.iter().filter(|row| has_label(&row.world_id)) {
        latest.insert((&row.world_id, &row.market_id), row);
    }
    for row in latest.values() {
        market(row, of_worlds);
    }
}

const REFUSED: &str = "refused";

/// A command that was refused, and the kind of the shock that it asked for if that is one that there is.
pub(crate) fn refused(source: &str, command: &str, shock: Option<&'static str>) {
    metrics::counter!("worldtick_commands_total", "source" => source.to_owned(), "outcome" => REFUSED).increment(1);
    if command == AddShock::NAME {
        let kind = shock.unwrap_or("unknown");
        metrics::counter!("worldtick_economy_shocks_total", "kind" => kind, "phase" => REFUSED).increment(1);
    }
}

/// The kind of the shock that a command asks for; nothing for other commands and other words.
pub(super) fn shock_kind(command: &str, kind: Option<&Value>) -> Option<&'static str> {
    let kind = kind.and_then(Value::as_str).filter(|_| command == AddShock::NAME)?;
    ShockKind::ALL.iter().map(|known| known.as_str()).find(|known| *known == kind)
}

fn shock_of(row: &CommandRow, units: &[Unit]) -> Option<&'static str> {
    let mut commands = units.iter().filter_map(|unit| unit.command.as_ref());
    let of_row =
        |command: &&Commanded| command.head.command_id == row.command_id && command.world.as_str() == row.world_id;
    commands.find(of_row).and_then(|command| command.shock)
}

fn rows(commit: &Commit) -> u64 {
    let rows = commit.journal.len()
        + commit.ticks_seen.len()
        + commit.tick_history.len()
        + commit.market_states.len()
        + commit.dead_letters.len()
        + commit.commands.len()
        + commit.config_changes.len()
        + commit.outbox.len();
    rows as u64
}

fn unit(unit: &Unit) {
    let tick = match &unit.work {
        Work::Tick(tick) => Some(tick),
        Work::Order(order) => order.tick.as_ref(),
        _ => None,
    };
    for slot in unit.slots.values() {
        let Slot::Applied { outcome, cost_micros, .. } = slot else { continue };
        outcome.events.iter().filter(|event| event.event_type == MarketShock::EVENT_TYPE).for_each(shock);
        for update in outcome.events.iter().filter(|event| event.event_type == DiplomacyUpdate::EVENT_TYPE) {
            let state = update.payload.get("new_relation_state").and_then(|word| word.as_str()).unwrap_or("unknown");
            metrics::counter!("worldtick_diplomacy_changes_total", "state" => state.to_owned()).increment(1);
        }
        for (count, word) in [(outcome.signals.taken, "taken"), (outcome.signals.refused, "refused")] {
            if count > 0 {
                metrics::counter!("worldtick_economy_signals_total", "outcome" => word).increment(count.into());
            }
        }
        match (tick, &unit.work) {
            (Some(tick), _) => {
                let tick_type = tick.tick_type.as_str();
                metrics::histogram!("worldtick_tick_duration_seconds", "type" => tick_type)
                    .record(seconds(*cost_micros));
                let cleared = outcome.events.iter().filter(|event| event.payload.contains_key("market_id")).count();
                if cleared > 0 {
                    let each = seconds(*cost_micros) / float(cleared as u64);
                    metrics::histogram!("worldtick_market_clearing_seconds").record(each);
                }
            }
            // Of its own pace or by order: one input may be several steps.
            (None, work) if matches!(cause(work, outcome.game_micros), Some(StepCause::Pace | StepCause::Order)) => {
                metrics::histogram!("worldtick_step_duration_seconds").record(seconds(*cost_micros));
            }
            _ => {}
        }
    }
}

/// The budget of turns in a step, as configuration and API name it.
const NPC_TICKS: &str = "maxNpcTicksPerStep";

/// The budget of moves between tiers in a step, as the API names it.
const MOVES: &str = "movesPerStep";

/// What the scheduler of a world did in one input.
pub(super) fn scheduler(report: &StepReport, budget: u32) {
    for (tier, turns) in report.turns.iter() {
        let tier = tier.as_str();
        metrics::counter!("worldtick_npc_ticks_total", "tier" => tier).increment(u64::from(*turns));
    }
    for (tier, lateness) in report.lateness.iter() {
        let histogram = metrics::histogram!("worldtick_npc_lateness_seconds", "tier" => tier.as_str());
        for (value, count) in spread(lateness) {
            histogram.record_many(value, count);
        }
    }
    let allowed = u64::from(budget) * u64::from(report.steps);
    if allowed > 0 {
        metrics::histogram!("worldtick_budget_used_ratio", "budget" => NPC_TICKS)
            .record(f64::from(report.turns_in_all()) / float(allowed));
    }
    metrics::counter!("worldtick_budget_deferred_total", "budget" => NPC_TICKS).increment(deferred(report));
    metrics::counter!("worldtick_budget_deferred_total", "budget" => MOVES).increment(report.moves_cut.into());
    for ((from, to, reason), count) in &report.moves {
        let labels = [("from", from.as_str()), ("to", to.as_str()), ("reason", reason.as_str())];
        metrics::counter!("worldtick_npc_tier_moves_total", &labels).increment(u64::from(*count));
    }
}

/// Values that fall into the same buckets as often and have the same sum as what was counted, so that nobody has to keep
/// each. What is later than the last bound has what is left of the sum.
fn spread(lateness: &Lateness) -> Vec<(f64, usize)> {
    let total = float(lateness.sum_micros) / 1e6;
    let bounds: Vec<f64> = std::iter::once(0.0).chain(LATENESS_BOUNDS.map(f64::from)).collect();
    let within: Vec<(f64, f64, u32)> = bounds
        .windows(2)
        .zip(lateness.buckets)
        .filter_map(|(bounds, count)| Some((*bounds.first()?, *bounds.last()?, count)).filter(|_| count > 0))
        .collect();
    let beyond = lateness.buckets.last().copied().unwrap_or(0);
    let least: f64 = within.iter().map(|(low, _, count)| low * f64::from(*count)).sum();
    let width: f64 = within.iter().map(|(low, high, count)| (high - low) * f64::from(*count)).sum();
    // As far up in its bucket as makes the sum right; with something beyond all bounds, half.
    let share = if beyond > 0 || width <= 0.0 { 0.5 } else { ((total - least) / width).clamp(0.0, 1.0) };
    let inside = |low: f64, value: f64| if low > 0.0 { value.max(low + 1e-6) } else { value };
    let mut values: Vec<(f64, usize)> =
        within.iter().map(|(low, high, count)| (inside(*low, low + share * (high - low)), *count as usize)).collect();
    if beyond > 0 {
        let low = bounds.last().copied().unwrap_or(0.0);
        values.push((inside(low, (total - least - share * width) / f64::from(beyond)), beyond as usize));
    }
    values
}

fn shock(event: &EventRecord) {
    let word = |name: &str| event.payload.get(name).and_then(|word| word.as_str()).unwrap_or("unknown").to_owned();
    metrics::counter!("worldtick_economy_shocks_total", "kind" => word("kind"), "phase" => word("phase")).increment(1);
}

/// How the factions of a world stand after a day.
fn relations(day: &EventRecord, of_worlds: &WorldSeries) {
    let counts = day.payload.get("by_state").and_then(|counts| counts.as_object());
    for (state, count) in counts.into_iter().flatten() {
        let count = float(count.as_u64().unwrap_or(0));
        of_worlds.set("worldtick_diplomacy_relations", day.world_id.as_str(), Some(state), count);
    }
}

fn market(row: &MarketStateRow, of_worlds: &WorldSeries) {
    // The commodity, with several places each market's `<place>-<commodity>`.
    let commodity = row.market_id.strip_prefix("market-").or(Some(&row.commodity));
    let world = row.world_id.as_str();
    if let Some(price) = row.price {
        let price = crate::components::money::Money(price).to_major();
        of_worlds.set("worldtick_market_clearing_price", world, commodity, price);
    }
    of_worlds.set("worldtick_market_volume_units", world, commodity, units(row.volume));
    of_worlds.set("worldtick_market_bids_unfilled_units", world, commodity, units(row.bids_unfilled));
    of_worlds.set("worldtick_market_asks_unfilled_units", world, commodity, units(row.asks_unfilled));
    let measures: serde_json::Value = serde_json::from_str(&row.measures).unwrap_or_default();
    let number = |path: &str| measures.pointer(path).and_then(serde_json::Value::as_f64);
    for (path, name) in MARKET_MEASURES {
        // What was measured an hour ago is not shown as if it were now.
        of_worlds.set_or_unset(name, world, commodity, number(path));
    }
    let needs = number("/needs_due").filter(|due| *due > 0.0).zip(number("/needs_met"));
    let needs_met = needs.map(|(due, met)| met / due);
    of_worlds.set_or_unset("worldtick_market_needs_met_ratio", world, commodity, needs_met);
    of_worlds.set_or_unset("worldtick_economy_wealth_gini_ratio", world, None, number("/wealth/gini"));
}

/// Where a market's measures are found in its row, and the gauges that show them.
const MARKET_MEASURES: [(&str, &str); 6] = [
    ("/efficiency", "worldtick_market_efficiency_ratio"),
    ("/spread", "worldtick_market_spread"),
    ("/alpha", "worldtick_market_alpha_ratio"),
    ("/volatility", "worldtick_market_volatility_ratio"),
    ("/trend", "worldtick_market_trend_ratio"),
    ("/beliefs/median", "worldtick_market_belief_median"),
];

#[expect(clippy::cast_precision_loss, reason = "a representation for readers")]
fn units(amount: i64) -> f64 {
    amount as f64
}

/// What has been published.
pub(super) fn published(published: &Published) {
    metrics::histogram!("worldtick_commit_duration_seconds", "stage" => "kafka").record(published.took.as_secs_f64());
    for (event_type, count) in &published.counts {
        metrics::counter!("worldtick_events_published_total", "event_type" => event_type.clone()).increment(*count);
    }
    for (event_type, bytes) in &published.sizes {
        metrics::histogram!("worldtick_event_size_bytes", "event_type" => event_type.clone())
            .record(float(*bytes as u64));
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;
    use crate::plugins::store::{CommandRow, TickHistoryRow};

    #[test]
    fn lateness_keeps_its_buckets_and_its_sum() {
        let cases: [&[i64]; 4] = [&[0, 0, 1], &[0, 2, 9, 11, 59, 61, 86_400], &[5, 90_000, 200_000], &[10, 60, 300]];
        for seconds in cases {
            let mut counted = Lateness::default();
            seconds.iter().for_each(|seconds| counted.count(seconds * 1_000_000));
            let mut again = Lateness::default();
            let mut sum = 0.0;
            for (value, count) in spread(&counted) {
                sum += value * float(count as u64);
                #[expect(clippy::cast_possible_truncation, reason = "small")]
                (0..count).for_each(|_| again.count((value * 1e6).round() as i64));
            }
            assert_eq!(again.buckets, counted.buckets, "{seconds:?}");
            let expected = float(counted.sum_micros) / 1e6;
            assert!((sum - expected).abs() < 0.01, "{seconds:?}: {sum} and not {expected}");
        }
    }

    #[test]
    fn what_the_scheduler_did_is_measured() {
        use crate::components::tier::{PerTier, SimulationTier};
        use crate::messages::tier::MoveReason;

        let mut report = StepReport { steps: 2, ..StepReport::default() };
        report.turns = PerTier { active: 30, dormant: 20, ..PerTier::default() };
        report.deferred.ambient = 7;
        report.moves_cut = 2;
        report.lateness.active.count(5_000_000);
        report.moves.insert((SimulationTier::Active, SimulationTier::Detailed, MoveReason::Scene), 3);
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || scheduler(&report, 50));
        let text = recorder.handle().render();
        for line in [
            r#"npc_ticks_total{tier="active"} 30"#,
            r#"npc_ticks_total{tier="dormant"} 20"#,
            r#"npc_lateness_seconds_sum{tier="active"} 5"#,
            r#"budget_used_ratio_sum{budget="maxNpcTicksPerStep"} 0.5"#,
            r#"budget_deferred_total{budget="maxNpcTicksPerStep"} 7"#,
            r#"budget_deferred_total{budget="movesPerStep"} 2"#,
            r#"npc_tier_moves_total{from="active",to="detailed",reason="scene"} 3"#,
        ] {
            assert!(text.lines().any(|said| said.strip_prefix("worldtick_") == Some(line)), "{line}\n{text}");
        }
    }

    #[test]
    fn a_step_is_measured_whoever_wants_it() {
        use super::super::unit::OrderWork;
        use crate::components::ids::WorldId;
        use crate::messages::outside::SignalsHeard;
        use crate::messages::relation::RelationsTold;
        use crate::messages::{Input, Outcome};

        let applied = |work: Work, game_micros: i64| {
            let mut unit = Unit::new(None, work);
            let outcome = Outcome {
                changed: true,
                events: Vec::new(),
                due_ticks: Vec::new(),
                tick: None,
                reply: None,
                now: None,
                game_micros,
                hash: crate::world::StateHash::default(),
                report: None,
                signals: SignalsHeard { taken: 2, refused: 1 },
                relations: RelationsTold::default(),
            };
            let input = Input::Advance { game_micros: 1, wall_micros: 0, steps: 1 };
            let slot = Slot::Applied { input, outcome: Box::new(outcome), cost_micros: 2_000_000, sets: Vec::new() };
            unit.slots.insert(WorldId::new("w").expect("an id"), slot);
            unit
        };
        let order = || Work::Order(Box::<OrderWork>::default());
        // The last moves no time: it is some other command.
        let units = [applied(Work::Step, 60), applied(order(), 60), applied(order(), 0)];
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || units.iter().for_each(unit));
        let text = recorder.handle().render();
        for line in [
            "step_duration_seconds_count 2",
            "step_duration_seconds_sum 4",
            r#"economy_signals_total{outcome="taken"} 6"#,
            r#"economy_signals_total{outcome="refused"} 3"#,
        ] {
            assert!(text.lines().any(|said| said.strip_prefix("worldtick_") == Some(line)), "{line}\n{text}");
        }
    }

    #[test]
    fn what_a_market_no_longer_has_is_no_longer_shown() {
        let row = |measures: &str| MarketStateRow {
            world_id: "w".into(),
            commodity: "Food".into(),
            measures: measures.into(),
            ..MarketStateRow::default()
        };
        let all = r#"{"efficiency": 0.9, "spread": 0.5, "alpha": 0.02, "volatility": 0.01, "trend": 0.1,
            "beliefs": {"median": 10}, "needs_due": 4, "needs_met": 3, "wealth": {"gini": 0.2}}"#;
        let of_worlds = WorldSeries::default();
        market(&row(all), &of_worlds);
        let shown = || of_worlds.render().lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(shown(), 3 + 8, "{}", of_worlds.render());
        market(&row(r#"{"trend": 0.0, "volatility": 0.0, "needs_due": 0, "needs_met": 0}"#), &of_worlds);
        let text = of_worlds.render();
        assert_eq!(shown(), 3 + 2, "{text}");
        assert!(text.contains("worldtick_market_trend_ratio{world=\"w\",commodity=\"Food\"} 0"), "{text}");
    }

    #[test]
    fn a_shock_that_is_refused_is_counted() {
        let row = |command: &str, outcome: &str| CommandRow {
            command: command.into(),
            outcome: outcome.into(),
            source: "api".into(),
            ..CommandRow::default()
        };
        let commands = vec![
            row("economy.add_shock", "refused"),
            row("economy.add_shock", "done"),
            row("economy.end_shock", "refused"),
            row("world.clock", "refused"),
        ];
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            let of_worlds = WorldSeries::default();
            commit(&Commit { commands, ..Commit::default() }, None, &[], &of_worlds, |_| true);
            // One that was answered and not recorded, and is of a kind that there is.
            let kind = shock_kind(AddShock::NAME, Some(&"need".into()));
            refused("api", AddShock::NAME, kind);
        });
        assert_eq!(shock_kind(AddShock::NAME, Some(&"bogus".into())), None, "labels are not made by those who ask");
        assert_eq!(shock_kind("npc.pin", Some(&"need".into())), None);
        let text = recorder.handle().render();
        let counted = |name: &str| {
            let mut lines: Vec<String> =
                text.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        assert_eq!(
            counted("worldtick_economy_shocks_total"),
            [
                r#"worldtick_economy_shocks_total{kind="need",phase="refused"} 1"#,
                r#"worldtick_economy_shocks_total{kind="unknown",phase="refused"} 1"#
            ]
        );
        assert!(
            counted("worldtick_commands_total")
                .contains(&r#"worldtick_commands_total{source="api",outcome="refused"} 4"#.to_owned()),
            "{text}"
        );
    }

    #[test]
    fn a_gap_is_no_tick() {
        let row = |tick_type: &str, outcome: &str| TickHistoryRow {
            tick_type: tick_type.into(),
            outcome: outcome.into(),
            ..TickHistoryRow::default()
        };
        let rows = vec![row("", "gap"), row("daily", "late")];
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            let of_worlds = WorldSeries::default();
            commit(&Commit { tick_history: rows, ..Commit::default() }, None, &[], &of_worlds, |_| true);
        });
        let text = recorder.handle().render();
        let counted: Vec<&str> = text.lines().filter(|line| line.starts_with("worldtick_ticks_total")).collect();
        assert_eq!(counted, [r#"worldtick_ticks_total{type="daily",outcome="late"} 1"#]);
    }
}
