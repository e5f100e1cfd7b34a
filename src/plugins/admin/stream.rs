//! Events as they are committed, as server-sent events. A reader that is too slow is told what it missed and goes on.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;

use super::{App, Problem};
use crate::plugins::host::EventLine;

/// Silence on the stream is broken by a comment this often, so that both ends notice a dead connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

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
}

pub(super) async fn events(
    State(app): State<App>,
    query: Result<Query<StreamQuery>, QueryRejection>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    let Ok(permit) = app.streams.clone().try_acquire_owned() else {
        let words = "too many followers at a time (admin.streams_max): try again later";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, words));
    };
    let events = app.parts.view.subscribe();
    let stopping = app.parts.stopping.clone();
    let stream = futures_util::stream::unfold((events, query, permit), move |(mut events, query, permit)| {
        let stopping = stopping.clone();
        async move {
            loop {
                let batch = tokio::select! {
                    batch = events.recv() => batch,
                    () = stopping.cancelled() => return None,
                };
                let lines: Vec<Event> = match batch {
                    Ok(batch) => batch.iter().filter(|line| query.wants(line)).map(to_sse).collect(),
                    Err(RecvError::Lagged(missed)) => {
                        vec![Event::default().event("missed").data(format!("{{\"batches\":{missed}}}"))]
                    }
                    Err(RecvError::Closed) => return None,
                };
                if !lines.is_empty() {
                    return Some((futures_util::stream::iter(lines.into_iter().map(Ok)), (events, query, permit)));
                }
            }
        }
    });
    Ok(Sse::new(futures_util::StreamExt::flatten(stream)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn to_sse(line: &EventLine) -> Event {
    // Events are one line of JSON.
    let data = String::from_utf8_lossy(&line.body).into_owned();
    Event::default().id(line.event_id.to_string()).event(line.event_type.clone()).data(data)
}
