//! Who is asking: the configured token, one of the store's, or somebody on this machine where no token is wanted.

#![expect(clippy::disallowed_methods, reason = "tokens end by wall time, and are believed for so long")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, header};
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::scope::{Scope, read_scopes};
use super::secret;
use crate::plugins::store::{Store, TokenRow};

/// How long a token that was read from the store is believed. A token that another process revokes is refused after this
/// at the latest; one that this process revokes, at once.
pub const BELIEVED_FOR: Duration = Duration::from_secs(5);
/// Tokens that are kept in memory.
const KEPT_MAX: usize = 1_024;
/// Look-ups in the store at a time, so that made-up tokens cannot take all its connections.
const LOOKUPS_MAX: usize = 4;
/// The longest wait for one's turn.
const LOOKUP_WAIT: Duration = Duration::from_secs(2);
/// The longest token that is looked at.
const TOKEN_BYTES_MAX: usize = 4_096;
/// How exactly the store knows when a token was last used.
const TOUCH_EVERY: Duration = Duration::from_secs(60);

/// Somebody who may do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    /// The token's name, `configured`, or `loopback`.
    pub who: String,
    /// The token's id, if it is one of the store's.
    pub token_id: Option<String>,
    /// What it allows.
    pub scopes: Vec<Scope>,
}

impl Caller {
    fn without_token(who: &str) -> Self {
        Self { who: who.to_owned(), token_id: None, scopes: vec![Scope::Admin] }
    }

    /// Somebody on this machine.
    pub(super) fn loopback() -> Self {
        Self::without_token("loopback")
    }

    /// Whether this is allowed.
    pub(super) fn may(&self, needed: Scope) -> bool {
        self.scopes.iter().any(|scope| scope.covers(needed))
    }
}

/// Why somebody is nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unknown {
    /// No token was sent.
    Missing,
    /// What was sent is no token.
    Malformed(&'static str),
    /// There is no such token.
    NoSuch,
    /// It was revoked. It was a token, so its name may be told.
    Revoked(String),
    /// Its time is over.
    Expired(String),
    /// The store does not answer.
    Unavailable,
}

#[derive(Debug, Clone)]
struct Kept {
    row: TokenRow,
    read_at: Instant,
    touched_at: Option<Instant>,
}

/// The tokens, and what of them is in memory.
#[derive(Debug)]
pub(super) struct Callers {
    store: Store,
    configured: Option<SecretString>,
    kept: Mutex<BTreeMap<String, Kept>>,
    /// Rises with every revocation: what was read before is not kept.
    generation: AtomicU64,
    lookups: Semaphore,
}

impl Callers {
    pub(super) fn new(store: Store, configured: Option<SecretString>) -> Self {
        let kept = Mutex::default();
        Self { store, configured, kept, generation: AtomicU64::new(0), lookups: Semaphore::new(LOOKUPS_MAX) }
    }

    /// Whether a token is configured.
    pub(super) fn has_configured(&self) -> bool {
        self.configured.is_some()
    }

    /// Whose token the headers bear.
    pub(super) async fn identify(&self, headers: &HeaderMap) -> Result<Caller, Unknown> {
        let text = bearer(headers)?;
        if let Some(configured) = &self.configured
            && secret::is_configured(text, configured)
        {
            return Ok(Caller::without_token("configured"));
        }
        let (id, secret) = secret::parse(text).ok_or(Unknown::NoSuch)?;
        let row = self.token(id).await?.ok_or(Unknown::NoSuch)?;
        if !secret::is_secret(secret, &row.hash) {
            return Err(Unknown::NoSuch);
        }
        valid(&row)?;
        self.touch(id);
        Ok(Caller { who: row.name, token_id: Some(row.token_id), scopes: read_scopes(&row.scopes) })
    }

    /// Whether a caller that was let in is one still. A store that does not answer changes nothing.
    pub(super) async fn still(&self, caller: &Caller) -> bool {
        let Some(id) = &caller.token_id else { return true };
        match self.token(id).await {
            Ok(row) => row.is_some_and(|row| valid(&row).is_ok()),
            Err(_) => true,
        }
    }

    /// Forgets what is kept of all tokens: one was revoked.
    pub(super) fn forget(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        self.generation.fetch_add(1, Ordering::SeqCst);
        kept.clear();
    }

    async fn token(&self, id: &str) -> Result<Option<TokenRow>, Unknown> {
        if let Some(row) = self.remembered(id) {
            return Ok(Some(row));
        }
        // time: tokens: waiting for one's turn to look one up | real | tokio timer | time-out
        let turn = tokio::time::timeout(LOOKUP_WAIT, self.lookups.acquire()).await;
        let Ok(Ok(_permit)) = turn else { return Err(Unknown::Unavailable) };
        let generation = self.generation.load(Ordering::SeqCst);
        let row = self.store.token(id).await.map_err(|error| {
            tracing::warn!(%error, "a token cannot be looked up");
            Unknown::Unavailable
        })?;
        if let Some(row) = &row {
            self.keep(id, row, generation);
        }
        Ok(row)
    }

    fn remembered(&self, id: &str) -> Option<TokenRow> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(id).filter(|kept| kept.read_at.elapsed() < BELIEVED_FOR).map(|kept| kept.row.clone())
    }

    // time: tokens: how long one is believed; when it was last used | real | tokio::time::Instant | compared at each request
    fn keep(&self, id: &str, row: &TokenRow, generation: u64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if self.generation.load(Ordering::SeqCst) != generation {
            return;
        }
        if kept.len() >= KEPT_MAX && !kept.contains_key(id) {
            kept.retain(|_, kept| kept.read_at.elapsed() < BELIEVED_FOR);
            if kept.len() >= KEPT_MAX {
                return;
            }
        }
        let touched_at = kept.get(id).and_then(|kept| kept.touched_at);
        kept.insert(id.to_owned(), Kept { row: row.clone(), read_at: Instant::now(), touched_at });
    }

    /// Notes the use of a token, now and then.
    // time: tokens: how long one is believed; when it was last used | real | tokio::time::Instant | compared at each request
    fn touch(&self, id: &str) {
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(kept) = kept.get_mut(id) else { return };
            if kept.touched_at.is_some_and(|at| at.elapsed() < TOUCH_EVERY) {
                return;
            }
            kept.touched_at = Some(Instant::now());
        }
        let (store, id) = (self.store.clone(), id.to_owned());
        tokio::spawn(async move {
            if let Err(error) = store.touch_token(&id, wall_micros()).await {
                tracing::debug!(%error, "the use of a token was not noted");
            }
        });
    }
}

fn valid(row: &TokenRow) -> Result<(), Unknown> {
    if row.revoked_at.is_some() {
        return Err(Unknown::Revoked(row.name.clone()));
    }
    if row.expires_at.is_some_and(|at| at <= wall_micros()) {
        return Err(Unknown::Expired(row.name.clone()));
    }
    Ok(())
}

/// The token of `Authorization: Bearer …`.
fn bearer(headers: &HeaderMap) -> Result<&str, Unknown> {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let value = sent.next().ok_or(Unknown::Missing)?;
    if sent.next().is_some() {
        return Err(Unknown::Malformed("send one `Authorization`, not several"));
    }
    if value.len() > TOKEN_BYTES_MAX {
        return Err(Unknown::Malformed("what was sent is too long for a token"));
    }
    let text = value.to_str().map_err(|_| Unknown::Malformed("a token is plain ASCII"))?.trim();
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    match token.trim() {
        token if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() => Ok(token),
        _ => Err(Unknown::Malformed("send the token as `Authorization: Bearer …`")),
    }
}

/// Wall time in microseconds.
pub(super) fn wall_micros() -> i64 {
    // time: tokens: when they end; rows of the audit | real | jiff::Timestamp | read at each request
    Timestamp::now().as_microsecond()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(values: &[&[u8]]) -> Result<String, Unknown> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, axum::http::HeaderValue::from_bytes(value).expect("a header"));
        }
        bearer(&headers).map(str::to_owned)
    }

    #[test]
    fn one_bearer_token_is_read_and_nothing_else() {
        for text in ["Bearer secret", "bearer secret", "BEARER   secret "] {
            assert_eq!(told(&[text.as_bytes()]), Ok("secret".into()), "{text}");
        }
        assert_eq!(told(&[]), Err(Unknown::Missing));
        let long = format!("Bearer {}", "x".repeat(TOKEN_BYTES_MAX));
        for wrong in ["", "secret", "Bearer", "Bearer ", "Basic c2VjcmV0", "Bearersecret", long.as_str()] {
            assert!(matches!(told(&[wrong.as_bytes()]), Err(Unknown::Malformed(_))), "{wrong}");
        }
        assert!(matches!(told(&[b"Bearer \xff\xfe"]), Err(Unknown::Malformed(_))));
        assert!(matches!(told(&[b"Bearer a", b"Bearer a"]), Err(Unknown::Malformed(_))));
    }
}
