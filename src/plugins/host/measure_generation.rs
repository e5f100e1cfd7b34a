//! Metrics of jobs of generation.

use super::measure::float;
use crate::components::clock::GameInstant;
use crate::components::generation::GenerationTotals;
use crate::messages::generation::{GenerationReport, GenerationTold, JobTold, WorkOrder};

/// The budget of jobs in a step, as configuration and API name it.
const JOB_OPS: &str = "maxJobOpsPerStep";

/// What an input added to the counts of a world, and how long jobs waited in game time that were let go.
pub(super) fn added(added: &GenerationTotals, told: &GenerationTold, now: Option<GameInstant>) {
    if *added == GenerationTotals::default() {
        return;
    }
    let jobs = [
        ("asked", added.asked),
        ("joined", added.joined),
        ("refused", added.refused),
        ("gone", added.gone),
        ("shed", added.shed),
        ("dispatched", added.dispatched),
        ("started", added.attempts),
        ("retried", added.retried),
        ("succeeded", added.succeeded),
        ("failed", added.failed),
        ("cancelled", added.cancelled),
        ("expired", added.expired),
        ("dead", added.dead),
        ("sent_again", added.sent_again),
        ("dead_forgotten", added.dead_forgotten),
    ];
    let results = [
        ("applied", added.results_applied),
        ("duplicate", added.results_duplicate),
        ("late", added.results_late),
        ("early", added.results_early),
        ("finished", added.results_finished),
        ("unknown", added.results_unknown),
    ];
    for (outcome, count) in jobs.into_iter().filter(|(_, count)| *count > 0) {
        metrics::counter!("worldtick_generation_jobs_total", "outcome" => outcome).increment(count);
    }
    for (outcome, count) in results.into_iter().filter(|(_, count)| *count > 0) {
        metrics::counter!("worldtick_generation_results_total", "outcome" => outcome).increment(count);
    }
    let let_go = |told: &&JobTold| told.order == WorkOrder::Admit && told.change.attempt == 0;
    for told in told.0.iter().filter(let_go) {
        let waited = now.map_or(0, |now| now.micros_since(told.change.asked_at).max(0));
        metrics::histogram!("worldtick_generation_wait_seconds").record(float(waited.unsigned_abs()) / 1e6);
    }
}

/// What the steps of an input did, of which each may let so many jobs go.
pub(super) fn steps(report: &GenerationReport, budget: u32) {
    let allowed = u64::from(budget) * u64::from(report.steps);
    if allowed > 0 {
        metrics::histogram!("worldtick_budget_used_ratio", "budget" => JOB_OPS)
            .record(f64::from(report.dispatched) / float(allowed));
    }
    metrics::counter!("worldtick_budget_deferred_total", "budget" => JOB_OPS).increment(report.deferred.into());
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;
    use crate::components::generation::JobState;
    use crate::messages::SimulationEvent;
    use crate::messages::generation::GenerationJobChanged;

    #[test]
    fn what_jobs_came_to_is_measured() {
        let counts = GenerationTotals { asked: 3, attempts: 2, results_late: 1, ..GenerationTotals::default() };
        let example = GenerationJobChanged::example();
        let now = example.asked_at.checked_add_micros(2_500_000);
        let change = GenerationJobChanged { state: JobState::Queued, attempt: 0, ..example };
        let told = GenerationTold(vec![JobTold { change, order: WorkOrder::Admit }]);
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            added(&counts, &told, now);
            steps(&GenerationReport { steps: 2, dispatched: 5, landed: 0, deferred: 7 }, 10);
        });
        let text = recorder.handle().render();
        for line in [
            r#"generation_jobs_total{outcome="asked"} 3"#,
            r#"generation_jobs_total{outcome="started"} 2"#,
            r#"generation_results_total{outcome="late"} 1"#,
            "generation_wait_seconds_sum 2.5",
            r#"budget_used_ratio_sum{budget="maxJobOpsPerStep"} 0.25"#,
            r#"budget_deferred_total{budget="maxJobOpsPerStep"} 7"#,
        ] {
            assert!(text.lines().any(|said| said.strip_prefix("worldtick_") == Some(line)), "{line}\n{text}");
        }
        assert!(!text.contains("succeeded"), "what did not happen has no series: {text}");
    }
}
