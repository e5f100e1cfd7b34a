//! Names that Kafka's configuration uses: protocols, mechanisms, codecs.

use std::fmt;
use std::str::FromStr;

/// How the connection to the brokers is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SecurityProtocol {
    /// Neither encryption nor a user name.
    #[default]
    Plaintext,
    /// TLS.
    Ssl,
    /// A user name without encryption.
    SaslPlaintext,
    /// A user name over TLS.
    SaslSsl,
}

/// How a user proves who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslMechanism {
    /// The password itself is sent.
    Plain,
    /// Salted challenge and response with SHA-256.
    ScramSha256,
    /// Salted challenge and response with SHA-512.
    ScramSha512,
}

/// A codec for what a producer sends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compression {
    /// None at all.
    None,
    /// gzip.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    #[default]
    Lz4,
    /// Zstandard.
    Zstd,
}

macro_rules! names {
    ($type:ident, $what:literal, $($name:literal => $variant:ident),+ $(,)?) => {
        impl $type {
            /// The name that Kafka's configuration uses.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = UnknownName;

            fn from_str(text: &str) -> Result<Self, UnknownName> {
                $(if text.eq_ignore_ascii_case($name) { return Ok(Self::$variant); })+
                Err(UnknownName { what: $what, name: text.to_owned(), allowed: &[$($name),+] })
            }
        }
    };
}

names!(SecurityProtocol, "security protocol",
    "PLAINTEXT" => Plaintext, "SSL" => Ssl, "SASL_PLAINTEXT" => SaslPlaintext, "SASL_SSL" => SaslSsl);
names!(SaslMechanism, "SASL mechanism",
    "PLAIN" => Plain, "SCRAM-SHA-256" => ScramSha256, "SCRAM-SHA-512" => ScramSha512);
names!(Compression, "compression",
    "none" => None, "gzip" => Gzip, "snappy" => Snappy, "lz4" => Lz4, "zstd" => Zstd);

/// A name that is not in the list of those allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} `{name}`; allowed: {}", .allowed.join(", "))]
pub struct UnknownName {
    /// What was to be named.
    pub what: &'static str,
    /// The name that was given.
    pub name: String,
    /// The names that would do.
    pub allowed: &'static [&'static str],
}
