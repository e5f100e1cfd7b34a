//! The economy's section of a world file.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The economy of a world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct EconomySpec {}
