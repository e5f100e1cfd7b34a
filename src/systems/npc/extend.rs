//! What a developer adds to behaviour: conditions, effects and scoring factors of their own, by name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bevy_ecs::prelude::Resource;
use serde_json::Value;

use super::condition::ConditionContext;
use super::effects::EffectContext;
use super::names::unknown;
use crate::components::npc::ActivityId;
use crate::systems::random::Draw;

/// Says whether a condition holds. It gets who is asked about, the parameters from the world file, and keyed draws.
/// Whatever it answers must follow from these alone.
pub type ConditionFn = dyn Fn(&ConditionContext<'_>, &Value, &mut Draw) -> bool + Send + Sync;

/// Does something to an NPC at the end of an activity, with the parameters from the world file.
pub type EffectFn = dyn Fn(&mut EffectContext<'_>, &Value) + Send + Sync;

/// Weighs an activity for an NPC: 1 is neutral. Values are clamped to 0 to 100; what is no number counts as 1.
pub type FactorFn = dyn Fn(&ConditionContext<'_>, ActivityId) -> f64 + Send + Sync;

/// Something of a developer's own under its name.
pub struct Named<F: ?Sized> {
    /// Its name.
    pub name: Box<str>,
    /// What it does.
    pub call: Arc<F>,
}

impl<F: ?Sized> Clone for Named<F> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), call: Arc::clone(&self.call) }
    }
}

impl<F: ?Sized> fmt::Debug for Named<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Named").field(&self.name).finish()
    }
}

/// Everything that has been added. A resource of each world; not persisted.
#[derive(Resource, Debug, Clone, Default)]
pub struct Extensions {
    pub(crate) conditions: Shelf<ConditionFn>,
    pub(crate) effects: Shelf<EffectFn>,
    pub(crate) factors: Shelf<FactorFn>,
    /// Names that were given twice.
    pub(crate) errors: Vec<String>,
}

/// Functions by name.
pub(crate) struct Shelf<F: ?Sized>(BTreeMap<Box<str>, Named<F>>);

impl<F: ?Sized> Default for Shelf<F> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<F: ?Sized> fmt::Debug for Shelf<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<F: ?Sized> Clone for Shelf<F> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<F: ?Sized> Shelf<F> {
    /// Puts a function under a name. False where the name is taken.
    pub(crate) fn put(&mut self, name: &str, call: Arc<F>) -> bool {
        self.0.insert(name.into(), Named { name: name.into(), call }).is_none()
    }

    /// The function of a name, or a sentence that lists which there are.
    pub(crate) fn find(&self, what: &str, name: &str) -> Result<Named<F>, String> {
        self.0.get(name).cloned().ok_or_else(|| {
            let known: Vec<&str> = self.0.keys().map(AsRef::as_ref).collect();
            let list = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            format!("{} (registered: {list})", unknown(&format!("registered {what}"), name, known.iter().copied()))
        })
    }

    /// All of them in the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Named<F>> {
        self.0.values()
    }
}
