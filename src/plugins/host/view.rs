//! What the last commit made visible: readers look here and never touch a world.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use serde::Serialize;
use serde_json::Value;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::edge::{Edge, EdgeFilter};
use super::steps::{STEPS_IN_ALL, StepCounts, StepView};
use crate::components::clock::{ClockSource, GameInstant};
use crate::components::ids::WorldId;
use crate::plugins::bridge::outbound::PublisherStatus;
use crate::plugins::metrics::WorldSeries;
use crate::plugins::store::{Cursor, ShardId, WorldStatus};
use crate::world::spec::{WorldSimulationConfig, WorldSpec};

/// Events that a slow reader may be behind before it misses some.
const EVENTS_KEPT: usize = 4_096;

/// A world as of the last commit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorldView {
    /// The world.
    pub world_id: WorldId,
    /// Whether it runs.
    pub status: WorldStatus,
    /// What drives its clock.
    pub clock: ClockSource,
    /// Game seconds in a real second.
    pub time_scale: f64,
    /// How it is simulated.
    #[serde(skip)]
    pub simulation: Arc<WorldSimulationConfig>,
    /// Its file; the simulation block is that which it was registered with.
    #[serde(skip)]
    pub spec: Arc<WorldSpec>,
    /// Game time.
    pub now: Option<GameInstant>,
    /// Made anew when the world begins anew.
    pub incarnation: Uuid,
    /// Its shard.
    pub shard: ShardId,
    /// The last commit that changed it.
    pub commit_no: i64,
    /// State hash, in hexadecimal.
    pub state_hash: String,
    /// Inputs that have changed it.
    pub inputs: u64,
    /// Ticks of its own that are on their way: what they come to is not durable yet.
    pub outstanding_ticks: usize,
    /// When its next step is due, if it has one coming.
    #[serde(skip)]
    pub due: Option<Instant>,
    /// What its steps came to since this process began.
    #[serde(flatten)]
    pub counts: StepCounts,
    /// Real time that it could not catch up and has dropped since this process started, in seconds.
    pub dropped_seconds: f64,
}

impl WorldView {
    /// How far it is behind real time now, in seconds.
    #[expect(clippy::disallowed_methods, reason = "lag is against the wall clock")]
    // time: live worlds: how far they are behind, where it is shown | real | std::time::Instant | read when it is asked for
    pub fn lag_seconds(&self) -> f64 {
        self.due.map_or(0.0, |due| Instant::now().saturating_duration_since(due).as_secs_f64())
    }
}

/// An event as it was committed.
#[derive(Debug, Clone, PartialEq)]
pub struct EventLine {
    /// Its place in the list of events.
    pub cursor: Cursor,
    /// Its id.
    pub event_id: Uuid,
    /// Its type.
    pub event_type: String,
    /// Its world.
    pub world_id: Option<String>,
    /// Its bytes.
    pub body: Arc<[u8]>,
}

/// How the host is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostStatus {
    /// The last commit that this view shows.
    pub commit_no: i64,
    /// Rows that wait to be published.
    pub outbox_rows: u64,
    /// Whether that is as many as may be; then nothing is taken in and live worlds stand still.
    pub outbox_full: bool,
    /// How the publisher is doing.
    pub publisher: PublisherStatus,
}

/// The view, shared with readers.
#[derive(Debug, Clone)]
pub struct HostView {
    status: Arc<RwLock<HostStatus>>,
    worlds: Arc<RwLock<BTreeMap<WorldId, Arc<WorldView>>>>,
    events: broadcast::Sender<Arc<Vec<EventLine>>>,
    steps: Arc<RwLock<BTreeMap<WorldId, VecDeque<Arc<StepView>>>>>,
    series: WorldSeries,
    restored: Arc<AtomicBool>,
    edge: Edge,
}

impl Default for HostView {
    fn default() -> Self {
        let events = broadcast::Sender::new(EVENTS_KEPT);
        let series = WorldSeries::default();
        let restored = Arc::default();
        let (edge, steps) = (Edge::default(), Arc::default());
        Self { status: Arc::default(), worlds: Arc::default(), events, steps, series, restored, edge }
    }
}

impl HostView {
    /// All worlds, by name.
    pub fn worlds(&self) -> Vec<Arc<WorldView>> {
        self.worlds.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// One world.
    pub fn world(&self, id: &WorldId) -> Option<Arc<WorldView>> {
        self.worlds.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Whether all worlds are there that the store knows. Until then, one that is not there may yet come.
    pub fn is_restored(&self) -> bool {
        self.restored.load(Ordering::Acquire)
    }

    pub(crate) fn set_restored(&self) {
        self.restored.store(true, Ordering::Release);
    }

    /// What waits for the workers that generate. It is no part of the view: it is as the engine has it now.
    pub(crate) fn edge(&self) -> &Edge {
        &self.edge
    }

    /// What waits there, and behind what.
    pub(crate) fn edge_shown(&self, filter: &EdgeFilter) -> Value {
        self.edge.lock().shown(filter, now())
    }

    /// Where a job stands there; nothing where the edge has nothing to do with it.
    pub(crate) fn edge_explained(&self, world: &WorldId, job: u64) -> Option<Value> {
        self.edge.lock().explained(world, job, now())
    }

    /// The metrics that tell these worlds apart.
    pub fn series(&self) -> &WorldSeries {
        &self.series
    }

    /// Whether ticks for this world, or for all, take their place in time: whether a `ticks` world is meant.
    pub fn any_follows_ticks(&self, id: Option<&str>) -> bool {
        let worlds = self.worlds.read().unwrap_or_else(PoisonError::into_inner);
        let follows = |world: &Arc<WorldView>| world.clock == ClockSource::Ticks;
        match id {
            Some(id) => WorldId::new(id).is_ok_and(|id| worlds.get(&id).is_some_and(follows)),
            None => worlds.values().any(follows),
        }
    }

    /// How the host is doing.
    pub fn status(&self) -> HostStatus {
        self.status.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_outbox(&self, rows: u64, full: bool) {
        let mut status = self.status.write().unwrap_or_else(PoisonError::into_inner);
        if full != status.outbox_full {
            tracing::warn!(rows, full, "the outbox is full, or has room again");
        }
        status.outbox_rows = rows;
        status.outbox_full = full;
    }

    /// After the views of worlds: whoever sees the commit's number sees what it changed.
    pub(super) fn set_commit(&self, commit_no: i64) {
        self.status.write().unwrap_or_else(PoisonError::into_inner).commit_no = commit_no;
    }

    pub(crate) fn set_publisher(&self, publisher: PublisherStatus) {
        self.status.write().unwrap_or_else(PoisonError::into_inner).publisher = publisher;
    }

    /// Events from now on, a batch a commit, in the order of their places.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Vec<EventLine>>> {
        self.events.subscribe()
    }

    pub(super) fn put(&self, views: Vec<WorldView>) {
        let mut worlds = self.worlds.write().unwrap_or_else(PoisonError::into_inner);
        for view in views {
            worlds.insert(view.world_id.clone(), Arc::new(view));
        }
    }

    pub(super) fn remove(&self, id: &WorldId) {
        self.worlds.write().unwrap_or_else(PoisonError::into_inner).remove(id);
        self.steps.write().unwrap_or_else(PoisonError::into_inner).remove(id);
        self.series.forget(id.as_str());
    }

    /// The last steps of a world, newest first.
    pub fn steps(&self, id: &WorldId) -> Vec<Arc<StepView>> {
        let steps = self.steps.read().unwrap_or_else(PoisonError::into_inner);
        steps.get(id).map(|steps| steps.iter().rev().cloned().collect()).unwrap_or_default()
    }

    /// Keeps steps of worlds, at most `kept` of each and [`STEPS_IN_ALL`] of all.
    pub(super) fn note_steps(&self, steps: Vec<(WorldId, StepView)>, kept: usize) {
        if steps.is_empty() {
            return;
        }
        let mut all = self.steps.write().unwrap_or_else(PoisonError::into_inner);
        for (id, step) in steps {
            let kept = kept.min(STEPS_IN_ALL / (all.len() + 1));
            let of_world = all.entry(id).or_default();
            of_world.push_back(Arc::new(step));
            while of_world.len() > kept {
                of_world.pop_front();
            }
        }
    }

    pub(super) fn tell(&self, events: Vec<EventLine>) {
        if !events.is_empty() {
            // Nobody may be listening.
            let _ = self.events.send(Arc::new(events));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "what is shown of the edge is of this moment")]
fn now() -> Instant {
    // time: edge of generation: how long jobs have waited, where it is shown | real | std::time::Instant | read when it is asked for
    Instant::now()
}
