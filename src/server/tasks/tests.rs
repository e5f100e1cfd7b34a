//! Tasks on a clock that is moved by hand.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use uuid::Uuid;

use super::clock::Later;
use super::runner::{Budget, Done, jitter, next_after};
use super::*;
use crate::plugins::admin::{RunOutcome, RunRefused, TaskRun, TaskView, Tasks};

const SECOND: Duration = Duration::from_secs(1);
const START: i64 = 1_700_000_000_000_000;

/// Stands still until it is moved.
struct HandClock(watch::Sender<Duration>);

impl HandClock {
    fn new() -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(Duration::ZERO)))
    }

    fn pass(&self, time: Duration) {
        self.0.send_modify(|now| *now += time);
    }
}

impl Clock for HandClock {
    fn elapsed(&self) -> Duration {
        *self.0.borrow()
    }

    fn wall_micros(&self) -> i64 {
        START + i64::try_from(self.elapsed().as_micros()).unwrap()
    }

    fn sleep(&self, time: Duration) -> Later<()> {
        let (mut now, end) = (self.0.subscribe(), self.elapsed() + time);
        Box::pin(async move {
            // The sender lives as long as the clock, and without it nothing is waited for any more.
            let _ = now.wait_for(|now| *now >= end).await;
        })
    }
}

/// Does what a function says, with the number of the run.
struct Scripted<F>(F, AtomicU32);

impl<F: Fn(u32, Budget) -> Later<Result<Done, String>> + Send + Sync + 'static> Work for Scripted<F> {
    fn run(&self, budget: Budget) -> Later<Result<Done, String>> {
        (self.0)(self.1.fetch_add(1, Ordering::SeqCst), budget)
    }
}

fn done(did: &str) -> Result<Done, String> {
    Ok(Done { did: did.to_owned(), complete: true })
}

struct Bench {
    clock: Arc<HandClock>,
    board: Board,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

impl Bench {
    fn begin(work: impl Fn(u32, Budget) -> Later<Result<Done, String>> + Send + Sync + 'static) -> Self {
        let (clock, board, stop) = (HandClock::new(), Board::default(), CancellationToken::new());
        let times = Times { interval: 10 * SECOND, budget: 2 * SECOND, jitter: SECOND };
        let asked = board.add("it", times);
        let runner = Runner {
            name: "it",
            times,
            work: Arc::new(Scripted(work, AtomicU32::new(0))),
            clock: clock.clone(),
            board: board.clone(),
        };
        let running = tokio::spawn(runner.run(asked, stop.clone()));
        Self { clock, board, stop, running }
    }

    fn view(&self) -> TaskView {
        self.board.list().remove(0)
    }

    /// Lets the others go on until something is so. Nothing here waits for real time.
    async fn until(&self, what: impl Fn(&TaskView) -> bool) -> TaskView {
        for _ in 0..100_000 {
            let view = self.view();
            if what(&view) {
                return view;
            }
            tokio::task::yield_now().await;
        }
        panic!("it does not come to pass: {:?}", self.view());
    }

    async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

#[tokio::test]
async fn a_task_runs_at_its_times_and_not_between_them() {
    let bench = Bench::begin(|number, _| Box::pin(async move { done(&format!("run {number}")) }));
    let view = bench.until(|view| view.next_run_at.is_some()).await;
    assert_eq!((view.runs, view.next_run_at), (0, Some(START + 1_000_000)));
    assert_eq!((view.interval_seconds, view.jitter_seconds, view.budget_seconds), (10.0, 1.0, 2.0));
    bench.clock.pass(SECOND);
    let view = bench.until(|view| view.runs == 1 && view.next_run_at == Some(START + 11_000_000)).await;
    let run = view.last_run.unwrap();
    assert_eq!((run.did.as_str(), run.outcome, run.started_at), ("run 0", RunOutcome::Done, START + 1_000_000));
    bench.clock.pass(9 * SECOND);
    // Nine seconds are not ten: somebody who asks is served first, and is the second.
    let asked = bench.board.run("it").unwrap().await.unwrap();
    assert_eq!(asked.did, "run 1");
    // Times that were missed are left out.
    bench.clock.pass(35 * SECOND);
    let view = bench.until(|view| view.runs == 3 && view.next_run_at > Some(START + 45_000_000)).await;
    assert_eq!(view.next_run_at, Some(START + 51_000_000));
    bench.end().await;
}

#[tokio::test]
async fn a_failure_or_a_panic_ends_a_run_and_is_told() {
    let bench = Bench::begin(|number, _| {
        Box::pin(async move {
            match number {
                0 => Err("no luck".to_owned()),
                1 => panic!("oh {}", "no"),
                _ => done("fine"),
            }
        })
    });
    let run = async || bench.board.run("it").unwrap().await.unwrap();
    let seen = |run: TaskRun| (run.outcome, run.did);
    assert_eq!(seen(run().await), (RunOutcome::Failed, "no luck".to_owned()));
    bench.until(|view| !view.running).await;
    assert_eq!(seen(run().await), (RunOutcome::Failed, "it has panicked: oh no".to_owned()));
    bench.until(|view| !view.running).await;
    assert_eq!(seen(run().await), (RunOutcome::Done, "fine".to_owned()));
    let view = bench.view();
    assert_eq!((view.runs, view.failures, view.last_success_at), (3, 2, Some(START)));
    assert_eq!(view.last_error.as_deref(), Some("it has panicked: oh no"), "kept beside the success");
    bench.end().await;
}

#[tokio::test]
async fn two_runs_are_never_one_over_the_other() {
    let (go, begun) = (Arc::new(Notify::new()), mpsc::unbounded_channel());
    let (gate, began) = (go.clone(), begun.0.clone());
    let bench = Bench::begin(move |_, _| {
        let (gate, began) = (gate.clone(), began.clone());
        Box::pin(async move {
            began.send(()).unwrap();
            gate.notified().await;
            done("")
        })
    });
    let mut begun = begun.1;
    let answer = bench.board.run("it").unwrap();
    begun.recv().await.unwrap();
    assert_eq!(bench.board.run("it").err(), Some(RunRefused::Running));
    assert_eq!(bench.board.run("other").err(), Some(RunRefused::Unknown));
    // Its own time comes meanwhile, several times: nothing begins.
    bench.clock.pass(50 * SECOND);
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(begun.try_recv().is_err());
    go.notify_one();
    assert_eq!(answer.await.unwrap().outcome, RunOutcome::Done);
    bench.end().await;
}

#[tokio::test]
async fn a_run_that_does_not_end_is_given_up_and_the_next_one_comes() {
    let bench = Bench::begin(|number, _| {
        Box::pin(async move {
            if number == 0 {
                std::future::pending::<()>().await;
            }
            done("fine")
        })
    });
    let answer = bench.board.run("it").unwrap();
    bench.until(|view| view.running).await;
    for _ in 0..62 {
        bench.clock.pass(SECOND);
        tokio::task::yield_now().await;
    }
    let run = answer.await.unwrap();
    assert_eq!(run.outcome, RunOutcome::Failed);
    assert!(run.did.contains("given up"), "{}", run.did);
    bench.until(|view| !view.running).await;
    bench.clock.pass(10 * SECOND);
    bench.until(|view| view.last_success_at.is_some()).await;
    bench.end().await;
}

#[tokio::test]
async fn a_run_ends_with_the_server() {
    let dropped = Arc::new(());
    let held = dropped.clone();
    let bench = Bench::begin(move |_, _| {
        let held = held.clone();
        Box::pin(async move {
            std::future::pending::<()>().await;
            drop(held);
            done("")
        })
    });
    let answer = bench.board.run("it").unwrap();
    bench.until(|view| view.running).await;
    let board = bench.board.clone();
    bench.end().await;
    assert!(answer.await.is_err(), "nobody answers any more");
    assert_eq!(board.run("it").err(), Some(RunRefused::Running));
}

#[tokio::test]
async fn a_budget_is_used_up_by_time_alone() {
    let clock = HandClock::new();
    let budget = Budget::new(clock.clone(), 2 * SECOND);
    assert_eq!((budget.left(), budget.is_spent()), (2 * SECOND, false));
    clock.pass(SECOND + SECOND / 2);
    assert_eq!((budget.left(), budget.is_spent()), (SECOND / 2, false));
    clock.pass(SECOND);
    assert!(budget.is_spent());
}

#[test]
fn the_next_time_lies_on_the_grid_and_after_now() {
    let at = |now| next_after(3 * SECOND, 10 * SECOND, now).as_secs();
    assert_eq!([0, 2].map(|now| at(now * SECOND)), [3, 3]);
    assert_eq!([3, 12, 13, 22, 1_000].map(|now| at(now * SECOND)), [13, 13, 23, 23, 1_003]);
}

#[test]
fn times_are_put_off_by_the_same_bit_each_time_and_differently_for_others() {
    let of = |name: &str, store: u128| jitter(name, Uuid::from_u128(store), 600 * SECOND);
    assert_eq!(of("outbox", 1), of("outbox", 1));
    let all: std::collections::BTreeSet<Duration> =
        (0..50).flat_map(|store| ["outbox", "tick_ids"].map(|name| of(name, store))).collect();
    assert_eq!(all.len(), 100, "each its own");
    assert!(all.iter().all(|jitter| *jitter < 60 * SECOND));
    assert!(all.iter().max() > Some(&(50 * SECOND)) && all.iter().min() < Some(&(10 * SECOND)), "spread");
}

#[test]
fn the_metrics_say_whether_the_last_run_failed_and_when_the_next_is() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::begin(|number, _| {
                Box::pin(async move { if number == 0 { Err("no luck".to_owned()) } else { done("fine") } })
            });
            let gauge = |name: &str| {
                let text = recorder.handle().render();
                let series = format!("worldtick_task_{name}{{task=\"it\"}} ");
                text.lines().find_map(|line| line.strip_prefix(&series)?.parse::<f64>().ok())
            };
            bench.until(|view| view.next_run_at.is_some()).await;
            assert_eq!(["interval_seconds", "jitter_seconds", "budget_seconds"].map(gauge), [10.0, 1.0, 2.0].map(Some));
            assert_eq!(gauge("failed"), Some(0.0));
            for (failed, runs) in [(1.0, 1), (0.0, 2)] {
                bench.board.run("it").unwrap().await.unwrap();
                bench.until(|view| view.runs == runs && !view.running).await;
                assert_eq!(gauge("failed"), Some(failed));
            }
            bench.clock.pass(SECOND);
            bench.until(|view| view.next_run_at == Some(START + 11_000_000)).await;
            assert_eq!(gauge("next_run_timestamp_seconds"), Some((START + 11_000_000) as f64 / 1e6));
            bench.end().await;
        });
    });
}
