//! Events as they are committed, as server-sent events. Whoever comes back with `Last-Event-ID`, and whoever reads too
//! slowly, gets what it has missed from the store: every event once, in the order of the list.

#![expect(clippy::disallowed_methods, reason = "a token is looked up again by wall time")]

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, StreamExt, stream};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::callers::{BELIEVED_FOR, Caller};
use super::lists::must_exist;
use super::{App, Problem};
use crate::plugins::host::EventLine;
use crate::plugins::store::{Cursor, EventFilter, Page, ShardId};

/// Silence on the stream is broken by a comment this often, so that both ends notice a dead connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Events that are read from the store at a time.
const PAGE_ROWS: u32 = 200;

/// Which events.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamQuery {
    world: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl StreamQuery {
    fn wants(&self, line: &EventLine) -> bool {
        self.world.as_ref().is_none_or(|world| line.world_id.as_ref() == Some(world))
            && self.kind.as_ref().is_none_or(|kind| line.event_type == *kind)
    }

    fn filter(&self) -> EventFilter {
        EventFilter {
            topic: Some("simulation.event".into()),
            world_id: self.world.clone(),
            event_type: self.kind.clone(),
            tick_id: None,
        }
    }
}

pub(super) async fn events(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    query: Result<Query<StreamQuery>, QueryRejection>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    must_exist(&app, query.world.as_deref())?;
    let asked = last_event_id(&headers)?;
    let Ok(permit) = app.streams.clone().try_acquire_owned() else {
        let words = "too many followers at a time (admin.streams_max): try again later";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, words));
    };
    // In this order: what is committed in between is told, too.
    let events = app.parts.view.subscribe();
    let now = end_of(app.parts.view.status().commit_no);
    // A place that is still to come is one of another store.
    let asked = asked.filter(|asked| *asked < now);
    // time: streams: looking whether a token still holds | real | tokio timer and Instant | every 5 s
    let follower = Follower {
        last: asked.unwrap_or(now),
        behind: asked.is_some(),
        judged_at: Instant::now(),
        caller,
        app,
        query,
        events,
        _permit: permit,
    };
    let lines = stream::unfold(follower, Follower::next).flat_map(stream::iter);
    Ok(Sse::new(lines).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<Cursor>, Problem> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let cursor = value.to_str().unwrap_or_default().parse::<Cursor>();
    cursor.map(Some).map_err(|error| Problem::invalid("Last-Event-ID", "invalid", error.to_string()))
}

/// Behind everything that a commit holds.
fn end_of(commit_no: i64) -> Cursor {
    Cursor { commit_no, shard: ShardId::MAX, seq: i64::MAX }
}

/// One reader of the stream.
struct Follower {
    app: App,
    caller: Caller,
    /// When it was last asked whether the caller may still listen.
    judged_at: Instant,
    query: StreamQuery,
    events: Receiver<std::sync::Arc<Vec<EventLine>>>,
    /// Everything up to here has been sent.
    last: Cursor,
    /// Whether the store holds something that is still to be sent.
    behind: bool,
    _permit: OwnedSemaphorePermit,
}

impl Follower {
    /// The next events. Nothing: the server stops, the token is none any more, or the store does not answer; whoever may
    /// comes back and goes on.
    async fn next(mut self) -> Option<(Vec<Result<Event, Infallible>>, Self)> {
        loop {
            if self.judged_at.elapsed() >= BELIEVED_FOR {
                if !self.app.callers.still(&self.caller).await {
                    return None;
                }
                // time: streams: looking whether a token still holds | real | tokio timer and Instant | every 5 s
                self.judged_at = Instant::now();
            }
            let lines = if self.behind { self.stored().await? } else { self.live().await? };
            if !lines.is_empty() {
                return Some((lines.into_iter().map(Ok).collect(), self));
            }
        }
    }

    async fn stored(&mut self) -> Option<Vec<Event>> {
        let page = self.app.parts.store.events(&self.query.filter(), Page::After(self.last), PAGE_ROWS).await;
        let rows = page.inspect_err(|error| tracing::debug!(%error, "a stream of events ends")).ok()?;
        self.behind = rows.len() == PAGE_ROWS as usize;
        self.last = rows.last().map_or(self.last, |row| row.cursor);
        let line = |cursor, kind: &str, body: Option<&[u8]>| to_sse(cursor, kind, body.unwrap_or_default());
        Some(rows.iter().map(|row| line(row.cursor, &row.row.event_type, row.row.body.as_deref())).collect())
    }

    async fn live(&mut self) -> Option<Vec<Event>> {
        // time: streams: looking whether a token still holds | real | tokio timer and Instant | every 5 s
        let batch = tokio::select! {
            batch = self.events.recv() => batch,
            () = self.app.parts.stopping.cancelled() => return None,
            () = tokio::time::sleep_until(self.judged_at + BELIEVED_FOR) => return Some(Vec::new()),
        };
        match batch {
            Ok(batch) => {
                let last = self.last;
                let wanted = batch.iter().filter(|line| line.cursor > last && self.query.wants(line));
                let lines = wanted.map(|line| to_sse(line.cursor, &line.event_type, &line.body)).collect();
                self.last = batch.last().map_or(last, |line| line.cursor.max(last));
                Some(lines)
            }
            Err(RecvError::Lagged(_)) => {
                self.behind = true;
                Some(Vec::new())
            }
            Err(RecvError::Closed) => None,
        }
    }
}

fn to_sse(cursor: Cursor, kind: &str, body: &[u8]) -> Event {
    // Events are one line of JSON.
    Event::default().id(cursor.to_string()).event(kind).data(String::from_utf8_lossy(body))
}
