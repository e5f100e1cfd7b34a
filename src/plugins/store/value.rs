//! Values that go into statements and rows that come back, the same for both engines.

use std::borrow::Cow;

use sqlx::postgres::{PgRow, Postgres};
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Decode, Row as _, Type};
use uuid::Uuid;

use super::StoreError;

/// A value for a placeholder. The type is known even where there is none, as PostgreSQL wants.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Int(Option<i64>),
    Text(Option<Cow<'a, str>>),
    Bytes(Option<Cow<'a, [u8]>>),
    Id(Option<Uuid>),
    Real(Option<f64>),
}

impl Value<'_> {
    /// Whether it is text that PostgreSQL cannot hold. SQLite could, but both shall refuse the same.
    pub(super) fn has_nul(&self) -> bool {
        matches!(self, Self::Text(Some(text)) if text.contains('\0'))
    }
}

macro_rules! value_from {
    ($($from:ty => $variant:ident($name:ident) $to:expr;)*) => {
        $(impl<'a> From<$from> for Value<'a> {
            fn from($name: $from) -> Self {
                Self::$variant($to)
            }
        })*
    };
}

value_from! {
    i64 => Int(value) Some(value);
    i32 => Int(value) Some(i64::from(value));
    u32 => Int(value) Some(i64::from(value));
    bool => Int(value) Some(i64::from(value));
    Option<i64> => Int(value) value;
    Option<i32> => Int(value) value.map(i64::from);
    &'a str => Text(value) Some(Cow::Borrowed(value));
    &'a String => Text(value) Some(Cow::Borrowed(value.as_str()));
    String => Text(value) Some(Cow::Owned(value));
    &'a Option<String> => Text(value) value.as_deref().map(Cow::Borrowed);
    &'a [u8] => Bytes(value) Some(Cow::Borrowed(value));
    &'a Vec<u8> => Bytes(value) Some(Cow::Borrowed(value.as_slice()));
    Vec<u8> => Bytes(value) Some(Cow::Owned(value));
    &'a Option<Vec<u8>> => Bytes(value) value.as_deref().map(Cow::Borrowed);
    f64 => Real(value) Some(value);
    Option<f64> => Real(value) value;
    Uuid => Id(value) Some(value);
    Option<Uuid> => Id(value) value;
}

/// An array of values from expressions of mixed types.
macro_rules! values {
    ($($value:expr),* $(,)?) => { [$($crate::plugins::store::value::Value::from($value)),*] };
}
pub(super) use values;

/// A row of either engine.
#[derive(Debug)]
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    fn column<T>(&self, index: usize) -> Result<T, sqlx::Error>
    where
        T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        match self {
            Self::Sqlite(row) => row.try_get(index),
            Self::Postgres(row) => row.try_get(index),
        }
    }

    /// Reads the columns from left to right, for the table that errors name.
    pub(super) fn read(&self, table: &'static str) -> Columns<'_> {
        Columns { row: self, table, next: 0 }
    }
}

/// Reads a row from left to right.
#[derive(Debug)]
pub(super) struct Columns<'r> {
    row: &'r Row,
    table: &'static str,
    next: usize,
}

impl Columns<'_> {
    fn take<T>(&mut self) -> Result<T, StoreError>
    where
        T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        let index = self.next;
        self.next += 1;
        self.row.column(index).map_err(|error| self.unreadable(error.to_string()))
    }

    pub(super) fn unreadable(&self, message: String) -> StoreError {
        StoreError::Unreadable { table: self.table, message }
    }

    pub(super) fn int(&mut self) -> Result<i64, StoreError> {
        self.take()
    }

    pub(super) fn int_or_none(&mut self) -> Result<Option<i64>, StoreError> {
        self.take()
    }

    /// A number that is stored as BIGINT and known to be small.
    pub(super) fn small(&mut self) -> Result<i32, StoreError> {
        let value = self.int()?;
        i32::try_from(value).map_err(|_| self.unreadable(format!("{value} is out of range")))
    }

    pub(super) fn small_or_none(&mut self) -> Result<Option<i32>, StoreError> {
        match self.int_or_none()? {
            Some(value) => {
                i32::try_from(value).map(Some).map_err(|_| self.unreadable(format!("{value} is out of range")))
            }
            None => Ok(None),
        }
    }

    pub(super) fn real(&mut self) -> Result<f64, StoreError> {
        self.take()
    }

    pub(super) fn real_or_none(&mut self) -> Result<Option<f64>, StoreError> {
        self.take()
    }

    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        self.take()
    }

    pub(super) fn text_or_none(&mut self) -> Result<Option<String>, StoreError> {
        self.take()
    }

    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, StoreError> {
        self.take()
    }

    pub(super) fn bytes_or_none(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        self.take()
    }

    pub(super) fn id(&mut self) -> Result<Uuid, StoreError> {
        self.take()
    }

    pub(super) fn id_or_none(&mut self) -> Result<Option<Uuid>, StoreError> {
        self.take()
    }
}
