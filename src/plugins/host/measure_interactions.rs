//! Metrics of chains, cooldowns and intents.

use super::measure::float;
use crate::components::interaction::InteractionTotals;
use crate::messages::interaction::InteractionReport;

/// The budget of chains in a step, as configuration and API name it.
const CHAIN_OPS: &str = "maxChainOpsPerStep";

/// What an input added to the counts of a world.
pub(super) fn added(added: &InteractionTotals) {
    if *added == InteractionTotals::default() {
        return;
    }
    let chains = [
        ("started", added.chains_started),
        ("copied", added.chains_copied),
        ("completed", added.chains_completed),
        ("failed", added.chains_failed),
        ("expired", added.chains_expired),
        ("cancelled", added.chains_cancelled),
        ("gone", added.chains_gone),
    ];
    let steps = [
        ("completed", added.steps_completed),
        ("skipped", added.steps_skipped),
        ("expired", added.steps_expired),
        ("blocked", added.steps_blocked),
    ];
    let intents = [
        ("proposed", added.intents_proposed),
        ("refused", added.intents_refused),
        ("handed_out", added.intents_handed_out),
        ("acknowledged", added.intents_acknowledged),
        ("declined", added.intents_declined),
        ("expired", added.intents_expired),
        ("unanswered", added.intents_unanswered),
        ("withdrawn", added.intents_withdrawn),
        ("gone", added.intents_gone),
    ];
    for (change, count) in chains.into_iter().filter(|(_, count)| *count > 0) {
        metrics::counter!("worldtick_chains_total", "change" => change).increment(count);
    }
    for (change, count) in steps.into_iter().filter(|(_, count)| *count > 0) {
        metrics::counter!("worldtick_chain_steps_total", "change" => change).increment(count);
    }
    for (change, count) in intents.into_iter().filter(|(_, count)| *count > 0) {
        metrics::counter!("worldtick_intents_total", "change" => change).increment(count);
    }
    if added.cooldowns_begun > 0 {
        metrics::counter!("worldtick_cooldowns_begun_total").increment(added.cooldowns_begun);
    }
}

/// What the steps of an input did, of which each may look at so many chains.
pub(super) fn steps(report: &InteractionReport, budget: u32) {
    let allowed = u64::from(budget) * u64::from(report.steps);
    if allowed > 0 {
        metrics::histogram!("worldtick_budget_used_ratio", "budget" => CHAIN_OPS)
            .record(f64::from(report.ops) / float(allowed));
    }
    metrics::counter!("worldtick_budget_deferred_total", "budget" => CHAIN_OPS).increment(report.deferred.into());
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn what_interactions_came_to_is_measured() {
        let counts = InteractionTotals {
            chains_started: 3,
            chains_failed: 1,
            steps_skipped: 2,
            intents_handed_out: 4,
            cooldowns_begun: 5,
            ..InteractionTotals::default()
        };
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            added(&counts);
            steps(&InteractionReport { steps: 2, ops: 25, deferred: 7, handed_out: 4 }, 50);
        });
        let text = recorder.handle().render();
        for line in [
            r#"chains_total{change="started"} 3"#,
            r#"chains_total{change="failed"} 1"#,
            r#"chain_steps_total{change="skipped"} 2"#,
            r#"intents_total{change="handed_out"} 4"#,
            "cooldowns_begun_total 5",
            r#"budget_used_ratio_sum{budget="maxChainOpsPerStep"} 0.25"#,
            r#"budget_deferred_total{budget="maxChainOpsPerStep"} 7"#,
        ] {
            assert!(text.lines().any(|said| said.strip_prefix("worldtick_") == Some(line)), "{line}\n{text}");
        }
        assert!(!text.contains("completed"), "what did not happen has no series: {text}");
    }
}
