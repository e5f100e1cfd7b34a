//! Tokens of the admin API: made, found, revoked, forgotten. They are under no lease: who may ask is not a matter of who
//! runs the worlds.

use super::StoreError;
use super::audit::AuditEnd;
use super::error::Failure;
use super::session::Session;
use super::store::Store;
use super::value::{Row, values};

/// The most tokens that are not revoked.
pub const TOKENS_MAX: i64 = 1_000;
/// The most revoked tokens that a list shows, newest first.
const REVOKED_SHOWN: i64 = 1_000;
const COLUMNS: &str = "token_id, name, scopes, hash, created_at, created_by, expires_at, revoked_at, revoked_by, \
                       last_used_at";

/// A token as it is stored. Instants are wall time in microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// What the token's text names it by; no secret.
    pub token_id: String,
    /// What people call it.
    pub name: String,
    /// Its scopes, with a space between.
    pub scopes: String,
    /// SHA-256 of its secret, in hexadecimal digits.
    pub hash: String,
    /// When it was made.
    pub created_at: i64,
    /// By whom.
    pub created_by: String,
    /// When it ends by itself.
    pub expires_at: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
    /// By whom.
    pub revoked_by: Option<String>,
    /// When it was last seen, to the minute.
    pub last_used_at: Option<i64>,
}

/// What became of a new token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenMade {
    /// It is stored.
    Done,
    /// A token that is not revoked has this name (or, once in 2^64 times, this id).
    NameTaken,
    /// There are [`TOKENS_MAX`] already.
    TooMany,
}

impl Store {
    /// Stores a new token and, in the same transaction, what the audit says of it.
    ///
    /// # Errors
    /// What can befall a write. Where the outcome is unknown, the token may be there without anybody knowing its secret.
    pub async fn create_token(&self, token: &TokenRow, audit: Option<AuditEnd>) -> Result<TokenMade, StoreError> {
        let fail = |failure: Failure| failure.into_error("store a token", "token");
        let mut session = self.inner.engine.background().await.map_err(fail)?;
        let sql = "SELECT count(*) FROM token WHERE revoked_at IS NULL";
        let rows = session.fetch(sql, &[]).await.map_err(fail)?;
        if rows.first().map(|row| row.read("token").int()).transpose()?.unwrap_or_default() >= TOKENS_MAX {
            session.rollback().await;
            return Ok(TokenMade::TooMany);
        }
        let sql = "INSERT INTO token (token_id, name, scopes, hash, created_at, created_by, expires_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
        let values = values![
            &token.token_id,
            &token.name,
            &token.scopes,
            &token.hash,
            token.created_at,
            &token.created_by,
            token.expires_at,
        ];
        if session.execute(sql, &values).await.map_err(fail)? == 0 {
            session.rollback().await;
            return Ok(TokenMade::NameTaken);
        }
        finish(&mut session, audit).await.map_err(fail)?;
        Ok(TokenMade::Done)
    }

    /// All tokens that are not revoked, and the newest that are; newest first.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM token ORDER BY CASE WHEN revoked_at IS NULL THEN 0 ELSE 1 END, created_at DESC, \
             token_id LIMIT $1"
        );
        self.select_tokens(sql, &values![TOKENS_MAX + REVOKED_SHOWN]).await
    }

    /// The token with this id, whatever its state.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn token(&self, token_id: &str) -> Result<Option<TokenRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM token WHERE token_id = $1");
        Ok(self.select_tokens(sql, &values![token_id]).await?.pop())
    }

    /// Revokes a token by its id or its name, for good, and gives it as it then is; none if there never was one. One that
    /// was revoked before stays as it was.
    ///
    /// # Errors
    /// What can befall a write.
    pub async fn revoke_token(
        &self,
        id_or_name: &str,
        at: i64,
        by: &str,
        audit: Option<AuditEnd>,
    ) -> Result<Option<TokenRow>, StoreError> {
        let fail = |failure: Failure| failure.into_error("revoke a token", "token");
        // The one that has the name now, before those that had it.
        let sql = format!(
            "SELECT {COLUMNS} FROM token WHERE token_id = $1 OR name = $1 \
             ORDER BY CASE WHEN token_id = $1 THEN 0 ELSE 1 END, CASE WHEN revoked_at IS NULL THEN 0 ELSE 1 END, \
             created_at DESC LIMIT 1"
        );
        let mut session = self.inner.engine.background().await.map_err(fail)?;
        let rows = session.fetch(sqlx::AssertSqlSafe(sql), &values![id_or_name]).await.map_err(fail)?;
        let Some(mut token) = rows.first().map(token_row).transpose()? else {
            session.rollback().await;
            return Ok(None);
        };
        let sql = "UPDATE token SET revoked_at = $2, revoked_by = $3 WHERE token_id = $1 AND revoked_at IS NULL";
        if session.execute(sql, &values![&token.token_id, at, by]).await.map_err(fail)? > 0 {
            (token.revoked_at, token.revoked_by) = (Some(at), Some(by.to_owned()));
        }
        finish(&mut session, audit).await.map_err(fail)?;
        Ok(Some(token))
    }

    /// Notes that a token was used.
    ///
    /// # Errors
    /// What can befall a write.
    pub async fn touch_token(&self, token_id: &str, at: i64) -> Result<(), StoreError> {
        let fail = |failure: Failure| failure.into_error("note the use of a token", "token");
        let mut session = self.inner.engine.background().await.map_err(fail)?;
        let sql = "UPDATE token SET last_used_at = $2 WHERE token_id = $1 AND COALESCE(last_used_at, 0) < $2";
        session.execute(sql, &values![token_id, at]).await.map_err(fail)?;
        session.commit().await.map_err(fail)
    }

    async fn select_tokens(
        &self,
        sql: String,
        values: &[super::value::Value<'_>],
    ) -> Result<Vec<TokenRow>, StoreError> {
        let mut session = self.reader("read tokens").await?;
        let rows = session.fetch(sqlx::AssertSqlSafe(sql), values).await;
        rows.map_err(|failure| failure.into_error("read tokens", "token"))?.iter().map(token_row).collect()
    }
}

async fn finish(session: &mut Session, audit: Option<AuditEnd>) -> Result<(), Failure> {
    if let Some(end) = audit {
        end.write(session).await?;
    }
    session.commit().await
}

fn token_row(row: &Row) -> Result<TokenRow, StoreError> {
    let mut columns = row.read("token");
    Ok(TokenRow {
        token_id: columns.text()?,
        name: columns.text()?,
        scopes: columns.text()?,
        hash: columns.text()?,
        created_at: columns.int()?,
        created_by: columns.text()?,
        expires_at: columns.int_or_none()?,
        revoked_at: columns.int_or_none()?,
        revoked_by: columns.text_or_none()?,
        last_used_at: columns.int_or_none()?,
    })
}
