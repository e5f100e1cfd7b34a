//! The configuration as the parts of the server take it.

use std::path::{Path, PathBuf};

use super::model::{AdminSection, KafkaSection, LogSection, StoreSection};
use super::value::Secret;
use crate::plugins::bridge::KafkaSettings;
use crate::plugins::bridge::settings::UnknownName;

impl KafkaSection {
    /// How to reach the brokers at this address: that of [`KafkaSection::bootstrap_servers`], or of the broker inside
    /// the process.
    ///
    /// # Errors
    /// If a protocol or mechanism has an unknown name; a loaded configuration has none.
    pub fn settings(&self, bootstrap_servers: &str) -> Result<KafkaSettings, UnknownName> {
        Ok(KafkaSettings {
            security_protocol: self.security_protocol.as_deref().map(str::parse).transpose()?,
            sasl_mechanism: self.sasl_mechanism.as_deref().map(str::parse).transpose()?,
            sasl_username: self.sasl_username.clone(),
            sasl_password: self.sasl_password.as_ref().map(Secret::to_secret_string),
            client_id: self.client_id.clone(),
            read_timeout: self.read_timeout_seconds.duration(),
            write_timeout: self.write_timeout_seconds.duration(),
            transaction_timeout: self.transaction_timeout_seconds.duration(),
            extra: self.properties.clone(),
            ..KafkaSettings::new(bootstrap_servers)
        })
    }
}

impl StoreSection {
    /// The URL of the database: the one that is set, or SQLite in the data folder.
    pub fn url_in(&self, data_dir: &Path) -> Secret {
        self.url.clone().unwrap_or_else(|| Secret::new(format!("sqlite:{}", data_dir.join("worldtick.db").display())))
    }
}

/// A token file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It cannot be read.
    #[error("admin.token_file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// No header can carry it.
    #[error("{what} holds a line break or another control character")]
    Control {
        /// The key, and the file where it is one.
        what: String,
    },
    /// It holds nothing.
    #[error("admin.token_file {} holds no token", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

impl AdminSection {
    /// The token that callers must send: the one that is set, or that of the file; nothing when it is open.
    ///
    /// # Errors
    /// If the file cannot be read or holds nothing, or the token could be sent by nobody.
    pub fn read_token(&self) -> Result<Option<Secret>, TokenError> {
        let Some(path) = &self.token_file else {
            let unusable = self.token.as_ref().is_some_and(|token| token.expose().contains(char::is_control));
            return if unusable {
                Err(TokenError::Control { what: "admin.token".to_owned() })
            } else {
                Ok(self.token.clone())
            };
        };
        let text =
            std::fs::read_to_string(path).map_err(|source| TokenError::Unreadable { path: path.clone(), source })?;
        match text.trim() {
            "" => Err(TokenError::Empty { path: path.clone() }),
            token if token.contains(char::is_control) => {
                Err(TokenError::Control { what: format!("admin.token_file {}", path.display()) })
            }
            token => Ok(Some(Secret::new(token))),
        }
    }
}

impl LogSection {
    /// The level as tracing's filter takes it: `WARNING` and `FATAL` are names that other services use.
    pub fn filter(&self) -> String {
        let level = self.level.trim();
        match level.to_lowercase().as_str() {
            "warning" => "warn".to_owned(),
            "fatal" | "critical" => "error".to_owned(),
            lower @ ("error" | "warn" | "info" | "debug" | "trace" | "off") => lower.to_owned(),
            _ => level.to_owned(),
        }
    }
}
