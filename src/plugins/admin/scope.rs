//! What a token allows.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Scope {
    /// Looking at everything but tokens and the audit.
    #[serde(rename = "read")]
    Read,
    /// Steering worlds: pause, resume, step, tick, recover, commands.
    #[serde(rename = "operate")]
    Operate,
    /// Changing how worlds are configured.
    #[serde(rename = "config:write")]
    ConfigWrite,
    /// Everything: tokens, the audit, worlds that come, go and begin anew.
    #[serde(rename = "admin")]
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Operate, Self::ConfigWrite, Self::Admin];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::ConfigWrite => "config:write",
            Self::Admin => "admin",
        }
    }

    /// Whether somebody who has this one may do what wants the other. Admin may everything, and who may change something
    /// may look at it; operating and configuring do not include each other.
    pub fn covers(self, needed: Self) -> bool {
        self == needed || self == Self::Admin || needed == Self::Read
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a scope is one of read, operate, config:write, admin")]
pub struct NoScope;

impl FromStr for Scope {
    type Err = NoScope;

    fn from_str(text: &str) -> Result<Self, NoScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(NoScope)
    }
}

/// Scopes as they are stored: words with a space between. A word that this program does not know allows nothing.
pub(super) fn read_scopes(text: &str) -> Vec<Scope> {
    text.split(' ').filter_map(|word| word.parse().ok()).collect()
}

/// The words for these scopes.
pub(super) fn write_scopes(scopes: &[Scope]) -> String {
    let mut scopes = scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    scopes.into_iter().map(Scope::as_str).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_covers_itself_and_reading_and_admin_covers_all() {
        use Scope::{Admin, ConfigWrite, Operate, Read};
        let covered = |scope: Scope| Scope::ALL.into_iter().filter(|needed| scope.covers(*needed)).collect::<Vec<_>>();
        assert_eq!(covered(Read), [Read]);
        assert_eq!(covered(Operate), [Read, Operate]);
        assert_eq!(covered(ConfigWrite), [Read, ConfigWrite]);
        assert_eq!(covered(Admin), Scope::ALL);
    }

    #[test]
    fn scopes_survive_their_text_and_unknown_words_allow_nothing() {
        assert_eq!(write_scopes(&[Scope::Operate, Scope::Read, Scope::Operate]), "read operate");
        assert_eq!(read_scopes("read operate"), [Scope::Read, Scope::Operate]);
        assert_eq!(read_scopes("root  ADMIN"), []);
    }
}
