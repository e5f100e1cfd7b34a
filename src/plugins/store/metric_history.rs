//! Metrics of the past, and what is wrong with ticks of our own.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::StoreError;
use super::error::Failure;
use super::store::Store;
use super::value::{Value, values};

const WRITE: &str = "write metrics";
const READ: &str = "read metrics of the past";
/// Rows of one statement, and of one transaction.
const ROWS_AT_ONCE: usize = 64;

/// One metric at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSample {
    /// Wall time in microseconds.
    pub at: i64,
    /// Its name.
    pub name: String,
    /// Its labels, as `key="value",…`; empty for none.
    pub labels: String,
    /// Its value.
    pub value: f64,
}

/// Which samples of a metric, newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricFilter {
    /// The metric.
    pub name: String,
    /// With exactly these labels.
    pub labels: Option<String>,
    /// From this instant on.
    pub from: Option<i64>,
    /// Before this place: instant and labels of a sample.
    pub before: Option<(i64, String)>,
}

/// Ticks of our own that were published and have not come back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OverdueTicks {
    /// How many.
    pub count: i64,
    /// When the oldest was made (wall time in microseconds).
    pub oldest: Option<i64>,
}

impl Store {
    /// Writes the first of these samples, as many as go into one transaction, and says how many they were. A sample that
    /// is there already stays as it is. It is broken off after `limit`, and then writes nothing.
    ///
    /// # Errors
    /// What can befall a write.
    pub async fn save_metrics(&self, samples: &[MetricSample], limit: Duration) -> Result<usize, StoreError> {
        let now = &samples[..samples.len().min(ROWS_AT_ONCE)];
        if now.is_empty() {
            return Ok(0);
        }
        let mut sql = "INSERT INTO metric_snapshot (at, name, labels, value) VALUES ".to_owned();
        let mut values: Vec<Value<'_>> = Vec::with_capacity(now.len() * 4);
        for (index, sample) in now.iter().enumerate() {
            let first = index * 4 + 1;
            let comma = if index == 0 { "" } else { ", " };
            sql.push_str(&format!("{comma}(${first}, ${}, ${}, ${})", first + 1, first + 2, first + 3));
            values.extend(values![sample.at, &sample.name, &sample.labels, sample.value]);
        }
        sql.push_str(" ON CONFLICT (at, name, labels) DO NOTHING");
        let fail = |failure: Failure| failure.into_error(WRITE, "metric_snapshot");
        let mut session = self.inner.engine.background_within(limit).await.map_err(fail)?;
        session.execute_last(AssertSqlSafe(sql), &values).await.map_err(fail)?;
        Ok(now.len())
    }

    /// Samples of a metric, newest first.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn metric_history(&self, filter: &MetricFilter, limit: u32) -> Result<Vec<MetricSample>, StoreError> {
        let mut sql = "SELECT at, labels, value FROM metric_snapshot WHERE name = $1 AND at >= $2".to_owned();
        let mut values = Vec::from(values![&filter.name, filter.from.unwrap_or(i64::MIN)]);
        if let Some((at, labels)) = &filter.before {
            sql.push_str(" AND (at, labels) < ($3, $4)");
            values.extend(values![*at, labels]);
        }
        if let Some(labels) = &filter.labels {
            values.extend(values![labels]);
            sql.push_str(&format!(" AND labels = ${}", values.len()));
        }
        values.extend(values![limit]);
        sql.push_str(&format!(" ORDER BY at DESC, labels DESC LIMIT ${}", values.len()));
        let mut session = self.reader(READ).await?;
        let rows = session.fetch(AssertSqlSafe(sql), &values).await;
        let rows = rows.map_err(|failure| failure.into_error(READ, "metric_snapshot"))?;
        rows.iter()
            .map(|row| {
                let mut columns = row.read("metric_snapshot");
                let (at, labels, value) = (columns.int()?, columns.text()?, columns.real()?);
                Ok(MetricSample { at, name: filter.name.clone(), labels, value })
            })
            .collect()
    }

    /// Ticks of our own that were made before `before`, are published and have not come back.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn overdue_ticks(&self, before: i64) -> Result<OverdueTicks, StoreError> {
        let sql = "SELECT count(*), min(created_at) FROM outbox WHERE is_tick = 1 AND created_at < $1 \
                   AND id <= (SELECT max(published_id) FROM outbox_mark WHERE outbox_mark.shard = outbox.shard) \
                   AND NOT EXISTS (SELECT 1 FROM tick WHERE tick.tick_id = outbox.tick_id)";
        let mut session = self.reader("look for lost ticks").await?;
        let rows = session.fetch(sql, &values![before]).await;
        let rows = rows.map_err(|failure| failure.into_error("look for lost ticks", "outbox"))?;
        let Some(row) = rows.first() else { return Ok(OverdueTicks::default()) };
        let mut columns = row.read("outbox");
        Ok(OverdueTicks { count: columns.int()?, oldest: columns.int_or_none()? })
    }
}
