//! The audit: who changed, or tried to change, what. A row is written before the change and completed after it; under no
//! lease, since refusals and tokens belong to no world.

use sqlx::AssertSqlSafe;

use super::StoreError;
use super::error::Failure;
use super::pages::{Conditions, PAGE_ROWS_MAX};
use super::session::Session;
use super::store::Store;
use super::value::{Row, values};

/// What became of what somebody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditOutcome {
    /// It has begun, and nobody has said how it ended.
    Begun,
    /// It was done.
    Done,
    /// It was refused, and changed nothing.
    Refused,
    /// The server could not do it, or could not say that it was done.
    Failed,
}

impl AuditOutcome {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// A row to be written. Instants are wall time in microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAudit {
    /// When.
    pub at: i64,
    /// The token's name, or what stands for one.
    pub who: String,
    /// The token's id.
    pub token_id: Option<String>,
    /// The scope that was needed.
    pub scope: String,
    /// The address it came from.
    pub source: String,
    /// The method.
    pub method: String,
    /// The route, with the names of its parameters.
    pub route: String,
    /// The world that it was about.
    pub world_id: Option<String>,
    /// What was asked for, as JSON without secrets.
    pub summary: String,
    /// What is known of its end.
    pub outcome: AuditOutcome,
    /// The status of the answer.
    pub status: Option<u16>,
}

/// A row as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number; later ones are larger.
    pub seq: i64,
    /// When.
    pub at: i64,
    /// The token's name, or what stands for one.
    pub who: String,
    /// The token's id.
    pub token_id: Option<String>,
    /// The scope that was needed.
    pub scope: String,
    /// The address it came from.
    pub source: String,
    /// The method.
    pub method: String,
    /// The route, with the names of its parameters.
    pub route: String,
    /// The world that it was about.
    pub world_id: Option<String>,
    /// What was asked for, as JSON without secrets.
    pub summary: String,
    /// `begun`, `done`, `refused` or `failed`.
    pub outcome: String,
    /// The status of the answer.
    pub status: Option<i64>,
    /// When the answer was there.
    pub completed_at: Option<i64>,
}

/// How something that had begun ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditEnd {
    /// The row.
    pub seq: i64,
    /// When.
    pub at: i64,
    /// How.
    pub outcome: AuditOutcome,
    /// The status of the answer.
    pub status: u16,
}

impl AuditEnd {
    /// Writes it in a transaction that somebody has begun. The first end of a row is the one that holds.
    pub(super) async fn write(self, session: &mut Session) -> Result<(), Failure> {
        let sql = "UPDATE audit SET outcome = $2, status = $3, completed_at = $4 WHERE seq = $1 AND outcome = 'begun'";
        let values = values![self.seq, self.outcome.as_str(), i64::from(self.status), self.at];
        session.execute(sql, &values).await.map(|_| ())
    }
}

/// Which rows of the audit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// About this world.
    pub world_id: Option<String>,
    /// By this token name, or what stands for one.
    pub who: Option<String>,
    /// With this outcome.
    pub outcome: Option<String>,
}

impl Store {
    /// Writes a row; gives its number.
    ///
    /// # Errors
    /// What can befall a write. Where the outcome is unknown, the row may be there as it was to be written.
    pub async fn audit(&self, row: &NewAudit) -> Result<i64, StoreError> {
        let fail = |failure: Failure| failure.into_error("write the audit", "audit");
        let mut session = self.inner.engine.background().await.map_err(fail)?;
        let sql = "INSERT INTO audit (at, who, token_id, scope, source, method, route, world_id, summary, outcome, \
                   status, completed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING seq";
        let completed_at = (row.outcome != AuditOutcome::Begun).then_some(row.at);
        let values = values![
            row.at,
            &row.who,
            &row.token_id,
            &row.scope,
            &row.source,
            &row.method,
            &row.route,
            &row.world_id,
            &row.summary,
            row.outcome.as_str(),
            row.status.map(i64::from),
            completed_at,
        ];
        let rows = session.fetch(sql, &values).await.map_err(fail)?;
        let missing = || StoreError::Unreadable { table: "audit", message: "a new row has no number".to_owned() };
        let seq = rows.first().ok_or_else(missing)?.read("audit").int()?;
        session.commit().await.map_err(fail)?;
        Ok(seq)
    }

    /// Says how something ended. The first to say so is believed.
    ///
    /// # Errors
    /// What can befall a write.
    pub async fn complete_audit(&self, end: AuditEnd) -> Result<(), StoreError> {
        let fail = |failure: Failure| failure.into_error("complete the audit", "audit");
        let mut session = self.inner.engine.background().await.map_err(fail)?;
        end.write(&mut session).await.map_err(fail)?;
        session.commit().await.map_err(fail)
    }

    /// The audit, newest first, from before row `before` on.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn audit_rows(
        &self,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let fail = |failure: Failure| failure.into_error("read the audit", "audit");
        let mut conditions = Conditions::new();
        conditions
            .equal("world_id", filter.world_id.as_deref())
            .equal("who", filter.who.as_deref())
            .equal("outcome", filter.outcome.as_deref());
        let Conditions { mut text, mut values } = conditions;
        values.extend(values![before.unwrap_or(i64::MAX), limit.min(PAGE_ROWS_MAX)]);
        text.push_str(&format!(" AND seq < ${}", values.len() - 1));
        let sql = format!(
            "SELECT seq, at, who, token_id, scope, source, method, route, world_id, summary, outcome, status, \
             completed_at FROM audit WHERE {text} ORDER BY seq DESC LIMIT ${}",
            values.len()
        );
        let mut session = self.reader("read the audit").await?;
        session.fetch(AssertSqlSafe(sql), &values).await.map_err(fail)?.iter().map(audit_row).collect()
    }
}

fn audit_row(row: &Row) -> Result<AuditRow, StoreError> {
    let mut columns = row.read("audit");
    Ok(AuditRow {
        seq: columns.int()?,
        at: columns.int()?,
        who: columns.text()?,
        token_id: columns.text_or_none()?,
        scope: columns.text()?,
        source: columns.text()?,
        method: columns.text()?,
        route: columns.text()?,
        world_id: columns.text_or_none()?,
        summary: columns.text()?,
        outcome: columns.text()?,
        status: columns.int_or_none()?,
        completed_at: columns.int_or_none()?,
    })
}
