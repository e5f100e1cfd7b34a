//! From the store back to a living world: the newest snapshot, then the journal through the same systems.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::BuildApp;
use crate::messages::Input;
use crate::plugins::store::{SnapshotRow, Store, StoreError, WorldRow};
use crate::world::GameWorld;
use crate::world::spec::WorldSpec;

/// Brings a world back.
pub type Restorer = Arc<dyn Fn(&WorldRow, &BuildApp) -> Result<Restored, NotRestored> + Send + Sync>;

/// A world that is back.
#[derive(Debug)]
pub struct Restored {
    /// The world.
    pub world: GameWorld,
    /// How long its journal took to run, in microseconds.
    pub debt_micros: i64,
    /// The last commit that changed it.
    pub commit_no: i64,
}

/// Why a world cannot be brought back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRestored {
    /// Its journal was written by another version of this program, whose systems may decide otherwise.
    #[error("{0}")]
    Foreign(String),
    /// Its state cannot be had or trusted.
    #[error("{0}")]
    Lost(String),
}

impl From<String> for NotRestored {
    fn from(words: String) -> Self {
        Self::Lost(words)
    }
}

/// Journal rows that are read at once.
const JOURNAL_PAGE: u32 = 256;

/// Waits for a store that has answered with this error, for so long; says whether to ask again.
pub type Patience = Arc<dyn Fn(&StoreError, Duration) -> bool + Send + Sync>;

/// Between two questions to a store that does not answer.
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// Asks until the store answers: that it is away for a while says nothing about a world.
///
/// # Errors
/// What waiting does not mend, and the last answer once there is no more patience.
pub fn persist<T>(patience: &Patience, ask: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let mut wait = RETRY_FIRST;
    loop {
        match ask() {
            Err(error) if error.is_transient() && patience(&error, wait) => wait = (wait * 2).min(RETRY_MAX),
            answer => return answer,
        }
    }
}

/// A restorer that reads from `store`. It blocks the thread that calls it, which must not be one of the runtime's.
pub fn from_store(store: Store, runtime: Handle, version: &'static str, patience: Patience) -> Restorer {
    Arc::new(move |row, build| {
        let spec: WorldSpec = serde_json::from_str(&row.spec)
            .map_err(|error| format!("the stored world file of `{}` cannot be read: {error}", row.world_id))?;
        let (mut world, mut at) = begin(row, &spec, build, |commit_no| {
            let stored = || runtime.block_on(store.snapshot_before(&row.world_id, row.incarnation, commit_no));
            persist(&patience, stored).map_err(|error| error.to_string())
        })?;
        let mut debt_micros = 0_i64;
        loop {
            let next = || runtime.block_on(store.journal_after(&row.world_id, at, JOURNAL_PAGE));
            let page = persist(&patience, next).map_err(|error| error.to_string())?;
            let Some(last) = page.last() else { return Ok(Restored { world, debt_micros, commit_no: at }) };
            at = last.commit_no;
            for entry in &page {
                if entry.simulation_version != version {
                    return Err(NotRestored::Foreign(format!(
                        "the journal of world `{}` was written by version {} from commit {} on; this is {version}. Start \
                         that version once and stop it cleanly (it then leaves a snapshot), or reset the world",
                        row.world_id, entry.simulation_version, entry.commit_no
                    )));
                }
                debt_micros = debt_micros.saturating_add(entry.cost_micros);
                replay(&mut world, &entry.inputs, entry.state_hash, entry.commit_no)?;
            }
        }
    })
}

/// The world as of its newest snapshot that can be read, with that commit; without any, as it was registered. The
/// journal goes back as far as the oldest snapshot that is kept.
fn begin(
    row: &WorldRow,
    spec: &WorldSpec,
    build: &BuildApp,
    snapshot_before: impl Fn(i64) -> Result<Option<SnapshotRow>, String>,
) -> Result<(GameWorld, i64), String> {
    let (mut refusal, mut commit_no) = (None, i64::MAX);
    while let Some(snapshot) = snapshot_before(commit_no)? {
        commit_no = snapshot.commit_no;
        match GameWorld::restore(build(spec.clone()), &snapshot.bytes) {
            Ok(world) => return Ok((world, commit_no)),
            Err(error) => {
                tracing::error!(
                    world_id = row.world_id, commit_no, %error,
                    "a snapshot cannot be used; the one before it is tried, with the journal since"
                );
                refusal.get_or_insert(error.to_string());
            }
        }
    }
    match refusal {
        Some(error) => Err(error),
        None => {
            let world = GameWorld::create(build(spec.clone()), row.incarnation).map_err(|error| error.to_string())?;
            Ok((world, row.registered_commit))
        }
    }
}

/// Runs one journal row and compares the state hash.
fn replay(world: &mut GameWorld, inputs: &str, expected: i64, commit_no: i64) -> Result<(), String> {
    let inputs: Vec<Input> = serde_json::from_str(inputs)
        .map_err(|error| format!("journal row of commit {commit_no} cannot be read: {error}"))?;
    let mut last = String::from("no tick");
    for input in &inputs {
        if let Input::Tick(tick) = input {
            last = format!("tick {}", tick.tick_id);
        }
        world.apply(input).map_err(|fault| format!("replaying commit {commit_no}: {fault}"))?;
    }
    let hash = world.state_hash().map_err(|error| error.to_string())?;
    if hash.to_signed() == expected {
        Ok(())
    } else {
        Err(format!(
            "replaying commit {commit_no} ({last}) gave state hash {hash}, but {:016x} was stored: the state cannot be \
             trusted. Reset the world, or recover it with the program that wrote the journal",
            expected.cast_unsigned()
        ))
    }
}
