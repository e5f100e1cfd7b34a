//! A token's text: `wt_<id>_<secret>`. The id finds it in the store, the secret proves it, and only its hash is stored.

use std::fmt::Write as _;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::scope::{Scope, write_scopes};
use crate::plugins::store::TokenRow;

/// What every token begins with.
const PREFIX: &str = "wt_";
/// Hexadecimal digits of an id: 64 bits.
const ID_DIGITS: usize = 16;
/// Hexadecimal digits of a secret: 256 bits.
const SECRET_DIGITS: usize = 64;
/// The longest name.
const NAME_MAX: usize = 64;
/// Names that stand for callers without a token of the store.
pub(super) const RESERVED: [&str; 6] = ["admin", "anonymous", "configured", "loopback", "offline", "server"];

/// A new token: the row for the store, and the text that nobody will see again.
#[derive(Debug)]
pub struct Minted {
    /// What is stored.
    pub row: TokenRow,
    /// What its owner sends.
    pub text: SecretString,
}

/// Why a token cannot be made as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// The name is none.
    #[error("a name has 1 to 64 of A-Z a-z 0-9 . _ -, begins with a letter or digit, and is none of {}", RESERVED.join(", "))]
    Name,
    /// It would allow nothing.
    #[error("give at least one scope: read, operate, config:write, admin")]
    NoScope,
    /// It would have ended already.
    #[error("it would have expired already")]
    Expired,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
}

/// Everything that is wrong with a token as it is asked for.
pub(super) fn objections(name: &str, scopes: &[Scope], expires_at: Option<i64>, now: i64) -> Vec<MintError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let is_name = begins && name.len() <= NAME_MAX && name.bytes().all(plain) && !RESERVED.contains(&name);
    let wrong = [
        (!is_name, MintError::Name),
        (scopes.is_empty(), MintError::NoScope),
        (expires_at.is_some_and(|at| at <= now), MintError::Expired),
    ];
    wrong.into_iter().filter(|(is_wrong, _)| *is_wrong).map(|(_, error)| error).collect()
}

/// Makes a token. `expires_at` and `now` are wall time in microseconds.
///
/// # Errors
/// If it cannot be as it was asked for.
pub fn mint(name: &str, scopes: &[Scope], expires_at: Option<i64>, by: &str, now: i64) -> Result<Minted, MintError> {
    if let Some(error) = objections(name, scopes, expires_at, now).into_iter().next() {
        return Err(error);
    }
    let (mut id, mut secret) = ([0_u8; ID_DIGITS / 2], [0_u8; SECRET_DIGITS / 2]);
    for bytes in [&mut id[..], &mut secret[..]] {
        getrandom::fill(bytes).map_err(|error| MintError::Random(error.to_string()))?;
    }
    let (token_id, secret) = (hex(&id), hex(&secret));
    let row = TokenRow {
        name: name.to_owned(),
        scopes: write_scopes(scopes),
        hash: hash(&secret),
        created_at: now,
        created_by: by.to_owned(),
        expires_at,
        revoked_at: None,
        revoked_by: None,
        last_used_at: None,
        token_id,
    };
    let text = SecretString::from(format!("{PREFIX}{}_{secret}", row.token_id));
    Ok(Minted { row, text })
}

/// Id and secret of a text that has a token's form.
pub(super) fn parse(text: &str) -> Option<(&str, &str)> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let digits = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_token = id.len() == ID_DIGITS && secret.len() == SECRET_DIGITS && digits(id) && digits(secret);
    is_token.then_some((id, secret))
}

/// Whether the secret is the one that was hashed; takes the same time whatever it is.
pub(super) fn is_secret(secret: &str, hashed: &str) -> bool {
    hash(secret).as_bytes().ct_eq(hashed.as_bytes()).into()
}

/// Whether a text is the configured token; takes the same time for every text of its length.
pub(super) fn is_configured(text: &str, configured: &SecretString) -> bool {
    text.as_bytes().ct_eq(configured.expose_secret().as_bytes()).into()
}

fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_proved_by_its_secret_and_stored_as_a_hash() {
        let one = mint("ci", &[Scope::Read], None, "anna", 1).unwrap();
        let two = mint("ci", &[Scope::Read], None, "anna", 1).unwrap();
        let text = one.text.expose_secret().to_owned();
        let (id, secret) = parse(&text).unwrap();
        assert_eq!(id, one.row.token_id);
        assert!(is_secret(secret, &one.row.hash));
        assert!(!is_secret(secret, &two.row.hash));
        assert!(!format!("{one:?}").contains(secret));
        assert_ne!(one.row.token_id, two.row.token_id);
    }

    #[test]
    fn the_hash_is_sha_256() {
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn what_is_no_token_is_not_looked_up() {
        let id = "0123456789abcdef";
        let secret = "0".repeat(64);
        assert!(parse(&format!("wt_{id}_{secret}")).is_some());
        for text in [
            String::new(),
            "wt_".into(),
            format!("{id}_{secret}"),
            format!("wt_{id}{secret}"),
            format!("wt_{id}_{secret}0"),
            format!("wt_{}_{secret}", id.to_uppercase()),
            format!("wt_{}_{secret}", "' OR 1=1 -- 1234"),
            format!("wt_{}_{secret}", "é".repeat(8)),
        ] {
            assert_eq!(parse(&text), None, "{text}");
        }
    }

    #[test]
    fn names_scopes_and_ends_that_cannot_be_are_refused() {
        let made = |name: &str, scopes: &[Scope], end| mint(name, scopes, end, "x", 10).map(drop);
        for name in [
            "",
            "-x",
            "a b",
            "a\0",
            "admin",
            "server",
            "loopback",
            "anonymous",
            "configured",
            "offline",
            &"x".repeat(65),
        ] {
            assert_eq!(made(name, &[Scope::Read], None), Err(MintError::Name), "{name:?}");
        }
        assert_eq!(made("x", &[], None), Err(MintError::NoScope));
        assert_eq!(made("x", &[Scope::Read], Some(10)), Err(MintError::Expired));
        assert_eq!(made("x", &[Scope::Read], Some(11)), Ok(()));
    }
}
