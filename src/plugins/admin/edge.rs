//! The edge of generation: what waits for the workers and behind what, and the limits of what may be with them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::audit::Ticket;
use super::body::Body;
use super::callers::{Caller, wall_micros};
use super::lists::{page_limit, wall};
use super::npcs::rejected;
use super::{App, Problem};
use crate::components::ids::WorldId;
use crate::config::Flaw;
use crate::plugins::host::{EdgeFilter, EdgeLimits, LimitScope, OwnLimits, OwnQuota, Quota};
use crate::plugins::store::{LIMITS_MAX, LimitRow, LimitsChanged};
use crate::world::spec::is_text;

type Answered = Result<Json<Value>, Problem>;

/// Which jobs that wait are shown.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EdgeQuery {
    world: Option<String>,
    user: Option<String>,
    kind: Option<String>,
    limit: Option<u32>,
}

pub(super) async fn show(State(app): State<App>, query: Result<Query<EdgeQuery>, QueryRejection>) -> Answered {
    let Query(EdgeQuery { world, user, kind, limit }) = query.map_err(|error| rejected(&error))?;
    let limit = usize::try_from(page_limit(limit)?).unwrap_or(usize::MAX);
    Ok(Json(app.parts.view.edge_shown(&EdgeFilter { world, user, kind, limit })))
}

/// A JSON Merge Patch of the limits: null takes a value back.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct LimitsPatch {
    all: Option<QuotaPatch>,
    per_user: Option<QuotaPatch>,
    per_kind: Option<QuotaPatch>,
    per_shard: Option<QuotaPatch>,
    per_world: Option<QuotaPatch>,
    users: BTreeMap<String, Option<QuotaPatch>>,
    kinds: BTreeMap<String, Option<QuotaPatch>>,
    shards: BTreeMap<String, Option<QuotaPatch>>,
    worlds: BTreeMap<String, Option<QuotaPatch>>,
}

/// What is to change of one quota.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct QuotaPatch {
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Option<u32>", range(max = 1_000_000))]
    concurrent: Option<Option<u32>>,
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Option<u32>", range(max = 100_000_000))]
    per_hour: Option<Option<u32>>,
}

/// Tells null from what is not there.
fn given<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<u32>>, D::Error> {
    Option::deserialize(value).map(Some)
}

impl QuotaPatch {
    fn over(self, held: OwnQuota) -> OwnQuota {
        OwnQuota {
            concurrent: self.concurrent.unwrap_or(held.concurrent),
            per_hour: self.per_hour.unwrap_or(held.per_hour),
        }
    }
}

/// The key of a scope in an answer and a patch: of everybody, and by name.
fn keys(scope: LimitScope) -> (&'static str, &'static str) {
    match scope {
        LimitScope::All => ("all", ""),
        LimitScope::User => ("perUser", "users"),
        LimitScope::Kind => ("perKind", "kinds"),
        LimitScope::Shard => ("perShard", "shards"),
        LimitScope::World => ("perWorld", "worlds"),
    }
}

/// What changes of one quota: of everybody, or by a name; without a patch, what was said is taken back.
struct Change {
    scope: LimitScope,
    name: Option<String>,
    patch: Option<QuotaPatch>,
}

impl Change {
    /// Why nothing can have such a name, if nothing can.
    fn flaw(&self) -> Option<Flaw> {
        let name = self.name.as_deref()?;
        let words = match self.scope {
            LimitScope::World => WorldId::new(name).err()?.to_string(),
            LimitScope::Shard => name.parse::<u16>().err().map(|_| "shards have numbers".to_owned())?,
            _ if is_text(name) => return None,
            _ => "a name has 1 to 128 printable characters".to_owned(),
        };
        let pointer = format!("/{}/{}", keys(self.scope).1, name.replace('~', "~0").replace('/', "~1"));
        Some(Flaw::new(pointer, "invalid", words))
    }
}

impl LimitsPatch {
    /// What changes, by scope and name.
    fn changes(self) -> Vec<Change> {
        let everybody = [
            (LimitScope::All, self.all),
            (LimitScope::User, self.per_user),
            (LimitScope::Kind, self.per_kind),
            (LimitScope::Shard, self.per_shard),
            (LimitScope::World, self.per_world),
        ];
        let by_name = [
            (LimitScope::User, self.users),
            (LimitScope::Kind, self.kinds),
            (LimitScope::Shard, self.shards),
            (LimitScope::World, self.worlds),
        ];
        let everybody = everybody.into_iter().filter(|(_, patch)| patch.is_some());
        let everybody = everybody.map(|(scope, patch)| Change { scope, name: None, patch });
        let by_name = by_name.into_iter().flat_map(|(scope, names)| {
            names.into_iter().map(move |(name, patch)| Change { scope, name: Some(name), patch })
        });
        everybody.chain(by_name).collect()
    }
}

pub(super) async fn limits(State(app): State<App>) -> Answered {
    let rows = app.parts.store.generation_limits().await?;
    Ok(Json(limits_json(app.parts.view.edge().lock().limits(), &rows)))
}

pub(super) async fn change_limits(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(ticket): Extension<Ticket>,
    Body(patch): Body<LimitsPatch>,
) -> Answered {
    let changes = patch.changes();
    let flaws: Vec<Flaw> = changes.iter().filter_map(Change::flaw).collect();
    if !flaws.is_empty() {
        return Err(Problem::from_flaws(flaws));
    }
    // One change after the other: the last one that is stored is the one that holds.
    let _one = app.limits.lock().await;
    let rows = app.parts.store.generation_limits().await?;
    let (held, at) = (OwnLimits::of_rows(&rows), wall_micros());
    let row = |Change { scope, name, patch }: Change| {
        let name = name.unwrap_or_default();
        let quota = patch.map_or_else(OwnQuota::default, |patch| patch.over(held.get(scope, &name)));
        let (concurrent, per_hour) = (quota.concurrent.map(i64::from), quota.per_hour.map(i64::from));
        let (scope, changed_by) = (scope.as_str().to_owned(), caller.who.clone());
        LimitRow { scope, name, concurrent, per_hour, changed_by, changed_at: at }
    };
    let changed: Vec<LimitRow> = changes.into_iter().map(row).collect();
    match app.parts.store.change_generation_limits(&changed, Some(ticket.end(StatusCode::OK))).await? {
        LimitsChanged::Done => {}
        LimitsChanged::TooMany => {
            let words = format!("there may be {LIMITS_MAX} limits of their own: take some back (null)");
            return Err(Problem::new(StatusCode::CONFLICT, words));
        }
    }
    let rows = app.parts.store.generation_limits().await?;
    let edge = app.parts.view.edge();
    edge.lock().change(OwnLimits::of_rows(&rows));
    Ok(Json(limits_json(edge.lock().limits(), &rows)))
}

/// What holds for everybody, what is said by name, what the configuration says, and who has changed what.
fn limits_json(limits: &EdgeLimits, rows: &[LimitRow]) -> Value {
    let quota = |quota: Quota| json!({ "concurrent": quota.concurrent, "perHour": quota.per_hour });
    let (mut shown, mut configured) = (Map::new(), Map::new());
    for scope in LimitScope::ALL {
        let (everybody, by_name) = keys(scope);
        shown.insert(everybody.to_owned(), quota(limits.quota(scope, "")));
        configured.insert(everybody.to_owned(), quota(limits.configured(scope)));
        if !by_name.is_empty() {
            let named = rows.iter().filter(|row| row.scope == scope.as_str() && !row.name.is_empty());
            let named =
                named.map(|row| (row.name.clone(), json!({ "concurrent": row.concurrent, "perHour": row.per_hour })));
            shown.insert(by_name.to_owned(), Value::Object(named.collect()));
        }
    }
    let changed = rows
        .iter()
        .map(|row| json!({ "scope": row.scope, "name": row.name, "by": row.changed_by, "at": wall(row.changed_at) }));
    shown.insert("changed".to_owned(), changed.collect());
    shown.insert("configured".to_owned(), Value::Object(configured));
    Value::Object(shown)
}
