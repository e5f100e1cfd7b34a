//! The one table of the API's routes, with the scope that each needs. The router is made of it and of nothing else, so a
//! route cannot be there without a scope.

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{self, MethodRouter};

use super::access::{self, Guarded};
use super::scope::Scope::{self, Admin, ConfigWrite, Operate, Read};
use super::{App, crowd, factions, lists, npcs, registry, sessions, shocks, simulation, stream, tasks, tokens, worlds};

/// A route below `/api/v1`, without what serves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteSpec {
    /// Its method. GET answers HEAD as well.
    pub method: &'static str,
    /// Its path, with the names of its parameters.
    pub path: &'static str,
    /// The scope that it needs.
    pub scope: Scope,
    /// The parameters that its query knows.
    pub query: &'static [&'static str],
    /// What it does, with query and body; for its page of the documentation.
    pub about: &'static str,
}

type Words = &'static str;

/// What lists take whose cursor is a place in the store.
const PAGE: &[Words] = &["limit", "cursor", "before", "after"];
const DRY_RUN: &[Words] = &["dryRun"];

impl RouteSpec {
    /// Whether it may change something; then it is in the audit.
    pub fn changes(&self) -> bool {
        self.method != "GET"
    }
}

struct Route {
    spec: RouteSpec,
    service: MethodRouter<App>,
    /// Whether it goes on for as long as its reader likes; it has a bound of its own.
    streams: bool,
}

impl Route {
    fn new(method: Words, scope: Scope, path: Words, service: MethodRouter<App>, about: Words) -> Self {
        Self { spec: RouteSpec { method, path, scope, query: &[], about }, service, streams: false }
    }

    /// With these parameters in its query. Without, it takes none.
    fn asks(mut self, query: &'static [&'static str]) -> Self {
        self.spec.query = query;
        self
    }
}

fn get<H: Handler<T, App>, T: 'static>(scope: Scope, path: Words, handler: H, about: Words) -> Route {
    Route::new("GET", scope, path, routing::get(handler), about)
}

fn post<H: Handler<T, App>, T: 'static>(scope: Scope, path: Words, handler: H, about: Words) -> Route {
    Route::new("POST", scope, path, routing::post(handler), about)
}

fn patch<H: Handler<T, App>, T: 'static>(scope: Scope, path: Words, handler: H, about: Words) -> Route {
    Route::new("PATCH", scope, path, routing::patch(handler), about)
}

fn delete<H: Handler<T, App>, T: 'static>(scope: Scope, path: Words, handler: H, about: Words) -> Route {
    Route::new("DELETE", scope, path, routing::delete(handler), about)
}

/// Everything below `/api/v1`.
fn table() -> impl Iterator<Item = Route> {
    [worlds(), orders(), market_and_people(), sessions(), records(), keys()].into_iter().flatten()
}

/// Worlds that come and go, and how they are simulated.
fn worlds() -> Vec<Route> {
    vec![
        get(Read, "/worlds", worlds::list, "All worlds: time, pace, status, lag, NPCs by tier, state hash."),
        post(
            Admin,
            "/worlds",
            registry::create,
            "Registers the world of a world file (YAML or JSON) in the body. 201 with `Location`; 409 if the id is taken.",
        ),
        get(Read, "/worlds/{world}", worlds::show, "One world."),
        delete(Admin, "/worlds/{world}", registry::remove, "Unregisters it: its state goes, its history stays."),
        get(Read, "/worlds/{world}/file", registry::file, "Its world file as it holds now."),
        post(
            ConfigWrite,
            "/worlds/{world}/apply",
            registry::apply,
            "Alters it to the world file in the body where that can be done in place: with `If-Match`, the `ETag` of \
             `…/simulation`; `?dryRun=true` only tells.",
        )
        .asks(DRY_RUN),
        get(Read, "/worlds/{world}/simulation", simulation::show, "Its block `meta.simulation`, with an `ETag`."),
        patch(
            ConfigWrite,
            "/worlds/{world}/simulation",
            simulation::change,
            "Changes it by a JSON Merge Patch from the next step on: with `If-Match`; `?dryRun=true` only tells.",
        )
        .asks(DRY_RUN),
        get(
            Read,
            "/worlds/{world}/simulation/history",
            simulation::history,
            "Who changed what, when, from and to. A page.",
        )
        .asks(PAGE),
    ]
}

/// What people ask of a world.
fn orders() -> Vec<Route> {
    vec![
        get(
            Read,
            "/worlds/{world}/commands",
            registry::commands,
            "The commands that it was given, with their outcomes. A page.",
        )
        .asks(PAGE),
        // Some commands need more: see `of_command`.
        post(
            Operate,
            "/worlds/{world}/commands",
            registry::send_command,
            "`{\"command\", \"payload\"}`: what `world.command` takes; some commands need another scope.",
        ),
        get(
            Read,
            "/worlds/{world}/commands/{command}",
            registry::show_command,
            "A command by its id or its `Idempotency-Key`: outcome and answer.",
        ),
        post(
            Operate,
            "/worlds/{world}/pause",
            worlds::pause,
            "`{\"reason\"?, \"by\"?, \"until\"?}`: pauses it, until an instant of wall time if one is given.",
        ),
        post(Operate, "/worlds/{world}/resume", worlds::resume, "Lets it go on."),
        post(
            Operate,
            "/worlds/{world}/step",
            worlds::step,
            "`{\"game_seconds\"}`, `{\"real_seconds\"}` or `{\"steps\"}`: steps a manual or paused world.",
        ),
        post(
            Operate,
            "/worlds/{world}/tick",
            worlds::tick,
            "`{\"type\": \"hourly\"}` or `\"daily\"`: forces a tick now.",
        ),
        post(
            Admin,
            "/worlds/{world}/reset",
            worlds::reset,
            "Begins it anew, from its file where there is one; its state goes.",
        ),
        post(
            Operate,
            "/worlds/{world}/recover",
            worlds::recover,
            "`{\"action\": \"retry\"}` or `\"skip\"`: brings a faulted world back, with or without the input that failed.",
        ),
    ]
}

/// Who and what is in a world.
fn market_and_people() -> Vec<Route> {
    vec![
        get(Read, "/worlds/{world}/markets", worlds::markets, "Its markets as they last cleared."),
        get(Read, "/worlds/{world}/markets/{market}", worlds::market_history, "How a market cleared before. A page.")
            .asks(PAGE),
        get(
            Read,
            "/worlds/{world}/ledger",
            worlds::ledger,
            "Where its money and goods came from and went since its beginning, by kind, and what its treasury has.",
        ),
        get(Read, "/worlds/{world}/agents", worlds::agents, "Its agents: `after` (an id), `role`, `place`, `limit`.")
            .asks(&["after", "limit", "role", "place"]),
        get(
            Read,
            "/worlds/{world}/explain",
            worlds::explain,
            "What its prices are made of, or with `agent` why that one did or did not trade in the last hour.",
        )
        .asks(&["agent"]),
        get(Read, "/worlds/{world}/agents/{agent}", worlds::agent, "One agent: money, goods, inventory, beliefs."),
        get(Read, "/worlds/{world}/factions", factions::list, "Its factions by id, with their powers. A page.")
            .asks(&["cursor", "limit"]),
        get(
            Read,
            "/worlds/{world}/factions/{faction}",
            factions::show,
            "One faction: powers, goals, temperament, wars and allies.",
        ),
        get(
            Read,
            "/worlds/{world}/relations",
            factions::matrix,
            "How its factions stand to each other: a matrix of states and scores, of `factions` (ids with commas between \
             them) or of the first 200.",
        )
        .asks(&["factions"]),
        get(
            Read,
            "/worlds/{world}/relations/{one}/{other}",
            factions::pair,
            "How two factions stand: love, trust, fear of either, treaties, and what happened between them.",
        ),
        get(
            Read,
            "/worlds/{world}/relations/{one}/{other}/explain",
            factions::explain,
            "Why they stand so: each part of the score now (`scoreNow`), the score when it was last evaluated (`score`), the scores at which the state ends, what holds it, treaties in force or to come.",
        ),
        get(
            Read,
            "/worlds/{world}/relations/{one}/{other}/history",
            factions::history,
            "What happened between two factions, from the database, over all resets of the world, each with its `incarnation`. A page.",
        )
        .asks(PAGE),
        get(
            Read,
            "/worlds/{world}/standings",
            factions::standings,
            "How each pair of its factions stands, from the database, as of when it was last told: by pair. A page.",
        )
        .asks(&["cursor", "limit"]),
        get(
            Read,
            "/worlds/{world}/crowd",
            crowd::show,
            "Its crowd: money, and each sector with its people, what they do, and the signals that last.",
        ),
        get(
            Read,
            "/worlds/{world}/shocks",
            shocks::list,
            "Its shocks: those that are active or to come, then the last that have ended; and what other plugins signalled.",
        ),
        post(
            Operate,
            "/worlds/{world}/shocks",
            shocks::add,
            "`{\"kind\", \"commodity\"?, \"role\"?, \"factor\"?, …}`: an entry of `economy.shocks` of a world file. 201; 409 if \
             its `id` is taken.",
        ),
        delete(
            Operate,
            "/worlds/{world}/shocks/{shock}",
            shocks::end,
            "Ends it before its time; 404 if it is not live.",
        ),
        get(
            Read,
            "/worlds/{world}/steps",
            npcs::steps,
            "Its last steps, newest first: what they did, and where the time went.",
        )
        .asks(&["limit"]),
        get(
            Read,
            "/worlds/{world}/scheduler",
            npcs::scheduler,
            "Its `WorldSimulationContext`: configuration, tiers, budget, what was deferred and why.",
        ),
        get(Read, "/worlds/{world}/npcs", npcs::list, "Its NPCs by id: `tier`, `place`. A page.")
            .asks(&["cursor", "limit", "tier", "place"]),
        get(Read, "/worlds/{world}/npcs/{npc}", npcs::show, "One NPC, by name, by `npc-<number>` or by number."),
        get(
            Read,
            "/worlds/{world}/npcs/{npc}/explain",
            npcs::explain,
            "Why it is in its tier, when its turn is and why that late, and its decision, factor by factor.",
        ),
        post(
            Operate,
            "/worlds/{world}/npcs/{npc}/pin",
            npcs::pin,
            "`{\"tier\"}`: keeps it there, before every rule and focus.",
        ),
        delete(Operate, "/worlds/{world}/npcs/{npc}/pin", npcs::unpin, "Lets it go where rules and focus want it."),
    ]
}

/// Playthroughs, and what is in focus.
fn sessions() -> Vec<Route> {
    vec![
        get(Read, "/worlds/{world}/focus", sessions::focused, "What is in focus, by whom and until when. A page.")
            .asks(&["cursor", "limit"]),
        post(
            Operate,
            "/worlds/{world}/focus",
            npcs::focus,
            "`{\"kind\", \"place\"?, \"npcs\"?, \"ttlSeconds\", \"sessionId\"?}`: the payload of `scheduler.focus`.",
        ),
        post(Operate, "/worlds/{world}/unfocus", npcs::unfocus, "The payload of `scheduler.unfocus`."),
        get(Read, "/worlds/{world}/sessions", sessions::list, "The sessions that run, by id. A page.")
            .asks(&["cursor", "limit"]),
        post(
            Operate,
            "/worlds/{world}/sessions",
            sessions::start,
            "`{\"sessionId\", \"flags\"?, \"preferences\"?}`: starts a session. 201.",
        ),
        get(Read, "/worlds/{world}/sessions/{session}", sessions::show, "One session: flags, preferences, focus."),
        patch(
            Operate,
            "/worlds/{world}/sessions/{session}",
            sessions::set,
            "`{\"flags\"?, \"preferences\"?}`: sets flags (null takes one away) and preferences.",
        ),
        delete(Operate, "/worlds/{world}/sessions/{session}", sessions::end, "Ends it, and with it its focus."),
    ]
}

/// What happened, and what is known.
fn records() -> Vec<Route> {
    vec![
        get(Read, "/ticks", lists::ticks, "What became of ticks: `world`, `tick`, `outcome`. A page.").asks(&["world", "type", "outcome", "tick", "limit", "cursor", "before", "after"]),
        get(Read, "/events", lists::events, "Events as they were published: `world`, `type`, `tick`, `topic`. A page.").asks(&["world", "type", "tick", "topic", "limit", "cursor", "before", "after"]),
        Route {
            streams: true,
            ..get(
                Read,
                "/events/stream",
                stream::events,
                "Events as they come (server-sent events): `world`, `type`; `Last-Event-ID` goes on where a reader left.",
            ).asks(&["world", "type"])
        },
        get(Read, "/dead-letters", lists::dead_letters, "Messages that could not be used, with the reason. A page.").asks(&["topic", "limit", "cursor", "before", "after"]),
        get(Read, "/tasks", tasks::list, "The periodic tasks: last run, next run, last error."),
        post(Operate, "/tasks/{task}/run", tasks::run, "Runs one now and answers with what it did; 409 while it runs."),
        get(
            Read,
            "/metrics/history",
            tasks::metric_history,
            "A metric as it was: `name`, `labels`, `from`, `to`. A page.",
        ).asks(&["name", "labels", "from", "to", "cursor", "limit"]),
        get(Read, "/catalogue", lists::catalogue, "Event types, commands and queries that this server knows."),
        get(Read, "/schemas", lists::schemas, "The names of the JSON Schemas."),
        get(Read, "/schemas/{name}", lists::schema, "One JSON Schema."),
    ]
}

/// Who may what, and who did what.
fn keys() -> Vec<Route> {
    vec![
        get(
            Admin,
            "/tokens",
            tokens::list,
            "Tokens: name, scopes, when they were made, used, expire. Never the tokens themselves.",
        ),
        post(
            Admin,
            "/tokens",
            tokens::create,
            "`{\"name\", \"scopes\", \"expires_at\"?}`: makes a token and shows it, once.",
        ),
        post(Admin, "/tokens/{token}/revoke", tokens::revoke, "Revokes one, by name or id."),
        get(Admin, "/audit", tokens::audit, "Every change that somebody asked for: `world`, `who`, `outcome`. A page.")
            .asks(&["world", "who", "outcome", "cursor", "limit"]),
    ]
}

/// The scope that a command needs that is given by its name: that of the route which does the same.
pub(super) fn of_command(name: &str) -> Scope {
    match name {
        "world.register" | "world.unregister" => Admin,
        "world.configure" => ConfigWrite,
        _ => Operate,
    }
}

/// All routes below `/api/v1` with their scopes.
pub fn all() -> Vec<RouteSpec> {
    table().map(|route| route.spec).collect()
}

/// The routes, each behind its guard.
pub(super) fn api(app: &App) -> Router<App> {
    table().fold(Router::new(), |router, Route { spec, mut service, streams }| {
        service = service.route_layer(from_fn_with_state(spec, access::known_query));
        if !streams {
            service = service.route_layer(from_fn_with_state(app.clone(), access::bounded));
        }
        let guarded = Guarded { app: app.clone(), route: spec };
        router.route(spec.path, service.route_layer(from_fn_with_state(guarded, access::guard)))
    })
}
