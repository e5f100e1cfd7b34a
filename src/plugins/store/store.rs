//! The handle: opening, closing, and what is true of the store as a whole.

#![expect(clippy::disallowed_methods, reason = "a lease is kept by wall time")]

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use super::StoreError;
use super::config::{Location, StoreConfig};
use super::engine::{Engine, EngineKind};
use super::error::Failure;
use super::lock::FolderLock;
use super::migrate::{check_migrated, migrate};
use super::place::Place;
use super::rows::LeaseRow;
use super::session::Session;
use super::statements::Texts;
use super::value::values;

/// Whether the database answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum DatabaseState {
    /// The last commit, or try to commit, got through.
    #[default]
    Available,
    /// Commits are held up and tried again.
    Away {
        /// What the database or the network said last.
        reason: String,
        /// Tries since it was last there.
        attempts: u32,
    },
}

/// A store. Clones are the same store.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub engine: Engine,
    pub config: StoreConfig,
    pub location: Location,
    pub id: Uuid,
    pub texts: Texts,
    pub state: watch::Sender<DatabaseState>,
    /// When a commit last renewed the heartbeat.
    touched: Mutex<Option<Instant>>,
    folder: Option<FolderLock>,
    place: Option<Place>,
}

impl Store {
    /// Opens the store and brings its tables up to date. SQLite: takes the data folder for this process alone.
    ///
    /// # Errors
    /// [`StoreError::InUse`], [`StoreError::Config`], [`StoreError::Unavailable`] or [`StoreError::Migration`].
    pub async fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        Self::open_with(config, true).await
    }

    /// Opens a store on which a server may be running at the same time: tables in PostgreSQL are left as they are, and must
    /// be those of this program. SQLite belongs to who has taken its folder, and is brought up to date.
    ///
    /// # Errors
    /// As [`Self::open`]; [`StoreError::Migration`] also where a migration is missing.
    pub async fn open_as_it_is(config: &StoreConfig) -> Result<Self, StoreError> {
        Self::open_with(config, false).await
    }

    async fn open_with(config: &StoreConfig, migrates: bool) -> Result<Self, StoreError> {
        let location = config.location()?;
        let folder = match &location {
            Location::Sqlite { folder, .. } => Some(FolderLock::take(folder)?),
            Location::Postgres(_) => None,
        };
        let engine = Engine::new(&location, config)?;
        if migrates || folder.is_some() {
            migrate(&engine).await?;
        } else {
            check_migrated(&engine).await?;
        }
        let id = store_id(&engine).await?;
        let place = match (&location, &folder) {
            (Location::Sqlite { file, folder }, Some(lock)) => Some(Place::remember(folder, lock, file)?),
            _ => None,
        };
        tracing::info!(store = %location, store_id = %id, "store opened");
        let texts = Texts::new(engine.kind());
        let inner = Inner {
            engine,
            config: config.clone(),
            location,
            id,
            texts,
            state: watch::Sender::new(DatabaseState::Available),
            touched: Mutex::new(None),
            folder,
            place,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The id that was made with the database.
    pub fn id(&self) -> Uuid {
        self.inner.id
    }

    /// Which engine it is.
    pub fn engine(&self) -> EngineKind {
        self.inner.engine.kind()
    }

    /// Where it is, without user and password.
    pub fn location(&self) -> String {
        self.inner.location.to_string()
    }

    /// Whether the database answers, as seen by the commits; changes wake the receiver.
    pub fn state(&self) -> watch::Receiver<DatabaseState> {
        self.inner.state.subscribe()
    }

    /// What has happened to the files of the store, where somebody has removed or replaced them while they were open.
    pub fn files_gone(&self) -> Option<String> {
        self.inner.place.as_ref().and_then(Place::gone)
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where none comes.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut session = self.reader("answer").await?;
        session.fetch("SELECT 1", &[]).await.map(|_| ()).map_err(|failure| failure.into_error("answer", "store_meta"))
    }

    /// The lease rows as they are now, by shard.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and what else can befall a query.
    pub async fn lease_rows(&self) -> Result<Vec<LeaseRow>, StoreError> {
        let mut session = self.reader("read the lease").await?;
        let sql = "SELECT shard, epoch, commit_no, next_outbox_id FROM lease ORDER BY shard";
        let rows = session.fetch(sql, &[]).await.map_err(|failure| failure.into_error("read the lease", "lease"))?;
        rows.iter().map(super::lease_rows::lease_row).collect()
    }

    /// Closes the connections and gives up the data folder. Release the lease first.
    pub async fn close(&self) {
        self.inner.engine.close().await;
        if let Some(folder) = &self.inner.folder {
            folder.release();
        }
    }

    pub(super) async fn reader(&self, operation: &'static str) -> Result<Session, StoreError> {
        self.inner.engine.reader().await.map_err(|failure| failure.into_error(operation, ""))
    }

    pub(super) async fn writer(&self, operation: &'static str) -> Result<Session, StoreError> {
        self.inner.engine.writer().await.map_err(|failure| failure.into_error(operation, ""))
    }
}

impl Inner {
    /// Notes that a try failed, for those who watch.
    pub(super) fn note_away(&self, failure: &Failure) {
        let mut told = None;
        self.state.send_modify(|state| {
            let attempts = match state {
                DatabaseState::Available => 1,
                DatabaseState::Away { attempts, .. } => attempts.saturating_add(1),
            };
            told = Some(attempts);
            *state = DatabaseState::Away { reason: failure.message.clone(), attempts };
        });
        if told == Some(1) {
            tracing::warn!(store = %self.location, reason = %failure.message, "database away: commits wait");
        }
    }

    /// Notes that a commit got through.
    pub(super) fn note_available(&self) {
        // time: lease: when a commit last renewed it | real | tokio::time::Instant | read after each commit
        *self.touched.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        let returned = self.state.send_if_modified(|state| {
            let was_away = *state != DatabaseState::Available;
            *state = DatabaseState::Available;
            was_away
        });
        if returned {
            tracing::info!(store = %self.location, "database is back");
        }
    }

    /// When a commit last renewed the heartbeat.
    pub(super) fn touched(&self) -> Option<Instant> {
        *self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The id in the database, made now if there is none.
async fn store_id(engine: &Engine) -> Result<Uuid, StoreError> {
    const OPERATION: &str = "be opened";
    let fail = |failure: Failure| failure.into_error(OPERATION, "store_meta");
    let mut session = engine.writer().await.map_err(fail)?;
    let made = Uuid::new_v4().to_string();
    let insert = "INSERT INTO store_meta (name, value) VALUES ('store_id', $1) ON CONFLICT (name) DO NOTHING";
    session.execute(insert, &values![made]).await.map_err(fail)?;
    let rows = session.fetch("SELECT value FROM store_meta WHERE name = 'store_id'", &[]).await.map_err(fail)?;
    let unreadable = |message: String| StoreError::Unreadable { table: "store_meta", message };
    let text = rows.first().ok_or_else(|| unreadable("no store id".to_owned()))?.read("store_meta").text()?;
    text.parse().map_err(|_| unreadable(format!("`{text}` is no store id")))
}
