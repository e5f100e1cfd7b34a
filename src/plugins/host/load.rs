//! Bringing worlds to life when the engine starts.

use std::collections::BTreeSet;
use std::sync::Arc;

use garde::Validate;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::HostFailure;
use super::engine::Engine;
use super::hosted::Hosted;
use super::unit::{OrderWork, Unit, Work};
use super::worker::Job;
use crate::plugins::store::{ShardId, UnregisteredWorld, WorldChange, WorldRow, WorldStatus};
use crate::world::spec::{AgentSpec, TWO_SOURCES, WorldSpec};

impl Engine {
    /// Brings back the worlds of the store and registers those that are new. A faulted world is brought back too, to
    /// show its last commit; it stays faulted and takes nothing in. Blocks until every one lives or is known to be
    /// faulted; nothing is committed yet.
    ///
    /// # Errors
    /// If a worker ends.
    pub fn load(
        &mut self,
        rows: Vec<WorldRow>,
        specs: Vec<(WorldSpec, i64)>,
        removed: &[UnregisteredWorld],
    ) -> Result<(), HostFailure> {
        self.file_hashes = specs.iter().map(|(spec, hash)| (spec.id.clone(), *hash)).collect();
        let known: BTreeSet<String> = rows.iter().map(|row| row.world_id.clone()).collect();
        for row in rows {
            let spec: WorldSpec = match serde_json::from_str(&row.spec) {
                Ok(spec) => spec,
                Err(error) => {
                    tracing::error!(world_id = row.world_id, %error, "the stored world file cannot be read; the world is left out");
                    continue;
                }
            };
            report_changed_file(&row, &spec, &specs);
            let world = Hosted::new(row.clone(), Arc::new(spec));
            let id = world.id.clone();
            self.worlds.insert(id.clone(), world);
            let unit = Unit::new(None, Work::Question { reply: None });
            self.send_one(unit, &id, Job::Restore(Box::new(row)));
        }
        for (spec, hash) in specs.into_iter().filter(|(spec, _)| !known.contains(spec.id.as_str())) {
            if removed.iter().any(|gone| gone.world_id == spec.id.as_str() && gone.file_hash == hash) {
                tracing::info!(world_id = %spec.id, "the world was removed and its file has not changed since: it stays away");
            } else {
                self.register(spec);
            }
        }
        // Each world has one unit with itself alone.
        for _ in 0..self.worlds.values().filter(|world| world.units > 0).count() {
            match self.finished.recv() {
                Ok(finished) => self.on_finished(finished),
                Err(_) => return Err(HostFailure::Worker),
            }
        }
        self.parts.view.put(self.worlds.values().map(Hosted::view).collect());
        Ok(())
    }

    /// Registers a world that the store does not know.
    pub(super) fn register(&mut self, spec: WorldSpec) {
        if !self.has_room() {
            let most = self.config.worlds_max;
            return tracing::error!(world_id = %spec.id, most, "the world is not registered: host.worlds_max are there");
        }
        let registered = of_one_source(&spec).and_then(|()| self.with_agents(spec.clone())).and_then(|spec| {
            let row = self.registration(&spec, self.shard_of_world(&spec.id))?;
            Ok((spec, row))
        });
        let (spec, row) = match registered {
            Ok(registered) => registered,
            Err(error) => return tracing::error!(world_id = %spec.id, error, "the world cannot be registered"),
        };
        tracing::info!(world_id = %spec.id, shard = row.shard, incarnation = %row.incarnation, "world is registered");
        let id = spec.id.clone();
        let incarnation = row.incarnation;
        let change = Some(WorldChange::Register(row.clone()));
        self.worlds.insert(id.clone(), Hosted::new(row, Arc::new(spec.clone())));
        let unit = Unit::new(None, Work::Order(Box::new(OrderWork { change, ..OrderWork::default() })));
        self.send_one(unit, &id, Job::Create { spec: Box::new(spec), incarnation });
    }

    /// The same with the agents that the database has for it, if its population comes from there and was not read before.
    /// Waits for the database, as long as an operation may take: worlds are registered seldom.
    pub(super) fn with_agents(&self, mut spec: WorldSpec) -> Result<WorldSpec, String> {
        let id = spec.id.clone();
        let Some(economy) = spec.economy.as_mut().filter(|economy| economy.population.waits_for_agents()) else {
            return Ok(spec);
        };
        let rows = self.parts.runtime.block_on(self.store.agents(id.as_str())).map_err(|error| error.to_string())?;
        if rows.is_empty() {
            let help = "import some (`worldtick economy import-agents`)";
            return Err(format!("the table market_agent has no agents of world `{id}`: {help}"));
        }
        economy.population.agents = rows.into_iter().map(AgentSpec::try_from).collect::<Result<_, _>>()?;
        economy.validate().map_err(|report| format!("the agents of the table market_agent do not fit: {report}"))?;
        Ok(spec)
    }

    /// The row of a world that begins now.
    pub(super) fn registration(&self, spec: &WorldSpec, shard: ShardId) -> Result<WorldRow, String> {
        let json = serde_json::to_string(spec).map_err(|error| error.to_string())?;
        Ok(WorldRow {
            world_id: spec.id.to_string(),
            shard,
            incarnation: Uuid::new_v4(),
            spec_hash: hash_as_written(spec)?,
            spec: json,
            status: WorldStatus::Running,
            registered_at: self.wall_micros(),
            registered_commit: self.commit_no,
            simulation: None,
        })
    }

    /// Counts the own ticks that were on their way when the last server ended.
    pub fn expect_own_ticks(&mut self, ticks: impl IntoIterator<Item = (String, Uuid)>) {
        for (world_id, tick_id) in ticks {
            if let Some(world) = self.world_mut(&world_id) {
                world.outstanding.insert(tick_id);
            }
        }
    }

    /// What the outbox holds that is on the cluster already, by shard.
    pub fn expect_published(&mut self, marks: impl IntoIterator<Item = (ShardId, i64)>) {
        self.published.extend(marks);
    }
}

/// Agents that stand in a file and are to come from the database: one of them would be passed over in silence, so that
/// no world begins with it. Files of living worlds, which have the agents that were read, are no beginning.
pub(super) fn of_one_source(spec: &WorldSpec) -> Result<(), String> {
    if spec.economy.as_ref().is_some_and(|economy| economy.population.has_two_sources()) {
        return Err(TWO_SOURCES.into());
    }
    Ok(())
}

/// The hash of a world as its author has written it: agents that came from the database have no part in it.
///
/// # Errors
/// When it cannot be written as JSON.
pub(crate) fn hash_as_written(spec: &WorldSpec) -> Result<i64, String> {
    let json = serde_json::to_string(&spec.as_written()).map_err(|error| error.to_string())?;
    Ok(xxh3_64(json.as_bytes()).cast_signed())
}

fn report_changed_file(row: &WorldRow, living: &WorldSpec, specs: &[(WorldSpec, i64)]) {
    let file = specs.iter().find(|(spec, hash)| spec.id == living.id && *hash != row.spec_hash);
    let Some((file, _)) = file else { return };
    // What `worlds apply` has changed in place is no difference any more.
    let mut living = living.as_written();
    if let Some(Ok(simulation)) = row.simulation.as_deref().map(serde_json::from_str) {
        living.meta.simulation = simulation;
    }
    if file.as_written() != living {
        tracing::warn!(
            world_id = row.world_id,
            "the world file has changed since the world was registered, or what the configuration puts above it (`crowd.*`); it has no effect until it is applied (`worldtick worlds apply`) or the world is reset"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::spec::AgentSource;

    /// A file with the agents that were read from the database, as a living world's has them.
    #[test]
    fn agents_that_were_read_make_no_other_file() {
        let mut waiting = WorldSpec::default_world().expect("a valid world file");
        waiting.economy.as_mut().expect("an economy").population.from = AgentSource::MarketAgent;
        let mut living = waiting.clone();
        let agent = AgentSpec { role: "Farmer".into(), money: 100, ..AgentSpec::default() };
        living.economy.as_mut().expect("an economy").population.agents = vec![agent.clone(), agent];
        assert_eq!(hash_as_written(&living), hash_as_written(&waiting));
        assert_eq!(living.as_written(), waiting);
        assert_eq!(of_one_source(&waiting), Ok(()));
        assert!(of_one_source(&living).is_err_and(|words| words.contains("leave out `from`")));
        let told = living.warnings();
        assert!(told.iter().any(|warning| warning.pointer == "/economy/population/from"), "{told:?}");
        living.economy.as_mut().expect("an economy").population.from = AgentSource::File;
        assert_eq!(of_one_source(&living), Ok(()));
        assert_ne!(hash_as_written(&living), hash_as_written(&waiting));
    }
}
